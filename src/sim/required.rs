//! Of whom MFA is truly required, when, and by which way: a policy, per-user MFA, or security defaults.
//!
//! The past is kept, so that gaps can be measured: times at which somebody who had MFA before had none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::group::Group;
use super::moment::after;
use super::person::{Ability, Account, Kind, PerUser, Person};
use super::policy::{Policy, State};
use super::tenant::Tenant;
use crate::rollout::id::ObjectId;

/// How long somebody who has registered nothing may put it off under security defaults.
const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A way by which MFA is required of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// An enabled policy, by its display name.
    Policy(String),
    /// The person's own state.
    PerUser,
    /// The switch for the whole tenant.
    SecurityDefaults,
}

/// What a revision of a policy means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// Whether it requires MFA at all: on, with a control that is MFA, for all applications.
    requires: bool,
    include: Set,
    exclude: Set,
}

/// People, as a policy names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set {
    all: bool,
    guests: bool,
    users: Vec<ObjectId>,
    groups: Vec<ObjectId>,
    roles: Vec<String>,
}

impl Set {
    fn of(users: &[String], groups: &[String], roles: &[String]) -> Self {
        let is = |word: &str| users.iter().any(|user| user.eq_ignore_ascii_case(word));
        let ids = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        Self {
            all: is("All"),
            guests: is("GuestsOrExternalUsers"),
            users: ids(users),
            groups: ids(groups),
            roles: roles.to_vec(),
        }
    }
}

impl Rule {
    pub(super) fn of(policy: &Policy) -> Self {
        let is_mfa = policy.strength.is_some() || policy.controls.iter().any(|control| control == "mfa");
        let is_everywhere = policy.applications.iter().any(|app| app == "All");
        Self {
            requires: policy.state == State::Enabled && is_mfa && is_everywhere,
            include: Set::of(&policy.include_users, &policy.include_groups, &policy.include_roles),
            exclude: Set {
                guests: policy.exclude_guests.is_some(),
                ..Set::of(&policy.exclude_users, &policy.exclude_groups, &policy.exclude_roles)
            },
        }
    }
}

impl Policy {
    /// What the policy meant at `at`.
    pub(super) fn rule_at(&self, at: Timestamp) -> Option<&Rule> {
        self.revisions.iter().rev().find(|(from, _)| *from <= at).map(|(_, rule)| rule)
    }
}

impl Tenant {
    /// By which ways MFA was required of a person at `at`.
    #[must_use]
    pub fn ways(&self, person: ObjectId, at: Timestamp) -> Vec<Way> {
        let Some(person) = self.by_id.get(&person).and_then(|at| self.people.get(*at)) else { return Vec::new() };
        let policies = self.policies.iter().filter(|policy| self.requires(policy, person, at));
        let mut ways: Vec<Way> = policies.map(|policy| Way::Policy(policy.name.clone())).collect();
        if self.per_user_at(person, at) != PerUser::Disabled {
            ways.push(Way::PerUser);
        }
        if self.defaults_require(person, at) {
            ways.push(Way::SecurityDefaults);
        }
        ways
    }

    /// Since when MFA has been required of a person without a gap; `None` when it is not.
    #[must_use]
    pub fn required_since(&self, person: ObjectId, now: Timestamp) -> Option<Timestamp> {
        let person = self.by_id.get(&person).and_then(|at| self.people.get(*at))?;
        let changes = self.changes(person, now);
        changes.iter().rev().take_while(|(_, required)| *required).last().map(|(since, _)| *since)
    }

    /// When MFA was first required of a person.
    pub(super) fn first_required(&self, person: ObjectId, now: Timestamp) -> Option<Timestamp> {
        let person = self.by_id.get(&person).and_then(|at| self.people.get(*at))?;
        self.changes(person, now).into_iter().find(|(_, required)| *required).map(|(since, _)| since)
    }

    /// People who had MFA before and have none now. Accounts that are deleted or disabled do not count.
    #[must_use]
    pub fn without_mfa(&self, now: Timestamp) -> Vec<ObjectId> {
        let had = |person: &&Person| {
            let changes = self.changes(person, now);
            changes.last().is_some_and(|(_, required)| !required) && changes.iter().any(|(_, required)| *required)
        };
        let counts = |person: &&Person| person.exists() && person.is_enabled();
        self.people.iter().filter(counts).filter(had).map(|person| person.id).collect()
    }

    /// For how long, in all and until `now`, people who had MFA before had none. Whoever had no gap is missing.
    #[must_use]
    pub fn gaps(&self, now: Timestamp) -> BTreeMap<ObjectId, SignedDuration> {
        let gap = |person: &Person| {
            let changes = self.changes(person, now);
            let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([now]);
            let spans = changes.iter().zip(ends).skip_while(|((_, required), _)| !required);
            let lost = spans.filter(|((_, required), _)| !required).map(|((from, _), to)| to.duration_since(*from));
            lost.fold(SignedDuration::ZERO, SignedDuration::saturating_add)
        };
        self.people.iter().map(|person| (person.id, gap(person))).filter(|(_, gap)| !gap.is_zero()).collect()
    }

    /// Whether MFA was required of the person at `at`, by whatever way.
    pub(super) fn is_required(&self, person: &Person, at: Timestamp) -> bool {
        self.policies.iter().any(|policy| self.requires(policy, person, at))
            || self.per_user_at(person, at) != PerUser::Disabled
            || self.defaults_require(person, at)
    }

    /// The person's state of per-user MFA as it showed at `at`: `enabled` becomes `enforced` some time after registration.
    pub(super) fn per_user_at(&self, person: &Person, at: Timestamp) -> PerUser {
        let Some((set, state)) = person.per_user.iter().rev().find(|(since, _)| *since <= at).copied() else {
            return PerUser::Disabled;
        };
        let registered = [person.methods.own, person.methods.required].into_iter().flatten().min();
        let settles = registered.map(|registered| after(registered.max(set), self.profile.per_user_settles));
        if state == PerUser::Enabled && settles.is_some_and(|settles| settles <= at) { PerUser::Enforced } else { state }
    }

    fn requires(&self, policy: &Policy, person: &Person, at: Timestamp) -> bool {
        let rule = policy.rule_at(at).filter(|rule| rule.requires);
        rule.is_some_and(|rule| self.names(&rule.include, person, at) && !self.names(&rule.exclude, person, at))
    }

    /// Whether the policy would apply to the person at `at` if it were on.
    pub(super) fn covers(&self, policy: &Policy, person: &Person, at: Timestamp) -> bool {
        let rule = Rule::of(policy);
        self.names(&rule.include, person, at) && !self.names(&rule.exclude, person, at)
    }

    fn names(&self, set: &Set, person: &Person, at: Timestamp) -> bool {
        let in_group = |id: &ObjectId| {
            let Some(group) = self.groups.iter().find(|group| group.id == *id) else { return false };
            let nested = || self.groups.iter().any(|inner| group.had(inner.id, at) && inner.had(person.id, at));
            group.had(person.id, at) || nested()
        };
        set.all
            || (set.guests && person.kind == Kind::Guest)
            || set.users.contains(&person.id)
            || super::about::role_of(person).is_some_and(|role| set.roles.iter().any(|known| known == role))
            || set.groups.iter().any(in_group)
    }

    /// Under security defaults MFA is asked of everybody who has registered, and of the others after a while; nobody is left out
    /// but the synchronisation account.
    fn defaults_require(&self, person: &Person, at: Timestamp) -> bool {
        let Some((since, true)) = self.defaults.iter().rev().find(|(since, _)| *since <= at) else { return false };
        let signs_in = !matches!(person.kind, Kind::Sync | Kind::Resource);
        signs_in && (person.methods.at(at) != Ability::Nothing || at >= after((*since).max(person.created), GRACE))
    }

    /// Every instant until `now` at which something that bears on the person changed, and whether MFA was required from then on.
    fn changes(&self, person: &Person, now: Timestamp) -> Vec<(Timestamp, bool)> {
        let mut at = BTreeSet::from([Timestamp::MIN]);
        let mut groups: BTreeSet<ObjectId> = BTreeSet::new();
        for policy in &self.policies {
            for (from, rule) in &policy.revisions {
                at.insert(*from);
                groups.extend(rule.include.groups.iter().chain(&rule.exclude.groups));
            }
        }
        for (since, _) in &self.defaults {
            at.extend([*since, after(*since, GRACE)]);
        }
        at.extend(person.per_user.iter().map(|(since, _)| *since));
        at.extend([person.methods.own, person.methods.required].into_iter().flatten());
        at.insert(after(person.created, GRACE));
        for group in self.groups.iter().filter(|group| groups.contains(&group.id)) {
            at.extend(group.turns(person.id));
            let nested = |inner: &&Group| group.turns(inner.id).next().is_some();
            for inner in self.groups.iter().filter(nested) {
                at.extend(group.turns(inner.id).chain(inner.turns(person.id)));
            }
        }
        let since: Vec<Timestamp> = at.range(..=now).copied().collect();
        let mut changes: Vec<(Timestamp, bool)> = since.into_iter().map(|at| (at, self.is_required(person, at))).collect();
        changes.dedup_by_key(|(_, required)| *required);
        changes
    }

    /// An app made MFA required of people from `at` on, by a switch: they are judged as if each had been enforced, unless they had MFA
    /// before; and whoever has nothing registers at a sign-in from then on.
    pub(super) fn switched(&mut self, at: Timestamp) -> Vec<ObjectId> {
        let is_new = |person: &&Person| {
            let changes = self.changes(person, at);
            let (before, last) = changes.split_at(changes.len().saturating_sub(1));
            last.iter().any(|(since, required)| *since == at && *required) && !before.iter().any(|(_, required)| *required)
        };
        let people = self.people.iter().filter(|person| person.exists() && person.account == Account::Enabled);
        let new: Vec<ObjectId> = people.filter(is_new).map(|person| person.id).collect();
        for id in &new {
            self.register_at_sign_in(*id, at);
        }
        new
    }

    /// Whoever has nothing registers at a sign-in after `at`.
    pub(super) fn register_at_sign_in(&mut self, id: ObjectId, at: Timestamp) {
        let seed = self.profile.seed;
        let person = self.by_id.get(&id).copied().and_then(|place| self.people.get_mut(place));
        if let Some(person) = person.filter(|person| person.methods.at(at) != Ability::Capable) {
            person.methods.required = super::attempt::next_sign_in(seed, person, at);
        }
    }
}
