//! The stagehand of a scripted rollout: carries the deeds out when their time comes, tells the judge what happens, and pulls the plug.
//!
//! It stands at the wire, so that it sees every request before the tenant does and every answer after it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc};

use super::Outcome;
use super::operator::{self, Answer, Operators};
use crate::cli::show::instant;
use crate::cli::timeline::Timeline;
use crate::cli::world::{World, received};
use crate::engine::command::{Asked, Exception, What};
use crate::engine::input::{Input, Reread};
use crate::graph::wire::{Exchange, Wire};
use crate::rollout::acknowledge::digest;
use crate::rollout::event::Event;
use crate::rollout::exception::Excepted;
use crate::rollout::pause::Ending;
use crate::rollout::plan::Plan;
use crate::rollout::stage::PhaseName;
use crate::sim::judge::{Judge, Rule};
use crate::sim::memory::Disk;
use crate::sim::script::{Act, Death, DeathAt, Deed, Edit, Exceptional, Script, When};
use crate::sim::spoken::Spoken;
use crate::sim::{Change, Delivery, Fate, Tenant};

/// An operator looks after so long whether a reload was taken, and puts the file back if it was not.
const LOOKS_AGAIN: SignedDuration = SignedDuration::from_hours(3);

/// The stagehand. Clones share everything.
#[derive(Clone)]
pub(super) struct Stagehand(Arc<Mutex<Hand>>);

struct Hand {
    disk: Disk,
    fed: usize,
    judge: Judge,
    timeline: Timeline,
    zone: TimeZone,
    lines: Vec<String>,
    acts: Vec<Act>,
    /// From then on nothing happens between decision and wire any more.
    calm: Timestamp,
    inputs: Option<mpsc::Sender<Input>>,
    death: Option<Death>,
    counts: Counts,
    pause_file: Option<String>,
    /// Short names of what gates last read, by the hold that rests on it.
    read: BTreeMap<String, String>,
    operators: Operators,
    /// The plan in force, its revision, and the plan file.
    accepted: Plan,
    revision: String,
    file: Plan,
    looks: Option<Timestamp>,
    /// Whether the last edit asked for an earlier date.
    earlier: bool,
    begun: bool,
    break_glass: Vec<String>,
}

/// Requests of this life.
#[derive(Default)]
struct Counts {
    guards: u32,
    writes: u32,
    mails: u32,
}

/// What a request is, as far as scripts care.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Guard,
    Policy,
    Write,
    Mail,
    Other,
}

impl Stagehand {
    pub(super) fn new(world: &World, disk: Disk, script: &Script, zone: TimeZone) -> Self {
        let break_glass = world.tenant().break_glass_ids();
        Self(Arc::new(Mutex::new(Hand {
            disk,
            fed: 0,
            judge: Judge::new(script.profile.read_lag),
            timeline: Timeline::new(zone.clone()),
            zone,
            lines: Vec::new(),
            acts: script.acts.clone(),
            calm: script.calm,
            inputs: None,
            death: None,
            counts: Counts::default(),
            pause_file: None,
            read: BTreeMap::new(),
            operators: Operators::default(),
            accepted: script.plan.clone(),
            revision: String::new(),
            file: script.plan.clone(),
            looks: None,
            earlier: false,
            begun: false,
            break_glass,
        })))
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A life begins.
    pub(super) fn born(&self, inputs: mpsc::Sender<Input>, death: Option<Death>) {
        let mut hand = self.hand();
        (hand.inputs, hand.death, hand.counts) = (Some(inputs), death, Counts::default());
    }

    /// A life ended.
    pub(super) fn died(&self, now: Timestamp) {
        let mut hand = self.hand();
        (hand.inputs, hand.death) = (None, None);
        hand.operators.died();
        hand.judge.ended();
        hand.say(now, "the process dies");
    }

    /// The plan file as it lies there.
    pub(super) fn file(&self) -> Plan {
        self.hand().file.clone()
    }

    /// Why the pause file is there.
    pub(super) fn pause_file(&self) -> Option<String> {
        self.hand().pause_file.clone()
    }

    pub(super) fn accuse(&self, at: Timestamp, rule: Rule, seen: String) {
        self.hand().judge.accuse(at, rule, seen);
    }

    /// Whether the process is to die now, while it sleeps.
    pub(super) fn dies(&self, now: Timestamp) -> bool {
        matches!(self.hand().death, Some(Death { at: DeathAt::Instant(at), .. }) if at <= now)
    }

    /// The next instant at which something happens by itself.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let hand = self.hand();
        let acts = hand.acts.iter().filter_map(|act| match act.when {
            When::At(at) => Some(at),
            _ => None,
        });
        let death = hand.death.and_then(|death| match death.at {
            DeathAt::Instant(at) => Some(at),
            _ => None,
        });
        acts.chain(death).chain(hand.looks).filter(|at| *at > now).min()
    }

    /// Shows the judge what is in the journal by now.
    pub(super) fn feed(&self, world: &World) {
        self.hand().feed(&mut world.tenant());
    }

    /// Carries out what is due.
    pub(super) fn deliver(&self, world: &World, now: Timestamp) {
        self.hand().deliver(&mut world.tenant(), now, Kind::Other);
    }

    pub(super) fn finish(&self, world: &World, now: Timestamp) -> Outcome {
        let mut hand = self.hand();
        let mut tenant = world.tenant();
        hand.feed(&mut tenant);
        hand.judge.finish(now, &tenant);
        let last = hand.timeline.flush();
        hand.lines.extend(last);
        Outcome {
            breaches: hand.judge.breaches().to_vec(),
            reached: hand.judge.reached().clone(),
            records: Vec::new(),
            members: Vec::new(),
            mails: Vec::new(),
            memos: Vec::new(),
            lines: std::mem::take(&mut hand.lines),
            report: None,
            unmet: Vec::new(),
        }
    }
}

impl Hand {
    fn feed(&mut self, tenant: &mut Tenant) {
        for record in self.disk.after(self.fed) {
            self.fed += 1;
            self.judge.record(&record, tenant);
            let lines = self.timeline.lines(&record);
            self.lines.extend(lines);
            match record.event {
                Event::PlanAccepted { plan, revision, .. } => (self.accepted, self.revision) = (*plan, revision),
                Event::GateRead { stage, gate, evidence } => {
                    self.read.insert(format!("gate:{stage}:{gate}"), digest(&evidence));
                }
                Event::ExceptionMade { people, what: Excepted::Volunteer, .. } => {
                    for person in people {
                        // Who is gone by then asks for nothing any more.
                        let _ = tenant.change(record.at, Change::Volunteer(person.to_string()));
                    }
                }
                Event::StageMoved { to: PhaseName::Enforcing, .. } => self.begun = true,
                _ => {}
            }
        }
    }

    fn deliver(&mut self, tenant: &mut Tenant, now: Timestamp, kind: Kind) {
        for answer in self.operators.hear() {
            match answer {
                Answer::Taken(what) => self.judge.reached().count(what.name()),
                Answer::Refused(what, why) => {
                    self.judge.reached().count("commands refused");
                    self.say(now, &format!("{} is refused: {why}", what.name()));
                }
                Answer::Again(input) => self.send(input),
            }
        }
        if self.looks.is_some_and(|at| at <= now) {
            self.looks = None;
            if self.file != self.accepted {
                self.judge.reached().count(if self.earlier { "earlier dates refused" } else { "other edits refused" });
                self.file = self.accepted.clone();
                self.say(now, "an operator puts the plan file back");
                self.send(Input::Plan(Reread::of(self.file.clone(), "the plan's author")));
            }
        }
        let due = |act: &Act| match act.when {
            When::At(at) => at <= now,
            _ if now >= self.calm => false,
            When::Guard(n) => kind == Kind::Guard && n == self.counts.guards,
            When::Write(n) => kind == Kind::Write && n == self.counts.writes,
            When::Started => kind == Kind::Policy && self.begun,
        };
        let (mut ripe, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.acts).into_iter().partition(due);
        self.acts = left;
        ripe.sort_by_key(|act| match act.when {
            When::At(at) => at,
            _ => now,
        });
        for Act { when, deed } in ripe {
            let at = match when {
                When::At(at) => at,
                _ => now,
            };
            self.carry_out(tenant, at, now, deed);
        }
    }

    fn carry_out(&mut self, tenant: &mut Tenant, at: Timestamp, now: Timestamp, deed: Deed) {
        self.say(at, &deed.to_string());
        match deed {
            // Somebody who is gone by then cannot be changed any more.
            Deed::Tenant(change) => drop(tenant.change(at.min(now), change)),
            Deed::Fault(fault) => tenant.fault(fault),
            Deed::EndFaults => tenant.end_faults(),
            Deed::Pause => self.command(What::pause("a question came up")),
            Deed::Unpause { allow_start } => self.command(What::Unpause(Ending { allow_start, ..Ending::default() })),
            Deed::PauseFile => {
                self.pause_file = Some("a question came up".to_owned());
                self.judge.pause_file(Some(now));
            }
            Deed::NoPauseFile => {
                self.pause_file = None;
                self.judge.pause_file(None);
            }
            Deed::Rebook { stage, ahead } => {
                let Some(name) = self.accepted.stages.get(stage).map(|stage| stage.name.clone()) else { return };
                let start = self.civil(now, ahead);
                self.command(What::Rebook { stage: name, start, why: "a new date is set".to_owned() });
            }
            Deed::Except { person, what } => {
                let what = match what {
                    Exceptional::Deferred(ahead) => Exception::Defer { until: self.civil(now, ahead) },
                    Exceptional::Exempt(ahead) => Exception::Exempt { until: self.civil(now, ahead) },
                    Exceptional::Absent => Exception::Absent,
                    Exceptional::Volunteer => Exception::Volunteer,
                };
                self.command(What::Except(Asked { person, what, why: "a reason".to_owned(), owner: None }));
            }
            Deed::EndException(person) => self.command(What::EndException { person, why: "it is over".to_owned() }),
            Deed::Bounced(person) => self.command(What::Bounced { people: vec![person], why: "a report".to_owned() }),
            Deed::Confirm { stage, gate, says } => {
                let Some(stage) = self.accepted.stages.get(stage).map(|stage| stage.name.clone()) else { return };
                self.command(What::Confirm { gate, stage, says, why: "the feedback was read".to_owned() });
            }
            Deed::Clear(hold) => {
                let ack = self.read.get(&hold).cloned();
                self.command(What::Unpause(Ending { hold: Some(hold), ack, allow_start: true, ..Ending::default() }));
            }
            Deed::Contacts(count) => {
                self.command(What::Contacts { count, stage: None, since: None, why: "as the helpdesk counts".to_owned() });
            }
            Deed::Hand { person, date } => {
                let change = Change::HandOver { person: person.to_string(), instant: date };
                drop(tenant.change(at.min(now), change));
                self.command(What::Handed { people: vec![person], date, why: "no mail reaches them".to_owned() });
            }
            Deed::Says(spoken) => {
                let held: Vec<String> = self.judge.human_holds().map(ToOwned::to_owned).collect();
                let civil = |ahead| self.civil(now, ahead);
                let said = operator::commands(&spoken, &self.accepted, &self.revision, &held, civil);
                let who = if let Spoken::Approve(who) = spoken { who } else { "operator" };
                for what in said.unwrap_or_default() {
                    let input = self.operators.say(what, who);
                    self.send(input);
                }
            }
            Deed::Reload(edit) => {
                let Some(plan) = edit.of(&self.accepted, now) else { return };
                self.earlier = matches!(edit, Edit::Move { by, .. } if by.is_negative());
                self.file = plan;
                self.looks = now.checked_add(LOOKS_AGAIN).ok();
                self.send(Input::Plan(Reread::of(self.file.clone(), "the plan's author")));
            }
        }
    }

    /// The full minute so far ahead, as the plan's clocks show it.
    fn civil(&self, now: Timestamp, ahead: SignedDuration) -> DateTime {
        let at = now.checked_add(ahead).unwrap_or(now).to_zoned_datetime(self.zone.clone()).datetime();
        DateTime::from_parts(at.date(), jiff::civil::Time::constant(at.hour(), 0, 0, 0))
    }

    fn command(&mut self, what: What) {
        let input = self.operators.say(what, "operator");
        self.send(input);
    }

    /// Nobody is there while the process is down; the input is lost, as it would be.
    fn send(&self, input: Input) {
        if let Some(inputs) = &self.inputs {
            let _ = inputs.try_send(input);
        }
    }

    fn say(&mut self, at: Timestamp, what: &str) {
        let before = self.timeline.flush();
        self.lines.extend(before);
        self.lines.push(format!("{}  * {what}", instant(at, &self.zone)));
    }

    fn kind(&mut self, request: &Request<Bytes>) -> Kind {
        let target = request.uri().to_string();
        let body = std::str::from_utf8(request.body()).unwrap_or_default();
        let both = |part: &str| target.contains(part) || body.contains(part);
        if body.contains("members@odata.bind") {
            self.counts.writes += 1;
            Kind::Write
        } else if both("/sendMail") {
            self.counts.mails += 1;
            Kind::Mail
        } else if both("id%20in%20") && !both("displayName") && !self.break_glass.iter().any(|id| both(id)) {
            // Whoever writes a notice asks for names, too.
            self.counts.guards += 1;
            Kind::Guard
        } else if request.method() == Method::GET && target.contains("/conditionalAccess/policies/") {
            Kind::Policy
        } else {
            Kind::Other
        }
    }

    /// Whether the process dies at this request, before or after the tenant does what it asks.
    fn dies_at(&self, kind: Kind, now: Timestamp, done: Done) -> bool {
        match (self.death.map(|death| death.at), kind, done) {
            (Some(DeathAt::Instant(at)), _, Done::Not) => at <= now,
            (Some(DeathAt::BeforeWrite(n)), Kind::Write, Done::Not) | (Some(DeathAt::AfterWrite(n)), Kind::Write, Done::Yes) => {
                n == self.counts.writes
            }
            (Some(DeathAt::AfterMail(n)), Kind::Mail, Done::Yes) => n == self.counts.mails,
            _ => false,
        }
    }
}

/// Whether the tenant has done what a request asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Not,
    Yes,
}

/// The wire under watch.
pub(super) struct Watch {
    world: World,
    hand: Stagehand,
    dead: Arc<Notify>,
}

impl Watch {
    pub(super) fn new(world: World, hand: Stagehand) -> Self {
        Self { world, hand, dead: Arc::default() }
    }

    /// Told when the process is to die in the middle of a request.
    pub(super) fn dead(&self) -> Arc<Notify> {
        Arc::clone(&self.dead)
    }

    /// The tenant's answer; none when the process dies at this request.
    pub(super) fn answer(&self, request: &Request<Bytes>) -> Option<Fate> {
        let now = self.world.clock().now();
        let mut hand = self.hand.hand();
        let kind = hand.kind(request);
        hand.feed(&mut self.world.tenant());
        hand.deliver(&mut self.world.tenant(), now, kind);
        if hand.dies_at(kind, now, Done::Not) {
            return None;
        }
        let fate = self.world.answer(request);
        let seen = if breaks_off(&fate) { &Fate::Lost } else { &fate };
        hand.judge.answered(now, request, seen, &self.world.tenant());
        (!hand.dies_at(kind, now, Done::Yes)).then_some(fate)
    }

    /// Tells that the process dies.
    pub(super) fn die(&self) {
        self.dead.notify_one();
    }
}

/// Whether nobody receives the whole of it.
fn breaks_off(fate: &Fate) -> bool {
    matches!(fate, Fate::Answer(response) if response.extensions().get() == Some(&Delivery::BrokenOff))
}

impl Wire for Watch {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        let Some(fate) = self.answer(&request) else {
            self.die();
            return Box::pin(std::future::pending());
        };
        let answer = received(fate);
        Box::pin(async move { answer })
    }
}
