//! What is said of a whole rollout, at the most talkative level that is offered for daily use: no secret, no person, no mail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tidegate::sim::Pass;

use super::bed::{Bed, lock};
use super::{credentials, kept, plans};

/// Shorter pieces of a mail are no giveaway.
const PHRASE: usize = 30;

/// What the wire carried that nobody else may see.
#[derive(Default)]
struct Carried {
    secrets: BTreeSet<String>,
    phrases: BTreeSet<String>,
}

#[test]
fn neither_log_nor_journal_gives_away_a_secret_a_person_or_a_mail() {
    for kind in 0.. {
        // Each kind has a tenant of its own.
        let (bed, mut kinds) = credentials::every_kind();
        if kind == kinds.len() {
            return;
        }
        let (what, keys) = kinds.swap_remove(kind);
        let text = plans::short(&bed, "").replace("secret_file = \"secret\"", &keys);
        bed.write("plan.toml", &text);
        gives_nothing_away(&bed, what);
    }
}

fn gives_nothing_away(bed: &Bed, what: &str) {
    let carried = Arc::new(Mutex::new(Carried::default()));
    let seen = Arc::clone(&carried);
    bed.watch(move |_, request| {
        let mut carried = lock(&seen);
        let header = request.headers().get("authorization").and_then(|header| header.to_str().ok());
        carried.secrets.extend(header.and_then(|header| header.strip_prefix("Bearer ")).map(str::to_owned));
        if let Ok(body) = serde_json::from_slice::<Value>(request.body()) {
            phrases(&body, &mut carried.phrases);
        }
        let form = url::form_urlencoded::parse(request.body());
        let proofs = form.filter(|(name, _)| ["client_secret", "client_assertion"].contains(&name.as_ref()));
        carried.secrets.extend(proofs.map(|(_, value)| value.into_owned()));
        Pass::On
    });
    let args = ["--log", "debug", "run", "--pace", "max", "--until-done", "--start-at", plans::SHORT_BEGIN];
    let ended = bed.start(&args).ends().with(0);
    kept::promises_to_everybody(bed);

    let mut carried = lock(&carried);
    let people: Vec<String> = bed.tenant().names_and_addresses();
    let something = carried.secrets.len() > 1 && carried.phrases.len() > 5 && people.len() > 60;
    assert!(something, "{what}: there is something to look for");
    // The key's own lines, and the password of the file.
    carried.secrets.extend(credentials::key_lines());
    carried.secrets.insert("hunter2".to_owned());
    let said = format!("{}\n{}", ended.out, ended.log);
    assert!(said.contains("\"level\":\"DEBUG\""), "the log is as talkative as asked");
    let told: String = said.lines().filter(|line| !line.contains("\"level\":\"DEBUG\"")).flat_map(|line| [line, "\n"]).collect();
    let mut journal = String::new();
    let state = bed.state();
    // The plan, which the journal keeps, names accounts and mailboxes of its own.
    for record in bed.journal() {
        if !matches!(record.event, tidegate::rollout::event::Event::PlanAccepted { .. }) {
            journal.push_str(&serde_json::to_string(&record).unwrap());
            journal.push('\n');
        }
    }
    let whole: String = std::fs::read_to_string(state.join("journal/000001.log")).unwrap();
    let status = std::fs::read_to_string(state.join("status.json")).unwrap();

    let secrets: Vec<&str> = carried.secrets.iter().map(String::as_str).collect();
    let phrases: Vec<&str> = carried.phrases.iter().map(String::as_str).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    for (place, text, needles) in [
        ("a secret in the log", &said, &secrets),
        ("a secret in the journal", &whole, &secrets),
        ("a secret in the status", &status, &secrets),
        ("a mail in the log", &said, &phrases),
        ("a mail in the journal", &whole, &phrases),
        ("a person in the log at info", &told, &people),
        ("a person in the journal", &journal, &people),
    ] {
        let found: Vec<_> = needles.iter().filter_map(|needle| Some((needle, around(text, needle)?))).take(3).collect();
        assert!(found.is_empty(), "{what}: {place}: {found:#?}");
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
