//! Instants of the simulated days: days are UTC days, counted since 1970; people work Monday to Friday.

use jiff::{SignedDuration, Timestamp};

const DAY: i64 = 86_400;

/// `at` plus `wait`, at most the end of time.
pub(super) fn after(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait).unwrap_or(if wait.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// The day of `at`.
pub(super) fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY)
}

/// The beginning of a day.
pub(super) fn start_of(day: i64) -> Timestamp {
    Timestamp::from_second(day.saturating_mul(DAY)).unwrap_or(if day < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Whether people work on that day; 1970-01-01 was a Thursday.
pub(super) fn is_working(day: i64) -> bool {
    (day + 3).rem_euclid(7) < 5
}

/// The first instant from `at` on between 07:00 and 17:00 of a working day, keeping the minute.
pub(super) fn waking(at: Timestamp) -> Timestamp {
    let (today, second) = (day(at), at.as_second().rem_euclid(DAY));
    let (early, late) = (7 * 3_600, 17 * 3_600);
    let mut on = if second < late { today } else { today + 1 };
    while !is_working(on) {
        on += 1;
    }
    let second = if (early..late).contains(&second) { second } else { early + second % 3_600 };
    after(start_of(on), SignedDuration::from_secs(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_wake_in_working_hours() {
        for (at, expected) in [
            ("2027-01-11T09:30:05Z", "2027-01-11T09:30:05Z"),
            ("2027-01-11T03:30:05Z", "2027-01-11T07:30:05Z"),
            ("2027-01-11T18:30:05Z", "2027-01-12T07:30:05Z"),
            ("2027-01-09T09:30:05Z", "2027-01-11T09:30:05Z"),
            ("2027-01-08T23:00:00Z", "2027-01-11T07:00:00Z"),
        ] {
            assert_eq!(waking(at.parse().unwrap()).to_string(), expected, "{at}");
        }
    }
}
