//! Judging the outcome: faults are over and time has passed; everybody is enforced, or waits for a reason that the judge sees too.

use jiff::{SignedDuration, Timestamp};

use super::Judge;
use super::ledger::TAIL;
use super::rule::Rule;
use super::served::Row;
use crate::rollout::event::Slot;
use crate::rollout::exception::Excepted;
use crate::rollout::hold::{Clears, Scope};
use crate::rollout::id::ObjectId;
use crate::rollout::plan::Selector;
use crate::rollout::stage::PhaseName;
use crate::sim::tenant::Tenant;

/// What was due this long ago must have happened.
const DUE: SignedDuration = SignedDuration::from_hours(4 * 24);

/// Whoever waits for others sees somebody go on within this.
const PROGRESS: SignedDuration = DUE;

impl Judge {
    /// The end, a while after the last fault.
    pub fn finish(&mut self, now: Timestamp, tenant: &Tenant) {
        for (seq, intent) in self.ledger.intents.clone() {
            if now.duration_since(intent.at) > DUE {
                self.breach(now, Rule::Lost, None, format!("the batch {seq} of {} was never settled", intent.at));
            }
        }
        for (seq, release) in self.ledger.releases.clone() {
            if now.duration_since(release.at) > DUE {
                self.breach(now, Rule::Lost, None, format!("the release {seq} of {} was never settled", release.at));
            }
        }
        self.judge_undone(now);
        let mut waiting = 0;
        for person in tenant.in_scope(now, self.guests()) {
            self.judge_kept(now, person, tenant);
            if tenant.is_enforced(person, now) {
                continue;
            }
            match self.excuse(now, person, tenant) {
                Ok(()) => waiting += 1,
                Err(seen) => self.breach(now, Rule::Lost, Some(person), seen),
            }
        }
        self.reached.add("people who wait at the end", waiting);
        let over = |phase: &PhaseName| matches!(phase, PhaseName::Done | PhaseName::Closed);
        if self.ledger.phases.values().all(over) {
            self.reached.count("rollouts done");
        }
    }

    /// What is being rolled back is so in the end, unless a human stopped that too.
    fn judge_undone(&mut self, now: Timestamp) {
        let open = self.ledger.phases.iter().find(|(_, phase)| **phase == PhaseName::RollingBack);
        let open = open.map(|(name, _)| name.clone()).or_else(|| self.ledger.tail_rolls_back.then(|| TAIL.to_owned()));
        let Some(stage) = open else { return };
        if self.operated.stops_release(&stage, &[]).is_none() {
            self.breach(now, Rule::Lost, None, format!("`{stage}` is still being rolled back"));
        }
    }

    /// Whoever was told a date that passed long ago, and whose stage does not come, was told that, or could not be.
    fn judge_kept(&mut self, now: Timestamp, person: ObjectId, tenant: &Tenant) {
        let ledger = &self.ledger;
        let Some(plan) = ledger.plan.as_deref() else { return };
        let stage = ledger.homes.get(&person).cloned().unwrap_or_default();
        let lost = matches!(ledger.phases.get(&stage), Some(PhaseName::Missed | PhaseName::Closed));
        let told = ledger.told.get(&person).map(Vec::as_slice).unwrap_or_default();
        let latest = told.iter().max_by_key(|told| told.at);
        let start = ledger.start_of(plan, &stage);
        let Some((latest, start)) = latest.zip(start).filter(|_| lost && !tenant.is_enforced(person, now)) else { return };
        let long = now.duration_since(start) > DUE && now.duration_since(latest.instant) > DUE;
        let unreached = ledger.untold.get(&person).copied().unwrap_or(0) > 0 || !tenant.has_mail(person);
        if long && !matches!(latest.slot, Slot::Withdrawn | Slot::Released) && !unreached {
            let seen = format!("was told {}, `{stage}` does not come, and nothing was said", latest.instant);
            self.breach(now, Rule::Untrue, Some(person), seen);
        }
    }

    /// Why somebody is not enforced in the end; what is wrong when there is no reason.
    fn excuse(&self, now: Timestamp, person: ObjectId, tenant: &Tenant) -> Result<(), String> {
        let ledger = &self.ledger;
        let Some(plan) = ledger.plan.as_deref() else { return Ok(()) };
        let order: Vec<(&str, PhaseName)> = plan
            .stages
            .iter()
            .map(|stage| (stage.name.as_str(), ledger.phases.get(&stage.name).copied().unwrap_or(PhaseName::Scheduled)))
            .collect();
        let human = ledger.holds.values().any(|(scope, clears)| match scope {
            Scope::Person(held) => *held == person,
            Scope::Rollout | Scope::Stage(_) => *clears == Clears::Human,
        });
        let stands = order.iter().any(|(_, phase)| matches!(phase, PhaseName::Missed | PhaseName::RolledBack));
        if human || stands || self.operated.unapproved(now, ledger).is_some() {
            return Ok(());
        }
        match ledger.exceptions.get(&person).map(|(what, _)| *what) {
            Some(Excepted::Absent) => return Ok(()),
            Some(Excepted::Deferred { until } | Excepted::Exempt { until }) if now.duration_since(until) < DUE => return Ok(()),
            _ => {}
        }
        let home = ledger.homes.get(&person).map(String::as_str);
        match home {
            None => {
                let joined = tenant.joined(person).is_some_and(|joined| now.duration_since(joined) < DUE);
                let frozen = order.iter().all(|(_, phase)| *phase != PhaseName::Scheduled);
                let all = plan
                    .stages
                    .iter()
                    .filter(|stage| !self.operated.cancelled.contains(&stage.name))
                    .any(|stage| stage.exclude.is_empty() && stage.include.contains(&Selector::EveryoneElse));
                if frozen && all && !joined { Err("is in no roster".to_owned()) } else { Ok(()) }
            }
            // Rolled back with the tail: it is not required of them again.
            Some(TAIL) if ledger.released.contains_key(&person) => Ok(()),
            // Cancelled: its people are left alone.
            Some(stage) if ledger.phases.get(stage) == Some(&PhaseName::Closed) => Ok(()),
            Some(TAIL) => self.tail_excuse(now, person, tenant, &order),
            Some(stage) => {
                let Some(planned) = plan.stages.iter().find(|planned| planned.name == stage) else {
                    return Err(format!("is in `{stage}`, which is not in the plan"));
                };
                let start = ledger.start_of(plan, stage).unwrap_or(planned.start.instant);
                let due = start.checked_add(planned.finish_by).unwrap_or(Timestamp::MAX);
                let phase = order.iter().find(|(name, _)| *name == stage).map(|(_, phase)| *phase);
                if now.duration_since(due) < DUE { Ok(()) } else { Err(format!("is in `{stage}`, which is {phase:?}")) }
            }
        }
    }

    fn tail_excuse(&self, now: Timestamp, person: ObjectId, tenant: &Tenant, order: &[(&str, PhaseName)]) -> Result<(), String> {
        let ledger = &self.ledger;
        if order.iter().any(|(_, phase)| !matches!(phase, PhaseName::Done | PhaseName::Closed)) {
            return Ok(());
        }
        let told = ledger.told.get(&person).map(Vec::as_slice).unwrap_or_default();
        let since = ledger.in_tail_since.get(&person).copied().unwrap_or(Timestamp::MIN);
        let dated = told.iter().filter(|told| told.at >= since).map(|told| told.instant).max();
        let Some(dated) = dated else {
            let unreached = ledger.untold.get(&person).copied().unwrap_or(0) > 0 || !tenant.has_mail(person);
            let new = now.duration_since(since) < DUE;
            return if unreached || new { Ok(()) } else { Err(format!("is in the tail since {since} and was never told")) };
        };
        // Caps may make it slow; it must go on.
        let goes_on = self.written.last().is_some_and(|(at, _)| now.duration_since(*at) < PROGRESS);
        if goes_on || now.duration_since(dated) < DUE || told.iter().any(|told| now.duration_since(told.instant) < DUE) {
            return Ok(());
        }
        let row = self.served.report.as_ref().and_then(|(_, rows)| rows.get(&person)).copied();
        match row {
            None | Some(Row::NotAllowed | Row::Unclear) => Ok(()),
            Some(Row::Capable | Row::Nothing) => Err(format!("is in the tail, was told {dated}, could be enforced and is not")),
        }
    }
}
