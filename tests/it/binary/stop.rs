//! SIGTERM: the batch in flight finishes, nothing is lost, and the next start goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate::clock::Clock;
use tidegate::rollout::event::Event;
use tidegate::sim::{Moment, Pass};

use super::bed::{Bed, writes_members};
use super::{kept, plans};

#[test]
fn a_daemon_that_is_told_to_stop_while_enforcing_loses_nothing() {
    for stop_at in [Moment::Before, Moment::After] {
        let bed = Bed::new(plans::orderly(60));
        plans::short(&bed, "[limits]\ncanary = 2\ncaps = [{ people = 8, per = \"1h\" }]");
        let (daemon, seen) = (bed.daemon(), Arc::new(AtomicUsize::new(0)));
        let told = Arc::new(std::sync::Mutex::new(None));
        let when = Arc::clone(&told);
        bed.watch(move |moment, request| {
            if moment == stop_at && writes_members(request) && seen.fetch_add(1, Ordering::Relaxed) == 2 {
                *when.lock().unwrap() = Some(Clock::monotonic());
                daemon.signal("TERM");
            }
            Pass::On
        });
        bed.run_max(plans::SHORT_BEGIN).with(0);
        let took = Clock::monotonic().duration_since(told.lock().unwrap().unwrap());
        assert!(took < Duration::from_secs(10), "{took:?}");
        let last = bed.journal().pop().unwrap();
        assert_eq!(last.event, Event::Stopped { why: "stopped by a signal".to_owned() });
        assert_eq!(kept::open_intents(&bed), 0);
        assert!(!bed.tenant().candidates(last.at).is_empty(), "it stopped in the middle");
        bed.run_max(plans::SHORT_BEGIN).with(0);
        kept::promises_to_everybody(&bed);
    }
}
