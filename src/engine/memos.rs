//! Telling operators: intent, wire, outcome. A doubt is repeated once, which the pure core sees to.

use std::sync::Arc;

use super::port::{self, NoticeOutcome};
use super::step::{ACTOR, Engine, EngineError, PLANNING_MAX_AGE};
use crate::rollout::event::{By, Event};
use crate::rollout::memo::{Due, page};
use crate::rollout::state::{Accepted, State};

impl Engine {
    /// Sends one memo.
    pub(super) async fn send_memo(&mut self, accepted: &Accepted, due: Due) -> Result<(), EngineError> {
        let Due { about, memo, to, from: via } = due;
        let page = page(&self.ground(&accepted.plan, &accepted.revision, PLANNING_MAX_AGE), &memo);
        self.commit(By::Schedule, ACTOR, &[Event::MemoIntent { about, to: to.clone(), from: via.clone() }])?;
        let memo = port::Memo { intent: self.state.seq, from: accepted.plan.notices.from.clone(), via, to, page };
        let notify = Arc::clone(&self.notify);
        let NoticeOutcome { accepted, refused, unknown, not_sent } = self.meanwhile(notify.send_memo(&memo)).await?;
        self.commit(By::Schedule, ACTOR, &[Event::MemoOutcome { intent: memo.intent, accepted, refused, unknown, not_sent }])
    }
}

/// The outcomes of memos that a crash left open: nobody knows.
pub(super) fn left_open(state: &State) -> impl Iterator<Item = Event> {
    state.operators.out.iter().map(|(intent, out)| Event::MemoOutcome {
        intent: *intent,
        accepted: Vec::new(),
        refused: Vec::new(),
        unknown: out.to.clone(),
        not_sent: Vec::new(),
    })
}
