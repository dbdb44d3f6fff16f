//! Temporary Access Passes for people who cannot register otherwise: intent in the journal, the port, outcome in the journal, and then the
//! pass to whoever asked, and to nobody else.
//!
//! A call at the helpdesk does not wait for a batch: the port works beside the loop. Invariants: no pass is issued whose intent is not on
//! disk, none is handed out whose outcome is not; the pass itself is in no record, no status and no log.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use super::command::{PassOrder, Said};
use super::port::{NotIssued, Pass};
use super::step::{Engine, EngineError};
use crate::rollout::assist::refuses;
use crate::rollout::event::{By, Event, PassFate};
use crate::rollout::id::ObjectId;

/// Passes under way.
#[derive(Default)]
pub(super) struct Assisting(JoinSet<Issued>);

/// What came of one.
pub(super) struct Issued {
    intent: u64,
    person: ObjectId,
    actor: String,
    answer: oneshot::Sender<Result<Said, String>>,
    result: Result<Pass, NotIssued>,
}

impl Assisting {
    /// The next one that has come to an end; none when nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Result<Issued, JoinError>> {
        self.0.join_next().await
    }

    /// The same, without waiting.
    pub(super) fn ended(&mut self) -> Option<Result<Issued, JoinError>> {
        self.0.try_join_next()
    }
}

impl Engine {
    /// Journals that a pass is asked for, and has it issued; or says why not.
    pub(super) fn assist(
        &mut self,
        order: PassOrder,
        why: String,
        actor: String,
        answer: oneshot::Sender<Result<Said, String>>,
    ) -> Result<(), EngineError> {
        let refused = match (&self.state.plan, &self.assist) {
            (None, _) => Err("no plan is in force yet".to_owned()),
            (_, None) => Err("this run issues no passes".to_owned()),
            (Some(accepted), Some(port)) => {
                refuses(&accepted.plan, &self.observed, order.person).map_or_else(|| Ok(Arc::clone(port)), Err)
            }
        };
        let port = match refused {
            Ok(port) => port,
            Err(why) => {
                // Whoever asked may be gone.
                let _ = answer.send(Err(why));
                return Ok(());
            }
        };
        let PassOrder { person, minutes, uses } = order;
        self.commit(By::Operator, &actor, &[Event::Assisted { person, why, minutes, uses }])?;
        let intent = self.state.seq;
        self.assisting.0.spawn(async move {
            // A pass that nobody would read is not issued.
            let result = if answer.is_closed() {
                Err(NotIssued::NotSent("whoever asked for it did not wait".to_owned()))
            } else {
                port.issue(&order).await
            };
            Issued { intent, person, actor, answer, result }
        });
        Ok(())
    }

    /// Journals what came of a pass, and hands it out.
    pub(super) fn take_issued(&mut self, ended: Result<Issued, JoinError>) -> Result<(), EngineError> {
        let Issued { intent, person, actor, answer, result } = match ended {
            Ok(issued) => issued,
            Err(error) => {
                tracing::error!(error = %error, "a pass came to no end; its record stays without an outcome");
                return Ok(());
            }
        };
        let (fate, says) = match result {
            Ok(pass) => {
                let fate = PassFate::Issued { minutes: pass.minutes, from: pass.from };
                let says = "a Temporary Access Pass was issued; an earlier one of theirs does not count any more".to_owned();
                (fate, Ok(Said { says, pass: Some(pass) }))
            }
            Err(NotIssued::Refused(why)) => (PassFate::Refused(why.clone()), Err(why)),
            Err(NotIssued::NotSent(why)) => (PassFate::NotSent(why.clone()), Err(why)),
            Err(NotIssued::Unknown) => {
                let says =
                    "no answer came: a pass may have been issued, and nobody can read it; ask for another one, which replaces it";
                (PassFate::Unknown, Err(says.to_owned()))
            }
        };
        self.commit(By::Operator, &actor, &[Event::AssistOutcome { intent, person, fate }])?;
        // Whoever asked may be gone: then nobody has the pass, and it ends by itself.
        let _ = answer.send(says);
        Ok(())
    }

    /// Waits for the passes that are under way.
    pub(super) async fn end_assisting(&mut self) -> Result<(), EngineError> {
        while let Some(ended) = self.assisting.next().await {
            self.take_issued(ended)?;
        }
        Ok(())
    }
}
