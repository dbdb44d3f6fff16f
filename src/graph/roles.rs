//! Holders of directory roles: of the synchronisation, who are never enforced, and administrators.
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
pub(crate) const SYNC: ObjectId = ObjectId::from_bits(0xd29b_2b05_8046_44ba_8758_1e26_182f_cf32);
/// Template id of "Global Administrator". Those who may activate it are listed elsewhere and not read.
pub(crate) const ADMIN: ObjectId = ObjectId::from_bits(0x62e9_0394_69f5_4237_9190_0121_7714_5e10);

/// Holders of the role of the synchronisation, ascending.
pub(crate) async fn sync_accounts(transport: &Transport, roll: &Arc<Roll>) -> Result<Vec<ObjectId>, Trouble> {
    holders(transport, roll, SYNC).await
}

/// Holders of a role, ascending.
pub(crate) async fn holders(transport: &Transport, roll: &Arc<Roll>, role: ObjectId) -> Result<Vec<ObjectId>, Trouble> {
    let mut holders = Vec::new();
    let mut groups = Vec::new();
    let take = |row: Value| {
        let kind = row.pointer("/principal/@odata.type").and_then(Value::as_str);
        let id: Option<ObjectId> = row.get("principalId").and_then(Value::as_str).and_then(|id| id.parse().ok());
        match kind {
            Some("#microsoft.graph.group") => groups.extend(id),
            // An app that holds a role signs in as itself, never as a person.
            Some("#microsoft.graph.servicePrincipal") => {}
            _ => holders.extend(id),
        }
    };
    let gone = || "the tenant does not know directory roles; check tenant.graph_url".to_owned();
    page::each(transport, &Read::RoleHolders(role).call(), take).await.map_err(|unread| unread.trouble(gone))?;
    for group in groups {
        holders.extend(members(transport, roll, group, Depth::Transitive).await?.iter());
    }
    holders.sort_unstable();
    holders.dedup();
    Ok(holders)
}
