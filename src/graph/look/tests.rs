//! Wire-level tests of what only the preflight reads: fallbacks, bounds, rubbish, and Microsoft's published samples.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::engine::port::Tenant;
use crate::graph::own_methods::Counting;
use crate::graph::script::{ROOT, Script, answer, id, start};
use crate::rollout::observed::{Readiness, TroubleKind};
use crate::rollout::preflight::facts::{Behaviour, SignIn};

/// What a small, sound tenant answers to a path.
fn small(uri: &str) -> Value {
    let user = |n: u128| {
        json!({"id": id(n), "userPrincipalName": format!("u{n}@Fed.example"), "accountEnabled": true, "userType": "Member",
            "createdDateTime": "2024-01-01T00:00:00Z", "signInActivity": {"lastSignInDateTime": "2027-01-01T00:00:00Z"}})
    };
    if uri.contains("/federationConfiguration") {
        json!({"value": [{"id": "x", "federatedIdpMfaBehavior": "rejectMfaByFederatedIdp"}]})
    } else if uri.contains("/domains") {
        json!({"value": [{"id": "FED.example", "authenticationType": "Federated", "isInitial": false}, {"id": null}, null]})
    } else if uri.contains("/auditLogs") {
        json!({"value": [{"userId": id(2), "clientAppUsed": "imap4"}, {"userId": id(2), "clientAppUsed": "IMAP4"},
            {"userId": id(2), "clientAppUsed": "Something new"}, {"userId": null}, 7]})
    } else if uri.contains("/users") {
        json!({"value": [user(1), user(2), {"id": "rubbish"}]})
    } else if uri.contains("/authenticationMethodsPolicy") {
        json!({"authenticationMethodConfigurations": []})
    } else {
        json!({"value": []})
    }
}

#[tokio::test]
async fn facts_are_read_leniently() {
    let script = Script::with_tokens(|seen| answer(200, &small(&seen.uri)));
    let (graph, _) = script.graph();
    graph.directory().await.unwrap();
    let facts = graph.facts(start(), None, &[id(1)]).await.unwrap();
    let domains = facts.domains.unwrap();
    assert_eq!((domains.len(), domains[0].name.as_str()), (1, "fed.example"));
    assert_eq!(domains[0].sign_in, SignIn::Federated(Behaviour::Reject));
    assert_eq!(domains[0].people, [id(1), id(2)]);
    let legacy = facts.legacy.unwrap();
    assert_eq!((legacy.uses, legacy.more), (vec![(id(2), "IMAP4")], false));
    assert_eq!(facts.activity.unwrap().len(), 2);
    assert_eq!(facts.break_glass.unwrap()[0].domain, "fed.example");
    assert_eq!(facts.exclusions.unwrap_err().kind, TroubleKind::Unusable);
    let reads = script.seen();
    assert!(reads.iter().all(|seen| seen.method == "GET"), "it only reads");
    assert!(reads.iter().any(|seen| seen.uri.contains("/beta/auditLogs/signIns") && seen.uri.contains("nonInteractiveUser")));
}

#[tokio::test]
async fn a_tenant_that_takes_no_list_of_clients_is_asked_for_one_after_the_other() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let script = Script::with_tokens(move |seen| {
        if seen.uri.contains("/auditLogs") {
            if seen.uri.contains("%20or%20") {
                return answer(400, &json!({"error": {"code": "BadRequest", "message": "m"}}));
            }
            *count.lock().unwrap() += 1;
        }
        answer(200, &small(&seen.uri))
    });
    let (graph, _) = script.graph();
    let facts = graph.facts(start(), None, &[]).await.unwrap();
    assert_eq!(facts.legacy.unwrap().uses, [(id(2), "IMAP4")]);
    assert_eq!(*asked.lock().unwrap(), 32, "16 clients in two logs");
}

#[tokio::test]
async fn a_log_without_end_is_left_after_some_pages() {
    let script = Script::with_tokens(|seen| {
        let mut body = small(&seen.uri);
        if seen.uri.contains("/auditLogs") {
            body["@odata.nextLink"] = json!(format!("{ROOT}/v1.0/auditLogs/signIns?$skiptoken={}", seen.uri.len()));
        }
        answer(200, &body)
    });
    let (graph, _) = script.graph();
    let legacy = graph.facts(start(), None, &[]).await.unwrap().legacy.unwrap();
    assert!(legacy.more);
    assert_eq!(script.seen().iter().filter(|seen| seen.uri.contains("/auditLogs")).count(), 40);
}

#[tokio::test]
async fn without_a_report_each_persons_methods_are_asked() {
    let script = Script::with_tokens(|seen| {
        if seen.uri.contains(&format!("/users/{}/authentication", id(2))) {
            return answer(404, &json!({"error": {"code": "Request_ResourceNotFound", "message": "m"}}));
        }
        if seen.uri.contains("/authentication/methods") {
            return answer(200, &json!({"value": [{"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "a"}]}));
        }
        answer(200, &small(&seen.uri))
    });
    for (counting, expected) in
        [(Counting::Allowed, Readiness::Capable), (Counting::SecurityDefaults, Readiness::RegisteredNotAllowed)]
    {
        let (graph, _) = script.graph();
        graph.without_report(counting);
        let registration = graph.registration().await.unwrap();
        assert_eq!((registration.of(id(1)), registration.of(id(2))), (expected, Readiness::Unknown));
    }
    assert!(!script.seen().iter().any(|seen| seen.uri.contains("/reports/")));
}

#[tokio::test]
async fn published_samples_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/graph-examples");
    let sample =
        |name: &str| std::fs::read_to_string(folder.join(name)).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let names = ["domains-list", "organization-list", "subscribedskus-list", "authenticationmethodspolicy"];
    let bodies: Option<Vec<Value>> = names.iter().map(|name| sample(&format!("{name}.200.response.json"))).collect();
    let Some(bodies) = bodies else { return println!("not run: shared") };
    let script = Script::with_tokens(move |seen| {
        let paths = ["/domains", "/organization", "/subscribedSkus", "/authenticationMethodsPolicy"];
        let at = paths.iter().position(|path| seen.uri.contains(path) && !seen.uri.contains("federation"));
        answer(200, &at.map_or_else(|| small(&seen.uri), |at| bodies[at].clone()))
    });
    let (graph, _) = script.graph();
    let facts = graph.facts(start(), None, &[]).await.unwrap();
    assert!(!facts.domains.unwrap().is_empty());
    assert!(facts.organization.is_ok() && facts.premium.is_ok());
    let methods = facts.methods.unwrap();
    assert_eq!(
        (methods.enabled.as_slice(), methods.prompt.as_deref()),
        (&["Sms".to_owned(), "Email".to_owned()][..], Some("default"))
    );
}
