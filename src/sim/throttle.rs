//! Quotas: buckets that refill, windows that slide (the kinds that Microsoft documents) and windows that turn. Refused attempts count
//! in a window that slides.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// A bucket that refills evenly.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    capacity: f64,
    per: SignedDuration,
    level: f64,
    at: Option<Timestamp>,
}

impl Bucket {
    /// `capacity` per `per`; no limit when it is 0.
    pub(super) fn new(capacity: u32, per: SignedDuration) -> Self {
        Self { capacity: f64::from(capacity), per, level: f64::from(capacity), at: None }
    }

    /// Takes `amount`, or says how many seconds to wait.
    pub(super) fn take(&mut self, now: Timestamp, amount: u32) -> Result<(), f64> {
        if self.capacity == 0.0 {
            return Ok(());
        }
        let passed = self.at.map_or(SignedDuration::ZERO, |at| now.duration_since(at)).as_secs_f64().max(0.0);
        let rate = self.capacity / self.per.as_secs_f64();
        self.level = (self.level + passed * rate).min(self.capacity);
        self.at = Some(now);
        let amount = f64::from(amount);
        if self.level < amount {
            return Err((amount - self.level) / rate);
        }
        self.level -= amount;
        Ok(())
    }

    /// How much is used of it, between 0 and 1.
    pub(super) fn used(&self) -> f64 {
        if self.capacity == 0.0 { 0.0 } else { 1.0 - self.level / self.capacity }
    }
}

/// A window that turns: it opens with the first take after the one before has ended.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    limit: u32,
    per: SignedDuration,
    taken: u32,
    opened: Option<Timestamp>,
}

impl Turns {
    /// `limit` per `per`; no limit when it is 0.
    pub(super) fn new(limit: u32, per: SignedDuration) -> Self {
        Self { limit, per, taken: 0, opened: None }
    }

    /// Takes `amount`, or says how many seconds to wait.
    pub(super) fn take(&mut self, now: Timestamp, amount: u32) -> Result<(), f64> {
        let opened = match self.opened {
            Some(opened) if now.duration_since(opened) < self.per => opened,
            _ => {
                (self.taken, self.opened) = (0, Some(now));
                now
            }
        };
        let taken = self.taken.saturating_add(amount);
        if self.limit > 0 && taken > self.limit {
            return Err((self.per - now.duration_since(opened)).as_secs_f64());
        }
        self.taken = taken;
        Ok(())
    }

    /// How much is used of it, between 0 and 1.
    pub(super) fn used(&self) -> f64 {
        if self.limit == 0 { 0.0 } else { f64::from(self.taken) / f64::from(self.limit) }
    }
}

/// A window that slides.
#[derive(Clone, Debug)]
pub(super) struct Window {
    limit: usize,
    per: SignedDuration,
    calls: VecDeque<Timestamp>,
}

impl Window {
    /// `limit` calls per `per`; no limit when it is 0.
    pub(super) fn new(limit: u32, per: SignedDuration) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), per, calls: VecDeque::new() }
    }

    /// Counts a call, or says how many seconds to wait.
    pub(super) fn call(&mut self, now: Timestamp) -> Result<(), f64> {
        if self.limit == 0 {
            return Ok(());
        }
        while self.calls.front().is_some_and(|at| now.duration_since(*at) >= self.per) {
            self.calls.pop_front();
        }
        self.calls.push_back(now);
        if self.calls.len() <= self.limit {
            return Ok(());
        }
        let last_to_leave = self.calls.len() - self.limit;
        let leaves = self.calls.get(last_to_leave).map_or(self.per, |at| self.per - now.duration_since(*at));
        // a refused call counts, up to a bound that keeps the queue short
        if self.calls.len() > self.limit * 4 {
            self.calls.pop_back();
        }
        Err(leaves.as_secs_f64().max(0.001))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + n).unwrap()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_refill() {
        let mut bucket = Bucket::new(3_000, SignedDuration::from_secs(150));
        assert!((0..3_000).all(|_| bucket.take(second(0), 1).is_ok()));
        let wait = bucket.take(second(0), 1).unwrap_err();
        assert!((wait - 0.05).abs() < 1e-9, "{wait}");
        assert!((0..20).all(|_| bucket.take(second(1), 1).is_ok()));
        assert!(bucket.take(second(1), 1).is_err());
    }

    #[test]
    fn a_window_refuses_and_says_when_it_opens() {
        let mut window = Window::new(5, SignedDuration::from_secs(10));
        assert!((0..5).all(|n| window.call(second(n)).is_ok()));
        let wait = window.call(second(5)).unwrap_err();
        assert!((wait - 6.0).abs() < 1e-9, "two calls must leave, as the refused one counts: {wait}");
        assert!(window.call(second(11)).is_ok());
    }

    #[test]
    fn a_window_that_turns_gives_all_of_it_at_once_again() {
        let mut window = Turns::new(3, SignedDuration::from_secs(10));
        assert!((0..3).all(|n| window.take(second(100 + n), 1).is_ok()));
        let wait = window.take(second(104), 1).unwrap_err();
        assert!((wait - 6.0).abs() < 1e-9, "{wait}");
        assert!(window.take(second(110), 3).is_ok());
        assert!(window.take(second(119), 1).is_err() && window.take(second(120), 1).is_ok());
    }

    #[test]
    fn no_quota_means_no_limit() {
        let mut window = Window::new(0, SignedDuration::from_secs(1));
        assert!((0..100).all(|_| window.call(second(0)).is_ok()));
    }
}
