//! How many writes may be under way at once, over all envelopes: learnt from the answers.
//!
//! Pure. The number grows with what goes through, is halved when the service is too busy for some, and remembers what was too many.
//! Invariant: between 1 and [`MOST`].

use jiff::{SignedDuration, Timestamp};

/// Writes at once before anything is known: Microsoft's own service saw 503s above five PATCHes in one envelope.
const START: u32 = 5;
/// Never more: eight full envelopes.
pub(crate) const MOST: u32 = 160;
/// Most writes of one envelope (Microsoft's limit).
pub(crate) const ENVELOPE: u32 = 20;
/// A number that was too many may be right again after this.
const FORGET: SignedDuration = SignedDuration::from_mins(10);
/// Towards a number that was once too many: rounds that go through before one more is tried.
const PATIENT: u32 = 4;

/// The number, and what is known of it.
#[derive(Debug)]
pub(crate) struct Crowd {
    limit: u32,
    /// More than this was too many.
    ceiling: u32,
    /// Writes that went through since the number last moved.
    through: u32,
    /// When the service was last too busy.
    busy: Option<Timestamp>,
    /// Counts the halvings: answers to what left before one say nothing of the number after it.
    era: u32,
}

/// What left together: how many were under way then, and the era.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    under_way: u32,
    era: u32,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { limit: START, ceiling: MOST, through: 0, busy: None, era: 0 }
    }
}

impl Crowd {
    /// Of `wanted` writes, how many may leave in one envelope while `under_way` are under way; none: better wait for an answer.
    pub(crate) fn room(&self, under_way: u32, wanted: u32) -> Option<u32> {
        let most = self.limit.min(ENVELOPE).min(wanted);
        let free = self.limit.saturating_sub(under_way);
        // A handful in an envelope of its own costs a request; half the crowd is worth one.
        let least = most.min(self.limit.div_ceil(2));
        (free >= least && most > 0).then(|| most.min(free))
    }

    /// Notes that writes leave, so that `under_way` are under way.
    pub(crate) const fn sent(&self, under_way: u32) -> Sent {
        Sent { under_way, era: self.era }
    }

    /// Takes in the answers to what left together: how many the service took or judged, and for how many it was too busy.
    pub(crate) fn answered(&mut self, now: Timestamp, sent: Sent, through: u32, busy: u32) {
        if busy > 0 {
            self.ceiling = self.ceiling.min(sent.under_way.saturating_sub(1)).max(1);
            self.busy = Some(now);
            if sent.era == self.era {
                self.limit = (self.limit.min(sent.under_way) / 2).max(1);
                self.through = 0;
                self.era = self.era.wrapping_add(1);
            }
            return;
        }
        if sent.era != self.era {
            return;
        }
        if let Some(at) = self.busy.filter(|at| now.duration_since(*at) > FORGET) {
            let periods = u32::try_from(now.duration_since(at).as_secs() / FORGET.as_secs()).unwrap_or(1);
            self.ceiling = self.ceiling.saturating_add(periods).min(MOST);
            self.busy = Some(now);
        }
        self.through = self.through.saturating_add(through);
        let (step, after) = if self.busy.is_none() { (through, 1) } else { (1, self.limit.saturating_mul(PATIENT)) };
        if self.limit < self.ceiling && self.through >= after {
            self.limit = self.limit.saturating_add(step).min(self.ceiling);
            self.through = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + n).unwrap()
    }

    /// Envelopes in turn against a service that takes `capacity` at once: how many were too many.
    fn run(crowd: &mut Crowd, capacity: u32, writes: u32) -> (u32, u32) {
        let (mut done, mut surplus, mut calls) = (0, 0, 0);
        while done < writes {
            let (mut under_way, mut left) = (0, Vec::new());
            while let Some(count) = crowd.room(under_way, writes - done) {
                under_way += count;
                let busy = under_way.saturating_sub(capacity).min(count);
                left.push((crowd.sent(under_way), count - busy, busy));
                done += count;
                if done >= writes {
                    break;
                }
            }
            for (sent, through, busy) in left {
                calls += 1;
                surplus += busy;
                crowd.answered(second(i64::from(calls)), sent, through, busy);
            }
        }
        (surplus, calls)
    }

    #[test]
    fn five_at_once_are_found_and_kept_to() {
        for capacity in [1, 2, 5, 7, 12, 40] {
            let (surplus, _) = run(&mut Crowd::default(), capacity, 1_000);
            assert!(surplus <= 40, "{capacity}: {surplus}");
        }
        let mut crowd = Crowd::default();
        let (first, _) = run(&mut crowd, 5, 1_000);
        let (second, _) = run(&mut crowd, 5, 1_000);
        assert!(first <= 20 && second <= 1, "{first}, {second}");
        assert_eq!(crowd.limit, 5);
    }

    #[test]
    fn without_a_limit_the_envelopes_are_soon_full_and_several() {
        let mut crowd = Crowd::default();
        let (_, calls) = run(&mut crowd, u32::MAX, 5_000);
        assert_eq!(crowd.limit, MOST);
        assert!(calls <= 256, "{calls}");
        assert_eq!(crowd.room(0, 3), Some(3));
        assert_eq!(crowd.room(155, 20), None, "five more are not worth an envelope");
    }

    #[test]
    fn a_ceiling_is_forgotten_slowly() {
        let mut crowd = Crowd::default();
        run(&mut crowd, 5, 1_000);
        assert_eq!(crowd.ceiling, 5);
        crowd.answered(second(100_000), crowd.sent(5), 5, 0);
        assert!(crowd.ceiling > 5);
    }
}
