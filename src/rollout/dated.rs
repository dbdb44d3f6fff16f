//! Which notices the tail is due: each person there is told a date of their own, and reminded of it.
//!
//! Does not enforce (`tail`, `tranche`). Invariants: no date is nearer than one told before, but a volunteer's; and none is told that
//! the stages before will not let come true.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::event::Slot;
use super::exception::{BEFORE_EXEMPTION_ENDS, Excepted, Exception, longest_absence, of};
use super::hours::Now;
use super::person::{Home, PersonState};
use super::schedule;
use super::tail::{Opening, Openings};
use super::told::{Due, MOST_DOUBTS, SENDING, full_hour, group, open_reminder, retry_is_due, told_too_late, wants_reminder};

/// The next group of notices to the tail, if any.
#[must_use]
pub fn due(ground: &Ground<'_>, hours: &Now<'_>) -> Option<Due> {
    let zone = schedule::zone(&ground.plan.time_zone)?;
    let openings = Openings::new(ground);
    let waiting = || {
        let people = ground.state.people.all().iter();
        let people = people.filter(|person| person.home() == Home::Tail && !person.is_processed());
        people.filter_map(|person| Some((wants(ground, &zone, &openings, &person)?, person)))
    };
    let wanted: BTreeSet<(Slot, Timestamp)> = waiting().map(|(notice, _)| notice).collect();
    wanted.into_iter().find_map(|(slot, instant)| {
        // A window may delay a date. Whoever was told one already hears of the other before it comes.
        let old = || {
            let people = waiting().filter(|(notice, _)| *notice == (slot, instant));
            people.filter_map(|(_, person)| person.promise()).filter(|promise| *promise > ground.now).min()
        };
        let latest = if hours.any_closed() { old().unwrap_or(Timestamp::MAX) } else { Timestamp::MAX };
        let waits = |person: &PersonState| slot != Slot::Volunteered && hours.keep(person.id, latest);
        let people = waiting().filter(|(notice, _)| *notice == (slot, instant)).map(|(_, person)| person);
        let people = people.filter(|person| !waits(person));
        group(ground, Home::Tail, slot, instant, people)
    })
}

/// The notice that a person of the tail is due now, and the instant that it names.
pub(super) fn wants(
    ground: &Ground<'_>,
    zone: &TimeZone,
    openings: &Openings,
    person: &PersonState,
) -> Option<(Slot, Timestamp)> {
    if !retry_is_due(person, ground.now) {
        return None;
    }
    if ground.state.is_aborted() {
        return withdrawn(ground, person);
    }
    let exception = of(&ground.state.exceptions, person.id);
    let wait = wait(ground, exception, person);
    let again = if person.first_told().is_some() { Slot::Correction } else { Slot::Announcement };
    let (slot, earliest) = match exception.map(|exception| exception.what) {
        None | Some(Excepted::Absent) if !stays_away(ground, exception) => (again, None),
        Some(Excepted::Volunteer) => {
            let untold = person.promise_told().is_none() && person.doubts < MOST_DOUBTS;
            return untold.then_some(Slot::Volunteered).zip(person.promise());
        }
        Some(Excepted::Exempt { until }) => {
            if !person.has_used(Slot::Exempt) && person.tail_told().is_none() && ground.now < until {
                return Some((Slot::Exempt, until));
            }
            let [first, _] = BEFORE_EXEMPTION_ENDS;
            // Room for the next full hour and the next window.
            let lead = wait.max(first).saturating_add(SENDING);
            if ground.now < until.checked_sub(lead).unwrap_or(Timestamp::MIN) {
                return None;
            }
            (again, Some(until))
        }
        Some(Excepted::Deferred { until }) => (Slot::Deferred, Some(until)),
        None | Some(Excepted::Absent) => return withdrawn(ground, person),
        Some(Excepted::Back { at }) => (again, at.checked_add(ground.plan.exceptions.absent_grace).ok()),
    };
    if person.tail_told().is_some() && !told_too_late(ground, person) {
        return reminder(ground, exception, person);
    }
    // Whether a notice of this date arrived stays unknown. Once it has passed there is another one to tell.
    if person.doubts >= MOST_DOUBTS && person.promise().is_some_and(|promise| ground.now < promise) {
        return None;
    }
    let opens = match openings.of(exception) {
        Opening::Now => None,
        Opening::At(at) => Some(at),
        Opening::Unknown => return withdrawn(ground, person),
    };
    let from = ground.now.checked_add(wait).ok()?.max(earliest.unwrap_or(Timestamp::MIN)).max(opens.unwrap_or(Timestamp::MIN));
    let date = schedule::next_open(&ground.plan.calendar, zone, full_hour(from)?)?;
    Some((slot, person.promise().map_or(date, |promise| promise.max(date))))
}

/// Whether somebody is absent, and not for as long as that counts.
fn stays_away(ground: &Ground<'_>, exception: Option<&Exception>) -> bool {
    exception.is_some_and(|e| e.what == Excepted::Absent && ground.now < longest_absence(ground.plan, e))
}

/// How far ahead a date of the tail must lie at least.
fn wait(ground: &Ground<'_>, exception: Option<&Exception>, person: &PersonState) -> SignedDuration {
    let notices = &ground.plan.notices;
    let least = notices.renotice.max(notices.min_notice);
    let wait = match (exception.map(|exception| exception.what), person.first_told()) {
        // Told in time once already: another date needs no new minimum notice, as in a stage.
        (Some(Excepted::Deferred { .. } | Excepted::Absent | Excepted::Back { .. }), Some(first)) => {
            let floor = notices.min_notice.saturating_sub(ground.now.duration_since(first));
            notices.renotice.max(floor)
        }
        (Some(_), _) => least,
        (None, _) => ground.plan.tail.grace.max(least),
    };
    wait.saturating_add(SENDING)
}

/// That the date told before does not hold, once it has come and no other one is known.
fn withdrawn(ground: &Ground<'_>, person: &PersonState) -> Option<(Slot, Timestamp)> {
    let promise = person.promise().filter(|promise| *promise <= ground.now || ground.state.is_aborted())?;
    (!person.has_used(Slot::Withdrawn)).then_some((Slot::Withdrawn, promise))
}

fn reminder(ground: &Ground<'_>, exception: Option<&Exception>, person: &PersonState) -> Option<(Slot, Timestamp)> {
    let exempt = matches!(exception.map(|exception| exception.what), Some(Excepted::Exempt { .. }));
    let before = if exempt { &BEFORE_EXEMPTION_ENDS[..] } else { &ground.plan.notices.before };
    let (promise, told) = (person.promise()?, person.tail_told()?);
    let (n, opened) = open_reminder(before, promise, ground.now).filter(|_| ground.now < promise)?;
    let slot = Slot::Reminder(n);
    (told < opened && wants_reminder(ground, person, slot, promise, opened)).then_some((slot, promise))
}
