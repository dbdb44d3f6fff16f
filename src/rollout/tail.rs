//! The tail: joiners, people nobody could reach and people carried over, each with a date of their own, for as long as the plan runs.
//!
//! Does not choose dates (`told`) nor batches (`tranche`). Keeps: nobody of the tail is enforced on a date that passed while something
//! protected them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::condition::{Condition, Ground};
use super::event::{Event, Evidence};
use super::exception::{self, Excepted, Exception};
use super::gate::{LOG_REACH, read_tail, shown};
use super::id::ObjectId;
use super::person::{Enforced, Home, PersonState};
use super::plan::{Gate, GateAt, Reads};
use super::select::{exempt_key, protection};
use super::state::{Phase, StageState, State, TAIL};
use super::told;

/// When people of the tail may begin to be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Now.
    Now,
    /// When the stages before them are over, which the plan lets be by this instant.
    At(Timestamp),
    /// Nobody knows: a stage before them is missed or undone, or takes longer than the plan says.
    Unknown,
}

/// The same for everybody of the tail: most wait for every stage; whom an exception brought there for the first one, behind which the
/// way of enforcing is proven; volunteers for none.
#[derive(Clone, Copy, Debug)]
pub struct Openings {
    last: Opening,
    first: Opening,
}

/// A stage may take a little longer than the plan says before a date is false.
pub(super) const SLACK: SignedDuration = SignedDuration::from_hours(24);

impl Openings {
    /// As the stages stand.
    #[must_use]
    pub fn new(ground: &Ground<'_>) -> Self {
        let all = || (0_u16..).zip(&ground.state.stages);
        Self { last: opening(ground, all()), first: opening(ground, all().take(1)) }
    }

    /// When somebody of the tail with this exception may begin to be enforced.
    #[must_use]
    pub fn of(&self, exception: Option<&Exception>) -> Opening {
        match exception.map(|exception| exception.what) {
            None => self.last,
            Some(Excepted::Volunteer) => Opening::Now,
            Some(_) => self.first,
        }
    }

    /// Whether somebody of the tail may be enforced now, as far as the stages are concerned.
    #[must_use]
    pub fn lets(&self, state: &State, person: ObjectId) -> bool {
        self.of(exception::of(&state.exceptions, person)) == Opening::Now
    }

    /// Whether anybody of the tail may be.
    #[must_use]
    pub fn lets_anybody(&self, state: &State) -> bool {
        self.last == Opening::Now || !state.exceptions.is_empty()
    }
}

fn opening<'a>(ground: &Ground<'_>, stages: impl Iterator<Item = (u16, &'a StageState)>) -> Opening {
    if ground.state.is_aborted() {
        return Opening::Unknown;
    }
    let mut ends = None;
    for (ix, stage) in stages.filter(|(_, stage)| !stage.phase.name().is_over()) {
        let stuck = matches!(stage.phase, Phase::Missed { .. } | Phase::RollingBack | Phase::RolledBack);
        let planned = ground.plan.stages.get(usize::from(ix)).filter(|_| !stuck);
        let end =
            planned.and_then(|planned| stage.finishes(planned.finish_by).checked_add(planned.soak.saturating_add(SLACK)).ok());
        let Some(end) = end.filter(|end| *end > ground.now) else { return Opening::Unknown };
        ends = ends.max(Some(end));
    }
    ends.map_or(Opening::Now, Opening::At)
}

/// People of the tail who wait and whose date has come at `at`.
fn due<'a>(ground: &Ground<'a>, at: Timestamp) -> impl Iterator<Item = PersonState> + 'a {
    ground.state.people.all().iter().filter(move |person| {
        person.home() == Home::Tail
            && matches!(person.enforced(), Enforced::No | Enforced::Refused(_))
            && person.tail_told().is_some()
            && person.promise().is_some_and(|promise| promise <= at)
    })
}

/// Its `during` gates as they read now, those that stop nothing with them, from its canary on and while somebody's date has come: before and after, they stop nothing.
pub fn gates<'a>(ground: &Ground<'a>) -> impl Iterator<Item = (Cow<'a, Gate>, Evidence)> {
    let openings = Openings::new(ground);
    let comes = |person: &PersonState| openings.lets(ground.state, person.id);
    let asked = openings.lets_anybody(ground.state)
        && ground.state.tail_canary.is_some()
        && due(ground, ground.now).any(|person| comes(&person));
    let gates = shown(ground.plan, TAIL, GateAt::During).filter(move |_| asked);
    let Ground { plan, state, observed, now, .. } = *ground;
    gates.map(move |gate| {
        let evidence = read_tail(plan, state, observed, now, &gate);
        (gate, evidence)
    })
}

/// When an exception calls for something: its notices, its end.
pub fn instants(ground: &Ground<'_>, exception: &Exception) -> impl Iterator<Item = Timestamp> {
    let (ends, before) = match exception.what {
        Excepted::Deferred { until } | Excepted::Exempt { until } => {
            let notices = &ground.plan.notices;
            let lead = notices.min_notice.max(notices.renotice).max(exception::BEFORE_EXEMPTION_ENDS[0]);
            (until, until.checked_sub(lead.saturating_add(told::SENDING.saturating_mul(2))).ok())
        }
        Excepted::Absent => (exception::longest_absence(ground.plan, exception), None),
        Excepted::Volunteer => (exception.since, None),
        Excepted::Back { at } => (at, None),
    };
    before.into_iter().chain([ends])
}

/// Whether somebody with an exception is to be enforced now, whatever the stages do.
#[must_use]
pub fn hands_out(ground: &Ground<'_>) -> bool {
    let openings = Openings::new(ground);
    ground.state.exceptions.keys().filter_map(|id| ground.state.people.get(*id)).any(|person| {
        person.tail_told().is_some()
            && !person.is_processed()
            && person.promise().is_some_and(|promise| promise <= ground.now)
            && openings.lets(ground.state, person.id)
    })
}

/// Whether an inconclusive gate still stops the batches after the canary.
#[must_use]
pub fn canary_waits(ground: &Ground<'_>) -> bool {
    ground.state.tail_canary.is_some_and(|at| ground.now.duration_since(at) < ground.plan.limits.canary_wait)
}

/// Whether gates matter for the tail: it has a canary, and somebody's date is near.
#[must_use]
pub fn is_near(ground: &Ground<'_>) -> bool {
    let near = ground.now.checked_add(ground.plan.observe.max_age).unwrap_or(Timestamp::MAX);
    ground.state.tail_canary.is_some() && due(ground, near).next().is_some()
}

/// Since when sign-ins matter for the tail: from its canary on, but not while nobody's date is near, and never beyond the log's reach.
#[must_use]
pub fn sign_ins_since(ground: &Ground<'_>) -> Option<Timestamp> {
    let canary = ground.state.tail_canary?;
    let asks = shown(ground.plan, TAIL, GateAt::During).any(|gate| gate.measure.reads() == Reads::SignIns);
    let matters = asks && is_near(ground);
    matters.then(|| canary.max(ground.now.checked_sub(LOG_REACH).unwrap_or(canary)))
}

/// People of the tail whose date has come while something protects them: they are told another one once nothing does any more.
///
/// Only what is read counts: a group that could not be read yet delays people, and takes nobody's date.
#[must_use]
pub fn lapsed(ground: &Ground<'_>) -> Vec<Event> {
    let Some(directory) = ground.observed.directory.last.as_ref().map(|reading| &reading.value) else { return Vec::new() };
    let exempt = exempt_key(ground.plan);
    let read = exempt.is_none_or(|key| ground.observed.selections.get(&key).is_some_and(|source| source.last.is_some()));
    if !read || !ground.conditions.has(Condition::Protection) || ground.refuses_rollout(Condition::Clock).is_some() {
        return Vec::new();
    }
    let openings = Openings::new(ground);
    let late = ground.now.checked_sub(SLACK).unwrap_or(Timestamp::MIN);
    let waits = |person: &PersonState| {
        let comes = openings.lets(ground.state, person.id);
        (!comes && person.promise().is_some_and(|promise| promise <= late)).then_some("the stages before are not over")
    };
    let mut lapsed: BTreeMap<&str, Vec<ObjectId>> = BTreeMap::new();
    for person in due(ground, ground.now) {
        let why = match directory.person(person.id) {
            None => Some("no longer in the directory"),
            Some(row) => protection(ground.plan, ground.observed, &row).or_else(|| waits(&person)),
        };
        if let Some(why) = why {
            lapsed.entry(why).or_default().push(person.id);
        }
    }
    let carried = |(why, people): (&str, Vec<ObjectId>)| Event::Carried { stage: TAIL.to_owned(), why: why.to_owned(), people };
    lapsed.into_iter().map(carried).collect()
}

#[cfg(test)]
mod tests {
    use crate::rollout::event::Event;
    use crate::rollout::sample::{Perfect, at, id, person, plan};
    use crate::rollout::state::TAIL;

    type Flaw = fn(&mut Perfect);

    #[test]
    fn whom_something_protects_on_their_date_is_told_another_date_once_nothing_does() {
        let told = |world: &Perfect| {
            let intents = world.records.iter().filter_map(|record| match &record.event {
                Event::NoticeIntent { stage, instant, people, .. } if stage == TAIL && people.contains(&id(31)) => {
                    Some((record.at, *instant))
                }
                _ => None,
            });
            intents.collect::<Vec<_>>()
        };
        let flaws: [(&str, Flaw, Flaw); 4] = [
            ("exempt", |world| world.exempt = vec![id(31)], |world| world.exempt.clear()),
            ("disabled", |world| world.people[30].enabled = Some(false), |world| world.people[30].enabled = Some(true)),
            ("guest", |world| world.people[30].guest = true, |world| world.people[30].guest = false),
            ("deleted", |world| world.people.truncate(30), |world| world.people.push(person(31))),
        ];
        for (name, protect, release) in flaws {
            let mut plan = plan();
            plan.people.exempt_group = Some("MFA Exempt".to_owned());
            let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
            world.run("2027-01-20T00:00:00Z");
            world.people.push(person(31));
            world.run("2027-01-30T00:00:00Z");
            let [(_, first)] = told(&world)[..] else { panic!("{name}: {:?}", told(&world)) };
            protect(&mut world);
            world.run(&(first + crate::rollout::sample::days(10)).to_string());
            assert!(!world.members.contains(&id(31)), "{name}");
            release(&mut world);
            let released = world.now;
            world.run("2027-03-20T00:00:00Z");
            let [_, (again, second)] = told(&world)[..] else { panic!("{name}: {:?}", told(&world)) };
            assert!(again >= released && second - world.plan.notices.min_notice.max(world.plan.tail.grace) >= again, "{name}");
            let enforced = world
                .records
                .iter()
                .find(|record| matches!(&record.event, Event::EnforceIntent { people, .. } if people.contains(&id(31))));
            assert_eq!(enforced.map(|record| record.at), Some(second), "{name}: on the new date, not before");
            assert!(world.members.contains(&id(31)), "{name}");
        }
    }

    #[test]
    fn a_group_that_was_not_read_yet_takes_nobodys_date() {
        let mut plan = plan();
        plan.people.exempt_group = Some("MFA Exempt".to_owned());
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.run("2027-01-20T00:00:00Z");
        world.people.push(person(31));
        world.run("2027-02-02T00:00:00Z");
        world.observed.selections.clear();
        world.now = at("2027-02-20T00:00:00Z");
        assert!(world.with_ground(super::lapsed).is_empty());
    }
}
