//! Holders of the directory synchronisation role, who are never enforced.
//!
//! Reads assigned roles only; eligible ones do not exist for this role. Invariant: where a group holds the role, its members do.

use std::sync::Arc;

use serde_json::Value;

use super::groups::{Depth, members};
use super::page;
use super::request::Read;
use super::transport::Transport;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Roll, Trouble};

/// Template id of "Directory Synchronization Accounts" (Microsoft's list of built-in roles).
const SYNC: ObjectId = ObjectId::from_bits(0xd29b_2b05_8046_44ba_8758_1e26_182f_cf32);

/// Holders of the role, ascending.
pub(crate) async fn sync_accounts(transport: &Transport, roll: &Arc<Roll>) -> Result<Vec<ObjectId>, Trouble> {
    let mut holders = Vec::new();
    let mut groups = Vec::new();
    let take = |row: Value| {
        let kind = row.pointer("/principal/@odata.type").and_then(Value::as_str);
        let id: Option<ObjectId> = row.get("principalId").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if kind == Some("#microsoft.graph.group") { groups.extend(id) } else { holders.extend(id) }
    };
    let gone = || "the tenant does not know directory roles; check tenant.graph_url".to_owned();
    page::each(transport, &Read::RoleHolders(SYNC).call(), take).await.map_err(|unread| unread.trouble(gone))?;
    for group in groups {
        holders.extend(members(transport, roll, group, Depth::Transitive).await?.iter());
    }
    holders.sort_unstable();
    holders.dedup();
    Ok(holders)
}
