//! Alerts: what only a human can end, each told to operators once when it begins and once when it is over.
//!
//! Pure, and holds nothing itself: it reads the holds in force, stages that wait for a human, and gates that ask one. Invariants: each alert
//! names the command that answers it; without anybody to tell there is none; nothing waits for one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::closing::ABORTED;
use super::condition::Ground;
use super::event::{Event, Verdict};
use super::gate::{gates_of, read};
use super::hold::{Clears, Hold, Owner, Scope};
use super::overriding::of_gate;
use super::plan::{GateAt, Measure};
use super::state::{PAUSE_FILE, Phase, StageState};
use super::unmet::{self, Unmet};
use super::waited_for::WAITS;

/// Troubles that mostly pass by themselves are told once they have stood so long.
const PASSING: SignedDuration = SignedDuration::from_hours(1);

/// A human's answer to a start gate is asked for so long before the start.
const ASKED_BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// The alert for holds of single people, whom it does not name.
const PEOPLE: &str = "people";

/// Something that only a human can end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id: the hold's, or the stage's with what it waits for.
    pub id: String,
    /// The stage, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// What is missing, whom it concerns, since when, until when, and what ends it.
    pub unmet: Unmet,
}

/// Everything that waits for a human at `ground.now`, by id.
#[must_use]
pub fn called_for(ground: &Ground<'_>) -> BTreeMap<String, Alert> {
    let mut alerts = BTreeMap::new();
    let state = ground.state;
    if state.is_aborted() {
        return alerts;
    }
    let mut call = |id: String, stage: Option<&str>, unmet: Unmet| {
        alerts.insert(id.clone(), Alert { id, stage: stage.map(str::to_owned), unmet });
    };
    for hold in state.holds.values().filter(|hold| needs_somebody(ground, hold)) {
        let stage = if let Scope::Stage(stage) = &hold.scope { Some(stage.as_str()) } else { None };
        call(hold.id.clone(), stage, unmet::of_hold(ground, hold));
    }
    if let Some(unmet) = of_people(ground) {
        call(PEOPLE.to_owned(), None, unmet);
    }
    for (ix, stage) in (0_u16..).zip(&state.stages) {
        match &stage.phase {
            Phase::Missed { .. } | Phase::RolledBack => {
                for unmet in unmet::of_stage(ground, ix, stage) {
                    call(waits_id(stage), Some(&stage.name), unmet);
                }
            }
            Phase::Announced if soon(stage).is_some_and(|soon| soon <= ground.now) => {
                for gate in gates_of(ground.plan, &stage.name, GateAt::Start).filter(|gate| gate.measure == Measure::Confirm) {
                    let evidence = read(ground.plan, state, ground.observed, ground.now, stage, &gate);
                    let id = format!("{WAITS}{}:{}", stage.name, gate.name);
                    if evidence.verdict == Verdict::Inconclusive && !state.holds.contains_key(&id) {
                        call(id, Some(&stage.name), unmet::of_question(ground, ix, stage, &gate, &evidence));
                    }
                }
            }
            _ => {}
        }
    }
    alerts
}

/// The id of what a stage waits for that a human must rebook or close.
fn waits_id(stage: &StageState) -> String {
    format!("{}:{}", stage.phase.name().as_str(), stage.name)
}

/// When the answers that a stage's start needs are asked for.
fn soon(stage: &StageState) -> Option<Timestamp> {
    stage.start.instant.checked_sub(ASKED_BEFORE).ok()
}

/// Whether a hold, of everybody or of a stage, waits for somebody to do something, and is told now.
fn needs_somebody(ground: &Ground<'_>, hold: &Hold) -> bool {
    let stage = match &hold.scope {
        Scope::Person(_) => return false,
        Scope::Stage(stage) => stage.as_str(),
        Scope::Rollout => "",
    };
    if hold.clears == Clears::Human || hold.id == PAUSE_FILE {
        return hold.id != ABORTED;
    }
    match hold.owner {
        Owner::Schedule => false,
        Owner::Operator | Owner::Plan | Owner::System => true,
        Owner::Tenant => !passes(hold) || ground.now.duration_since(hold.since) >= PASSING,
        // A human's answer, or an exit gate that has been waited for too long; others are waited out.
        Owner::Gate => {
            let gate = hold.id.strip_prefix(WAITS).and_then(|rest| rest.strip_prefix(stage)?.strip_prefix(':'));
            let gate = gate.and_then(|gate| of_gate(ground.plan, stage, gate));
            gate.is_some_and(|gate| gate.measure == Measure::Confirm || gate.at == GateAt::Exit)
        }
    }
}

/// Whether a hold of the tenant's mostly ends without anybody doing anything.
fn passes(hold: &Hold) -> bool {
    hold.clears == Clears::Itself
        && hold.owner == Owner::Tenant
        && ["tenant:", "unwatched:"].iter().any(|kind| hold.id.starts_with(kind))
}

/// The holds of single people that only a human ends, as one.
fn of_people(ground: &Ground<'_>) -> Option<Unmet> {
    let holds = ground.state.holds.values();
    let held = holds.filter(|hold| matches!(hold.scope, Scope::Person(_)) && hold.clears == Clears::Human);
    let (count, since) = held.fold((0_u32, None::<Timestamp>), |(count, since), hold| {
        (count.saturating_add(1), Some(since.map_or(hold.since, |since| since.min(hold.since))))
    });
    let (are, of_them) = if count == 1 { ("1 person is", "this person") } else { ("people are", "these people") };
    let are = if count == 1 { are.to_owned() } else { format!("{count} {are}") };
    since.map(|since| Unmet {
        what: format!("{are} held by name: taken out of the group by somebody else, or paused by an operator"),
        whom: of_them.to_owned(),
        owner: Owner::Operator,
        since: Some(since),
        earliest: None,
        latest: None,
        ends: "an operator who looks at `tidegate status` and says `tidegate unpause HOLD` for each hold on a person".to_owned(),
    })
}

/// The records by which alerts begin and end.
#[must_use]
pub fn records(ground: &Ground<'_>) -> Vec<Event> {
    let told = &ground.state.operators.alerts;
    if !ground.plan.reports_to_somebody() {
        // Nobody is told that it is over who was not asked for any more.
        return Vec::new();
    }
    let called = called_for(ground);
    let over = told.values().filter(|alert| !called.contains_key(&alert.id));
    let over = over.map(|alert| Event::AlertEnded { id: alert.id.clone() });
    let begun = called.values().filter(|alert| !told.contains_key(&alert.id));
    over.chain(begun.map(|alert| Event::AlertRaised { alert: Box::new(alert.clone()) })).collect()
}

/// Instants at which an alert may begin.
pub(super) fn instants<'a>(ground: &Ground<'a>) -> impl Iterator<Item = Timestamp> + use<'a> {
    let tells = ground.plan.reports_to_somebody();
    let holds = ground.state.holds.values().filter(|hold| passes(hold));
    let stages = ground.state.stages.iter().filter(|stage| stage.phase == Phase::Announced);
    let all = holds.filter_map(|hold| hold.since.checked_add(PASSING).ok()).chain(stages.filter_map(soon));
    all.filter(move |_| tells)
}
