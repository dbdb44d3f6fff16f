//! What is true of a simulated tenant at an instant, for those who judge what was done to it. Changes nothing.

use jiff::Timestamp;

use super::person::{Account, Kind, Person};
use super::policy::State;
use super::tenant::{ENFORCED_GROUP, POLICY, Tenant};
use crate::rollout::id::ObjectId;

/// What protects a person, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) kind: Kind,
    pub(super) disabled: Option<Timestamp>,
    pub(super) exempt: Option<Timestamp>,
}

impl Tenant {
    /// How a person stands at `now`; `None` when there is no such person.
    pub(super) fn standing(&self, now: Timestamp, id: ObjectId) -> Option<Standing> {
        let person = self.by_id.get(&id).and_then(|at| self.people.get(*at)).filter(|person| person.exists())?;
        let disabled = (person.account == Account::Disabled).then_some(person.account_since);
        Some(Standing { kind: person.kind, disabled, exempt: self.exempt_since(now, id) })
    }

    /// Everybody who exists, is enabled, is not exempt and is no special account; guests where they count.
    pub(super) fn in_scope(&self, now: Timestamp, guests: Guests) -> Vec<ObjectId> {
        let counts = |person: &&Person| match person.kind {
            Kind::Ordinary => true,
            Kind::Guest => guests == Guests::Count,
            Kind::BreakGlass | Kind::Sync | Kind::Resource => false,
        };
        let free = |person: &&Person| person.exists() && person.is_enabled() && self.exempt_since(now, person.id).is_none();
        self.people.iter().filter(counts).filter(free).map(|person| person.id).collect()
    }

    /// When the person came into the tenant.
    pub(super) fn joined(&self, id: ObjectId) -> Option<Timestamp> {
        self.by_id.get(&id).and_then(|at| self.people.get(*at)).map(|person| person.created)
    }

    /// Whether a mail would reach the person.
    pub(super) fn has_mail(&self, id: ObjectId) -> bool {
        let person = self.by_id.get(&id).and_then(|at| self.people.get(*at));
        person.is_some_and(|person| person.exists() && person.mail.is_some())
    }

    /// Whether the person is a member of the enforcement group at `at`.
    pub(super) fn is_enforced(&self, id: ObjectId, at: Timestamp) -> bool {
        self.group_named(ENFORCED_GROUP).is_some_and(|group| group.had(id, at))
    }

    /// Since when somebody has been a member of the enforcement group, who is one.
    pub(super) fn has_since(&self, id: ObjectId) -> Option<Timestamp> {
        self.group_named(ENFORCED_GROUP).filter(|group| group.has(id)).and_then(|group| group.last_from(id))
    }

    /// Since when somebody had been a member whose membership ended at `at`.
    pub(super) fn came(&self, id: ObjectId, at: Timestamp) -> Option<Timestamp> {
        self.group_named(ENFORCED_GROUP).and_then(|group| group.ended(id, at))
    }

    /// Since when the policy has not required MFA of the group; `None` while it does.
    pub(super) fn policy_off_since(&self) -> Option<Timestamp> {
        let off = self.required.iter().rev().take_while(|(_, works)| !works);
        off.last().map(|(since, _)| *since)
    }

    /// What the policy says, and when it was last changed.
    pub(super) fn policy_text(&self) -> (String, Option<Timestamp>) {
        let Some(policy) = self.policies.iter().find(|policy| policy.name == POLICY) else { return (String::new(), None) };
        let mut excluded = policy.exclude_users.clone();
        excluded.sort_unstable();
        (format!("{} {excluded:?}", policy.state.as_str()), policy.modified)
    }

    /// Since when fewer than two break-glass accounts have been enabled and excluded from the policy; `None` while two are.
    pub(super) fn break_glass_short_since(&self) -> Option<Timestamp> {
        let policy = self.policies.iter().find(|policy| policy.name == POLICY && policy.state == State::Enabled);
        let unsound = |person: &Person| {
            let disabled = (person.account == Account::Disabled).then_some(person.account_since);
            let excluded = policy.is_none_or(|policy| policy.exclude_users.contains(&person.id_text));
            let exposed = if excluded { None } else { policy.and_then(|policy| policy.excluding_since) };
            [person.deleted, disabled, exposed].into_iter().flatten().min()
        };
        let mut since: Vec<Option<Timestamp>> =
            self.people.iter().filter(|person| person.kind == Kind::BreakGlass).map(unsound).collect();
        // The sound ones first, then those that were sound the longest: the second decides.
        since.sort_by_key(|since| std::cmp::Reverse(since.unwrap_or(Timestamp::MAX)));
        since.get(1).copied().flatten()
    }
}

/// Whether guests are in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guests {
    Count,
    DoNot,
}
