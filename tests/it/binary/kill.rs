//! `kill -9` while enforcing, 50 times: before the tenant does what is asked, after it, and at the request that follows.
//!
//! Each time the same command is started again and must come to the same end: nobody enforced twice, nobody lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate::sim::{Moment, Pass};

use super::bed::{Bed, writes_members};
use super::{kept, plans};

const KILLS: usize = 50;
/// At least so many must fall between an intent and its outcome.
const BETWEEN: usize = 15;

/// Where the n-th write is interrupted.
#[derive(Clone, Copy, Debug)]
enum Spot {
    /// The tenant has not seen it.
    Before,
    /// The tenant has done it, the answer has not left.
    After,
    /// The answer has arrived, and the next request is on its way.
    Next,
}

#[test]
fn a_killed_daemon_enforces_nobody_twice_and_loses_nobody() {
    let next = AtomicUsize::new(0);
    let between: usize = std::thread::scope(|scope| {
        let work = || {
            let mut between = 0;
            loop {
                let kill = next.fetch_add(1, Ordering::Relaxed);
                if kill >= KILLS {
                    return between;
                }
                let spot = [Spot::Before, Spot::After, Spot::Next][kill % 3];
                between += usize::from(killed_at(kill / 2 + 1, spot));
            }
        };
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    println!("{between} of {KILLS} kills landed between intent and outcome");
    assert!(between >= BETWEEN, "{between}");
}

/// Kills at the n-th write, starts again, and judges the end. Whether an intent was open.
fn killed_at(n: usize, spot: Spot) -> bool {
    let bed = Bed::new(plans::orderly(60));
    plans::short(&bed, "[limits]\ncanary = 2\ncaps = [{ people = 2, per = \"10m\" }]");
    let (daemon, writes) = (bed.daemon(), AtomicUsize::new(0));
    let alive = std::sync::atomic::AtomicBool::new(true);
    bed.watch(move |moment, request| {
        let is_write = writes_members(request);
        let count = if is_write && moment == Moment::Before {
            writes.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            writes.load(Ordering::Relaxed)
        };
        let here = match (spot, moment) {
            (Spot::Before, Moment::Before) | (Spot::After, Moment::After) => is_write && count == n,
            (Spot::Next, Moment::Before) => !is_write && count == n,
            _ => false,
        };
        if here && alive.swap(false, Ordering::Relaxed) {
            daemon.kill();
            return Pass::Cut;
        }
        Pass::On
    });
    let ended = bed.run_max(plans::SHORT_BEGIN);
    assert_eq!(ended.code, None, "write {n}, {spot:?}: it was not killed\n{}", ended.log);
    let open = kept::open_intents(&bed);
    bed.unwatch();
    bed.run_max(plans::SHORT_BEGIN).with(0);
    kept::promises_to_everybody(&bed);
    open > 0
}
