//! Time as it counts for registering: working days in full, weekends hardly.
//!
//! Knows nothing of holidays. Invariant: later instants have later places.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAY: f64 = 86_400.0;
/// What a day of a weekend counts.
const WEEKEND: f64 = 0.3;

/// Days as they count, since an instant.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    from: f64,
    /// Seconds that the zone is ahead; hours more or less do not matter.
    ahead: f64,
}

impl Calendar {
    pub(super) fn new(from: Timestamp, zone: &TimeZone) -> Self {
        let ahead = f64::from(zone.to_offset(from).seconds());
        let calendar = Self { from: 0.0, ahead };
        Self { from: calendar.place(from), ahead }
    }

    /// The days that count from the beginning to `at`; negative before.
    pub(super) fn place(&self, at: Timestamp) -> f64 {
        // 1970-01-05 was a Monday.
        let days = (at.as_second() as f64 + self.ahead) / DAY - 4.0;
        let (week, day) = ((days / 7.0).floor(), days.rem_euclid(7.0));
        week * (5.0 + 2.0 * WEEKEND) + day.min(5.0) + (day - 5.0).max(0.0) * WEEKEND - self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_counts_five_days_and_a_little_and_never_goes_back() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let calendar = Calendar::new(at("2027-01-11T00:00:00Z"), &TimeZone::UTC);
        for (instant, expected) in [
            ("2027-01-11T12:00:00Z", 0.5),
            ("2027-01-16T00:00:00Z", 5.0),
            ("2027-01-18T00:00:00Z", 5.0 + 2.0 * WEEKEND),
            ("2027-01-19T00:00:00Z", 6.0 + 2.0 * WEEKEND),
            ("2027-01-10T00:00:00Z", -WEEKEND),
        ] {
            assert!((calendar.place(at(instant)) - expected).abs() < 1e-9, "{instant}");
        }
    }
}
