//! Rollback: whom to release next, and when a stage is rolled back (DESIGN §4, §6).
//!
//! Asks for no gate, window or forward hold; only a hold on `all` stops it. Invariant: nobody is released but people of whom our own
//! write requires MFA, as far as the journal knows, and whom nobody has taken out since.

use super::condition::{Ground, Refusal};
use super::event::{Because, Event};
use super::guard::Checked;
use super::hold::Blocks;
use super::id::ObjectId;
use super::observed::{IdSet, Reading};
use super::person::{Enforced, Home, PersonState};
use super::settle::has_open_batch;
use super::stage::PhaseName;
use super::state::{Phase, StageState, State, TAIL};
use super::told::retry_at;
use super::tranche::{BATCH, BATCHES, REFUSED_WAIT, Tranche};
use super::verb::{Verb, may, reason};
use serde::{Deserialize, Serialize};

/// How far a rollback reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// The stage, and before it every stage behind it that has begun.
    AndBehind,
    /// The stage alone.
    Only,
}

/// That whoever was enforced in the tail is released from now on, where there is anybody.
#[must_use]
pub fn of_tail_begins(state: &State, why: &str) -> Option<Event> {
    let ours = |person: &PersonState| person.home() == Home::Tail && person.is_to_be_released();
    let begins = state.tail_rolls_back.is_none() && state.people.all().iter().any(|person| ours(&person));
    begins.then(|| Event::TailRollback { why: why.to_owned() })
}

/// The moves by which a stage, or the tail, is rolled back.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn begin(state: &State, name: &str, extent: Extent, why: &str) -> Result<Vec<Event>, String> {
    reason("rollback", why)?;
    if name == TAIL {
        let begun: Vec<_> = of_tail_begins(state, why).into_iter().collect();
        return if begun.is_empty() {
            Err("nobody of the tail was enforced, or they are being released".to_owned())
        } else {
            Ok(begun)
        };
    }
    let (ix, _) = may(state, name, Verb::Rollback)?;
    let begun = |stage: &&StageState| stage.phase.name().may_become(PhaseName::RollingBack);
    let most = match extent {
        Extent::Only => 1,
        Extent::AndBehind => usize::MAX,
    };
    let behind = state.stages.iter().skip(usize::from(ix)).take(most).filter(begun).rev();
    let moved = |stage: &StageState| Event::StageMoved {
        stage: stage.name.clone(),
        from: stage.phase.name(),
        to: PhaseName::RollingBack,
        why: why.to_owned(),
    };
    Ok(behind.map(moved).collect())
}

/// The next people to release, of the newest stage that is being rolled back.
#[must_use]
pub fn next(ground: &Ground<'_>) -> Option<Tranche> {
    if retry_at(ground.state.wire_trouble).is_some_and(|at| ground.now < at) {
        return None;
    }
    if ground.state.tail_rolls_back.is_some() {
        return (refuses(ground, Home::Tail).is_none()).then(|| tranche(ground, Home::Tail, of_tail(ground)))?;
    }
    let (home, stage) = newest(ground)?;
    if refuses(ground, home).is_some() || super::switch::comes_before_release(ground, stage) {
        return None;
    }
    tranche(ground, home, people_of(ground, stage))
}

fn tranche(ground: &Ground<'_>, home: Home, people: impl Iterator<Item = PersonState>) -> Option<Tranche> {
    let people = people.filter(|person| may_be_released(ground, person)).map(|person| person.id);
    let people: Vec<_> = people.take(BATCH * BATCHES).collect();
    let batches: Vec<_> = people.chunks(BATCH).map(<[ObjectId]>::to_vec).collect();
    (!batches.is_empty()).then_some(Tranche { home, batches })
}

/// The newest stage that is being rolled back: the others wait for it.
#[must_use]
pub fn newest<'a>(ground: &Ground<'a>) -> Option<(Home, &'a StageState)> {
    let stages = (0_u16..).zip(&ground.state.stages);
    let (ix, stage) = stages.filter(|(_, stage)| stage.phase == Phase::RollingBack).last()?;
    Some((Home::Stage(ix), stage))
}

fn people_of<'a>(ground: &Ground<'a>, stage: &'a StageState) -> impl Iterator<Item = PersonState> + 'a {
    let people = &ground.state.people;
    stage.roster.iter().filter_map(|place| people.at(*place))
}

fn of_tail<'a>(ground: &Ground<'a>) -> impl Iterator<Item = PersonState> + 'a {
    ground.state.people.all().iter().filter(|person| person.home() == Home::Tail)
}

fn may_be_released(ground: &Ground<'_>, person: &PersonState) -> bool {
    let rests = matches!(person.enforced(), Enforced::Kept(at) if ground.now.duration_since(at) < REFUSED_WAIT);
    let held = ground.state.person_hold(person.id).is_some_and(|hold| hold.blocks == Blocks::All);
    person.is_to_be_released() && !rests && !held
}

/// Why nobody of a home may be released now.
#[must_use]
pub fn refuses(ground: &Ground<'_>, home: Home) -> Option<Refusal> {
    let hold = ground.state.stops_all(home)?;
    Some(format!("hold `{}`: {}", hold.id, hold.why).into())
}

/// The guard of a release: who may pass, and why the others may not.
#[must_use]
pub fn guard(ground: &Ground<'_>, home: Home, batch: &[ObjectId]) -> Checked {
    let rolls_back = match home {
        Home::Tail => ground.state.tail_rolls_back.is_some(),
        Home::Stage(_) => newest(ground).is_some_and(|(newest, _)| newest == home),
    };
    let all = refuses(ground, home).or_else(|| (!rolls_back).then(|| "the stage is not being rolled back".into()));
    if let Some(why) = all {
        return Checked { pass: Vec::new(), held: vec![Because { why: why.into_owned(), people: batch.to_vec() }] };
    }
    let ours = |id: &ObjectId| ground.state.people.get(*id).is_some_and(|person| may_be_released(ground, &person));
    let (pass, held): (Vec<_>, Vec<_>) = batch.iter().copied().partition(ours);
    let held = if held.is_empty() {
        Vec::new()
    } else {
        vec![Because { why: "the journal does not say that we enforced them".to_owned(), people: held }]
    };
    Checked { pass, held }
}

/// A stage that is being rolled back: over when nobody is left to release and two agreeing reads show nobody who was.
#[must_use]
pub fn rolled_back(ground: &Ground<'_>, home: Home, stage: &StageState) -> Vec<Event> {
    if !waits(ground, home, stage).is_empty() {
        return Vec::new();
    }
    let released = people_of(ground, stage).filter(|person| matches!(person.enforced(), Enforced::Released(_))).count();
    vec![Event::StageMoved {
        stage: stage.name.clone(),
        from: PhaseName::RollingBack,
        to: PhaseName::RolledBack,
        why: format!("{released} people were released, as two readings show; nothing of ours is left"),
    }]
}

/// What a rollback still waits for, in sentences.
#[must_use]
pub fn waits(ground: &Ground<'_>, home: Home, stage: &StageState) -> Vec<String> {
    let mut waits: Vec<String> = refuses(ground, home).map(std::borrow::Cow::into_owned).into_iter().collect();
    if let Some((newest, newer)) = newest(ground).filter(|(newest, _)| *newest != home) {
        debug_assert!(newest > home, "the newest comes last");
        waits.push(format!("stage `{}` is rolled back first", newer.name));
    }
    if ground.state.tail_rolls_back.is_some() {
        waits.push("the tail is rolled back first".to_owned());
    }
    waits.extend(left(ground, home, people_of(ground, stage)));
    waits.extend(super::switch::undoing(ground, stage));
    waits
}

/// The tail: over when nobody of it is left to release and two agreeing reads show nobody who was.
#[must_use]
pub fn tail_rolled_back(ground: &Ground<'_>) -> Option<Event> {
    ground.state.tail_rolls_back.as_ref()?;
    tail_waits(ground).is_empty().then_some(Event::TailRolledBack)
}

/// What the rollback of the tail still waits for, in sentences.
#[must_use]
pub fn tail_waits(ground: &Ground<'_>) -> Vec<String> {
    if ground.state.tail_rolls_back.is_none() {
        return Vec::new();
    }
    let held = refuses(ground, Home::Tail).map(std::borrow::Cow::into_owned);
    held.into_iter().chain(left(ground, Home::Tail, of_tail(ground))).collect()
}

/// Who is still to be released, or not seen so yet.
fn left(ground: &Ground<'_>, home: Home, people: impl Iterator<Item = PersonState>) -> Vec<String> {
    let mut waits = Vec::new();
    let (mut left, mut refused, mut unseen) = (0_u32, 0_u32, 0_u32);
    for person in people {
        match person.enforced() {
            Enforced::Kept(_) if !person.marks().removed_by_hand => refused += 1,
            _ if person.is_to_be_released() => left += 1,
            Enforced::Released(at) if !is_seen_gone(ground, person.id, at) => unseen += 1,
            _ => {}
        }
    }
    if left > 0 {
        waits.push(format!("{left} people are still to be released"));
    }
    if refused > 0 {
        waits.push(format!("the tenant refuses to release {refused} people; it is tried again every hour"));
    }
    if has_open_batch(ground, home) {
        waits.push("the outcome of a batch is not known yet; it is read back".to_owned());
    }
    if unseen > 0 {
        waits.push(format!("{unseen} released people are not seen so by two readings yet"));
    }
    waits
}

/// Whether two agreeing reads, both later than the release, do not show the person.
fn is_seen_gone(ground: &Ground<'_>, id: ObjectId, at: jiff::Timestamp) -> bool {
    let members = &ground.observed.members;
    let lacks = |reading: &Reading<IdSet>| reading.as_of >= at && !reading.value.contains(id);
    members.last.as_ref().is_some_and(lacks) && members.earlier.as_ref().is_some_and(lacks)
}
