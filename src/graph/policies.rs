//! Conditional Access policies: finding exactly one and reading it.
//!
//! Does not judge or change policies (`enforcement` judges). Invariant: a policy is handed on as the tenant wrote it, unknown members
//! included.

use serde_json::Value;

use super::groups::unusable;
use super::page;
use super::people::id;
use super::request::Read;
use super::transport::Transport;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;

/// The one policy with this object id or exact display name.
pub(crate) async fn find(transport: &Transport, text: &str) -> Result<ObjectId, Trouble> {
    if let Ok(id) = text.parse() {
        return by_id(transport, id).await.map(|_| id);
    }
    let mut found = Vec::new();
    let take = |row: Value| {
        if row.get("displayName").and_then(Value::as_str) == Some(text) {
            found.extend(id(&row));
        }
    };
    let gone = || "the tenant does not know Conditional Access policies; check tenant.graph_url".to_owned();
    page::each(transport, &Read::Policies.call(), take).await.map_err(|unread| unread.trouble(gone))?;
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [policy] => Ok(*policy),
        [] => Err(unusable(format!(
            "no Conditional Access policy is named `{text}`; create it, or correct enforcement.policy in the plan"
        ))),
        several => Err(unusable(format!(
            "{} Conditional Access policies are named `{text}`; put the id of the one that is meant into enforcement.policy",
            several.len()
        ))),
    }
}

/// The policy with the id.
pub(crate) async fn by_id(transport: &Transport, policy: ObjectId) -> Result<Value, Trouble> {
    let parse = |body: &[u8]| serde_json::from_slice(body).ok().filter(|row| id(row) == Some(policy));
    let gone =
        || format!("the Conditional Access policy {policy} does not exist; check the plan, and whether somebody deleted it");
    transport.read(&Read::Policy(policy).call(), parse).await.map_err(|unread| unread.trouble(gone))
}
