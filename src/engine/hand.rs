//! Handing out a tranche: facts of the next people are read while writes of those before are under way.
//!
//! Does not choose people, and does not pace: the port says what may leave. Invariants: whoever leaves was let through by the guard on
//! facts not older than [`GUARD_MAX_AGE`]; an intent is durable before its request leaves, the outcome right after its answer; after a
//! pause, a stop or another plan nothing further leaves, and what is under way is waited for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};

use super::leave::Leave;
use super::port::{BatchOutcome, Room};
use super::step::{ACTOR, Engine, EngineError, PLANNING_MAX_AGE};
use crate::rollout::condition::GUARD_MAX_AGE;
use crate::rollout::event::{By, Event};
use crate::rollout::id::ObjectId;
use crate::rollout::need::Ask;
use crate::rollout::observed::{Person, Trouble};
use crate::rollout::select::exempt_key;
use crate::rollout::state::Accepted;
use crate::rollout::tranche::{self, Tranche};
use crate::rollout::{guard, person::Home};

/// Within a tranche, facts are read again when they are older than this; the guard refuses at [`GUARD_MAX_AGE`].
const REFRESH: SignedDuration = SignedDuration::from_mins(5);
/// Facts that the loop read so shortly before a tranche are not read once more.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(30);
/// Batches whose people are read together: what one envelope of reads holds.
const READ: usize = 15;
/// Batches that are kept ready at most, in addition to what is being read.
const AHEAD: usize = 60;
/// Readings under way at once.
const READINGS: usize = 4;
/// Envelopes under way at once; the port may allow fewer.
const ENVELOPES: usize = 8;
/// For so many batches the members are not read anew.
const FEW: usize = 5;
/// Longer than this nobody waits in the middle of a tranche: what is left is decided anew.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_secs(2);

/// A batch, and its people as they were read for it, ascending by id.
struct Ready {
    as_of: Timestamp,
    batch: Vec<ObjectId>,
    rows: Arc<Vec<Person>>,
}

/// What came back.
enum Landed {
    Read { as_of: Timestamp, batches: Vec<Vec<ObjectId>>, rows: Result<Vec<Person>, Trouble> },
    Written { intents: Vec<Intended>, outcomes: Vec<BatchOutcome> },
}

/// An intent on disk, and those of it whom the last reading shows as members already.
struct Intended {
    seq: u64,
    already: Vec<ObjectId>,
}

type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// A tranche on its way.
struct Hand {
    home: Home,
    leave: Leave,
    /// Not read yet.
    waiting: VecDeque<Vec<ObjectId>>,
    ready: VecDeque<Ready>,
    flights: FuturesUnordered<Flight>,
    readings: usize,
    envelopes: usize,
    /// Batches of those envelopes.
    under_way: usize,
    /// What became of writes whose answers just came: recorded with the next intents, or else before anything is waited for.
    landed: Vec<Event>,
    /// Nothing further leaves.
    ended: bool,
}

impl Hand {
    fn new(tranche: Tranche, leave: Leave) -> Self {
        Self {
            home: tranche.home,
            leave,
            waiting: tranche.batches.into(),
            ready: VecDeque::new(),
            flights: FuturesUnordered::new(),
            readings: 0,
            envelopes: 0,
            under_way: 0,
            landed: Vec::new(),
            ended: false,
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.waiting.clear();
        self.ready.clear();
    }

    /// Batches that are read, or will be.
    fn left(&self) -> usize {
        self.waiting.len() + self.readings * READ + self.ready.len()
    }
}

/// What the next envelope waits for.
enum Next {
    /// It left.
    Left,
    /// Something that is under way.
    Flight,
    /// This instant, too.
    At(Timestamp),
}

impl Engine {
    /// Hands out a tranche; stops early when something came in between.
    pub(super) async fn hand_out(&mut self, accepted: &Accepted, tranche: Tranche) -> Result<(), EngineError> {
        let begun = self.clock.now();
        let mut hand = Hand::new(tranche, self.leaves.forward());
        self.check_facts(accepted, self.booted.max(earlier(begun, JUST_NOW))).await?;
        if hand.waiting.len() > FEW {
            self.check_members(accepted).await?;
        }
        loop {
            let before = self.state.seq;
            self.take_inputs()?;
            if self.stopping || self.state.seq != before || self.observed.pause_file.is_some() {
                self.look_again(accepted, &mut hand);
            }
            self.read_ahead(&mut hand);
            let next = self.send(accepted, begun, &mut hand).await?;
            self.record_landed(&mut hand)?;
            let until = match next {
                Next::Left => continue,
                Next::Flight => None,
                Next::At(at) if hand.flights.is_empty() && at.duration_since(self.clock.now()) > PATIENCE => return Ok(()),
                Next::At(at) => Some(at),
            };
            if hand.flights.is_empty() && until.is_none() {
                return Ok(());
            }
            self.wait(accepted, &mut hand, until).await?;
        }
    }

    /// Something came in: whether anything may still leave.
    fn look_again(&self, accepted: &Accepted, hand: &mut Hand) {
        let ground = self.ground(&accepted.plan, &accepted.revision, PLANNING_MAX_AGE);
        if self.stopping || !hand.leave.holds() || tranche::refuses(&ground, hand.home).is_some() {
            hand.end();
            hand.leave.take_back();
        }
    }

    /// Begins to read the people of the next batches. A paced clock does one thing after the other.
    fn read_ahead(&self, hand: &mut Hand) {
        let abreast = !self.clock.is_paced();
        let readings = if abreast { READINGS } else { usize::from(hand.flights.is_empty() && hand.ready.is_empty()) };
        while !hand.waiting.is_empty() && hand.readings < readings && hand.ready.len() + hand.readings * READ < AHEAD {
            let batches: Vec<_> = hand.waiting.drain(..READ.min(hand.waiting.len())).collect();
            let (tenant, as_of) = (Arc::clone(&self.tenant), self.clock.now());
            hand.readings += 1;
            hand.flights.push(Box::pin(async move {
                let people: Vec<ObjectId> = batches.iter().flatten().copied().collect();
                let rows = tenant.people_now(&people).await;
                Landed::Read { as_of, batches, rows }
            }));
        }
    }

    /// Sends the next envelope, if it may leave.
    async fn send(&mut self, accepted: &Accepted, begun: Timestamp, hand: &mut Hand) -> Result<Next, EngineError> {
        let most = if self.clock.is_paced() { 1 } else { ENVELOPES };
        if hand.left() == 0 || hand.envelopes >= most || self.clock.is_paced() && !hand.flights.is_empty() {
            return Ok(Next::Flight);
        }
        let few = match self.enforce.room(hand.under_way, hand.left()) {
            Room::Now(few) => few.max(1),
            Room::At(at) => return Ok(Next::At(at)),
            Room::Later => return Ok(Next::Flight),
        };
        // The last reading of a tranche may hold fewer batches than was counted on.
        let few = few.min(hand.waiting.len() + hand.ready.len()).max(1);
        if hand.ready.len() < few && hand.readings > 0 || hand.ready.is_empty() {
            return Ok(Next::Flight);
        }
        let old = self.refresh_from();
        let since = self.booted.max(earlier(begun, JUST_NOW)).max(old);
        if !self.old_facts(accepted, since).is_empty() {
            self.record_landed(hand)?;
            self.check_facts(accepted, since).await?;
        }
        let some: Vec<Ready> = hand.ready.drain(..few.min(hand.ready.len())).collect();
        if some.iter().any(|ready| ready.as_of < old) {
            // They waited too long, and are read again.
            some.into_iter().rev().for_each(|ready| hand.waiting.push_front(ready.batch));
            hand.waiting.extend(hand.ready.drain(..).map(|ready| ready.batch));
            self.read_ahead(hand);
            return Ok(Next::Flight);
        }
        self.dispatch(accepted, hand, &some)?;
        Ok(Next::Left)
    }

    /// Guard, intents, wire.
    fn dispatch(&mut self, accepted: &Accepted, hand: &mut Hand, some: &[Ready]) -> Result<(), EngineError> {
        // What came in while facts were read counts too.
        self.take_inputs()?;
        self.see_clock();
        let mut batches = Vec::with_capacity(some.len());
        for Ready { batch, rows, .. } in some {
            let ground = self.ground(&accepted.plan, &accepted.revision, GUARD_MAX_AGE);
            let mut checked = guard::enforce(&ground, hand.home, batch, rows);
            // The caps count what is on disk, and these are not there yet.
            let taken: usize = batches.iter().map(Vec::len).sum();
            let allowed = usize::try_from(ground.allowance()).unwrap_or(usize::MAX).saturating_sub(taken);
            if checked.pass.len() > allowed {
                checked.pass.truncate(allowed);
                hand.ended = true;
            }
            for held in &checked.held {
                tracing::warn!(people.count = held.people.len(), why = %held.why, "the guard held people back");
            }
            hand.ended |= !checked.held.is_empty();
            if !checked.pass.is_empty() {
                batches.push(checked.pass);
            }
        }
        let stops = self.stopping || !hand.leave.holds();
        if hand.ended || stops {
            hand.end();
        }
        let Some(target) = self.state.target else {
            hand.end();
            return Ok(());
        };
        if batches.is_empty() || stops {
            hand.end();
            return Ok(());
        }
        let stage = self.state.home_name(hand.home).to_owned();
        let mut events = std::mem::take(&mut hand.landed);
        let first = self.state.seq.saturating_add(1).saturating_add(events.len() as u64);
        events.extend(batches.iter().map(|batch| Event::EnforceIntent { stage: stage.clone(), people: batch.clone() }));
        self.commit(By::Schedule, ACTOR, &events)?;
        let mut intents = Vec::with_capacity(batches.len());
        for (seq, batch) in (first..).zip(&mut batches) {
            let already = self.members_among(batch);
            batch.retain(|id| !already.contains(id));
            intents.push(Intended { seq, already });
        }
        let (enforce, leave) = (Arc::clone(&self.enforce), hand.leave.clone());
        hand.envelopes += 1;
        hand.under_way += batches.len();
        hand.flights.push(Box::pin(async move {
            let outcomes = enforce.enforce(&leave, target, &batches).await;
            Landed::Written { intents, outcomes }
        }));
        Ok(())
    }

    /// Those whom a fresh reading shows as members: a bind with one of them would be refused whole.
    fn members_among(&self, batch: &[ObjectId]) -> Vec<ObjectId> {
        let Some(members) = self.observed.members.fresh(self.clock.now(), GUARD_MAX_AGE) else { return Vec::new() };
        batch.iter().copied().filter(|id| members.value.contains(*id)).collect()
    }

    /// Waits for what is under way, for an input, or until `until`; and takes in all that has landed.
    async fn wait(&mut self, accepted: &Accepted, hand: &mut Hand, until: Option<Timestamp>) -> Result<(), EngineError> {
        let clock = self.clock.clone();
        let open = !self.inputs.is_closed();
        let wake = async {
            match until {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let mut landed = Vec::new();
        tokio::select! {
            biased;
            Some(one) = hand.flights.next() => landed.push(one),
            input = self.inputs.recv(), if open => {
                if let Some(input) = input {
                    self.take_input(input)?;
                    self.look_again(accepted, hand);
                }
                return Ok(());
            }
            () = wake => return Ok(()),
        }
        // What else has landed by now is recorded with it.
        while let Some(Some(one)) = futures_util::FutureExt::now_or_never(hand.flights.next()) {
            landed.push(one);
        }
        for one in landed {
            match one {
                Landed::Read { as_of, batches, rows } => self.take_rows(hand, as_of, batches, rows),
                Landed::Written { intents, outcomes } => {
                    hand.envelopes = hand.envelopes.saturating_sub(1);
                    hand.under_way = hand.under_way.saturating_sub(intents.len());
                    if outcomes.iter().any(|outcome| !outcome.not_sent.is_empty()) {
                        hand.end();
                    }
                    hand.landed.extend(intents.into_iter().zip(outcomes).map(|(intent, outcome)| outcome_of(intent, outcome)));
                }
            }
        }
        Ok(())
    }

    /// Makes what landed durable.
    fn record_landed(&mut self, hand: &mut Hand) -> Result<(), EngineError> {
        let events = std::mem::take(&mut hand.landed);
        if events.is_empty() { Ok(()) } else { self.commit(By::Schedule, ACTOR, &events) }
    }

    fn take_rows(&mut self, hand: &mut Hand, as_of: Timestamp, batches: Vec<Vec<ObjectId>>, rows: Result<Vec<Person>, Trouble>) {
        hand.readings = hand.readings.saturating_sub(1);
        match rows {
            Ok(rows) => {
                if let Some(directory) = &mut self.observed.directory.last {
                    for batch in &batches {
                        directory.value.refresh(batch, &rows);
                    }
                }
                let rows = Arc::new(rows);
                if !hand.ended {
                    hand.ready.extend(batches.into_iter().map(|batch| Ready { as_of, batch, rows: Arc::clone(&rows) }));
                }
            }
            Err(trouble) => {
                tracing::warn!(trouble.why = %trouble.why, "the people of a batch could not be read; nothing is handed out");
                let at = self.clock.now();
                self.observed.directory.take(at, Err(trouble));
                hand.end();
            }
        }
    }

    fn refresh_from(&self) -> Timestamp {
        earlier(self.clock.now(), REFRESH)
    }

    /// Reads the members, unless that was done lately.
    async fn check_members(&mut self, accepted: &Accepted) -> Result<(), EngineError> {
        if self.observed.members.fresh(self.clock.now(), GUARD_MAX_AGE).is_some() {
            return Ok(());
        }
        // What an earlier life knew is enough to begin with: a bind that holds a member is refused whole, and told apart then.
        if self.reads_beside(&accepted.plan, &accepted.revision, &Ask::Members) {
            return Ok(());
        }
        self.question(&accepted.plan, &accepted.revision, &Ask::Members).await
    }

    /// Reads policy, break-glass accounts and the exempt group, unless that was done since `since`.
    async fn check_facts(&mut self, accepted: &Accepted, since: Timestamp) -> Result<(), EngineError> {
        for question in self.old_facts(accepted, since) {
            self.question(&accepted.plan, &accepted.revision, &question).await?;
        }
        Ok(())
    }

    /// Which of those were not read since `since`.
    fn old_facts(&self, accepted: &Accepted, since: Timestamp) -> Vec<Ask> {
        let observed = &self.observed;
        let old = |read: Option<Timestamp>| read.is_none_or(|read| read < since);
        let safety = observed.safety.last.as_ref().map(|reading| reading.as_of);
        let mut asks: Vec<Ask> = old(safety).then_some(Ask::Safety).into_iter().collect();
        if let Some(key) = exempt_key(&accepted.plan) {
            let read = observed.selections.get(&key).and_then(|source| source.last.as_ref()).map(|reading| reading.as_of);
            asks.extend(old(read).then_some(Ask::Selection(key)));
        }
        asks
    }
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn outcome_of(intent: Intended, outcome: BatchOutcome) -> Event {
    let mut already = intent.already;
    already.extend(outcome.already);
    Event::EnforceOutcome {
        intent: intent.seq,
        enforced: outcome.enforced,
        already,
        gone: outcome.gone,
        refused: outcome.refused,
        unknown: outcome.unknown,
        not_sent: outcome.not_sent,
    }
}
