//! `doctor --consent`: the permissions that a plan needs, as a table for a human and as JSON for an app registration.
//!
//! Asks no tenant. Invariant: the JSON's `requiredResourceAccess` is what Microsoft Graph takes for an application.

use serde_json::json;

use crate::rollout::plan::Plan;
use crate::rollout::preflight::permissions::{Purpose, RESOURCE, needed};
use crate::say;

/// The consent set as JSON.
pub(super) fn json(plan: &Plan) -> serde_json::Value {
    let needs = needed(plan);
    let access: Vec<_> = needs.iter().map(|need| json!({ "id": need.id, "type": "Role" })).collect();
    json!({ "permissions": needs, "requiredResourceAccess": [{ "resourceAppId": RESOURCE, "resourceAccess": access }] })
}

/// The consent set as a table.
pub(super) fn table(plan: &Plan) {
    let needs = needed(plan);
    let width = needs.iter().map(|need| need.permission.len()).max().unwrap_or_default();
    say!("application permissions of Microsoft Graph ({RESOURCE}) that this plan needs, and no more:");
    for need in &needs {
        let only = match need.purpose {
            Purpose::Run => "",
            Purpose::Mail => " (or by Exchange's role-based access for applications)",
            Purpose::Doctor => " (only for `tidegate doctor`)",
        };
        say!("  {:<width$}  {}  {}{only}", need.permission, need.id, need.used_to);
    }
    say!("each needs admin consent; a change counts from the next token on");
}
