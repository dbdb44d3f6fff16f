//! For tests: a small plan, a directory, and a driver that carries decisions out in a perfect world, without I/O.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil};

use super::condition::{Conditions, Ground};
use super::decide::{Action, Decision, decide};
use super::event::{By, Event, Record, Switched, VERSION};
use super::id::{NameHash, ObjectId, PersonRef};
use super::need::{Ask, is_due, needs};
use super::observed::{
    BreakGlass, Directory, Evaluation, Foreseen, Mode, Observed, PerUser, Person, Policy, Reach, Readiness, Registration, Safety,
    SignIn, Target, Toggle, Trouble, TroubleKind, Way,
};
use super::plan::{
    Access, Asking, Bound, Calendar, Channel, Codes, Enforcement, Exceptions, Format, Gate, GateAt, Limits, Measure, Notices,
    Observe, People, Plan, Reports, Selector, Stage, Start, Tail, Unregistered, Via,
};
use super::release;
use super::schedule;
use super::state::State;
use super::switch::{Image, Switch};

pub(crate) const TENANT: &str = "contoso.example";
pub(crate) const TARGET: Target = Target::Group { group: ObjectId::from_bits(0xFEED), policy: ObjectId::from_bits(0xBEEF) };

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub(crate) fn days(days: i64) -> SignedDuration {
    hours(24 * days)
}

/// The n-th person; 1 and 2 are the break-glass accounts.
pub(crate) fn id(n: u128) -> ObjectId {
    ObjectId::from_bits(n)
}

pub(crate) fn stage(name: &str, start: &str, people: Selector) -> Stage {
    let civil: civil::DateTime = start.parse().unwrap();
    let instant = schedule::resolve(civil, &schedule::zone("Europe/Berlin").unwrap()).unwrap();
    Stage {
        name: name.to_owned(),
        include: vec![people],
        exclude: Vec::new(),
        start: Start { civil, instant, tzdb: schedule::tzdb_version().to_owned() },
        late_by: hours(4),
        finish_by: days(2),
        min_notice: None,
        soak: days(1),
        unregistered: Unregistered::Enforce,
        expect: None,
    }
}

pub(crate) fn plan() -> Plan {
    Plan {
        tenant: TENANT.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        enforcement: Enforcement::ConditionalAccess {
            group: "MFA Enforced".to_owned(),
            policy: "Require MFA".to_owned(),
            manage_policy: false,
            leaves: None,
        },
        people: People {
            break_glass: vec![PersonRef::Id(id(1)), PersonRef::Id(id(2))],
            exempt_group: None,
            include_guests: false,
            max_foreign: 5,
        },
        limits: Limits {
            canary: 2,
            canary_wait: hours(2),
            caps: Vec::new(),
            start_late: SignedDuration::ZERO,
            auto_rollback: Toggle::Off,
            max_hold: hours(24),
        },
        approvals_needed: 0,
        approvals_valid: days(90),
        calendar: Calendar { windows: Vec::new(), blackouts: Vec::new() },
        notices: Notices {
            from: vec![PersonRef::Id(id(3))],
            channel: vec![Channel::Mail],
            before: vec![days(7), days(1)],
            min_notice: days(2),
            renotice: days(3),
            helpdesk: "ext. 4242".to_owned(),
            templates: None,
            windows: Vec::new(),
            zones: Vec::new(),
            calendar_file: Toggle::On,
            format: Format::Html,
            language: "en".to_owned(),
            verify: None,
            via: Via::Graph,
            bounces: Toggle::Off,
            managers: None,
        },
        observe: Observe {
            registration: hours(1),
            sign_ins: hours(1),
            members: hours(1),
            directory: hours(6),
            max_age: hours(12),
            mfa_failure_codes: vec![500_121],
            codes: Codes::default(),
            gates: hours(1),
        },
        gates: Vec::new(),
        stages: vec![
            stage("pilot", "2027-01-11T09:00:00", Selector::Users((10..15).map(|n| PersonRef::Id(id(n))).collect())),
            stage("everyone", "2027-01-25T09:00:00", Selector::EveryoneElse),
        ],
        tail: Tail { grace: days(14) },
        exceptions: Exceptions::default(),
        access: Access::default(),
        what_if: Toggle::Off,
        reports: Reports::default(),
    }
}

pub(crate) fn person(n: u128) -> Person {
    let name = NameHash::new(TENANT, &format!("user{n}@contoso.example")).key();
    Person { id: id(n), name, enabled: Some(true), guest: false, mail: n > 2 }
}

/// A `during` gate on failures of MFA, asked of every stage and of the tail.
pub(crate) fn during(min_sample: u32) -> Gate {
    Gate {
        name: "people get in".to_owned(),
        measure: Measure::MfaFailureShare,
        at: GateAt::During,
        bound: Bound::AtMost(0.3),
        min_sample,
        max_age: hours(12),
        stages: Vec::new(),
        asking: Asking::default(),
    }
}

/// One attempt to sign in of each person, as the log holds them.
pub(crate) fn attempts(people: impl IntoIterator<Item = u128>, at: Timestamp, code: i64) -> Vec<SignIn> {
    people
        .into_iter()
        .map(|n| SignIn { id: n.to_string(), person: id(n), at, code, client: super::observed::Client::Modern })
        .collect()
}

/// A world without faults, as far as the core can see it.
#[derive(Clone)]
pub(crate) struct Perfect {
    pub(crate) plan: Plan,
    pub(crate) state: State,
    pub(crate) observed: Observed,
    pub(crate) now: Timestamp,
    pub(crate) conditions: Conditions,
    pub(crate) records: Vec<Record>,
    pub(crate) people: Vec<Person>,
    pub(crate) readiness: Readiness,
    pub(crate) members: Vec<ObjectId>,
    pub(crate) safety: Safety,
    pub(crate) collisions: Vec<super::observed::Collision>,
    /// What the sending mailboxes tell.
    pub(crate) bounces: Vec<super::observed::Bounce>,
    /// Who manages whom; `None`: it cannot be read.
    pub(crate) managers: Option<BTreeMap<ObjectId, ObjectId>>,
    pub(crate) exempt: Vec<ObjectId>,
    /// Whom every filter finds.
    pub(crate) elsewhere: Vec<ObjectId>,
    pub(crate) target: Target,
    /// Whether switches and retirements are answered, or carried out and the answer lost.
    pub(crate) answers: bool,
    /// People's own MFA states other than disabled.
    pub(crate) own: BTreeMap<ObjectId, PerUser>,
    /// What the log holds; `None`: it cannot be read.
    pub(crate) sign_ins: Option<Vec<SignIn>>,
    /// What is answered about every gate outside the tenant; `None`: nothing.
    pub(crate) outside: Option<super::gate::Answered>,
    /// When everybody last signed in; `None`: it cannot be read.
    pub(crate) last_seen: Option<Vec<(ObjectId, Option<Timestamp>)>>,
    /// What-If where it says something else than the group; `None`: it cannot be asked.
    pub(crate) foreseen: Option<BTreeMap<ObjectId, Foreseen>>,
}

impl Perfect {
    pub(crate) fn new(plan: Plan, start: &str) -> Self {
        let sound = |n: u128| BreakGlass { reference: PersonRef::Id(id(n)), id: Some(id(n)), enabled: true, excluded: true };
        let mut world = Self {
            state: State::default(),
            observed: Observed::default(),
            now: at(start),
            conditions: Conditions::all(),
            records: Vec::new(),
            people: (1..=30).map(person).collect(),
            readiness: Readiness::Capable,
            members: Vec::new(),
            safety: Safety {
                policy: Policy {
                    problems: Vec::new(),
                    fingerprint: "as it was".to_owned(),
                    takes: crate::rollout::observed::Takes::AnyMethod,
                },
                break_glass: vec![sound(1), sound(2)],
                modes: Vec::new(),
                defaults: None,
                reach: None,
            },
            bounces: Vec::new(),
            managers: Some(BTreeMap::new()),
            exempt: Vec::new(),
            elsewhere: Vec::new(),
            collisions: Vec::new(),
            target: TARGET,
            answers: true,
            own: BTreeMap::new(),
            sign_ins: Some(Vec::new()),
            outside: None,
            last_seen: Some(Vec::new()),
            foreseen: Some(BTreeMap::new()),
            plan: plan.clone(),
        };
        let revision = plan.revision();
        world.commit(By::Plan, vec![Event::PlanAccepted { revision, plan: Box::new(plan), why: String::new() }]);
        world
    }

    pub(crate) fn commit(&mut self, by: By, events: Vec<Event>) {
        self.commit_as(by, "test", events);
    }

    pub(crate) fn commit_as(&mut self, by: By, actor: &str, events: Vec<Event>) {
        for event in events {
            let record = Record { seq: self.state.seq + 1, at: self.now, v: VERSION, by, actor: actor.to_owned(), event };
            self.state.apply(&record).unwrap();
            self.records.push(record);
        }
    }

    pub(crate) fn with_ground<T>(&self, ask: impl FnOnce(&Ground<'_>) -> T) -> T {
        let revision = self.state.plan.as_ref().map(|accepted| accepted.revision.clone()).unwrap();
        ask(&Ground {
            plan: &self.plan,
            state: &self.state,
            observed: &self.observed,
            now: self.now,
            revision: &revision,
            booted: Timestamp::MIN,
            fresh_within: hours(13),
            conditions: self.conditions,
        })
    }

    pub(crate) fn look(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.with_ground(needs).into_iter().filter(|need| is_due(need, now)).collect();
        for need in due {
            match need.ask {
                Ask::Target => self.observed.target.take(now, Ok(self.target)),
                Ask::Directory => {
                    let directory = self.people.iter().copied().collect::<Directory>();
                    self.observed.directory.take(now, Ok(directory));
                }
                Ask::Selection(key) => {
                    let people = if key.starts_with("filter:") { &self.elsewhere } else { &self.exempt };
                    let people = people.iter().copied().collect();
                    self.observed.selections.entry(key).or_default().take(now, Ok(people));
                }
                Ask::Safety => self.observed.safety.take(now, Ok(self.safety.clone())),
                Ask::Members => self.observed.members.take(now, Ok(self.required().into_iter().collect())),
                Ask::Collisions => self.observed.collisions.take(now, Ok(self.collisions.clone())),
                Ask::Spared => {
                    let accounts = super::what_if::accounts(&self.observed).unwrap_or_default();
                    self.observed.spared.take(now, self.foresees(accounts));
                }
                Ask::Reached => {
                    let people = super::what_if::reached(&self.state);
                    self.observed.reached.take(now, self.foresees(people));
                }
                Ask::PerUser => self.observed.per_user.take(now, Ok(self.own.clone().into_iter().collect())),
                Ask::Registration => {
                    let rows = self.people.iter().map(|person| (person.id, self.readiness));
                    self.observed.registration.take(now, Ok(rows.collect::<Registration>()));
                }
                Ask::Managers(stage, instant) => {
                    let unread = Trouble { kind: TroubleKind::Refused, why: "a test".to_owned() };
                    let people = super::lists::asked_about(&self.state, &self.observed, &stage);
                    let read = self.managers.as_ref().ok_or(unread).map(|managers| {
                        let of = people.into_iter().map(|id| (id, managers.get(&id).copied())).collect();
                        super::observed::Managers { stage, instant, of }
                    });
                    self.observed.managers.take(now, read);
                }
                Ask::Gate(name) => {
                    let unread = Trouble { kind: TroubleKind::Unreachable, why: "a test".to_owned() };
                    let answer = self.outside.clone().ok_or(unread);
                    self.observed.gates.entry(name).or_default().take(now, answer);
                }
                Ask::Bounces(_) => self.observed.bounces.take(now, Ok(self.bounces.clone())),
                Ask::LastSeen => {
                    let unread = || Trouble { kind: TroubleKind::Unreachable, why: "a test".to_owned() };
                    let seen = self.last_seen.clone().map(super::unseen::LastSeen::new);
                    self.observed.last_seen.take(now, seen.ok_or_else(unread));
                }
                Ask::SignIns(_) => {
                    let unread = || Trouble { kind: TroubleKind::Unreachable, why: "a test".to_owned() };
                    self.observed.sign_ins.take(now, self.sign_ins.clone().ok_or_else(unread));
                }
            }
        }
    }

    /// What-If, as the world is.
    fn foresees(&self, people: Vec<ObjectId>) -> Result<Vec<Evaluation>, Trouble> {
        let Some(wrong) = &self.foreseen else {
            return Err(Trouble { kind: TroubleKind::Refused, why: "a test".to_owned() });
        };
        let foreseen = |id: &ObjectId| match wrong.get(id) {
            Some(foreseen) => foreseen.clone(),
            None if self.members.contains(id) => Foreseen::Applies { mode: Some(Mode::Enabled), lacks: None },
            None => Foreseen::Spared(vec!["users".to_owned()]),
        };
        Ok(people.into_iter().map(|person| Evaluation { person, foreseen: foreseen(&person) }).collect())
    }

    /// Of whom the enforcement requires MFA, as a reading shows it.
    pub(crate) fn required(&self) -> Vec<ObjectId> {
        match self.target.way() {
            Way::Group => self.members.clone(),
            Way::PerUser => self.own.keys().copied().collect(),
            Way::Tenant if self.safety.defaults == Some(Toggle::On) => self.people.iter().map(|person| person.id).collect(),
            Way::Tenant => Vec::new(),
        }
    }

    /// Whether MFA is truly required of somebody, by whichever way.
    pub(crate) fn is_required_of(&self, id: ObjectId) -> bool {
        let Target::Group { policy, .. } = self.target else { return self.required().contains(&id) };
        let mode = self.safety.mode(policy).unwrap_or(Mode::Enabled);
        let defaults = self.safety.defaults == Some(Toggle::On);
        defaults || self.own.contains_key(&id) || mode == Mode::Enabled && self.members.contains(&id)
    }

    fn throw(&mut self, switch: Switch) {
        match switch {
            Switch::SecurityDefaults { to, .. } => {
                let on = self.safety.modes.iter().any(|(_, mode)| *mode == Mode::Enabled);
                assert!(to == Toggle::Off || !on, "security defaults beside a policy");
                self.safety.defaults = Some(to);
            }
            Switch::Reach { to, .. } => self.safety.reach = Some(to),
            Switch::Policy { policy, to, .. } => {
                assert!(to != Mode::Enabled || self.safety.defaults != Some(Toggle::On), "a policy beside security defaults");
                for (id, mode) in &mut self.safety.modes {
                    if *id == policy {
                        *mode = to;
                    }
                }
            }
        }
    }

    /// One turn; `false` when nothing is left to do before `until`.
    pub(crate) fn turn(&mut self, until: Timestamp) -> bool {
        let decision = self.decision();
        self.carry_out(decision, until)
    }

    /// What is decided now, on what is read now.
    pub(crate) fn decision(&mut self) -> Decision {
        self.look();
        self.with_ground(decide)
    }

    pub(crate) fn carry_out(&mut self, decision: Decision, until: Timestamp) -> bool {
        match decision.action {
            Some(Action::Record(by, events)) => self.commit(by, events),
            Some(Action::Notify(due)) => {
                let stage = self.state.home_name(due.home).to_owned();
                let (slot, instant, people, from) = (due.slot, due.instant, due.people, due.from);
                self.commit(By::Schedule, vec![Event::NoticeIntent { stage, slot, instant, people: people.clone(), from }]);
                let intent = self.state.seq;
                let outcome = Event::NoticeOutcome {
                    intent,
                    accepted: people,
                    refused: Vec::new(),
                    unknown: Vec::new(),
                    not_sent: Vec::new(),
                };
                self.commit(By::Schedule, vec![outcome]);
            }
            Some(Action::List(due)) => {
                let managers: Vec<ObjectId> = due.lists.iter().map(|list| list.manager).collect();
                let (stage, instant, from) = (due.stage, due.instant, due.from);
                self.commit(By::Schedule, vec![Event::ListIntent { stage, instant, managers: managers.clone(), from }]);
                let (intent, accepted, unknown, not_sent) = (self.state.seq, managers, Vec::new(), Vec::new());
                let refused = Vec::new();
                self.commit(By::Schedule, vec![Event::ListOutcome { intent, accepted, refused, unknown, not_sent }]);
            }
            Some(Action::Memo(due)) => {
                let (about, to, from) = (due.about, due.to, due.from);
                self.commit(By::Schedule, vec![Event::MemoIntent { about, to: to.clone(), from }]);
                let (intent, accepted, unknown, not_sent) = (self.state.seq, to, Vec::new(), Vec::new());
                let refused = Vec::new();
                self.commit(By::Schedule, vec![Event::MemoOutcome { intent, accepted, refused, unknown, not_sent }]);
            }
            Some(Action::Release(tranche)) => {
                for batch in tranche.batches {
                    let stage = self.state.home_name(tranche.home).to_owned();
                    assert_eq!(self.with_ground(|ground| release::guard(ground, tranche.home, &batch)).pass, batch);
                    self.commit(By::Operator, vec![Event::ReleaseIntent { stage, people: batch.clone() }]);
                    let intent = self.state.seq;
                    for id in &batch {
                        if let Some(before) = self.state.people.get(*id).unwrap().marks().retired.before() {
                            self.own.insert(*id, before);
                        } else if self.target.way() == Way::PerUser {
                            self.own.remove(id);
                        }
                    }
                    self.members.retain(|id| !batch.contains(id));
                    let outcome = Event::ReleaseOutcome {
                        intent,
                        released: batch,
                        already: Vec::new(),
                        gone: Vec::new(),
                        refused: Vec::new(),
                        unknown: Vec::new(),
                        not_sent: Vec::new(),
                    };
                    self.commit(By::Operator, vec![outcome]);
                }
            }
            Some(Action::Finish) => {
                let why = self.with_ground(|ground| super::finish::refuses(ground).map(std::borrow::Cow::into_owned));
                let event = match (why, self.target) {
                    (None, Target::Group { policy, .. }) => {
                        let switch = Switch::Reach { policy, from: Reach::Group, to: Reach::Everybody };
                        let image = Some(Image { before: "{}".to_owned(), after: "{\"users\":1}".to_owned() });
                        let stage = self.plan.stages.last().unwrap().name.clone();
                        self.throw(switch);
                        Event::SwitchIntent { stage, switch, undoes: None, image }
                    }
                    (why, _) => Event::FinishDropped { why: why.unwrap_or_default() },
                };
                let intent = self.state.seq + 1;
                let is_switch = matches!(event, Event::SwitchIntent { .. });
                self.commit(By::Operator, vec![event]);
                if is_switch {
                    let switched = if self.answers { Switched::Done } else { Switched::Unknown };
                    self.commit(By::Operator, vec![Event::SwitchOutcome { intent, switched }]);
                }
            }
            Some(Action::Switch(next)) => {
                let stage = self.state.home_name(next.home).to_owned();
                let (switch, undoes, image) = (next.switch, next.undoes, next.image);
                self.commit(By::Schedule, vec![Event::SwitchIntent { stage, switch, undoes, image }]);
                let intent = self.state.seq;
                self.throw(switch);
                let switched = if self.answers { Switched::Done } else { Switched::Unknown };
                self.commit(By::Schedule, vec![Event::SwitchOutcome { intent, switched }]);
            }
            Some(Action::Retire(before)) => {
                let people: Vec<_> = before.iter().flat_map(|before| before.people.clone()).collect();
                self.commit(By::Schedule, vec![Event::RetireIntent { before }]);
                let intent = self.state.seq;
                self.own.retain(|id, _| !people.contains(id));
                let (retired, unknown) = if self.answers { (people, Vec::new()) } else { (Vec::new(), people) };
                let outcome = Event::RetireOutcome { intent, retired, refused: Vec::new(), unknown, not_sent: Vec::new() };
                self.commit(By::Schedule, vec![outcome]);
            }
            Some(Action::Enforce(tranche)) => {
                for batch in tranche.batches {
                    let stage = self.state.home_name(tranche.home).to_owned();
                    self.commit(By::Schedule, vec![Event::EnforceIntent { stage, people: batch.clone() }]);
                    if self.target.way() == Way::PerUser {
                        self.own.extend(batch.iter().map(|id| (*id, PerUser::Enabled)));
                    } else {
                        self.members.extend(&batch);
                        self.members.sort_unstable();
                    }
                    let outcome = Event::EnforceOutcome {
                        intent: self.state.seq,
                        enforced: batch,
                        already: Vec::new(),
                        gone: Vec::new(),
                        refused: Vec::new(),
                        unknown: Vec::new(),
                        not_sent: Vec::new(),
                    };
                    self.commit(By::Schedule, vec![outcome]);
                }
            }
            None => {
                assert!(decision.wake_at > self.now, "wakes in the past: {}", decision.wake_at);
                if decision.wake_at > until {
                    self.now = until;
                    return false;
                }
                self.now = decision.wake_at;
            }
        }
        true
    }

    pub(crate) fn run(&mut self, until: &str) {
        let until = at(until);
        let mut turns = 0;
        while self.turn(until) {
            turns += 1;
            assert!(turns < 100_000, "the loop does not end");
        }
    }

    /// Every move of a stage: `pilot: scheduled -> announcing at 2027-…`.
    pub(crate) fn moves(&self) -> Vec<String> {
        let moves = self.records.iter().filter_map(|record| match &record.event {
            Event::StageMoved { stage, from, to, .. } => {
                Some(format!("{} {stage}: {} -> {}", record.at, from.as_str(), to.as_str()))
            }
            _ => None,
        });
        moves.collect()
    }
}
