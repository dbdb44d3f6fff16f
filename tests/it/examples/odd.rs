//! Whatever stands in one row, the other rows of its page are read: every member of every example is spoilt in every way.

use serde_json::{Map, Value, json};
use tidegate::engine::leave::Leave;
use tidegate::engine::port::Enforce;
use tidegate::rollout::id::ObjectId;

use super::canned::{Tenant, unanswered, wait};
use super::example;
use super::readers::{GROUP, LISTINGS, Listing, POLICY, by_policy, target};

/// What may stand in a place; `None`: nothing at all.
fn oddities() -> Vec<Option<Value>> {
    vec![
        None,
        Some(Value::Null),
        Some(json!("unknownFutureValue")),
        Some(json!("")),
        Some(json!(-7)),
        Some(json!(1e300)),
        Some(json!(true)),
        Some(json!([])),
        Some(json!([[{ "x": [null] }]])),
        Some(json!({ "x": { "y": null } })),
    ]
}

/// Every place in a value: a member, or an element of a list, at any depth.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    let mut place = |name: String, inner: &Value| {
        let there = format!("{here}/{}", name.replace('~', "~0").replace('/', "~1"));
        all.push(there.clone());
        places(inner, &there, all);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| place(name.clone(), inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, inner)| place(at.to_string(), inner)),
        _ => {}
    }
}

/// The value with something else at a place.
fn spoilt(value: &Value, place: &str, oddity: Option<&Value>) -> Value {
    let mut value = value.clone();
    if let Some(oddity) = oddity {
        if let Some(there) = value.pointer_mut(place) {
            there.clone_from(oddity);
        }
        return value;
    }
    let (outer, name) = place.rsplit_once('/').unwrap();
    match value.pointer_mut(outer) {
        Some(Value::Object(members)) => drop(members.remove(&name.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
        _ => {}
    }
    value
}

/// The value with unknown members in every object of it.
fn surprising(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Map<_, _> = members.iter().map(|(name, inner)| (name.clone(), surprising(inner))).collect();
            members.insert("zz surprise".to_owned(), json!({ "a": [null, { "id": 7 }] }));
            members.insert("@odata.surprise".to_owned(), Value::Null);
            Value::Object(members)
        }
        Value::Array(items) => Value::Array(items.iter().map(surprising).collect()),
        other => other.clone(),
    }
}

/// How many ways a listing was spoilt in.
fn spoil(listing: &Listing, example: &Value) -> usize {
    let page = listing.page(example);
    let whole = listing.of(&page).unwrap_or_else(|why| panic!("{}: {why}", listing.name));
    let rows = page["value"].as_array().unwrap();
    let mut times = 0;
    assert_eq!(listing.of(&surprising(&page)).as_ref(), Ok(&whole), "{}: unknown members", listing.name);
    for (at, row) in rows.iter().enumerate() {
        let key = row[listing.key].as_str().unwrap().to_lowercase();
        let others: Vec<&String> = whole.iter().filter(|taken| **taken != key && **taken != row[listing.key]).collect();
        assert_eq!(others.len(), rows.len() - 1, "{}: every row is read", listing.name);
        let mut inside = vec![String::new()];
        places(row, "", &mut inside);
        for place in inside {
            for oddity in oddities() {
                let place = format!("/value/{at}{place}");
                let body = spoilt(&page, &place, oddity.as_ref());
                let taken = listing.of(&body).unwrap_or_else(|why| panic!("{}: {place} is {oddity:?}: {why}", listing.name));
                let missing = others.iter().find(|other| !taken.contains(other));
                assert_eq!(missing, None, "{}: {place} is {oddity:?}", listing.name);
                times += 1;
            }
        }
    }
    times
}

#[test]
fn an_odd_row_spoils_no_other_row_of_its_page() {
    let mut times = 0;
    for listing in &LISTINGS {
        let Some(example) = example(listing.file) else { return println!("not run: shared") };
        times += spoil(listing, &example);
    }
    println!("{times} odd pages, each with all its other rows");
    assert!(times > 5_000, "{times}");
}

#[test]
fn an_odd_policy_is_judged_and_not_stumbled_over() {
    let Some(mut example) = example("ca-policy-create-mfa-group.201.response.json") else { return println!("not run: shared") };
    example["id"] = json!(POLICY);
    let mut inside = Vec::new();
    places(&example, "", &mut inside);
    for place in inside.iter().filter(|place| *place != "/id") {
        for oddity in oddities() {
            let body = surprising(&spoilt(&example, place, oddity.as_ref())).to_string();
            let group = json!({ "id": GROUP, "securityEnabled": true }).to_string();
            let tenant = Tenant::new(move |(_, path, _)| match path {
                _ if path.contains("/policies/") => (200, None, body.clone()),
                _ if path.contains(GROUP) => (200, None, group.clone()),
                _ => unanswered(),
            });
            let safety = wait(tenant.enforce.safety(target(), &by_policy(), &[]));
            assert!(safety.is_ok(), "{place} is {oddity:?}: {safety:?}");
        }
    }
}

#[test]
fn an_odd_answer_in_an_envelope_spoils_no_other() {
    let people: Vec<ObjectId> = (1..=60).map(ObjectId::from_bits).collect();
    let batches: Vec<Vec<ObjectId>> = people.chunks(20).map(<[_]>::to_vec).collect();
    let marked = people[0].to_string();
    let good = json!({ "id": "0", "status": 204, "headers": { "Cache-Control": "no-cache" }, "body": null });
    let mut inside = vec![String::new()];
    places(&good, "", &mut inside);
    for place in inside {
        for oddity in oddities() {
            let (marked, good, place, odd) = (marked.clone(), good.clone(), place.clone(), oddity.clone());
            let tenant = Tenant::new(move |(method, path, body)| {
                if path.ends_with("/$batch") {
                    let asked: Value = serde_json::from_str(body).unwrap();
                    let answers = asked["requests"].as_array().unwrap().iter().map(|request| {
                        let mut answer = good.clone();
                        answer["id"] = request["id"].clone();
                        let of_the_marked = request.to_string().contains(&marked);
                        if of_the_marked {
                            spoilt(&json!([answer]), &format!("/0{place}"), odd.as_ref())
                        } else {
                            json!([answer])
                        }
                    });
                    let answers: Vec<Value> = answers.flat_map(|one| one.as_array().cloned().unwrap_or_default()).collect();
                    (200, None, json!({ "responses": answers }).to_string())
                } else if method == "PATCH" {
                    (204, None, String::new())
                } else if path.contains(GROUP) && !path.contains("members") {
                    (200, None, json!({ "id": GROUP, "securityEnabled": true }).to_string())
                } else {
                    unanswered()
                }
            });
            let outcomes = wait(tenant.enforce.enforce(&Leave::default(), target(), &batches));
            for (batch, outcome) in batches.iter().zip(&outcomes).skip(1) {
                assert_eq!(&outcome.enforced, batch, "{oddity:?}");
            }
        }
    }
}
