//! An instant, or none, in four bytes: what the state of a million people is made of.
//!
//! Whole seconds since 1970, until 2106; what lies outside counts as the nearest that fits. Invariant: rounded up, never down. For
//! what was told, accepted or promised that is the careful direction: nothing counts as older than it is, no date as earlier.

use jiff::Timestamp;

/// An instant in whole seconds, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(u32);

impl Stamp {
    /// No instant.
    pub(super) const NONE: Self = Self(0);

    /// The first whole second at or after `at`.
    pub(super) fn of(at: Timestamp) -> Self {
        let begun = i64::from(at.subsec_nanosecond() > 0);
        Self(u32::try_from(at.as_second().saturating_add(begun).clamp(1, i64::from(u32::MAX))).unwrap_or(u32::MAX))
    }

    /// The instant.
    pub(super) fn get(self) -> Option<Timestamp> {
        if self == Self::NONE { None } else { Timestamp::from_second(i64::from(self.0)).ok() }
    }

    /// The instant, where there must be one.
    pub(super) fn instant(self) -> Timestamp {
        self.get().unwrap_or_default()
    }

    /// A number in the place of an instant, as far as it fits.
    pub(super) fn of_number(number: u64) -> Self {
        Self(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The number that was put in the place of an instant.
    pub(super) fn number(self) -> u64 {
        self.0.into()
    }

    /// As bytes.
    pub(super) const fn bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// Of bytes.
    pub(super) const fn of_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    /// Whether there is no instant.
    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Sets it when there is none.
    pub(super) fn get_or_insert(&mut self, at: Timestamp) {
        if self.is_none() {
            *self = Self::of(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_rounded_up_to_a_second_that_fits() {
        for (at, expected) in [
            ("2027-01-11T08:00:00Z", "2027-01-11T08:00:00Z"),
            ("2027-01-11T08:00:00.000000001Z", "2027-01-11T08:00:01Z"),
            ("2027-01-11T08:00:00.999Z", "2027-01-11T08:00:01Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"),
            ("1969-12-31T23:59:58.5Z", "1970-01-01T00:00:01Z"),
            ("2106-02-07T06:28:15Z", "2106-02-07T06:28:15Z"),
            ("2500-01-01T00:00:00Z", "2106-02-07T06:28:15Z"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(Stamp::of(at).get(), Some(expected.parse().unwrap()), "{at}");
        }
        assert_eq!(Stamp::NONE.get(), None);
    }
}
