//! Tests of webhooks: records become announcements, and a receiver on this machine, allowed by name, gets each of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::deliver::Waits;
use super::{Announcement, Gatherer, Hook, Kind, News, Troubles, body, follow_with};
use crate::rollout::alert::Alert;
use crate::rollout::event::{Because, By, Event, Record, Slot, VERSION};
use crate::rollout::hold::Owner;
use crate::rollout::id::ObjectId;
use crate::rollout::stage::PhaseName;
use crate::rollout::unmet::{Latest, Unmet};

fn at(minutes: i64) -> Timestamp {
    "2026-12-12T07:30:00Z".parse::<Timestamp>().unwrap().checked_add(SignedDuration::from_mins(minutes)).unwrap()
}

fn people(count: u128) -> Vec<ObjectId> {
    (1..=count).map(ObjectId::from_bits).collect()
}

fn alert(id: &str, stage: Option<&str>) -> Event {
    let unmet = Unmet {
        what: "the gate failed".to_owned(),
        whom: "3 people".to_owned(),
        owner: Owner::Gate,
        since: Some(at(0)),
        earliest: None,
        latest: Some(Latest { at: at(60), then: "it is missed".to_owned() }),
        ends: format!("`tidegate unpause {id}`"),
    };
    Event::AlertRaised { alert: Box::new(Alert { id: id.to_owned(), stage: stage.map(str::to_owned), unmet }) }
}

fn intent(stage: &str, slot: Slot) -> Event {
    Event::NoticeIntent {
        stage: stage.into(),
        slot,
        instant: "2027-01-11T08:00:00Z".parse().unwrap(),
        people: people(2),
        from: Vec::new(),
    }
}

fn outcome(intent: u64, accepted: u128, refused: u128) -> Event {
    let refused = vec![Because { why: "no address".into(), people: people(refused) }];
    Event::NoticeOutcome { intent, accepted: people(accepted), refused, unknown: Vec::new(), not_sent: Vec::new() }
}

fn moved(to: PhaseName) -> Event {
    Event::StageMoved { stage: "pilot".into(), from: PhaseName::Scheduled, to, why: "because.".into() }
}

/// A rollout's records: minute and event.
fn records() -> Vec<Record> {
    let plan = crate::rollout::sample::plan();
    let tail = intent("tail", Slot::Announcement);
    let events = [
        (0, Event::PlanAccepted { revision: plan.revision(), plan: Box::new(plan), why: String::new() }),
        (1, Event::RosterFrozen { stage: "pilot".into(), people: people(3), out: Vec::new() }),
        (1, moved(PhaseName::Announcing)),
        (1, intent("pilot", Slot::Announcement)),
        (2, outcome(4, 2, 0)),
        (2, intent("pilot", Slot::Announcement)),
        (3, outcome(6, 0, 1)),
        (4, moved(PhaseName::Announced)),
        (60, intent("pilot", Slot::Reminder(1))),
        (61, outcome(9, 1, 0)),
        (62, intent("pilot", Slot::Reminder(1))),
        (63, outcome(11, 2, 1)),
        (64, tail),
        (64, outcome(13, 2, 0)),
        (100, alert("gate:pilot:registered", Some("pilot"))),
        (101, alert("paused:pilot", Some("pilot"))),
        (102, alert("missed:pilot", Some("pilot"))),
        (110, Event::AlertEnded { id: "gate:pilot:registered".into() }),
        (111, Event::AlertEnded { id: "paused:pilot".into() }),
        (120, moved(PhaseName::Enforcing)),
        (130, intent("pilot", Slot::Correction)),
        (131, outcome(21, 3, 0)),
        (132, moved(PhaseName::Missed)),
        (133, intent("pilot", Slot::Withdrawn)),
        (133, outcome(24, 3, 0)),
        (134, intent("pilot", Slot::Deferred)),
        (134, outcome(26, 3, 0)),
        (135, Event::Bounced { people: vec![Because { why: "full".into(), people: people(2) }] }),
        (140, moved(PhaseName::Done)),
    ];
    let record =
        |(seq, (minutes, event))| Record { seq, at: at(minutes), v: VERSION, by: By::Schedule, actor: "t".into(), event };
    (1..).zip(events).map(record).collect()
}

#[test]
fn stages_reminders_and_holds_are_announced_and_nobody_is_named() {
    let mut gatherer = Gatherer::default();
    let mut all: Vec<Announcement> = Vec::new();
    for record in records() {
        all.extend(gatherer.see(&record));
        let settled = gatherer.settled(record.seq);
        let open = (10..=14)
            .contains(&record.seq)
            .then_some(9)
            .or((record.seq == 22).then_some(21))
            .or((25..=28).contains(&record.seq).then_some(24));
        assert_eq!(settled, open.unwrap_or(record.seq), "an open run holds the mark back");
    }
    let said: Vec<_> = all.iter().map(|told| (told.kind, told.first, told.seq, told.says.as_str())).collect();
    let expected = [
        (
            "announcing",
            4,
            4,
            "Stage pilot: 3 people are being told. MFA is required of them from 2027-01-11 09:00 (Europe/Berlin).",
        ),
        ("told", 8, 8, "Stage pilot: everybody who can be told was told. 2 mails were accepted, 1 refused."),
        (
            "reminders",
            10,
            12,
            "Stage pilot: 3 people were reminded that MFA is required of them from 2027-01-11 09:00 (Europe/Berlin).",
        ),
        (
            "hold",
            15,
            15,
            "Held until somebody decides (gate:pilot:registered): the gate failed. For: 3 people. At the latest: 2026-12-12 09:30 \
             (Europe/Berlin); then it is missed. Ends with: `tidegate unpause gate:pilot:registered`.",
        ),
        ("hold_cleared", 18, 18, "No longer held (gate:pilot:registered)."),
        ("started", 20, 20, "Stage pilot has started: MFA is now being required of its 3 people."),
        ("corrections", 22, 22, "Stage pilot: 3 people were told a new date: 2027-01-11 09:00 (Europe/Berlin)."),
        ("missed", 23, 23, "Stage pilot does not start on the date that was announced: because."),
        ("bounced", 28, 28, "2 notices came back; they count as none."),
        ("withdrawn", 25, 25, "Stage pilot: 3 people were told that 2027-01-11 09:00 (Europe/Berlin) does not hold any more."),
        ("done", 29, 29, "Stage pilot is done."),
    ];
    assert_eq!(said, expected);
    let ends: Vec<_> = all.iter().filter_map(|told| Some((told.kind, told.ends.as_deref()?))).collect();
    assert!(
        matches!(ends[..], [("hold", "`tidegate unpause gate:pilot:registered`"), ("missed", rebook)] if rebook.contains("rebook pilot"))
    );
    assert_eq!(
        all[1].counts.iter().map(|(name, count)| (*name, *count)).collect::<Vec<_>>(),
        [("accepted", 2), ("refused", 1), ("unknown", 0)]
    );
}

/// Requests as the receiver had them, and what it answers to the first ones.
#[derive(Clone, Default)]
struct Receiver {
    had: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
}

/// A receiver on this machine; gives back its address.
async fn receive(answers: &[(u16, &'static str)]) -> (Receiver, String) {
    let receiver = Receiver::default();
    receiver.answers.lock().unwrap().extend(answers.iter().rev());
    let take = |State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes| async move {
        receiver.had.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
        let (status, text) = receiver.answers.lock().unwrap().pop().unwrap_or((202, ""));
        (StatusCode::from_u16(status).unwrap(), text)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/hook?sig=hunter2", listener.local_addr().unwrap().port());
    let app = Router::new().route("/hook", post(take)).with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (receiver, url)
}

fn hook(url: String, kind: Kind, allowed: &str, told: u64) -> (Hook, Arc<Mutex<u64>>) {
    let mark = Arc::new(Mutex::new(told));
    let kept = Arc::clone(&mark);
    let hook = Hook {
        name: "ops".into(),
        kind,
        read: Arc::new(move || Ok((SecretString::from(url.clone()), Some(SecretString::from("secret"))))),
        allow_internal: vec![allowed.to_owned()],
        told,
        remember: Arc::new(move |seq| {
            *kept.lock().unwrap() = seq;
            Ok(())
        }),
    };
    (hook, mark)
}

const SHORT: Waits = Waits { first: Duration::from_millis(5), longest: Duration::from_millis(20), tries: 4 };

/// Follows the rollout's records to their end.
async fn follow(hook: Hook) -> Troubles {
    let (sender, news) = mpsc::unbounded_channel();
    let mut gatherer = Gatherer::default();
    for record in records() {
        for told in gatherer.see(&record) {
            sender.send(News::Told(told)).unwrap();
        }
        sender.send(News::Settled(gatherer.settled(record.seq))).unwrap();
    }
    drop(sender);
    let troubles = Troubles::default();
    follow_with(hook, news, troubles.clone(), SHORT).await;
    troubles
}

#[tokio::test]
async fn each_announcement_arrives_in_order_signed_and_after_a_restart_only_what_is_new() {
    let throttled = "Microsoft Teams endpoint returned HTTP error 429 with ContextId";
    let (receiver, url) = receive(&[(503, ""), (429, ""), (200, throttled)]).await;
    let (json, mark) = hook(url, Kind::Json, "LOCALHOST", 0);
    assert_eq!(follow(json.clone()).await.sentences(), Vec::<String>::new(), "what went well in the end is no trouble");
    let had = receiver.had.lock().unwrap().clone();
    let read = |body: &str| serde_json::from_str::<Value>(body).unwrap();
    let kinds: Vec<_> = had.iter().map(|(_, body)| read(body)["type"].as_str().unwrap().to_owned()).collect();
    let announcing = ["announcing"; 3];
    let rest = ["told", "reminders", "hold", "hold_cleared", "started", "corrections", "missed", "bounced", "withdrawn", "done"];
    assert_eq!(kinds, [&announcing[..], &rest[..]].concat(), "two refusals, and a receiver of JSON means 200");
    for (headers, body) in &had {
        let header = |name: &str| headers.get(name).unwrap().to_str().unwrap();
        assert_eq!(header("idempotency-key"), read(body)["id"]);
        let timestamp = header("x-tidegate-timestamp").parse().unwrap();
        assert_eq!(header("x-tidegate-signature"), format!("sha256={}", body::signature(b"secret", timestamp, body)));
        assert!(headers.get("authorization").is_none() && !body.contains("hunter2"));
    }
    assert_eq!(*mark.lock().unwrap(), 29);
    let again = Hook { told: 20, ..json };
    follow(again).await;
    let had = receiver.had.lock().unwrap().split_off(had.len());
    assert_eq!(had.len(), 5, "corrections and what followed");
}

#[tokio::test]
async fn a_throttling_hidden_in_a_200_of_teams_is_tried_again() {
    let (receiver, url) = receive(&[(200, "Microsoft Teams endpoint returned HTTP error 429 with ContextId")]).await;
    let (teams, _) = hook(url, Kind::Teams, "localhost", 25);
    follow(teams).await;
    let had = receiver.had.lock().unwrap().clone();
    let texts: Vec<_> = had
        .iter()
        .map(|(_, body)| {
            serde_json::from_str::<Value>(body).unwrap().pointer("/attachments/0/content/body/1/text").unwrap().to_string()
        })
        .collect();
    assert_eq!((texts.len(), texts[0] == texts[1]), (3, true), "{texts:?}");
}

#[tokio::test]
async fn a_receiver_that_fails_is_a_warning_without_its_address_and_the_rest_goes_on() {
    let (receiver, url) = receive(&[(503, "x"); 4]).await;
    let (json, mark) = hook(url.clone(), Kind::Json, "localhost", 0);
    let troubles = follow(json).await;
    assert_eq!((receiver.had.lock().unwrap().len(), *mark.lock().unwrap()), (14, 29), "given up after four tries");
    assert!(troubles.sentences().is_empty());
    let (inside, _) = hook(url, Kind::Json, "elsewhere", 28);
    let troubles = follow(inside).await.sentences();
    assert_eq!(receiver.had.lock().unwrap().len(), 14, "nothing went to an address inside");
    assert!(
        troubles.len() == 1 && troubles[0].starts_with("the webhook ops is not told") && !troubles[0].contains("hunter2"),
        "{troubles:?}"
    );
}
