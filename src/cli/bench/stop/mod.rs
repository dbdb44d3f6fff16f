//! The emergency stop: daemons that add people, `tidegate pause` in every plight, `kill -9`, and a second start.
//!
//! Daemon and command are processes of this program; the tenant lives in this one and sees when each write has come whole. A write that
//! comes after the command's answer was read counts as one that left after it: there is no allowance for the way.

mod plight;
mod trial;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::{Exit, Failure, runtime};
use super::Measured;
use plight::Plight;
use trial::{Came, trial};

/// Trials side by side; each mostly waits.
const ABREAST: usize = 3;

pub(super) fn measure(trials: usize) -> Result<Vec<Measured>, Failure> {
    let runtime = runtime()?;
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(trials)));
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= trials {
                    return Ok(());
                }
                let came = trial(runtime.handle(), number).inspect_err(|_| next.store(trials, Ordering::Relaxed))?;
                all.lock().unwrap_or_else(PoisonError::into_inner).push(came);
            }
        };
        let workers: Vec<_> = (0..ABREAST).map(|_| scope.spawn(work)).collect();
        let ended = |worker: std::thread::ScopedJoinHandle<'_, Result<(), Failure>>| {
            worker.join().unwrap_or_else(|_| Err(Failure::new(Exit::Failed, "a trial broke off")))
        };
        workers.into_iter().map(ended).collect::<Vec<_>>().into_iter().collect::<Result<(), _>>()
    })?;
    Ok(figures(&all.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// For each plight the slowest answer; over all, what must not be.
fn figures(all: &[Came]) -> Vec<Measured> {
    let mut figures = Vec::new();
    for plight in Plight::ALL {
        let of: Vec<&Came> = all.iter().filter(|came| came.plight == plight).collect();
        if of.is_empty() {
            continue;
        }
        let slowest = of.iter().map(|came| came.answered).max().unwrap_or(Duration::MAX);
        let open = of.iter().filter(|came| came.under_way > 0).count();
        let what = format!("pause, {}: slowest of {} answers ({open} amid a write)", plight.says(), of.len());
        figures.push(Measured { what, value: slowest.as_secs_f64(), unit: "s", bound: 1.0, inclusive: false });
    }
    let none = |what: String, value: usize| Measured { what, value: value as f64, unit: "", bound: 0.0, inclusive: true };
    let sum = |of: fn(&Came) -> usize| all.iter().map(of).sum::<usize>();
    let killed = all.iter().filter(|came| came.killed_at_once).count();
    figures.push(none(format!("writes that came after the answer, {} trials", all.len()), sum(|came| came.late)));
    figures.push(none(
        format!("pauses lost by kill -9, {killed} at once, {} later", all.len() - killed),
        sum(|came| usize::from(!came.stands)),
    ));
    figures.push(none("writes of the second start".to_owned(), sum(|came| came.again)));
    figures
}
