//! Gates that the journal answers: whom notices reached, what the helpdesk counted, what a human said.
//!
//! Does not say who may say it. Invariant: a human's answer counts for the phase in which the gate is asked, and for no other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answered::Judgement;
use super::measure::{Facts, Found};
use super::{LOG_REACH, Measure};
use crate::rollout::event::{Counted, Origin};
use crate::rollout::person::PersonState;
use crate::rollout::plan::{Gate, GateAt};
use crate::rollout::stage::PhaseName;
use crate::rollout::state::{TAIL, evidence_key};

/// What was posted for gates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posts {
    /// What humans answered, by stage and gate.
    #[serde(default)]
    pub confirmed: BTreeMap<String, Confirmation>,
    /// What helpdesks counted, oldest end first; as far back as a window may reach.
    #[serde(default)]
    pub contacts: Vec<Contacts>,
}

impl Posts {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.confirmed.is_empty() && self.contacts.is_empty()
    }
}

/// A human's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Yes or no.
    pub says: Yes,
    /// When.
    pub at: Timestamp,
    /// The stage's phase then; none for the tail.
    pub phase: Option<PhaseName>,
    /// Their reason.
    pub why: String,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Yes {
    /// It is well.
    Yes,
    /// It is not.
    No,
}

/// Contacts that a helpdesk counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contacts {
    /// Of which stage; of the whole rollout, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// How many.
    pub count: u32,
    /// From then on.
    pub since: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// Who counted.
    pub source: String,
}

/// Whether a gate of that moment is asked in a phase.
#[must_use]
pub const fn is_in_force(at: GateAt, phase: PhaseName) -> bool {
    match at {
        GateAt::Start => matches!(phase, PhaseName::Announced),
        GateAt::During => matches!(phase, PhaseName::Enforcing | PhaseName::Soaking),
        GateAt::Exit => matches!(phase, PhaseName::Soaking),
    }
}

/// Whom a notice reached that holds, and everybody who should have been.
pub(super) fn reach(unreached: u32, people: impl Iterator<Item = PersonState>) -> Counted {
    let reached = people.map(|person| person.promise_told().is_some()).fold(Counted::default(), Counted::with);
    Counted { sample: reached.sample.saturating_add(unreached), ..reached }
}

pub(super) fn confirmed(facts: &Facts<'_>, gate: &Gate) -> Found {
    let answer = facts.state.posts.confirmed.get(&evidence_key(facts.name, &gate.name));
    let counts = |answer: &&Confirmation| match answer.phase {
        Some(phase) => is_in_force(gate.at, phase),
        None => facts.name == TAIL,
    };
    let Some(answer) = answer.filter(counts) else {
        let why = Some("nobody has answered yet".to_owned());
        let judged = Some(Judgement::Inconclusive);
        return Found { as_of: Some(facts.now), judged, why, ..Found::none(Origin::Operator) };
    };
    let (judged, hits) = match answer.says {
        Yes::Yes => (Judgement::Pass, 1),
        Yes::No => (Judgement::Fail, 0),
    };
    Found {
        as_of: Some(answer.at),
        value: Some(f64::from(hits)),
        counted: Counted { hits, sample: 1 },
        judged: Some(judged),
        why: Some(answer.why.clone()),
        ..Found::none(Origin::Operator)
    }
}

/// Contacts of the stage, and of the rollout as a whole, since its first people were enforced, or within the window; and how many are
/// enforced.
pub(super) fn contacts(facts: &Facts<'_>, gate: &Gate, people: impl Iterator<Item = PersonState>) -> Found {
    let (mut sample, mut first) = (0_u32, None::<Timestamp>);
    for since in people.filter_map(|person| person.enforced_since()) {
        sample = sample.saturating_add(1);
        first = Some(first.map_or(since, |first| first.min(since)));
    }
    let Some(first) = first else { return Found::none(Origin::Operator) };
    let window = gate.asking.window.unwrap_or(LOG_REACH);
    let from = first.max(facts.now.checked_sub(window).unwrap_or(first));
    let ours = |post: &&Contacts| post.stage.as_ref().is_none_or(|stage| stage == facts.name) && post.until > from;
    let posts = || facts.state.posts.contacts.iter().filter(ours);
    let hits = posts().fold(0_u32, |sum, post| sum.saturating_add(post.count));
    let value = match gate.measure {
        Measure::ContactsPer100 => f64::from(hits) * 100.0 / f64::from(sample),
        _ => f64::from(hits),
    };
    let as_of = posts().map(|post| post.until).max();
    let value = as_of.map(|_| value);
    Found { as_of, value, counted: Counted { hits, sample }, ..Found::none(Origin::Operator) }
}
