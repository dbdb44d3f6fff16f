//! Records into state, for what takes back and what switches: releases, retired states, switches of the whole tenant, settled batches.

use jiff::Timestamp;

use super::apply::trouble;
use super::event::{Because, Before, Deed, Event, Switched};
use super::id::ObjectId;
use super::observed::Toggle;
use super::person::{Enforced, Home, Retired};
use super::state::{Batch, Phase, Stands, State, Thrown};
use super::switch::Switch;

impl State {
    /// Marks people whom our own write enforced.
    pub(super) fn mark_ours(&mut self, people: &[ObjectId], at: Timestamp) -> Result<(), String> {
        people.iter().try_for_each(|id| {
            let mut person = self.person(*id)?;
            person.mark(Enforced::Accepted(at));
            person.change(|marks| marks.ours = true);
            Ok(())
        })
    }

    pub(super) fn release_intent(&mut self, seq: u64, at: Timestamp, stage: &str, people: &[ObjectId]) -> Result<(), String> {
        let home = self.home(stage).ok_or_else(|| format!("there is no stage `{stage}`"))?;
        if home == Home::Tail {
            self.tail_rolls_back.as_ref().ok_or("the tail is not rolled back")?;
        } else {
            let phase = &self.stage_mut(stage)?.phase;
            if *phase != Phase::RollingBack {
                return Err(format!("stage `{stage}` is {}, not rolling back", phase.name().as_str()));
            }
        }
        if let Some(id) = people.iter().find(|id| !self.people.get(**id).is_some_and(|person| person.is_to_be_released())) {
            return Err(format!("{id} was not enforced by us"));
        }
        self.mark(people, Enforced::Releasing(seq))?;
        self.batches.insert(seq, Batch { at, home, deed: Deed::Release, people: people.to_vec() });
        Ok(())
    }

    pub(super) fn release_outcome(&mut self, at: Timestamp, event: &Event) -> Result<(), String> {
        let Event::ReleaseOutcome { intent, released, already, gone, refused, unknown, not_sent } = event else { return Ok(()) };
        if self.batches.get(intent).is_none_or(|batch| batch.deed != Deed::Release) {
            return Err(format!("there is no release intent {intent}"));
        }
        self.mark(released, Enforced::Released(at))?;
        self.mark(already, Enforced::Released(at))?;
        self.mark(gone, Enforced::Gone(at))?;
        for id in refused.iter().flat_map(|because| &because.people) {
            self.person(*id)?.mark(Enforced::Kept(at));
        }
        for id in not_sent.iter().flat_map(|because| &because.people) {
            self.person(*id)?.not_released(at);
        }
        self.wire_trouble = trouble(self.wire_trouble, at, not_sent, released.is_empty());
        self.close(*intent, unknown);
        Ok(())
    }

    pub(super) fn retire_intent(&mut self, seq: u64, at: Timestamp, before: &[Before]) -> Result<(), String> {
        let mut people = Vec::new();
        for Before { state, people: of_state } in before {
            for id in of_state {
                let mut person = self.person(*id)?;
                if !person.is_enforced() {
                    return Err(format!("{id} is not enforced by the policy"));
                }
                person.change(|marks| marks.retired = Retired::Intended(*state));
                people.push(*id);
            }
        }
        self.batches.insert(seq, Batch { at, home: Home::Tail, deed: Deed::Retire, people });
        Ok(())
    }

    pub(super) fn retire_outcome<'a>(
        &mut self,
        intent: u64,
        retired: &[ObjectId],
        back: impl Iterator<Item = &'a Because>,
        unknown: &[ObjectId],
    ) -> Result<(), String> {
        if self.batches.get(&intent).is_none_or(|batch| batch.deed != Deed::Retire) {
            return Err(format!("there is no retire intent {intent}"));
        }
        self.mark_retired(retired, back.flat_map(|because| because.people.iter()))?;
        self.close(intent, unknown);
        Ok(())
    }

    fn mark_retired<'a>(&mut self, done: &[ObjectId], back: impl Iterator<Item = &'a ObjectId>) -> Result<(), String> {
        for id in done {
            let mut person = self.person(*id)?;
            if let Some(before) = person.marks().retired.before() {
                person.change(|marks| marks.retired = Retired::Done(before));
            }
        }
        for id in back {
            self.person(*id)?.change(|marks| marks.retired = Retired::No);
        }
        Ok(())
    }

    /// Reading back settled a batch.
    pub(super) fn settled(&mut self, at: Timestamp, intent: u64, landed: &[ObjectId], absent: &[ObjectId]) -> Result<(), String> {
        let batch = self.batches.get(&intent).ok_or_else(|| format!("there is no open batch {intent}"))?;
        let (deed, mut left) = (batch.deed, batch.people.clone());
        match deed {
            Deed::Enforce => {
                self.mark_ours(landed, at)?;
                self.mark(absent, Enforced::No)?;
                // Should they be members all the same, a write of ours came through late.
                absent.iter().try_for_each(|id| self.person(*id).map(|mut person| person.change(|marks| marks.ours = true)))?;
            }
            Deed::Release => {
                self.mark(landed, Enforced::Released(at))?;
                for id in absent {
                    self.person(*id)?.not_released(at);
                }
            }
            Deed::Retire => self.mark_retired(landed, absent.iter())?,
        }
        left.retain(|id| !landed.contains(id) && !absent.contains(id));
        self.close(intent, &left);
        Ok(())
    }

    pub(super) fn switch_intent(&mut self, thrown: Thrown) -> Result<(), String> {
        let Thrown { stage, switch, undoes, .. } = &thrown;
        let phase = &self.stage_mut(stage)?.phase;
        let fits = match (undoes, switch) {
            (None, Switch::Reach { .. }) => *phase == Phase::Done,
            (None, _) => matches!(phase, Phase::Enforcing { .. }),
            (Some(_), _) => *phase == Phase::RollingBack,
        };
        if !fits {
            return Err(format!("stage `{stage}` is {}; nothing is switched there", phase.name().as_str()));
        }
        if matches!(switch, Switch::Reach { .. }) && thrown.image.is_none() {
            return Err("a policy's conditions are switched without a before-image".to_owned());
        }
        if undoes.is_some_and(|undoes| !self.thrown.iter().any(|thrown| thrown.intent == undoes)) {
            return Err("there is no such switch to undo".to_owned());
        }
        self.finish_asked = None;
        self.thrown.push(thrown);
        Ok(())
    }

    pub(super) fn switch_outcome(&mut self, at: Timestamp, intent: u64, switched: &Switched) -> Result<(), String> {
        let thrown = self.thrown.iter_mut().find(|thrown| thrown.intent == intent);
        let thrown = thrown.ok_or_else(|| format!("there is no switch intent {intent}"))?;
        if !matches!(thrown.stands, Stands::Open | Stands::Unknown) {
            return Err(format!("the outcome of switch intent {intent} is known already"));
        }
        thrown.stands = match switched {
            Switched::Done => Stands::Done(at),
            Switched::Unknown => Stands::Unknown,
            Switched::Absent => Stands::Absent,
            Switched::Refused(_) | Switched::NotSent(_) => Stands::Refused(at),
        };
        match (thrown.stands, thrown.switch) {
            (Stands::Done(at), Switch::SecurityDefaults { to, .. }) => self.tenant_switched(at, to),
            // Its conditions are others from now on, by us.
            (Stands::Done(_), Switch::Reach { .. }) => self.policy = None,
            _ => {}
        }
        Ok(())
    }

    /// Where the whole tenant is switched at once, that is what enforces and releases people.
    fn tenant_switched(&mut self, at: Timestamp, to: Toggle) {
        if !self.plan.as_ref().is_some_and(|accepted| super::switch::is_tenant_wide(&accepted.plan)) {
            return;
        }
        self.people.change_all(|person| match to {
            Toggle::On if person.enforced() == Enforced::No => {
                person.mark(Enforced::Accepted(at));
                person.change(|marks| marks.ours = true);
            }
            Toggle::Off if person.marks().ours => person.mark(Enforced::Released(at)),
            _ => {}
        });
    }
}
