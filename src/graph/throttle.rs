//! The gates before the tenant's buckets: requests are paced so that the tenant seldom has to refuse one.
//!
//! Does not see answers; who gets a 429 tells the gate with [`Gates::shut_until`]. Invariant: after the burst no more requests leave
//! than the rate allows, by the clock that the gate is given.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// The tenant's buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Reading the directory; far below its limit, so it is only shut by a 429.
    Directory,
    /// Writing to the directory: 3,000 per 150 s for the app in one tenant (Microsoft's table of 2023).
    Writes,
    /// Conditional Access: 1 request per second for all apps of a tenant together; half of it is ours.
    Policies,
    /// Reports and sign-ins: 5 requests per 10 s.
    Reports,
    /// Mail: 4 requests at once; one envelope of four at a time keeps to it.
    Mail,
    /// Per-user states: Microsoft documents no limit; 10 a second, and what a 429 asks for.
    PerUser,
}

/// A rate with a burst, as pure arithmetic: each request moves the theoretical arrival time on by one interval.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    interval: SignedDuration,
    burst: u32,
    arrival: Option<Timestamp>,
}

impl Rate {
    /// One request per `interval`, after `burst` at once.
    #[must_use]
    pub const fn new(interval: SignedDuration, burst: u32) -> Self {
        Self { interval, burst, arrival: None }
    }

    /// Takes `requests` and says when they may leave.
    pub fn take(&mut self, now: Timestamp, requests: u32) -> Timestamp {
        let arrival = self.arrival.unwrap_or(now).max(now);
        let arrival = later(arrival, times(self.interval, requests));
        self.arrival = Some(arrival);
        later(arrival, -times(self.interval, self.burst.max(requests))).max(now)
    }
}

fn times(interval: SignedDuration, count: u32) -> SignedDuration {
    i32::try_from(count).ok().and_then(|count| interval.checked_mul(count)).unwrap_or(SignedDuration::MAX)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// One bucket's gate.
#[derive(Debug)]
struct Gate {
    rate: Option<Rate>,
    shut: Option<Timestamp>,
}

impl Gate {
    fn take(&mut self, now: Timestamp, requests: u32) -> Timestamp {
        let at = self.rate.as_mut().map_or(now, |rate| rate.take(now, requests));
        self.shut.map_or(at, |shut| shut.max(at))
    }
}

/// The gates of all buckets.
#[derive(Debug)]
pub struct Gates {
    clock: Clock,
    gates: Mutex<[Gate; 6]>,
}

impl Gates {
    /// Gates that pace by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        // 3,000 per 150 s is one per 50 ms; 98 % of that is one per 51.02 ms.
        let writes = Rate::new(SignedDuration::from_micros(51_020), 3_000);
        let policies = Rate::new(SignedDuration::from_secs(2), 1);
        let reports = Rate::new(SignedDuration::from_millis(2_100), 1);
        let per_user = Rate::new(SignedDuration::from_millis(100), 20);
        let gate = |rate| Gate { rate, shut: None };
        let gates = [None, Some(writes), Some(policies), Some(reports), None, Some(per_user)].map(gate);
        Self { clock, gates: Mutex::new(gates) }
    }

    /// Waits until `requests` may leave.
    pub async fn pass(&self, bucket: Bucket, requests: u32) {
        let at = self.with(bucket, |gate| gate.take(self.clock.now(), requests));
        self.clock.sleep_until(at).await;
    }

    /// How long the tenant keeps the bucket shut from now on.
    #[must_use]
    pub fn shut_for(&self, bucket: Bucket) -> SignedDuration {
        let now = self.clock.now();
        let opens = self.with(bucket, |gate| gate.shut.map_or(now, |shut| shut.max(now)));
        opens.duration_since(now)
    }

    /// The tenant throttles the bucket: nothing passes before `at`.
    pub fn shut_until(&self, bucket: Bucket, at: Timestamp) {
        self.with(bucket, |gate| {
            gate.shut = Some(gate.shut.map_or(at, |shut| shut.max(at)));
            at
        });
    }

    fn with(&self, bucket: Bucket, act: impl FnOnce(&mut Gate) -> Timestamp) -> Timestamp {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let [directory, writes, policies, reports, mail, per_user] = &mut *gates;
        act(match bucket {
            Bucket::Directory => directory,
            Bucket::Writes => writes,
            Bucket::Policies => policies,
            Bucket::Reports => reports,
            Bucket::Mail => mail,
            Bucket::PerUser => per_user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Pace;

    fn start() -> Timestamp {
        "2027-01-11T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_burst_leaves_at_once_and_the_rest_at_the_rate() {
        let mut rate = Rate::new(SignedDuration::from_secs(2), 3);
        let at: Vec<_> = (0..5).map(|_| rate.take(start(), 1).duration_since(start()).as_secs()).collect();
        assert_eq!(at, [0, 0, 0, 2, 4]);
        let rested = start() + SignedDuration::from_hours(1);
        assert_eq!(rate.take(rested, 3), rested, "a rest fills the burst again");
    }

    #[test]
    fn ten_thousand_writes_never_exceed_the_burst_and_the_refill() {
        let mut rate = Rate::new(SignedDuration::from_micros(51_020), 3_000);
        let mut now = start();
        for sent in 1..=10_000_u32 {
            now = rate.take(now, 1).max(now);
            let allowed = 3_000.0 + now.duration_since(start()).as_secs_f64() * 20.0;
            assert!(f64::from(sent) <= allowed, "{sent} at {now}");
        }
        assert!(now.duration_since(start()) < SignedDuration::from_secs(360), "and wastes nothing: {now}");
    }

    #[tokio::test]
    async fn a_shut_bucket_holds_everybody_back_and_the_others_go_on() {
        let clock = Clock::paced(start(), Pace::Max);
        let gates = Gates::new(clock.clone());
        gates.shut_until(Bucket::Directory, start() + SignedDuration::from_secs(30));
        gates.pass(Bucket::Mail, 4).await;
        assert_eq!(clock.now(), start());
        gates.pass(Bucket::Directory, 1).await;
        assert_eq!(clock.now(), start() + SignedDuration::from_secs(30));
        gates.pass(Bucket::Policies, 1).await;
        gates.pass(Bucket::Policies, 1).await;
        assert_eq!(clock.now(), start() + SignedDuration::from_secs(32));
    }
}
