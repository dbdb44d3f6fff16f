//! Answers that are almost right: one place of the JSON is changed after everything was done as asked.
//!
//! It knows nothing of what the answer means; a place that is not there changes nothing.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// A change of an answer's body.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// Where: names and numbers after slashes, `*` for everything there; `/value/*/id` for example.
    pub at: String,
    /// How.
    pub how: How,
}

/// How a place is changed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// This stands there, whatever stood there before.
    Set(Value),
    /// It is not there.
    Remove,
    /// Everything in the list comes twice.
    Double,
    /// Half of the list is missing.
    Halve,
    /// The list comes in the opposite order.
    Reverse,
    /// A number, or `true`, comes as text.
    AsText,
    /// A text comes as number.
    AsNumber,
}

impl Amendment {
    /// The body after it; one that is no JSON stays as it is.
    pub(super) fn apply(&self, body: &Bytes) -> Bytes {
        let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.clone() };
        let path: Vec<&str> = self.at.split('/').filter(|part| !part.is_empty()).collect();
        amend(&mut value, &path, &self.how);
        value.to_string().into()
    }
}

fn amend(value: &mut Value, path: &[&str], how: &How) {
    let Some((first, rest)) = path.split_first() else { return change(value, how) };
    if rest.is_empty() && *how == How::Remove {
        return remove(value, first);
    }
    match (value, *first) {
        (Value::Object(members), "*") => members.values_mut().for_each(|member| amend(member, rest, how)),
        (Value::Array(items), "*") => items.iter_mut().for_each(|item| amend(item, rest, how)),
        (Value::Object(members), name) => match (members.get_mut(name), how) {
            (Some(member), _) => amend(member, rest, how),
            (None, How::Set(new)) if rest.is_empty() => drop(members.insert(name.to_owned(), new.clone())),
            (None, _) => {}
        },
        (Value::Array(items), place) => {
            if let Some(item) = place.parse().ok().and_then(|place: usize| items.get_mut(place)) {
                amend(item, rest, how);
            }
        }
        _ => {}
    }
}

fn remove(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) if name == "*" => members.clear(),
        Value::Array(items) if name == "*" => items.clear(),
        Value::Object(members) => drop(members.remove(name)),
        Value::Array(items) => {
            let place = name.parse().ok().filter(|place: &usize| *place < items.len());
            let _ = place.map(|place| items.remove(place));
        }
        _ => {}
    }
}

fn change(value: &mut Value, how: &How) {
    match (how, &mut *value) {
        (How::Set(new), _) => value.clone_from(new),
        (How::Remove, _) => *value = Value::Null,
        (How::Double, Value::Array(items)) => *items = items.drain(..).flat_map(|item| [item.clone(), item]).collect(),
        (How::Halve, Value::Array(items)) => items.truncate(items.len() / 2),
        (How::Reverse, Value::Array(items)) => items.reverse(),
        (How::AsText, Value::Number(_) | Value::Bool(_)) => *value = Value::String(value.to_string()),
        (How::AsNumber, Value::String(text)) => {
            if let Ok(number) = text.parse::<i64>() {
                *value = number.into();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_place_of_an_answer_is_changed() {
        let body = json!({ "value": [{ "id": "1", "n": 1 }, { "id": "2", "n": 2 }], "x": { "y": true } });
        for (at, how, expected) in [
            ("/value/*/id", json!("remove"), json!({ "value": [{ "n": 1 }, { "n": 2 }], "x": { "y": true } })),
            ("/value/0", json!("remove"), json!({ "value": [{ "id": "2", "n": 2 }], "x": { "y": true } })),
            (
                "/value/1/id",
                json!("as-number"),
                json!({ "value": [{ "id": "1", "n": 1 }, { "id": 2, "n": 2 }], "x": { "y": true } }),
            ),
            (
                "/value/*/n",
                json!("as-text"),
                json!({ "value": [{ "id": "1", "n": "1" }, { "id": "2", "n": "2" }], "x": { "y": true } }),
            ),
            ("/value", json!("halve"), json!({ "value": [{ "id": "1", "n": 1 }], "x": { "y": true } })),
            ("/value", json!("reverse"), json!({ "value": [{ "id": "2", "n": 2 }, { "id": "1", "n": 1 }], "x": { "y": true } })),
            ("/value", json!({ "set": null }), json!({ "value": null, "x": { "y": true } })),
            ("/x/*", json!({ "set": [] }), json!({ "value": body["value"], "x": { "y": [] } })),
            ("/z", json!({ "set": 1 }), json!({ "value": body["value"], "x": { "y": true }, "z": 1 })),
            ("/value/7/id", json!("remove"), body.clone()),
            ("", json!({ "set": [] }), json!([])),
        ] {
            let amendment: Amendment = serde_json::from_value(json!({ "at": at, "how": how })).unwrap();
            let amended: Value = serde_json::from_slice(&amendment.apply(&body.to_string().into())).unwrap();
            assert_eq!(amended, expected, "{at} {how}");
        }
        let doubled = Amendment { at: "/value".to_owned(), how: How::Double }.apply(&body.to_string().into());
        assert_eq!(serde_json::from_slice::<Value>(&doubled).unwrap()["value"].as_array().unwrap().len(), 4);
    }
}
