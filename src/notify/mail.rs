//! Notices by mail: from the plan's mailboxes in turn, a few at once.
//!
//! Does not keep a copy in the sender's folder, and does not log addresses or names. Invariant: every person of a notice ends in
//! exactly one list of its outcome.

use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::port::{Answer, Notice, NoticeOutcome, Notify};
use crate::graph::Graph;
use crate::graph::answer::{Refusal, Verdict};
use crate::graph::request::{Content, Message, Mutation};
use crate::graph::write::Carried;
use crate::letter::{Facts, Kind, Letter, TextError, Texts};
use crate::rollout::event::{Because, Slot};
use crate::rollout::id::{ObjectId, keyed_hash};
use crate::rollout::observed::Toggle;
use crate::rollout::plan::Format;

use super::calendar::{self, Entry, Status};
use super::lines::Lines;

/// Mails under way at once: Exchange Online takes 4 requests at a time, of an app (Microsoft's table of 2023) or of a mailbox (2021).
const AT_ONCE: usize = 4;

/// Codes of a 400 that have nothing to do with the receiver: the mailbox has sent too much, or may not send.
const OF_THE_SENDER: [&str; 6] = [
    "ErrorAccessDenied",
    "ErrorSendAsDenied",
    "ErrorExceededMessageLimit",
    "ErrorQuotaExceeded",
    "ErrorMessageSubmissionBlocked",
    "MailboxNotEnabledForRESTAPI",
];

/// Notices by mail.
pub struct Mail {
    graph: Graph,
    texts: watch::Receiver<Arc<Texts>>,
    lines: Lines,
}

/// The part of a letter that a mail holds.
pub(super) fn content(letter: Letter, format: Format) -> Content {
    match format {
        Format::Html => Content::Html(letter.html),
        Format::Text => Content::Text(letter.text),
    }
}

impl Mail {
    /// Through the mailboxes of this tenant, with the texts as they are when a mail is written.
    #[must_use]
    pub fn new(graph: Graph, texts: watch::Receiver<Arc<Texts>>) -> Self {
        Self { graph, texts, lines: Lines::default() }
    }

    async fn tell(&self, notice: &Notice) -> NoticeOutcome {
        let mut outcome = NoticeOutcome::default();
        let turns: Vec<_> = notice.people.iter().copied().zip(notice.via.iter().copied().cycle()).collect();
        let mut people = notice.people.clone();
        people.sort_unstable();
        people.dedup();
        let senders = match self.senders(notice).await {
            Ok(senders) => senders,
            Err(why) => {
                because(&mut outcome.not_sent, &why, people);
                return outcome;
            }
        };
        // The first mailbox is named in calendar files.
        let organizer = senders.first().copied().filter(|_| notice.calendar_file == Toggle::On);
        // Reading some may push others out of memory, so all of them are read.
        let named: Vec<ObjectId> = people.iter().copied().chain(organizer).collect();
        if named.iter().any(|person| self.graph.names().name(*person).is_none())
            && let Err(trouble) = self.graph.read_names(&named).await
        {
            let unread;
            (people, unread) = people.into_iter().partition(|person| self.graph.names().name(*person).is_some());
            because(&mut outcome.not_sent, &trouble.why, unread);
        }
        let organizer = organizer.and_then(|mailbox| self.graph.names().name(mailbox)).map(|name| name.mail.unwrap_or(name.upn));
        let mut ready = Vec::with_capacity(people.len());
        for person in people {
            match self.message(notice, organizer.as_deref(), person) {
                Ok(message) => ready.push((person, message)),
                Err(Unwritten::Refused(why)) => because(&mut outcome.refused, why, [person]),
                Err(Unwritten::NotSent(why)) => because(&mut outcome.not_sent, &why, [person]),
            }
        }
        // Whom no mailbox was given gets one of those that exist.
        let skipped = usize::try_from(notice.intent).unwrap_or(0) % senders.len().max(1);
        let mut any = senders.iter().copied().cycle().skip(skipped);
        let mut from =
            |person: ObjectId| turns.iter().find(|(known, _)| *known == person).map(|(_, from)| *from).or_else(|| any.next());
        let ready = ready.into_iter().filter_map(|(person, message)| Some((person, from(person)?, message))).collect();
        self.deliver(ready, &mut outcome).await;
        outcome
    }

    /// The mailboxes that exist; an error when there is none.
    async fn senders(&self, notice: &Notice) -> Result<Vec<ObjectId>, String> {
        let mut senders = Vec::new();
        for from in &notice.from {
            senders.extend(self.graph.person_id(*from).await.map_err(|trouble| trouble.why)?);
        }
        if senders.is_empty() {
            return Err("none of the sending mailboxes exists in the tenant; check notices.from in the plan".to_owned());
        }
        Ok(senders)
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
            ("x-tidegate-instant", notice.instant.to_string()),
            ("x-tidegate-notice", notice_id(self.graph.key(), &notice.intent.to_string(), person).to_string()),
        ];
        Ok(Message { to, subject: letter.subject.clone(), body: content(letter, texts.format()), headers, calendar_file })
    }

    /// Sends mail after mail, a few at once. When the tenant refuses a whole handful for a reason that has nothing to do with the
    /// receivers, the rest is not even tried.
    async fn deliver(&self, ready: Vec<(ObjectId, ObjectId, Message)>, outcome: &mut NoticeOutcome) {
        let mut stopped: Option<String> = None;
        let mut ready = ready.into_iter().peekable();
        while ready.peek().is_some() {
            let handful =
                ready.by_ref().take(AT_ONCE).map(|(person, from, message)| (person, Mutation::SendMail { from, message }));
            let (people, mails): (Vec<_>, Vec<_>) = handful.unzip();
            if let Some(why) = &stopped {
                because(&mut outcome.not_sent, why, people);
                continue;
            }
            let from =
                || mails.iter().filter_map(|mail| if let Mutation::SendMail { from, .. } = mail { Some(*from) } else { None });
            self.lines.wait(self.graph.clock(), from()).await;
            let answers = self.graph.carry_out(&mails).await;
            self.lines.sent(self.graph.clock().now(), from());
            let mut reasons = Vec::new();
            let count = people.len();
            for (person, carried) in people.into_iter().zip(answers) {
                match judge(carried) {
                    Fate::Accepted => outcome.accepted.push(person),
                    Fate::Unknown => outcome.unknown.push(person),
                    Fate::Refused(why) => because(&mut outcome.refused, &why, [person]),
                    Fate::NotSent(why) => {
                        because(&mut outcome.not_sent, &why, [person]);
                        reasons.push(why);
                    }
                }
            }
            if reasons.len() == count {
                stopped = reasons.pop();
            }
        }
    }
}

impl Notify for Mail {
    fn send<'a>(&'a self, notice: &'a Notice) -> Answer<'a, NoticeOutcome> {
        Box::pin(self.tell(notice))
    }
}

enum Unwritten {
    Refused(&'static str),
    NotSent(String),
}

enum Fate {
    Accepted,
    Unknown,
    Refused(String),
    NotSent(String),
}

/// What an answer means for one mail.
fn judge(carried: Carried) -> Fate {
    match carried {
        Ok(Verdict::Ok) => Fate::Accepted,
        Ok(Verdict::Gone) => Fate::NotSent("a sending mailbox does not exist; check notices.from in the plan".to_owned()),
        Ok(Verdict::Refused(Refusal { status: 400, code, .. })) if !OF_THE_SENDER.contains(&code.as_str()) => {
            Fate::Refused(format!("the mail service does not take the address or the mail (400 {code})"))
        }
        Ok(Verdict::Refused(refusal)) => Fate::NotSent(refusal.why),
        Ok(Verdict::Unknown | Verdict::AlreadySo | Verdict::Reauthenticate | Verdict::Retry { .. }) => Fate::Unknown,
        Err(trouble) => Fate::NotSent(trouble.why),
    }
}

/// Whether the calendar should show the instant that a notice names: not one that is withdrawn, over, or the end of an exemption.
const fn stands(slot: Slot) -> bool {
    slot.names_a_date() && !matches!(slot, Slot::Volunteered)
}

fn because(list: &mut Vec<Because>, why: &str, people: impl IntoIterator<Item = ObjectId>) {
    match list.iter_mut().find(|entry| entry.why == why) {
        Some(entry) => entry.people.extend(people),
        None => list.push(Because { why: why.to_owned(), people: people.into_iter().collect() }),
    }
}

/// An id for something that a person gets, such as the notice of an intent: the same for the same thing and person, and saying nothing
/// about either.
fn notice_id(key: &str, what: &str, person: ObjectId) -> ObjectId {
    ObjectId::from_bits(keyed_hash(key, &["notice", what, &person.to_string()]))
}
