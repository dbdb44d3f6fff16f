//! The texts of notices follow the plan: those that came with a plan count from the record on that puts it into force.
//!
//! A refused plan leaves the texts as they were. Keeps nothing itself: every call goes on to the store.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::engine::port::{Store, StoreError};
use crate::notify::Texts;
use crate::rollout::event::{By, Event, Record};
use crate::rollout::observed::Observed;
use crate::rollout::state::State;

/// Texts that wait for their plan, by its revision; the latest reload wins.
#[derive(Clone, Default)]
pub(super) struct Offered(Arc<Mutex<Option<(String, Texts)>>>);

impl Offered {
    /// These texts come with the plan of this revision.
    pub(super) fn put(&self, revision: String, texts: Texts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, texts));
    }

    fn take(&self, accepted: &str) -> Option<Texts> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, texts) = waiting.take_if(|(revision, _)| revision == accepted)?;
        Some(texts)
    }
}

/// A store beside which the texts follow the plan.
pub(super) struct Wording<S> {
    pub(super) store: S,
    pub(super) offered: Offered,
    pub(super) texts: watch::Sender<Arc<Texts>>,
}

impl<S: Store> Store for Wording<S> {
    fn append(&mut self, at: Timestamp, by: By, actor: &str, events: &[Event]) -> Result<Vec<Record>, StoreError> {
        let records = self.store.append(at, by, actor, events)?;
        for event in events {
            if let Event::PlanAccepted { revision, .. } = event
                && let Some(texts) = self.offered.take(revision)
            {
                self.texts.send_replace(Arc::new(texts));
            }
        }
        Ok(records)
    }

    fn keeps_checkpoints(&self) -> bool {
        self.store.keeps_checkpoints()
    }

    fn checkpoint(&mut self, state: &State) {
        self.store.checkpoint(state);
    }

    fn keep(&mut self, state: &State, observed: &Observed) {
        self.store.keep(state, observed);
    }

    fn publish(&mut self, status: &[u8]) -> Result<(), StoreError> {
        self.store.publish(status)
    }

    fn head(&self) -> String {
        self.store.head()
    }
}
