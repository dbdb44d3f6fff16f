//! Judging a write: whether these people might be enforced then.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ledger::{Intent, TAIL, Told};
use super::rule::Rule;
use super::served::Row;
use super::{GUARD_AGE, Judge, calendar};
use crate::rollout::event::Slot;
use crate::rollout::exception::Excepted;
use crate::rollout::id::ObjectId;
use crate::rollout::plan::{Amount, Plan, Unregistered};
use crate::sim::oracle::Write;
use crate::sim::person::Kind;
use crate::sim::tenant::Tenant;

impl Judge {
    /// Judges a write that reached the tenant when the app's clock showed `now`; that clock may have been set back.
    pub(super) fn judge_write(&mut self, now: Timestamp, write: &Write, tenant: &Tenant) {
        let at = write.at.min(now);
        let people: BTreeSet<ObjectId> = write.people.iter().copied().collect();
        let covers = |intent: &&Intent| people.iter().all(|person| intent.people.contains(person));
        let intent = self.ledger.intents.values().filter(|intent| !intent.unknown).find(covers).cloned();
        let plan = intent.as_ref().and_then(|intent| intent.plan.clone());
        match (intent, plan.as_ref()) {
            (Some(intent), Some(plan)) => {
                self.by_us.extend(people.iter().map(|person| (*person, (write.at, intent.stage.clone()))));
                self.judge_batch(at, &intent, plan, tenant);
                for person in &people {
                    self.judge_promise(at, *person, &intent, plan, tenant);
                    self.judge_person(at, *person, &intent, plan, tenant);
                }
            }
            _ => self.breach(at, Rule::Intent, None, format!("{} people were enforced without an open intent", people.len())),
        }
        for person in &people {
            self.judge_again(at, *person);
        }
        self.written.extend(people.iter().map(|person| (at, *person)));
        if let Some(plan) = plan {
            self.judge_caps(at, &plan);
        }
    }

    /// What concerns the batch as a whole.
    fn judge_batch(&mut self, at: Timestamp, intent: &Intent, plan: &Plan, tenant: &Tenant) {
        let guarded = intent.at;
        if let Some(hold) = &intent.held {
            self.breach(at, Rule::Hold, None, format!("the hold `{hold}` was in force"));
        }
        if let Some(behind) = intent.behind {
            self.breach(at, Rule::Clock, None, format!("the clock stood {behind:#} behind the journal"));
        }
        if at.duration_since(guarded) > GUARD_AGE && intent.behind.is_none() {
            self.breach(at, Rule::Late, None, format!("the write left long after its guard at {guarded}"));
        }
        let calendar = calendar::closed(&plan.calendar, &calendar::zone(plan), guarded).filter(|_| !intent.passes_calendar);
        if let Some(why) = calendar {
            self.breach(at, Rule::Calendar, None, why);
        }
        let long = |since: &Timestamp| guarded.duration_since(*since) > GUARD_AGE;
        if let Some(since) = tenant.policy_off_since().filter(long) {
            self.breach(at, Rule::Policy, None, format!("the policy has been off since {since}"));
        }
        if let Some(since) = tenant.break_glass_short_since().filter(long) {
            self.breach(at, Rule::BreakGlass, None, format!("fewer than two break-glass accounts are sound since {since}"));
        }
        let (text, changed) = tenant.policy_text();
        let edited = self.ledger.policy.as_ref().is_some_and(|accepted| *accepted != text);
        if let Some(since) = changed.filter(|since| edited && long(since)) {
            self.breach(at, Rule::Policy, None, format!("somebody edited the policy at {since}"));
        }
    }

    /// What the person was told.
    fn judge_promise(&mut self, at: Timestamp, person: ObjectId, intent: &Intent, plan: &Plan, tenant: &Tenant) {
        let home = self.ledger.homes.get(&person).cloned().unwrap_or_default();
        if home != intent.stage {
            self.breach(at, Rule::Journal, Some(person), format!("a person of `{home}` was enforced with `{}`", intent.stage));
        }
        let exception = self.ledger.exceptions.get(&person).copied();
        if let Some((Excepted::Deferred { until } | Excepted::Exempt { until }, _)) = exception
            && at < until
        {
            self.breach(at, Rule::Early, Some(person), format!("excepted until {until}"));
        }
        let asked = exception.filter(|(what, _)| *what == Excepted::Volunteer).map(|(_, since)| since);
        // What a volunteer was told before they asked counts no more.
        let mails = tenant
            .mails()
            .iter()
            .chain(tenant.letters())
            .filter(|mail| mail.person == person && asked.is_none_or(|since| mail.at >= since));
        let latest = mails.filter_map(|mail| mail.instant).max();
        let Some(latest) = latest else {
            self.breach(at, Rule::Untold, Some(person), "no mail named an instant".to_owned());
            return;
        };
        if at < latest {
            self.breach(at, Rule::Early, Some(person), format!("a mail named {latest}"));
        }
        let told = self.ledger.told.get(&person).cloned().unwrap_or_default();
        let named: Vec<&Told> = told.iter().filter(|told| told.instant == latest).collect();
        let (Some(first), Some(last)) = (told.first(), named.first()) else {
            self.breach(at, Rule::Floor, Some(person), format!("no notice that named {latest} was known to be accepted"));
            return;
        };
        let dated = told.iter().filter(|told| told.slot.names_a_date()).map(|told| told.at).max();
        let withdrawn =
            told.iter().filter(|told| matches!(told.slot, Slot::Withdrawn | Slot::Released)).map(|told| told.at).max();
        if withdrawn > dated {
            self.breach(at, Rule::Untold, Some(person), "the date was withdrawn, and no new one told".to_owned());
        }
        let stage = plan.stages.iter().find(|stage| stage.name == home);
        let started = self.ledger.start_of(plan, &home);
        let newest = self.ledger.plan.as_ref().and_then(|plan| self.ledger.start_of(plan, &home));
        if let Some(start) = newest.filter(|start| at < *start) {
            self.breach(at, Rule::Revision, Some(person), format!("the plan in force starts `{home}` at {start}"));
        }
        if let Some(start) = started {
            if at < start {
                self.breach(at, Rule::Early, Some(person), format!("`{home}` starts at {start}"));
            }
            if latest < start {
                self.breach(at, Rule::Untold, Some(person), format!("was told {latest}, not {start}"));
            }
        } else {
            let since = self.ledger.in_tail_since.get(&person).copied();
            if !since.is_some_and(|since| told.iter().any(|told| told.at >= since && told.slot.names_a_date())) {
                self.breach(at, Rule::Untold, Some(person), "the tail never told a date of its own".to_owned());
            }
        }
        let floor = stage.and_then(|stage| stage.min_notice).unwrap_or(plan.notices.min_notice);
        if at.duration_since(first.at) < floor && asked.is_none() {
            self.breach(at, Rule::Floor, Some(person), format!("first told at {}, {floor:#} are due", first.at));
        }
        if last.at > first.at && asked.is_none() && latest.duration_since(last.at) < plan.notices.renotice {
            let seen = format!("{latest} was told only at {}", last.at);
            self.breach(at, Rule::Renotice, Some(person), seen);
        }
    }

    /// What the person is.
    fn judge_person(&mut self, at: Timestamp, person: ObjectId, intent: &Intent, plan: &Plan, tenant: &Tenant) {
        let Some(standing) = tenant.standing(at, person) else { return };
        let kind = match standing.kind {
            Kind::BreakGlass => Some("a break-glass account"),
            Kind::Sync => Some("a synchronisation account"),
            Kind::Guest if !plan.people.include_guests => Some("a guest"),
            Kind::Guest | Kind::Ordinary | Kind::Resource => None,
        };
        if let Some(kind) = kind {
            self.breach(at, Rule::Protected, Some(person), kind.to_owned());
        }
        let known = |since: &Timestamp, lag| intent.at.duration_since(*since) > GUARD_AGE + lag;
        if let Some(since) = standing.disabled.filter(|since| known(since, SignedDuration::ZERO)) {
            self.breach(at, Rule::Protected, Some(person), format!("disabled since {since}"));
        }
        let exempt = standing.exempt.filter(|since| plan.people.exempt_group.is_some() && known(since, self.lag));
        if let Some(since) = exempt {
            self.breach(at, Rule::Protected, Some(person), format!("exempt since {since}"));
        }
        let waits = match plan.stages.iter().find(|stage| stage.name == intent.stage) {
            Some(stage) => stage.unregistered == Unregistered::Wait,
            None => intent.stage != TAIL,
        };
        let report = self.served.report.as_ref();
        let Some((_, rows)) = report.filter(|(read, _)| intent.at.duration_since(*read) <= plan.observe.max_age) else {
            self.breach(at, Rule::Readiness, Some(person), "the registration report is unread or too old".to_owned());
            return;
        };
        let wrong = match rows.get(&person) {
            Some(Row::Capable) => None,
            Some(Row::Nothing) if !waits => None,
            Some(Row::Nothing) => Some("has nothing registered, and the stage waits"),
            Some(Row::NotAllowed) => Some("has registered nothing that is allowed"),
            Some(Row::Unclear) | None => Some("has no row in the registration report"),
        };
        if let Some(wrong) = wrong {
            self.breach(at, Rule::Readiness, Some(person), wrong.to_owned());
        }
    }

    /// Nobody is enforced twice over; put back after a removal at most where nobody could know of it.
    fn judge_again(&mut self, at: Timestamp, person: ObjectId) {
        let Some(known) = self.ledger.enforced.get(&person) else { return };
        let seen = format!("the journal says that they are enforced since {known}");
        self.breach(at, Rule::PutBack, Some(person), seen);
    }

    /// Every cap, in the period that ends with this write.
    fn judge_caps(&mut self, at: Timestamp, plan: &Plan) {
        for cap in &plan.limits.caps {
            let in_period = |when: &Timestamp| at.duration_since(*when) < cap.per && *when <= at;
            let people = self.written.iter().filter(|(when, _)| in_period(when)).count();
            let most = match cap.amount {
                Amount::People(most) => f64::from(most),
                Amount::Share(share) => {
                    // The app may know the scope as it was a day ago.
                    let day = SignedDuration::from_hours(24);
                    let recent = self.scope.iter().filter(|(when, _)| at.duration_since(*when) <= day);
                    (recent.map(|(_, people)| f64::from(*people)).fold(0.0, f64::max) * share).floor().max(1.0)
                }
            };
            if people as f64 > most {
                self.breach(at, Rule::Cap, None, format!("{people} people within {:#}, {most} are allowed", cap.per));
            }
        }
    }
}
