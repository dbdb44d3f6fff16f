//! Memos: mails to operators about the rollout as a whole. What is to be told, to whom it has not been yet, and which is sent next.
//!
//! Pure. A memo is no notice and counts for nobody. Invariants: what the mail service took is not sent to the same operator again; a doubt
//! is repeated once at most; no notice and no batch waits for a memo longer than one try takes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::condition::Ground;
use super::diary::Diary;
use super::digest::{self, Subject};
use super::id::ObjectId;
use super::limit::backoff;
use super::page::{self, Page};
use super::sending;

/// The longest wait between two tries.
const MOST_BACKOFF: SignedDuration = SignedDuration::from_hours(1);

/// What could not be told for so long is given up.
pub const GIVEN_UP: SignedDuration = SignedDuration::from_hours(3 * 24);

/// More memos than this do not wait: the oldest are given up.
pub const MOST_WAITING: usize = 100;

/// What operators are told, and were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operators {
    /// What reports are made of, while somebody is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<Desk>,
    /// Alerts that have begun and are not over, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alerts: BTreeMap<String, Alert>,
    /// Memos that somebody has not got, by the `seq` of the record that called for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waits: BTreeMap<u64, Waiting>,
    /// Memos on their way, by the `seq` of their intent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub out: BTreeMap<u64, OnItsWay>,
}

impl Operators {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What reports are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desk {
    /// Since when somebody is told.
    pub since: Timestamp,
    /// Stages whose end was reported, or came before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ended: BTreeSet<String>,
    /// The week that was reported last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week: Option<Timestamp>,
    /// What happened since.
    #[serde(default, skip_serializing_if = "Diary::is_empty")]
    pub diary: Diary,
}

/// What a memo is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memo {
    /// Something waits for a human.
    Alert(Box<Alert>),
    /// It does not any more.
    Over {
        /// What did.
        alert: Box<Alert>,
        /// Since when it does not.
        at: Timestamp,
    },
    /// A stage is over, or a week.
    Report(Subject),
}

impl Memo {
    /// Whether it is told before anything else is done.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        matches!(self, Self::Alert(_))
    }
}

/// A memo that somebody has not got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// What it is about.
    pub memo: Memo,
    /// Since when it is to be told.
    pub since: Timestamp,
    /// Who has not got it.
    pub to: Vec<ObjectId>,
    /// Who may have got it already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubted: Vec<ObjectId>,
    /// How often it was tried, and when last.
    pub tries: u32,
    /// See `tries`.
    pub tried: Option<Timestamp>,
}

impl Waiting {
    /// When it may be tried.
    fn again(&self) -> Option<Timestamp> {
        self.tried?.checked_add(backoff(self.tries, MOST_BACKOFF)).ok()
    }
}

/// A memo on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnItsWay {
    /// The `seq` of the record that called for it.
    pub about: u64,
    /// To whom.
    pub to: Vec<ObjectId>,
}

/// A memo to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The `seq` of the record that called for it.
    pub about: u64,
    /// What it is about.
    pub memo: Memo,
    /// To whom.
    pub to: Vec<ObjectId>,
    /// The mailboxes that send it in turn; none where none of the plan's exists.
    pub from: Vec<ObjectId>,
}

/// The next memo to send, among those that are meant.
#[must_use]
pub fn due(ground: &Ground<'_>, is_meant: impl Fn(&Waiting) -> bool) -> Option<Due> {
    let operators = &ground.state.operators;
    if operators.waits.is_empty() {
        return None;
    }
    let on_its_way = |about: u64| operators.out.values().any(|out| out.about == about);
    operators.waits.iter().find_map(|(about, waiting)| {
        let may = is_meant(waiting) && waiting.again().is_none_or(|again| ground.now >= again) && !on_its_way(*about);
        // Whom the plan in force does not name any more is told nothing.
        let named = |id: &ObjectId| ground.plan.reports.to.contains(id);
        let mut to: Vec<ObjectId> = waiting.to.iter().copied().filter(named).collect();
        if !may || to.is_empty() {
            return None;
        }
        let (from, most) = sending::turn(ground, to.len())?;
        to.truncate(most);
        Some(Due { about: *about, memo: waiting.memo.clone(), to, from })
    })
}

/// What a memo says now.
#[must_use]
pub fn page(ground: &Ground<'_>, memo: &Memo) -> Page {
    match memo {
        Memo::Alert(alert) => page::begun(alert, ground.plan),
        Memo::Over { alert, at } => page::over(alert, *at, ground.plan),
        Memo::Report(about) => {
            let diary = ground.state.operators.desk.as_ref().map(|desk| desk.diary.clone()).unwrap_or_default();
            digest::page(ground, &diary, about)
        }
    }
}

/// Instants at which a memo may be tried again.
pub(super) fn instants(ground: &Ground<'_>) -> impl Iterator<Item = Timestamp> {
    ground.state.operators.waits.values().filter_map(Waiting::again)
}
