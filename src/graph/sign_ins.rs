//! The sign-in log: attempts since an instant.
//!
//! Does not judge codes. Invariant: attempts are joined to people by `userId`, since names in this log are lower case and, for
//! guests, foreign; each attempt counts once.

use jiff::Timestamp;
use serde::de::MapAccess;

use super::page;
use super::request::{Columns, Read};
use super::row::{Fields, Kind, object, value};
use super::transport::{Transport, Unread};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Client, SignIn, Trouble};

/// A row of the log.
#[derive(Default)]
struct Row {
    id: Option<String>,
    person: Option<ObjectId>,
    at: Option<Timestamp>,
    code: Option<i64>,
    client: Client,
}

/// Every other client that the log names cannot do MFA (Microsoft, "Sign-in logs: client app").
const MODERN: [&str; 2] = ["Browser", "Mobile Apps and Desktop clients"];

impl Kind for Client {
    fn text(text: &str) -> Option<Self> {
        let modern = text.trim().is_empty() || MODERN.iter().any(|known| text.eq_ignore_ascii_case(known));
        Some(if modern { Self::Modern } else { Self::Legacy })
    }
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["id", "userId", "createdDateTime", "status", "clientAppUsed"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = value(row)?,
            "userId" => self.person = value(row)?,
            "createdDateTime" => self.at = value(row)?,
            "clientAppUsed" => self.client = value(row)?.unwrap_or_default(),
            _ => self.code = object::<Status, _>(row)?.code,
        }
        Ok(())
    }
}

/// How an attempt ended.
#[derive(Default)]
struct Status {
    code: Option<i64>,
}

impl Fields for Status {
    const NAMES: &'static [&'static str] = &["errorCode"];

    fn take<'de, A: MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
        self.code = value(row)?;
        Ok(())
    }
}

/// Attempts since `since`, oldest first. Rows without person, time or code are left out.
///
/// As with the registration report, columns are asked for where the tenant takes that.
pub(crate) async fn since(transport: &Transport, since: Timestamp) -> Result<Vec<SignIn>, Trouble> {
    let read = match pages(transport, since, Columns::Needed).await {
        Err(Unread::Refused(refusal)) if matches!(refusal.status, 400 | 501) => pages(transport, since, Columns::All).await,
        read => read,
    };
    let gone = || "the tenant does not know the sign-in log; check tenant.graph_url".to_owned();
    read.map_err(|unread| unread.trouble(gone))
}

async fn pages(transport: &Transport, since: Timestamp, columns: Columns) -> Result<Vec<SignIn>, Unread> {
    let mut attempts: Vec<SignIn> = Vec::new();
    let take = |row: Row| attempts.extend(attempt(row));
    page::each(transport, &Read::SignInsSince(since, columns).call(), take).await?;
    attempts.sort_by(|a, b| a.id.cmp(&b.id));
    attempts.dedup_by(|later, earlier| later.id == earlier.id);
    attempts.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok(attempts)
}

fn attempt(row: Row) -> Option<SignIn> {
    Some(SignIn { id: row.id?, person: row.person?, at: row.at?, code: row.code?, client: row.client })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::row::of;
    use super::*;

    #[test]
    fn an_attempt_needs_person_time_and_code() {
        let whole = json!({"id": "66ea54eb", "userId": "26be570a-ae82-4189-b4e2-a37c6808512d",
            "createdDateTime": "2020-03-13T19:15:41.6195833Z", "status": {"errorCode": 50076, "failureReason": null}});
        assert_eq!(attempt(of(&whole)).unwrap().code, 50_076);
        for field in ["id", "userId", "createdDateTime", "status"] {
            let mut part = whole.clone();
            part[field] = json!(null);
            assert!(attempt(of(&part)).is_none(), "{field}");
        }
    }
}
