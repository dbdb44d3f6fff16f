//! Records of holds and of what operators say about them into state.

use jiff::{SignedDuration, Timestamp};

use super::approval::Approval;
use super::closing::aborted_hold;
use super::event::{Event, Record};
use super::hold::{Clears, Hold, Owner, Scope};
use super::id::ObjectId;
use super::overriding::Override;
use super::pause::pause_hold;
use super::person::Enforced;
use super::state::{Answered, PAUSE_FILE, Pause, Phase, State, evidence_key, removed_hold_id};

/// How long the keys of commands are known.
pub(super) const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl State {
    /// Takes in one of these records.
    pub(super) fn take_operated(&mut self, record: &Record) -> Result<(), String> {
        let at = record.at;
        match &record.event {
            Event::HoldPlaced { hold } => {
                self.holds.insert(hold.id.clone(), hold.clone());
                Ok(())
            }
            Event::HoldCleared { id, .. } => {
                let hold = self.holds.remove(id).ok_or_else(|| format!("there is no hold `{id}`"))?;
                self.soak_from(at, &hold);
                if id == PAUSE_FILE {
                    // Removing the file ends a pause as `unpause` does.
                    self.last_pause = Some(Pause { to: at, allow_start: false });
                }
                Ok(())
            }
            Event::Paused { why, scope, blocks, until } => {
                if let Scope::Stage(stage) = scope {
                    self.home(stage).ok_or_else(|| format!("there is no stage `{stage}`"))?;
                }
                let hold = pause_hold(at, scope.clone(), *blocks, *until, why);
                self.holds.insert(hold.id.clone(), hold);
                Ok(())
            }
            Event::Unpaused { hold, allow_start, ack, .. } => {
                let hold = self.holds.remove(hold).ok_or_else(|| format!("there is no hold `{hold}`"))?;
                if let (Some((stage, gate)), Some(evidence)) = (hold.gate(), ack) {
                    self.acknowledged.insert(evidence_key(stage, gate), evidence.clone());
                }
                self.forget_failures(&hold);
                self.ended(at, &hold, *allow_start)
            }
            Event::Approved { revision, until, .. } => {
                if self.plan.as_ref().is_none_or(|accepted| accepted.revision != *revision) {
                    return Err(format!("revision {revision} is not in force"));
                }
                self.approvals.retain(|approval| approval.who != record.actor);
                self.approvals.push(Approval { who: record.actor.clone(), until: *until });
                Ok(())
            }
            Event::Rejected { revision, .. } => {
                self.approvals.clear();
                self.rejected.insert(revision.clone());
                Ok(())
            }
            Event::Overridden { stage, passed, evidence, until, why } => {
                self.overrides.retain(|over| at < over.until && (over.stage != *stage || over.passed != *passed));
                let (stage, passed, evidence, why) = (stage.clone(), passed.clone(), evidence.clone(), why.clone());
                self.overrides.push(Override { stage, passed, evidence, until: *until, who: record.actor.clone(), why });
                Ok(())
            }
            Event::Aborted { how, why } => {
                let hold = aborted_hold(at, *how, why);
                self.holds.insert(hold.id.clone(), hold);
                Ok(())
            }
            Event::TailRollback { why } => {
                self.tail_rolls_back = Some(why.clone());
                Ok(())
            }
            Event::TailRolledBack => {
                self.tail_rolls_back.take().map(drop).ok_or_else(|| "the tail is not rolled back".to_owned())
            }
            Event::Ordered { key, says } => {
                self.ordered.retain(|_, answered| at.duration_since(answered.at) <= KEYS_KEPT);
                self.ordered.insert(key.clone(), Answered { at, says: says.clone() });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A human ended a hold.
    fn ended(&mut self, at: Timestamp, hold: &Hold, allow_start: bool) -> Result<(), String> {
        self.soak_from(at, hold);
        let pause = Some(Pause { to: at, allow_start });
        match &hold.scope {
            Scope::Rollout => self.last_pause = pause,
            Scope::Stage(name) => {
                if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == *name) {
                    stage.last_pause = pause;
                }
            }
            Scope::Person(person) if hold.id == removed_hold_id(*person) => self.back(*person)?,
            Scope::Person(_) => {}
        }
        Ok(())
    }

    /// Whoever was taken out by hand and may be required to use MFA after all is told a date of their own first.
    fn back(&mut self, id: ObjectId) -> Result<(), String> {
        let mut person = self.person(id)?;
        person.change(|marks| (marks.removed_by_hand, marks.ours) = (false, false));
        person.mark(Enforced::No);
        let home = person.home();
        drop(person);
        let home = self.home_name(home).to_owned();
        self.carry(&home, &[id])
    }

    /// Time under a hold is no healthy time: a soak goes on from the instant at which the hold ended.
    fn soak_from(&mut self, at: Timestamp, hold: &Hold) {
        if hold.owner == Owner::Schedule {
            return;
        }
        let concerned = |name: &str| match &hold.scope {
            Scope::Rollout => true,
            Scope::Stage(stage) => stage == name,
            Scope::Person(_) => false,
        };
        for stage in self.stages.iter_mut().filter(|stage| concerned(&stage.name)) {
            if let Phase::Soaking { until, .. } = &mut stage.phase {
                *until = at.max(*until);
            }
        }
    }
}

impl Hold {
    /// The stage and the gate whose failure it is.
    #[must_use]
    pub fn gate(&self) -> Option<(&str, &str)> {
        let Scope::Stage(stage) = &self.scope else { return None };
        let gate = self.id.strip_prefix("gate:")?.strip_prefix(stage.as_str())?.strip_prefix(':')?;
        (self.clears == Clears::Human).then_some((stage, gate))
    }
}
