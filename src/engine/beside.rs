//! Readings beside the loop: what was read before is read again while the loop goes on, since a listing of everybody takes minutes
//! and the report of a large tenant half an hour.
//!
//! Does not decide what is due. Invariants: what was never read and is needed is waited for; a paced clock does one thing after the
//! other; an answer that was asked for under another plan, or of another group, is dropped.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::observe::{Answered, Known, ask, asked_about, take_in};
use super::step::Engine;
use crate::rollout::gate;
use crate::rollout::need::Ask;
use crate::rollout::observed::{Observed, Source, Target};
use crate::rollout::plan::{Plan, Reads};
use crate::rollout::select::exempt_key;
use crate::rollout::state::State;

/// Readings under way; dropped, they end.
#[derive(Default)]
pub(super) struct Beside {
    tasks: JoinSet<Landed>,
    asks: Vec<Ask>,
}

/// An answer that came.
pub(super) struct Landed {
    ask: Ask,
    at: Timestamp,
    revision: String,
    target: Option<Target>,
    answered: Option<Answered>,
}

impl Beside {
    /// Waits for the next answer; for ever when nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Landed> {
        match self.tasks.join_next().await {
            Some(landed) => self.landed(landed),
            None => std::future::pending().await,
        }
    }

    fn landed(&mut self, landed: Result<Landed, tokio::task::JoinError>) -> Option<Landed> {
        match landed {
            Ok(landed) => {
                self.asks.retain(|ask| !is_same(ask, &landed.ask));
                Some(landed)
            }
            Err(error) => {
                tracing::error!(error = %error, "a reading came to no end; it is asked for again");
                self.tasks.abort_all();
                self.asks.clear();
                None
            }
        }
    }
}

/// Whether two questions are the same but for their times.
fn is_same(one: &Ask, other: &Ask) -> bool {
    match (one, other) {
        (Ask::SignIns(_), Ask::SignIns(_)) | (Ask::Bounces(_), Ask::Bounces(_)) => true,
        (one, other) => one == other,
    }
}

/// Whether there is an earlier answer to go on with, or nothing that waits for one.
fn is_known(plan: &Plan, state: &State, observed: &Observed, ask: &Ask) -> bool {
    fn read<T>(source: &Source<T>) -> bool {
        source.last.is_some()
    }
    match ask {
        Ask::Directory => read(&observed.directory),
        Ask::Selection(key) if exempt_key(plan).as_ref() == Some(key) => false,
        Ask::Selection(key) => observed.selections.get(key).is_some_and(read),
        // The journal says who was a member before us, and whom we added since.
        Ask::Members => read(&observed.members) || state.baseline.is_some(),
        Ask::Registration => read(&observed.registration),
        Ask::SignIns(_) => read(&observed.sign_ins) || !gate::reads(plan, Reads::SignIns),
        // A warning mostly, a mail that comes whenever it comes, courtesies: nothing waits for them. Who was not seen is asked an hour
        // ahead, and takes long in a large tenant; of whom that is not known on the date, nobody is absent.
        // What is asked outside the tenant may never answer: until it does, its gate has no data.
        Ask::Collisions | Ask::Bounces(_) | Ask::Managers(..) | Ask::LastSeen | Ask::Gate(_) => true,
        // The guard asks for the first right before the wire, and the stage stands until What-If has answered; they are short.
        Ask::Safety | Ask::Target | Ask::PerUser | Ask::Spared | Ask::Reached => false,
    }
}

impl Engine {
    /// Begins to read beside the loop, where that may be; whether it is under way.
    pub(super) fn reads_beside(&mut self, plan: &Plan, revision: &str, question: &Ask) -> bool {
        if self.beside.asks.iter().any(|under_way| is_same(under_way, question)) {
            return true;
        }
        if self.clock.is_paced() || !is_known(plan, &self.state, &self.observed, question) {
            return false;
        }
        let (tenant, enforce, notify) = (Arc::clone(&self.tenant), Arc::clone(&self.enforce), Arc::clone(&self.notify));
        let Some(people) = asked_about(&self.state, &self.observed, question) else { return false };
        let gates = self.gates.clone();
        let (at, target, plan, question) = (self.clock.now(), self.state.target, plan.clone(), question.clone());
        let revision = revision.to_owned();
        self.beside.asks.push(question.clone());
        self.beside.tasks.spawn(async move {
            let known = Known { target, people: &people, notify: Some(&*notify), gates: gates.as_deref() };
            let answered = ask(&*tenant, &*enforce, &plan, known, &question).await;
            Landed { ask: question, at, revision, target, answered }
        });
        true
    }

    /// Takes in what has landed.
    pub(super) fn take_landed(&mut self) {
        while let Some(landed) = self.beside.tasks.try_join_next() {
            if let Some(landed) = self.beside.landed(landed) {
                self.take_answer(landed);
            }
        }
    }

    pub(super) fn take_answer(&mut self, landed: Landed) {
        let Landed { ask, at, revision, target, answered } = landed;
        let current = self.state.plan.as_ref().is_some_and(|accepted| accepted.revision == revision);
        let meant = ask != Ask::Members || target == self.state.target;
        if let Some(answered) = answered.filter(|_| current && meant) {
            take_in(&self.state, &mut self.observed, at, answered);
            self.read = true;
        }
    }
}
