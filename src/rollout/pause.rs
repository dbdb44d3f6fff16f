//! Pausing and going on: what an operator holds, and which holds they end (DESIGN §4).
//!
//! Ending a hold starts nothing: the next decision looks at everything anew.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::acknowledge::digest;
use super::event::{Event, Evidence};
use super::hold::{Blocks, Clears, Hold, Owner, Scope};
use super::state::{PAUSE_FILE, PAUSED, State, TAIL, evidence_key, paused_hold_id};
use super::verb::{Verb, may, reason};

/// The hold of a pause.
#[must_use]
pub fn pause_hold(at: Timestamp, scope: Scope, blocks: Blocks, until: Option<Timestamp>, why: &str) -> Hold {
    let id = paused_hold_id(&scope);
    let what = match &scope {
        Scope::Rollout => "paused".to_owned(),
        Scope::Stage(stage) => format!("stage `{stage}` is paused"),
        Scope::Person(_) => "one person is paused".to_owned(),
    };
    let all = if blocks == Blocks::All { ", rollback too" } else { "" };
    let till = until.map(|until| format!(" until {until}")).unwrap_or_default();
    let ends = if id == PAUSED { "tidegate unpause".to_owned() } else { format!("tidegate unpause {id}") };
    Hold {
        scope,
        blocks,
        owner: Owner::Operator,
        since: at,
        clears: Clears::Human,
        why: format!("{what} by an operator{till}{all}: {why}; `{ends}` ends it"),
        until,
        id,
    }
}

/// The records that pause; none where it rests so already. Whatever is held for all stays so until it is ended.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn begin(
    state: &State,
    now: Timestamp,
    scope: Scope,
    blocks: Blocks,
    until: Option<Timestamp>,
    why: String,
) -> Result<Vec<Event>, String> {
    if let Scope::Stage(name) = &scope
        && state.home(name).is_none()
    {
        let names: Vec<_> = state.stages.iter().map(|stage| format!("`{}`", stage.name)).collect();
        return Err(format!("there is no stage `{name}`; the stages are {}, and `tail`", names.join(", ")));
    }
    if let Scope::Stage(name) = &scope
        && name != TAIL
    {
        may(state, name, Verb::Pause)?;
    }
    if let Some(until) = until.filter(|until| *until <= now) {
        return Err(format!("the pause would have ended at {until} already; give a later time"));
    }
    reason("pause", &why)?;
    let held = state.holds.get(&paused_hold_id(&scope));
    let blocks = held.map_or(blocks, |held| held.blocks.max(blocks));
    if held.is_some_and(|held| held.blocks == blocks && (until.is_none() || held.until == until)) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Paused { why, scope, blocks, until }])
}

/// Pauses whose time is up: they hold on, and say so.
pub fn expired(state: &State, now: Timestamp) -> impl Iterator<Item = Event> {
    state.holds.values().filter_map(move |hold| {
        let until = hold.until.filter(|until| *until <= now)?;
        let why = format!("its time was up at {until}, and only you end it: {}", hold.why);
        Some(Event::HoldPlaced { hold: Hold { until: None, why, ..hold.clone() } })
    })
}

/// What an operator ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ending {
    /// The id of the hold; the only pause if left out.
    pub hold: Option<String>,
    /// Digest of the evidence that they looked at, where a gate had failed.
    pub ack: Option<String>,
    /// Whether a stage whose start has passed may still start.
    pub allow_start: bool,
    /// Their reason.
    pub why: String,
}

/// The record that ends a hold.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn end(state: &State, ending: Ending) -> Result<Event, String> {
    let Ending { hold, ack, allow_start, why } = ending;
    let hold = held(state, hold.as_deref())?;
    if hold.id == PAUSE_FILE {
        return Err("the rollout is paused by the file in the state folder; remove the file to go on".to_owned());
    }
    if hold.id == super::closing::ABORTED {
        return Err("the rollout was aborted and does not go on; a new one begins in a state folder of its own".to_owned());
    }
    if hold.clears == Clears::Itself {
        return Err(format!(
            "hold `{}` ends by itself when its cause is gone: {}; `tidegate override` names what may be passed all the same",
            hold.id, hold.why
        ));
    }
    let ack = acknowledged(state, hold, ack)?;
    Ok(Event::Unpaused { hold: hold.id.clone(), allow_start, ack, why })
}

fn held<'a>(state: &'a State, named: Option<&str>) -> Result<&'a Hold, String> {
    let ours = |hold: &&Hold| hold.clears == Clears::Human;
    let all = || {
        let ids: Vec<_> = state.holds.values().filter(ours).map(|hold| format!("`{}`", hold.id)).collect();
        if ids.is_empty() { "nothing is held that a human ends".to_owned() } else { format!("in force are {}", ids.join(", ")) }
    };
    if let Some(id) = named {
        return state.holds.get(id).ok_or_else(|| format!("there is no hold `{id}`; {}", all()));
    }
    if let Some(hold) = state.holds.get(PAUSED) {
        return Ok(hold);
    }
    let mut pauses = state.holds.values().filter(|hold| hold.id.starts_with(PAUSED));
    match (pauses.next(), pauses.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(format!("there are several pauses; name one: {}", all())),
        (None, _) => Err(format!("there is no pause; {}; `tidegate status` shows all holds", all())),
    }
}

/// A gate that failed is passed on from only by whoever has seen with what.
fn acknowledged(state: &State, hold: &Hold, ack: Option<String>) -> Result<Option<Evidence>, String> {
    let Some((stage, gate)) = hold.gate() else {
        return match ack {
            Some(_) => Err(format!("hold `{}` rests on no evidence; leave --ack out", hold.id)),
            None => Ok(None),
        };
    };
    let evidence = state.evidence.get(&evidence_key(stage, gate));
    let Some(evidence) = evidence else { return Ok(None) };
    let known = digest(evidence);
    match ack {
        Some(ack) if ack == known => Ok(Some(evidence.clone())),
        Some(ack) => Err(format!("the evidence is `{known}`, not `{ack}`; look at it again: {}", hold.why)),
        None => Err(format!("look at the evidence first, then say --ack {known}: {}", hold.why)),
    }
}
