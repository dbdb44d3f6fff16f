//! One scripted rollout: engine, adapters and simulated tenant in one process and in virtual time, with everything that the script
//! lets go wrong, under the eyes of the judge. The same script gives the same records.
//!
//! It decides nothing; deaths of the process drop the engine where it stands and make a new one from what the journal kept.

mod operator;
mod stagehand;

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use self::stagehand::{Stagehand, Watch};
use super::world::{Life, World};
use super::{Failure, run};
use crate::clock::Pace;
use crate::engine::{Engine, EngineError, Step};
use crate::graph::wire::Wire;
use crate::letter::Texts;
use crate::rollout::condition::Conditions;
use crate::rollout::event::Record;
use crate::rollout::id::ObjectId;
use crate::rollout::report::Report;
use crate::rollout::state::State;
use crate::sim::judge::{Breach, Reached, Rule};
use crate::sim::memory::{Crash, Disk, Memory};
use crate::sim::script::{Death, DeathAt, Script};
use crate::sim::{Answerer, ENFORCED_GROUP, Fate, Mail, MemoMail, Tenant, dice, serve_answers};

/// More turns than this at one instant are a loop.
const MOST_TURNS: u32 = 2_000;

/// What came of a rollout.
#[derive(Debug)]
pub struct Outcome {
    /// What must not have happened.
    pub breaches: Vec<Breach>,
    /// What happened, counted.
    pub reached: Reached,
    /// The journal.
    pub records: Vec<Record>,
    /// The enforcement group in the end, ascending.
    pub members: Vec<ObjectId>,
    /// Every mail that the tenant took for somebody.
    pub mails: Vec<Mail>,
    /// Every mail that the tenant took for operators.
    pub memos: Vec<MemoMail>,
    /// The timeline, with the deeds of the script in it.
    pub lines: Vec<String>,
    /// The last report.
    pub report: Option<Arc<Report>>,
    /// Scripted faults that were not met as often as the script says: their paths, and how many are left.
    pub unmet: Vec<(String, u32)>,
}

/// A random rollout.
pub fn of_seed(seed: u64, conditions: Conditions) -> Result<Outcome, Failure> {
    let (tenant, script) = dice::throw(seed);
    of_script(tenant, script, conditions)
}

/// A scripted rollout.
pub fn of_script(tenant: Tenant, script: Script, conditions: Conditions) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::new(super::Exit::Failed, format!("the runtime cannot start: {error}")))?;
    runtime.block_on(Trial::new(tenant, script, conditions).run())
}

/// The same with texts of the operator's.
pub fn of_script_telling(texts: Texts, tenant: Tenant, script: Script) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::new(super::Exit::Failed, format!("the runtime cannot start: {error}")))?;
    let trial = Trial::new(tenant, script, Conditions::all());
    let world = trial.world.telling(texts);
    runtime.block_on(Trial { world, ..trial }.run())
}

/// The same over a socket on loopback, and over the client that `client` makes for the address.
pub fn over_a_socket(tenant: Tenant, script: Script, client: MakeClient) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(super::Exit::Failed, format!("the runtime cannot start: {error}")))?;
    let trial = Trial { client: Some(client), ..Trial::new(tenant, script, Conditions::all()) };
    runtime.block_on(trial.run())
}

/// Makes the client for a tenant at an address.
pub type MakeClient = fn(&str) -> Result<Arc<dyn Wire>, Failure>;

struct Trial {
    world: World,
    /// The client, where the tenant listens on a socket.
    client: Option<MakeClient>,
    disk: Disk,
    hand: Stagehand,
    conditions: Conditions,
    tenant_key: String,
    deaths: std::vec::IntoIter<Death>,
    end: Timestamp,
    /// The time from the last deed to the end; a process that was down has it too.
    rest: SignedDuration,
    report: Option<Arc<Report>>,
}

/// How one life of the process ended.
enum End {
    Reached,
    Died,
    Failed,
}

impl Trial {
    fn new(tenant: Tenant, script: Script, conditions: Conditions) -> Self {
        let world = World::new(tenant, script.begin, Pace::Max);
        let disk = Disk::default();
        let zone = crate::rollout::schedule::zone(&script.plan.time_zone).unwrap_or(TimeZone::UTC);
        let tenant_key = script.plan.tenant.clone();
        let hand = Stagehand::new(&world, disk.clone(), &script, zone);
        let deaths = script.deaths.into_iter();
        let rest = script.end.duration_since(script.calm);
        Self { client: None, world, disk, hand, conditions, tenant_key, deaths, end: script.end, rest, report: None }
    }

    async fn run(mut self) -> Result<Outcome, Failure> {
        loop {
            let death = self.deaths.next();
            match self.live(death).await? {
                End::Reached | End::Failed => break,
                End::Died => {
                    let now = self.world.clock().now();
                    self.hand.died(now);
                    let (down, back) = death.map_or_else(Default::default, |death| (death.down, death.back));
                    let again = now.checked_add(down - back).unwrap_or(now);
                    if down > SignedDuration::from_hours(1) {
                        self.end = self.end.max(again.checked_add(self.rest).unwrap_or(again));
                    }
                    self.world = self.world.restarted(again, Pace::Max);
                }
            }
        }
        let now = self.world.clock().now();
        let mut outcome = self.hand.finish(&self.world, now);
        outcome.members = self.world.tenant().members_of(ENFORCED_GROUP, now);
        outcome.mails = self.world.tenant().mails().to_vec();
        outcome.memos = self.world.tenant().memos().to_vec();
        outcome.unmet = self.world.tenant().waiting_faults().map(|(path, left)| (path.to_owned(), left)).collect();
        outcome.records = self.disk.records();
        outcome.report = self.report;
        Ok(outcome)
    }

    /// Puts the tenant on a socket of its own; its address.
    async fn listen(&mut self, watch: Watch) -> Result<String, Failure> {
        let failed = |error: std::io::Error| Failure::new(super::Exit::Failed, format!("the tenant cannot listen: {error}"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let root = format!("http://{}", listener.local_addr().map_err(failed)?);
        self.world = self.world.at(&root);
        let answerer: Answerer = Arc::new(move |request| {
            watch.answer(request).unwrap_or_else(|| {
                watch.die();
                Fate::Lost
            })
        });
        tokio::spawn(serve_answers(listener, answerer));
        Ok(root)
    }

    /// One life of the process.
    async fn live(&mut self, death: Option<Death>) -> Result<End, Failure> {
        let crash = match death.map(|death| death.at) {
            Some(DeathAt::BeforeCommit(n)) => Some(Crash::Before(n)),
            Some(DeathAt::AfterCommit(n)) => Some(Crash::After(n)),
            _ => None,
        };
        let mut state = State::default();
        for record in self.disk.records() {
            if let Err(misfit) = state.apply(&record) {
                self.hand.accuse(record.at, Rule::Stuck, format!("the journal cannot be read again: {misfit}"));
                return Ok(End::Failed);
            }
        }
        let watch = Watch::new(self.world.clone(), self.hand.clone());
        let dead = watch.dead();
        let file = self.hand.clone();
        let wire: Arc<dyn Wire> = match self.client {
            None => Arc::new(watch),
            Some(client) => client(&self.listen(watch).await?)?,
        };
        let life = Life {
            wire,
            state,
            store: Box::new(Memory::new(self.disk.clone(), crash)),
            pause_file: Box::new(move || file.pause_file()),
            conditions: self.conditions,
        };
        self.hand.deliver(&self.world, self.world.clock().now());
        let (mut engine, inputs) = self.world.engine_over(&self.tenant_key, life)?;
        self.hand.born(inputs, death);
        let begun = engine.begin(&[]).and_then(|()| engine.offer(Box::new(self.hand.file()), "start", ""));
        if let Err(error) = begun {
            return Ok(self.failed(&error));
        }
        let mut turns = (self.world.clock().now(), 0_u32);
        loop {
            let now = self.world.clock().now();
            turns = if turns.0 == now { (now, turns.1 + 1) } else { (now, 0) };
            if turns.1 > MOST_TURNS {
                self.hand.accuse(now, Rule::Stuck, format!("{} turns at one instant", turns.1));
                return Ok(End::Failed);
            }
            self.hand.feed(&self.world);
            self.hand.deliver(&self.world, now);
            let step = tokio::select! {
                biased;
                () = dead.notified() => return Ok(End::Died),
                step = engine.step() => step,
            };
            self.hand.feed(&self.world);
            match step {
                Err(error) => return Ok(self.failed(&error)),
                Ok(Step::Stopping) => return Ok(End::Reached),
                Ok(Step::Acted) => {}
                Ok(Step::Idle(wake_at)) => {
                    if let Some(end) = self.idle(&engine, wake_at).await {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Sleeps until something may be otherwise; how the life ends, if it does.
    async fn idle(&mut self, engine: &Engine, wake_at: Timestamp) -> Option<End> {
        self.report.clone_from(&engine.reports().borrow());
        let now = self.world.clock().now();
        if now >= self.end {
            return Some(End::Reached);
        }
        let next = self.hand.next(now).map_or(wake_at, |next| next.min(wake_at)).min(self.end);
        let soon = now.checked_add(SignedDuration::from_millis(1)).unwrap_or(now);
        self.world.clock().sleep_until(next.max(soon)).await;
        self.hand.dies(self.world.clock().now()).then_some(End::Died)
    }

    fn failed(&self, error: &EngineError) -> End {
        if let EngineError::Store(_) = error {
            return End::Died;
        }
        let failure = run::engine_failure(error);
        self.hand.accuse(self.world.clock().now(), Rule::Stuck, failure.says);
        End::Failed
    }
}
