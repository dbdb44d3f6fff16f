//! The diary: what the journal's records say of stages, people as counts and holds, kept for reports about the past.
//!
//! Decides nothing, and nothing is decided by it. Invariant: counts only, never who; it never grows beyond [`MOST`] entries.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{Event, Record, Slot};
use super::hold::{Owner, Scope};
use super::stage::PhaseName;
use super::state::{PAUSED, paused_hold_id};

/// More entries than these are not kept: the oldest go.
pub const MOST: usize = 500;

/// What happens as often as this within a day is one entry.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Diary {
    /// Oldest first.
    entries: Vec<Entry>,
    /// Notices on their way, by their intent.
    notices: BTreeMap<u64, (String, Slot)>,
    /// Batches on their way, by their intent.
    batches: BTreeMap<u64, String>,
}

/// Something that happened, once or several times within a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, the first time.
    pub at: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// The stage, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// What.
    pub what: Happened,
    /// People, or whatever else is counted.
    pub count: u32,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// The people of a stage were fixed.
    Frozen,
    /// A stage moved.
    Moved {
        /// Into this phase.
        to: PhaseName,
        /// Why.
        why: String,
    },
    /// A stage has a new start.
    Rebooked {
        /// It.
        start: Timestamp,
    },
    /// Notices were accepted, or handed over.
    Told(Slot),
    /// Notices came back.
    Bounced,
    /// MFA was required of people.
    Enforced,
    /// It is no longer.
    Released,
    /// People were moved to the tail.
    Carried {
        /// Why.
        why: String,
    },
    /// Something holds for people alone.
    Excepted,
    /// A helpdesk counted contacts.
    Contacts,
    /// A hold came into force.
    Held {
        /// Its id.
        id: String,
        /// Why.
        why: String,
    },
    /// It ended.
    Freed {
        /// Its id.
        id: String,
    },
    /// The rollout was aborted.
    Aborted {
        /// Why.
        why: String,
    },
}

/// A hold that stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stood {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none while it stands.
    pub until: Option<Timestamp>,
}

impl Diary {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Everything, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes a record in.
    pub fn see(&mut self, record: &Record) {
        let at = record.at;
        let people = |people: usize| u32::try_from(people).unwrap_or(u32::MAX);
        match &record.event {
            Event::RosterFrozen { stage, people: all, .. } => self.add(at, Some(stage), Happened::Frozen, people(all.len())),
            Event::StageMoved { stage, to, why, .. } => {
                self.add(at, Some(stage), Happened::Moved { to: *to, why: why.clone() }, 0);
            }
            Event::Rebooked { stage, start, .. } => self.add(at, Some(stage), Happened::Rebooked { start: start.instant }, 0),
            Event::NoticeIntent { stage, slot, .. } => {
                self.notices.insert(record.seq, (stage.clone(), *slot));
            }
            Event::NoticeOutcome { intent, accepted, .. } => {
                if let Some((stage, slot)) = self.notices.remove(intent) {
                    self.add_people(at, &stage, Happened::Told(slot), people(accepted.len()));
                }
            }
            Event::Handed { stage, slot, people: all, .. } => {
                self.add_people(at, stage, Happened::Told(*slot), people(all.len()));
            }
            Event::Bounced { people: all } => {
                let count = all.iter().map(|because| because.people.len()).sum();
                self.add(at, None, Happened::Bounced, people(count));
            }
            Event::EnforceIntent { stage, .. } => {
                self.batches.insert(record.seq, stage.clone());
            }
            Event::EnforceOutcome { intent, enforced, already, unknown, .. } => {
                if let Some(stage) = self.batches.get(intent).cloned() {
                    if unknown.is_empty() {
                        self.batches.remove(intent);
                    }
                    self.add_people(at, &stage, Happened::Enforced, people(enforced.len().saturating_add(already.len())));
                }
            }
            Event::Settled { intent, landed, .. } => {
                if let Some(stage) = self.batches.remove(intent) {
                    self.add_people(at, &stage, Happened::Enforced, people(landed.len()));
                }
            }
            Event::ReleaseOutcome { released, already, .. } => {
                let count = people(released.len().saturating_add(already.len()));
                if count > 0 {
                    self.add(at, None, Happened::Released, count);
                }
            }
            Event::Carried { stage, why, people: all } => {
                self.add_people(at, stage, Happened::Carried { why: why.clone() }, people(all.len()));
            }
            Event::ExceptionMade { people: all, .. } => self.add(at, None, Happened::Excepted, people(all.len())),
            Event::ContactsCounted { contacts, .. } => {
                self.add(at, contacts.stage.as_deref(), Happened::Contacts, contacts.count);
            }
            Event::HoldPlaced { hold } if hold.owner != Owner::Schedule => {
                self.held(at, &hold.id, &hold.scope, &hold.why);
            }
            Event::Paused { why, scope, .. } => self.held(at, &paused_hold_id(scope), scope, why),
            Event::HoldCleared { id, .. } => self.freed(at, id),
            Event::Unpaused { hold, .. } => self.freed(at, hold),
            Event::Aborted { why, .. } => self.add(at, None, Happened::Aborted { why: why.clone() }, 0),
            _ => {}
        }
    }

    /// The holds that stood against a stage, or against everybody, between two instants.
    #[must_use]
    pub fn holds(&self, stage: &str, from: Timestamp, to: Timestamp) -> Vec<Stood> {
        let mut all: Vec<Stood> = Vec::new();
        for entry in &self.entries {
            match &entry.what {
                Happened::Held { id, why } if entry.stage.as_ref().is_none_or(|name| name == stage) => {
                    all.push(Stood { id: id.clone(), why: why.clone(), since: entry.at, until: None });
                }
                Happened::Freed { id } => {
                    for stood in all.iter_mut().filter(|stood| stood.id == *id && stood.until.is_none()) {
                        stood.until = Some(entry.at);
                    }
                }
                _ => {}
            }
        }
        all.retain(|stood| stood.since <= to && stood.until.is_none_or(|until| until >= from));
        all
    }

    fn held(&mut self, at: Timestamp, id: &str, scope: &Scope, why: &str) {
        let stage = match scope {
            Scope::Rollout => None,
            Scope::Stage(stage) => Some(stage.as_str()),
            // It would name somebody.
            Scope::Person(_) => return,
        };
        // A hold that says something new is no new one.
        if !self.stands(id) {
            self.push(at, stage, Happened::Held { id: id.to_owned(), why: why.to_owned() }, 0);
        }
    }

    fn freed(&mut self, at: Timestamp, id: &str) {
        if self.stands(id) {
            self.push(at, None, Happened::Freed { id: id.to_owned() }, 0);
        }
    }

    fn stands(&self, id: &str) -> bool {
        let about = self.entries.iter().rev().find_map(|entry| match &entry.what {
            Happened::Held { id: known, .. } if known == id => Some(true),
            Happened::Freed { id: known } if known == id => Some(false),
            _ => None,
        });
        about.unwrap_or(false)
    }

    fn add_people(&mut self, at: Timestamp, stage: &str, what: Happened, count: u32) {
        if count > 0 {
            self.add(at, Some(stage), what, count);
        }
    }

    fn add(&mut self, at: Timestamp, stage: Option<&str>, what: Happened, count: u32) {
        let same = |entry: &&mut Entry| {
            count > 0 && entry.stage.as_deref() == stage && entry.what == what && at.duration_since(entry.at) < DAY
        };
        match self.entries.iter_mut().rev().take(MOST / 5).find(same) {
            Some(entry) => (entry.count, entry.last) = (entry.count.saturating_add(count), at),
            None => self.push(at, stage, what, count),
        }
    }

    fn push(&mut self, at: Timestamp, stage: Option<&str>, what: Happened, count: u32) {
        self.entries.push(Entry { at, last: at, stage: stage.map(str::to_owned), what, count });
        let surplus = self.entries.len().saturating_sub(MOST);
        self.entries.drain(..surplus);
    }
}

impl Entry {
    /// What happened, as a sentence without its instant.
    #[must_use]
    pub fn says(&self) -> String {
        let stage = self.stage.as_deref().unwrap_or_default();
        let n = self.count;
        let people = |are: &str, is: &str| if n == 1 { format!("1 person {is}") } else { format!("{n} people {are}") };
        match &self.what {
            Happened::Frozen => format!("stage {stage}: its {n} people were fixed"),
            Happened::Moved { to, why } if matches!(to, PhaseName::Missed | PhaseName::Closed | PhaseName::RollingBack) => {
                format!("stage {stage} is {}: {why}", to.as_str())
            }
            Happened::Moved { to, .. } => format!("stage {stage} is {}", to.as_str()),
            Happened::Rebooked { start } => format!("stage {stage} has another start: {start}"),
            Happened::Told(slot) => format!("{stage}: {} told ({})", people("were", "was"), slot.says()),
            Happened::Bounced => format!("notices that came back: {n}"),
            Happened::Enforced => format!("{stage}: MFA was required of {}", people("", "").trim_end()),
            Happened::Released => format!("{} released", people("were", "was")),
            Happened::Carried { why } => format!("{stage}: {} moved to the tail: {why}", people("were", "was")),
            Happened::Excepted => format!("exceptions for single people: {n}"),
            Happened::Contacts if stage.is_empty() => format!("contacts that the helpdesk counted: {n}"),
            Happened::Contacts => format!("{stage}: contacts that the helpdesk counted: {n}"),
            Happened::Held { id, why } if id == PAUSED => format!("paused: {why}"),
            Happened::Held { id, why } => format!("hold {id}: {why}"),
            Happened::Freed { id } if id == PAUSED => "the pause is over".to_owned(),
            Happened::Freed { id } => format!("hold {id} is over"),
            Happened::Aborted { why } => format!("the rollout was aborted: {why}"),
        }
    }
}
