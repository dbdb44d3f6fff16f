//! The registration report: who could pass MFA.
//!
//! Does not infer. Invariant: a null, a missing row or two rows that disagree are `Unknown`, never "not registered".

use std::sync::Arc;

use jiff::Timestamp;
use serde::de::MapAccess;

use super::page;
use super::request::{Columns, Read};
use super::row::{Fields, value};
use super::transport::{Transport, Unread};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Readiness, Registration, Roll, Trouble};

/// A row of the report.
#[derive(Default)]
struct Row {
    id: Option<ObjectId>,
    capable: Option<bool>,
    registered: Option<bool>,
    updated: Option<String>,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["id", "isMfaCapable", "isMfaRegistered", "lastUpdatedDateTime"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = value(row)?,
            "isMfaCapable" => self.capable = value(row)?,
            "isMfaRegistered" => self.registered = value(row)?,
            _ => self.updated = value(row)?,
        }
        Ok(())
    }
}

/// The whole report: a byte a person, whatever a page weighs.
///
/// Microsoft documents neither that the report takes `$select` nor that it refuses it; where it takes it, a quarter of the bytes come.
pub(crate) async fn report(transport: &Transport, roll: &Arc<Roll>) -> Result<Registration, Trouble> {
    let read = match pages(transport, roll, Columns::Needed).await {
        Err(Unread::Refused(refusal)) if matches!(refusal.status, 400 | 501) => pages(transport, roll, Columns::All).await,
        read => read,
    };
    let gone = || "the tenant does not know the registration report; check tenant.graph_url".to_owned();
    read.map_err(|unread| unread.trouble(gone))
}

async fn pages(transport: &Transport, roll: &Arc<Roll>, columns: Columns) -> Result<Registration, Unread> {
    let mut registration = Registration::new(Arc::clone(roll));
    let (mut refreshed, mut last) = (None, String::new());
    let take = |row: Row| {
        if let Some((person, readiness)) = readiness(&row) {
            registration.put(person, readiness);
        }
        // Most rows carry the same text, and equal texts need no reading.
        if let Some(at) = row.updated.filter(|at| *at != last) {
            last = at;
            refreshed = refreshed.max(last.parse::<Timestamp>().ok());
        }
    };
    page::each(transport, &Read::Registration(columns).call(), take).await?;
    registration.refreshed = refreshed;
    Ok(registration)
}

/// `isMfaCapable` is "registered and allowed by policy"; `isMfaRegistered` alone is not enough.
pub(super) fn judged(capable: Option<bool>, registered: Option<bool>) -> Readiness {
    match (capable, registered) {
        (Some(true), _) => Readiness::Capable,
        (Some(false), Some(true)) => Readiness::RegisteredNotAllowed,
        (Some(false), Some(false)) => Readiness::Unregistered,
        (Some(false), None) | (None, _) => Readiness::Unknown,
    }
}

fn readiness(row: &Row) -> Option<(ObjectId, Readiness)> {
    Some((row.id?, judged(row.capable, row.registered)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::row::of;
    use super::*;

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
            assert_eq!(readiness(&of(&row)).unwrap().1, expected, "{row}");
        }
        assert_eq!(readiness(&of(&json!({"id": id}))).unwrap().1, Readiness::Unknown);
    }
}
