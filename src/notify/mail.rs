//! Notices through Graph: from the plan's mailboxes in turn, a few at once.
//!
//! Does not write them, does not keep a copy in the sender's folder, and does not log addresses or names. Invariant: every person of a
//! notice ends in exactly one list of its outcome.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::engine::port::{Answer, Lists, Memo, Notice, NoticeOutcome, Notify};
use crate::graph::Graph;
use crate::graph::answer::{Refusal, Verdict};
use crate::graph::request::{Message, Mutation};
use crate::graph::write::Carried;
use crate::letter::Texts;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{Bounce, Trouble};

use super::bounces::bounces;
use super::lines::Lines;
use super::memos::Addresses;
use super::written::{Organizer, Writer, because, everybody};

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
    writer: Writer,
    lines: Lines,
}

impl Mail {
    /// Through the mailboxes of this tenant, with the texts as they are when a mail is written.
    #[must_use]
    pub fn new(graph: Graph, texts: watch::Receiver<Arc<Texts>>) -> Self {
        Self { writer: Writer::new(graph.clone(), texts), graph, lines: Lines::default() }
    }

    async fn tell(&self, notice: &Notice) -> NoticeOutcome {
        let mut outcome = NoticeOutcome::default();
        let senders = match self.senders(&notice.from).await {
            Ok(senders) => senders,
            Err(why) => {
                because(&mut outcome.not_sent, &why, everybody(notice));
                return outcome;
            }
        };
        // The first mailbox is named in calendar files.
        let organizer = senders.first().copied().map_or(Organizer::Unknown, Organizer::Mailbox);
        let ready = self.writer.write(notice, organizer, &mut outcome).await;
        let turns: Vec<_> = notice.people.iter().copied().zip(notice.via.iter().copied().cycle()).collect();
        self.deliver(in_turn(ready, &turns, &senders, notice.intent), &mut outcome).await;
        outcome
    }

    async fn list(&self, lists: &Lists) -> NoticeOutcome {
        let mut outcome = NoticeOutcome::default();
        let managers = lists.lists.iter().map(|list| list.manager);
        let senders = match self.senders(&lists.from).await {
            Ok(senders) => senders,
            Err(why) => {
                because(&mut outcome.not_sent, &why, managers);
                return outcome;
            }
        };
        let ready = self.writer.write_lists(lists, &mut outcome).await;
        let turns: Vec<_> = managers.zip(lists.via.iter().copied().cycle()).collect();
        self.deliver(in_turn(ready, &turns, &senders, lists.intent), &mut outcome).await;
        outcome
    }

    /// The same mails to operators, whose addresses these are.
    #[must_use]
    pub fn for_operators(mut self, addresses: Addresses) -> Self {
        self.writer.operators = addresses;
        self
    }

    async fn memo(&self, memo: &Memo) -> NoticeOutcome {
        let mut outcome = NoticeOutcome::default();
        let senders = match self.senders(&memo.from).await {
            Ok(senders) => senders,
            Err(why) => {
                because(&mut outcome.not_sent, &why, memo.to.iter().copied());
                return outcome;
            }
        };
        let ready = self.writer.write_memo(memo, &mut outcome);
        let turns: Vec<_> = memo.to.iter().copied().zip(memo.via.iter().copied().cycle()).collect();
        self.deliver(in_turn(ready, &turns, &senders, memo.intent), &mut outcome).await;
        outcome
    }

    /// The mailboxes that exist; an error when there is none.
    async fn senders(&self, from: &[PersonRef]) -> Result<Vec<ObjectId>, String> {
        let mut senders = Vec::new();
        for from in from {
            senders.extend(self.graph.person_id(*from).await.map_err(|trouble| trouble.why)?);
        }
        if senders.is_empty() {
            return Err("none of the sending mailboxes exists in the tenant; check notices.from in the plan".to_owned());
        }
        Ok(senders)
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

    fn send_lists<'a>(&'a self, lists: &'a Lists) -> Answer<'a, NoticeOutcome> {
        Box::pin(self.list(lists))
    }

    fn send_memo<'a>(&'a self, memo: &'a Memo) -> Answer<'a, NoticeOutcome> {
        Box::pin(self.memo(memo))
    }

    fn bounces<'a>(&'a self, from: &'a [PersonRef], since: Timestamp) -> Answer<'a, Result<Vec<Bounce>, Trouble>> {
        Box::pin(bounces(&self.graph, from, since))
    }
}

/// Each mail with the mailbox whose turn it is. Whom no mailbox was given gets one of those that exist.
fn in_turn(
    ready: Vec<(ObjectId, Message)>,
    turns: &[(ObjectId, ObjectId)],
    senders: &[ObjectId],
    intent: u64,
) -> Vec<(ObjectId, ObjectId, Message)> {
    let skipped = usize::try_from(intent).unwrap_or(0) % senders.len().max(1);
    let mut any = senders.iter().copied().cycle().skip(skipped);
    let mut from =
        |person: ObjectId| turns.iter().find(|(known, _)| *known == person).map(|(_, from)| *from).or_else(|| any.next());
    ready.into_iter().filter_map(|(person, message)| Some((person, from(person)?, message))).collect()
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
