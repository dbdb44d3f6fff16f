//! Judging a rollback: people are released whom we put there, whom nobody has put there since, and in the end nobody of ours is left.

use jiff::Timestamp;

use super::Judge;
use super::ledger::{Intent, Ledger, TAIL, of, split};
use super::operated::Operated;
use super::rule::{Breach, Reached, Rule};
use crate::rollout::event::{Event, Record};
use crate::rollout::id::ObjectId;
use crate::rollout::stage::PhaseName;
use crate::sim::oracle::Write;
use crate::sim::tenant::Tenant;

impl Judge {
    /// Judges a removal that reached the tenant when the app's clock showed `now`.
    pub(super) fn judge_release(&mut self, now: Timestamp, write: &Write, tenant: &Tenant) {
        let at = write.at.min(now);
        for person in &write.people {
            let open = self.ledger.releases.values().find(|open| open.people.contains(person)).cloned();
            let Some(open) = open else {
                self.breach(at, Rule::Intent, Some(*person), "was released without an open intent".to_owned());
                continue;
            };
            if let Some(hold) = &open.held {
                self.breach(at, Rule::Hold, Some(*person), format!("was released under `{hold}`, which stops that too"));
            }
            if !self.ledger.rolls_back(&open.stage) {
                let seen = format!("was released from `{}`, which is not the newest that is rolled back", open.stage);
                self.breach(at, Rule::Restored, Some(*person), seen);
            }
            let since = tenant.came(*person, write.at);
            if since.is_none_or(|since| !self.is_ours(*person, since)) {
                let seen = format!("was released, and somebody else made them a member at {since:?}");
                self.breach(at, Rule::Restored, Some(*person), seen);
            }
            self.reached.count("people released");
        }
    }

    /// Whether this membership is one of our writes.
    fn is_ours(&self, person: ObjectId, since: Timestamp) -> bool {
        self.by_us.get(&person).is_some_and(|(at, _)| *at == since)
    }

    /// A stage, or the tail, is said to be rolled back: nobody is a member by our write for it.
    pub(super) fn judge_rolled_back(&mut self, record: &Record, tenant: &Tenant) {
        let stage = match &record.event {
            Event::StageMoved { stage, to: PhaseName::RolledBack, .. } => stage.as_str(),
            Event::TailRolledBack => TAIL,
            _ => return,
        };
        let left = self.by_us.iter().filter(|(person, (at, of))| of == stage && tenant.has_since(**person) == Some(*at));
        let left: Vec<ObjectId> = left.map(|(person, _)| *person).collect();
        let breach = |person| Breach {
            at: record.at,
            rule: Rule::Restored,
            person: Some(person),
            seen: format!("`{stage}` is rolled back, and they are members by our write"),
        };
        self.breaches.extend(left.into_iter().map(breach));
    }
}

impl Ledger {
    /// What operators passed, and what they stopped, for the stage of the next record.
    pub(super) fn look(&mut self, record: &Record, operated: &Operated) {
        match &record.event {
            Event::EnforceIntent { stage, .. } => {
                self.passed = operated.passed_holds(stage, record.at);
            }
            Event::ReleaseIntent { stage, people } => {
                self.stops = operated.stops_release(stage, people).map(ToOwned::to_owned);
            }
            _ => {}
        }
    }

    /// Takes in a release; what is wrong with it.
    pub(super) fn take_release(&mut self, record: &Record, reached: &mut Reached) -> Vec<String> {
        match &record.event {
            Event::ReleaseIntent { stage, people } => {
                let intent = Intent {
                    at: record.at,
                    stage: stage.clone(),
                    people: people.clone(),
                    held: self.stops.take(),
                    behind: None,
                    plan: None,
                    passes_calendar: false,
                    unknown: false,
                };
                self.releases.insert(record.seq, intent);
                Vec::new()
            }
            Event::ReleaseOutcome { intent, released, already, gone, refused, unknown, not_sent } => {
                reached.add("unknown releases", u64::from(!unknown.is_empty()));
                let Some(known) = self.releases.remove(intent) else { return vec![format!("there is no release {intent}")] };
                let lists = [released.clone(), already.clone(), gone.clone(), of(refused), unknown.clone(), of(not_sent)];
                self.release(released, record.at);
                self.release(already, record.at);
                let wrong = split(&known.people, &lists);
                if !unknown.is_empty() {
                    self.releases.insert(*intent, Intent { people: unknown.clone(), unknown: true, ..known });
                }
                wrong.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether people of a stage may be released: it is the newest that is being rolled back.
    fn rolls_back(&self, stage: &str) -> bool {
        if stage == TAIL {
            return self.tail_rolls_back;
        }
        let Some(plan) = self.plan.as_deref() else { return false };
        let rolling = |name: &str| self.phases.get(name) == Some(&PhaseName::RollingBack);
        plan.stages.iter().rev().map(|stage| stage.name.as_str()).find(|name| rolling(name)) == Some(stage)
    }
}
