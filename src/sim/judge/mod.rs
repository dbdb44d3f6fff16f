//! The judge of a simulated rollout: what the journal says against what the tenant saw, by slow and simple reasoning of its own.
//!
//! It shares nothing with the engine but the words: plans, records and ids. It never asks how something was decided, only whether
//! it was right. In reading order: `rule` says what it watches, `ledger` what the journal says, `served` what the tenant answered,
//! `operated` judges each move of a stage, `write` each write, `release` each release, `mail` each mail, `lists` each list for a manager, `end`
//! the outcome. It must be fed in order: records before the request that
//! follows them, then the request's answer.

mod calendar;
mod end;
mod ledger;
mod lists;
mod mail;
mod memos;
mod operated;
#[cfg(test)]
mod operated_tests;
mod release;
mod rule;
mod served;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};

use self::ledger::Ledger;
use self::operated::Operated;
pub use self::rule::{Breach, Reached, Rule};
use self::served::Served;
use super::tenant::{Fate, Tenant};
use super::truth::Guests;
use crate::rollout::event::{Event, Record, Slot};
use crate::rollout::hold::Clears;
use crate::rollout::id::ObjectId;

/// The facts at the guard may be this old (DESIGN §6).
const GUARD_AGE: SignedDuration = SignedDuration::from_mins(10);

/// The judge of one rollout.
#[derive(Debug)]
pub struct Judge {
    ledger: Ledger,
    operated: Operated,
    served: Served,
    /// How far a replica of the tenant may lag behind, beside the guard's own age.
    lag: SignedDuration,
    /// Whom the app made a member, and when, in order.
    written: Vec<(Timestamp, ObjectId)>,
    /// When the tenant took our last write about somebody, and for which stage.
    by_us: BTreeMap<ObjectId, (Timestamp, String)>,
    /// How often each notice was sent: to whom, whether by the tail, which, for which instant.
    sent: BTreeMap<(ObjectId, bool, Slot, Timestamp), u32>,
    /// How often each manager was sent their list of a stage, for which instant.
    listed: BTreeMap<(String, Timestamp, ObjectId), u32>,
    /// Mails, writes, lists and releases of the tenant that were judged.
    seen: (usize, usize, usize, usize),
    /// How many people were in scope, and when that was counted.
    scope: Vec<(Timestamp, u32)>,
    /// Violations of the tenant's own oracle that were taken over.
    oracle: usize,
    breaches: Vec<Breach>,
    reached: Reached,
}

impl Judge {
    /// A judge of a tenant whose replicas lag by at most `lag`.
    #[must_use]
    pub fn new(lag: SignedDuration) -> Self {
        Self {
            ledger: Ledger::default(),
            operated: Operated::default(),
            served: Served::default(),
            lag,
            written: Vec::new(),
            by_us: BTreeMap::new(),
            sent: BTreeMap::new(),
            listed: BTreeMap::new(),
            seen: (0, 0, 0, 0),
            scope: Vec::new(),
            oracle: 0,
            breaches: Vec::new(),
            reached: Reached::default(),
        }
    }

    /// The next record of the journal, durable by now.
    pub fn record(&mut self, record: &Record, tenant: &Tenant) {
        if let Event::Bounced { people } = &record.event {
            // What came back may be sent again.
            let back: Vec<ObjectId> = people.iter().flat_map(|because| because.people.iter().copied()).collect();
            self.sent.retain(|(person, ..), _| !back.contains(person));
        }
        let found = self.operated.take(record, &self.ledger, &self.served, &mut self.reached);
        self.breaches.extend(found);
        self.judge_rolled_back(record, tenant);
        self.ledger.look(record, &self.operated);
        let found = self.ledger.take(record, &self.written, tenant, &self.served, &mut self.reached);
        self.breaches.extend(found);
    }

    /// The tenant answered a request at `now` (on the app's clock).
    pub fn answered(&mut self, now: Timestamp, request: &Request<Bytes>, fate: &Fate, tenant: &Tenant) {
        self.served.take(now, request, fate, tenant, &mut self.reached);
        let (mails, writes, lists, releases) = self.seen;
        self.seen = (tenant.mails().len(), tenant.writes().len(), tenant.lists().len(), tenant.releases().len());
        for at in mails..self.seen.0 {
            self.judge_mail(tenant, at);
        }
        for at in lists..self.seen.2 {
            self.judge_list(tenant, at);
        }
        if writes < self.seen.1 || request.uri().path().ends_with("/users") {
            self.count_scope(now, tenant);
        }
        for write in tenant.writes().iter().skip(writes) {
            self.judge_write(now, write, tenant);
        }
        for write in tenant.releases().iter().skip(releases) {
            self.judge_release(now, write, tenant);
        }
        for violation in tenant.violations().iter().skip(self.oracle) {
            let seen = format!("{:?}: {}", violation.rule, violation.seen);
            self.breaches.push(Breach { at: violation.at, rule: Rule::Oracle, person: violation.person, seen });
        }
        self.oracle = tenant.violations().len();
    }

    /// The process ended; nothing that it had read counts any more.
    pub fn ended(&mut self) {
        let orphans = self.ledger.unanswered(&self.written);
        self.reached.count("crashes");
        if orphans {
            self.reached.count("crashes between write and outcome");
        }
        self.served = Served::default();
        self.operated.ended();
    }

    /// Somebody put the pause file there, or took it away.
    pub const fn pause_file(&mut self, there: Option<Timestamp>) {
        self.ledger.pause_file = there;
    }

    /// What was found so far.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// What happened so far, counted.
    pub const fn reached(&mut self) -> &mut Reached {
        &mut self.reached
    }

    /// The holds in force that a human ends.
    pub fn human_holds(&self) -> impl Iterator<Item = &str> {
        self.ledger.holds.iter().filter(|(_, (_, clears))| *clears == Clears::Human).map(|(id, _)| id.as_str())
    }

    /// A breach that the driver of the rollout found itself.
    pub fn accuse(&mut self, at: Timestamp, rule: Rule, seen: String) {
        self.breaches.push(Breach { at, rule, person: None, seen });
    }

    fn breach(&mut self, at: Timestamp, rule: Rule, person: Option<ObjectId>, seen: String) {
        self.breaches.push(Breach { at, rule, person, seen });
    }

    fn guests(&self) -> Guests {
        if self.ledger.plan.as_ref().is_some_and(|plan| plan.people.include_guests) { Guests::Count } else { Guests::DoNot }
    }

    /// People in scope whenever the app reads them all, and at each write: for caps that are shares.
    fn count_scope(&mut self, now: Timestamp, tenant: &Tenant) {
        let people: BTreeSet<ObjectId> = tenant.in_scope(now, self.guests()).into_iter().collect();
        self.scope.push((now, u32::try_from(people.len()).unwrap_or(u32::MAX)));
    }
}
