//! Records into state. A record that does not fit what came before is an error, never a guess.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::event::{Because, Deed, Event, Record};
use super::exception::{self, Excepted, Exception};
use super::hold::{Blocks, Clears, Hold, Owner, Scope};
use super::id::ObjectId;
use super::observed::Target;
use super::person::{Changing, Enforced, Home};
use super::plan::Plan;
use super::stage::PhaseName;
use super::state::{Accepted, Batch, Phase, StageState, State, TAIL, Thrown, removed_hold_id};

/// Why a record does not fit the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} does not fit what came before: {why}")]
pub struct Misfit {
    /// The record's number.
    pub seq: u64,
    /// What does not fit.
    pub why: String,
}

/// How long handed-out counts are kept: the longest period of a cap, and a day.
pub const HANDED_KEPT: SignedDuration = SignedDuration::from_hours(8 * 24);

impl State {
    /// Takes in the next record.
    ///
    /// # Errors
    /// [`Misfit`] when the record cannot follow: a gap in the numbers, an unknown stage, an illegal move, an outcome without an intent.
    pub fn apply(&mut self, record: &Record) -> Result<(), Misfit> {
        let misfit = |why: String| Misfit { seq: record.seq, why };
        if record.seq != self.seq.wrapping_add(1) {
            return Err(misfit(format!("its number follows {}", self.seq)));
        }
        self.take(record).map_err(misfit)?;
        self.count_standing(record.at, &record.event);
        self.write_down(record);
        self.seq = record.seq;
        self.at = Some(self.at.map_or(record.at, |at| at.max(record.at)));
        Ok(())
    }

    fn take(&mut self, record: &Record) -> Result<(), String> {
        let (seq, at) = (record.seq, record.at);
        match &record.event {
            Event::Started { .. }
            | Event::Stopped { .. }
            | Event::TailCut { .. }
            | Event::CheckpointRebuilt { .. }
            | Event::Assisted { .. }
            | Event::AssistOutcome { .. } => Ok(()),
            Event::PlanAccepted { revision, plan, .. } => {
                self.keep_gates_of(plan);
                self.accept(at, revision, plan, &record.actor)?;
                self.see_plan(at);
                Ok(())
            }
            Event::Resolved { target } => self.resolve(*target),
            Event::PolicySeen { fingerprint } => {
                self.policy = Some(fingerprint.clone());
                Ok(())
            }
            Event::Baseline { members } => {
                self.baseline = Some(sorted(members));
                Ok(())
            }
            Event::RosterFrozen { stage, people, out } => self.roster(stage, people, out),
            Event::StageMoved { stage, from, to, why } => {
                self.forget_gates(stage, *to);
                self.stage_moved(at, stage, *from, *to, why)
            }
            Event::NoticeIntent { .. } | Event::NoticeOutcome { .. } | Event::Handed { .. } | Event::Bounced { .. } => {
                self.take_told(record)
            }
            Event::ListsDrawn { .. } | Event::ListIntent { .. } | Event::ListOutcome { .. } => {
                self.take_lists(seq, at, &record.event)
            }
            Event::AlertRaised { .. }
            | Event::AlertEnded { .. }
            | Event::Reported { .. }
            | Event::MemoIntent { .. }
            | Event::MemoOutcome { .. } => self.take_memos(record),
            Event::EnforceIntent { stage, people } => self.enforce_intent(seq, at, stage, people),
            Event::EnforceOutcome { intent, enforced, already, gone, refused, unknown, not_sent } => {
                if !self.batches.contains_key(intent) {
                    return Err(format!("there is no enforce intent {intent}"));
                }
                self.mark_ours(enforced, at)?;
                self.mark(already, Enforced::Accepted(at))?;
                self.mark(gone, Enforced::Gone(at))?;
                self.mark(unknown, Enforced::Unknown(*intent))?;
                for because in refused {
                    self.mark(&because.people, Enforced::Refused(at))?;
                }
                let mut back = 0_u32;
                for because in not_sent {
                    self.mark(&because.people, Enforced::No)?;
                    back = back.saturating_add(u32::try_from(because.people.len()).unwrap_or(u32::MAX));
                }
                self.wire_trouble = trouble(self.wire_trouble, at, not_sent, enforced.is_empty());
                let why = not_sent.first().map(|because| because.why.clone()).or(self.wire_why.take());
                self.wire_why = why.filter(|_| self.wire_trouble.is_some());
                self.recount(*intent, at, back);
                self.close(*intent, unknown);
                Ok(())
            }
            Event::ReleaseIntent { stage, people } => self.release_intent(seq, at, stage, people),
            Event::ReleaseOutcome { .. } => self.release_outcome(at, &record.event),
            Event::RetireIntent { before } => self.retire_intent(seq, at, before),
            Event::RetireOutcome { intent, retired, refused, unknown, not_sent } => {
                let back: Vec<Because> = refused.iter().chain(not_sent).cloned().collect();
                self.retire_trouble = trouble(self.retire_trouble, at, &back, retired.is_empty());
                self.retire_outcome(*intent, retired, back.iter(), unknown)
            }
            Event::SwitchIntent { stage, switch, undoes, image } => {
                let stands = super::state::Stands::Open;
                let (stage, image) = (stage.clone(), image.clone());
                self.switch_intent(Thrown { intent: seq, at, stage, switch: *switch, undoes: *undoes, image, stands })
            }
            Event::FinishAsked { shown } => {
                self.finish_asked = Some(shown.clone());
                Ok(())
            }
            Event::FinishDropped { .. } => {
                self.finish_asked = None;
                Ok(())
            }
            Event::SwitchOutcome { intent, switched } => self.switch_outcome(at, *intent, switched),
            Event::SwitchesDone { stage, .. } => {
                self.stage_mut(stage)?.switched = true;
                Ok(())
            }
            Event::Settled { intent, landed, absent } => self.settled(at, *intent, landed, absent),
            Event::Verified { people } => self.mark(people, Enforced::Verified(at)),
            Event::ForeignChange { added, removed } => {
                for id in added {
                    match self.people.get_mut(*id).filter(|person| person.marks().removed_by_hand) {
                        Some(mut person) => {
                            person.change(|marks| marks.removed_by_hand = false);
                            self.holds.remove(&removed_hold_id(*id));
                        }
                        None => self.foreign.push(*id),
                    }
                }
                self.foreign = sorted(&self.foreign);
                for id in removed {
                    self.person(*id)?.change(|marks| marks.removed_by_hand = true);
                    self.holds.insert(removed_hold_id(*id), removed_hold(*id, at));
                }
                Ok(())
            }
            Event::Left { people } => people.iter().try_for_each(|id| {
                let mut person = self.person(*id)?;
                person.mark(Enforced::Gone(at));
                person.change(|marks| marks.removed_by_hand = false);
                drop(person);
                self.holds.remove(&removed_hold_id(*id));
                Ok(())
            }),
            Event::GateRead { .. } | Event::Confirmed { .. } | Event::ContactsCounted { .. } => {
                self.take_gates(at, &record.event)
            }
            Event::Counted { stage, reading, start, expected } => self.count(at, stage, *reading, *start, *expected),
            Event::HoldPlaced { .. }
            | Event::HoldCleared { .. }
            | Event::Paused { .. }
            | Event::Unpaused { .. }
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Overridden { .. }
            | Event::Aborted { .. }
            | Event::TailRollback { .. }
            | Event::TailRolledBack
            | Event::Ordered { .. } => self.take_operated(record),
            Event::Carried { stage, people, why } => {
                self.count_unreached(stage, people.len(), why);
                self.carry(stage, people)
            }
            Event::Soaked { stage, healthy: so_far, until: upto } => {
                let stage = self.stage_mut(stage)?;
                match &mut stage.phase {
                    Phase::Soaking { healthy, until } => {
                        *healthy = *so_far;
                        *until = *upto;
                        Ok(())
                    }
                    other => Err(format!("stage `{}` is {}, not soaking", stage.name, other.name().as_str())),
                }
            }
            Event::Rebooked { stage, start, .. } => {
                let stage = self.stage_mut(stage)?;
                if !matches!(stage.phase, Phase::Missed { .. } | Phase::RolledBack) {
                    return Err(format!(
                        "stage `{}` is {}, neither missed nor rolled back",
                        stage.name,
                        stage.phase.name().as_str()
                    ));
                }
                (stage.start, stage.stood) = (start.clone(), SignedDuration::ZERO);
                let roster = stage.roster.clone();
                let people: Vec<_> = roster.iter().filter_map(|place| self.people.at(*place)).map(|p| p.id).collect();
                people.into_iter().try_for_each(|id| {
                    self.person(id)?.begin_again();
                    Ok(())
                })
            }
            Event::ExceptionMade { people, what, why, owner } => self.except(at, people, *what, why, owner),
            Event::ExceptionEnded { people, stands, .. } => people.iter().try_for_each(|id| {
                self.exceptions.remove(id).ok_or_else(|| format!("there is no exception for {id}"))?;
                let mut person = self.person(*id)?;
                if stands.is_none() {
                    person.begin_tail();
                }
                Ok(())
            }),
        }
    }

    /// Counts how long human holds stand against stages that hand out batches.
    fn count_standing(&mut self, at: Timestamp, event: &Event) {
        let matters = matches!(
            event,
            Event::HoldPlaced { .. }
                | Event::HoldCleared { .. }
                | Event::Paused { .. }
                | Event::Unpaused { .. }
                | Event::StageMoved { .. }
        );
        if !matters {
            return;
        }
        let mut stages = std::mem::take(&mut self.stages);
        for stage in &mut stages {
            let stands = matches!(stage.phase, Phase::Enforcing { .. }) && self.waits_for_human(&stage.name);
            match (stage.stands_since, stands) {
                (None, true) => stage.stands_since = Some(at),
                (Some(since), false) => {
                    stage.stood = stage.stood.saturating_add(at.duration_since(since).max(SignedDuration::ZERO));
                    stage.stands_since = None;
                }
                _ => {}
            }
        }
        self.stages = stages;
    }

    fn accept(&mut self, at: Timestamp, revision: &str, plan: &Plan, author: &str) -> Result<(), String> {
        let mut old = std::mem::take(&mut self.stages);
        let mut moved: Vec<Option<u16>> = vec![None; old.len()];
        let names: Vec<String> = old.iter().map(|stage| stage.name.clone()).collect();
        for (ix, stage) in (0_u16..).zip(&plan.stages) {
            let before = names.iter().position(|name| *name == stage.name);
            if let Some(slot) = before.and_then(|was| moved.get_mut(was)) {
                *slot = Some(ix);
            }
            let state = match before.and_then(|was| old.get_mut(was)) {
                Some(known) => {
                    let mut known = known.clone();
                    let told = known.is_frozen();
                    let begun =
                        !matches!(known.phase, Phase::Scheduled | Phase::Announcing | Phase::Announced | Phase::Missed { .. });
                    // A told instant never comes nearer; what has begun keeps the start it had.
                    if !begun && (!told || stage.start.instant > known.start.instant) {
                        known.start = stage.start.clone();
                    }
                    known
                }
                None => StageState {
                    name: stage.name.clone(),
                    phase: Phase::Scheduled,
                    start: stage.start.clone(),
                    frozen: false,
                    roster: Vec::new(),
                    out: std::collections::BTreeMap::new(),
                    unreached: 0,
                    since: at,
                    stood: SignedDuration::ZERO,
                    stands_since: None,
                    switched: false,
                    last_pause: None,
                },
            };
            self.stages.push(state);
        }
        for (was, stage) in old.iter().enumerate() {
            let stays = moved.get(was).is_some_and(Option::is_some);
            if !stays && stage.is_frozen() {
                return Err(format!("stage `{}` has been announced and is not in the new plan", stage.name));
            }
        }
        self.people.change_all(|person| {
            if let Home::Stage(was) = person.home() {
                person.move_to(moved.get(usize::from(was)).copied().flatten().map_or(Home::Tail, Home::Stage));
            }
        });
        // An edit of the policy is accepted by a human, not by a plan that says nothing of it.
        if self.plan.as_ref().is_none_or(|old| old.plan.enforcement != plan.enforcement) {
            self.policy = None;
        }
        self.approvals.clear();
        self.plan = Some(Accepted { revision: revision.to_owned(), plan: plan.clone(), since: at, author: author.to_owned() });
        Ok(())
    }

    fn resolve(&mut self, target: Target) -> Result<(), String> {
        let begun = self.people.all().alike().any(|person| person.enforced() != Enforced::No);
        if begun && self.target.is_some_and(|known| !known.is_same_place(target)) {
            return Err("people were enforced in another group already".to_owned());
        }
        if self.target.is_none_or(|known| !known.is_same_place(target)) {
            self.baseline = None;
        }
        self.target = Some(target);
        self.target_revision = self.plan.as_ref().map(|accepted| accepted.revision.clone());
        Ok(())
    }

    fn roster(&mut self, stage: &str, people: &[ObjectId], out: &[Because]) -> Result<(), String> {
        let home = self.home(stage).ok_or_else(|| format!("there is no stage `{stage}`"))?;
        if let Some(id) = people.iter().find(|id| self.people.get(**id).is_some()) {
            return Err(format!("{id} is in another roster already"));
        }
        let places: Vec<_> = people.iter().map(|id| self.people.settle_in(*id, home)).collect();
        if home == Home::Tail {
            return Ok(());
        }
        let state = self.stage_mut(stage)?;
        if state.is_frozen() {
            return Err(format!("the roster of stage `{stage}` is frozen already"));
        }
        state.frozen = true;
        state.roster = places;
        state.out =
            out.iter().map(|because| (because.why.clone(), u32::try_from(because.people.len()).unwrap_or(u32::MAX))).collect();
        Ok(())
    }

    fn stage_moved(&mut self, at: Timestamp, name: &str, from: PhaseName, to: PhaseName, why: &str) -> Result<(), String> {
        let stage = self.stage_mut(name)?;
        if stage.phase.name() != from {
            return Err(format!("stage `{name}` is {}, not {}", stage.phase.name().as_str(), from.as_str()));
        }
        if !from.may_become(to) {
            return Err(format!("a stage cannot go from {} to {}", from.as_str(), to.as_str()));
        }
        stage.phase = match to {
            PhaseName::Scheduled => Phase::Scheduled,
            PhaseName::Announcing => Phase::Announcing,
            PhaseName::Announced => Phase::Announced,
            PhaseName::Enforcing => Phase::Enforcing { canary: None },
            PhaseName::Soaking => Phase::Soaking { healthy: SignedDuration::ZERO, until: at },
            PhaseName::Done => Phase::Done,
            PhaseName::Missed => Phase::Missed { why: why.to_owned() },
            PhaseName::RollingBack => Phase::RollingBack,
            PhaseName::RolledBack => Phase::RolledBack,
            PhaseName::Closed => Phase::Closed { why: why.to_owned() },
        };
        if to == PhaseName::RollingBack {
            stage.switched = false;
        }
        stage.since = at;
        self.overrides.retain(|over| over.stage != name);
        Ok(())
    }

    fn enforce_intent(&mut self, seq: u64, at: Timestamp, stage: &str, people: &[ObjectId]) -> Result<(), String> {
        let home = self.home(stage).ok_or_else(|| format!("there is no stage `{stage}`"))?;
        if let Home::Stage(_) = home {
            let state = self.stage_mut(stage)?;
            match &mut state.phase {
                Phase::Enforcing { canary } => {
                    canary.get_or_insert(at);
                }
                other => return Err(format!("stage `{stage}` is {}, not enforcing", other.name().as_str())),
            }
        } else {
            self.tail_canary.get_or_insert(at);
        }
        self.mark(people, Enforced::Intended(seq))?;
        self.batches.insert(seq, Batch { at, home, deed: Deed::Enforce, people: people.to_vec() });
        self.handed.push((at, u32::try_from(people.len()).unwrap_or(u32::MAX)));
        // The oldest come first; there are thousands on a day, and only those at the front can be too old.
        let old = self.handed.iter().take_while(|(handed, _)| at.duration_since(*handed) > HANDED_KEPT).count();
        self.handed.drain(..old);
        Ok(())
    }

    pub(super) fn carry(&mut self, stage: &str, people: &[ObjectId]) -> Result<(), String> {
        if stage == TAIL {
            // Nobody comes to the tail this way: who is there already needs another date.
            let elsewhere = |id: &&ObjectId| self.people.get(**id).is_none_or(|person| person.home() != Home::Tail);
            if let Some(id) = people.iter().find(elsewhere) {
                return Err(format!("{id} is not in the tail"));
            }
        } else {
            let places: std::collections::HashSet<_> = people.iter().map(|id| self.people.settle_in(*id, Home::Tail)).collect();
            self.stage_mut(stage)?.roster.retain(|ix| !places.contains(ix));
        }
        for id in people {
            self.person(*id)?.begin_tail();
        }
        Ok(())
    }

    /// Whoever is excepted belongs to the tail, wherever they were.
    fn except(&mut self, at: Timestamp, people: &[ObjectId], what: Excepted, why: &str, owner: &str) -> Result<(), String> {
        let mut homes: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
        for id in people {
            let known = self.people.get(*id);
            if known.is_some_and(|person| person.is_enforced()) {
                return Err(format!("{id} is enforced already"));
            }
            let home = known.map_or(Home::Tail, |person| person.home());
            if known.is_none() {
                self.people.settle_in(*id, Home::Tail);
            }
            homes.entry(self.home_name(home).to_owned()).or_default().push(*id);
        }
        homes.into_iter().try_for_each(|(home, people)| self.carry(&home, &people))?;
        for id in people {
            let before = exception::of(&self.exceptions, *id).map_or(0, |exception| exception.deferred);
            let deferred = before.saturating_add(u32::from(matches!(what, Excepted::Deferred { .. })));
            let mut person = self.person(*id)?;
            match what {
                Excepted::Volunteer => person.volunteer(at),
                Excepted::Exempt { .. } => person.begin_exemption(),
                _ => {}
            }
            drop(person);
            let exception = Exception { what, since: at, why: why.to_owned(), owner: owner.to_owned(), deferred };
            self.exceptions.insert(*id, exception);
        }
        Ok(())
    }

    pub(super) fn stage_mut(&mut self, name: &str) -> Result<&mut StageState, String> {
        self.stages.iter_mut().find(|stage| stage.name == name).ok_or_else(|| format!("there is no stage `{name}`"))
    }

    pub(super) fn person(&mut self, id: ObjectId) -> Result<Changing<'_>, String> {
        self.people.get_mut(id).ok_or_else(|| format!("{id} is in no roster"))
    }

    pub(super) fn mark(&mut self, people: &[ObjectId], enforced: Enforced) -> Result<(), String> {
        people.iter().try_for_each(|id| {
            self.person(*id)?.mark(enforced);
            Ok(())
        })
    }

    /// For the caps a batch counts from its outcome, since its write may have landed as late as that; what never left does not count.
    fn recount(&mut self, intent: u64, at: Timestamp, back: u32) {
        let Some(batch) = self.batches.get(&intent) else { return };
        let people = u32::try_from(batch.people.len()).unwrap_or(u32::MAX);
        if let Some(handed) = self.handed.iter_mut().rev().find(|handed| **handed == (batch.at, people)) {
            *handed = (at.max(batch.at), people.saturating_sub(back));
        }
    }

    pub(super) fn close(&mut self, intent: u64, left: &[ObjectId]) {
        if left.is_empty() {
            self.batches.remove(&intent);
        } else if let Some(batch) = self.batches.get_mut(&intent) {
            batch.people = left.to_vec();
        }
    }
}

/// Counts troubles in a row; one send that went through ends them.
pub(super) fn trouble(
    before: Option<(Timestamp, u32)>,
    at: Timestamp,
    not_sent: &[Because],
    nothing_went: bool,
) -> Option<(Timestamp, u32)> {
    if not_sent.is_empty() {
        return if nothing_went { before } else { None };
    }
    let before = before.filter(|_| nothing_went);
    // Batches that came to nothing together are one trouble.
    if let Some((when, _)) = before
        && when == at
    {
        return before;
    }
    Some((at, before.map_or(0, |(_, times)| times).saturating_add(1)))
}

fn sorted(ids: &[ObjectId]) -> Vec<ObjectId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn removed_hold(person: ObjectId, at: Timestamp) -> Hold {
    Hold {
        id: removed_hold_id(person),
        scope: Scope::Person(person),
        blocks: Blocks::Forward,
        owner: Owner::Operator,
        since: at,
        clears: Clears::Human,
        until: None,
        why: format!("{person} was taken out of the group by somebody else; not put back without an answer"),
    }
}
