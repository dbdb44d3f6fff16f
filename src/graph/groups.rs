//! Groups: finding exactly one, and reading its members.
//!
//! Does not write. Invariant: a name that matches no group, or more than one, is an error and never a guess; only users count as
//! members.

use std::sync::Arc;

use serde::de::MapAccess;
use serde_json::Value;

use super::page;
use super::people::id;
use super::request::Read;
use super::row::{self, Fields};
use super::transport::Transport;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{IdSet, Roll, Trouble, TroubleKind};

/// A group, as far as its fitness for being written depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: ObjectId,
    pub(crate) unfit: Option<Unfit>,
}

/// Why nobody should be put into a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A rule decides who is in it.
    Dynamic,
    /// It belongs to an on-premises directory.
    Synced,
    /// It may carry directory roles.
    RoleAssignable,
    /// It serves mail.
    MailEnabled,
    /// It is no security group, or the tenant did not say so.
    NotSecurityEnabled,
}

/// Which members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Those in the group itself.
    Direct,
    /// Those of nested groups too.
    Transitive,
}

/// The one group with this object id or exact display name.
pub(crate) async fn find(transport: &Transport, text: &str) -> Result<Group, Trouble> {
    if let Ok(id) = text.parse() {
        return by_id(transport, id).await;
    }
    let (mut found, similar) = named(transport, text).await?;
    let count = found.len();
    match found.pop() {
        Some(group) if count == 1 => Ok(group),
        Some(_) => {
            Err(unusable(format!("{count} groups are named `{text}`; put the object id of the one that is meant into the plan")))
        }
        None => Err(unusable(none(text, similar))),
    }
}

/// The groups with this exact display name, and how many have one that differs in upper and lower case only.
pub(crate) async fn named(transport: &Transport, text: &str) -> Result<(Vec<Group>, usize), Trouble> {
    let mut found = Vec::new();
    let mut similar = 0_usize;
    let call = Read::GroupsNamed(text.to_owned()).call();
    let take = |row: Value| {
        if row.get("displayName").and_then(Value::as_str) == Some(text) {
            found.extend(group(&row));
        } else {
            similar += 1;
        }
    };
    page::each(transport, &call, take).await.map_err(|unread| unread.trouble(|| none(text, similar)))?;
    found.dedup_by_key(|group| group.id);
    Ok((found, similar))
}

/// The group with the id.
pub(crate) async fn by_id(transport: &Transport, id: ObjectId) -> Result<Group, Trouble> {
    let parse = |body: &[u8]| group(&serde_json::from_slice(body).ok()?);
    transport.read(&Read::Group(id).call(), parse).await.map_err(|unread| unread.trouble(|| missing(id)))
}

/// The users in a group.
pub(crate) async fn members(transport: &Transport, roll: &Arc<Roll>, group: ObjectId, depth: Depth) -> Result<IdSet, Trouble> {
    let read = match depth {
        Depth::Direct => Read::Members(group),
        Depth::Transitive => Read::TransitiveMembers(group),
    };
    let mut people = IdSet::new(Arc::clone(roll));
    let take = |member: Member| people.extend(member.id.filter(|_| member.is_user()));
    page::each(transport, &read.call(), take).await.map_err(|unread| unread.trouble(|| missing(group)))?;
    Ok(people)
}

/// A member of a group.
#[derive(Default)]
struct Member {
    id: Option<ObjectId>,
    kind: Option<Kind>,
}

/// The type of a member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Other,
}

impl row::Kind for Kind {
    fn text(text: &str) -> Option<Self> {
        Some(if text.eq_ignore_ascii_case("#microsoft.graph.user") { Self::User } else { Self::Other })
    }
}

impl Fields for Member {
    const NAMES: &'static [&'static str] = &["id", "@odata.type"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = row::value(row)?,
            _ => self.kind = row::value(row)?,
        }
        Ok(())
    }
}

impl Member {
    /// A member without a type counts as a user: the published samples leave it out.
    fn is_user(&self) -> bool {
        self.kind != Some(Kind::Other)
    }
}

fn group(row: &Value) -> Option<Group> {
    let is = |field: &str| row.get(field).and_then(Value::as_bool).unwrap_or(false);
    let mut types = row.get("groupTypes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let unfit = [
        (types.any(|kind| kind.eq_ignore_ascii_case("DynamicMembership")), Unfit::Dynamic),
        (is("onPremisesSyncEnabled"), Unfit::Synced),
        (is("isAssignableToRole"), Unfit::RoleAssignable),
        (is("mailEnabled"), Unfit::MailEnabled),
        (!is("securityEnabled"), Unfit::NotSecurityEnabled),
    ];
    let unfit = unfit.into_iter().find_map(|(unfit, why)| unfit.then_some(why));
    Some(Group { id: id(row)?, unfit })
}

fn none(text: &str, similar: usize) -> String {
    if similar == 0 {
        format!("no group is named `{text}`; check the name in the plan, or put the group's object id there")
    } else {
        format!("no group is named exactly `{text}`, but one differs in upper and lower case only; write it as the tenant does")
    }
}

fn missing(id: ObjectId) -> String {
    format!("the group {id} does not exist; check the plan, and whether somebody deleted the group")
}

pub(crate) fn unusable(why: String) -> Trouble {
    Trouble { kind: TroubleKind::Unusable, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_assigned_security_group_is_fit() {
        let id = "02bd9fd6-8f93-4758-87c3-1fb73740a315";
        for (row, unfit) in [
            (json!({"id": id, "securityEnabled": true}), None),
            (json!({"id": id, "securityEnabled": true, "groupTypes": null, "onPremisesSyncEnabled": null}), None),
            (json!({"id": id, "securityEnabled": true, "groupTypes": ["DynamicMembership"]}), Some(Unfit::Dynamic)),
            (json!({"id": id, "securityEnabled": true, "onPremisesSyncEnabled": true}), Some(Unfit::Synced)),
            (json!({"id": id, "securityEnabled": true, "isAssignableToRole": true}), Some(Unfit::RoleAssignable)),
            (json!({"id": id, "securityEnabled": true, "mailEnabled": true}), Some(Unfit::MailEnabled)),
            (json!({"id": id, "groupTypes": ["Unified"], "mailEnabled": true}), Some(Unfit::MailEnabled)),
            (json!({"id": id, "securityEnabled": false}), Some(Unfit::NotSecurityEnabled)),
            (json!({"id": id}), Some(Unfit::NotSecurityEnabled)),
        ] {
            assert_eq!(group(&row).unwrap().unfit, unfit, "{row}");
        }
        assert!(group(&json!({"securityEnabled": true})).is_none());
    }
}
