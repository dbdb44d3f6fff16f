//! Chance that repeats: small generators, one stream per kind of chance, so that one more draw of one kind changes no other.
//!
//! [`Stream`] draws in sequence; [`draw`] belongs to facts (a person, a day) and needs no order. Not for secrets.

use jiff::SignedDuration;

/// What the chance is about. A new kind goes to the end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Ids = 1,
    Names,
    Reaction,
    Presence,
    Outcome,
    Arrival,
    Report,
    Pages,
    Batches,
    Replicas,
    Faults,
    Tokens,
    Dice,
    PerUser,
    Vanishing,
    Managers,
    Behaviour,
    Operators,
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of splitmix64.
const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The draw that belongs to these facts.
pub(super) fn draw(seed: u64, kind: Kind, facts: &[u64]) -> u64 {
    let start = mix(seed ^ mix(STEP.wrapping_mul(kind as u64)));
    facts.iter().fold(start, |state, fact| mix(state.wrapping_add(STEP) ^ mix(fact.wrapping_add(STEP))))
}

/// A draw as a number in `[0, 1)`.
pub(super) fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

/// A draw as a duration in `[0, most)`, whole seconds.
pub(super) fn within(draw: u64, most: SignedDuration) -> SignedDuration {
    let seconds = most.as_secs().unsigned_abs().max(1);
    SignedDuration::from_secs(i64::try_from(draw % seconds).unwrap_or(0))
}

/// Draws in sequence.
#[derive(Clone, Debug)]
pub(super) struct Stream(u64);

impl Stream {
    pub(super) fn new(seed: u64, kind: Kind) -> Self {
        Self(draw(seed, kind, &[]))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % n).unwrap_or(0)
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// Whether something of this likelihood happens.
    pub(super) fn happens(&mut self, likelihood: f64) -> bool {
        unit(self.next()) < likelihood
    }

    /// 128 bits in the shape of a random GUID (version 4).
    pub(super) fn guid(&mut self) -> u128 {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        bits & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_for_a_seed_and_differ_by_kind() {
        let take = |seed, kind| {
            let mut stream = Stream::new(seed, kind);
            (0..4).map(|_| stream.next()).collect::<Vec<_>>()
        };
        assert_eq!(take(7, Kind::Ids), take(7, Kind::Ids));
        assert_ne!(take(7, Kind::Ids), take(7, Kind::Names));
        assert_ne!(take(7, Kind::Ids), take(8, Kind::Ids));
    }

    #[test]
    fn a_likelihood_is_met_over_many_draws() {
        let mut stream = Stream::new(1, Kind::Faults);
        let hits = (0..10_000).filter(|_| stream.happens(0.03)).count();
        assert!((200..400).contains(&hits), "{hits}");
    }

    #[test]
    fn a_guid_has_the_marks_of_version_4() {
        let id = crate::rollout::id::ObjectId::from_bits(Stream::new(1, Kind::Ids).guid()).to_string();
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
    }
}
