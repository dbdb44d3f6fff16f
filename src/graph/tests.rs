//! Wire-level tests of reading: paging, patience, tokens, and the samples that Microsoft published.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::script::{ROOT, Script, Scripted, answer, id, lost, start, with};
use super::token::Credentials;
use crate::engine::port::Tenant;
use crate::rollout::observed::{Readiness, TroubleKind};

fn user(n: u128) -> Value {
    json!({"id": id(n), "userPrincipalName": format!("user{n}@contoso.example"), "accountEnabled": true, "userType": "Member",
        "mail": format!("user{n}@contoso.example"), "displayName": format!("User {n}"), "preferredLanguage": null})
}

fn page(rows: &[Value], next: Option<&str>) -> Scripted {
    let mut page = json!({"value": rows});
    if let Some(next) = next {
        page["@odata.nextLink"] = json!(next);
    }
    answer(200, &page)
}

fn failed(status: u16, code: &str) -> Scripted {
    answer(status, &json!({"error": {"code": code, "message": "m"}}))
}

#[tokio::test]
async fn the_directory_is_read_page_by_page_and_names_stay_aside() {
    let next = format!("{ROOT}/v1.0/users?$skiptoken=a'b%20c");
    let script = Script::answers([
        page(&[user(3), user(1), json!({"id": null})], Some(&next)),
        page(&[], Some(&format!("{ROOT}/v1.0/users?$skiptoken=2"))),
        page(&[user(2), user(1)], None),
        page(&[json!({"id": "x", "principalId": id(2)})], None),
    ]);
    let (graph, _) = script.graph();
    let directory = graph.directory().await.unwrap();
    assert_eq!(directory.people.iter().map(|person| person.id).collect::<Vec<_>>(), [id(1), id(2), id(3)]);
    assert_eq!((directory.unreadable, directory.sync_accounts), (1, vec![id(2)]));
    assert_eq!(graph.names().map().len(), 3);
    assert_eq!(graph.names().name(id(3)).unwrap().mail.as_deref(), Some("user3@contoso.example"));
    let seen = script.seen();
    assert!(seen[0].uri.contains("$top=999"), "{}", seen[0].uri);
    assert!(seen[1].uri.contains("$skiptoken=a%27b%20c"), "{}", seen[1].uri);
    assert!(seen.iter().all(|seen| seen.headers.contains_key("client-request-id") && seen.headers.contains_key("tidegate-now")));
    assert_eq!(script.logins().len(), 1);
    assert_eq!(graph.requests(), 5);
}

#[tokio::test]
async fn the_token_never_leaves_to_another_host() {
    for link in [
        "https://evil.example/v1.0/users",
        "http://127.0.0.1:3/v1.0/users",
        "http://127.0.0.1:1@evil.example/v1.0/x",
        "/v1.0/users",
    ] {
        let script = Script::answers([page(&[user(1)], Some(link))]);
        let (graph, _) = script.graph();
        let trouble = graph.directory().await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Refused, "{}", trouble.why);
        assert_eq!(script.seen().len(), 1, "{link}");
    }
}

#[tokio::test]
async fn pages_in_a_circle_are_an_error_and_not_a_directory() {
    let link = format!("{ROOT}/v1.0/users?$skiptoken=1");
    let script = Script::answers([page(&[user(1)], Some(&link)), page(&[user(2)], Some(&link)), page(&[], Some(&link))]);
    let (graph, _) = script.graph();
    let trouble = graph.directory().await.unwrap_err();
    assert!(trouble.why.contains("circle"), "{}", trouble.why);
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn a_throttled_read_waits_as_it_is_told_or_backs_off() {
    let script = Script::answers([
        with(429, &[("Retry-After", "2.128")], "{}"),
        failed(429, "TooManyRequests"),
        failed(503, ""),
        page(&[], None),
    ]);
    let (graph, clock) = script.graph();
    graph.filtered_people("department eq 'x'").await.unwrap();
    let waited = clock.now().duration_since(start());
    assert!(waited > SignedDuration::from_millis(2_128 + 2_000 + 4_000), "{waited:?}");
    assert!(waited < SignedDuration::from_secs(3 + 4 + 8), "{waited:?}");
}

#[tokio::test]
async fn a_read_gives_up_within_bounds() {
    for (make, tries, kind) in [
        ((|| failed(429, "")) as fn() -> Scripted, 6, TroubleKind::Throttled),
        (|| failed(500, ""), 6, TroubleKind::Unreachable),
        (lost, 3, TroubleKind::Unreachable),
        (|| with(200, &[], "<html>sign in</html>"), 3, TroubleKind::Unreachable),
        (|| with(200, &[], r#"{"value":[{"id":"#), 3, TroubleKind::Unreachable),
        (|| answer(200, &json!({"@odata.context": "x"})), 3, TroubleKind::Unreachable),
        (|| answer(200, &json!({"value": null})), 3, TroubleKind::Unreachable),
        (|| with(429, &[("retry-after", "590")], ""), 2, TroubleKind::Throttled),
    ] {
        let script = Script::with_tokens(move |_| make());
        let (graph, _) = script.graph();
        let trouble = graph.filtered_people("a eq 1").await.unwrap_err();
        assert_eq!((script.seen().len(), trouble.kind), (tries, kind), "{}", trouble.why);
    }
}

#[tokio::test]
async fn a_401_refreshes_the_token_once_and_then_gives_up() {
    let script = Script::answers([failed(401, "InvalidAuthenticationToken"), page(&[], None)]);
    let (graph, _) = script.graph();
    graph.filtered_people("a eq 1").await.unwrap();
    let tokens: Vec<_> = script.seen().into_iter().map(|seen| seen.token.unwrap()).collect();
    assert_eq!(tokens, ["Bearer token-1", "Bearer token-2"]);

    let script = Script::with_tokens(|_| failed(401, "InvalidAuthenticationToken"));
    let (graph, _) = script.graph();
    assert_eq!(graph.filtered_people("a eq 1").await.unwrap_err().kind, TroubleKind::Refused);
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn callers_share_one_request_for_a_token() {
    let script = Script::with_tokens(|_| page(&[], None));
    let (graph, _) = script.graph();
    let (a, b, c) = tokio::join!(graph.filtered_people("a"), graph.filtered_people("b"), graph.filtered_people("c"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(script.logins().len(), 1);
    assert_eq!(
        script.logins()[0].body,
        "grant_type=client_credentials&scope=http%3A%2F%2F127.0.0.1%3A1%2F.default&client_id=client&client_secret=s3cret"
    );
}

#[tokio::test]
async fn a_wrong_secret_is_one_sentence_wherever_it_is_met() {
    let script = Script::by(|_| {
        answer(
            401,
            &json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.",
            "error_codes": [7_000_215]}),
        )
    });
    let (graph, _) = script.graph();
    let one = graph.directory().await.unwrap_err();
    let other = graph.registration().await.unwrap_err();
    assert_eq!(one, other);
    assert_eq!(one.kind, TroubleKind::Refused);
    assert!(one.why.contains("client secret is wrong") && !one.why.contains("s3cret"), "{}", one.why);
    assert_eq!(script.logins().len(), 2, "a refusal is not asked for again and again");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_says_so() {
    let credentials = Credentials::Secret { client_id: "c".into(), secret: Arc::new(|| Err("the file is gone".into())) };
    let script = Script::answers([]);
    let (graph, _) = script.graph_with(credentials);
    let trouble = graph.registration().await.unwrap_err();
    assert_eq!((trouble.kind, trouble.why.as_str()), (TroubleKind::Refused, "the file is gone"));
}

#[tokio::test]
async fn a_filter_that_needs_the_advanced_index_gets_it_on_every_page() {
    let next = format!("{ROOT}/v1.0/users?$skiptoken=1");
    let script =
        Script::answers([failed(400, "Request_UnsupportedQuery"), page(&[user(2)], Some(&next)), page(&[user(1)], None)]);
    let (graph, _) = script.graph();
    assert_eq!(graph.filtered_people("endswith(mail,'x')").await.unwrap(), [id(1), id(2)]);
    let eventual: Vec<_> = script.seen().iter().map(|seen| seen.headers.contains_key("consistencylevel")).collect();
    assert_eq!(eventual, [false, true, true]);
    let script = Script::with_tokens(|_| failed(400, "BadRequest"));
    let trouble = script.graph().0.filtered_people("nonsense(").await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unusable, "{}", trouble.why);
}

#[tokio::test]
async fn a_group_is_found_exactly_once_or_not_at_all() {
    let group = |n: u128, name: &str| json!({"id": id(n), "displayName": name});
    for (rows, word) in [
        (vec![], "no group is named `Pilot`"),
        (vec![group(1, "Pilot"), group(2, "Pilot")], "2 groups are named"),
        (vec![group(1, "PILOT")], "upper and lower case"),
    ] {
        let script = Script::answers([page(&rows, None)]);
        let trouble = script.graph().0.group_people("Pilot").await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Unusable);
        assert!(trouble.why.contains(word), "{}", trouble.why);
    }
    let members = [
        json!({"@odata.type": "#microsoft.graph.user", "id": id(9)}),
        json!({"@odata.type": "#microsoft.graph.group", "id": id(8)}),
        json!({"@odata.type": "#microsoft.graph.somethingNew", "id": id(7)}),
        json!({"id": id(5), "mail": null}),
        json!({"@odata.type": "#microsoft.graph.user", "id": "abridged"}),
    ];
    let script = Script::answers([page(&[group(1, "Pilot"), group(2, "pilot")], None), page(&members, None)]);
    assert_eq!(script.graph().0.group_people("Pilot").await.unwrap(), [id(5), id(9)]);
    assert!(script.seen()[1].uri.contains(&format!("/groups/{}/transitiveMembers", id(1))));
    let script = Script::answers([failed(404, "Request_ResourceNotFound")]);
    assert_eq!(script.graph().0.group_people(&id(4).to_string()).await.unwrap_err().kind, TroubleKind::Unusable);
}

#[tokio::test]
async fn people_are_read_again_in_one_envelope_by_their_ids() {
    let mut first = true;
    let script = Script::with_tokens(move |seen| {
        let requests = seen.body["requests"].as_array().cloned().unwrap_or_default();
        let mut responses: Vec<_> = requests
            .iter()
            .rev()
            .map(|request| {
                let url = request["url"].as_str().unwrap();
                let rows: Vec<_> = (1..=40).filter(|n| *n != 17 && url.contains(&id(*n).to_string())).map(user).collect();
                json!({"id": request["id"], "status": 200, "body": {"value": rows}})
            })
            .collect();
        if std::mem::take(&mut first) {
            responses[0] = json!({"id": "2", "status": 429, "headers": {"retry-after": "3"}});
            responses.remove(1);
        }
        if requests.is_empty() {
            let rows: Vec<_> = (1..=40).filter(|n| *n != 17 && seen.uri.contains(&id(*n).to_string())).map(user).collect();
            return page(&rows, None);
        }
        answer(200, &json!({"responses": responses}))
    });
    let (graph, _) = script.graph();
    let people: Vec<_> = (1..=40).map(id).collect();
    let now = graph.people_now(&people).await.unwrap();
    assert_eq!(now.len(), 39);
    assert_eq!(script.seen().len(), 2, "what was throttled or missing is asked for again, and only that");
    assert_eq!(script.seen()[1].body["requests"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    for (code, word) in [("Authorization_RequestDenied", "RoleManagement.Read.Directory"), ("", "RoleManagement.Read.Directory")]
    {
        let script = Script::answers([page(&[user(1)], None), failed(403, code)]);
        let trouble = script.graph().0.directory().await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Refused);
        assert!(trouble.why.contains(word), "{}", trouble.why);
    }
    let script = Script::answers([failed(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")]);
    let trouble = script.graph().0.sign_ins(start()).await.unwrap_err();
    assert!(trouble.why.contains("P1 licence"), "{}", trouble.why);
}

#[tokio::test]
async fn rows_of_the_report_that_disagree_are_unknown() {
    let row = |n: u128, capable: bool| json!({"id": id(n), "isMfaCapable": capable, "isMfaRegistered": capable});
    let script = Script::answers([page(&[row(2, true), row(1, true), row(1, false), row(2, true)], None)]);
    let report = script.graph().0.registration().await.unwrap();
    assert_eq!(report.rows, [(id(1), Readiness::Unknown), (id(2), Readiness::Capable)]);
}

#[tokio::test]
async fn the_published_samples_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/graph-examples");
    if !folder.is_dir() {
        println!("not run: shared");
        return;
    }
    let sample = |name: &str| {
        let mut body: Value = serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        body.as_object_mut().unwrap().remove("@odata.nextLink");
        answer(200, &body)
    };
    let script = Script::answers([sample("userregistrationdetails-list.200.response.json")]);
    let report = script.graph().0.registration().await.unwrap();
    let readiness: Vec<_> = report.rows.iter().map(|(_, readiness)| *readiness).collect();
    assert_eq!(readiness, [Readiness::Capable, Readiness::Unregistered, Readiness::Capable]);
    let script = Script::answers([sample("signins-list.200.response.json")]);
    let sign_ins = script.graph().0.sign_ins(start()).await.unwrap();
    assert_eq!((sign_ins.len(), sign_ins[0].code), (1, 0));
    let script = Script::answers([
        sample("users-list.200.response.json"),
        sample("roleassignments-globaladmin-expand-principal.200.response.json"),
    ]);
    let directory = script.graph().0.directory().await.unwrap();
    assert_eq!((directory.people.len(), directory.sync_accounts.len()), (2, 3));
    let group = id(1).to_string();
    let script = Script::answers([answer(200, &json!({"id": group})), sample("group-transitivemembers.200.response.json")]);
    assert_eq!(script.graph().0.group_people(&group).await.unwrap().len(), 1);
}
