//! `journal verify` and `journal show`: the truth, with or without a daemon.

use super::args::{Common, Journal, JournalVerb};
use super::{Exit, Failure, place};
use crate::rollout::event::Record;
use crate::say;
use crate::store::error::JournalError;
use crate::store::records::{records, verify};

pub(super) fn journal(common: &Common, verb: &Journal) -> Result<Exit, Failure> {
    let state = place::find(common, &verb.place).state_dir;
    match verb.verb {
        JournalVerb::Verify => {
            let summary = verify(&state).map_err(|error| unread(&error))?;
            if common.json {
                say!(
                    "{}",
                    serde_json::json!({ "records": summary.records, "segments": summary.segments, "head": summary.head.hash.to_string() })
                );
            } else {
                say!("{} records in {} segments, the chain holds; head {}", summary.records, summary.segments, summary.head.hash);
            }
        }
        JournalVerb::Show { last } => {
            let records = records(&state).map_err(|error| unread(&error))?;
            let records = records.collect::<Result<Vec<Record>, _>>().map_err(|error| unread(&error))?;
            let skip = last.map_or(0, |last| records.len().saturating_sub(last));
            for record in records.iter().skip(skip) {
                if common.json {
                    say!("{}", serde_json::to_string(record).unwrap_or_default());
                } else {
                    say!("{}", line(record));
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// A journal that cannot be read: there is none, it may not be seen, or it is damaged.
pub(super) fn unread(error: &JournalError) -> Failure {
    let exit = match error {
        JournalError::NoJournal { .. } => Exit::Failed,
        JournalError::Unreadable { .. } => Exit::State,
        _ => Exit::Journal,
    };
    Failure::because(exit, error)
}

/// One record as a line: long lists of people as counts.
pub(super) fn line(record: &Record) -> String {
    let mut event = serde_json::to_value(&record.event).unwrap_or_default();
    let kind = event.as_object_mut().and_then(|event| event.remove("type")).and_then(|kind| kind.as_str().map(str::to_owned));
    if let Some(event) = event.as_object_mut() {
        event.remove("plan");
        for value in event.values_mut() {
            shorten(value);
        }
    }
    let facts: Vec<String> = event.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{:>6} {} {} {}", record.seq, record.at, kind.unwrap_or_default(), facts.join(" "))
}

fn shorten(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(items) if items.len() > 3 && items.iter().all(serde_json::Value::is_string) => {
            *value = format!("({} people)", items.len()).into();
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(shorten),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}
