//! A group and its members over time: replicas that lag show the past, so the past is kept.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::json::{Row, Value};
use super::reply::Refusal;
use crate::rollout::id::ObjectId;

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: ObjectId,
    pub(super) id_text: String,
    pub(super) name: String,
    pub(super) kind: GroupKind,
    /// Before, no replica knows it.
    pub(super) known_from: Timestamp,
    /// The times during which each object was a member, oldest first.
    spans: BTreeMap<ObjectId, Vec<Span>>,
}

/// What makes a group special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupKind {
    Security,
    Dynamic,
    Synced,
    MailEnabled,
    RoleAssignable,
    Microsoft365,
}

/// A time as a member; half-open.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Group {
    pub(super) fn new(id: ObjectId, name: &str, kind: GroupKind) -> Self {
        Self { id, id_text: id.to_string(), name: name.to_owned(), kind, known_from: Timestamp::MIN, spans: BTreeMap::new() }
    }

    /// Whether `id` was a direct member at `at`.
    pub(super) fn had(&self, id: ObjectId, at: Timestamp) -> bool {
        self.since(id, at).is_some()
    }

    /// Since when `id` had been a direct member at `at`.
    pub(super) fn since(&self, id: ObjectId, at: Timestamp) -> Option<Timestamp> {
        let spans = self.spans.get(&id)?;
        spans.iter().rev().find(|span| span.from <= at && at < span.to).map(|span| span.from)
    }

    /// When the latest time of `id` as a direct member began.
    pub(super) fn last_from(&self, id: ObjectId) -> Option<Timestamp> {
        self.spans.get(&id)?.last().map(|span| span.from)
    }

    /// When the time of `id` as a direct member began that ended at `at`.
    pub(super) fn ended(&self, id: ObjectId, at: Timestamp) -> Option<Timestamp> {
        self.spans.get(&id)?.iter().rev().find(|span| span.to == at).map(|span| span.from)
    }

    /// The instants at which `id` came and went.
    pub(super) fn turns(&self, id: ObjectId) -> impl Iterator<Item = Timestamp> + '_ {
        self.spans.get(&id).into_iter().flatten().flat_map(|span| [span.from, span.to])
    }

    /// Whether `id` is a direct member.
    pub(super) fn has(&self, id: ObjectId) -> bool {
        self.spans.get(&id).and_then(|spans| spans.last()).is_some_and(|span| span.to == Timestamp::MAX)
    }

    /// Direct members at `at`, by id, ascending, after `mark`.
    pub(super) fn members_at(&self, at: Timestamp, mark: Option<ObjectId>) -> impl Iterator<Item = ObjectId> + '_ {
        let from = mark.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let spans = self.spans.range((from, std::ops::Bound::Unbounded));
        spans.filter(move |(_, spans)| spans.iter().any(|span| span.from <= at && at < span.to)).map(|(id, _)| *id)
    }

    /// Whose membership began or ended after `since` (ever, without one) and up to `until`; by id, ascending, after `mark`.
    pub(super) fn changed_between(
        &self,
        since: Option<Timestamp>,
        until: Timestamp,
        mark: Option<ObjectId>,
    ) -> impl Iterator<Item = ObjectId> + '_ {
        let from = mark.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let is_in = move |at: Timestamp| since.is_none_or(|since| since < at) && at <= until;
        let spans = self.spans.range((from, std::ops::Bound::Unbounded));
        spans.filter(move |(_, spans)| spans.iter().any(|span| is_in(span.from) || is_in(span.to))).map(|(id, _)| *id)
    }

    pub(super) fn add(&mut self, id: ObjectId, now: Timestamp) {
        if !self.has(id) {
            self.spans.entry(id).or_default().push(Span { from: now, to: Timestamp::MAX });
        }
    }

    /// Ends the membership, if there is one.
    pub(super) fn remove(&mut self, id: ObjectId, now: Timestamp) {
        if let Some(span) = self.spans.get_mut(&id).and_then(|spans| spans.last_mut()) {
            span.to = span.to.min(now);
        }
    }

    /// Why an app with these roles may not change the members, if it may not.
    pub(super) fn is_writable(&self, roles: &[String]) -> Result<(), Refusal> {
        let bad = |message: &str| Err(Refusal::bad("Request_BadRequest", message));
        match self.kind {
            GroupKind::Security | GroupKind::Microsoft365 => Ok(()),
            GroupKind::Dynamic => bad("Insufficient privileges to add or remove members of a group with dynamic membership."),
            GroupKind::Synced => bad(
                "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
            ),
            GroupKind::MailEnabled => bad("Cannot Update a mail-enabled security groups and or distribution list."),
            GroupKind::RoleAssignable if roles.iter().any(|role| role == "RoleManagement.ReadWrite.Directory") => Ok(()),
            GroupKind::RoleAssignable => Err(Refusal::no_permission()),
        }
    }
}

/// Properties that a list gives when none are selected.
pub(super) const DEFAULT: [&str; 17] = [
    "id",
    "deletedDateTime",
    "classification",
    "createdDateTime",
    "description",
    "displayName",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "onPremisesSyncEnabled",
    "proxyAddresses",
    "securityEnabled",
    "visibility",
];

impl Row for Group {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        let kind = self.kind;
        let when = |is: bool, text: &'static str| if is { Value::Text(text) } else { Value::Null };
        Some(match name {
            "id" => Value::Text(&self.id_text),
            "displayName" => Value::Text(&self.name),
            "mailNickname" => Value::Owned(self.name.replace(' ', "")),
            "createdDateTime" => Value::Text("2025-05-05T08:00:00Z"),
            "groupTypes" => match kind {
                GroupKind::Dynamic => Value::texts(&["DynamicMembership"]),
                GroupKind::Microsoft365 => Value::texts(&["Unified"]),
                _ => Value::List(Vec::new()),
            },
            "membershipRule" => when(kind == GroupKind::Dynamic, "(user.department -eq \"Sales\")"),
            "membershipRuleProcessingState" => when(kind == GroupKind::Dynamic, "On"),
            "onPremisesSyncEnabled" => {
                if kind == GroupKind::Synced {
                    Value::Bool(true)
                } else {
                    Value::Null
                }
            }
            "mailEnabled" => Value::Bool(matches!(kind, GroupKind::MailEnabled | GroupKind::Microsoft365)),
            "securityEnabled" => Value::Bool(kind != GroupKind::Microsoft365),
            "isAssignableToRole" => {
                if kind == GroupKind::RoleAssignable {
                    Value::Bool(true)
                } else {
                    Value::Null
                }
            }
            "visibility" => when(kind == GroupKind::Microsoft365, "Private"),
            "isManagementRestricted" | "deletedDateTime" | "classification" | "description" | "mail" => Value::Null,
            "proxyAddresses" => Value::List(Vec::new()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_of_a_membership_is_kept() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (mut group, who) = (Group::new(ObjectId::from_bits(1), "g", GroupKind::Security), ObjectId::from_bits(2));
        group.add(who, at(10));
        group.remove(who, at(20));
        group.remove(who, at(25));
        group.add(who, at(30));
        let seen: Vec<_> = [9, 10, 19, 20, 29, 30].into_iter().map(|second| group.had(who, at(second))).collect();
        assert_eq!(seen, [false, true, true, false, false, true]);
        assert!(group.has(who));
        assert_eq!(group.members_at(at(35), Some(who)).count(), 0);
    }
}
