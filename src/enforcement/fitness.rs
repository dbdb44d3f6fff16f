//! Which groups may be the enforcement group.
//!
//! Pure. Invariant: every kind of group that cannot be written as intended has its own sentence.

use crate::graph::groups::{Group, Unfit};

/// Why the group cannot be used; `None` when it can.
pub(super) fn problem(group: &Group) -> Option<String> {
    let why = match group.unfit? {
        Unfit::Dynamic => "is dynamic: a rule decides who is in it, and nobody can be put into it",
        Unfit::Synced => "is synchronised from an on-premises directory and can only be changed there",
        Unfit::RoleAssignable => "is role-assignable: writing to it takes a permission that the app must not have",
        Unfit::MailEnabled => "is mail-enabled: it serves mail and is managed in Exchange",
        Unfit::NotSecurityEnabled => "is not security-enabled, so that no policy should rest on it",
    };
    Some(format!("the group {} {why}; name an assigned security group in enforcement.group", group.id))
}
