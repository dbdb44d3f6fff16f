//! Following changes of the directory, round by round: what is taken, what is read again, and what makes everybody be read.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::Graph;
use super::super::script::{ROOT, Script, Scripted, answer, id, with};
use crate::clock::Clock;
use crate::engine::port::Tenant;
use crate::rollout::observed::{Directory, TroubleKind};

/// Only a full reading finds this person.
const MARK: u128 = 99;

type Headers = &'static [(&'static str, &'static str)];
type Page = (u16, Headers, String);

/// What the tenant holds, and the answers to come along a link; the last one repeats.
#[derive(Default)]
struct State {
    users: Vec<Value>,
    round: Vec<Page>,
}

struct Bed {
    state: Arc<Mutex<State>>,
    script: Arc<Script>,
    graph: Graph,
    clock: Clock,
}

fn user(n: u128) -> Value {
    json!({"id": id(n), "userPrincipalName": format!("user{n}@contoso.example"), "accountEnabled": true, "userType": "Member",
        "mail": format!("user{n}@contoso.example"), "displayName": format!("User {n}"), "preferredLanguage": null})
}

/// A user, of whom this is different.
fn but(n: u128, name: &str, value: &Value) -> Value {
    let mut row = user(n);
    row[name] = value.clone();
    row
}

/// A row without one of its columns.
fn without(n: u128, name: &str) -> Value {
    let mut row = but(n, "mail", &json!("other@contoso.example"));
    row.as_object_mut().unwrap().remove(name);
    row
}

fn removed(n: u128, reason: &str) -> Value {
    json!({"id": id(n), "@removed": {"reason": reason}})
}

fn link(token: &str) -> String {
    format!("{ROOT}/v1.0/users/delta?$deltatoken={token}")
}

/// A page that more follow.
fn more(rows: &[Value]) -> Page {
    let next = format!("{ROOT}/v1.0/users/delta?$skiptoken={}", rows.len());
    (200, &[], json!({"value": rows, "@odata.nextLink": next}).to_string())
}

/// The last page of a round.
fn last(rows: &[Value]) -> Page {
    leading(rows, &link("next"))
}

fn leading(rows: &[Value], link: &str) -> Page {
    (200, &[], json!({"value": rows, "@odata.deltaLink": link}).to_string())
}

fn failed(status: u16, code: &str) -> Page {
    (status, &[], json!({"error": {"code": code, "message": "m"}}).to_string())
}

fn respond(state: &mut State, uri: &str, body: &Value) -> Scripted {
    if uri.contains("$deltatoken=latest") {
        return answer(200, &json!({"value": [], "@odata.deltaLink": link("first")}));
    }
    if uri.contains("/users/delta?") {
        let (status, headers, body) = if state.round.len() > 1 { state.round.remove(0) } else { state.round[0].clone() };
        return with(status, headers, &body);
    }
    if uri.contains("/$batch") {
        let requests = body["requests"].as_array().unwrap().iter();
        let answers = requests.map(|one| json!({"id": one["id"], "status": 200, "body": {"value": state.users}}));
        return answer(200, &json!({"responses": answers.collect::<Vec<_>>()}));
    }
    let rows = if uri.contains("/users?") { state.users.clone() } else { Vec::new() };
    answer(200, &json!({"value": rows}))
}

impl Bed {
    /// Everybody was read twice: from now on changes are followed, and a full reading shows by the mark.
    async fn new(people: u128) -> Self {
        let state = Arc::new(Mutex::new(State { users: (1..=people).map(user).collect(), round: vec![last(&[])] }));
        let held = Arc::clone(&state);
        let script = Script::with_tokens(move |seen| respond(&mut held.lock().unwrap(), &seen.uri, &seen.body));
        let (graph, clock) = script.graph();
        let bed = Self { state, script, graph, clock };
        for _ in 0..2 {
            bed.read().await.unwrap();
            bed.pass(1).await;
        }
        assert_eq!((bed.asked("/users?"), bed.asked("latest")), (2, 1), "whoever reads once asks for no link");
        bed.state.lock().unwrap().users.push(user(MARK));
        bed
    }

    async fn pass(&self, hours: i64) {
        self.clock.sleep(SignedDuration::from_hours(hours)).await;
    }

    async fn read(&self) -> Result<Directory, crate::rollout::observed::Trouble> {
        self.graph.directory().await
    }

    /// The next reading, along these pages.
    async fn along(&self, pages: &[Page]) -> Directory {
        self.state.lock().unwrap().round = pages.to_vec();
        self.read().await.unwrap()
    }

    fn asked(&self, part: &str) -> usize {
        self.script.seen().iter().filter(|seen| seen.uri.contains(part)).count()
    }
}

fn who(directory: &Directory) -> Vec<u128> {
    [1, 2, 3, 4, MARK].into_iter().filter(|n| directory.person(id(*n)).is_some()).collect()
}

#[tokio::test]
async fn a_whole_round_is_taken_and_nobody_else_is_read() {
    let disabled = but(2, "accountEnabled", &json!(false));
    let rounds: [(&str, Vec<Page>, &[u128]); 10] = [
        ("nothing changed", vec![last(&[])], &[1, 2, 3]),
        ("somebody joined", vec![last(&[user(4)])], &[1, 2, 3, 4]),
        ("somebody was disabled", vec![last(std::slice::from_ref(&disabled))], &[1, 2, 3]),
        ("somebody was deleted and can be restored", vec![last(&[removed(2, "changed")])], &[1, 3]),
        ("somebody was deleted for good", vec![last(&[removed(2, "deleted")])], &[1, 3]),
        ("somebody was deleted who was not there", vec![last(&[removed(4, "deleted")])], &[1, 2, 3]),
        ("a row is told again", vec![last(&[disabled.clone(), user(4), disabled.clone()])], &[1, 2, 3, 4]),
        ("a row is on two pages", vec![more(&[user(4)]), last(&[user(4)])], &[1, 2, 3, 4]),
        ("a removal is on two pages", vec![more(&[removed(2, "changed")]), last(&[removed(2, "deleted")])], &[1, 3]),
        ("a page is empty though more follow", vec![more(&[]), last(&[user(4)])], &[1, 2, 3, 4]),
    ];
    for (name, pages, people) in rounds {
        let bed = Bed::new(3).await;
        let calls = bed.asked("/users/delta?");
        let directory = bed.along(&pages).await;
        assert_eq!(who(&directory), people, "{name}");
        assert_eq!((bed.asked("/users?"), bed.asked("/users/delta?") - calls), (2, pages.len()), "{name}");
        if let Some(person) = directory.person(id(4)) {
            assert!(person.mail, "{name}");
            let known = bed.graph.names().name(id(4)).unwrap();
            assert_eq!((known.display.as_deref(), known.upn.as_str()), (Some("User 4"), "user4@contoso.example"), "{name}");
        }
        if pages.iter().any(|page| page.2.contains("false")) {
            assert_eq!(directory.person(id(2)).unwrap().enabled, Some(false), "{name}");
        }
        assert_eq!(who(&bed.along(&[last(&[])]).await), people, "{name}: it stays so");
    }
}

#[tokio::test]
async fn what_a_row_leaves_out_is_read_and_never_taken_for_unset() {
    for column in ["userPrincipalName", "userType", "accountEnabled", "mail", "displayName", "preferredLanguage"] {
        let bed = Bed::new(3).await;
        let directory = bed.along(&[last(&[without(2, column)])]).await;
        let person = directory.person(id(2)).unwrap();
        assert_eq!((who(&directory), bed.asked("/$batch") + bed.asked("id%20in")), (vec![1, 2, 3], 1), "{column}");
        assert_eq!((person.enabled, person.guest, person.mail), (Some(true), false, true), "{column}");
        let known = bed.graph.names().name(id(2)).unwrap();
        assert_eq!(known.mail.as_deref(), Some("user2@contoso.example"), "{column}: all of it is read, not the rest of it");
    }
    for odd in [but(2, "accountEnabled", &Value::Null), but(2, "userPrincipalName", &json!("")), json!({"id": id(2)})] {
        let bed = Bed::new(3).await;
        let directory = bed.along(&[last(std::slice::from_ref(&odd))]).await;
        assert_eq!((who(&directory), directory.person(id(2)).unwrap().enabled), (vec![1, 2, 3], Some(true)), "{odd}");
    }
    // What is null is unset.
    let bed = Bed::new(3).await;
    let directory = bed.along(&[last(&[but(2, "mail", &Value::Null)])]).await;
    assert_eq!((directory.person(id(2)).unwrap().mail, bed.asked("/$batch")), (false, 0));
}

#[tokio::test]
async fn whatever_is_not_sound_makes_everybody_be_read() {
    let cut: Page = (200, &[], r#"{"value":[{"id":"#.to_owned());
    let there: Headers = &[("location", "http://127.0.0.1:1/v1.0/users/delta?$deltatoken=")];
    let away: Headers = &[("location", "https://evil.example/v1.0/users/delta?$deltatoken=")];
    let gone = |headers: Headers| (410, headers, failed(410, "resyncRequired").2);
    let evil = "https://evil.example/v1.0/users/delta";
    let elsewhere = |key: &str| -> Page { (200, &[], json!({"value": [user(4)], key: evil}).to_string()) };
    let rounds: [(&str, Vec<Page>); 16] = [
        ("410", vec![gone(&[])]),
        ("410, and where to begin anew", vec![gone(there)]),
        ("410, and another host to begin anew", vec![gone(away)]),
        ("the link is not known", vec![failed(400, "syncStateNotFound")]),
        ("the link is not known, in other words", vec![failed(404, "Request_ResourceNotFound")]),
        ("410 on the second page", vec![more(&[user(4)]), gone(&[])]),
        ("the last page has no link", vec![(200, &[], json!({"value": [user(4)]}).to_string())]),
        ("the last page's link is a number", vec![(200, &[], json!({"value": [], "@odata.deltaLink": 7}).to_string())]),
        ("the pages lead elsewhere", vec![elsewhere("@odata.nextLink")]),
        ("the pages lead in a circle", vec![more(&[])]),
        ("the first page is cut", vec![cut.clone()]),
        ("the second page is cut", vec![more(&[user(4)]), cut]),
        ("two rows differ about one person", vec![more(&[user(2)]), last(&[but(2, "accountEnabled", &json!(false))])]),
        ("somebody is there and gone", vec![last(&[user(2), removed(2, "changed")])]),
        ("a row has no id", vec![last(&[json!({"id": null, "@removed": {"reason": "changed"}})])]),
        ("somebody is removed for no known reason", vec![last(&[removed(2, "surprise")])]),
    ];
    for (name, pages) in rounds {
        let bed = Bed::new(3).await;
        assert_eq!(who(&bed.along(&pages).await), [1, 2, 3, MARK], "{name}");
        assert_eq!(bed.asked("/users?"), 3, "{name}");
        let seen = bed.script.seen();
        assert!(seen.iter().all(|seen| seen.uri.starts_with(ROOT)), "{name}");
        assert_eq!(who(&bed.along(&[last(&[user(4)])]).await), [1, 2, 3, 4, MARK], "{name}: it is followed again");
    }
    // Somebody whose row says little, and whom nobody finds.
    let bed = Bed::new(3).await;
    assert_eq!(who(&bed.along(&[last(&[json!({"id": id(4)})])]).await), [1, 2, 3, MARK]);
}

#[tokio::test]
async fn a_link_to_another_host_is_refused_before_anything_is_sent() {
    let bed = Bed::new(3).await;
    assert_eq!(who(&bed.along(&[leading(&[user(4)], "https://evil.example/v1.0/users/delta")]).await), [1, 2, 3, 4]);
    assert_eq!(who(&bed.read().await.unwrap()), [1, 2, 3, MARK]);
    assert!(bed.script.seen().iter().all(|seen| seen.uri.starts_with(ROOT)));
}

#[tokio::test]
async fn a_round_that_is_throttled_half_way_leaves_everything_as_it_was() {
    let bed = Bed::new(3).await;
    bed.state.lock().unwrap().round = vec![more(&[user(4), removed(1, "deleted")]), failed(429, "TooManyRequests")];
    let trouble = bed.read().await.unwrap_err();
    assert_eq!((trouble.kind, bed.asked("/users?")), (TroubleKind::Throttled, 2), "reading everybody would ask more");
    assert_eq!(who(&bed.along(&[last(&[])]).await), [1, 2, 3]);
}

#[tokio::test]
async fn everybody_is_read_daily_and_when_a_link_may_have_expired() {
    for hours in [24, 8 * 24] {
        let bed = Bed::new(3).await;
        bed.pass(hours).await;
        assert_eq!((who(&bed.read().await.unwrap()), bed.asked("latest")), (vec![1, 2, 3, MARK], 2), "{hours}");
    }
}

#[tokio::test]
async fn a_round_without_many_people_is_not_believed_and_a_full_reading_neither_at_once() {
    let bed = Bed::new(40).await;
    let gone: Vec<Value> = (1..=6).map(|n| removed(n, "changed")).collect();
    assert_eq!(who(&bed.along(&[last(&gone)]).await), [1, 2, 3, 4, MARK], "they are still there");
    assert_eq!(who(&bed.along(&[last(&gone[..5])]).await), [MARK], "so many may leave");
    bed.pass(25).await;
    let everybody = std::mem::take(&mut bed.state.lock().unwrap().users);
    bed.state.lock().unwrap().users = everybody[..20].to_vec();
    assert_eq!(bed.read().await.unwrap().len(), 20);
    bed.state.lock().unwrap().users = everybody;
    assert_eq!(bed.read().await.unwrap().len(), 41, "a second full reading says whether it is true");
}

#[tokio::test]
async fn who_a_filter_returns_is_asked_and_never_followed() {
    let bed = Bed::new(3).await;
    bed.along(&[last(&[but(2, "userType", &json!("Guest"))])]).await;
    let before = bed.asked("/users/delta?");
    bed.graph.filtered_people("userType eq 'Member'").await.unwrap();
    assert_eq!((bed.asked("$filter=userType"), bed.asked("/users/delta?")), (1, before));
}
