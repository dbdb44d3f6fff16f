//! Judging who moves stages: by itself the rollout only ever holds, or goes the next step on fresh evidence; everything else needs a
//! human, and what a human passed up does not come by itself.
//!
//! It is shown each record before the ledger takes it in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::ledger::Ledger;
use super::rule::{Breach, Reached, Rule};
use super::served::{Row, Served};
use crate::rollout::acknowledge::digest;
use crate::rollout::event::{By, Event, Evidence, Record, Verdict};
use crate::rollout::hold::{Blocks, Clears, Scope};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Toggle;
use crate::rollout::overriding::Passed;
use crate::rollout::plan::{Gate, GateAt, Measure};
use crate::rollout::stage::PhaseName;
use crate::rollout::state::{PAUSE_FILE, PAUSED};

/// The evidence of a start is read with it; the records of one decision bear nearly the same time.
const TOGETHER: SignedDuration = SignedDuration::from_secs(5);

/// What operators said, and what gates read.
#[derive(Debug, Default)]
pub(super) struct Operated {
    reads: BTreeMap<(String, String), (Timestamp, Evidence)>,
    overrides: Vec<Override>,
    /// The revision in force and who put it there.
    revision: (String, String),
    approvals: Vec<(String, Timestamp)>,
    rejected: BTreeSet<String>,
    rosters: BTreeMap<String, Vec<ObjectId>>,
    /// Stages that an operator cancelled.
    pub(super) cancelled: BTreeSet<String>,
    /// Pauses that stop rollback too.
    stops_all: BTreeMap<String, Scope>,
    /// Starts that passed under a pause whose end did not allow them.
    passed_up: BTreeMap<String, Timestamp>,
    /// How often the rollout came back from somewhere, and when it did last.
    back: (u32, Option<Timestamp>),
    /// The overdue stage that started since, and in which recovery.
    overdue: Option<(u32, String)>,
}

#[derive(Debug)]
struct Override {
    stage: String,
    passed: Passed,
    evidence: String,
    until: Timestamp,
}

/// Edges that a stage goes by itself.
fn goes_by_itself(from: PhaseName, to: PhaseName) -> bool {
    use PhaseName::{Announced, Announcing, Done, Enforcing, Missed, RolledBack, RollingBack, Scheduled, Soaking};
    matches!(
        (from, to),
        (Scheduled, Announcing | Missed)
            | (Announcing, Announced | Missed)
            | (Announced, Enforcing | Missed)
            | (Enforcing, Soaking)
            | (Soaking, Done)
            | (RollingBack, RolledBack)
    )
}

impl Operated {
    /// The process ended; what it comes back to may be overdue.
    pub(super) const fn ended(&mut self) {
        self.back = (self.back.0 + 1, None);
    }

    /// The holds that an operator passed for a stage; they may be in force no more.
    pub(super) fn passed_holds(&self, stage: &str, now: Timestamp) -> BTreeSet<String> {
        let counts = self.overrides.iter().filter(|over| over.stage == stage && now < over.until);
        counts.filter_map(|over| if let Passed::Hold(hold) = &over.passed { Some(hold.clone()) } else { None }).collect()
    }

    /// The hold that stops a rollback too, where one is in force.
    pub(super) fn stops_release(&self, stage: &str, people: &[ObjectId]) -> Option<&str> {
        let stops = |scope: &Scope| match scope {
            Scope::Rollout => true,
            Scope::Stage(name) => name == stage,
            Scope::Person(person) => people.contains(person),
        };
        self.stops_all.iter().find(|(_, scope)| stops(scope)).map(|(id, _)| id.as_str())
    }

    /// Judges the next record by what was before it.
    pub(super) fn take(&mut self, record: &Record, ledger: &Ledger, served: &Served, reached: &mut Reached) -> Vec<Breach> {
        let mut wrong = Vec::new();
        if self.back.1.is_none() {
            self.back.1 = Some(record.at);
        }
        let human = matches!(record.by, By::Operator | By::Plan);
        match &record.event {
            Event::PlanAccepted { revision, .. } => {
                self.revision = (revision.clone(), record.actor.clone());
                self.approvals.clear();
            }
            Event::Approved { revision, until, .. } => {
                reached.count("approvals");
                if *revision != self.revision.0 || record.actor == self.revision.1 {
                    wrong.push((Rule::Approval, format!("`{}` approves {revision}", record.actor)));
                }
                self.approvals.retain(|(who, _)| *who != record.actor);
                self.approvals.push((record.actor.clone(), *until));
            }
            Event::Rejected { revision, .. } => {
                reached.count("plans rejected");
                self.rejected.insert(revision.clone());
                self.approvals.clear();
            }
            Event::RosterFrozen { stage, people, .. } => drop(self.rosters.insert(stage.clone(), people.clone())),
            Event::Carried { stage, people, .. } => self.leaves(Some(stage), people),
            Event::ExceptionMade { people, .. } => self.leaves(None, people),
            Event::GateRead { stage, gate, evidence } => {
                reached.add("gates failed", u64::from(evidence.verdict == Verdict::Fail));
                self.reads.insert((stage.clone(), gate.clone()), (record.at, evidence.clone()));
            }
            Event::Overridden { stage, passed, evidence, until, .. } => {
                reached.count("overrides");
                let (stage, passed, evidence) = (stage.clone(), passed.clone(), evidence.clone());
                self.overrides.push(Override { stage, passed, evidence, until: *until });
            }
            Event::Paused { scope, blocks: Blocks::All, .. } => drop(self.stops_all.insert(paused(scope), scope.clone())),
            Event::Unpaused { hold, allow_start, .. } => {
                self.stops_all.remove(hold);
                let scope = ledger.holds.get(hold).map(|(scope, _)| scope.clone());
                if hold.starts_with(PAUSED)
                    && let Some(scope) = scope
                {
                    self.pause_ends(&scope, *allow_start, record.at, ledger);
                }
            }
            Event::HoldCleared { id, .. } => {
                let clears = ledger.holds.get(id).map(|(_, clears)| *clears);
                if !human && clears == Some(Clears::Human) {
                    wrong.push((Rule::Automatic, format!("the hold `{id}` is a human's, and ends by itself")));
                }
                if id == PAUSE_FILE {
                    self.pause_ends(&Scope::Rollout, false, record.at, ledger);
                }
            }
            Event::EnforceIntent { .. } => wrong.extend(self.unapproved(record.at, ledger)),
            Event::StageMoved { stage, from, to, why } => {
                if *to == PhaseName::Closed && why.starts_with("cancelled") {
                    self.cancelled.insert(stage.clone());
                }
                wrong.extend(self.moves(record, (stage, *from, *to), human, ledger, served, reached));
                self.overrides.retain(|over| over.stage != *stage);
            }
            Event::Rebooked { .. } | Event::Confirmed { .. } | Event::Aborted { .. } | Event::TailRollback { .. } if !human => {
                wrong.push((Rule::Automatic, "it takes a human for that".to_owned()));
            }
            Event::Aborted { .. } => reached.count("rollouts aborted"),
            Event::TailRollback { .. } => reached.count("rollbacks of the tail"),
            _ => {}
        }
        if !human && matches!(record.event, Event::Paused { .. } | Event::Unpaused { .. } | Event::Overridden { .. }) {
            wrong.push((Rule::Automatic, "it takes a human for that".to_owned()));
        }
        wrong.into_iter().map(|(rule, seen)| Breach { at: record.at, rule, person: None, seen }).collect()
    }

    fn leaves(&mut self, stage: Option<&str>, people: &[ObjectId]) {
        let rosters = self.rosters.iter_mut().filter(|(name, _)| stage.is_none_or(|stage| stage == name.as_str()));
        rosters.for_each(|(_, roster)| roster.retain(|person| !people.contains(person)));
    }

    /// A pause ends: a start that passed meanwhile is passed up, unless it was allowed.
    fn pause_ends(&mut self, scope: &Scope, allow_start: bool, now: Timestamp, ledger: &Ledger) {
        let Some(plan) = ledger.plan.as_deref() else { return };
        for stage in plan.stages.iter().filter(|stage| match scope {
            Scope::Rollout => true,
            Scope::Stage(name) => *name == stage.name,
            Scope::Person(_) => false,
        }) {
            let waits = ledger.phases.get(&stage.name) == Some(&PhaseName::Announced);
            let Some(start) = ledger.start_of(plan, &stage.name).filter(|start| *start <= now && waits) else { continue };
            if allow_start {
                self.passed_up.remove(&stage.name);
            } else {
                self.passed_up.insert(stage.name.clone(), start);
            }
        }
        if *scope == Scope::Rollout {
            self.back = (self.back.0 + 1, Some(now));
        }
    }

    /// Why nobody may be enforced under the plan in force, if it lacks approvals.
    pub(super) fn unapproved(&self, now: Timestamp, ledger: &Ledger) -> Option<(Rule, String)> {
        let plan = ledger.plan.as_deref()?;
        let valid = self.approvals.iter().filter(|(_, until)| now < *until).count();
        let needed = usize::try_from(plan.approvals_needed).unwrap_or(usize::MAX);
        let rejected = self.rejected.contains(&self.revision.0);
        (rejected || valid < needed).then(|| (Rule::Approval, format!("{valid} of {needed} approvals, rejected: {rejected}")))
    }

    fn moves(
        &mut self,
        record: &Record,
        (stage, from, to): (&str, PhaseName, PhaseName),
        human: bool,
        ledger: &Ledger,
        served: &Served,
        reached: &mut Reached,
    ) -> Vec<(Rule, String)> {
        let mut wrong = Vec::new();
        let Some(plan) = ledger.plan.as_deref() else { return wrong };
        if to == PhaseName::RollingBack {
            reached.count(if human { "rollbacks" } else { "automatic rollbacks" });
        }
        reached.add("stages rolled back", u64::from(to == PhaseName::RolledBack));
        reached.add("stages closed", u64::from(to == PhaseName::Closed));
        reached.add("stages started late", u64::from((from, to) == (PhaseName::Missed, PhaseName::Enforcing)));
        if !human && !goes_by_itself(from, to) {
            let begun = |phase: &PhaseName| matches!(phase, PhaseName::Enforcing | PhaseName::Soaking | PhaseName::Done);
            let behind = plan.stages.iter().skip_while(|known| known.name != stage).skip(1);
            let current = begun(&from) && !behind.into_iter().any(|later| ledger.phases.get(&later.name).is_some_and(begun));
            if to != PhaseName::RollingBack || plan.limits.auto_rollback == Toggle::Off || !current {
                wrong.push((Rule::Automatic, format!("`{stage}` goes from {from:?} to {to:?} by itself")));
            }
        }
        if to != PhaseName::Enforcing {
            return wrong;
        }
        let before = plan.stages.iter().take_while(|known| known.name != stage);
        let open = before.into_iter().find(|known| !ledger.phases.get(&known.name).is_some_and(|phase| phase.is_over()));
        if let Some(open) = open {
            wrong.push((Rule::Fresh, format!("`{stage}` starts, and `{}` is not over", open.name)));
        }
        let gates = plan.gates.iter().filter(|gate| gate.at == GateAt::Start && !gate.asking.shadow);
        for gate in gates.filter(|gate| gate.stages.is_empty() || gate.stages.iter().any(|name| name == stage)) {
            wrong.extend(self.stale(record.at, stage, gate, served).map(|seen| (Rule::Fresh, seen)));
        }
        let Some(start) = ledger.start_of(plan, stage) else { return wrong };
        let late_by = plan.stages.iter().find(|known| known.name == stage).map(|known| known.late_by).unwrap_or_default();
        let bound = if human { late_by + plan.limits.start_late } else { late_by };
        if record.at.duration_since(start) > bound {
            wrong.push((Rule::Past, format!("`{stage}` was to start at {start}, at most {bound:#} later")));
        }
        if !human && self.passed_up.get(stage) == Some(&start) {
            wrong.push((Rule::Past, format!("`{stage}` starts though its start {start} passed under a pause")));
        }
        if !human && self.back.1.is_some_and(|back| start < back) {
            if let Some((_, other)) = self.overdue.as_ref().filter(|(back, other)| *back == self.back.0 && other != stage) {
                wrong.push((Rule::Past, format!("`{stage}` is overdue, and so was `{other}`, in one recovery")));
            }
            reached.count("overdue starts");
            self.overdue = Some((self.back.0, stage.to_owned()));
        }
        wrong
    }

    /// Why a start gate is no fresh Pass.
    fn stale(&self, now: Timestamp, stage: &str, gate: &Gate, served: &Served) -> Option<String> {
        let name = &gate.name;
        let Some((read, evidence)) = self.reads.get(&(stage.to_owned(), name.clone())) else {
            return Some(format!("`{stage}` starts, and `{name}` was not read"));
        };
        if now.duration_since(*read) > TOGETHER {
            return Some(format!("`{stage}` starts, and `{name}` was read at {read}"));
        }
        let passes = |over: &Override| {
            over.stage == stage
                && over.passed == Passed::Gate(name.clone())
                && over.evidence == digest(evidence)
                && now < over.until
        };
        if self.overrides.iter().any(passes) {
            return None;
        }
        let fresh = evidence.as_of.is_some_and(|at| now.duration_since(at) <= gate.max_age);
        if evidence.verdict != Verdict::Pass || !fresh {
            return Some(format!("`{stage}` starts, and `{name}` is {:?} as of {:?}", evidence.verdict, evidence.as_of));
        }
        self.miscounted(stage, gate, evidence, served)
    }

    /// Counts the registered people of a stage once more, in the report as it was served.
    fn miscounted(&self, stage: &str, gate: &Gate, evidence: &Evidence, served: &Served) -> Option<String> {
        let (_, rows) = served.report.as_ref().filter(|_| gate.measure == Measure::RegisteredShare)?;
        let rows: Vec<Row> = self.rosters.get(stage)?.iter().filter_map(|person| rows.get(person)).copied().collect();
        let known = rows.iter().filter(|row| **row != Row::Unclear).count();
        let capable = rows.iter().filter(|row| **row == Row::Capable).count();
        // People whom somebody else took out are not counted.
        let differ = known.abs_diff(evidence.sample as usize) > 2 || capable.abs_diff(evidence.hits as usize) > 2;
        differ.then(|| {
            format!("`{}` read {} of {}, the report says {capable} of {known}", gate.name, evidence.hits, evidence.sample)
        })
    }
}

/// The id of the hold that a pause places.
pub(super) fn paused(scope: &Scope) -> String {
    match scope {
        Scope::Rollout => PAUSED.to_owned(),
        Scope::Stage(stage) => format!("{PAUSED}:{stage}"),
        Scope::Person(person) => format!("{PAUSED}:{person}"),
    }
}
