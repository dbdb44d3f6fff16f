//! The gates before the tenant's buckets: requests are paced so that the tenant seldom has to refuse one.
//!
//! Does not see answers; who gets a 429 tells the gate with [`Gates::shut_until`]. Invariant: after the burst no more requests leave
//! than the rate allows, by the clock that the gate is given.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::pace::{Cost, Pace, Quota};
use crate::clock::Clock;
use crate::engine::leave::Leave;

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
        self.arrival = Some(self.after(now, requests));
        self.leaves(now, requests)
    }

    /// When `requests` may leave, if they are taken next.
    #[must_use]
    pub fn opens(&self, now: Timestamp, requests: u32) -> Timestamp {
        Self { arrival: Some(self.after(now, requests)), ..*self }.leaves(now, requests)
    }

    fn after(&self, now: Timestamp, requests: u32) -> Timestamp {
        later(self.arrival.unwrap_or(now).max(now), times(self.interval, requests))
    }

    fn leaves(&self, now: Timestamp, requests: u32) -> Timestamp {
        let arrival = self.arrival.unwrap_or(now);
        later(arrival, -times(self.interval, self.burst.max(requests))).max(now)
    }

    /// How much of the burst is used: 0 when all of it may leave, 1 when nothing may; more when requests wait.
    pub(crate) fn used(&self, now: Timestamp) -> f64 {
        let behind = self.arrival.unwrap_or(now).duration_since(now).as_secs_f64().max(0.0);
        behind / times(self.interval, self.burst.max(1)).as_secs_f64()
    }

    /// As if so much of the burst were used.
    pub(crate) fn set_used(&mut self, now: Timestamp, used: f64) {
        self.arrival = Some(later(now, times(self.interval, self.burst).mul_f64(used)));
    }

    /// The requests follow each other after so many times the interval from now on.
    pub(crate) fn stretch(&mut self, now: Timestamp, times: f64) {
        let used = self.used(now);
        self.interval = self.interval.mul_f64(times);
        self.set_used(now, used);
    }
}

fn times(interval: SignedDuration, count: u32) -> SignedDuration {
    i32::try_from(count).ok().and_then(|count| interval.checked_mul(count)).unwrap_or(SignedDuration::MAX)
}

pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// So many requests within a period, however the service counts: no request leaves sooner than the period after the one so many
/// before it. Over many requests that is as fast as a bucket that refills.
#[derive(Debug)]
struct Turns {
    most: usize,
    per: SignedDuration,
    left: VecDeque<Timestamp>,
}

impl Turns {
    fn take(&mut self, now: Timestamp, requests: u32) -> Timestamp {
        let mut at = now;
        for _ in 0..requests {
            let opens = self.left.len().checked_sub(self.most).and_then(|nth| self.left.get(nth));
            at = at.max(opens.map_or(now, |left| later(*left, self.per)));
            self.left.push_back(at);
            if self.left.len() > self.most {
                self.left.pop_front();
            }
        }
        at
    }
}

/// How the requests of a bucket follow each other.
#[derive(Debug)]
enum Flow {
    Free,
    Turns(Turns),
    Rate(Rate),
    Writes(Box<Pace>),
}

/// One bucket's gate.
#[derive(Debug)]
struct Gate {
    flow: Flow,
    shut: Option<Timestamp>,
}

impl Gate {
    fn take(&mut self, now: Timestamp, cost: Cost) -> Timestamp {
        // What has to wait at a shut gate takes its place when it opens.
        let from = self.shut.map_or(now, |shut| shut.max(now));
        match &mut self.flow {
            Flow::Free => from,
            Flow::Rate(rate) => rate.take(now, cost.requests).max(from),
            Flow::Turns(turns) => turns.take(from, cost.requests),
            Flow::Writes(pace) => pace.take(from, cost),
        }
    }
}

/// The gates of all buckets.
#[derive(Debug)]
pub struct Gates {
    clock: Clock,
    all: Mutex<[Gate; 6]>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Its time came.
    Out,
    /// Nothing is waited for any more.
    LetGo,
}

impl Gates {
    /// Gates that pace by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let policies = Rate::new(SignedDuration::from_secs(2), 1);
        let per_user = Rate::new(SignedDuration::from_millis(100), 20);
        // A hundredth more than the service's 10 s: requests do not arrive as evenly as they leave.
        let reports = Turns { most: 5, per: SignedDuration::from_millis(10_100), left: VecDeque::new() };
        let gate = |flow| Gate { flow, shut: None };
        let writes = Flow::Writes(Box::new(Pace::new(Quota::default())));
        let gates = [Flow::Free, writes, Flow::Rate(policies), Flow::Turns(reports), Flow::Free, Flow::Rate(per_user)].map(gate);
        Self { clock, all: Mutex::new(gates) }
    }

    /// The same where the service allows another number of writes, and where reports have no limit; for measurements in short.
    #[must_use]
    pub fn scaled(self, writes: Quota) -> Self {
        let mut gates = self.all.into_inner().unwrap_or_else(PoisonError::into_inner);
        let [_, gate, _, reports, _, _] = &mut gates;
        gate.flow = Flow::Writes(Box::new(Pace::new(writes)));
        reports.flow = Flow::Free;
        Self { all: Mutex::new(gates), ..self }
    }

    /// Waits until `requests` may leave.
    pub async fn pass(&self, bucket: Bucket, requests: u32) {
        let at = self.take(bucket, Cost::of(requests));
        self.clock.sleep_until(at).await;
    }

    /// Takes requests and says when they may leave.
    pub(crate) fn take(&self, bucket: Bucket, cost: Cost) -> Timestamp {
        let now = self.clock.now();
        self.with(bucket, |gate| gate.take(now, cost))
    }

    /// Of `wanted` writes with so many links each, how many may leave together, and when.
    pub(crate) fn room(&self, wanted: u32, links: u32) -> (u32, Timestamp) {
        let now = self.clock.now();
        self.with(Bucket::Writes, |gate| {
            let from = gate.shut.map_or(now, |shut| shut.max(now));
            match &gate.flow {
                Flow::Writes(pace) => pace.room(from, wanted, links),
                Flow::Free | Flow::Rate(_) | Flow::Turns(_) => (wanted, from),
            }
        })
    }

    /// The service says how much of its quota of writes is used.
    pub(crate) fn told(&self, used: f64) {
        let now = self.clock.now();
        self.with(Bucket::Writes, |gate| {
            if let Flow::Writes(pace) = &mut gate.flow {
                pace.told(now, used);
            }
        });
    }

    /// The service refused writes: nothing of them passes for `wait`.
    pub(crate) fn refused(&self, wait: SignedDuration) {
        let now = self.clock.now();
        self.with(Bucket::Writes, |gate| {
            if let Flow::Writes(pace) = &mut gate.flow {
                pace.refused(now, wait);
            }
        });
        self.shut_until(Bucket::Writes, later(now, wait));
    }

    /// Waits until `at`, or until the leave is taken back.
    pub(crate) async fn wait_until(&self, at: Timestamp, leave: &Leave) -> Waited {
        tokio::select! {
            biased;
            () = leave.taken_back() => Waited::LetGo,
            () = self.clock.sleep_until(at) => Waited::Out,
        }
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
        self.with(bucket, |gate| gate.shut = Some(gate.shut.map_or(at, |shut| shut.max(at))));
    }

    fn with<T>(&self, bucket: Bucket, act: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gates = self.all.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn five_reports_leave_at_once_and_five_more_each_time_ten_seconds_are_over() {
        let mut turns = Turns { most: 5, per: SignedDuration::from_secs(10), left: VecDeque::new() };
        let at: Vec<_> = (0..12).map(|_| turns.take(start(), 1).duration_since(start()).as_secs()).collect();
        assert_eq!(at, [0, 0, 0, 0, 0, 10, 10, 10, 10, 10, 20, 20]);
        let rested = start() + SignedDuration::from_secs(27);
        let at: Vec<_> = (0..5).map(|_| turns.take(rested, 1).duration_since(start()).as_secs()).collect();
        assert_eq!(at, [27, 27, 27, 30, 30], "three of the last five are long over");
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
