//! Records about gates into state: readings, what a human answered, what a helpdesk counted.
//!
//! Decides nothing. Invariants: what a stage's gates said before it was announced anew says nothing about it; what a human looked into and
//! cleared is not counted again.

use jiff::Timestamp;

use super::acknowledge::judged;
use super::event::Event;
use super::gate::{Confirmation, Contacts, LOG_REACH};
use super::hold::Hold;
use super::plan::{Fails, Plan};
use super::stage::PhaseName;
use super::state::{State, TAIL, UNREACHED, evidence_key};

/// More counts of contacts than these are not kept.
const MOST_POSTS: usize = 1_000;

impl State {
    pub(super) fn take_gates(&mut self, at: Timestamp, event: &Event) -> Result<(), String> {
        match event {
            Event::GateRead { stage, gate, evidence } => {
                let key = evidence_key(stage, gate);
                let plan = self.plan.as_ref().map(|accepted| &accepted.plan);
                let known = plan.and_then(|plan| plan.gates.iter().find(|known| known.name == *gate));
                if let Some(known) = known.filter(|known| known.asking.fails != Fails::default()) {
                    let verdict = judged(&known.of(stage), evidence, self.acknowledged.get(&key));
                    self.recent.entry(key.clone()).or_default().take(evidence.as_of, verdict);
                }
                self.evidence.insert(key, evidence.clone());
                Ok(())
            }
            Event::Confirmed { stage, gate, says, why } => {
                let phase = match self.stage(stage) {
                    Some((_, state)) => Some(state.phase.name()),
                    None if stage == TAIL => None,
                    None => return Err(format!("there is no stage `{stage}`")),
                };
                let answer = Confirmation { says: *says, at, phase, why: why.clone() };
                self.posts.confirmed.insert(evidence_key(stage, gate), answer);
                Ok(())
            }
            Event::ContactsCounted { contacts, .. } => {
                self.count_contacts(at, contacts);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Who counts a period again corrects what they said of it.
    fn count_contacts(&mut self, at: Timestamp, contacts: &Contacts) {
        let same =
            |known: &Contacts| (&known.stage, &known.source, known.since) == (&contacts.stage, &contacts.source, contacts.since);
        self.posts.contacts.retain(|known| !same(known) && at.duration_since(known.until) <= LOG_REACH);
        self.posts.contacts.push(contacts.clone());
        self.posts.contacts.sort_by_key(|known| known.until);
        let surplus = self.posts.contacts.len().saturating_sub(MOST_POSTS);
        self.posts.contacts.drain(..surplus);
    }

    /// A human looked into a failed gate: from now on it fails anew or not at all.
    pub(super) fn forget_failures(&mut self, hold: &Hold) {
        if let Some(recent) = hold.gate().and_then(|(stage, gate)| self.recent.get_mut(&evidence_key(stage, gate))) {
            recent.acknowledge();
        }
    }

    /// A stage that is announced anew, or undone, begins without what its gates said.
    pub(super) fn forget_gates(&mut self, stage: &str, to: PhaseName) {
        if matches!(to, PhaseName::Announcing | PhaseName::Missed | PhaseName::RollingBack) {
            let prefix = evidence_key(stage, "");
            self.recent.retain(|key, _| !key.starts_with(&prefix));
            self.acknowledged.retain(|key, _| !key.starts_with(&prefix));
            self.posts.confirmed.retain(|key, _| !key.starts_with(&prefix));
        }
    }

    /// What a gate said says nothing about one of the same name that asks something else.
    pub(super) fn keep_gates_of(&mut self, plan: &Plan) {
        let before = self.plan.as_ref().map(|accepted| accepted.plan.gates.as_slice()).unwrap_or_default();
        let stays = |key: &String| {
            let same = before.iter().filter(|gate| plan.gates.contains(gate));
            same.into_iter().any(|gate| key.strip_suffix(gate.name.as_str()).is_some_and(|stage| stage.ends_with('/')))
        };
        self.recent.retain(|key, _| stays(key));
        self.posts.confirmed.retain(|key, _| stays(key));
    }

    pub(super) fn count_unreached(&mut self, stage: &str, people: usize, why: &str) {
        if let Ok(stage) = self.stage_mut(stage)
            && why.starts_with(UNREACHED)
        {
            stage.unreached = stage.unreached.saturating_add(u32::try_from(people).unwrap_or(u32::MAX));
        }
    }
}
