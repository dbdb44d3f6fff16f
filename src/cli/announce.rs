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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;
    use crate::rollout::event::VERSION;

    const LONG: Duration = Duration::from_secs(60);

    fn record(seq: u64, event: Event) -> Record {
        let at = "2027-01-11T08:00:00Z".parse().unwrap();
        Record { seq, at, v: VERSION, by: By::Operator, actor: "ann".to_owned(), event }
    }

    /// A store that keeps nothing, and fails from its second record on.
    #[derive(Default)]
    struct Forgetful(u64);

    impl Store for Forgetful {
        fn append(&mut self, _: Timestamp, _: By, _: &str, events: &[Event]) -> Result<Vec<Record>, StoreError> {
            self.0 += 1;
            if self.0 > 1 {
                return Err(StoreError::Failed("a test".into()));
            }
            Ok(events.iter().map(|event| record(self.0, event.clone())).collect())
        }

        fn checkpoint(&mut self, _: &State) {}

        fn publish(&mut self, _: &[u8]) -> Result<(), StoreError> {
            Ok(())
        }

        fn head(&self) -> String {
            "head".to_owned()
        }
    }

    #[test]
    fn what_is_committed_is_handed_on_and_what_is_not_is_not() {
        let (committed, mut records) = mpsc::unbounded_channel();
        let mut store = Announced { store: Forgetful::default(), committed: Some(committed) };
        let event = Event::paused("tea");
        let mut append = || store.append(Timestamp::UNIX_EPOCH, By::Operator, "ann", std::slice::from_ref(&event));
        assert_eq!(append().unwrap(), [record(1, event.clone())]);
        assert!(append().is_err());
        assert_eq!((records.try_recv().unwrap(), records.try_recv().is_err()), (vec![record(1, event.clone())], true));
        assert_eq!(store.head(), "head");
    }

    #[tokio::test]
    async fn a_webhook_is_told_what_is_committed_and_how_far_is_kept() {
        let (sender, mut posts) = mpsc::unbounded_channel::<String>();
        let app = Router::new().route("/hook", post(async move |body: String| drop(sender.send(body))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("url");
        std::fs::write(&url, format!("http://localhost:{}/hook", listener.local_addr().unwrap().port())).unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let (name, allow_internal) = ("url".to_owned(), vec!["localhost".to_owned()]);
        let webhook = Webhook { kind: WebhookKind::Json, name, url, secret: None, allow_internal };
        let begun = |webhooks: &[Webhook]| begin(webhooks, folder.path(), 0, Clock::system(), &Troubles::default());
        assert!(begun(&[]).is_none(), "without webhooks nobody follows");

        let committed = begun(&[webhook]).unwrap();
        committed.send(vec![record(1, Event::paused("tea"))]).unwrap();
        let told = tokio::time::timeout(LONG, posts.recv()).await.unwrap().unwrap();
        assert!(told.contains("Paused: tea"), "{told}");
        let key: String = sha256_hex(b"url").chars().take(16).collect();
        let kept = async {
            while delivered::read(folder.path(), &key) != Some(1) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, kept).await.unwrap();
    }
}
