//! What is written to each person of a notice: address, subject, body, headers, calendar file. How it is carried is another matter.
//!
//! Does not send. Invariants: whoever gets nothing is in one list of the outcome; a mail is the receiver's alone, and the instant it
//! names stands in its headers as well.

use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::port::{Notice, NoticeOutcome};
use crate::graph::Graph;
use crate::graph::request::{Content, Message};
use crate::letter::{Facts, Kind, Letter, TextError, Texts};
use crate::rollout::event::{Because, Slot};
use crate::rollout::id::{ObjectId, keyed_hash};
use crate::rollout::observed::Toggle;
use crate::rollout::plan::Format;

use super::calendar::{self, Entry, Status};
use super::memos::Addresses;

/// The header that holds the instant which a notice names.
pub(super) const INSTANT: &str = "x-tidegate-instant";
/// The header that holds a notice's id.
pub(super) const NOTICE: &str = "x-tidegate-notice";

/// Writes notices.
pub(super) struct Writer {
    pub(super) graph: Graph,
    pub(super) texts: watch::Receiver<Arc<Texts>>,
    pub(super) operators: Addresses,
}

/// Who stands for the rollout in calendar files.
pub(super) enum Organizer {
    /// This mailbox of the tenant.
    Mailbox(ObjectId),
    /// This address.
    Address(String),
    /// Nobody; then no calendar file is published.
    Unknown,
}

impl Writer {
    /// With names of this tenant's people, and the texts as they are when a mail is written.
    pub(super) fn new(graph: Graph, texts: watch::Receiver<Arc<Texts>>) -> Self {
        Self { graph, texts, operators: Addresses::default() }
    }

    /// A mail for each person of the notice; who gets none, and why, is in the outcome.
    pub(super) async fn write(
        &self,
        notice: &Notice,
        organizer: Organizer,
        outcome: &mut NoticeOutcome,
    ) -> Vec<(ObjectId, Message)> {
        let mut people = everybody(notice);
        let wanted = notice.calendar_file == Toggle::On;
        let mailbox = match organizer {
            Organizer::Mailbox(mailbox) if wanted => Some(mailbox),
            _ => None,
        };
        // An address may have changed since the directory was read. Where it cannot be read, what was read last is the best there is.
        let named: Vec<ObjectId> = people.iter().copied().chain(mailbox).collect();
        if let Err(trouble) = self.graph.read_names(&named).await {
            let unread;
            (people, unread) = people.into_iter().partition(|person| self.graph.names().name(*person).is_some());
            because(&mut outcome.not_sent, &trouble.why, unread);
        }
        let organizer = match organizer {
            Organizer::Address(address) if wanted => Some(address),
            _ => mailbox.and_then(|mailbox| self.graph.names().name(mailbox)).map(|name| name.mail.unwrap_or(name.upn)),
        };
        let mut ready = Vec::with_capacity(people.len());
        for person in people {
            match self.message(notice, organizer.as_deref(), person) {
                Ok(message) => ready.push((person, message)),
                Err(Unwritten::Refused(why)) => because(&mut outcome.refused, why, [person]),
                Err(Unwritten::NotSent(why)) => because(&mut outcome.not_sent, &why, [person]),
            }
        }
        ready
    }

    fn message(&self, notice: &Notice, organizer: Option<&str>, person: ObjectId) -> Result<Message, Unwritten> {
        let name = self.graph.names().name(person).ok_or(Unwritten::Refused("the account does not exist"))?;
        let to = name.mail.ok_or(Unwritten::Refused("the account has no mail address"))?;
        let facts = Facts {
            display: name.display.as_deref(),
            language: name.language.as_deref(),
            kind: Kind::of(notice.slot, notice.instant, notice.at),
            instant: notice.instant,
            time_zone: &notice.time_zone,
            helpdesk: &notice.helpdesk,
            grace: notice.grace,
        };
        let unwritten = |error: TextError| Unwritten::NotSent(error.to_string());
        let texts = self.texts.borrow().clone();
        let letter = texts.write(&facts).map_err(unwritten)?;
        let calendar_file = match organizer {
            // None is wanted; or the mailbox cannot be read, and a published entry must name who stands for it.
            None => None,
            Some(organizer) => {
                // The entry is not a reminder, whatever the mail is.
                let summary = texts.subject(&Facts { kind: Kind::Announcement, ..facts }).map_err(unwritten)?;
                Some(calendar::write(&[Entry {
                    uid: notice_id(self.graph.key(), "calendar", person),
                    sequence: notice.intent,
                    at: notice.at,
                    instant: notice.instant,
                    status: if stands(notice.slot) { Status::Confirmed } else { Status::Cancelled },
                    organizer: Some(organizer),
                    summary: &summary,
                    description: &letter.text,
                }]))
            }
        };
        let headers = vec![
            (INSTANT, notice.instant.to_string()),
            (NOTICE, notice_id(self.graph.key(), &notice.intent.to_string(), person).to_string()),
        ];
        Ok(Message { to, subject: letter.subject.clone(), body: content(letter, texts.format()), headers, calendar_file })
    }
}

enum Unwritten {
    Refused(&'static str),
    NotSent(String),
}

/// The part of a letter that a mail holds.
pub(super) fn content(letter: Letter, format: Format) -> Content {
    match format {
        Format::Html => Content::Html { page: letter.html, text: letter.text },
        Format::Text => Content::Text(letter.text),
    }
}

/// Whether the calendar should show the instant that a notice names: not one that is withdrawn, over, or the end of an exemption.
const fn stands(slot: Slot) -> bool {
    slot.names_a_date() && !matches!(slot, Slot::Volunteered)
}

/// The people of a notice, each once.
pub(super) fn everybody(notice: &Notice) -> Vec<ObjectId> {
    let mut people = notice.people.clone();
    people.sort_unstable();
    people.dedup();
    people
}

/// Puts people into a list under their reason.
pub(super) fn because(list: &mut Vec<Because>, why: &str, people: impl IntoIterator<Item = ObjectId>) {
    match list.iter_mut().find(|entry| entry.why == why) {
        Some(entry) => entry.people.extend(people),
        None => list.push(Because { why: why.to_owned(), people: people.into_iter().collect() }),
    }
}

/// An id for something that a person gets, such as the notice of an intent: the same for the same thing and person, and saying nothing
/// about either.
pub(super) fn notice_id(key: &str, what: &str, person: ObjectId) -> ObjectId {
    ObjectId::from_bits(keyed_hash(key, &["notice", what, &person.to_string()]))
}
