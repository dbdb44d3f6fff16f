//! The journal as the judge reads it: who belongs where, what was told and promised, what is open, what holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::calendar;
use super::lists::Lists;
use super::memos::Memos;
use super::operated::paused;
use super::rule::{Breach, Reached, Rule};
use super::served::Served;
use crate::rollout::event::{Because, By, Event, Record, Slot};
use crate::rollout::exception::Excepted;
use crate::rollout::hold::{Clears, Scope};
use crate::rollout::id::ObjectId;
use crate::rollout::plan::Plan;
use crate::rollout::stage::PhaseName;
use crate::sim::tenant::Tenant;

/// The name of the tail in records.
pub(super) const TAIL: &str = "tail";

/// A batch that was intended.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub(super) at: Timestamp,
    pub(super) stage: String,
    pub(super) people: Vec<ObjectId>,
    /// The hold that was in force, if there was one.
    pub(super) held: Option<String>,
    /// How far the clock stood behind the journal, if it did.
    pub(super) behind: Option<SignedDuration>,
    /// The plan that was in force; a batch under way goes on under it.
    pub(super) plan: Option<Arc<Plan>>,
    /// Whether an operator had passed what the calendar says.
    pub(super) passes_calendar: bool,
    /// Whether an outcome said that nobody knows.
    pub(super) unknown: bool,
}

/// A group of notices that was intended.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Whether it is the tail's.
    pub(super) tail: bool,
    pub(super) slot: Slot,
    pub(super) instant: Timestamp,
    pub(super) people: Vec<ObjectId>,
    pub(super) behind: bool,
    pub(super) untrue: Option<String>,
}

/// A notice that the mail service took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) slot: Slot,
    pub(super) instant: Timestamp,
}

/// Everything that the journal says, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    seq: u64,
    latest: Option<Timestamp>,
    pub(super) plan: Option<Arc<Plan>>,
    /// The policy as it was served before the record that says so.
    pub(super) policy: Option<String>,
    pub(super) phases: BTreeMap<String, PhaseName>,
    pub(super) homes: HashMap<ObjectId, String>,
    pub(super) in_tail_since: HashMap<ObjectId, Timestamp>,
    pub(super) holds: BTreeMap<String, (Scope, Clears)>,
    pub(super) pause_file: Option<Timestamp>,
    pub(super) intents: BTreeMap<u64, Intent>,
    /// People who are being released.
    pub(super) releases: BTreeMap<u64, Intent>,
    /// Whom a rollback released, and nobody enforced since.
    pub(super) released: HashMap<ObjectId, Timestamp>,
    pub(super) tail_rolls_back: bool,
    pub(super) letters: BTreeMap<u64, Letter>,
    pub(super) told: HashMap<ObjectId, Vec<Told>>,
    /// Sends that failed or of which nobody knows.
    pub(super) untold: HashMap<ObjectId, u32>,
    /// People of whom the journal says that they are enforced.
    pub(super) enforced: HashMap<ObjectId, Timestamp>,
    pub(super) gone: HashMap<ObjectId, Timestamp>,
    /// What holds for single people, and since when.
    pub(super) exceptions: HashMap<ObjectId, (Excepted, Timestamp)>,
    pub(super) lists: Lists,
    pub(super) memos: Memos,
    /// New starts of missed stages.
    rebooked: BTreeMap<String, Timestamp>,
    /// Holds that operators pass for the stage of the next record.
    pub(super) passed: BTreeSet<String>,
    /// What stops a release of the next record.
    pub(super) stops: Option<String>,
}

impl Ledger {
    /// Takes the next record in; what is wrong with it.
    pub(super) fn take(
        &mut self,
        record: &Record,
        written: &[(Timestamp, ObjectId)],
        tenant: &Tenant,
        served: &Served,
        reached: &mut Reached,
    ) -> Vec<Breach> {
        let mut wrong = Vec::new();
        if record.seq != self.seq + 1 {
            wrong.push(format!("record {} follows record {}", record.seq, self.seq));
        }
        self.seq = record.seq;
        match &record.event {
            Event::PlanAccepted { plan, .. } => {
                if self.plan.as_ref().is_none_or(|old| old.enforcement != plan.enforcement) {
                    self.policy = None;
                }
                self.plan = Some(Arc::new(Plan::clone(plan)));
                for stage in &plan.stages {
                    self.phases.entry(stage.name.clone()).or_insert(PhaseName::Scheduled);
                }
            }
            Event::PolicySeen { .. } => self.policy.clone_from(&served.policy),
            Event::RosterFrozen { stage, people, .. } => {
                for person in people {
                    if self.homes.insert(*person, stage.clone()).is_some() {
                        wrong.push(format!("{person} is put into a second roster"));
                    }
                    if stage == TAIL {
                        self.in_tail_since.insert(*person, record.at);
                    }
                }
            }
            Event::Carried { people, .. } => {
                reached.count("people carried to the tail");
                for person in people {
                    self.homes.insert(*person, TAIL.to_owned());
                    self.in_tail_since.insert(*person, record.at);
                }
            }
            Event::Rebooked { stage, start, .. } => {
                reached.count("stages rebooked");
                self.rebooked.insert(stage.clone(), start.instant);
            }
            Event::ExceptionMade { people, what, .. } => {
                reached.count(match what {
                    Excepted::Deferred { .. } => "people deferred",
                    Excepted::Exempt { .. } => "people exempted",
                    Excepted::Volunteer => "volunteers",
                    Excepted::Absent => "absentees",
                    Excepted::Back { .. } => "absentees returned",
                });
                for person in people {
                    self.homes.insert(*person, TAIL.to_owned());
                    self.in_tail_since.insert(*person, record.at);
                    self.exceptions.insert(*person, (*what, record.at));
                }
            }
            Event::ExceptionEnded { people, stands, .. } => {
                for person in people {
                    if stands.is_none() {
                        self.in_tail_since.insert(*person, record.at);
                    }
                    if self.exceptions.remove(person).is_none() {
                        wrong.push(format!("the exception of {person} ends, and there was none"));
                    }
                }
            }
            Event::Handed { stage, slot, instant, people, .. } => {
                reached.add("letters handed over", people.len() as u64);
                wrong.extend(self.untrue(stage, *slot, *instant, people, record.at));
                for person in people {
                    let theirs = |letter: &crate::sim::oracle::Mail| letter.person == *person && letter.instant == Some(*instant);
                    if !tenant.letters().iter().any(theirs) {
                        wrong.push(format!("a letter to {person} is called handed over, and the helpdesk handed none"));
                    }
                    self.told.entry(*person).or_default().push(Told { at: record.at, slot: *slot, instant: *instant });
                }
            }
            Event::Bounced { people } => {
                for person in of(people) {
                    reached.count("notices that came back");
                    self.told.remove(&person);
                    *self.untold.entry(person).or_default() += 1;
                }
            }
            Event::Left { people } => {
                reached.add("leavers", people.len() as u64);
                for person in people {
                    self.enforced.remove(person);
                    self.holds.remove(&format!("removed:{person}"));
                }
            }
            Event::StageMoved { stage, to, .. } => {
                self.phases.insert(stage.clone(), *to);
                match to {
                    PhaseName::Missed => reached.count("missed stages"),
                    PhaseName::Done => reached.count("stages done"),
                    PhaseName::Enforcing => {
                        let plan = self.plan.as_deref();
                        let night = plan.is_some_and(|plan| calendar::clock_changes_near(&calendar::zone(plan), record.at));
                        reached.add("starts in a DST night", u64::from(night));
                    }
                    _ => {}
                }
            }
            Event::HoldPlaced { hold } => {
                reached.count("holds placed");
                reached.add("stale reports", u64::from(hold.id == "tenant:registration"));
                self.holds.insert(hold.id.clone(), (hold.scope.clone(), hold.clears));
            }
            Event::HoldCleared { id, .. } => {
                reached.count("holds cleared");
                if self.holds.remove(id).is_none() {
                    wrong.push(format!("the hold `{id}` is cleared and was not in force"));
                }
            }
            Event::Paused { scope, .. } => {
                reached.count("pauses");
                self.holds.insert(paused(scope), (scope.clone(), Clears::Human));
            }
            Event::Unpaused { hold, .. } => {
                reached.count("holds ended by operators");
                if self.holds.remove(hold).is_none() {
                    wrong.push(format!("the hold `{hold}` is ended and was not in force"));
                }
                // Whom somebody took out may be enforced again, like anybody of the tail.
                if let Some(person) = hold.strip_prefix("removed:").and_then(|id| id.parse().ok()) {
                    reached.count("people taken back");
                    self.homes.insert(person, TAIL.to_owned());
                    self.in_tail_since.insert(person, record.at);
                    self.enforced.remove(&person);
                }
            }
            Event::Aborted { .. } => drop(self.holds.insert("aborted".to_owned(), (Scope::Rollout, Clears::Human))),
            Event::ForeignChange { removed, added } => {
                reached.add("people added by hand", added.len() as u64);
                reached.add("people removed by hand", removed.len() as u64);
                for person in added {
                    self.holds.remove(&format!("removed:{person}"));
                }
                for person in removed {
                    self.holds.insert(format!("removed:{person}"), (Scope::Person(*person), Clears::Human));
                }
            }
            Event::NoticeIntent { slot, instant, people, stage, .. } => {
                let letter = Letter {
                    tail: stage == TAIL,
                    slot: *slot,
                    instant: *instant,
                    people: people.clone(),
                    behind: self.behind(record.at).is_some(),
                    untrue: self.untrue(stage, *slot, *instant, people, record.at),
                };
                self.letters.insert(record.seq, letter);
            }
            Event::NoticeOutcome { intent, accepted, refused, unknown, not_sent } => {
                let lists = [accepted.clone(), of(refused), unknown.clone(), of(not_sent)];
                match self.letters.remove(intent) {
                    None => wrong.push(format!("there is no notice intent {intent}")),
                    Some(letter) => {
                        wrong.extend(split(&letter.people, &lists));
                        reached.add("slips corrected", u64::from(letter.slot == Slot::Correction) * accepted.len() as u64);
                        for person in accepted {
                            self.told.entry(*person).or_default().push(Told {
                                at: record.at,
                                slot: letter.slot,
                                instant: letter.instant,
                            });
                            let arrived =
                                |mail: &&crate::sim::oracle::Mail| mail.person == *person && mail.instant == Some(letter.instant);
                            if tenant.has_mail(*person) && !tenant.mails().iter().rev().any(|mail| arrived(&mail)) {
                                wrong.push(format!("a mail to {person} is called accepted, and the tenant has none"));
                            }
                        }
                    }
                }
                reached.add("mails accepted", accepted.len() as u64);
                reached.add("mails unknown", unknown.len() as u64);
                for person in unknown.iter().chain(&of(refused)) {
                    *self.untold.entry(*person).or_default() += 1;
                }
            }
            Event::ListsDrawn { .. } | Event::ListIntent { .. } | Event::ListOutcome { .. } => {
                wrong.extend(self.take_list(record, reached));
            }
            Event::AlertRaised { .. }
            | Event::AlertEnded { .. }
            | Event::Reported { .. }
            | Event::MemoIntent { .. }
            | Event::MemoOutcome { .. } => {
                wrong.extend(self.take_memo(record, reached));
            }
            Event::EnforceIntent { stage, people } => {
                let intent = Intent {
                    at: record.at,
                    stage: stage.clone(),
                    people: people.clone(),
                    held: self.held(stage, people),
                    behind: self.behind(record.at),
                    plan: self.plan.clone(),
                    passes_calendar: self.passed.contains(&format!("calendar:{stage}")),
                    unknown: false,
                };
                self.intents.insert(record.seq, intent);
            }
            Event::ReleaseIntent { .. } | Event::ReleaseOutcome { .. } => wrong.extend(self.take_release(record, reached)),
            Event::TailRollback { .. } => self.tail_rolls_back = true,
            Event::TailRolledBack => self.tail_rolls_back = false,
            Event::EnforceOutcome { intent, enforced, already, gone, refused, unknown, not_sent } => {
                let lists = [enforced.clone(), already.clone(), gone.clone(), of(refused), unknown.clone(), of(not_sent)];
                if lists.iter().filter(|list| !list.is_empty()).count() > 1 {
                    reached.count("partial batches");
                }
                reached.add("unknown outcomes", u64::from(!unknown.is_empty()));
                reached.add("people enforced", enforced.len() as u64);
                reached.add("recovered batches", u64::from(record.by == By::Recovery));
                match self.intents.get(intent) {
                    None => wrong.push(format!("there is no intent {intent}")),
                    Some(known) if known.unknown => wrong.push(format!("the intent {intent} has a second outcome")),
                    Some(known) => {
                        wrong.extend(split(&known.people, &lists));
                        for person in enforced.iter().filter(|id| !written.iter().any(|(at, who)| who == *id && *at >= known.at))
                        {
                            wrong.push(format!("{person} is called enforced, and the tenant saw no write"));
                        }
                    }
                }
                self.settle(*intent, record.at, &[enforced, already], unknown);
                self.gone.extend(gone.iter().map(|person| (*person, record.at)));
            }
            Event::Settled { intent, landed, absent } => {
                reached.count("unknown outcomes settled");
                if let Some(known) = self.releases.remove(intent) {
                    self.release(landed, record.at);
                    let left: Vec<_> =
                        known.people.iter().copied().filter(|id| !landed.contains(id) && !absent.contains(id)).collect();
                    if !left.is_empty() {
                        self.releases.insert(*intent, Intent { people: left, ..known });
                    }
                    return self.done(record, wrong);
                }
                if let Some(known) = self.intents.get(intent).filter(|known| known.unknown) {
                    let left: Vec<_> =
                        known.people.iter().copied().filter(|id| !landed.contains(id) && !absent.contains(id)).collect();
                    self.settle(*intent, record.at, &[landed], &left);
                } else {
                    wrong.push(format!("the batch {intent} is settled and was not open"));
                }
            }
            _ => {}
        }
        self.done(record, wrong)
    }

    fn done(&mut self, record: &Record, wrong: Vec<String>) -> Vec<Breach> {
        self.latest = Some(self.latest.map_or(record.at, |latest| latest.max(record.at)));
        let breach = |seen| Breach { at: record.at, rule: Rule::Journal, person: None, seen };
        wrong.into_iter().map(breach).collect()
    }

    /// Whether an intent without outcome was written by the tenant: the process ended in between.
    pub(super) fn unanswered(&self, written: &[(Timestamp, ObjectId)]) -> bool {
        let open = self.intents.values().filter(|intent| !intent.unknown);
        open.into_iter().any(|intent| written.iter().any(|(at, who)| *at >= intent.at && intent.people.contains(who)))
    }

    fn settle(&mut self, intent: u64, at: Timestamp, enforced: &[&Vec<ObjectId>], left: &[ObjectId]) {
        self.enforced.extend(enforced.iter().copied().flatten().map(|person| (*person, at)));
        self.released.retain(|person, _| !enforced.iter().any(|people| people.contains(person)));
        if left.is_empty() {
            self.intents.remove(&intent);
        } else if let Some(known) = self.intents.get_mut(&intent) {
            known.people = left.to_vec();
            known.unknown = true;
        }
    }

    /// People are enforced no more by us.
    pub(super) fn release(&mut self, people: &[ObjectId], at: Timestamp) {
        for person in people {
            self.enforced.remove(person);
            self.released.insert(*person, at);
        }
    }

    /// The hold that stands against enforcing these people, if there is one.
    fn held(&self, stage: &str, people: &[ObjectId]) -> Option<String> {
        if let Some(since) = self.pause_file {
            return Some(format!("the pause file, since {since}"));
        }
        let stands = |scope: &Scope| match scope {
            Scope::Rollout => true,
            Scope::Stage(name) => name == stage,
            Scope::Person(person) => people.contains(person),
        };
        let hold = self.holds.iter().find(|(id, (scope, _))| stands(scope) && !self.passed.contains(*id));
        hold.map(|(id, _)| id.clone())
    }

    /// How far a clock that shows `at` stands behind the journal; two seconds do not count.
    fn behind(&self, at: Timestamp) -> Option<SignedDuration> {
        self.latest.map(|latest| latest.duration_since(at)).filter(|behind| *behind > SignedDuration::from_secs(2))
    }

    /// When a stage starts by the plan, or by the last rebooking.
    pub(super) fn start_of(&self, plan: &Plan, stage: &str) -> Option<Timestamp> {
        let planned = plan.stages.iter().find(|known| known.name == stage)?.start.instant;
        Some(self.rebooked.get(stage).map_or(planned, |rebooked| planned.max(*rebooked)))
    }

    /// Whether what a stage, or the tail, was told does not come any more.
    fn does_not_come(&self, stage: &str) -> bool {
        use PhaseName::{Closed, Missed, RolledBack, RollingBack};
        let off = matches!(self.phases.get(stage), Some(Missed | Closed | RollingBack | RolledBack));
        off || stage == TAIL && self.holds.contains_key("aborted")
    }

    /// Why a notice would be untrue.
    fn untrue(&self, stage: &str, slot: Slot, instant: Timestamp, people: &[ObjectId], now: Timestamp) -> Option<String> {
        let plan = self.plan.as_deref()?;
        match slot {
            // The date of a stage that does not come is withdrawn as soon as that is known.
            Slot::Withdrawn if instant > now && !self.does_not_come(stage) => {
                return Some(format!("{instant} is withdrawn at {now}, and has not come"));
            }
            Slot::Volunteered => {
                let asked = |id: &ObjectId| matches!(self.exceptions.get(id), Some((Excepted::Volunteer, _)));
                return (!people.iter().all(asked)).then(|| "somebody is told that they volunteered".to_owned());
            }
            Slot::Withdrawn | Slot::Exempt | Slot::Released => return None,
            Slot::Reminder(_) if stage == TAIL => {
                let told = |id: &ObjectId| self.told.get(id).is_some_and(|told| told.iter().any(|told| told.instant == instant));
                return (!people.iter().all(told)).then(|| format!("somebody is reminded of {instant} and was not told it"));
            }
            _ => {}
        }
        if stage == TAIL {
            let least = |id: &ObjectId| match self.exceptions.get(id) {
                None => plan.tail.grace.max(plan.notices.min_notice),
                Some(_) => plan.notices.renotice,
            };
            let least = people.iter().map(least).min().unwrap_or_default();
            return (instant.duration_since(now) < least).then(|| format!("the tail is told {instant} at {now}"));
        }
        let start = self.start_of(plan, stage);
        (start != Some(instant)).then(|| format!("stage `{stage}` is told {instant}, and starts at {start:?}"))
    }
}

pub(super) fn of(because: &[Because]) -> Vec<ObjectId> {
    because.iter().flat_map(|because| because.people.iter().copied()).collect()
}

/// Everybody must be in exactly one list.
pub(super) fn split(people: &[ObjectId], lists: &[Vec<ObjectId>]) -> Option<String> {
    let mut listed: Vec<ObjectId> = lists.iter().flatten().copied().collect();
    let mut people = people.to_vec();
    listed.sort_unstable();
    people.sort_unstable();
    (listed != people).then(|| "an outcome lists other people than its intent".to_owned())
}
