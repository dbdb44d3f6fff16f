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
use super::state::{Phase, StageState, State};
use super::told::retry_at;
use super::tranche::{BATCH, BATCHES, REFUSED_WAIT, Tranche};

/// The moves by which a stage is rolled back, and before it every stage behind it that has begun; `Err` says why not.
pub fn begin(state: &State, name: &str, why: &str) -> Result<Vec<Event>, String> {
    let Some((ix, stage)) = state.stage(name) else {
        let names: Vec<_> = state.stages.iter().map(|stage| stage.name.as_str()).collect();
        return Err(format!("there is no stage `{name}`; the stages are {}", names.join(", ")));
    };
    let begun = |stage: &StageState| stage.phase.name().may_become(PhaseName::RollingBack);
    if !begun(stage) {
        return Err(format!(
            "stage `{name}` is {}; only what is enforcing, soaking or done can be rolled back",
            stage.phase.name().as_str()
        ));
    }
    if why.trim().is_empty() {
        return Err("a rollback needs a reason; say why with --reason".to_owned());
    }
    let behind = state.stages.iter().skip(usize::from(ix)).filter(|stage| begun(stage)).rev();
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
    if refuses(ground).is_some() || retry_at(ground.state.wire_trouble).is_some_and(|at| ground.now < at) {
        return None;
    }
    let (home, stage) = newest(ground)?;
    if super::switch::comes_before_release(ground, stage) {
        return None;
    }
    let people = people_of(ground, stage).filter(|person| may_be_released(ground, person)).map(|person| person.id);
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

fn may_be_released(ground: &Ground<'_>, person: &PersonState) -> bool {
    let rests = matches!(person.enforced(), Enforced::Kept(at) if ground.now.duration_since(at) < REFUSED_WAIT);
    person.is_to_be_released() && !rests
}

/// Why nobody may be released now.
#[must_use]
pub fn refuses(ground: &Ground<'_>) -> Option<Refusal> {
    let hold = ground.state.holds.values().find(|hold| hold.blocks == Blocks::All)?;
    Some(format!("hold `{}`: {}", hold.id, hold.why).into())
}

/// The guard of a release: who may pass, and why the others may not.
#[must_use]
pub fn guard(ground: &Ground<'_>, home: Home, batch: &[ObjectId]) -> Checked {
    let rolls_back = newest(ground).is_some_and(|(newest, _)| newest == home);
    let all = refuses(ground).or_else(|| (!rolls_back).then(|| "the stage is not being rolled back".into()));
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
    let mut waits: Vec<String> = refuses(ground).map(std::borrow::Cow::into_owned).into_iter().collect();
    if let Some((newest, newer)) = newest(ground).filter(|(newest, _)| *newest != home) {
        debug_assert!(newest > home, "the newest comes last");
        waits.push(format!("stage `{}` is rolled back first", newer.name));
    }
    let (mut left, mut refused, mut unseen) = (0_u32, 0_u32, 0_u32);
    for person in people_of(ground, stage) {
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
    waits.extend(super::switch::undoing(ground, stage));
    waits
}

/// Whether two agreeing reads, both later than the release, do not show the person.
fn is_seen_gone(ground: &Ground<'_>, id: ObjectId, at: jiff::Timestamp) -> bool {
    let members = &ground.observed.members;
    let lacks = |reading: &Reading<IdSet>| reading.as_of >= at && !reading.value.contains(id);
    members.last.as_ref().is_some_and(lacks) && members.earlier.as_ref().is_some_and(lacks)
}
