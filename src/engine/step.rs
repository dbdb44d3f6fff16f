//! One turn of the loop: take inputs, observe, decide, commit or act.

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};

use super::assist::Assisting;
use super::beside::Beside;
use super::hand::PATIENCE;
use super::input::Input;
use super::leave::Leaves;
use super::log::log;
use super::observe::{Known, ask, asked_about, take_in};
use super::port::{Assist, Enforce, Gates, Notify, PauseFile, Room, Store, StoreError, Tenant};
use super::status::Status;
use crate::clock::Clock;
use crate::rollout::apply::Misfit;
use crate::rollout::condition::{Conditions, Ground};
use crate::rollout::decide::{Action, decide};
use crate::rollout::event::{By, Event};
use crate::rollout::holds::warnings;
use crate::rollout::limit::backoff;
use crate::rollout::need::{Ask, is_due, needs};
use crate::rollout::observed::{MOST_SKEW, Observed};
use crate::rollout::plan::Plan;
use crate::rollout::preflight::permissions;
use crate::rollout::report::{Report, report};
use crate::rollout::state::{Accepted, State};

/// The name under which the program itself acts.
pub(super) const ACTOR: &str = "tidegate";

/// Readings of policy and break-glass accounts that planning (not the guard) accepts.
pub(super) const PLANNING_MAX_AGE: SignedDuration = SignedDuration::from_hours(13);

/// Why the engine ended in error.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Records cannot be kept.
    #[error("the journal cannot be written")]
    Store(#[from] StoreError),
    /// A record of our own does not fit; a fault of the program.
    #[error("the program made a record that does not fit; report this")]
    Misfit(#[from] Misfit),
    /// The loop goes round without getting anywhere; a fault of the program.
    #[error("the loop went round {0} times at one instant; report this")]
    Stuck(u32),
}

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something; turn again at once.
    Acted,
    /// Nothing is to be done before this instant, unless something comes from outside.
    Idle(Timestamp),
    /// A stop was asked for.
    Stopping,
}

/// What an engine is made of.
pub struct Parts {
    /// The time it lives by.
    pub clock: Clock,
    /// What the journal says so far; [`Store`] continues from there.
    pub state: State,
    /// Reading the tenant.
    pub tenant: Arc<dyn Tenant>,
    /// Requiring MFA.
    pub enforce: Arc<dyn Enforce>,
    /// Telling people.
    pub notify: Arc<dyn Notify>,
    /// Helping people to register; none where nobody calls.
    pub assist: Option<Arc<dyn Assist>>,
    /// Asking what the plan names outside the tenant; none where nothing of it is asked, as on a paced clock.
    pub gates: Option<Arc<dyn Gates>>,
    /// What an earlier life had read; nothing is fine.
    pub observed: Observed,
    /// Keeping records.
    pub store: Box<dyn Store>,
    /// Inputs from outside.
    pub inputs: mpsc::Receiver<Input>,
    /// The file in the state folder that pauses.
    pub pause_file: Box<dyn PauseFile>,
    /// All conditions, outside of proofs.
    pub conditions: Conditions,
}

/// The engine.
pub struct Engine {
    pub(super) clock: Clock,
    pub(super) booted: Timestamp,
    pub(super) state: State,
    pub(super) observed: Observed,
    pub(super) tenant: Arc<dyn Tenant>,
    pub(super) enforce: Arc<dyn Enforce>,
    pub(super) notify: Arc<dyn Notify>,
    pub(super) assist: Option<Arc<dyn Assist>>,
    pub(super) gates: Option<Arc<dyn Gates>>,
    pub(super) assisting: Assisting,
    pub(super) store: Box<dyn Store>,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) conditions: Conditions,
    pub(super) pause_file: Box<dyn PauseFile>,
    pub(super) leaves: Leaves,
    pub(super) stopping: bool,
    pub(super) status: watch::Sender<Option<Arc<Report>>>,
    /// The action of which nothing came, until when it rests, and how often that was so in a row.
    fruitless: Option<(Action, Timestamp, u32)>,
    published: Option<u64>,
    /// When the last report was begun, and how long it took.
    reported: (Timestamp, SignedDuration),
    pub(super) beside: Beside,
    /// Whether something was read since readings were handed over, and when that was.
    pub(super) read: bool,
    kept: Option<Timestamp>,
    checkpointed: u64,
    turns: (Timestamp, u32),
}

/// An action of which nothing comes is tried again at the latest after this.
const MOST_REST: SignedDuration = SignedDuration::from_mins(10);

/// What was read is handed over for the next start at most this often.
const KEEP_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// While people are handed out, reports take at most this share of the time: one in so many.
const REPORT_SHARE: i32 = 200;

/// Records between two checkpoints while there is no idle moment.
const CHECKPOINT_EVERY: u64 = 10_000;

/// Turns at one instant of a paced clock that are believed; 100,000 people take about 6,000.
const MOST_TURNS: u32 = 200_000;

impl Engine {
    /// An engine that goes on from `parts.state`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let booted = parts.clock.now();
        let checkpointed = parts.state.seq;
        let kept = parts.observed.directory.last.is_some().then_some(booted);
        Self {
            booted,
            clock: parts.clock,
            state: parts.state,
            observed: parts.observed,
            tenant: parts.tenant,
            enforce: parts.enforce,
            notify: parts.notify,
            assist: parts.assist,
            gates: parts.gates,
            assisting: Assisting::default(),
            store: parts.store,
            inputs: parts.inputs,
            conditions: parts.conditions,
            pause_file: parts.pause_file,
            leaves: Leaves::default(),
            stopping: false,
            status: watch::Sender::new(None),
            fruitless: None,
            published: None,
            reported: (Timestamp::MIN, SignedDuration::ZERO),
            beside: Beside::default(),
            read: false,
            // What an earlier life had read was kept by it.
            kept,
            checkpointed,
            turns: (booted, 0),
        }
    }

    /// What the journal says.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What was read of the tenant.
    #[must_use]
    pub const fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Every report that is published.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<Option<Arc<Report>>> {
        self.status.subscribe()
    }

    /// The time the engine lives by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Begins: says so in the journal, and closes what a crash left open. Nobody knows what became of it, so its outcome is unknown.
    pub fn begin(&mut self, notes: &[Event]) -> Result<(), EngineError> {
        let mut events = vec![Event::Started { program: env!("CARGO_PKG_VERSION").to_owned() }];
        events.extend_from_slice(notes);
        for (intent, notice) in &self.state.notices {
            events.push(Event::NoticeOutcome {
                intent: *intent,
                accepted: Vec::new(),
                refused: Vec::new(),
                unknown: notice.people.clone(),
                not_sent: Vec::new(),
            });
        }
        events.extend(super::lists::left_open(&self.state));
        events.extend(super::memos::left_open(&self.state));
        events.extend(super::undo::left_open(&self.state));
        self.commit(By::Recovery, ACTOR, &events)
    }

    /// Writes records by the program itself, as of now.
    pub fn record(&mut self, by: By, events: &[Event]) -> Result<(), EngineError> {
        self.commit(by, ACTOR, events)
    }

    /// One turn.
    pub async fn step(&mut self) -> Result<Step, EngineError> {
        self.take_inputs()?;
        if self.stopping {
            return Ok(Step::Stopping);
        }
        let now = self.clock.now();
        self.turns = if self.turns.0 == now { (now, self.turns.1.saturating_add(1)) } else { (now, 0) };
        if self.turns.1 > MOST_TURNS && self.clock.is_paced() {
            return Err(EngineError::Stuck(self.turns.1));
        }
        let Some(accepted) = self.state.plan.clone() else { return Ok(Step::Idle(later(now, SignedDuration::from_mins(1)))) };
        let before = self.state.seq;
        self.look(&accepted.plan, &accepted.revision).await?;
        if self.stopping || self.state.seq != before {
            // A pause or another plan came in meanwhile: nothing is decided on what was true before it.
            return Ok(Step::Acted);
        }
        self.keep(KEEP_EVERY);
        // What the answers just told of the service's clock counts at once.
        self.see_clock();
        self.see_permissions(&accepted.plan);
        let decision = decide(&self.ground(&accepted.plan, &accepted.revision, PLANNING_MAX_AGE));
        let step = match decision.action {
            Some(action) => {
                if let Some(until) = self.rests(&action).or_else(|| self.waits(&action)) {
                    Step::Idle(decision.wake_at.min(until))
                } else {
                    self.act(&accepted, action).await?;
                    Step::Acted
                }
            }
            None => Step::Idle(decision.wake_at),
        };
        self.publish(&accepted.plan, &accepted.revision, decision.wake_at, step)?;
        Ok(step)
    }

    /// Until when an action is not tried again, because it came to nothing and is decided unchanged.
    fn rests(&self, action: &Action) -> Option<Timestamp> {
        self.fruitless.as_ref().filter(|(same, until, _)| same == action && self.clock.now() < *until).map(|(_, until, _)| *until)
    }

    /// Until when nothing may leave, for longer than a moment.
    fn waits(&self, action: &Action) -> Option<Timestamp> {
        let Action::Enforce(tranche) = action else { return None };
        match self.enforce.room(0, tranche.batches.len()) {
            Room::At(at) if at.duration_since(self.clock.now()) > PATIENCE => Some(at),
            _ => None,
        }
    }

    /// Records, notifies or enforces. When nothing came of it, no record at all, the same is not tried again at once.
    async fn act(&mut self, accepted: &Accepted, action: Action) -> Result<(), EngineError> {
        let before = self.state.seq;
        match &action {
            Action::Record(by, events) => return self.commit(*by, ACTOR, events),
            Action::Notify(due) => self.tell(accepted, due.clone()).await?,
            Action::List(due) => self.send_lists(accepted, due.clone()).await?,
            Action::Memo(due) => self.send_memo(accepted, (**due).clone()).await?,
            Action::Enforce(tranche) => self.hand_out(accepted, tranche.clone()).await?,
            Action::Release(tranche) => self.release(accepted, tranche.clone()).await?,
            Action::Switch(next) => self.switch(accepted, next.clone()).await?,
            Action::Finish => self.finish(accepted).await?,
            Action::Retire(before) => self.retire(accepted, before.clone()).await?,
        }
        self.fruitless = if self.state.seq == before {
            let times = self.fruitless.as_ref().map_or(0, |(_, _, times)| *times).saturating_add(1);
            Some((action, later(self.clock.now(), backoff(times, MOST_REST)), times))
        } else {
            None
        };
        Ok(())
    }

    /// Reads what is due.
    async fn look(&mut self, plan: &Plan, revision: &str) -> Result<(), EngineError> {
        let before = self.state.seq;
        let due: Vec<_> = {
            let ground = self.ground(plan, revision, PLANNING_MAX_AGE);
            needs(&ground).into_iter().filter(|need| is_due(need, ground.now)).collect()
        };
        self.take_landed();
        let mut asks: Vec<Ask> = due.into_iter().map(|need| need.ask).collect();
        asks.retain(|question| !self.reads_beside(plan, revision, question));
        // A paced clock does one thing after the other.
        let abreast = if self.clock.is_paced() { 1 } else { asks.len().max(1) };
        for some in asks.chunks(abreast) {
            self.questions(plan, revision, some).await?;
            if self.stopping || self.state.seq != before {
                break;
            }
        }
        Ok(())
    }

    /// Asks one question, and takes inputs while the answer is waited for. An answer to an old plan's question is dropped.
    pub(super) async fn question(&mut self, plan: &Plan, revision: &str, question: &Ask) -> Result<(), EngineError> {
        self.questions(plan, revision, std::slice::from_ref(question)).await
    }

    /// The same for several at once.
    async fn questions(&mut self, plan: &Plan, revision: &str, questions: &[Ask]) -> Result<(), EngineError> {
        let at = self.clock.now();
        let (tenant, enforce, target) = (Arc::clone(&self.tenant), Arc::clone(&self.enforce), self.state.target);
        let (notify, gates) = (Arc::clone(&self.notify), self.gates.clone());
        let about = |question| Some((question, asked_about(&self.state, &self.observed, question)?));
        let known: Vec<_> = questions.iter().filter_map(about).collect();
        let (notify, gates) = (Some(&*notify), gates.as_deref());
        let answers = known
            .iter()
            .map(|(question, people)| ask(&*tenant, &*enforce, plan, Known { target, people, notify, gates }, question));
        let answers = self.meanwhile(join_all(answers)).await?;
        if self.state.plan.as_ref().is_some_and(|accepted| accepted.revision == revision) {
            for answered in answers.into_iter().flatten() {
                take_in(&self.state, &mut self.observed, at, answered);
                self.read = true;
            }
        }
        Ok(())
    }

    /// Waits for the tenant, and takes what comes from outside meanwhile: a pause is journalled at once.
    pub(super) async fn meanwhile<T>(&mut self, answer: impl Future<Output = T>) -> Result<T, EngineError> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let open = !self.inputs.is_closed();
            let input = tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                input = self.inputs.recv(), if open => input,
                Some(ended) = self.assisting.next() => {
                    self.take_issued(ended)?;
                    None
                }
            };
            if let Some(input) = input {
                self.take_input(input)?;
            }
        }
    }

    pub(super) fn ground<'a>(&'a self, plan: &'a Plan, revision: &'a str, fresh_within: SignedDuration) -> Ground<'a> {
        Ground {
            plan,
            state: &self.state,
            observed: &self.observed,
            now: self.clock.now(),
            revision,
            booted: self.booted,
            fresh_within,
            conditions: self.conditions,
        }
    }

    /// Makes records durable, then part of the state. A pause acts before it is durable.
    pub(super) fn commit(&mut self, by: By, actor: &str, events: &[Event]) -> Result<(), EngineError> {
        self.leaves.heed(events);
        let target = self.state.target;
        let records = self.store.append(self.clock.now(), by, actor, events)?;
        for record in &records {
            self.state.apply(record)?;
            log(record);
        }
        if self.state.target != target {
            self.observed.forget_target();
        }
        if self.state.seq.saturating_sub(self.checkpointed) >= CHECKPOINT_EVERY {
            self.checkpoint();
        }
        Ok(())
    }

    /// Hands the state over to the checkpoint.
    pub fn checkpoint(&mut self) {
        if self.checkpointed == self.state.seq || !self.store.keeps_checkpoints() {
            return;
        }
        self.checkpointed = self.state.seq;
        self.store.checkpoint(&self.state);
    }

    /// Hands over what was read, when something was and that was not done just before.
    pub(super) fn keep(&mut self, every: SignedDuration) {
        let now = self.clock.now();
        let soon = self.kept.is_some_and(|kept| now.duration_since(kept) < every);
        if self.read && !soon && self.store.keeps_checkpoints() {
            self.store.keep(&self.state, &self.observed);
            (self.read, self.kept) = (false, Some(now));
        }
    }

    /// Compares our clock with the service's, by its latest answer.
    pub(super) fn see_clock(&mut self) {
        let skew = if self.clock.is_paced() { None } else { self.tenant.clock_skew() };
        self.observed.clock_agrees = skew.is_some_and(|skew| skew.abs() <= MOST_SKEW);
        self.observed.clock_doubt = skew
            .filter(|skew| skew.abs() > MOST_SKEW)
            .map(|skew| format!("our clock and the service's differ by {} s; correct the clock of this host", skew.as_secs()));
    }

    /// Judges what the app may do in the tenant, by its latest token.
    fn see_permissions(&mut self, plan: &Plan) {
        let granted = self.tenant.permissions();
        self.observed.permissions_doubt = granted.and_then(|granted| permissions::objection(plan, &granted));
    }

    fn publish(&mut self, plan: &Plan, revision: &str, wake_at: Timestamp, step: Step) -> Result<(), EngineError> {
        let idle = matches!(step, Step::Idle(_));
        if self.published == Some(self.state.seq) && (self.clock.is_paced() || !idle) {
            return Ok(());
        }
        if !idle && self.clock.is_paced() && self.status.receiver_count() == 0 {
            return Ok(());
        }
        // A report on a million people takes a while: while there is other work it is made now and then.
        let now = self.clock.now();
        let (begun, took) = self.reported;
        if !idle && now.duration_since(begun) < took.saturating_mul(REPORT_SHARE) {
            return Ok(());
        }
        let report = report(&self.ground(plan, revision, PLANNING_MAX_AGE), wake_at);
        self.reported = (now, self.clock.now().duration_since(now));
        let mut status = Status::new(&report, self.state.seq, self.store.head(), &*self.tenant);
        status.warnings.extend(warnings(&self.ground(plan, revision, PLANNING_MAX_AGE)));
        status.warnings.extend(self.notify.warnings());
        if let Ok(bytes) = serde_json::to_vec(&status) {
            self.store.publish(&bytes)?;
        }
        self.published = Some(self.state.seq);
        self.status.send_replace(Some(Arc::new(report)));
        if idle {
            self.checkpoint();
        }
        Ok(())
    }
}

fn later(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}
