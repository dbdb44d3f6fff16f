//! Sending lists to managers: intent, wire, outcome. Nothing waits for them, and none is sent again after a doubt.

use std::sync::Arc;

use super::port::{self, NoticeOutcome};
use super::step::{ACTOR, Engine, EngineError};
use crate::rollout::event::{By, Event};
use crate::rollout::lists::Due;
use crate::rollout::state::{Accepted, State};

impl Engine {
    /// Sends one group of lists.
    pub(super) async fn send_lists(&mut self, accepted: &Accepted, due: Due) -> Result<(), EngineError> {
        let Due { stage, instant, lists, from: via } = due;
        let managers = lists.iter().map(|list| list.manager).collect();
        self.commit(By::Schedule, ACTOR, &[Event::ListIntent { stage, instant, managers, from: via.clone() }])?;
        let notices = &accepted.plan.notices;
        let group = port::Lists {
            intent: self.state.seq,
            instant,
            time_zone: accepted.plan.time_zone.clone(),
            helpdesk: notices.helpdesk.clone(),
            from: notices.from.clone(),
            via,
            lists,
        };
        let notify = Arc::clone(&self.notify);
        let NoticeOutcome { accepted, refused, unknown, not_sent } = self.meanwhile(notify.send_lists(&group)).await?;
        self.commit(By::Schedule, ACTOR, &[Event::ListOutcome { intent: group.intent, accepted, refused, unknown, not_sent }])
    }
}

/// The outcomes of lists that a crash left open: nobody knows.
pub(super) fn left_open(state: &State) -> impl Iterator<Item = Event> {
    state.lists_out.iter().map(|(intent, batch)| Event::ListOutcome {
        intent: *intent,
        accepted: Vec::new(),
        refused: Vec::new(),
        unknown: batch.managers.clone(),
        not_sent: Vec::new(),
    })
}
