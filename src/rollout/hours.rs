//! The hours in which notices leave: mails that arrive by day are read, and somebody is there to answer.
//!
//! Pure. Invariant: no hour of the day costs anybody their notice. What would not be told in time in the next windows leaves now.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::id::ObjectId;
use super::plan::{Calendar, Plan, Window};
use super::readers::{self, Readers};
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
    /// The hours of a plan, in its zone and in those of other readers (`readers::zones`). Without windows, or in a zone that nobody
    /// knows, they never end.
    #[must_use]
    pub fn of(plan: &Plan) -> Vec<Self> {
        let windows = &plan.notices.windows;
        let hours = |zone| schedule::zone(zone).map_or_else(Self::always, |zone| Self::new(windows.clone(), zone));
        if windows.is_empty() { vec![Self::always()] } else { readers::zones(plan).map(hours).collect() }
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

/// The hours of one zone while they are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When they open next.
    pub opens: Timestamp,
    /// When everybody who is to be told a date now would be told, if that began when they open; with some time to spare.
    told_by: Timestamp,
}

impl Closed {
    /// Whether a notice that must have been accepted by `latest` can wait for them to open.
    #[must_use]
    pub fn can_wait(self, latest: Timestamp) -> bool {
        self.told_by <= latest
    }
}

/// The hours of everybody at one instant.
#[derive(Clone, Debug)]
pub struct Now<'a> {
    readers: Readers<'a>,
    /// For each zone, its hours while they are closed; none where they never are.
    closed: Vec<Option<Closed>>,
}

impl<'a> Now<'a> {
    /// The hours at `ground.now`, when so many people are to be told a date.
    #[must_use]
    pub fn new(ground: &Ground<'a>, people: impl FnOnce() -> usize) -> Self {
        let readers = Readers::new(ground);
        if opens(ground).next().is_none() {
            return Self { readers, closed: Vec::new() };
        }
        let people = people();
        let closed = |hours: Hours| {
            let opens = hours.opens(ground.now);
            // As if everybody read in this zone: whoever is told meanwhile, in their own hours, does not come after.
            let told_by = || sending::will_finish(ground, people, std::slice::from_ref(&hours), opens);
            let told_by = (opens > ground.now).then(told_by)?;
            Some(Closed { opens, told_by: told_by.checked_add(SPARE).unwrap_or(Timestamp::MAX) })
        };
        Self { readers, closed: Hours::of(ground.plan).into_iter().map(closed).collect() }
    }

    /// Whether a notice to somebody, that must have been accepted by `latest`, waits for the hours to open.
    #[must_use]
    pub fn keep(&self, person: ObjectId, latest: Timestamp) -> bool {
        let closed = || self.closed.get(self.readers.nth(person)).copied().flatten();
        self.any_closed() && closed().is_some_and(|closed| closed.can_wait(latest))
    }

    /// Whether the hours of somebody are closed, and a notice to them is kept for as long.
    #[must_use]
    pub fn are_closed(&self, person: ObjectId) -> bool {
        self.keep(person, Timestamp::MAX)
    }

    /// Whether those of any zone are.
    #[must_use]
    pub fn any_closed(&self) -> bool {
        self.closed.iter().any(Option::is_some)
    }

    /// When the first of those that are closed open.
    #[must_use]
    pub fn opens(&self) -> Option<Timestamp> {
        self.closed.iter().flatten().map(|closed| closed.opens).min()
    }
}

/// When hours open that are closed now.
pub fn opens(ground: &Ground<'_>) -> impl Iterator<Item = Timestamp> {
    let (now, hours) = (ground.now, Hours::of(ground.plan));
    hours.into_iter().map(move |hours| hours.opens(now)).filter(move |opens| *opens > now)
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
