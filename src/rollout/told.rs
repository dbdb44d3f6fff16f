//! Which notices are due: announcements, corrections, reminders, in that order of urgency (DESIGN §12).
//!
//! No notice is due that would be untrue when it arrives, and none is due twice.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::apply_told::DOUBTFUL;
use super::condition::{Ground, NOTICE};
use super::dated;
use super::event::Slot;
use super::hours::Now;
use super::id::ObjectId;
use super::limit::backoff;
use super::observed::{Readiness, Takes};
use super::person::{Enforced, Home, PersonState};
use super::readers::Readers;
use super::schedule;
use super::sending;
use super::state::{Phase, StageState};
use super::switch::{grace, is_tenant_wide};

/// People in one group of notices: what a crash can leave unknown, and what an operator waits for when stopping.
pub const GROUP: usize = 100;

/// People who are tried a second time together.
const SECOND: usize = 4;

/// Sending takes time; a date of the tail is chosen so much later than it must be.
pub(super) const SENDING: SignedDuration = SignedDuration::from_hours(1);

/// An ambiguous announcement or correction is repeated at most once.
pub(super) const MOST_DOUBTS: u8 = 2;

/// Notices to be sent now: one to each person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose people.
    pub home: Home,
    /// Which notice.
    pub slot: Slot,
    /// The instant they name.
    pub instant: Timestamp,
    /// To whom, at most [`GROUP`], and at most what leaves within a minute.
    pub people: Vec<ObjectId>,
    /// The zone in which all of them read.
    pub time_zone: String,
    /// The mailboxes that send them in turn; none where none of the plan's exists.
    pub from: Vec<ObjectId>,
}

/// The last instant at which an announcement of the stage can still be in time: the minimum notice before `latest_start`.
#[must_use]
pub fn notice_deadline(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Timestamp {
    let in_time = enforced_by(ground, ix, stage).checked_sub(ground.floor(Home::Stage(ix))).unwrap_or(Timestamp::MIN);
    in_time.min(latest_start(ground, ix, stage))
}

/// The last instant at which the enforcing of a stage's people may begin: its own latest start, or the last stage's where the whole
/// tenant is switched at once.
#[must_use]
pub fn enforced_by(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Timestamp {
    let stages = &ground.state.stages;
    match stages.last().zip(u16::try_from(stages.len()).ok()).filter(|_| is_tenant_wide(ground.plan)) {
        Some((last, count)) => latest_start(ground, count.saturating_sub(1), last),
        None => latest_start(ground, ix, stage),
    }
}

/// `latest_start` of a stage (DESIGN §4).
#[must_use]
pub fn latest_start(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Timestamp {
    let start = stage.start.instant;
    let late_by = ground.plan.stages.get(usize::from(ix)).map_or(SignedDuration::ZERO, |planned| planned.late_by);
    match schedule::zone(&ground.plan.time_zone) {
        Some(zone) => schedule::latest_start(&ground.plan.calendar, &zone, start, late_by),
        None => start,
    }
}

/// When the stage's announcement begins.
#[must_use]
pub fn announce_at(ground: &Ground<'_>, stage: &StageState) -> Timestamp {
    let before = ground.plan.notices.before.first().copied().unwrap_or(SignedDuration::ZERO);
    stage.start.instant.checked_sub(before).unwrap_or(Timestamp::MIN)
}

/// The reminder slot that is open at `now`, with the instant at which it opened. Slots that were missed are skipped: before the start
/// those before it, from then on those after it, for some days.
#[must_use]
pub fn open_reminder(before: &[SignedDuration], start: Timestamp, now: Timestamp) -> Option<(u8, Timestamp)> {
    let opened = |n: u8| before.get(usize::from(n)).and_then(|wait| start.checked_sub(*wait).ok());
    let last = u8::try_from(before.len()).unwrap_or(u8::MAX);
    let open = (1..last).filter_map(|n| Some((n, opened(n)?))).rfind(|(_, at)| *at <= now);
    open.filter(|(_, at)| now < start || *at >= start && now.duration_since(*at) < LATE)
}

/// A reminder after the start is sent within so long, or not at all.
pub(super) const LATE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The next group of notices to send that take back what was told, if any.
#[must_use]
pub fn taken_back(ground: &Ground<'_>) -> Option<Due> {
    if mail_retry_at(ground.state.mail_trouble).is_some_and(|at| ground.now < at) {
        return None;
    }
    for (ix, stage) in (0_u16..).zip(&ground.state.stages) {
        if let Some(due) = withdrawn(ground, ix, stage) {
            return Some(due);
        }
    }
    let tail = || ground.state.people.all().iter().filter(|person| person.home() == Home::Tail);
    told_off(ground, Home::Tail, Slot::Released, || tail().filter(was_released))
        .or_else(|| ground.state.is_aborted().then(|| dated::due(ground, &hours(ground))).flatten())
}

/// The next group of notices to send that tell a date, or remind of it, if any.
#[must_use]
pub fn due(ground: &Ground<'_>) -> Option<Due> {
    if mail_retry_at(ground.state.mail_trouble).is_some_and(|at| ground.now < at) || ground.state.is_aborted() {
        return None;
    }
    let hours = hours(ground);
    let keeps = |person: &PersonState, latest: Option<Timestamp>| latest.is_some_and(|latest| hours.keep(person.id, latest));
    for (ix, stage, instant) in told_stages(ground) {
        let home = Home::Stage(ix);
        let people = || stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
        let corrected = || people().filter(|person| wants_correction(ground, person, instant));
        let latest = || correction_latest(ground, ix, stage, instant, corrected());
        let latest = if hours.any_closed() { latest() } else { None };
        let now = corrected().filter(|person| !keeps(person, latest));
        if let Some(due) = group(ground, home, Slot::Correction, instant, now) {
            return Some(due);
        }
        let deadline = notice_deadline(ground, ix, stage);
        let latest = instant.checked_sub(ground.floor(home)).ok().map(|latest| latest.min(deadline));
        let announced = people().filter(|person| wants_announcement(person, ground.now) && !keeps(person, latest));
        if ground.now <= deadline
            && let Some(due) = group(ground, home, Slot::Announcement, instant, announced)
        {
            return Some(due);
        }
        let open = open_reminder(&ground.plan.notices.before, instant, ground.now);
        if let Some((n, opened)) = open.filter(|_| ground.now < instant) {
            let reminded = || people().filter(|person| wants_reminder(ground, person, Slot::Reminder(n), instant, opened));
            // What no window takes before the next slot is not dropped.
            let next = ground.plan.notices.before.get(usize::from(n) + 1).and_then(|wait| instant.checked_sub(*wait).ok());
            let ends = next.unwrap_or(instant);
            let hours = if hours.any_closed() { &Now::new(ground, || reminded().count()) } else { &hours };
            let now = reminded().filter(|person| !hours.keep(person.id, ends));
            if let Some(due) = group(ground, home, Slot::Reminder(n), instant, now) {
                return Some(due);
            }
            // A courtesy: it never leaves while the hours are closed.
            let ready = people().filter(|person| wants_to_know_ready(ground, person, instant, opened));
            let now = ready.filter(|person| !hours.are_closed(person.id));
            if let Some(due) = group(ground, home, Slot::Ready, instant, now) {
                return Some(due);
            }
        }
    }
    started(ground, &hours).or_else(|| dated::due(ground, &hours))
}

/// Reminders after the start, while the hours are open: to people of whom MFA is required, and who have not signed in since.
fn started(ground: &Ground<'_>, hours: &Now<'_>) -> Option<Due> {
    let after = ground.plan.notices.before.iter().any(|wait| !wait.is_positive());
    if !after || is_tenant_wide(ground.plan) {
        return None;
    }
    (0_u16..).zip(&ground.state.stages).find_map(|(ix, stage)| {
        let begun = matches!(stage.phase, Phase::Enforcing { .. } | Phase::Soaking { .. } | Phase::Done);
        let instant = ground.state.named_instant(ix)?;
        let (n, opened) =
            open_reminder(&ground.plan.notices.before, instant, ground.now).filter(|(_, at)| begun && *at >= instant)?;
        let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
        let slot = Slot::Reminder(n);
        let missed = people.filter(|person| has_not_come(ground, person, slot, opened));
        group(ground, Home::Stage(ix), slot, instant, missed.filter(|person| !hours.are_closed(person.id)))
    })
}

/// Nobody can have signed in at the instant of the start, and the log shows attempts half an hour late: before so long it tells nothing.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);

/// Whether somebody is enforced and, as a log that was read since shows, has not signed in.
fn has_not_come(ground: &Ground<'_>, person: &PersonState, slot: Slot, opened: Timestamp) -> bool {
    let Some(since) = person.enforced_since().filter(|_| !person.marks().removed_by_hand) else { return false };
    if person.has_used(slot) || person.refused().is_some() || person.marks().handed {
        return false;
    }
    let log = ground.observed.sign_ins.fresh(ground.now, ground.plan.observe.max_age);
    let shown = since.checked_add(SHOWN).unwrap_or(Timestamp::MAX);
    let Some(log) = log.filter(|log| log.as_of >= opened.max(shown)) else { return false };
    let from = log.value.partition_point(|attempt| attempt.person < person.id);
    let theirs = log.value.iter().skip(from).take_while(|attempt| attempt.person == person.id);
    !theirs.into_iter().any(|attempt| attempt.at >= since)
}

/// To people of a stage that does not come: that the date which they were told does not hold.
fn withdrawn(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Option<Due> {
    let over = match stage.phase {
        // Until then an operator may start it late.
        Phase::Missed { .. } => ground.now >= withdrawn_at(ground, ix, stage),
        Phase::Closed { .. } | Phase::RollingBack | Phase::RolledBack => true,
        _ => false,
    };
    if !over {
        return None;
    }
    let people = || stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    told_off(ground, Home::Stage(ix), Slot::Withdrawn, || people().filter(PersonState::waits))
        .or_else(|| told_off(ground, Home::Stage(ix), Slot::Released, || people().filter(was_released)))
}

/// When people of a missed stage are told that the date does not hold.
#[must_use]
pub fn withdrawn_at(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Timestamp {
    let bound = ground.plan.limits.start_late;
    if bound.is_zero() || ground.now < stage.start.instant {
        return stage.since;
    }
    latest_start(ground, ix, stage).checked_add(bound).unwrap_or(stage.since).max(stage.since)
}

pub(super) fn was_released(person: &PersonState) -> bool {
    matches!(person.enforced(), Enforced::Released(_))
}

/// The next group of people who are told that what they were told does not hold any more.
pub(super) fn told_off<P: Iterator<Item = PersonState>>(
    ground: &Ground<'_>,
    home: Home,
    slot: Slot,
    people: impl Fn() -> P,
) -> Option<Due> {
    let told = || people().filter(|person| retry_is_due(person, ground.now) && !person.has_used(slot));
    let promises: BTreeSet<Timestamp> = told().filter_map(|person| person.promise()).collect();
    promises
        .into_iter()
        .find_map(|promise| group(ground, home, slot, promise, told().filter(|person| person.is_promised(promise))))
}

/// The stages whose people are told dates, each with the instant that its notices name.
pub(super) fn told_stages<'a>(ground: &Ground<'a>) -> impl Iterator<Item = (u16, &'a StageState, Timestamp)> {
    let (plan, state) = (ground.plan, ground.state);
    (0_u16..).zip(&state.stages).filter_map(move |(ix, stage)| {
        let invited = is_tenant_wide(plan) && matches!(stage.phase, Phase::Soaking { .. } | Phase::Done);
        let told = invited || matches!(stage.phase, Phase::Announcing | Phase::Announced | Phase::Enforcing { .. });
        told.then(|| (ix, stage, state.named_instant(ix).unwrap_or(stage.start.instant)))
    })
}

/// How many people of all stages are to be told a date now, for the first time or another one.
#[must_use]
pub fn to_be_told(ground: &Ground<'_>) -> usize {
    let wants = |ix: u16, stage: &StageState, instant: Timestamp| {
        let in_time = ground.now <= notice_deadline(ground, ix, stage);
        let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
        people
            .filter(|person| in_time && wants_announcement(person, ground.now) || wants_correction(ground, person, instant))
            .count()
    };
    told_stages(ground).map(|(ix, stage, instant)| wants(ix, stage, instant)).sum()
}

/// The hours of notices.
#[must_use]
pub fn hours<'a>(ground: &Ground<'a>) -> Now<'a> {
    Now::new(ground, || to_be_told(ground))
}

/// When notices that could wait leave, and why they wait.
#[must_use]
pub fn waits(ground: &Ground<'_>) -> Option<String> {
    if let Some(opens) = hours(ground).opens() {
        // What leaves although they are closed may have to wait for something else.
        let otherwise =
            mail_retry_at(ground.state.mail_trouble).is_some_and(|at| ground.now < at) || sending::turn(ground, 1).is_none();
        let nothing = !otherwise && due(ground).is_none() && to_be_told(ground) > 0;
        if nothing {
            return Some(format!("notices wait for the sending window, which opens at {opens}"));
        }
    }
    let again = sending::is_used_up(ground)?;
    Some(format!("the sending mailboxes have sent what each may in a day; notices go on at {again}"))
}

/// The last instant at which a correction is in time for everybody: `renotice` before the new date, before any old one, and, while the
/// stage is being announced, in time for its announcement.
fn correction_latest(
    ground: &Ground<'_>,
    ix: u16,
    stage: &StageState,
    instant: Timestamp,
    corrected: impl Iterator<Item = PersonState>,
) -> Option<Timestamp> {
    let old = corrected.filter_map(|person| person.promise()).filter(|promise| *promise < instant).min();
    let announced = (stage.phase == Phase::Announcing).then(|| notice_deadline(ground, ix, stage));
    let in_time = instant.checked_sub(ground.plan.notices.renotice).ok();
    [old, announced, in_time].into_iter().flatten().min()
}

/// Whether the notice of the date in force was accepted so late that the date can never be kept; only another date helps.
#[must_use]
pub fn told_too_late(ground: &Ground<'_>, person: &PersonState) -> bool {
    let (Some(first), Some(told), Some(promise)) = (person.first_told(), person.promise_told(), person.promise()) else {
        return false;
    };
    told > first && promise.duration_since(told) < ground.plan.notices.renotice
}

/// The next full hour (UTC) at or after `at`: a date that one can name.
pub(super) fn full_hour(at: Timestamp) -> Option<Timestamp> {
    let over = at.as_second().rem_euclid(3_600);
    let whole = over == 0 && at.subsec_nanosecond() == 0;
    let second = at.as_second().checked_sub(over)?.checked_add(if whole { 0 } else { 3_600 })?;
    Timestamp::from_second(second).ok()
}

fn wants_announcement(person: &PersonState, now: Timestamp) -> bool {
    person.first_told().is_none() && !person.is_processed() && person.doubts < MOST_DOUBTS && retry_is_due(person, now)
}

fn wants_correction(ground: &Ground<'_>, person: &PersonState, instant: Timestamp) -> bool {
    if person.is_processed() || !retry_is_due(person, ground.now) {
        return false;
    }
    let told_before = person.promise().is_some_and(|promise| promise < instant);
    let in_doubt = person.is_promised(instant) && person.promise_told().is_none() && person.first_told().is_some();
    let in_time = instant.duration_since(ground.now) >= ground.plan.notices.renotice;
    (told_before || in_doubt && person.doubts < MOST_DOUBTS) && in_time
}

pub(super) fn wants_reminder(
    ground: &Ground<'_>,
    person: &PersonState,
    slot: Slot,
    instant: Timestamp,
    opened: Timestamp,
) -> bool {
    let told = person.first_told().is_some_and(|told| told < opened) && person.is_promised(instant);
    let by_mail = person.refused().is_none() && !person.marks().handed;
    told && !person.is_processed() && !person.has_used(slot) && by_mail && is_to_be_reminded(ground, person.id)
}

/// Capable people are told once, in place of the first reminder, that nothing is left to do; only where any method that counts as MFA
/// satisfies what is required.
fn wants_to_know_ready(ground: &Ground<'_>, person: &PersonState, instant: Timestamp, opened: Timestamp) -> bool {
    let told = person.first_told().is_some_and(|told| told < opened) && person.is_promised(instant);
    let by_mail = person.refused().is_none() && !person.marks().handed;
    let waits = !person.is_processed() && !person.has_used(Slot::Ready) && by_mail;
    let takes = ground.observed.safety.last.as_ref().map(|reading| reading.value.policy.takes);
    let capable = || {
        let report = ground.observed.registration.fresh(ground.now, ground.plan.observe.max_age);
        report.is_some_and(|reading| reading.value.of(person.id) == Readiness::Capable)
    };
    told && waits && takes == Some(Takes::AnyMethod) && grace(ground.plan) == 0 && capable()
}

/// Whether the reports say that somebody is not yet capable. One report that lacks a row says nothing; two in a row, or none at all, do.
fn is_to_be_reminded(ground: &Ground<'_>, person: ObjectId) -> bool {
    let source = &ground.observed.registration;
    let Some(last) = &source.last else { return true };
    match last.value.of(person) {
        Readiness::Capable => false,
        Readiness::Unregistered | Readiness::RegisteredNotAllowed => true,
        Readiness::Unknown => source.earlier.as_ref().is_none_or(|earlier| earlier.value.of(person) == Readiness::Unknown),
    }
}

/// After a refused address the person is tried again a day later, then two, then four, at most weekly.
pub(super) fn retry_is_due(person: &PersonState, now: Timestamp) -> bool {
    let Some((at, times)) = person.refused() else { return true };
    now.duration_since(at) >= refusal_wait(times)
}

/// How long to wait after the n-th refusal of an address.
#[must_use]
pub fn refusal_wait(times: u8) -> SignedDuration {
    backoff(u32::from(times), SignedDuration::from_mins(7)).saturating_mul(24 * 60)
}

/// The same for notices. While nobody knows whether any arrived, a try may use somebody up: they come seldom, and to one person each.
#[must_use]
pub fn mail_retry_at(trouble: Option<(Timestamp, u32)>) -> Option<Timestamp> {
    match trouble {
        Some((at, times)) if times >= DOUBTFUL => {
            let doublings = times.saturating_sub(DOUBTFUL).min(5);
            at.checked_add(FIRST_DOUBT.saturating_mul(1 << doublings).min(MOST_DOUBT)).ok()
        }
        _ => retry_at(trouble),
    }
}

const FIRST_DOUBT: SignedDuration = SignedDuration::from_mins(30);
const MOST_DOUBT: SignedDuration = SignedDuration::from_hours(12);

/// When sending, or handing out batches, is tried again after troubles in a row.
#[must_use]
pub fn retry_at(trouble: Option<(Timestamp, u32)>) -> Option<Timestamp> {
    let (at, times) = trouble?;
    at.checked_add(backoff(times, SignedDuration::from_mins(30))).ok()
}

pub(super) fn group(
    ground: &Ground<'_>,
    home: Home,
    slot: Slot,
    instant: Timestamp,
    people: impl Iterator<Item = PersonState>,
) -> Option<Due> {
    let on_their_way: std::collections::HashSet<_> = ground.state.notices.values().flat_map(|notice| &notice.people).collect();
    let rows = ground.observed.directory.last.as_ref().map(|reading| &reading.value);
    let may_be_told = |id: &ObjectId| {
        let row = rows.and_then(|directory| directory.person(*id));
        NOTICE.iter().all(|c| ground.refuses_person(*c, home, *id, row.as_ref()).is_none())
    };
    let in_doubt = ground.state.mail_trouble.is_some_and(|(_, times)| times >= DOUBTFUL);
    let readers = Readers::new(ground);
    let mut people = people.filter(|person| !on_their_way.contains(&person.id) && may_be_told(&person.id)).peekable();
    // A second try that is lost too is the last one: few are at stake together.
    let first = people.peek()?;
    let (again, zone) = (first.doubts > 0, readers.nth(first.id));
    let group = match (in_doubt, again) {
        (true, _) => 1,
        (false, true) => SECOND,
        (false, false) => GROUP,
    };
    let mut people: Vec<_> = people
        .filter(|person| (person.doubts > 0) == again && readers.nth(person.id) == zone)
        .map(|person| person.id)
        .take(group)
        .collect();
    let (from, most) = sending::turn(ground, group)?;
    people.truncate(most);
    Some(Due { home, slot, instant, people, time_zone: readers.name(zone).to_owned(), from })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_reminder_is_the_latest_that_has_come() {
        let day = |n: i64| SignedDuration::from_hours(24 * n);
        let before = [day(30), day(14), day(7), day(1)];
        let start: Timestamp = "2027-02-01T08:00:00Z".parse().unwrap();
        for (now, expected) in [
            ("2027-01-02T08:00:00Z", None),
            ("2027-01-18T07:59:59Z", None),
            ("2027-01-18T08:00:00Z", Some(1)),
            ("2027-01-25T08:00:00Z", Some(2)),
            ("2027-01-31T08:00:00Z", Some(3)),
            ("2027-02-01T07:59:59Z", Some(3)),
            ("2027-02-01T08:00:00Z", None),
            ("2027-02-02T08:00:00Z", None),
        ] {
            let found = open_reminder(&before, start, now.parse().unwrap()).map(|(n, _)| n);
            assert_eq!(found, expected, "{now}");
        }
        assert_eq!(open_reminder(&before[..1], start, start), None);
        let after = [day(30), day(1), day(0), day(-1)];
        for (now, expected) in [
            ("2027-01-31T08:00:00Z", Some(1)),
            ("2027-02-01T07:59:59Z", Some(1)),
            ("2027-02-01T08:00:00Z", Some(2)),
            ("2027-02-02T08:00:00Z", Some(3)),
            ("2027-02-05T07:59:59Z", Some(3)),
            ("2027-02-05T08:00:00Z", None),
        ] {
            assert_eq!(open_reminder(&after, start, now.parse().unwrap()).map(|(n, _)| n), expected, "{now}");
        }
    }

    #[test]
    fn a_refused_address_is_tried_again_after_days() {
        for (times, days) in [(1, 1), (2, 2), (3, 4), (4, 7), (200, 7)] {
            assert_eq!(refusal_wait(times), SignedDuration::from_hours(24 * days), "{times}");
        }
    }
}
