//! One connection to a mail server, and what became of each mail on it.
//!
//! Knows no people and does not retry. Invariants: a mail is `Unknown` from the moment its text leaves until a reply to it is read; each
//! step takes only the reply that belongs to it, so that a reply put in by somebody else is never taken for one to a later step; nothing
//! of the server's words is handed on, since they may name people.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most bytes that a server may say between two of ours; its longest answers have a few lines.
const ANSWER: usize = 64 << 10;

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// To be reached, to greet, and to let us in.
    pub(super) connect: Duration,
    /// For each command.
    pub(super) command: Duration,
    /// To take a mail, once it has all of it.
    pub(super) mail: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { connect: secs(30), command: secs(60), mail: secs(180) }
    }
}

/// How to reach a server.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Encrypted,
    pub(super) hello: String,
    pub(super) patience: Patience,
}

/// How the connection is encrypted.
#[derive(Clone)]
pub(super) enum Encrypted {
    FromTheStart(TlsParameters),
    AfterStartTls(TlsParameters),
    Never,
}

/// What became of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The server took it.
    Accepted,
    /// It may have.
    Unknown,
    /// The server does not take this receiver.
    Refused(String),
    /// Not this time; the next mail may fare better.
    NotSent(String),
    /// Nor any other mail, as things are.
    Down(String),
}

/// An open connection.
pub(super) struct Session {
    smtp: AsyncSmtpConnection,
    patience: Patience,
}

impl Session {
    /// Reaches the server and logs in. The error is a sentence for an operator.
    pub(super) async fn open(way: &Way, login: Option<(&str, &SecretString)>) -> Result<Self, String> {
        let begun = async {
            let mut smtp = connect(way).await?;
            if let Some((user, password)) = login {
                let credentials = Credentials::new(user.to_owned(), password.expose_secret().to_owned());
                let answer = smtp.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
                only(235, Some(answer)).map_err(|wrong| format!("does not let `notices.smtp.user` in: {}", wrong.why()))?;
            }
            Ok(Self { smtp, patience: way.patience })
        };
        let says = |why: String| format!("the mail server {}:{} {why}", way.host, way.port);
        match tokio::time::timeout(way.patience.connect, begun).await {
            Ok(session) => session.map_err(says),
            Err(_) => Err(says("does not answer in time".to_owned())),
        }
    }

    /// Sends one mail. After `Unknown` and `Down` the connection is not used again.
    pub(super) async fn send(&mut self, from: &Address, to: &Address, mail: &[u8]) -> Fate {
        let mut options = Vec::new();
        if !to.to_string().is_ascii() || !from.to_string().is_ascii() {
            if !self.smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Fate::Refused("the mail server takes no address with such letters".to_owned());
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        let command = self.patience.command;
        let begun = within(command, self.smtp.command(Mail::new(Some(from.clone()), options))).await;
        if let Err(wrong) = only(250, begun) {
            return Fate::Down(format!("the mail server does not take mail from an address of `notices.from`: {}", wrong.why()));
        }
        match only(250, within(command, self.smtp.command(Rcpt::new(to.clone(), Vec::new()))).await) {
            Ok(()) => {}
            Err(Wrong::Said { code, status }) => {
                let why = Wrong::Said { code, status }.why();
                return match self.reset().await {
                    Err(_) => Fate::Down(format!("the mail server hung up: {why}")),
                    Ok(()) if is_of_receiver(code, status) => {
                        Fate::Refused(format!("the mail server refuses the address: {why}"))
                    }
                    Ok(()) => Fate::NotSent(format!("the mail server does not take the mail now: {why}")),
                };
            }
            Err(wrong) => return Fate::Down(format!("the mail server failed: {}", wrong.why())),
        }
        match only(354, within(command, self.smtp.command(Data)).await) {
            Ok(()) => {}
            Err(wrong) => return Fate::Down(format!("the mail server does not begin a mail: {}", wrong.why())),
        }
        match only(250, within(self.patience.mail, self.smtp.message(mail)).await) {
            Ok(()) => Fate::Accepted,
            // About the text or the server, as far as anybody can tell: the person may still be told.
            Err(wrong @ Wrong::Said { .. }) => Fate::NotSent(format!("the mail server does not take the mail: {}", wrong.why())),
            Err(_) => Fate::Unknown,
        }
    }

    async fn reset(&mut self) -> Result<(), Wrong> {
        only(250, within(self.patience.command, self.smtp.command(Rset)).await)
    }

    /// Says good-bye; nobody waits for the answer for long.
    pub(super) async fn close(mut self) {
        let _ = tokio::time::timeout(self.patience.command.min(Duration::from_secs(5)), self.smtp.quit()).await;
    }
}

async fn connect(way: &Way) -> Result<AsyncSmtpConnection, String> {
    let hello = ClientId::Domain(way.hello.clone());
    let address = (way.host.as_str(), way.port);
    let failed = |error: Error| format!("cannot be spoken to: {}", Wrong::of(&error).why());
    if let Encrypted::FromTheStart(tls) = &way.tls {
        let connected = AsyncSmtpConnection::connect_tokio1(address, Some(way.patience.connect), &hello, Some(tls.clone()), None);
        return connected.await.map_err(failed);
    }
    let stream = TcpStream::connect(address).await.map_err(|error| format!("cannot be reached: {error}"))?;
    let mut smtp =
        AsyncSmtpConnection::connect_with_transport(Box::new(Bounded { stream, left: ANSWER }), &hello).await.map_err(failed)?;
    if let Encrypted::AfterStartTls(tls) = &way.tls {
        if !smtp.can_starttls() {
            return Err("does not offer STARTTLS, and nothing is sent in the open".to_owned());
        }
        smtp.starttls(tls.clone(), &hello).await.map_err(failed)?;
    }
    Ok(smtp)
}

/// Why there is no reply that was wanted.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// Another reply: its code and, where there is one, its enhanced status (RFC 3463).
    Said { code: u16, status: Option<[u16; 3]> },
    /// None that can be read.
    Unread,
    /// None in time.
    Late,
    /// The connection broke.
    Broken,
    /// The certificate, or another part of TLS.
    Tls,
    /// The server cannot do it.
    Unable,
}

impl Wrong {
    fn of(error: &Error) -> Self {
        if let Some(code) = error.status() {
            let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            return Self::Said { code: number(&code.to_string()), status: status(&text) };
        }
        match error {
            error if error.is_tls() => Self::Tls,
            error if error.is_timeout() => Self::Late,
            error if error.is_response() => Self::Unread,
            error if error.is_client() => Self::Unable,
            _ => Self::Broken,
        }
    }

    fn why(self) -> String {
        match self {
            Self::Said { code, status: Some([class, subject, detail]) } => format!("{code} {class}.{subject}.{detail}"),
            Self::Said { code, status: None } => code.to_string(),
            Self::Unread => "its answer cannot be understood".to_owned(),
            Self::Late => "it did not answer in time".to_owned(),
            Self::Broken => "the connection broke".to_owned(),
            Self::Tls => {
                "its certificate or its TLS is not accepted (of a private authority: name its certificate in tenant.ca_file)"
                    .to_owned()
            }
            Self::Unable => "it lacks what is needed, such as a way to log in with a password".to_owned(),
        }
    }
}

async fn within(time: Duration, answer: impl Future<Output = Result<Response, Error>>) -> Option<Result<Response, Error>> {
    tokio::time::timeout(time, answer).await.ok()
}

/// Exactly this reply. 251 says of a receiver what 250 says.
fn only(wanted: u16, answer: Option<Result<Response, Error>>) -> Result<(), Wrong> {
    let response = answer.ok_or(Wrong::Late)?.map_err(|error| Wrong::of(&error))?;
    let code = number(&response.code().to_string());
    if code == wanted || (wanted, code) == (250, 251) {
        return Ok(());
    }
    // A reply to something else: whatever comes next belongs to nothing that was asked.
    Err(Wrong::Unread)
}

fn number(code: &str) -> u16 {
    code.parse().unwrap_or(0)
}

/// The enhanced status at the beginning of a reply's text.
fn status(text: &str) -> Option<[u16; 3]> {
    let mut parts = text.split_whitespace().next()?.split('.').map(|part| part.parse::<u16>().ok());
    let status = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(status)
}

/// Whether a refusal is about this receiver for good, and not about the sender, the server or its policy: of the permanent ones, those
/// about the address and the mailbox, and those without a status of the codes that mean the same.
fn is_of_receiver(code: u16, status: Option<[u16; 3]>) -> bool {
    match status {
        Some([5, 1, detail]) => (500..600).contains(&code) && ![7, 8].contains(&detail),
        Some([5, 2, _]) => (500..600).contains(&code),
        Some(_) => false,
        None => [550, 551, 553].contains(&code),
    }
}

/// A stream on which the other side cannot go on without end: so many bytes between two of ours.
#[derive(Debug)]
struct Bounded {
    stream: TcpStream,
    left: usize,
}

impl AsyncRead for Bounded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let count = into.filled().len().saturating_sub(before);
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the answer has no end"))),
        }
        read
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.left = ANSWER;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Bounded {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
