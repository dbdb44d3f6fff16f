//! What a new plan changes, in words, before it is taken: key by key as the operator writes them, and what follows for people.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::approval::valid;
use super::plan::{Plan, Stage};
use super::state::{StageState, State};

/// Sections and keys whose names in the file are others.
const NAMES: [(&str, &str); 6] = [
    ("approvals_needed", "approvals.needed"),
    ("approvals_valid", "approvals.valid"),
    ("access", "tenant"),
    ("gates", "gate"),
    ("stages", "stage"),
    ("what_if", "enforcement.what_if"),
];

/// Longest value that is shown; of longer ones only that they change is said.
const LONG: usize = 80;

/// What a new plan changes at `now`, a sentence each; empty when it changes nothing.
#[must_use]
pub fn differences(state: &State, new: &Plan, now: Timestamp) -> Vec<String> {
    let Some(accepted) = &state.plan else { return vec!["it is the first plan of this state folder".to_owned()] };
    let old = &accepted.plan;
    let mut words = Vec::new();
    stages(state, old, new, &mut words);
    let (Ok(Value::Object(was)), Ok(Value::Object(is))) = (serde_json::to_value(old), serde_json::to_value(new)) else {
        return words;
    };
    for (key, name, was, is) in both(&was, &is) {
        match key {
            "stages" => {}
            "gates" => named("gate", was, is, &mut words),
            _ => walk(&name, was, is, &mut words),
        }
    }
    let approvals = valid(state, now).count();
    if !words.is_empty() && approvals > 0 {
        words.push(format!("its {approvals} approvals are void"));
    }
    words
}

fn stages(state: &State, old: &Plan, new: &Plan, words: &mut Vec<String>) {
    for stage in &old.stages {
        if !new.stages.iter().any(|kept| kept.name == stage.name) {
            words.push(format!("stage `{}` is taken out", stage.name));
        }
    }
    for (at, stage) in new.stages.iter().enumerate() {
        let before = old.stages.iter().find(|before| before.name == stage.name);
        let Some(before) = before else {
            let behind = at.checked_sub(1).and_then(|at| new.stages.get(at));
            let place = behind.map_or_else(|| "as the first".to_owned(), |behind| format!("behind `{}`", behind.name));
            words.push(format!("stage `{}` is new, {place}, and starts {}", stage.name, stage.start.civil));
            continue;
        };
        let known = state.stage(&stage.name).map(|(_, known)| known);
        moved(before, stage, known, words);
        if before.include != stage.include || before.exclude != stage.exclude {
            words.push(format!("stage `{}` selects other people", stage.name));
        }
        let name = format!("stage `{}`", stage.name);
        let plain = |stage: &Stage| match serde_json::to_value(stage) {
            Ok(Value::Object(mut keys)) => {
                keys.retain(|key, _| !["name", "start", "include", "exclude"].contains(&key.as_str()));
                keys
            }
            _ => Map::new(),
        };
        for (key, _, was, is) in both(&plain(before), &plain(stage)) {
            walk(&format!("{name}: {key}"), was, is, words);
        }
    }
    let order = |plan: &Plan, other: &Plan| -> Vec<String> {
        let kept = plan.stages.iter().filter(|stage| other.stages.iter().any(|kept| kept.name == stage.name));
        kept.map(|stage| stage.name.clone()).collect()
    };
    if order(old, new) != order(new, old) {
        words.push(format!("the stages come in another order: {}", order(new, old).join(", ")));
    }
}

fn moved(before: &Stage, stage: &Stage, known: Option<&StageState>, words: &mut Vec<String>) {
    if before.start == stage.start {
        return;
    }
    let by = stage.start.instant.duration_since(before.start.instant);
    let way = if by.is_negative() { "earlier" } else { "later" };
    let told = known.map_or(0, |known| if known.is_frozen() { known.roster.len() } else { 0 });
    let told = if told > 0 { format!("; its {told} people are told the new date") } else { String::new() };
    words.push(format!(
        "stage `{}` starts {} instead of {}, {:#} {way}{told}",
        stage.name,
        stage.start.civil,
        before.start.civil,
        by.abs()
    ));
}

/// Tables of a list that have names of their own.
fn named(what: &str, was: Option<&Value>, is: Option<&Value>, words: &mut Vec<String>) {
    let tables = |value: Option<&Value>| -> Vec<(String, Map<String, Value>)> {
        let list = value.and_then(Value::as_array).cloned().unwrap_or_default();
        let table = |value: Value| {
            let Value::Object(mut keys) = value else { return None };
            let name = keys.remove("name")?.as_str()?.to_owned();
            Some((name, keys))
        };
        list.into_iter().filter_map(table).collect()
    };
    let (was, is) = (tables(was), tables(is));
    for (name, _) in was.iter().filter(|(name, _)| !is.iter().any(|(kept, _)| kept == name)) {
        words.push(format!("{what} `{name}` is taken out"));
    }
    for (name, keys) in &is {
        match was.iter().find(|(before, _)| before == name) {
            None => words.push(format!("{what} `{name}` is new")),
            Some((_, before)) => {
                for (key, _, was, is) in both(before, keys) {
                    walk(&format!("{what} `{name}`: {key}"), was, is, words);
                }
            }
        }
    }
}

/// The keys of both, with their names in the file and their values.
fn both<'a>(
    was: &'a Map<String, Value>,
    is: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a str, String, Option<&'a Value>, Option<&'a Value>)> {
    let mut keys: Vec<&str> = was.keys().chain(is.keys()).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    let name = |key: &str| NAMES.iter().find(|(ours, _)| *ours == key).map_or(key, |(_, name)| name).to_owned();
    keys.into_iter().map(move |key| (key, name(key), was.get(key), is.get(key)))
}

fn walk(name: &str, was: Option<&Value>, is: Option<&Value>, words: &mut Vec<String>) {
    if was == is {
        return;
    }
    if let (Some(Value::Object(was)), Some(Value::Object(is))) = (was, is) {
        for (_, key, was, is) in both(was, is) {
            walk(&format!("{name}.{key}"), was, is, words);
        }
        return;
    }
    let (was, is) = (shown(was), shown(is));
    words.push(match (was, is) {
        (Some(was), Some(is)) => format!("{name} is {is} instead of {was}"),
        _ => format!("{name} changes"),
    });
}

/// A value as people read it; none where it is too long to be read in a sentence.
fn shown(value: Option<&Value>) -> Option<String> {
    let text = match value {
        None | Some(Value::Null) => "not set".to_owned(),
        Some(Value::String(text)) => match text.parse::<SignedDuration>() {
            Ok(duration) if text.starts_with('P') => format!("{duration:#}"),
            _ => format!("\"{text}\""),
        },
        Some(other) => other.to_string(),
    };
    (text.chars().count() <= LONG).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::plan::{Amount, Cap, Selector};
    use crate::rollout::sample::{Perfect, days, during, hours, id, plan, stage};

    type Case = (fn(&mut Plan), &'static [&'static str]);

    #[test]
    fn each_change_is_a_sentence_with_the_key_as_it_is_written() {
        let cases: [Case; 9] = [
            (|_| {}, &[]),
            (|plan| plan.limits.canary = 7, &["limits.canary is 7 instead of 2"]),
            (|plan| plan.notices.renotice = days(4), &["notices.renotice is 96h instead of 72h"]),
            (|plan| plan.approvals_needed = 2, &["approvals.needed is 2 instead of 0"]),
            (|plan| plan.people.exempt_group = Some("VIP".to_owned()), &["people.exempt_group is \"VIP\" instead of not set"]),
            (|plan| plan.gates.push(during(5)), &["gate `people get in` is new"]),
            (|plan| plan.limits.caps = vec![Cap { amount: Amount::People(5), per: hours(1) }; 9], &["limits.caps changes"]),
            (
                |plan| {
                    plan.stages[1] = stage("everyone", "2027-02-01T09:00:00", Selector::EveryoneElse);
                    plan.stages[1].soak = hours(5);
                },
                &[
                    "stage `everyone` starts 2027-02-01T09:00:00 instead of 2027-01-25T09:00:00, 168h later",
                    "stage `everyone`: soak is 5h instead of 24h",
                ],
            ),
            (
                |plan| {
                    plan.stages.remove(1);
                    plan.stages.push(stage("rest", "2027-02-01T09:00:00", Selector::Users(Vec::new())));
                    plan.stages[0].exclude.push(Selector::Group("x".to_owned()));
                },
                &[
                    "stage `everyone` is taken out",
                    "stage `pilot` selects other people",
                    "stage `rest` is new, behind `pilot`, and starts 2027-02-01T09:00:00",
                ],
            ),
        ];
        let world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
        for (edit, expected) in cases {
            let mut new = plan();
            edit(&mut new);
            assert_eq!(differences(&world.state, &new, world.now), expected);
        }
    }

    #[test]
    fn whoever_was_told_a_date_that_moves_is_counted() {
        let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
        world.run("2027-01-05T08:00:00Z");
        let mut new = plan();
        new.stages[0] = stage(
            "pilot",
            "2027-01-18T09:00:00",
            Selector::Users((10..15).map(|n| crate::rollout::id::PersonRef::Id(id(n))).collect()),
        );
        let words = differences(&world.state, &new, world.now);
        assert!(words[0].ends_with("168h later; its 5 people are told the new date"), "{words:?}");
    }
}
