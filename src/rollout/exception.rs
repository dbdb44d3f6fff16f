//! Exceptions: what holds for one person alone, beside the plan: deferred, exempt, a volunteer, absent (DESIGN §4, §12).
//!
//! Whoever has one belongs to the tail and is told a date of their own there (`dated`). Does not choose dates. Invariant: none but a
//! volunteer's brings a date forward, and none is without an end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::condition::{Ground, Refusal};
use super::event::Event;
use super::id::ObjectId;
use super::person::Home;
use super::plan::Plan;
use super::select::{means, protection};
use super::state::State;
use super::switch::is_tenant_wide;
use super::tail::{Opening, Openings};
use super::unseen;

/// What is excepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excepted {
    /// Not enforced before an instant, at the person's request.
    Deferred {
        /// That instant.
        until: Timestamp,
    },
    /// Nothing is required before an instant; then a fresh notice, and enforcing.
    Exempt {
        /// That instant.
        until: Timestamp,
    },
    /// From now on, at the person's own request.
    Volunteer,
    /// Away when their date came; enforced some time after they are back.
    Absent,
    /// Back since an instant.
    Back {
        /// That instant.
        at: Timestamp,
    },
}

impl Excepted {
    /// The words for people.
    #[must_use]
    pub fn says(self) -> String {
        match self {
            Self::Deferred { until } => format!("deferred until {until}"),
            Self::Exempt { until } => format!("exempt until {until}"),
            Self::Volunteer => "volunteered".to_owned(),
            Self::Absent => "absent".to_owned(),
            Self::Back { at } => format!("back since {at}"),
        }
    }
}

/// An exception in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// What.
    pub what: Excepted,
    /// Since when.
    pub since: Timestamp,
    /// The reason.
    pub why: String,
    /// Who answers for it.
    pub owner: String,
    /// How often the person was deferred so far.
    pub deferred: u32,
}

/// The exception in force for a person.
#[must_use]
pub fn of(exceptions: &BTreeMap<ObjectId, Exception>, person: ObjectId) -> Option<&Exception> {
    // Asked of everybody, and mostly there is none.
    if exceptions.is_empty() { None } else { exceptions.get(&person) }
}

/// Why an exception keeps its person from being enforced now.
#[must_use]
pub fn refuses(ground: &Ground<'_>, person: ObjectId) -> Option<Refusal> {
    let exception = of(&ground.state.exceptions, person)?;
    match exception.what {
        Excepted::Deferred { until } | Excepted::Exempt { until } if ground.now < until => {
            Some(format!("{}: {}", exception.what.says(), exception.why).into())
        }
        // Whoever is away has no date before they are back, or before it has been long enough.
        Excepted::Absent if ground.now < longest_absence(ground.plan, exception) => Some("absent when the date came".into()),
        _ => None,
    }
}

/// Whether the person asked for it themselves.
#[must_use]
pub fn volunteered(state: &State, person: ObjectId) -> bool {
    of(&state.exceptions, person).is_some_and(|exception| exception.what == Excepted::Volunteer)
}

/// When the date of somebody absent comes, however long they stay away.
#[must_use]
pub fn longest_absence(plan: &Plan, exception: &Exception) -> Timestamp {
    exception.since.checked_add(plan.exceptions.absent_longest).unwrap_or(Timestamp::MAX)
}

/// What an operator asks for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who.
    pub person: ObjectId,
    /// What.
    pub what: Excepted,
    /// The reason.
    pub why: String,
    /// Who answers for it.
    pub owner: String,
}

/// The record that a request calls for.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn make(ground: &Ground<'_>, request: Request) -> Result<Event, String> {
    let Request { person, what, why, owner } = request;
    allowed(ground, person, what)?;
    if why.trim().is_empty() || owner.trim().is_empty() {
        return Err("an exception needs a reason and an owner".to_owned());
    }
    Ok(Event::ExceptionMade { people: vec![person], what, why, owner })
}

/// The record that takes a person's exception back.
///
/// # Errors
/// There is none.
pub fn end(ground: &Ground<'_>, person: ObjectId, why: String) -> Result<Event, String> {
    match of(&ground.state.exceptions, person) {
        Some(Exception { what: Excepted::Volunteer, .. }) => {
            Err("somebody who volunteered was told that it is required from now on; defer them instead".to_owned())
        }
        Some(_) => Ok(Event::ExceptionEnded { people: vec![person], why, stands: stands(ground, person) }),
        None => Err("nothing holds for this person alone; `tidegate person` shows what does".to_owned()),
    }
}

/// The date that somebody was told with their exception, if it comes true without it.
fn stands(ground: &Ground<'_>, person: ObjectId) -> Option<Timestamp> {
    let person = ground.state.people.get(person)?;
    let promise = person.promise().filter(|promise| *promise > ground.now)?;
    let comes = match Openings::new(ground).of(None) {
        Opening::Now => true,
        Opening::At(at) => at <= promise,
        Opening::Unknown => false,
    };
    (comes && person.tail_told().is_some() && person.promise_told().is_some()).then_some(promise)
}

fn allowed(ground: &Ground<'_>, id: ObjectId, what: Excepted) -> Result<(), String> {
    let (plan, state, now) = (ground.plan, ground.state, ground.now);
    if is_tenant_wide(plan) {
        return Err("security defaults are switched for everybody at once; nobody can be excepted".to_owned());
    }
    let row = ground.observed.directory.last.as_ref().and_then(|reading| reading.value.person(id));
    let Some(row) = row else { return Err("the directory, as last read, does not have this person".to_owned()) };
    if plan.people.break_glass.iter().any(|reference| means(reference, &row)) {
        return Err("a break-glass account is never enforced; nothing is to be excepted".to_owned());
    }
    if let Some(why) = protection(plan, ground.observed, &row) {
        return Err(format!("is protected already: {why}"));
    }
    if state.baseline.as_ref().is_some_and(|baseline| baseline.binary_search(&id).is_ok()) {
        return Err("MFA was required of this person before the rollout; Tidegate did not do it and does not undo it".to_owned());
    }
    let known = state.people.get(id);
    if known.is_some_and(|person| person.is_enforced() || person.is_processed()) {
        return Err("MFA is required of this person already; `tidegate assist` helps somebody who cannot sign in".to_owned());
    }
    let on_its_way = state.batches.values().any(|batch| batch.people.contains(&id))
        || state.notices.values().any(|notice| notice.people.contains(&id));
    if on_its_way {
        return Err("something is on its way to this person; ask again in a minute".to_owned());
    }
    let before = of(&state.exceptions, id);
    let rules = &plan.exceptions;
    match what {
        Excepted::Deferred { until } => {
            let times = before.map_or(0, |exception| exception.deferred);
            if times >= rules.defer_most {
                return Err(format!("was deferred {times} times; exceptions.defer_most allows {}", rules.defer_most));
            }
            let date = known.and_then(|person| due(state, person.home(), person.promise())).unwrap_or(now).max(now);
            let longest = date.checked_add(rules.defer_longest).unwrap_or(Timestamp::MAX);
            if until <= date {
                return Err(format!("their date is {date}; a deferral goes beyond it"));
            }
            if until > longest {
                return Err(format!("exceptions.defer_longest allows {longest} at the latest"));
            }
            Ok(())
        }
        Excepted::Exempt { until } => {
            let longest = now.checked_add(rules.exempt_longest).unwrap_or(Timestamp::MAX);
            if until <= now || until > longest {
                return Err(format!(
                    "an exemption ends in the future, and at {longest} at the latest (exceptions.exempt_longest)"
                ));
            }
            let promise = known.and_then(|person| person.promise());
            if let Some(promise) = promise.filter(|promise| *promise > until) {
                return Err(format!("was told {promise}, which is later"));
            }
            Ok(())
        }
        Excepted::Volunteer => Ok(()),
        Excepted::Absent => match known.and_then(|person| person.promise()) {
            Some(_) => Ok(()),
            None => Err("was not told a date yet that they could be away on".to_owned()),
        },
        Excepted::Back { .. } => match before.map(|exception| exception.what) {
            Some(Excepted::Absent) => Ok(()),
            _ => Err("is not absent".to_owned()),
        },
    }
}

/// The date that stands for a person: their stage's, or what they were told.
fn due(state: &State, home: Home, promise: Option<Timestamp>) -> Option<Timestamp> {
    state.due(home, promise).max(promise)
}

/// People who are known to be away when their date comes, and absentees who have signed in since: what to record.
#[must_use]
pub fn absences(ground: &Ground<'_>) -> Vec<Event> {
    let rules = &ground.plan.exceptions;
    let listed = &rules.absent;
    let unseen = unseen::found(ground);
    if listed.is_empty() && unseen.is_none() && ground.state.exceptions.is_empty() {
        return Vec::new();
    }
    let made = |people, what, why: &str| Event::ExceptionMade { people, what, why: why.to_owned(), owner: "the plan".to_owned() };
    let mut events = Vec::new();
    if !listed.is_empty()
        && let Some(directory) = ground.observed.directory.last.as_ref().map(|reading| &reading.value)
    {
        let waits = |id: ObjectId| {
            let Some(person) = ground.state.people.get(id) else { return false };
            unseen::is_begun(ground, &person)
                && of(&ground.state.exceptions, id).is_none()
                && matches!(person.enforced(), super::person::Enforced::No)
                && person.promise_told().is_some()
                && person.promise().is_some_and(|promise| promise <= ground.now)
        };
        let people: Vec<_> = directory
            .iter()
            .filter(|person| listed.iter().any(|reference| means(reference, person)))
            .map(|person| person.id)
            .filter(|id| waits(*id))
            .collect();
        if !people.is_empty() {
            events.push(made(people, Excepted::Absent, "the plan lists them as absent, and their date has come"));
        }
    }
    if events.is_empty()
        && let Some((people, as_of)) = unseen
    {
        let why = format!("has not signed in since they were told, as of {as_of}, and the date has come");
        events.extend(people.chunks(RECORD).map(|people| made(people.to_vec(), Excepted::Absent, &why)));
    }
    if let Some(attempts) = &ground.observed.sign_ins.last {
        let absent = ground.state.exceptions.iter().filter(|(_, exception)| exception.what == Excepted::Absent);
        for (id, exception) in absent {
            // Ascending by person.
            let from = attempts.value.partition_point(|attempt| attempt.person < *id);
            let theirs = attempts.value.iter().skip(from).take_while(|attempt| attempt.person == *id);
            let back = theirs.filter(|attempt| attempt.code == 0 && attempt.at >= exception.since).map(|attempt| attempt.at);
            if let Some(at) = back.min() {
                events.push(made(vec![*id], Excepted::Back { at }, "signed in again"));
            }
        }
    }
    events
}

/// People in one record at most.
const RECORD: usize = 1_000;

/// How long an exemption's fresh notices come before its end; the first announces.
pub const BEFORE_EXEMPTION_ENDS: [SignedDuration; 2] = [SignedDuration::from_hours(14 * 24), SignedDuration::from_hours(3 * 24)];
