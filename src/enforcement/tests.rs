//! Wire-level tests of adding people and of judging the target, against a small all-or-nothing group.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::Enforcer;
use crate::engine::leave::Leave;
use crate::engine::port::{BatchOutcome, Enforce};
use crate::graph::script::{Script, Scripted, Seen, answer, id, lost, with};
use crate::rollout::id::{NameHash, ObjectId, PersonRef};
use crate::rollout::observed::{Target, TroubleKind, Way};
use crate::rollout::plan::Enforcement;

const GROUP: ObjectId = ObjectId::from_bits(0xff01);
const TARGET: Target = Target::Group { group: ObjectId::from_bits(0xff01), policy: ObjectId::from_bits(0xff02) };

/// A tenant with one group; people 1 to 199 exist.
#[derive(Default)]
struct Model {
    members: BTreeSet<ObjectId>,
    gone: BTreeSet<ObjectId>,
    /// Those whom the tenant refuses for a reason of its own.
    refused: BTreeSet<ObjectId>,
    group: Value,
    policy: Value,
}

fn group() -> Value {
    json!({"id": GROUP, "displayName": "MFA Enforced", "groupTypes": [], "securityEnabled": true, "mailEnabled": false,
        "onPremisesSyncEnabled": null, "isAssignableToRole": null})
}

fn model(members: &[u128], gone: &[u128]) -> Arc<Mutex<Model>> {
    let ids = |list: &[u128]| list.iter().map(|n| id(*n)).collect();
    Arc::new(Mutex::new(Model { members: ids(members), gone: ids(gone), refused: ids(&[]), group: group(), policy: json!(null) }))
}

impl Model {
    fn error(status: u16, message: &str) -> (u16, Value) {
        (status, json!({"error": {"code": "Request_BadRequest", "message": message}}))
    }

    fn handle(&mut self, method: &str, url: &str, body: &Value) -> (u16, Value) {
        let members = format!("/groups/{GROUP}/members");
        if method == "PATCH" {
            let people: Vec<ObjectId> = body["members@odata.bind"]
                .as_array()
                .unwrap()
                .iter()
                .map(|link| link.as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap())
                .collect();
            assert!((1..=20).contains(&people.len()), "{} in one bind", people.len());
            if people.iter().any(|person| self.gone.contains(person)) {
                return Self::error(
                    404,
                    "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
                );
            }
            if people.iter().any(|person| self.refused.contains(person)) {
                return Self::error(400, "Unable to update the specified properties.");
            }
            if people.iter().any(|person| self.members.contains(person)) {
                return Self::error(
                    400,
                    "One or more added object references already exist for the following modified properties: 'members'.",
                );
            }
            self.members.extend(people);
            return (204, json!(null));
        }
        if url.contains(&members) {
            let rows: Vec<_> = self.members.iter().map(|id| json!({"@odata.type": "#microsoft.graph.user", "id": id})).collect();
            return (200, json!({"value": rows}));
        }
        if url.contains("/groups/") {
            return (200, self.group.clone());
        }
        if url.contains("/policies/") {
            return (200, self.policy.clone());
        }
        let rows: Vec<_> = (1..200)
            .map(id)
            .filter(|id| url.contains(&id.to_string()) && !self.gone.contains(id))
            .map(|id| json!({"id": id, "userPrincipalName": format!("{id}@contoso.example"), "accountEnabled": true}))
            .collect();
        (200, json!({"value": rows}))
    }

    fn serve(&mut self, seen: &Seen) -> Scripted {
        let Some(requests) = seen.body["requests"].as_array() else {
            let (status, body) = self.handle(&seen.method, &seen.uri, &seen.body);
            return answer(status, &body);
        };
        let mut responses = Vec::new();
        for request in requests {
            let (status, body) =
                self.handle(request["method"].as_str().unwrap(), request["url"].as_str().unwrap(), &request["body"]);
            responses.insert(0, json!({"id": request["id"], "status": status, "body": body}));
        }
        answer(200, &json!({"responses": responses}))
    }
}

fn wire(model: &Arc<Mutex<Model>>) -> Arc<Script> {
    let model = model.clone();
    Script::with_tokens(move |seen| model.lock().unwrap().serve(seen))
}

fn ids(range: std::ops::RangeInclusive<u128>) -> Vec<ObjectId> {
    range.map(id).collect()
}

async fn enforce(script: &Arc<Script>, batches: &[Vec<ObjectId>]) -> Vec<BatchOutcome> {
    let outcomes = Enforcer::new(script.graph().0).enforce(&Leave::default(), TARGET, batches).await;
    assert_eq!(outcomes.len(), batches.len());
    for (batch, outcome) in batches.iter().zip(&outcomes) {
        let listed = outcome.refused.iter().chain(&outcome.not_sent).flat_map(|because| because.people.clone());
        let plain = [&outcome.enforced, &outcome.already, &outcome.gone, &outcome.unknown].into_iter().flatten().copied();
        let mut all: Vec<_> = plain.chain(listed).collect();
        all.sort_unstable();
        assert_eq!(&all, batch, "everybody in exactly one list");
    }
    outcomes
}

fn writes(script: &Script) -> usize {
    script.seen().iter().filter(|seen| seen.method != "GET" && !seen.body.to_string().contains("\"GET\"")).count()
}

#[tokio::test]
async fn five_batches_leave_in_one_envelope_and_one_as_a_plain_patch() {
    let model = model(&[], &[]);
    let script = wire(&model);
    let batches: Vec<_> = (0..5).map(|n| ids(n * 20 + 1..=n * 20 + 20)).collect();
    let outcomes = enforce(&script, &batches).await;
    assert!(outcomes.iter().zip(&batches).all(|(outcome, batch)| outcome.enforced == *batch));
    assert_eq!(script.seen().len(), 1);
    let script = wire(&model);
    enforce(&script, &[ids(101..=105)]).await;
    assert!(script.seen()[0].is("PATCH", "/v1.0/groups/"));
    assert_eq!(model.lock().unwrap().members.len(), 105);
}

#[tokio::test]
async fn one_dead_account_in_twenty_is_taken_out_by_reading() {
    let model = model(&[], &[7]);
    let script = wire(&model);
    let outcomes = enforce(&script, &[ids(1..=20)]).await;
    assert_eq!((outcomes[0].gone.as_slice(), outcomes[0].enforced.len()), ([id(7)].as_slice(), 19));
    assert_eq!(model.lock().unwrap().members.len(), 19);
    // The bind, and the others; between them the people, in one envelope.
    assert_eq!((writes(&script), script.seen().len()), (2, 3));
}

#[tokio::test]
async fn one_refused_account_in_twenty_is_found_by_halving() {
    let model = model(&[], &[]);
    model.lock().unwrap().refused.insert(id(7));
    let script = wire(&model);
    let outcomes = enforce(&script, &[ids(1..=20)]).await;
    assert_eq!((outcomes[0].refused[0].people.as_slice(), outcomes[0].enforced.len()), ([id(7)].as_slice(), 19));
    // The bind, then 10+10, 5+5, 2+3 and 1+1: one request for each pair.
    assert_eq!(writes(&script), 5);
    // Group and members once.
    assert_eq!(script.seen().len() - writes(&script), 2);
}

#[tokio::test]
async fn members_already_are_told_apart_by_reading() {
    let model = model(&[3, 4], &[]);
    let script = wire(&model);
    let outcomes = enforce(&script, &[ids(1..=20), ids(21..=25)]).await;
    assert_eq!((outcomes[0].already.as_slice(), outcomes[0].enforced.len()), ([id(3), id(4)].as_slice(), 18));
    assert_eq!(outcomes[1].enforced.len(), 5);
    assert_eq!(writes(&script), 2);
}

#[tokio::test]
async fn a_lost_answer_and_a_5xx_are_unknown_and_not_sent_again() {
    for respond in [lost as fn() -> Scripted, || answer(503, &json!({})), || answer(504, &json!({})), || with(200, &[], "<html>")]
    {
        let script = Script::with_tokens(move |_| respond());
        let outcomes = enforce(&script, &[ids(1..=20), ids(21..=40)]).await;
        assert!(outcomes.iter().all(|outcome| outcome.unknown.len() == 20));
        assert_eq!(script.seen().len(), 1);
    }
}

#[tokio::test]
async fn missing_doubled_and_failed_members_are_unknown_and_the_others_count() {
    let script = Script::answers([answer(
        200,
        &json!({"responses": [{"id": "3", "status": 204}, {"id": "1", "status": 204}, {"id": "1", "status": 204},
            {"id": "2", "status": 500}, {"id": "0", "status": 204}]}),
    )]);
    let batches: Vec<_> = (1..=5).map(|n| vec![id(n)]).collect();
    let outcomes = enforce(&script, &batches).await;
    let enforced: Vec<_> = outcomes.iter().map(|outcome| outcome.enforced.len()).collect();
    assert_eq!(enforced, [1, 0, 0, 1, 0]);
    assert!(outcomes[1].unknown.len() + outcomes[2].unknown.len() + outcomes[4].unknown.len() == 3);
}

#[tokio::test]
async fn a_throttled_member_is_sent_again_as_it_was_and_a_401_after_a_refresh() {
    let script = Script::answers([
        answer(
            200,
            &json!({"responses": [{"id": "0", "status": 204}, {"id": "1", "status": 429, "headers": {"retry-after": "7.5"}},
            {"id": "2", "status": 401}]}),
        ),
        answer(200, &json!({"responses": [{"id": "1", "status": 204}, {"id": "0", "status": 424}]})),
        answer(204, &json!(null)),
    ]);
    let (graph, clock) = script.graph();
    let batches = [vec![id(1)], vec![id(2)], vec![id(3)]];
    let outcomes = Enforcer::new(graph).enforce(&Leave::default(), TARGET, &batches).await;
    assert!(outcomes.iter().all(|outcome| outcome.enforced.len() == 1), "{outcomes:?}");
    assert!(clock.now().duration_since(crate::graph::script::start()).as_millis() >= 7_500);
    assert_eq!(script.logins().len(), 2);
    let seen = script.seen();
    assert_eq!(seen[1].body["requests"][0]["body"], seen[0].body["requests"][1]["body"]);
    assert_eq!(seen[1].token.as_deref(), Some("Bearer token-2"));
}

#[tokio::test]
async fn a_tenant_that_throttles_without_end_was_never_sent_anything_that_counts() {
    let script = Script::with_tokens(|_| with(429, &[("retry-after", "100")], ""));
    let outcomes = enforce(&script, &[ids(1..=3)]).await;
    assert_eq!(outcomes[0].not_sent[0].people.len(), 3);
    assert!(outcomes[0].not_sent[0].why.contains("throttles"));
}

#[tokio::test]
async fn a_missing_permission_and_an_unfit_group_name_themselves_without_halving() {
    let script = Script::with_tokens(|_| answer(403, &json!({"error": {"code": "Authorization_RequestDenied"}})));
    let outcomes = enforce(&script, &[ids(1..=20)]).await;
    assert!(outcomes[0].not_sent[0].why.contains("GroupMember.ReadWrite.All"), "{outcomes:?}");
    assert_eq!(script.seen().len(), 1);

    let unfit = model(&[1], &[]);
    unfit.lock().unwrap().group["groupTypes"] = json!(["DynamicMembership"]);
    let script = wire(&unfit);
    let outcomes = enforce(&script, &[ids(1..=20)]).await;
    assert!(outcomes[0].not_sent[0].why.contains("dynamic"), "{outcomes:?}");
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn an_account_that_a_replica_does_not_know_yet_is_tried_again() {
    let mut tries = 0;
    let model = model(&[], &[]);
    let script = Script::with_tokens(move |seen| {
        if seen.method == "PATCH" {
            tries += 1;
            if tries <= 2 {
                let message = "The source resource object or one of the objects being referenced do not exist.";
                return answer(400, &json!({"error": {"code": "Request_BadRequest", "message": message}}));
            }
        }
        model.lock().unwrap().serve(seen)
    });
    assert_eq!(enforce(&script, &[vec![id(5)]]).await[0].enforced, [id(5)]);
}

#[tokio::test]
async fn a_whole_envelope_of_unknown_accounts_waits_together_and_not_one_by_one() {
    let model = model(&[], &[]);
    let script = Script::with_tokens(move |seen| {
        let message = "The source resource object or one of the objects being referenced do not exist.";
        let body = json!({"error": {"code": "Request_BadRequest", "message": message}});
        if seen.method == "PATCH" {
            return answer(400, &body);
        }
        match seen.body["requests"].as_array().filter(|_| seen.body.to_string().contains("PATCH")) {
            Some(requests) => {
                let responses: Vec<_> =
                    requests.iter().map(|request| json!({"id": request["id"], "status": 400, "body": body})).collect();
                answer(200, &json!({"responses": responses}))
            }
            None => model.lock().unwrap().serve(seen),
        }
    });
    let (graph, clock) = script.graph();
    let outcomes = Enforcer::new(graph).enforce(&Leave::default(), TARGET, &[ids(1..=20), ids(21..=40)]).await;
    assert!(outcomes.iter().all(|outcome| outcome.not_sent[0].people.len() == 20));
    assert_eq!(clock.now().duration_since(crate::graph::script::start()).as_secs(), 3 + 6 + 12);
}

#[tokio::test]
async fn already_there_but_not_shown_is_unknown() {
    let script = Script::with_tokens(|seen| match seen.method.as_str() {
        "PATCH" => answer(400, &json!({"error": {"message": "… references already exist …"}})),
        _ if seen.uri.contains("/members") => answer(200, &json!({"value": []})),
        _ => answer(200, &group()),
    });
    assert_eq!(enforce(&script, &[vec![id(5)]]).await[0].unknown, [id(5)]);
}

/// An enforcement whose policy a human owns.
fn owned() -> Enforcement {
    Enforcement::ConditionalAccess { group: String::new(), policy: String::new(), manage_policy: false, leaves: None }
}

#[tokio::test]
async fn safety_names_what_is_wrong_with_policy_and_break_glass_accounts() {
    let model = model(&[], &[2]);
    model.lock().unwrap().policy = json!({"id": ObjectId::from_bits(0xff02), "state": "enabled",
        "conditions": {"users": {"includeGroups": [GROUP], "excludeUsers": [id(1)], "excludeGroups": [id(0xaa)]},
            "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"]},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}});
    // Person 3 is excluded by a group; person 2 does not exist; person 4 is excluded by nothing.
    let inner = model.clone();
    let script = Script::with_tokens(move |seen| {
        if seen.uri.contains(&format!("/groups/{}/transitiveMembers", id(0xaa))) {
            return answer(200, &json!({"value": [{"@odata.type": "#microsoft.graph.user", "id": id(3)}]}));
        }
        inner.lock().unwrap().serve(seen)
    });
    let (graph, _) = script.graph();
    let enforce = Enforcer::new(graph);
    let references: Vec<_> = (1..=4).map(|n| PersonRef::Id(id(n))).collect();
    let safety = enforce.safety(TARGET, &owned(), &references).await.unwrap();
    let excluded: Vec<_> =
        safety.break_glass.iter().map(|account| (account.id.is_some(), account.enabled, account.excluded)).collect();
    assert_eq!(excluded, [(true, true, true), (false, false, false), (true, true, true), (true, true, false)]);
    assert_eq!(safety.policy.problems.len(), 1, "{:?}", safety.policy.problems);
    assert!(safety.policy.problems[0].contains("1 of 4"));
    let by_name = PersonRef::Name(NameHash::new("contoso.example", &format!("{}@contoso.example", id(1)).to_uppercase()));
    let again = enforce.safety(TARGET, &owned(), &[by_name, references[2]]).await.unwrap();
    assert_eq!(again.policy.fingerprint, safety.policy.fingerprint);
    assert!(again.policy.problems.is_empty());
    assert_eq!(again.break_glass[0].id, Some(id(1)));
    model.lock().unwrap().policy["state"] = json!("disabled");
    let off = enforce.safety(TARGET, &owned(), &references[..1]).await.unwrap();
    assert_ne!(off.policy.fingerprint, safety.policy.fingerprint);
    assert!(off.policy.problems[0].contains("Off"));
}

#[tokio::test]
async fn the_target_is_resolved_to_exactly_one_usable_match() {
    let plan = |group: &str, policy: &str| Enforcement::ConditionalAccess {
        group: group.into(),
        policy: policy.into(),
        manage_policy: false,
        leaves: None,
    };
    let page = |rows: Vec<Value>| answer(200, &json!({"value": rows}));
    let policy = |n: u128| json!({"id": id(n), "displayName": "Require MFA"});
    let script = Script::answers([page(vec![group()]), page(vec![policy(5), json!({"id": id(6), "displayName": "Other"})])]);
    let target = Enforcer::new(script.graph().0).resolve(&plan("MFA Enforced", "Require MFA")).await.unwrap();
    assert_eq!(target, Target::Group { group: GROUP, policy: id(5) });
    let mut synced = group();
    synced["onPremisesSyncEnabled"] = json!(true);
    for (answers, word) in [
        (vec![page(vec![synced])], "synchronised"),
        (vec![page(vec![group()]), page(vec![policy(5), policy(6)])], "2 Conditional Access policies"),
        (vec![page(vec![group()]), page(vec![])], "no Conditional Access policy"),
    ] {
        let script = Script::answers(answers);
        let trouble = Enforcer::new(script.graph().0).resolve(&plan("MFA Enforced", "Require MFA")).await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Unusable);
        assert!(trouble.why.contains(word), "{}", trouble.why);
    }
    let other = Enforcement::PerUser { retire_to: None };
    let target = Enforcer::new(Script::answers([]).graph().0).resolve(&other).await.unwrap();
    assert_eq!(target, Target::Plain { way: Way::PerUser }, "nothing is named");
}
