//! The one place that reads time: the system's clock, or a paced one.
//!
//! A paced clock stands still while work is under way and moves only in [`Clock::sleep_until`], at once or at N times
//! real speed. `demo`, `rehearse`, `simulate` and `run --pace` live by it (DESIGN §10).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// How fast a paced clock passes a wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// At once.
    Max,
    /// So many times real speed; more than 0.
    Times(f64),
}

/// The time, as one part of the program sees it. Clones share one time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Paced { pace: Pace, time: Arc<Mutex<Paced>> },
}

#[derive(Debug)]
struct Paced {
    now: Timestamp,
    /// While somebody sleeps at N times real speed: when that began, and where it must end.
    asleep: Option<(Instant, Timestamp)>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands at `start` and passes waits at `pace`.
    #[must_use]
    pub fn paced(start: Timestamp, pace: Pace) -> Self {
        Self(Kind::Paced { pace, time: Arc::new(Mutex::new(Paced { now: start, asleep: None })) })
    }

    /// Whether this is a paced clock.
    #[must_use]
    pub const fn is_paced(&self) -> bool {
        matches!(self.0, Kind::Paced { .. })
    }

    /// The current instant.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is the one that reads time")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => Timestamp::now(),
            Kind::Paced { pace, time } => {
                let time = time.lock().unwrap_or_else(PoisonError::into_inner);
                reached(&time, *pace, Instant::now())
            }
        }
    }

    /// Waits until the clock shows `at` or later. Returns at once when it does already.
    ///
    /// When the wait is dropped, a paced clock stays where it has come to.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Kind::System => {
                // Long waits are cut, so that a clock set forward is noticed within a minute.
                loop {
                    let left = at.duration_since(self.now());
                    let Ok(left) = Duration::try_from(left) else { return };
                    if left.is_zero() {
                        return;
                    }
                    tokio::time::sleep(left.min(Duration::from_secs(60))).await;
                }
            }
            Kind::Paced { pace: Pace::Max, time } => {
                {
                    let mut paced = time.lock().unwrap_or_else(PoisonError::into_inner);
                    paced.now = paced.now.max(at);
                }
                tokio::task::yield_now().await;
            }
            Kind::Paced { pace: Pace::Times(times), time } => {
                let asleep = Asleep::begin(time, Pace::Times(*times), at);
                let left = at.duration_since(asleep.since).as_secs_f64().max(0.0) / times;
                tokio::time::sleep(Duration::from_secs_f64(left)).await;
                asleep.time.lock().unwrap_or_else(PoisonError::into_inner).asleep = None;
                let mut paced = time.lock().unwrap_or_else(PoisonError::into_inner);
                paced.now = paced.now.max(at);
            }
        }
    }

    /// Waits for `wait`; nothing when it is not positive.
    pub async fn sleep(&self, wait: SignedDuration) {
        let at = self.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        self.sleep_until(at).await;
    }

    /// A reading of the monotonic clock, for measuring real time spent.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is the one that reads time")]
    pub fn monotonic() -> Instant {
        Instant::now()
    }
}

/// Where a paced clock stands at the real instant `real`.
fn reached(time: &Paced, pace: Pace, real: Instant) -> Timestamp {
    let (Some((since, until)), Pace::Times(times)) = (time.asleep, pace) else { return time.now };
    let passed = real.saturating_duration_since(since).as_secs_f64() * times;
    let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::MAX);
    time.now.checked_add(passed).unwrap_or(until).min(until.max(time.now))
}

/// A paced sleep under way; settles the time when it ends or is dropped.
struct Asleep<'a> {
    time: &'a Arc<Mutex<Paced>>,
    pace: Pace,
    since: Timestamp,
}

impl<'a> Asleep<'a> {
    fn begin(time: &'a Arc<Mutex<Paced>>, pace: Pace, until: Timestamp) -> Self {
        let mut paced = time.lock().unwrap_or_else(PoisonError::into_inner);
        paced.asleep = Some((Clock::monotonic(), until));
        Self { time, pace, since: paced.now }
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        let mut paced = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        paced.now = reached(&paced, self.pace, Clock::monotonic());
        paced.asleep = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_paced_clock_moves_only_when_somebody_waits() {
        let start: Timestamp = "2027-01-04T08:00:00Z".parse().unwrap();
        let clock = Clock::paced(start, Pace::Max);
        assert_eq!(clock.now(), start);
        clock.sleep(SignedDuration::from_hours(24)).await;
        assert_eq!(clock.now(), "2027-01-05T08:00:00Z".parse().unwrap());
        clock.sleep_until(start).await;
        assert_eq!(clock.now(), "2027-01-05T08:00:00Z".parse().unwrap(), "never back");
    }

    #[tokio::test]
    async fn a_clock_of_a_million_times_real_speed_arrives_exactly() {
        let start: Timestamp = "2027-01-04T08:00:00Z".parse().unwrap();
        let clock = Clock::paced(start, Pace::Times(1e6));
        clock.sleep(SignedDuration::from_secs(3_600)).await;
        assert_eq!(clock.now(), "2027-01-04T09:00:00Z".parse().unwrap());
    }
}
