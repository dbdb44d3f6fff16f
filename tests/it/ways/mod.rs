//! Every way to require MFA, whole: rolled out, rolled back exactly, and with a death of the process at every point. The simulated
//! tenant says of whom MFA is truly required at every instant, and for how long somebody who had it had none.

mod announcement;
mod crashes;
mod finish;
mod hours;
mod migrations;
mod rollouts;
mod what_if;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidegate::cli::world::{Life, World};
use tidegate::clock::Pace;
use tidegate::engine::command::{Command, What};
use tidegate::engine::input::Input;
use tidegate::engine::{EngineError, Step};
use tidegate::rollout::condition::Conditions;
use tidegate::rollout::event::{Event, Record};
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::plan::{Enforcement, Plan};
use tidegate::rollout::release::Extent;
use tidegate::rollout::report::Report;
use tidegate::rollout::stage::PhaseName;
use tidegate::rollout::state::{Phase, State};
use tidegate::sim::memory::{Crash, Disk, Memory};
use tidegate::sim::{Fate, Profile, Quotas, Tenant};

use crate::small::{at, hours};

/// Permissions that only some enforcements need.
pub(crate) const MORE_ROLES: [&str; 5] = [
    "UserAuthenticationMethod.Read.All",
    "Policy.ReadWrite.ConditionalAccess",
    "Application.Read.All",
    "Policy.ReadWrite.SecurityDefaults",
    "Policy.ReadWrite.AuthenticationMethod",
];

/// A small tenant whose changes work at once.
pub(super) fn profile(users: usize) -> Profile {
    let mut profile = Profile {
        users,
        quotas: Quotas { writes: 0, units: 0, policies: 0, reports: 0, ..Quotas::default() },
        missing_rows: 0.0,
        not_allowed: 0.0,
        empty_pages: 0.0,
        token_lifetime: hours(24 * 365),
        policy_delay: SignedDuration::ZERO,
        ..Profile::default()
    };
    profile.roles.extend(MORE_ROLES.map(str::to_owned));
    profile
}

/// One rollout in virtual time, life after life.
pub(super) struct Rollout {
    pub(super) world: World,
    pub(super) disk: Disk,
    pub(super) plan: Plan,
    pub(super) report: Option<Arc<Report>>,
    /// Lives that ended in a death.
    pub(super) deaths: u32,
}

/// How the process dies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Death {
    /// Before or after the n-th commit of the first life.
    Commit(Crash),
    /// The answer to the n-th write of the first life is lost, and the process with it.
    Write(u32),
    /// The answer to the n-th envelope of mails is lost, and the process with it.
    Mail(u32),
}

impl Rollout {
    pub(super) fn new(tenant: Tenant, plan: Plan, begin: &str) -> Self {
        let world = World::new(tenant, at(begin), Pace::Max);
        Self { world, disk: Disk::default(), plan, report: None, deaths: 0 }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.clock().now()
    }

    /// Runs until an instant, and starts again after every death.
    pub(super) fn run(&mut self, until: &str, command: Option<What>, death: Option<Death>) {
        let until = at(until);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut command, mut death) = (command, death);
        while !runtime.block_on(self.live(until, &mut command, death.take())) {
            self.deaths += 1;
            let again = self.now() + SignedDuration::from_mins(1);
            self.world = self.world.restarted(again, Pace::Max);
        }
    }

    /// One life; whether it lasted until the instant.
    async fn live(&mut self, until: Timestamp, command: &mut Option<What>, death: Option<Death>) -> bool {
        let mut state = State::default();
        for record in self.disk.records() {
            state.apply(&record).unwrap();
        }
        let (crash, lost) = match death {
            Some(Death::Commit(crash)) => (Some(crash), None),
            Some(Death::Write(n)) => (None, Some((Kind::Write, n))),
            Some(Death::Mail(n)) => (None, Some((Kind::Mail, n))),
            None => (None, None),
        };
        let wire = Arc::new(Fragile::new(self.world.clone(), lost));
        let dead = Arc::clone(&wire);
        let store = Box::new(Memory::new(self.disk.clone(), crash));
        let life = Life { wire, state, store, pause_file: Box::new(|| None), conditions: Conditions::all() };
        let (mut engine, inputs) = self.world.engine_over(&self.plan.tenant.clone(), life).unwrap();
        let died = |error: EngineError| assert!(matches!(error, EngineError::Store(_)), "{error:?}");
        if let Err(error) = engine.begin(&[]).and_then(|()| engine.offer(Box::new(self.plan.clone()), "test", "")) {
            died(error);
            return false;
        }
        if let Some(what) = command.clone() {
            let (answer, _) = tokio::sync::oneshot::channel();
            inputs.send(Input::Command(Command { order: what.into(), actor: "test".to_owned(), answer })).await.unwrap();
        }
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(turns < 50_000, "the loop does not end");
            let step = engine.step().await;
            // A command that reached the journal is not given again.
            if engine.state().stages.iter().any(|stage| matches!(stage.phase, Phase::RollingBack | Phase::RolledBack)) {
                *command = None;
            }
            if dead.is_dead() {
                return false;
            }
            match step {
                Err(error) => {
                    died(error);
                    return false;
                }
                Ok(Step::Stopping) => return true,
                Ok(Step::Acted) => {}
                Ok(Step::Idle(_)) if self.now() >= until => {
                    self.report.clone_from(&engine.reports().borrow());
                    return true;
                }
                Ok(Step::Idle(wake_at)) => self.world.clock().sleep_until(wake_at.min(until)).await,
            }
        }
    }

    pub(super) fn phases(&self) -> Vec<&'static str> {
        let report = self.report.as_ref().unwrap();
        report.stages.iter().filter_map(|stage| stage.phase).map(PhaseName::as_str).collect()
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.disk.records()
    }

    /// People of whom MFA is truly required now.
    pub(super) fn required(&self) -> Vec<ObjectId> {
        let (tenant, now) = (self.world.tenant(), self.now());
        tenant.ordinary_people().into_iter().filter(|id| !tenant.ways(*id, now).is_empty()).collect()
    }

    /// What the tenant is like, as far as any enforcement can change it; as it will be when Microsoft's own grace is over.
    pub(super) fn picture(&self) -> String {
        let (tenant, now) = (self.world.tenant(), self.now());
        let later = now + hours(15 * 24);
        let ways: BTreeMap<_, _> = tenant.ordinary_people().into_iter().map(|id| (id, tenant.ways(id, later))).collect();
        let members = tenant.members_of(tidegate::sim::ENFORCED_GROUP, now);
        format!("{members:?} {ways:?} {:?} {}", tenant.policy_bodies(), tenant.switches_at(now)["security_defaults"])
    }

    /// The longest time for which somebody who had MFA, and is not exempt from it by the plan, had none. Microsoft's own grace under
    /// security defaults, for people who have registered nothing, is not counted.
    pub(super) fn longest_gap(&self) -> SignedDuration {
        let (tenant, now) = (self.world.tenant(), self.now());
        let exempt = tenant.members_of(tidegate::sim::EXEMPT_GROUP, now);
        let ours = |id: &ObjectId| tenant.ordinary_people().contains(id) && !exempt.contains(id);
        let gaps = tenant.gaps(now).into_iter().filter(|(id, _)| ours(id) && !tenant.ways(*id, now).is_empty());
        gaps.map(|(_, gap)| gap).max().unwrap_or(SignedDuration::ZERO)
    }

    pub(super) fn rollback(&mut self, stage: &str, until: &str, death: Option<Death>) {
        let what = What::Rollback { stage: stage.to_owned(), extent: Extent::AndBehind, why: "a test".to_owned() };
        self.run(until, Some(what), death);
    }

    /// Of the people whom the journal calls enforced, those of whom nothing is required; and the other way round.
    pub(super) fn disagreements(&self) -> Vec<ObjectId> {
        let mut state = State::default();
        for record in self.records() {
            state.apply(&record).unwrap();
        }
        // Microsoft's own grace lets people without a method put it off for two weeks.
        let wide = matches!(self.plan.enforcement, Enforcement::SecurityDefaults { .. });
        let now = if wide { self.now() + hours(15 * 24) } else { self.now() };
        let tenant = self.world.tenant();
        let ours = |id: &ObjectId| state.people.get(*id).is_some_and(|person| person.is_enforced());
        tenant.ordinary_people().into_iter().filter(|id| ours(id) && tenant.ways(*id, now).is_empty()).collect()
    }
}

/// Of the events, those that the filter names, as they came.
pub(super) fn only(records: &[Record], wanted: fn(&Event) -> Option<String>) -> Vec<String> {
    records.iter().filter_map(|record| wanted(&record.event)).collect()
}

pub(super) fn switches(event: &Event) -> Option<String> {
    match event {
        Event::SwitchIntent { switch, undoes, .. } => {
            let says = switch.says();
            let policy = says.split(' ').nth(1).filter(|id| id.len() == 36).map(str::to_owned);
            let says = policy.map_or_else(|| says.clone(), |id| says.replace(&id, "…"));
            Some(if undoes.is_some() { format!("undo: {says}") } else { says })
        }
        _ => None,
    }
}

pub(super) fn conditional_access(manage_policy: bool, leaves: Option<tidegate::rollout::plan::Leaves>) -> Enforcement {
    Enforcement::ConditionalAccess {
        group: tidegate::sim::ENFORCED_GROUP.to_owned(),
        policy: tidegate::sim::POLICY.to_owned(),
        manage_policy,
        leaves,
    }
}

/// The way to the tenant, which may break together with the process.
struct Fragile {
    world: World,
    left: std::sync::Mutex<Option<(Kind, u32)>>,
    dead: std::sync::atomic::AtomicBool,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Mail,
}

impl Fragile {
    fn new(world: World, lost: Option<(Kind, u32)>) -> Self {
        Self { world, left: std::sync::Mutex::new(lost), dead: std::sync::atomic::AtomicBool::new(false) }
    }

    fn is_dead(&self) -> bool {
        self.dead.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Whether this request is the write, or the envelope of mails, at which the process dies.
    fn breaks(&self, request: &http::Request<bytes::Bytes>) -> bool {
        let body = String::from_utf8_lossy(request.body());
        let writes = ["PATCH", "DELETE"].contains(&request.method().as_str())
            || body.contains("\"method\":\"PATCH\"")
            || body.contains("\"method\":\"DELETE\"");
        let mails = body.contains("/sendMail") || request.uri().path().ends_with("/sendMail");
        let mut left = self.left.lock().unwrap();
        match left.as_mut() {
            Some((kind, n)) if if *kind == Kind::Mail { mails } else { writes } => {
                *n -= 1;
                *n == 0
            }
            _ => false,
        }
    }
}

impl tidegate::graph::wire::Wire for Fragile {
    fn exchange(&self, request: http::Request<bytes::Bytes>) -> tidegate::graph::wire::Exchange<'_> {
        let lost = || tidegate::graph::wire::WireError::Lost { why: "the process died".to_owned() };
        let answer = if self.is_dead() {
            Err(lost())
        } else {
            let breaks = self.breaks(&request);
            let fate = self.world.answer(&request);
            if breaks {
                self.dead.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            match fate {
                Fate::Answer(response) if !breaks => Ok(response),
                _ => Err(lost()),
            }
        };
        Box::pin(async move { answer })
    }
}
