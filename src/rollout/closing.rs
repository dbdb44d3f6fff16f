//! Stages that do not come: skipped, cancelled, or ended with the whole rollout. Their people are told (`told`, `dated`).
//!
//! Invariant: nobody is enforced or released here; what has begun goes on as it was, or is rolled back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::hold::{Blocks, Clears, Hold, Owner, Scope};
use super::id::ObjectId;
use super::stage::PhaseName;
use super::state::{Phase, StageState, State};
use super::verb::{Verb, may, reason};

/// The hold of a rollout that was ended.
pub const ABORTED: &str = "aborted";

/// What becomes of those of whom MFA is required already, when the rollout ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Abort {
    /// It stays required.
    Keep,
    /// Every stage is rolled back, and the tail.
    Revert,
}

impl State {
    /// Whether the rollout was ended.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.holds.contains_key(ABORTED)
    }
}

/// The records that skip a stage. Whoever waits in it belongs to the tail from now on and is told a date of their own; a roster that is
/// not frozen leaves its people to the later stages.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn skip(state: &State, name: &str, why: &str) -> Result<Vec<Event>, String> {
    let (_, stage) = may(state, name, Verb::Skip)?;
    reason("skip", why)?;
    let mut events = waiting(state, stage, format!("the stage was skipped: {why}"));
    events.push(closed(stage, format!("skipped: {why}")));
    Ok(events)
}

/// The records that cancel a stage. Nothing is required of its people by it; a roster that is not frozen leaves them to the later stages.
///
/// # Errors
/// As [`skip`].
pub fn cancel(state: &State, name: &str, why: &str) -> Result<Vec<Event>, String> {
    let (_, stage) = may(state, name, Verb::Cancel)?;
    reason("cancel", why)?;
    Ok(vec![closed(stage, format!("{CANCELLED}{why}"))])
}

/// The records that end the rollout: every stage that has not begun is closed, and what has begun stays or is rolled back, the newest
/// first.
///
/// # Errors
/// As [`skip`].
pub fn abort(state: &State, how: Abort, why: &str) -> Result<Vec<Event>, String> {
    reason("abort", why)?;
    if state.is_aborted() {
        return Err("the rollout was aborted already".to_owned());
    }
    let mut events = vec![Event::Aborted { how, why: why.to_owned() }];
    for stage in &state.stages {
        if stage.phase.name().may_become(PhaseName::Closed) {
            events.push(closed(stage, format!("{CANCELLED}the rollout was aborted: {why}")));
        } else if matches!(stage.phase, Phase::Enforcing { .. }) && how == Abort::Keep {
            events.extend(waiting(state, stage, format!("the rollout was aborted: {why}")));
        }
    }
    if how == Abort::Revert {
        let begun = |stage: &&StageState| stage.phase.name().may_become(PhaseName::RollingBack);
        let moved = |stage: &StageState| Event::StageMoved {
            stage: stage.name.clone(),
            from: stage.phase.name(),
            to: PhaseName::RollingBack,
            why: format!("the rollout was aborted: {why}"),
        };
        events.extend(state.stages.iter().rev().filter(begun).map(moved));
        events.extend(super::release::of_tail_begins(state, why));
    }
    Ok(events)
}

/// How the reason of a stage begins that was cancelled, and not skipped.
const CANCELLED: &str = "cancelled: ";

impl StageState {
    /// Whether an operator decided that nothing is required of its people.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(&self.phase, Phase::Closed { why } if why.starts_with(CANCELLED))
    }
}

fn closed(stage: &StageState, why: String) -> Event {
    Event::StageMoved { stage: stage.name.clone(), from: stage.phase.name(), to: PhaseName::Closed, why }
}

/// Whoever of a frozen roster waits moves to the tail.
fn waiting(state: &State, stage: &StageState, why: String) -> Vec<Event> {
    let people = stage.roster.iter().filter_map(|place| state.people.at(*place));
    let people: Vec<ObjectId> = people.filter(super::person::PersonState::waits).map(|person| person.id).collect();
    if people.is_empty() { Vec::new() } else { vec![Event::Carried { stage: stage.name.clone(), why, people }] }
}

/// The hold of a rollout that was ended.
#[must_use]
pub(super) fn aborted_hold(at: Timestamp, how: Abort, why: &str) -> Hold {
    let rest = match how {
        Abort::Keep => "whoever was enforced stays so",
        Abort::Revert => "what was enforced is rolled back",
    };
    Hold {
        id: ABORTED.to_owned(),
        scope: Scope::Rollout,
        blocks: Blocks::Forward,
        owner: Owner::Operator,
        since: at,
        clears: Clears::Human,
        why: format!("the rollout was aborted: {why}; {rest}, and nothing further begins"),
        until: None,
    }
}
