//! Notices through a mail server of the operator's: a few connections at once, so many mails a minute.
//!
//! Does not write them, and never logs or hands on what a server says but for its codes. Invariants: every person of a notice ends in
//! exactly one list of its outcome; when the server cannot be used, the rest of the group is not tried.

mod mime;
mod session;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lettre::Address;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use secrecy::SecretString;
use tokio::sync::watch;

use self::mime::Unmade;
use self::session::{Encrypted, Fate, Patience, Session, Way};
use super::memos::Addresses;
use super::sample;
use super::written::{Organizer, Writer, because, everybody};
use crate::clock::Clock;
use crate::engine::port::{Answer, Lists, Memo, Notice, NoticeOutcome, Notify};
use crate::graph::Graph;
use crate::graph::request::Message;
use crate::letter::{Letter, Texts};
use crate::rollout::id::ObjectId;
use crate::rollout::plan::Format;

/// A minute, in which so many mails may leave.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// After so many mails in a row that are put off, or of which nobody knows, the reason is not one of their receivers: the next would
/// fare no better.
const PUT_OFF: usize = 4;

/// Reads the password as it is now; the error is a sentence for an operator.
pub type ReadPassword = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From its first byte on.
    FromTheStart,
    /// After STARTTLS, or nothing is sent.
    AfterStartTls,
    /// Never; for loopback.
    Never,
}

/// A mail server, and who sends through it.
#[derive(Clone)]
pub struct Server {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Certificates of authorities (PEM) that are trusted beside the system's.
    pub authorities: Option<Vec<u8>>,
    /// Who logs in, and the password.
    pub login: Option<(String, ReadPassword)>,
    /// Mails in any minute, at most.
    pub per_minute: usize,
    /// Connections at once, at most.
    pub at_once: usize,
    /// Addresses that send, in turn.
    pub from: Vec<String>,
}

/// Notices through a mail server.
pub struct Smtp {
    writer: Writer,
    clock: Clock,
    way: Way,
    login: Option<(String, ReadPassword)>,
    from: Vec<Address>,
    at_once: usize,
    per_minute: usize,
    /// When the latest mails left, oldest first.
    left: Mutex<VecDeque<Timestamp>>,
}

impl Smtp {
    /// Through this server, to this tenant's people. The error is a sentence for an operator.
    pub fn new(graph: Graph, texts: watch::Receiver<Arc<Texts>>, clock: Clock, server: Server) -> Result<Self, String> {
        let from = server.from.iter().map(|from| from.parse::<Address>());
        let from: Vec<Address> =
            from.collect::<Result<_, _>>().map_err(|_| "an entry of `notices.from` is no mail address; correct it".to_owned())?;
        let Some(first) = from.first() else { return Err("`notices.from` names no mailbox".to_owned()) };
        let way = Way {
            hello: first.domain().to_owned(),
            tls: encrypted(&server)?,
            host: server.host,
            port: server.port,
            patience: Patience::default(),
        };
        Ok(Self {
            writer: Writer::new(graph, texts),
            clock,
            way,
            login: server.login,
            from,
            at_once: server.at_once.max(1),
            per_minute: server.per_minute.max(1),
            left: Mutex::default(),
        })
    }

    async fn tell(&self, notice: &Notice) -> NoticeOutcome {
        let mut outcome = NoticeOutcome::default();
        let password = match self.password() {
            Ok(password) => password,
            Err(why) => {
                because(&mut outcome.not_sent, &why, everybody(notice));
                return outcome;
            }
        };
        let organizer = self.from.first().map_or(Organizer::Unknown, |from| Organizer::Address(from.to_string()));
        let ready = self.writer.write(notice, organizer, &mut outcome).await;
        let login = password.as_ref().map(|(user, password)| (*user, password));
        self.deliver(notice.intent, login, ready, &mut outcome).await;
        outcome
    }

    async fn list(&self, lists: &Lists) -> NoticeOutcome {
        let mut outcome = NoticeOutcome::default();
        let password = match self.password() {
            Ok(password) => password,
            Err(why) => {
                because(&mut outcome.not_sent, &why, lists.lists.iter().map(|list| list.manager));
                return outcome;
            }
        };
        let ready = self.writer.write_lists(lists, &mut outcome).await;
        let login = password.as_ref().map(|(user, password)| (*user, password));
        self.deliver(lists.intent, login, ready, &mut outcome).await;
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
        let password = match self.password() {
            Ok(password) => password,
            Err(why) => {
                because(&mut outcome.not_sent, &why, memo.to.iter().copied());
                return outcome;
            }
        };
        let ready = self.writer.write_memo(memo, &mut outcome);
        let login = password.as_ref().map(|(user, password)| (*user, password));
        self.deliver(memo.intent, login, ready, &mut outcome).await;
        outcome
    }

    /// Sends a notice that is only looked at; or says why it is not sent.
    pub async fn send_sample(&self, to: &str, letter: Letter, format: Format) -> Result<(), String> {
        let from = self.from.first().ok_or("`notices.from` names no mailbox")?;
        let password = self.password()?;
        let login = password.as_ref().map(|(user, password)| (*user, password));
        let (_, at) = self.room(1).await;
        let mut line = None;
        let fate = self.carry(&mut line, login, from, &sample::message(to, letter, format), at).await;
        if let Some(session) = line {
            session.close().await;
        }
        match fate {
            Fate::Accepted => Ok(()),
            Fate::Refused(why) | Fate::NotSent(why) | Fate::Down(why) => Err(why),
            Fate::Unknown => Err(sample::UNKNOWN.to_owned()),
        }
    }

    /// Who logs in, with the password as it is now.
    fn password(&self) -> Result<Option<(&str, SecretString)>, String> {
        self.login.as_ref().map(|(user, read)| read().map(|password| (user.as_str(), password))).transpose()
    }

    /// Sends handful after handful, one mail on each connection.
    async fn deliver(
        &self,
        intent: u64,
        login: Option<(&str, &SecretString)>,
        ready: Vec<(ObjectId, Message)>,
        outcome: &mut NoticeOutcome,
    ) {
        let turn = usize::try_from(intent).unwrap_or(0) % self.from.len().max(1);
        let mut senders = self.from.iter().cycle().skip(turn);
        let mut lines: Vec<Option<Session>> = Vec::new();
        lines.resize_with(self.at_once, || None);
        let (mut stopped, mut put_off) = (None::<String>, 0);
        let mut ready = ready.into_iter().peekable();
        while ready.peek().is_some() {
            if let Some(why) = &stopped {
                because(&mut outcome.not_sent, why, ready.by_ref().map(|(person, _)| person));
                break;
            }
            let (count, at) = self.room(self.at_once.min(ready.len())).await;
            let some: Vec<_> = ready.by_ref().take(count).zip(senders.by_ref()).collect();
            let sent = lines.iter_mut().zip(&some).map(|(line, ((_, message), from))| self.carry(line, login, from, message, at));
            let fates = join_all(sent).await;
            for (((person, _), _), fate) in some.into_iter().zip(fates) {
                put_off = if matches!(fate, Fate::NotSent(_) | Fate::Unknown) { put_off + 1 } else { 0 };
                match fate {
                    Fate::Accepted => outcome.accepted.push(person),
                    Fate::Unknown => {
                        outcome.unknown.push(person);
                        if put_off >= PUT_OFF {
                            stopped = Some("the mail server does not say what became of mails".to_owned());
                        }
                    }
                    Fate::Refused(why) => because(&mut outcome.refused, &why, [person]),
                    Fate::NotSent(why) => {
                        because(&mut outcome.not_sent, &why, [person]);
                        if put_off >= PUT_OFF {
                            stopped = Some(why);
                        }
                    }
                    Fate::Down(why) => {
                        because(&mut outcome.not_sent, &why, [person]);
                        stopped = Some(why);
                    }
                }
            }
        }
        join_all(lines.into_iter().flatten().map(Session::close)).await;
    }

    /// One mail on one connection, which is opened where there is none.
    async fn carry(
        &self,
        line: &mut Option<Session>,
        login: Option<(&str, &SecretString)>,
        from: &Address,
        message: &Message,
        at: Timestamp,
    ) -> Fate {
        let mail = mime::receiver(message).and_then(|to| Ok((mime::bytes(message, from, at)?, to)));
        let (mail, to) = match mail {
            Ok(mail) => mail,
            Err(why @ Unmade::Address) => return Fate::Refused(why.to_string()),
            Err(why @ Unmade::Other(_)) => return Fate::NotSent(why.to_string()),
        };
        let mut session = match line.take() {
            Some(session) => session,
            None => match Session::open(&self.way, login).await {
                Ok(session) => session,
                Err(why) => return Fate::Down(why),
            },
        };
        let fate = session.send(from, &to, &mail).await;
        if !matches!(fate, Fate::Unknown | Fate::Down(_)) {
            *line = Some(session);
        }
        fate
    }

    /// Waits until a mail may leave, and counts as gone as many as may, up to `most`.
    async fn room(&self, most: usize) -> (usize, Timestamp) {
        loop {
            let now = self.clock.now();
            let next = {
                let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
                while left.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
                    left.pop_front();
                }
                let free = self.per_minute.saturating_sub(left.len());
                if free > 0 {
                    let count = free.min(most);
                    left.extend(std::iter::repeat_n(now, count));
                    return (count, now);
                }
                left.front().and_then(|first| first.checked_add(MINUTE).ok()).unwrap_or(now)
            };
            self.clock.sleep_until(next).await;
        }
    }
}

impl Notify for Smtp {
    fn send<'a>(&'a self, notice: &'a Notice) -> Answer<'a, NoticeOutcome> {
        Box::pin(self.tell(notice))
    }

    fn send_lists<'a>(&'a self, lists: &'a Lists) -> Answer<'a, NoticeOutcome> {
        Box::pin(self.list(lists))
    }

    fn send_memo<'a>(&'a self, memo: &'a Memo) -> Answer<'a, NoticeOutcome> {
        Box::pin(self.memo(memo))
    }
}

fn encrypted(server: &Server) -> Result<Encrypted, String> {
    if server.tls == Tls::Never {
        return Ok(Encrypted::Never);
    }
    let unusable = |error: &dyn std::error::Error| format!("TLS to the mail server cannot be set up: {error}");
    let mut parameters = TlsParameters::builder(server.host.clone());
    let pem = server.authorities.as_deref();
    if let Some(authority) = pem.map(Certificate::from_pem).transpose().map_err(|error| unusable(&error))? {
        parameters = parameters.add_root_certificate(authority);
    }
    let parameters = parameters.build_rustls().map_err(|error| unusable(&error))?;
    Ok(if server.tls == Tls::FromTheStart { Encrypted::FromTheStart(parameters) } else { Encrypted::AfterStartTls(parameters) })
}
