//! Webhooks beside the engine: what was recorded before is read once from the journal, and what is recorded from now on comes as it is
//! committed.
//!
//! Holds nothing up: the engine hands records over and goes on. Keeps nothing of the store itself: every call goes on to it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::config::{Webhook, WebhookKind};
use crate::engine::port::{Store, StoreError};
use crate::notify::webhook::{Gatherer, Hook, Kind, News, Troubles, follow};
use crate::rollout::event::{By, Event, Record};
use crate::rollout::id::sha256_hex;
use crate::rollout::observed::Observed;
use crate::rollout::state::State;
use crate::store::{delivered, records};

/// How often it is looked whether a run of reminders has ended.
const LOOK: Duration = Duration::from_secs(60);

/// A store that tells the webhooks what was committed.
pub(super) struct Announced<S> {
    pub(super) store: S,
    /// None without webhooks.
    pub(super) committed: Option<mpsc::UnboundedSender<Vec<Record>>>,
}

impl<S: Store> Store for Announced<S> {
    fn append(&mut self, at: Timestamp, by: By, actor: &str, events: &[Event]) -> Result<Vec<Record>, StoreError> {
        let records = self.store.append(at, by, actor, events)?;
        if let Some(committed) = &self.committed {
            // Whoever followed is gone only when the program ends.
            let _ = committed.send(records.clone());
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

/// Begins to follow, from the journal in `state`, which holds records up to `seq`; gives back where committed records go to.
pub(super) fn begin(
    webhooks: &[Webhook],
    state: &Path,
    seq: u64,
    clock: Clock,
    troubles: &Troubles,
) -> Option<mpsc::UnboundedSender<Vec<Record>>> {
    if webhooks.is_empty() {
        return None;
    }
    let (committed, mut records) = mpsc::unbounded_channel::<Vec<Record>>();
    let mut hooks = Vec::new();
    for webhook in webhooks {
        let (sender, news) = mpsc::unbounded_channel();
        tokio::spawn(follow(hook(webhook, state, seq), news, troubles.clone()));
        hooks.push(sender);
    }
    let state = state.to_owned();
    tokio::spawn(async move {
        let tell = |news: News| hooks.iter().for_each(|hook| drop(hook.send(news.clone())));
        let mut gatherer = match earlier(state, seq).await {
            Ok((gatherer, news)) => {
                news.into_iter().for_each(tell);
                gatherer
            }
            Err(why) => {
                tracing::warn!(why, "the webhooks are told only what happens from now on");
                Gatherer::default()
            }
        };
        let mut seen = seq;
        loop {
            match tokio::time::timeout(LOOK, records.recv()).await {
                Ok(Some(some)) => {
                    for record in some {
                        gatherer.see(&record).into_iter().map(News::Told).for_each(tell);
                        seen = record.seq;
                    }
                }
                Ok(None) => return,
                Err(_) => gatherer.due(clock.now()).into_iter().map(News::Told).for_each(tell),
            }
            tell(News::Settled(gatherer.settled(seen)));
        }
    });
    Some(committed)
}

/// What the journal says so far.
async fn earlier(state: std::path::PathBuf, seq: u64) -> Result<(Gatherer, Vec<News>), String> {
    let read = tokio::task::spawn_blocking(move || {
        let (mut gatherer, mut news) = (Gatherer::default(), Vec::new());
        if seq > 0 {
            for record in records::records(&state)
                .map_err(|error| error.to_string())?
                .take_while(|record| record.as_ref().map_or(true, |record| record.seq <= seq))
            {
                let record = record.map_err(|error| error.to_string())?;
                news.extend(gatherer.see(&record).into_iter().map(News::Told));
            }
        }
        Ok((gatherer, news))
    });
    read.await.map_err(|error| error.to_string())?
}

/// A new webhook is not told of the past.
fn hook(webhook: &Webhook, state: &Path, seq: u64) -> Hook {
    let key: String = sha256_hex(webhook.name.as_bytes()).chars().take(16).collect();
    let told = delivered::read(state, &key);
    let state = state.to_owned();
    if told.is_none() {
        let _ = delivered::write(&state, &key, seq);
    }
    let read = webhook.clone();
    Hook {
        name: webhook.name.clone(),
        kind: match webhook.kind {
            WebhookKind::Teams => Kind::Teams,
            WebhookKind::Json => Kind::Json,
        },
        read: Arc::new(move || read.read()),
        allow_internal: webhook.allow_internal.clone(),
        told: told.unwrap_or(seq),
        remember: Arc::new(move |seq| {
            delivered::write(&state, &key, seq).map_err(|error| format!("how far it was told cannot be kept: {error}"))
        }),
    }
}
