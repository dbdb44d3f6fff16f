//! The hours in which notices leave: mails that arrive by day are read, and somebody is there to answer.
//!
//! Pure. Invariant: no hour of the day costs anybody their notice. What would not be told in time in the next windows leaves now.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::plan::{Calendar, Plan, Window};
use super::{schedule, sending};

/// What else may keep a mail from leaving: a restart, trouble of the mail service.
const SPARE: SignedDuration = SignedDuration::from_hours(1);

/// The windows in which notices leave, and the zone that they are read in.
#[derive(Clone, Debug)]
pub struct Hours {
    calendar: Calendar,
    zone: TimeZone,
}

impl Hours {
    /// The hours of a plan, in its zone. Without windows, or in a zone that nobody knows, they never end.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        match schedule::zone(&plan.time_zone) {
            Some(zone) => Self::new(plan.notices.windows.clone(), zone),
            None => Self::always(),
        }
    }

    /// These windows.
    #[must_use]
    pub const fn new(windows: Vec<Window>, zone: TimeZone) -> Self {
        // Blackouts are about enforcing.
        Self { calendar: Calendar { windows, blackouts: Vec::new() }, zone }
    }

    /// At all times.
    #[must_use]
    pub const fn always() -> Self {
        Self::new(Vec::new(), TimeZone::UTC)
    }

    /// When they are open, at `at` or after it. Windows that do not open for a year keep nothing back.
    #[must_use]
    pub fn opens(&self, at: Timestamp) -> Timestamp {
        schedule::next_open(&self.calendar, &self.zone, at).unwrap_or(at)
    }

    /// When they close, at `at` or after it.
    #[must_use]
    pub fn closes(&self, at: Timestamp) -> Option<Timestamp> {
        schedule::closes(&self.calendar, &self.zone, at)
    }
}

/// The hours while they are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When they open next.
    pub opens: Timestamp,
    /// When everybody who is to be told a date now would be told, if that began when they open; with some time to spare.
    told_by: Timestamp,
}

impl Closed {
    /// The hours at `ground.now`, when so many people are to be told a date; `None` while they are open.
    #[must_use]
    pub fn now(ground: &Ground<'_>, people: impl FnOnce() -> usize) -> Option<Self> {
        let opens = opens(ground)?;
        let told_by = sending::will_finish(ground, people(), opens);
        Some(Self { opens, told_by: told_by.checked_add(SPARE).unwrap_or(Timestamp::MAX) })
    }

    /// Whether a notice that must have been accepted by `latest` can wait for them to open.
    #[must_use]
    pub fn can_wait(self, latest: Timestamp) -> bool {
        self.told_by <= latest
    }
}

/// When the hours open, while they are closed.
#[must_use]
pub fn opens(ground: &Ground<'_>) -> Option<Timestamp> {
    if ground.plan.notices.windows.is_empty() {
        return None;
    }
    Some(Hours::of(ground.plan).opens(ground.now)).filter(|opens| *opens > ground.now)
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::civil::time;

    use super::*;

    pub(in crate::rollout) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Monday to Thursday, from 8 to 17 in Berlin.
    pub(in crate::rollout) fn weekdays() -> Hours {
        let window = Window { days: 0b1111, from: time(8, 0, 0, 0), to: Some(time(17, 0, 0, 0)) };
        Hours::new(vec![window], schedule::zone("Europe/Berlin").unwrap())
    }

    #[test]
    fn they_open_and_close_by_the_wall_clock() {
        for (now, opens, closes) in [
            ("2027-01-11T06:59:59Z", "2027-01-11T07:00:00Z", "2027-01-11T06:59:59Z"),
            ("2027-01-11T07:00:00Z", "2027-01-11T07:00:00Z", "2027-01-11T16:00:00Z"),
            ("2027-01-14T16:00:00Z", "2027-01-18T07:00:00Z", "2027-01-14T16:00:00Z"),
            // Summer time begins on 28 March.
            ("2027-03-26T10:00:00Z", "2027-03-29T06:00:00Z", "2027-03-26T10:00:00Z"),
        ] {
            assert_eq!((weekdays().opens(at(now)), weekdays().closes(at(now))), (at(opens), Some(at(closes))), "{now}");
        }
        let now = at("2027-01-11T03:00:00Z");
        assert_eq!((Hours::always().opens(now), Hours::always().closes(now)), (now, None));
    }
}
