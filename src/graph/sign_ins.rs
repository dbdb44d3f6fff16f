//! The sign-in log: attempts since an instant.
//!
//! Does not judge codes. Invariant: attempts are joined to people by `userId`, since names in this log are lower case and, for
//! guests, foreign; each attempt counts once.

use jiff::Timestamp;
use serde_json::Value;

use super::page::{self, Fields};
use super::request::Read;
use super::transport::Transport;
use crate::rollout::observed::{SignIn, Trouble};

/// What is read of a row.
const FIELDS: Fields = Fields::Only(&["id", "userId", "createdDateTime", "status"]);

/// Attempts since `since`, oldest first. Rows without person, time or code are left out.
pub(crate) async fn since(transport: &Transport, since: Timestamp) -> Result<Vec<SignIn>, Trouble> {
    let mut attempts: Vec<SignIn> = Vec::new();
    let gone = || "the tenant does not know the sign-in log; check tenant.graph_url".to_owned();
    let take = |row: &Value| attempts.extend(attempt(row));
    page::each(transport, &Read::SignInsSince(since).call(), FIELDS, take).await.map_err(|unread| unread.trouble(gone))?;
    attempts.sort_by(|a, b| a.id.cmp(&b.id));
    attempts.dedup_by(|later, earlier| later.id == earlier.id);
    attempts.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok(attempts)
}

fn attempt(row: &Value) -> Option<SignIn> {
    let text = |field: &str| row.get(field).and_then(Value::as_str);
    let code = row.pointer("/status/errorCode")?;
    Some(SignIn {
        id: text("id")?.to_owned(),
        person: text("userId")?.parse().ok()?,
        at: text("createdDateTime")?.parse().ok()?,
        code: code.as_i64().or_else(|| code.as_str()?.parse().ok())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_attempt_needs_person_time_and_code() {
        let whole = json!({"id": "66ea54eb", "userId": "26be570a-ae82-4189-b4e2-a37c6808512d",
            "createdDateTime": "2020-03-13T19:15:41.6195833Z", "status": {"errorCode": 50076, "failureReason": null}});
        assert_eq!(attempt(&whole).unwrap().code, 50_076);
        for field in ["id", "userId", "createdDateTime", "status"] {
            let mut part = whole.clone();
            part[field] = json!(null);
            assert!(attempt(&part).is_none(), "{field}");
        }
    }
}
