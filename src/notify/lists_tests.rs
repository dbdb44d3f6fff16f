//! Tests of lists for managers over a scripted wire: what a mail holds, whose it is, and what hostile names come to.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::tests::{mails, notice, tenant};
use super::{Mail, Texts};
use crate::engine::port::{Lists, NoticeOutcome, Notify};
use crate::graph::script::{Script, answer, id};
use crate::letter::Style;
use crate::rollout::event::Because;
use crate::rollout::id::ObjectId;
use crate::rollout::lists::Theirs;
use crate::rollout::observed::Readiness;
use crate::rollout::plan::Format;

/// The list of the people 11 and 12 to each of these managers.
pub(super) fn lists(managers: &[u128]) -> Lists {
    let notice = notice(Vec::new());
    let people = vec![(id(12), Readiness::Unregistered), (id(11), Readiness::RegisteredNotAllowed)];
    Lists {
        intent: 12,
        instant: notice.instant,
        time_zone: notice.time_zone,
        helpdesk: notice.helpdesk,
        from: notice.from,
        via: Vec::new(),
        lists: managers.iter().map(|n| Theirs { manager: id(*n), people: people.clone() }).collect(),
    }
}

async fn send(format: Format, script: &Arc<Script>, lists: &Lists) -> NoticeOutcome {
    let texts = Texts::built_in(Style { format, ..Style::default() }).unwrap();
    Mail::new(script.graph().0, watch::channel(Arc::new(texts)).1).send_lists(lists).await
}

#[tokio::test]
async fn a_list_names_the_people_of_its_manager_and_is_no_notice() {
    let script = tenant(|_| (202, json!(null)));
    let outcome = send(Format::Html, &script, &lists(&[5, 6])).await;
    assert_eq!(outcome, NoticeOutcome { accepted: vec![id(5), id(6)], ..NoticeOutcome::default() });
    let mails = mails(&script);
    assert_eq!(mails.len(), 2);
    let mut ids = std::collections::BTreeSet::new();
    for (n, (_, mail)) in [5, 6].into_iter().zip(&mails) {
        let message = &mail["message"];
        assert_eq!(message["toRecipients"][0]["emailAddress"]["address"], format!("user{n}@contoso.example"));
        assert_eq!(message["internetMessageHeaders"].as_array().unwrap().len(), 1);
        assert_eq!(message["internetMessageHeaders"][0]["name"], "x-tidegate-list");
        ids.insert(message["internetMessageHeaders"][0]["value"].as_str().unwrap().parse::<ObjectId>().unwrap());
        assert!(message.get("attachments").is_none(), "no calendar file: the date is not the manager's");
        let body = message["body"]["content"].as_str().unwrap();
        let places = ["U11", "user11@contoso.example", "U12", "user12@contoso.example"].map(|part| body.find(part).unwrap());
        assert!(places.is_sorted(), "{body}");
        assert!(body.contains("Monday, 11 January 2027, at 09:00") && !body.contains("U13"), "{body}");
    }
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn whoever_gets_no_list_is_in_one_list_of_the_outcome() {
    let of = |n: u128, outcome: &NoticeOutcome| -> &'static str {
        let within = |list: &[Because]| list.iter().any(|because| because.people.contains(&id(n)));
        let found = [
            ("accepted", outcome.accepted.contains(&id(n))),
            ("refused", within(&outcome.refused)),
            ("unknown", outcome.unknown.contains(&id(n))),
            ("not sent", within(&outcome.not_sent)),
        ];
        let mut found = found.into_iter().filter(|(_, is)| *is);
        let first = found.next().unwrap().0;
        assert_eq!(found.next(), None);
        first
    };
    // 30 has no address, 200 does not exist.
    let refused = json!({"error": {"code": "ErrorInvalidRecipients"}});
    let script = tenant(move |to| match to {
        "user7@contoso.example" => (400, refused.clone()),
        "user8@contoso.example" => (503, json!(null)),
        _ => (202, json!(null)),
    });
    let outcome = send(Format::Text, &script, &lists(&[5, 7, 8, 30, 200])).await;
    let fates = [5, 7, 8, 30, 200].map(|n| of(n, &outcome));
    assert_eq!(fates, ["accepted", "refused", "unknown", "refused", "refused"], "{outcome:?}");
    let mut nowhere = lists(&[5, 6]);
    nowhere.from.truncate(1);
    nowhere.from[0] = crate::rollout::id::PersonRef::new("contoso.example", "nobody@contoso.example");
    let outcome = send(Format::Text, &script, &nowhere).await;
    assert_eq!([5, 6].map(|n| of(n, &outcome)), ["not sent"; 2]);
}

/// A tenant in which everybody bears this name and account.
fn bearing(name: &str) -> Arc<Script> {
    let name = name.to_owned();
    Script::with_tokens(move |seen| {
        if seen.method != "GET" {
            let responses = seen.body["requests"]
                .as_array()
                .map(|requests| requests.iter().map(|request| json!({"id": request["id"], "status": 202})).collect::<Vec<_>>());
            return answer(202, &responses.map_or(Value::Null, |responses| json!({"responses": responses})));
        }
        let mut row = |n: u128| json!({"id": id(n), "userPrincipalName": name, "mail": format!("user{n}@contoso.example"), "displayName": name});
        let mut rows: Vec<_> = (1..20).map(&mut row).collect();
        rows.push(json!({"id": id(901), "userPrincipalName": "it@contoso.example"}));
        answer(200, &json!({"value": rows}))
    })
}

#[tokio::test]
async fn hostile_names_are_text_and_nothing_else() {
    let tags = |body: &str| body.matches('<').count();
    let mut plain = Vec::new();
    for name in std::iter::once("Ada".to_owned()).chain(super::hostile::names().into_iter().step_by(7)) {
        let script = bearing(&name);
        let mut lists = lists(&[5]);
        lists.from.remove(0);
        let outcome = send(Format::Html, &script, &lists).await;
        assert_eq!(outcome.accepted, [id(5)], "{name:?}: {outcome:?}");
        let (_, mail) = mails(&script).remove(0);
        let message = &mail["message"];
        let (subject, body) = (message["subject"].as_str().unwrap(), message["body"]["content"].as_str().unwrap());
        plain.push((subject.to_owned(), tags(body)));
        let hidden = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!body.contains(hidden) && !body.contains("<script") && !body.contains("<a "), "{name:?}: {body}");
        assert_eq!(message["internetMessageHeaders"].as_array().unwrap().len(), 1, "{name:?}");
    }
    assert!(plain.len() > 60 && plain.iter().all(|mail| *mail == plain[0]), "{plain:?}");
}
