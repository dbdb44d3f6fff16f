//! Tests of mails through a mail server: a small server in the test that says what its script says, hostile things included.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::super::tests::{notice, tenant};
use super::{Patience, Server, Smtp, Tls, mime};
use crate::clock::{Clock, Pace};
use crate::engine::port::{NoticeOutcome, Notify as _};
use crate::graph::request::{Content, Message};
use crate::graph::script::id;
use crate::letter::{Style, Texts};
use crate::rollout::event::Because;
use crate::rollout::id::{ObjectId, PersonRef};

/// What the server does next.
pub(super) enum Does {
    Says(&'static str),
    /// A line without an end, as fast as it is read.
    Babbles,
    Hangs,
    HangsUp,
}
use Does::{Babbles, Hangs, HangsUp, Says};

/// What was said to the server: commands, and texts of mails that were whole.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self, begin: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(begin)).count()
    }
}

/// A server that answers each command as `script` says; `greeting`, `EHLO …`, `.` (the end of a mail). None: as a server should.
async fn server(script: impl Fn(&str) -> Option<Does> + Send + Sync + 'static) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, script) = (Heard::default(), Arc::new(script));
    let all = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (all, script) = (all.clone(), Arc::clone(&script));
            tokio::spawn(async move { converse(stream, &all, &*script).await });
        }
    });
    (port, heard)
}

/// One connection of such a server.
pub(super) async fn converse(stream: impl AsyncRead + AsyncWrite, all: &Heard, script: &impl Fn(&str) -> Option<Does>) {
    let (read, mut write) = tokio::io::split(stream);
    let mut read = BufReader::new(read);
    let (mut line, mut mail) = ("greeting".to_owned(), None::<String>);
    loop {
        let does = script(&line).unwrap_or(Says(match line.split([' ', ':']).next().unwrap() {
            "greeting" => "220 ready\r\n",
            "EHLO" => "250-server\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
            "AUTH" => "235 in\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        }));
        match does {
            Says(text) => {
                if line == "DATA" && text.starts_with("354") {
                    mail = Some(String::new());
                }
                if write.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Babbles => while write.write_all(&[b'x'; 4096]).await.is_ok() {},
            Hangs => std::future::pending().await,
            HangsUp => return,
        }
        loop {
            line.clear();
            if read.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            match &mut mail {
                Some(text) if line != ".\r\n" => text.push_str(&line),
                _ => break,
            }
        }
        line.truncate(line.trim_end().len());
        let said = mail.take().unwrap_or_else(|| line.clone());
        all.0.lock().unwrap().push(said);
    }
}

pub(super) async fn smtp(port: u16, clock: &Clock, with: impl FnOnce(&mut Server)) -> Smtp {
    let script = tenant(|_| (202, json!(null)));
    let texts = watch::channel(Arc::new(Texts::built_in(Style::default()).unwrap())).1;
    let mut server = Server {
        host: "127.0.0.1".into(),
        port,
        tls: Tls::Never,
        authorities: None,
        login: None,
        per_minute: 1000,
        at_once: 4,
        from: vec!["it@contoso.example".into(), "second@contoso.example".into()],
    };
    with(&mut server);
    // The whole directory, and so everybody's name.
    let graph = script.graph().0;
    graph.person_id(PersonRef::new("contoso.example", "it@contoso.example")).await.unwrap();
    let mut smtp = Smtp::new(graph, texts, clock.clone(), server).unwrap();
    let short = Duration::from_millis(300);
    smtp.way.patience = Patience { connect: short, command: short, mail: short };
    smtp
}

pub(super) fn standing() -> Clock {
    Clock::paced("2026-12-12T07:30:00Z".parse().unwrap(), Pace::Max)
}

/// Tells people 1 to `people` through a server of this script, one at a time.
async fn told(people: u128, script: impl Fn(&str) -> Option<Does> + Send + Sync + 'static) -> (NoticeOutcome, Heard) {
    let (port, heard) = server(script).await;
    let smtp = smtp(port, &standing(), |server| server.at_once = 1).await;
    (smtp.send(&notice((1..=people).map(id).collect())).await, heard)
}

pub(super) fn everybody(list: &[Because]) -> Vec<ObjectId> {
    list.iter().flat_map(|because| because.people.clone()).collect()
}

#[tokio::test]
async fn everybody_gets_one_mail_on_few_connections_from_the_mailboxes_in_turn() {
    let (port, heard) = server(|_| None).await;
    let people: Vec<_> = (1..=9).map(id).collect();
    let mut outcome = smtp(port, &standing(), |_| {}).await.send(&notice(people.clone())).await;
    outcome.accepted.sort_unstable();
    assert_eq!(outcome, NoticeOutcome { accepted: people, ..NoticeOutcome::default() });
    let counts = ["EHLO contoso.example", "MAIL FROM:<it@", "MAIL FROM:<second@", "RCPT TO:<user", "From: ", "QUIT"];
    assert_eq!(counts.map(|begin| heard.count(begin)), [4, 5, 4, 9, 9, 4]);
    for mail in heard.lines().iter().filter(|line| line.starts_with("From: ")) {
        for part in [
            "x-tidegate-instant: 2027-01-11T08:00:00Z\r\n",
            "Date: Sat, 12 Dec 2026 07:30:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/mixed;",
            "Content-Type: multipart/alternative;",
            "text/calendar; charset=utf-8; method=PUBLISH",
        ] {
            assert!(mail.contains(part), "{part}: {mail}");
        }
        let value = |name: &str| mail.split_once(name).unwrap().1.split("\r\n").next().unwrap().to_owned();
        assert_eq!(value("Message-ID: "), format!("<{}@contoso.example>", value("x-tidegate-notice: ")));
    }
}

#[tokio::test]
async fn a_list_for_a_manager_goes_the_same_way_and_is_no_notice() {
    let (port, heard) = server(|_| None).await;
    let outcome = smtp(port, &standing(), |_| {}).await.send_lists(&super::super::lists_tests::lists(&[5])).await;
    assert_eq!(outcome, NoticeOutcome { accepted: vec![id(5)], ..NoticeOutcome::default() });
    let mail = heard.lines().into_iter().find(|line| line.starts_with("From: ")).unwrap();
    assert!(mail.contains("x-tidegate-list: ") && !mail.contains("x-tidegate-notice") && !mail.contains("x-tidegate-instant"));
    let value = |name: &str| mail.split_once(name).unwrap().1.split("\r\n").next().unwrap().to_owned();
    assert_eq!(value("Message-ID: "), format!("<{}@contoso.example>", value("x-tidegate-list: ")));
    assert!(heard.count("RCPT TO:<user5@contoso.example>") == 1 && !mail.contains("text/calendar"), "{mail}");
}

/// A step, what the server does at it, and where the first and the second of two people end: accepted, refused, unknown, not sent.
type Row = (&'static str, fn() -> Does, [char; 2]);

#[tokio::test]
async fn each_answer_of_the_server_has_its_own_list_and_a_server_that_fails_is_not_asked_for_the_rest() {
    let rows: [Row; 27] = [
        ("greeting", || Says("554 no\r\n"), ['n', 'n']),
        ("greeting", || Says("421 busy\r\n"), ['n', 'n']),
        ("greeting", || Says("HTTP/1.1 400 Bad Request\r\n\r\n"), ['n', 'n']),
        ("greeting", || Says("\u{0}\u{1}\r\n"), ['n', 'n']),
        ("greeting", || Babbles, ['n', 'n']),
        ("greeting", || Hangs, ['n', 'n']),
        ("greeting", || HangsUp, ['n', 'n']),
        ("EHLO", || Says("500 what\r\n"), ['n', 'n']),
        ("MAIL FROM:<it@", || Says("550 5.7.60 not as this sender\r\n"), ['n', 'n']),
        ("MAIL FROM:<it@", || HangsUp, ['n', 'n']),
        ("RCPT TO:<user1@", || Says("550 5.1.1 <user1@contoso.example>: unknown\r\n"), ['r', 'a']),
        ("RCPT TO:<user1@", || Says("550 no such user\r\n"), ['r', 'a']),
        ("RCPT TO:<user1@", || Says("552 5.2.2 full\r\n"), ['r', 'a']),
        ("RCPT TO:<user1@", || Says("450 4.2.0 greylisted\r\n"), ['n', 'a']),
        ("RCPT TO:<user1@", || Says("554 5.7.1 relay access denied\r\n"), ['n', 'a']),
        ("RCPT TO:<user1@", || Says("530 log in first\r\n"), ['n', 'a']),
        ("RCPT TO:<user1@", || Says("354 go on\r\n"), ['n', 'n']),
        ("RCPT TO:<user1@", || Hangs, ['n', 'n']),
        ("DATA", || Says("451 later\r\n"), ['n', 'n']),
        ("DATA", || Says("250 fine\r\n"), ['n', 'n']),
        ("DATA", || HangsUp, ['n', 'n']),
        (".", || Says("451 4.3.0 later\r\n"), ['n', 'n']),
        (".", || Says("554 5.6.0 not like this\r\n"), ['n', 'n']),
        (".", || HangsUp, ['u', 'u']),
        (".", || Hangs, ['u', 'u']),
        (".", || Says("garbage\r\n"), ['u', 'u']),
        (".", || Babbles, ['u', 'u']),
    ];
    for (at, (step, does, expected)) in rows.into_iter().enumerate() {
        let (outcome, heard) = told(2, move |line| line.starts_with(step).then(does)).await;
        let fate = |person: ObjectId| {
            let lists = [
                ('a', outcome.accepted.clone()),
                ('r', everybody(&outcome.refused)),
                ('u', outcome.unknown.clone()),
                ('n', everybody(&outcome.not_sent)),
            ];
            let found: Vec<char> = lists.iter().filter(|(_, list)| list.contains(&person)).map(|(mark, _)| *mark).collect();
            assert_eq!(found.len(), 1, "row {at}, {step}: {outcome:?}");
            found[0]
        };
        assert_eq!([fate(id(1)), fate(id(2))], expected, "row {at}, {step}: {outcome:?}");
        let tried = if expected[1] == 'n' && step != "." { 1 } else { 2 };
        assert!(heard.count("RCPT") <= tried, "row {at}, {step}: {:?}", heard.lines());
        let reasons = outcome.refused.iter().chain(&outcome.not_sent);
        assert!(reasons.clone().all(|because| !because.why.contains('@')), "row {at}: no reason names anybody: {outcome:?}");
    }
}

#[tokio::test]
async fn a_relay_that_takes_nobody_makes_nobody_unreachable_and_is_not_asked_for_all() {
    let (outcome, heard) = told(9, |line| line.starts_with("RCPT").then_some(Says("554 5.7.1 relay access denied\r\n"))).await;
    assert_eq!((everybody(&outcome.not_sent).len(), outcome.refused.len(), heard.count("RCPT")), (9, 0, 4));
}

#[tokio::test]
async fn a_server_that_takes_texts_and_says_nothing_is_not_given_more_than_a_few() {
    let (outcome, heard) = told(9, |line| (line == ".").then_some(HangsUp)).await;
    assert_eq!((outcome.unknown.len(), everybody(&outcome.not_sent).len(), heard.count("DATA")), (4, 5, 4));
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refused_receiver() {
    let (outcome, heard) = told(3, |line| line.starts_with("RCPT TO:<user1@").then_some(Says("550 5.1.1 unknown\r\n"))).await;
    assert_eq!((outcome.accepted.len(), everybody(&outcome.refused)), (2, vec![id(1)]));
    assert_eq!((heard.count("EHLO"), heard.count("RSET")), (1, 1));
}

#[tokio::test]
async fn a_login_that_is_refused_sends_nothing_and_shows_no_password() {
    const PASSWORD: &str = "open sesame 4711";
    let login = |server: &mut Server| {
        server.login = Some(("tidegate".into(), Arc::new(|| Ok(SecretString::from(PASSWORD)))));
    };
    let (port, heard) = server(|_| None).await;
    assert_eq!(smtp(port, &standing(), login).await.send(&notice(vec![id(1)])).await.accepted, [id(1)]);
    assert_eq!(heard.count("AUTH PLAIN "), 1);
    let (port, heard) = server(|line| line.starts_with("AUTH").then_some(Says("535 5.7.8 no, tidegate@x\r\n"))).await;
    let outcome = smtp(port, &standing(), login).await.send(&notice((1..=9).map(id).collect())).await;
    assert_eq!(everybody(&outcome.not_sent).len(), 9);
    assert!(outcome.not_sent[0].why.contains("does not let `notices.smtp.user` in: 535 5.7.8"), "{outcome:?}");
    assert!(!format!("{outcome:?}").contains("sesame"));
    assert_eq!((heard.count("MAIL"), heard.count("AUTH")), (0, 4), "one try on each connection of the first handful");
    let unreadable = |server: &mut Server| server.login = Some(("u".into(), Arc::new(|| Err("no file".to_owned()))));
    let outcome = smtp(port, &standing(), unreadable).await.send(&notice(vec![id(1)])).await;
    assert_eq!((outcome.not_sent[0].why.as_str(), heard.count("AUTH")), ("no file", 4));
}

#[tokio::test]
async fn without_starttls_nothing_is_said_in_the_open() {
    let (port, heard) = server(|_| None).await;
    let login = |server: &mut Server| {
        server.tls = Tls::AfterStartTls;
        server.login = Some(("u".into(), Arc::new(|| Ok(SecretString::from("p")))));
    };
    let outcome = smtp(port, &standing(), login).await.send(&notice(vec![id(1)])).await;
    assert!(outcome.not_sent[0].why.contains("does not offer STARTTLS"), "{outcome:?}");
    assert_eq!((heard.count("AUTH"), heard.count("MAIL")), (0, 0));
    // A certificate that nobody knows is no encryption either.
    let (port, heard) = server(|line| match line {
        "STARTTLS" => Some(Says("220 go on\r\nthis is no TLS\r\n")),
        line if line.starts_with("EHLO") => Some(Says("250-server\r\n250 STARTTLS\r\n")),
        _ => None,
    })
    .await;
    let outcome = smtp(port, &standing(), login).await.send(&notice(vec![id(1)])).await;
    assert_eq!((everybody(&outcome.not_sent), heard.count("MAIL")), (vec![id(1)], 0));
}

#[tokio::test]
async fn so_many_mails_leave_in_a_minute_and_the_date_is_that_of_the_clock() {
    let (port, heard) = server(|_| None).await;
    let clock = standing();
    let smtp = smtp(port, &clock, |server| server.per_minute = 6).await;
    let begun = clock.now();
    assert_eq!(smtp.send(&notice((1..=20).map(id).collect())).await.accepted.len(), 20);
    assert_eq!(clock.now().duration_since(begun).as_secs(), 180);
    let dates: Vec<Timestamp> = heard
        .lines()
        .iter()
        .filter_map(|mail| mail.split_once("Date: ")?.1.split("\r\n").next())
        .map(|date| jiff::fmt::rfc2822::parse(date).unwrap().timestamp())
        .collect();
    let within = |from: i64| dates.iter().filter(|at| (from..from + 60).contains(&at.duration_since(begun).as_secs())).count();
    assert!((0..=180).all(|from| within(from) <= 6), "{dates:?}");
}

#[test]
fn what_others_wrote_begins_no_header_and_every_byte_is_ascii() {
    let message = Message {
        to: "zoë@contoso.example".into(),
        subject: "MFA ab 11. Januar\r\nBcc: x@y.example\r\n\r\n<b>".into(),
        body: Content::Html {
            page: "<p>Zoë\r\nBcc: x</p>\n.\n".into(),
            text: "Guten Tag Zoë\r\nBcc: x,\n.\nab 11. Januar – \u{202e}\n".into(),
        },
        headers: vec![("x-tidegate-notice", "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0".into())],
        calendar_file: Some("BEGIN:VCALENDAR\r\nSUMMARY:Zoë\r\nEND:VCALENDAR\r\n".into()),
    };
    let from = "it@contoso.example".parse().unwrap();
    let at = "2026-12-12T07:30:00Z".parse().unwrap();
    let ascii = Message { to: "zoe@contoso.example".into(), ..message.clone() };
    let bytes = mime::bytes(&ascii, &from, at).unwrap();
    assert!(bytes.is_ascii());
    let text = String::from_utf8(bytes.clone()).unwrap();
    let headers = text.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ");
    let names: Vec<_> = headers.split("\r\n").map(|line| line.split_once(':').unwrap().0.to_lowercase()).collect();
    let known =
        ["from", "to", "subject", "date", "message-id", "auto-submitted", "x-tidegate-notice", "mime-version", "content-type"];
    assert!(names.len() == known.len() && names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");
    assert_eq!(mime::bytes(&ascii, &from, at).unwrap(), bytes, "the same notice has the same bytes");
    for bad in ["", "nobody", "a@b\r\nRCPT TO:<x@y.example>", "a b@c.example", "<a@b.example>"] {
        assert!(mime::receiver(&Message { to: bad.into(), ..message.clone() }).is_err(), "{bad}");
    }
}
