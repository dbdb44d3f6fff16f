//! What is said of a whole rollout, at the most talkative level that is offered for daily use: no secret, no person, no mail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tidegate::sim::{Pass, SECRET};

use super::bed::{Bed, lock};
use super::{kept, plans};

/// Shorter pieces of a mail are no giveaway.
const PHRASE: usize = 30;

/// What the wire carried that nobody else may see.
#[derive(Default)]
struct Carried {
    tokens: BTreeSet<String>,
    phrases: BTreeSet<String>,
}

#[test]
fn neither_log_nor_journal_gives_away_a_secret_a_person_or_a_mail() {
    let bed = Bed::new(plans::orderly(60));
    plans::short(&bed, "");
    let carried = Arc::new(Mutex::new(Carried::default()));
    let seen = Arc::clone(&carried);
    bed.watch(move |_, request| {
        let mut carried = lock(&seen);
        let header = request.headers().get("authorization").and_then(|header| header.to_str().ok());
        carried.tokens.extend(header.and_then(|header| header.strip_prefix("Bearer ")).map(str::to_owned));
        if let Ok(body) = serde_json::from_slice::<Value>(request.body()) {
            phrases(&body, &mut carried.phrases);
        }
        Pass::On
    });
    let args = ["--log", "debug", "run", "--pace", "max", "--until-done", "--start-at", plans::SHORT_BEGIN];
    let ended = bed.start(&args).ends().with(0);
    kept::promises_to_everybody(&bed);

    let carried = lock(&carried);
    let people: Vec<String> = bed.tenant().names_and_addresses();
    assert!(!carried.tokens.is_empty() && carried.phrases.len() > 5 && people.len() > 100, "there is something to look for");
    let said = format!("{}\n{}", ended.out, ended.log);
    assert!(said.contains("\"level\":\"DEBUG\""), "the log is as talkative as asked");
    let told: String = said.lines().filter(|line| !line.contains("\"level\":\"DEBUG\"")).flat_map(|line| [line, "\n"]).collect();
    let mut journal = String::new();
    // The plan, which the journal keeps, names accounts and mailboxes of its own.
    for record in
        bed.journal().iter().filter(|record| !matches!(record.event, tidegate::rollout::event::Event::PlanAccepted { .. }))
    {
        journal.push_str(&serde_json::to_string(record).unwrap());
        journal.push('\n');
    }
    let whole: String = std::fs::read_to_string(bed.state().join("journal/000001.log")).unwrap();

    let secrets: Vec<&str> = std::iter::once(SECRET).chain(carried.tokens.iter().map(String::as_str)).collect();
    let phrases: Vec<&str> = carried.phrases.iter().map(String::as_str).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    for (what, text, needles) in [
        ("a secret in the log", &said, &secrets),
        ("a secret in the journal", &whole, &secrets),
        ("a mail in the log", &said, &phrases),
        ("a mail in the journal", &whole, &phrases),
        ("a person in the log at info", &told, &people),
        ("a person in the journal", &journal, &people),
    ] {
        let found: Vec<_> = needles.iter().filter_map(|needle| Some((needle, around(text, needle)?))).take(3).collect();
        assert!(found.is_empty(), "{what}: {found:#?}");
    }
}

/// The lines of mail bodies in a request.
fn phrases(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(content)) = fields.get("content") {
                into.extend(content.lines().map(str::trim).filter(|line| line.len() >= PHRASE).map(str::to_owned));
            }
            fields.values().for_each(|field| phrases(field, into));
        }
        Value::Array(items) => items.iter().for_each(|item| phrases(item, into)),
        _ => {}
    }
}

/// The place in the text where the needle stands.
fn around<'t>(text: &'t str, needle: &str) -> Option<&'t str> {
    let at = text.find(needle)?;
    text.get(text[..at].rfind('\n').map_or(0, |line| line + 1)..)?.lines().next()
}
