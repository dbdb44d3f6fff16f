//! The registration report: who could pass MFA.
//!
//! Does not infer. Invariant: a null, a missing row or two rows that disagree are `Unknown`, never "not registered".

use jiff::Timestamp;
use serde_json::Value;

use super::page::{self, Fields};
use super::people::id;
use super::request::{Columns, Read};
use super::transport::{Transport, Unread};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Readiness, Registration, Trouble};

/// What is read of a row.
const FIELDS: Fields = Fields::Only(&["id", "isMfaCapable", "isMfaRegistered", "lastUpdatedDateTime"]);

/// The whole report, ascending.
///
/// Microsoft documents neither that the report takes `$select` nor that it refuses it; where it takes it, a quarter of the bytes come.
pub(crate) async fn report(transport: &Transport) -> Result<Registration, Trouble> {
    let read = match pages(transport, Columns::Needed).await {
        Err(Unread::Refused(refusal)) if matches!(refusal.status, 400 | 501) => pages(transport, Columns::All).await,
        read => read,
    };
    let gone = || "the tenant does not know the registration report; check tenant.graph_url".to_owned();
    read.map_err(|unread| unread.trouble(gone))
}

async fn pages(transport: &Transport, columns: Columns) -> Result<Registration, Unread> {
    let mut rows = Vec::new();
    let (mut refreshed, mut last) = (None, String::new());
    let take = |row: &Value| {
        rows.extend(readiness(row));
        // Most rows carry the same text, and equal texts need no reading.
        let at = row.get("lastUpdatedDateTime").and_then(Value::as_str);
        if at.is_some_and(|at| at != last) {
            at.unwrap_or_default().clone_into(&mut last);
            refreshed = refreshed.max(last.parse::<Timestamp>().ok());
        }
    };
    page::each(transport, &Read::Registration(columns).call(), FIELDS, take).await?;
    rows.sort_unstable();
    rows.dedup();
    rows.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = Readiness::Unknown;
        }
        same
    });
    Ok(Registration { rows, refreshed })
}

/// `isMfaCapable` is "registered and allowed by policy"; `isMfaRegistered` alone is not enough.
fn readiness(row: &Value) -> Option<(ObjectId, Readiness)> {
    let is = |field: &str| row.get(field).and_then(Value::as_bool);
    let readiness = match (is("isMfaCapable"), is("isMfaRegistered")) {
        (Some(true), _) => Readiness::Capable,
        (Some(false), Some(true)) => Readiness::RegisteredNotAllowed,
        (Some(false), Some(false)) => Readiness::Unregistered,
        (Some(false), None) | (None, _) => Readiness::Unknown,
    };
    Some((id(row)?, readiness))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_null_is_unknown() {
        let id = "86462606-fde0-4fc4-9e0c-a20eb73e54c6";
        for (capable, registered, expected) in [
            (json!(true), json!(true), Readiness::Capable),
            (json!(true), json!(null), Readiness::Capable),
            (json!(false), json!(true), Readiness::RegisteredNotAllowed),
            (json!(false), json!(false), Readiness::Unregistered),
            (json!(false), json!(null), Readiness::Unknown),
            (json!(null), json!(true), Readiness::Unknown),
            (json!(null), json!(null), Readiness::Unknown),
            (json!("true"), json!(0), Readiness::Unknown),
        ] {
            let row = json!({"id": id, "isMfaCapable": capable, "isMfaRegistered": registered});
            assert_eq!(readiness(&row).unwrap().1, expected, "{row}");
        }
        assert_eq!(readiness(&json!({"id": id})).unwrap().1, Readiness::Unknown);
    }
}
