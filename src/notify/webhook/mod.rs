//! Webhooks: what happens to stages, posted to channels. Never a person's notice.
//!
//! In reading order: `announcement` gathers, `body` writes, `deliver` tries. Does not read the journal: records are
//! handed in. Invariants: a hook that fails holds nothing and nobody, it is a warning; delivery is at least once and in order, and each
//! post carries an id that a second one repeats.

mod announcement;
mod body;
mod deliver;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::mpsc;

pub use self::announcement::{Announcement, Gatherer};
use self::deliver::{Waits, deliver};
use crate::engine::port::{Answer, Lists, Memo, Notice, NoticeOutcome, Notify};
use crate::outside::client::{Client, Unsent};
use crate::rollout::id::PersonRef;
use crate::rollout::observed::{Bounce, Trouble};

/// Announcements that wait for one hook; when there are more, the oldest are given up.
const WAITING: usize = 1000;

/// Reads address and secret of a hook, as they are now; the error is a sentence for an operator.
pub type ReadHook = Arc<dyn Fn() -> Result<(SecretString, Option<SecretString>), String> + Send + Sync>;

/// Remembers how far a hook has come: the number of the last record about which nothing is left to be told.
pub type Remember = Arc<dyn Fn(u64) -> Result<(), String> + Send + Sync>;

/// One receiver.
#[derive(Clone)]
pub struct Hook {
    /// What stands for it in warnings; not its address.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// Reads its address and its secret.
    pub read: ReadHook,
    /// Hosts that may be internal.
    pub allow_internal: Vec<String>,
    /// The last record about which it has been told everything.
    pub told: u64,
    /// Keeps that.
    pub remember: Remember,
}

/// What a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A card for Microsoft Teams.
    Teams,
    /// JSON of our own.
    Json,
}

/// What hooks were last in trouble with; shared with the status.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<String, String>>>);

impl Troubles {
    /// A sentence for each hook in trouble.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(name, why)| format!("the webhook {name} is not told: {why}")).collect()
    }

    fn set(&self, name: &str, why: Option<&str>) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => troubles.insert(name.to_owned(), why.to_owned()),
            None => troubles.remove(name),
        };
    }
}

/// News for a hook.
#[derive(Clone, Debug)]
pub enum News {
    /// Something to be told.
    Told(Announcement),
    /// About records up to this one nothing is left to be told, once what came before is delivered.
    Settled(u64),
}

/// Tells one hook all news until there is no more. What came before its mark is left out.
pub async fn follow(hook: Hook, news: mpsc::UnboundedReceiver<News>, troubles: Troubles) {
    follow_with(hook, news, troubles, Waits::default()).await;
}

async fn follow_with(hook: Hook, mut news: mpsc::UnboundedReceiver<News>, troubles: Troubles, waits: Waits) {
    let client = match Client::to("webhook", hook.allow_internal.clone()) {
        Ok(client) => client,
        Err(Unsent(why)) => return troubles.set(&hook.name, Some(&why)),
    };
    let mut waiting: VecDeque<News> = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Some(next) = news.recv().await else { return };
            waiting.push_back(next);
        }
        while let Ok(next) = news.try_recv() {
            waiting.push_back(next);
        }
        if waiting.len() > WAITING {
            waiting.drain(..waiting.len() - WAITING);
            tracing::warn!(webhook = %hook.name, "too many announcements wait; the oldest are given up");
        }
        match waiting.pop_front() {
            Some(News::Told(announcement)) if announcement.seq > hook.told => {
                let failed = |why: &str| {
                    tracing::debug!(webhook = %hook.name, why, "a webhook is tried again later");
                    troubles.set(&hook.name, Some(why));
                };
                match deliver(&hook, &client, waits, &announcement, failed).await {
                    Ok(()) => troubles.set(&hook.name, None),
                    Err(why) => {
                        tracing::warn!(webhook = %hook.name, why, "an announcement was given up");
                        troubles.set(&hook.name, Some(&format!("an announcement was given up: {why}")));
                    }
                }
            }
            Some(News::Settled(seq)) if seq > hook.told => {
                if let Err(why) = (hook.remember)(seq) {
                    troubles.set(&hook.name, Some(&why));
                }
            }
            _ => {}
        }
    }
}

/// Notices as another port sends them, with the troubles of the webhooks beside.
pub struct Beside {
    /// Who sends.
    pub notices: Arc<dyn Notify>,
    /// What the webhooks are in trouble with.
    pub troubles: Troubles,
}

impl Notify for Beside {
    fn send<'a>(&'a self, notice: &'a Notice) -> Answer<'a, NoticeOutcome> {
        self.notices.send(notice)
    }

    fn send_lists<'a>(&'a self, lists: &'a Lists) -> Answer<'a, NoticeOutcome> {
        self.notices.send_lists(lists)
    }

    fn send_memo<'a>(&'a self, memo: &'a Memo) -> Answer<'a, NoticeOutcome> {
        self.notices.send_memo(memo)
    }

    fn bounces<'a>(&'a self, from: &'a [PersonRef], since: Timestamp) -> Answer<'a, Result<Vec<Bounce>, Trouble>> {
        self.notices.bounces(from, since)
    }

    fn warnings(&self) -> Vec<String> {
        [self.notices.warnings(), self.troubles.sentences()].concat()
    }
}
