//! Wire-level tests of the switches: removal, per-user states, security defaults, policies, and making things.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::answer::Verdict;
use super::creation::NotMade;
use super::request::{Mutation, NewGroup};
use super::script::{Script, Scripted, answer, id, lost, start, with};
use crate::rollout::observed::TroubleKind;
use crate::rollout::observed::{Mode, PerUser, Toggle};

/// An envelope's answer, made of each member's.
fn enveloped(seen: &super::script::Seen, mut member: impl FnMut(&Value) -> Value) -> Scripted {
    let members = seen.body["requests"].as_array().unwrap().iter();
    let responses: Vec<Value> = members
        .map(|request| {
            let mut response = member(request);
            response["id"] = request["id"].clone();
            response
        })
        .collect();
    answer(200, &json!({"responses": responses}))
}

fn failed(status: u16, code: &str, message: &str) -> Scripted {
    answer(status, &json!({"error": {"code": code, "message": message}}))
}

#[tokio::test]
async fn removals_travel_in_envelopes_and_who_is_not_there_is_out_already() {
    let script = Script::with_tokens(|seen| {
        assert!(seen.is("POST", "/v1.0/$batch"), "{seen:?}");
        enveloped(seen, |request| {
            assert!(request["method"] == "DELETE" && request["url"].as_str().unwrap().ends_with("/$ref"), "{request}");
            let is_second = request["url"].as_str().unwrap().contains(&id(2).to_string());
            json!({"status": if is_second { 404 } else { 204 }})
        })
    });
    let (graph, _) = script.graph();
    let remove = |n| Mutation::Unbind { group: id(9), person: id(n) };
    let carried = graph.carry_out(&[remove(1), remove(2), remove(3)]).await;
    assert_eq!(carried, [Ok(Verdict::Ok), Ok(Verdict::AlreadySo), Ok(Verdict::Ok)]);
}

#[tokio::test]
async fn what_is_below_beta_and_what_is_not_never_share_an_envelope() {
    let script = Script::with_tokens(|seen| {
        if seen.uri.contains("/$batch") { enveloped(seen, |_| json!({"status": 204})) } else { with(204, &[], "") }
    });
    let (graph, _) = script.graph();
    let set = |n| Mutation::SetPerUser { person: id(n), state: PerUser::Enabled };
    let remove = |n| Mutation::Unbind { group: id(9), person: id(n) };
    let carried = graph.carry_out(&[set(1), set(2), remove(3), remove(4), set(5)]).await;
    assert!(carried.iter().all(|carried| *carried == Ok(Verdict::Ok)), "{carried:?}");
    let places: Vec<String> = script.seen().into_iter().map(|seen| seen.uri.replace(super::script::ROOT, "")).collect();
    let alone = format!("/beta/users/{}/authentication/requirements", id(5));
    assert_eq!(places, ["/beta/$batch", "/v1.0/$batch", alone.as_str()]);
}

#[tokio::test]
async fn per_user_states_are_read_together_and_what_is_unknown_stays_unknown() {
    let script = Script::with_tokens(|seen| {
        if !seen.uri.contains("/$batch") {
            return answer(200, &json!({"perUserMfaState": "disabled"}));
        }
        enveloped(seen, |request| {
            let url = request["url"].as_str().unwrap();
            let of = |n| url.contains(&id(n).to_string());
            match () {
                () if of(1) => json!({"status": 200, "body": {"perUserMfaState": "enforced"}}),
                () if of(2) => json!({"status": 200, "body": {"perUserMfaState": "somethingNew"}}),
                () if of(3) => json!({"status": 404}),
                () if of(4) => json!({"status": 429, "headers": {"Retry-After": "3"}}),
                () => json!({"status": 200, "body": {"perUserMfaState": "Disabled", "surplus": null}}),
            }
        })
    });
    let (graph, clock) = script.graph();
    let states = graph.per_user(&[id(1), id(2), id(3), id(4), id(5)]).await.unwrap();
    let disabled = Some(PerUser::Disabled);
    assert_eq!(states, [(id(1), Some(PerUser::Enforced)), (id(2), None), (id(4), disabled), (id(5), disabled)]);
    assert!(clock.now().duration_since(start()) >= SignedDuration::from_secs(3));
    assert_eq!(script.seen()[1].uri, format!("{}/beta/users/{}/authentication/requirements", super::script::ROOT, id(4)));
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn security_defaults_are_on_off_or_trouble() {
    for (body, expected) in [
        (json!({"isEnabled": true, "id": "00000000-0000-0000-0000-000000000005"}), Some(Toggle::On)),
        (json!({"isEnabled": false}), Some(Toggle::Off)),
        (json!({"isEnabled": null}), None),
        (json!({}), None),
    ] {
        let script = Script::with_tokens(move |_| answer(200, &body));
        let (graph, _) = script.graph();
        assert_eq!(graph.security_defaults().await.ok(), expected);
    }
}

#[tokio::test]
async fn each_switch_is_one_small_change() {
    let script = Script::with_tokens(|_| with(204, &[], ""));
    let (graph, _) = script.graph();
    let policy = id(1);
    for (mutation, path, body) in [
        (Mutation::SetSecurityDefaults(Toggle::Off), "identitySecurityDefaultsEnforcementPolicy", json!({"isEnabled": false})),
        (Mutation::SetPolicyState { policy, state: Mode::Off }, "policies/0000", json!({"state": "disabled"})),
    ] {
        assert_eq!(graph.carry_out(std::slice::from_ref(&mutation)).await, [Ok(Verdict::Ok)]);
        let seen = script.seen().pop().unwrap();
        assert!(seen.is("PATCH", path) && seen.body == body, "{seen:?}");
    }
}

#[tokio::test]
async fn a_policy_beside_security_defaults_is_refused_with_its_own_sentence() {
    let message = "Security Defaults is enabled in the tenant. You must disable Security defaults before enabling a \
                   Conditional Access policy.";
    let script = Script::answers([failed(400, "BadRequest", message)]);
    let (graph, _) = script.graph();
    let carried = graph.carry_out(&[Mutation::SetPolicyState { policy: id(1), state: Mode::Enabled }]).await;
    let [Ok(Verdict::Refused(refusal))] = carried.as_slice() else { panic!("{carried:?}") };
    assert!(refusal.why.contains("turn security defaults off first"), "{}", refusal.why);
}

#[tokio::test]
async fn what_is_made_is_named_by_the_answer_and_never_made_twice() {
    let make = Mutation::CreateGroup(NewGroup { name: "MFA".to_owned(), about: String::new() });
    let script = Script::answers([failed(429, "", ""), answer(201, &json!({"id": id(7), "displayName": "MFA"}))]);
    let (graph, _) = script.graph();
    assert_eq!(graph.make(&make).await.unwrap(), id(7));

    for unclear in [lost(), failed(503, "", ""), answer(201, &json!({"id": "short"})), answer(200, &json!({}))] {
        let script = Script::answers([unclear]);
        let (graph, _) = script.graph();
        assert!(matches!(graph.make(&make).await, Err(NotMade::Unknown)));
    }
    let script = Script::answers([failed(403, "Authorization_RequestDenied", "")]);
    let (graph, _) = script.graph();
    let Err(NotMade::Refused { status: 403, trouble }) = graph.make(&make).await else { panic!() };
    assert!(trouble.kind == TroubleKind::Refused && trouble.why.contains("Group.Create"), "{}", trouble.why);
}

#[tokio::test]
async fn a_what_if_asks_about_the_policies_that_do_not_apply_too() {
    let rows = json!({"value": [{"id": id(1), "policyApplies": true}, {"id": id(2), "policyApplies": false}, {"id": id(3)}]});
    let script = Script::answers([answer(200, &rows)]);
    let (graph, _) = script.graph();
    let policies = graph.what_if(id(5), id(6)).await.unwrap();
    assert_eq!(policies.len(), 3);
    let seen = &script.seen()[0];
    assert!(seen.is("POST", "/v1.0/identity/conditionalAccess/evaluate"), "{seen:?}");
    assert_eq!(seen.body["signInIdentity"]["userId"], id(5).to_string());
    assert_eq!(seen.body["appliedPoliciesOnly"], false);
}

#[tokio::test]
async fn published_samples_of_the_switches_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/graph-examples");
    if !folder.is_dir() {
        return println!("not run: shared");
    }
    let sample = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.200.response.json"))).unwrap();
        answer(200, &serde_json::from_str(&text).unwrap())
    };
    let names = ["securitydefaults", "authenticationstrength-policies", "ca-policies-list", "ca-evaluate-whatif", "peruser-mfa"];
    let script = Script::answers(names.map(sample));
    let (graph, _) = script.graph();
    assert_eq!(graph.security_defaults().await.unwrap(), Toggle::On);
    assert_eq!(graph.strengths().await.unwrap().len(), 3);
    assert_eq!(graph.policies().await.unwrap().len(), 2);
    assert_eq!(graph.what_if(id(1), id(2)).await.unwrap().len(), 2);
    assert_eq!(graph.per_user(&[id(1)]).await.unwrap(), [(id(1), Some(PerUser::Enforced))]);
}
