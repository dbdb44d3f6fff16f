//! Tests of mails over a scripted wire.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Letter, Mail, Texts, send_sample};
use crate::engine::port::{Notice, NoticeOutcome, Notify};
use crate::graph::script::{Script, Scripted, answer, id, lost};
use crate::letter::Style;
use crate::rollout::event::Slot;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::Toggle;
use crate::rollout::plan::Format;

pub(super) fn notice(people: Vec<ObjectId>) -> Notice {
    Notice {
        intent: 12,
        stage: "pilot".into(),
        slot: Slot::Announcement,
        instant: "2027-01-11T08:00:00Z".parse().unwrap(),
        time_zone: "Europe/Berlin".into(),
        helpdesk: "ext. 1".into(),
        grace: 0,
        from: vec![PersonRef::new("contoso.example", "it@contoso.example"), PersonRef::Id(id(901))],
        via: Vec::new(),
        calendar_file: Toggle::On,
        at: "2026-12-12T07:30:00Z".parse().unwrap(),
        people,
    }
}

/// A tenant of people 1 to 99 (30 without an address) and the mailbox `it`, whose mails are answered by `mail`.
pub(super) fn tenant(mut mail: impl FnMut(&str) -> (u16, Value) + Send + 'static) -> Arc<Script> {
    let rows = |url: &str| {
        let mut rows: Vec<Value> = (1..100)
            .map(|n| {
                let address = if n == 30 { json!(null) } else { json!(format!("user{n}@contoso.example")) };
                json!({"id": id(n), "userPrincipalName": format!("user{n}@contoso.example"), "mail": address, "displayName": format!("U{n}")})
            })
            .collect();
        rows.push(json!({"id": id(900), "userPrincipalName": "IT@contoso.example"}));
        rows.retain(|row| !url.contains("filter") || url.contains(row["id"].as_str().unwrap()));
        json!({"value": rows})
    };
    Script::with_tokens(move |seen| {
        if seen.method == "GET" {
            return answer(200, &rows(&seen.uri));
        }
        let to = |message: &Value| message["message"]["toRecipients"][0]["emailAddress"]["address"].as_str().unwrap().to_owned();
        let Some(requests) = seen.body["requests"].as_array() else {
            let (status, body) = mail(&to(&seen.body));
            return answer(status, &body);
        };
        let responses: Vec<_> = requests
            .iter()
            .map(|request| {
                let url = request["url"].as_str().unwrap();
                let (status, body) = if request["method"] == "GET" { (200, rows(url)) } else { mail(&to(&request["body"])) };
                json!({"id": request["id"], "status": status, "body": body})
            })
            .collect();
        answer(200, &json!({"responses": responses}))
    })
}

async fn send(script: &Arc<Script>, notice: &Notice) -> NoticeOutcome {
    send_as(Format::Html, script, notice).await
}

async fn send_as(format: Format, script: &Arc<Script>, notice: &Notice) -> NoticeOutcome {
    let texts = Texts::built_in(Style { format, ..Style::default() }).unwrap();
    Mail::new(script.graph().0, watch::channel(Arc::new(texts)).1).send(notice).await
}

pub(super) fn mails(script: &Script) -> Vec<(String, Value)> {
    let seen = script.seen();
    let single = |url: &str, body: &Value| (url.to_owned(), body.clone());
    seen.iter()
        .filter(|seen| seen.method == "POST")
        .flat_map(|seen| match seen.body["requests"].as_array() {
            Some(requests) => {
                let posts = requests.iter().filter(|request| request["method"] == "POST");
                posts.map(|request| single(request["url"].as_str().unwrap(), &request["body"])).collect()
            }
            None => vec![single(&seen.uri, &seen.body)],
        })
        .collect()
}

#[tokio::test]
async fn everybody_gets_one_mail_that_names_the_instant() {
    let script = tenant(|_| (202, json!(null)));
    let people: Vec<_> = (1..=9).map(id).collect();
    let outcome = send(&script, &notice(people.clone())).await;
    assert_eq!(outcome, NoticeOutcome { accepted: people, ..NoticeOutcome::default() });
    let mails = mails(&script);
    assert_eq!(mails.len(), 9);
    let mut notices = std::collections::BTreeSet::new();
    for (at, (url, mail)) in mails.iter().enumerate() {
        let sender = if at % 2 == 0 { id(900) } else { id(901) };
        assert!(url.contains(&format!("/users/{sender}/sendMail")), "{at}: {url}");
        assert_eq!(mail["saveToSentItems"], json!(false));
        assert_eq!(mail["message"]["body"]["contentType"], "HTML");
        let headers = &mail["message"]["internetMessageHeaders"];
        assert_eq!(headers[0], json!({"name": "x-tidegate-instant", "value": "2027-01-11T08:00:00Z"}));
        assert_eq!(headers[1]["name"], "x-tidegate-notice");
        notices.insert(headers[1]["value"].as_str().unwrap().parse::<ObjectId>().unwrap());
        let content = mail["message"]["body"]["content"].as_str().unwrap();
        assert!(content.starts_with("<!doctype html>") && content.contains("Monday, 11 January 2027, at 09:00"), "{content}");
        assert!(!content.contains("@contoso"));
    }
    assert_eq!(notices.len(), 9);
    let posts = script.seen().iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(posts, 3, "four at once");
}

#[tokio::test]
async fn a_plan_may_ask_for_plain_text() {
    let script = tenant(|_| (202, json!(null)));
    send_as(Format::Text, &script, &notice(vec![id(1)])).await;
    let (_, mail) = mails(&script).remove(0);
    assert_eq!(mail["message"]["body"]["contentType"], "Text");
    assert!(mail["message"]["body"]["content"].as_str().unwrap().starts_with("Hello U1,\n"), "{mail}");
}

#[tokio::test]
async fn a_test_of_a_notice_goes_through_the_first_mailbox_and_promises_nothing() {
    let letter = |text: &str| Letter { language: "en".into(), subject: "s".into(), text: text.into(), html: "<p>".into() };
    let (gone, there) = (PersonRef::new("contoso.example", "gone@contoso.example"), PersonRef::Id(id(901)));
    let script = tenant(|_| (202, json!(null)));
    assert_eq!(send_sample(&script.graph().0, &[gone, there], "me@contoso.example", letter("t"), Format::Text).await, Ok(()));
    let (url, mail) = mails(&script).remove(0);
    assert!(url.contains(&format!("/users/{}/sendMail", id(901))), "{url}");
    assert_eq!(mail["message"]["internetMessageHeaders"], json!([{"name": "x-tidegate-test", "value": "true"}]));
    assert_eq!(mail["message"]["toRecipients"][0]["emailAddress"]["address"], "me@contoso.example");
    assert_eq!(mail["message"]["body"]["content"], "t");

    let refused = send_sample(&script.graph().0, &[gone], "me@contoso.example", letter("t"), Format::Html).await;
    assert!(refused.unwrap_err().contains("notices.from"));
    let script = tenant(|_| (403, json!({"error": {"code": "Authorization_RequestDenied"}})));
    let refused = send_sample(&script.graph().0, &[there], "me@contoso.example", letter("t"), Format::Html).await;
    assert!(refused.unwrap_err().contains("Mail.Send"));
}

/// The calendar files of all mails, lines put together again.
fn calendar_files(script: &Script) -> Vec<String> {
    let file = |(_, mail): (String, Value)| {
        let [attachment] = mail["message"]["attachments"].as_array().unwrap().as_slice() else { panic!("{mail}") };
        assert_eq!(
            (&attachment["name"], &attachment["@odata.type"]),
            (&json!("mfa.ics"), &json!("#microsoft.graph.fileAttachment"))
        );
        let bytes = BASE64_STANDARD.decode(attachment["contentBytes"].as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap().replace("\r\n ", "")
    };
    mails(script).into_iter().map(file).collect()
}

#[tokio::test]
async fn a_person_keeps_one_calendar_entry_whose_date_a_later_notice_moves() {
    let script = tenant(|_| (202, json!(null)));
    let first = notice(vec![id(1), id(2)]);
    let later = Notice { intent: 40, slot: Slot::Correction, instant: "2027-02-01T08:00:00Z".parse().unwrap(), ..first.clone() };
    for notice in [&first, &later] {
        assert_eq!(send(&script, notice).await.accepted.len(), 2);
    }
    let files = calendar_files(&script);
    let line = |file: &str, name: &str| file.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let lines = |name: &str| files.iter().map(|file| line(file, name)).collect::<Vec<_>>();
    let uids = lines("UID:");
    assert_eq!((&uids[..2], uids[0] == uids[1]), (&uids[2..], false), "one entry each");
    assert_eq!(lines("SEQUENCE:"), ["SEQUENCE:12", "SEQUENCE:12", "SEQUENCE:40", "SEQUENCE:40"]);
    assert_eq!(lines("DTSTART:")[1..3], ["DTSTART:20270111T080000Z", "DTSTART:20270201T080000Z"]);
    assert_eq!(lines("ORGANIZER:")[0], "ORGANIZER:mailto:IT@contoso.example");
    assert!(lines("SUMMARY:").iter().all(|summary| !summary.contains("New date")), "the entry says what is so");

    let script = tenant(|_| (202, json!(null)));
    send(&script, &Notice { calendar_file: Toggle::Off, ..first }).await;
    assert!(mails(&script).iter().all(|(_, mail)| mail["message"].get("attachments").is_none()), "a plan may do without");

    // The directory does not show the mailbox: the mail matters, and the entry would name nobody.
    let script = tenant(|_| (202, json!(null)));
    let mailboxes = vec![PersonRef::Id(id(901)), PersonRef::new("contoso.example", "it@contoso.example")];
    let unlisted = Notice { from: mailboxes, ..notice(vec![id(1)]) };
    assert_eq!(send(&script, &unlisted).await.accepted, [id(1)]);
    assert!(mails(&script).iter().all(|(_, mail)| mail["message"].get("attachments").is_none()), "no entry of nobody");
}

#[tokio::test]
async fn each_answer_of_the_mail_service_has_its_own_list() {
    let error = |status: u16, code: &str| (status, json!({"error": {"code": code, "message": "m"}}));
    let script = tenant(move |to| match to {
        "user1@contoso.example" => error(400, "ErrorInvalidRecipients"),
        "user2@contoso.example" => error(503, ""),
        "user3@contoso.example" => error(403, "ErrorSendAsDenied"),
        "user4@contoso.example" => error(400, "ErrorExceededMessageLimit"),
        "user5@contoso.example" => error(404, "ErrorItemNotFound"),
        _ => (202, json!(null)),
    });
    let people = [1, 2, 3, 4, 5, 6, 7, 8, 30, 500].map(id).to_vec();
    let outcome = send(&script, &notice(people)).await;
    assert_eq!(outcome.accepted, [id(6), id(7), id(8)]);
    assert_eq!(outcome.unknown, [id(2)]);
    let listed = |list: &[crate::rollout::event::Because]| {
        let mut people: Vec<_> = list.iter().flat_map(|because| because.people.clone()).collect();
        people.sort_unstable();
        people
    };
    assert_eq!(listed(&outcome.refused), [id(1), id(30), id(500)]);
    assert_eq!(listed(&outcome.not_sent), [id(3), id(4), id(5)]);
    assert!(outcome.refused.iter().chain(&outcome.not_sent).all(|because| !because.why.contains('@')));
}

#[tokio::test]
async fn a_mail_goes_to_the_address_of_now_and_where_that_cannot_be_read_to_the_last_one() {
    for (status, now, expected) in [
        (200, json!("new@contoso.example"), Some("new@contoso.example")),
        (200, json!(null), None),
        (403, json!(null), Some("old@contoso.example")),
    ] {
        let script = Script::with_tokens(move |seen| {
            if seen.method != "GET" {
                return answer(202, &json!(null));
            }
            let row = |mail: &Value| json!({"id": id(1), "userPrincipalName": "it@contoso.example", "mail": mail});
            match seen.uri.contains("filter") {
                true if status != 200 => answer(status, &json!({"error": {"code": "Authorization_RequestDenied"}})),
                true => answer(status, &json!({"value": [row(&now)]})),
                false => answer(200, &json!({"value": [row(&json!("old@contoso.example"))]})),
            }
        });
        let outcome = send(&script, &notice(vec![id(1)])).await;
        let to: Vec<Value> = mails(&script)
            .iter()
            .map(|(_, mail)| mail["message"]["toRecipients"][0]["emailAddress"]["address"].clone())
            .collect();
        assert_eq!(to, expected.map_or(Vec::new(), |address| vec![json!(address)]), "{status}");
        assert_eq!(outcome.refused.len(), usize::from(expected.is_none()));
    }
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_is_not_sent_again() {
    let script = Script::with_tokens(|seen| -> Scripted {
        if seen.method == "GET" {
            let rows: Vec<_> = (1..5)
                .map(|n| json!({"id": id(n), "mail": format!("u{n}@x.example"), "userPrincipalName": "it@contoso.example"}))
                .collect();
            return answer(200, &json!({"value": rows}));
        }
        lost()
    });
    let outcome = send(&script, &notice((1..=4).map(id).collect())).await;
    assert_eq!(outcome.unknown.len(), 4);
    assert_eq!(mails(&script).len(), 4);
}

#[tokio::test]
async fn a_refusal_of_everybody_is_not_repeated_for_each() {
    let script = tenant(|_| (403, json!({"error": {"code": "Authorization_RequestDenied"}})));
    let outcome = send(&script, &notice((1..=29).map(id).collect())).await;
    assert_eq!(outcome.not_sent.len(), 1);
    assert_eq!(outcome.not_sent[0].people.len(), 29);
    assert!(outcome.not_sent[0].why.contains("Mail.Send"), "{}", outcome.not_sent[0].why);
    assert_eq!(mails(&script).len(), 4);
}

#[tokio::test]
async fn without_a_sending_mailbox_nothing_is_sent() {
    let script = tenant(|_| (202, json!(null)));
    let nobody = Notice { from: vec![PersonRef::new("contoso.example", "nobody@contoso.example")], ..notice(vec![id(1)]) };
    let outcome = send(&script, &nobody).await;
    assert!(outcome.not_sent[0].why.contains("notices.from"));
}
