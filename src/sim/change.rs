//! What other people do in the tenant meanwhile. The oracle does not judge it.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::chance::{Kind as Chance, Stream};
use super::group::{Group, GroupKind};
use super::person::{Account, PerUser, Person};
use super::policy::State;
use super::reaction::told;
use super::tenant::{ENFORCED_GROUP, EXEMPT_GROUP, POLICY, Tenant};
use crate::rollout::id::ObjectId;

/// A change by somebody else. People are named by object id or user principal name, groups and policies by display name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Somebody is put into a group by hand.
    AddMember {
        /// The group.
        group: String,
        /// The person.
        person: String,
    },
    /// Somebody is taken out of a group by hand.
    RemoveMember {
        /// The group.
        group: String,
        /// The person.
        person: String,
    },
    /// A group is made; its name may be taken already.
    AddGroup(String),
    /// A policy's state is set.
    SetPolicy {
        /// The policy.
        policy: String,
        /// The new state.
        state: State,
    },
    /// The people whom a policy excludes are replaced.
    SetExclusions {
        /// The policy.
        policy: String,
        /// Whom it excludes from now on.
        people: Vec<String>,
    },
    /// A policy excludes a group, too.
    ExcludeGroup {
        /// The policy.
        policy: String,
        /// The group.
        group: String,
    },
    /// An account is deleted.
    DeleteUser(String),
    /// A deleted account is restored; its memberships are not.
    RestoreUser(String),
    /// Somebody moves to another department.
    Move {
        /// The person.
        person: String,
        /// The new department.
        department: String,
    },
    /// Somebody does not sign in for so many days.
    Away {
        /// The person.
        person: String,
        /// For how long.
        days: i64,
    },
    /// The helpdesk hands a printed letter over that names an instant.
    HandOver {
        /// The person.
        person: String,
        /// The instant.
        instant: Timestamp,
    },
    /// Somebody asks that MFA be required of them at once: what mails named before counts no more.
    Volunteer(String),
    /// An account is disabled.
    DisableUser(String),
    /// An account is enabled.
    EnableUser(String),
    /// Ordinary people join.
    Join(u32),
    /// Somebody gets another display name and user principal name.
    Rename {
        /// The person.
        person: String,
        /// The new display name.
        display_name: String,
        /// The new user principal name.
        upn: String,
    },
    /// Somebody loses their mail address.
    RemoveMail(String),
    /// From now on mail to somebody is accepted and comes back.
    Bounce(String),
    /// Mail to somebody arrives again.
    Arrive(String),
    /// Somebody is put into the exempt group.
    Exempt(String),
    /// Somebody registers an allowed method.
    Register(String),
    /// Somebody loses every method.
    Unregister(String),
    /// The registration report is no longer refreshed, or is again.
    StaleReport(bool),
    /// Security defaults are switched.
    SecurityDefaults(bool),
    /// Somebody's state of per-user MFA is set by hand.
    SetPerUser {
        /// The person.
        person: String,
        /// The new state.
        state: PerUser,
    },
    /// The app's client secrets are replaced.
    SetSecrets(Vec<String>),
    /// The app's permissions are replaced; tokens keep theirs until they are renewed.
    SetRoles(Vec<String>),
    /// Every token stops working.
    RevokeTokens,
    /// Replicas lag by so many seconds.
    ReadLag(i64),
    /// The share of requests that meet a random fault.
    FaultRate(f64),
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tenant has no {kind} `{name}`")]
pub struct ChangeError {
    kind: &'static str,
    name: String,
}

impl Tenant {
    /// Makes a change at `now`.
    pub fn change(&mut self, now: Timestamp, change: Change) -> Result<(), ChangeError> {
        match change {
            Change::AddMember { group, person } => {
                let (group, person) = (self.named_group(&group)?, self.named_id(&person)?);
                self.enter(now, group, person);
            }
            Change::RemoveMember { group, person } => {
                let (group, person) = (self.named_group(&group)?, self.named_id(&person)?);
                self.leave(now, group, person);
            }
            Change::Exempt(person) => return self.change(now, Change::AddMember { group: EXEMPT_GROUP.to_owned(), person }),
            Change::AddGroup(name) => {
                let mut ids = Stream::new(self.profile.seed ^ self.groups.len() as u64, Chance::Ids);
                self.groups.push(Group::new(ObjectId::from_bits(ids.guid()), &name, GroupKind::Security));
            }
            Change::SetPolicy { policy, state } => {
                let known = self.policies.iter_mut().find(|known| known.name == policy);
                let known = known.ok_or(ChangeError { kind: "policy", name: policy })?;
                (known.state, known.modified) = (state, Some(now));
                known.works_from(now);
                if known.name == POLICY {
                    self.required.push((now, state == State::Enabled));
                }
            }
            Change::ExcludeGroup { policy, group } => {
                let group = self.named_group(&group)?.to_string();
                let known = self.policies.iter_mut().find(|known| known.name == policy);
                let known = known.ok_or(ChangeError { kind: "policy", name: policy })?;
                known.exclude_groups.push(group);
                known.modified = Some(now);
                known.works_from(now);
            }
            Change::SetExclusions { policy, people } => {
                let people =
                    people.iter().map(|person| self.named_id(person).map(|id| id.to_string())).collect::<Result<_, _>>()?;
                let known = self.policies.iter_mut().find(|known| known.name == policy);
                let known = known.ok_or(ChangeError { kind: "policy", name: policy })?;
                (known.exclude_users, known.modified, known.excluding_since) = (people, Some(now), Some(now));
                known.works_from(now);
            }
            Change::DeleteUser(person) => {
                let at = self.named_place(&person)?;
                self.delete(now, at);
            }
            Change::RestoreUser(person) => {
                let at = person.parse().ok().and_then(|id: ObjectId| self.by_id.get(&id)).copied();
                let known = at.and_then(|at| self.people.get_mut(at)).ok_or_else(|| no_person(&person))?;
                (known.deleted, known.account_since) = (None, now);
            }
            Change::Move { person, department } => {
                self.with(&person, |person| (person.department, person.changed) = (Some(department), Some(now)))?;
            }
            Change::Away { person, days } => {
                let until = now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(now);
                self.with(&person, |person| person.away = Some((now, until)))?;
            }
            Change::HandOver { person, instant } => {
                let id = self.named_id(&person)?;
                let profile = self.profile.clone();
                self.with(&person, |person| told(person, &profile, now, Some(instant)))?;
                self.oracle.letter(now, id, instant);
            }
            Change::Volunteer(person) => {
                let id = self.named_id(&person)?;
                self.oracle.volunteer(now, id);
            }
            Change::DisableUser(person) => self.set_account(now, &person, Account::Disabled)?,
            Change::EnableUser(person) => self.set_account(now, &person, Account::Enabled)?,
            Change::Join(people) => {
                for _ in 0..people {
                    let joiner = self.joiners.ordinary(now);
                    self.admit(joiner);
                }
            }
            Change::Rename { person, display_name, upn } => {
                let at = self.named_place(&person)?;
                self.by_name.insert(upn.to_lowercase(), at);
                if let Some(person) = self.people.get_mut(at) {
                    self.by_name.remove(&person.upn.to_lowercase());
                    (person.display_name, person.upn, person.changed) = (display_name, upn, Some(now));
                }
            }
            Change::RemoveMail(person) => {
                let at = self.named_place(&person)?;
                self.by_mail.retain(|_, owner| *owner != at);
                self.with(&person, |person| (person.mail, person.changed) = (None, Some(now)))?;
            }
            Change::Bounce(person) => {
                let at = self.named_place(&person)?;
                self.reports.lose(at);
            }
            Change::Arrive(person) => {
                let at = self.named_place(&person)?;
                self.reports.reach(at);
            }
            Change::Register(person) => self.with(&person, |person| person.methods.required = Some(now))?,
            Change::Unregister(person) => self.with(&person, |person| {
                person.methods.own = None;
                person.methods.required = None;
            })?,
            Change::StaleReport(is_stale) => self.report_until = is_stale.then_some(now),
            Change::SecurityDefaults(is_on) => self.defaults.push((now, is_on)),
            Change::SetPerUser { person, state } => self.with(&person, |person| person.per_user.push((now, state)))?,
            Change::SetSecrets(secrets) => self.profile.secrets = secrets,
            Change::SetRoles(roles) => self.profile.roles = roles,
            Change::RevokeTokens => self.tokens.revoke(),
            Change::ReadLag(seconds) => self.profile.read_lag = SignedDuration::from_secs(seconds.max(0)),
            Change::FaultRate(rate) => self.faults.set_rate(rate),
        }
        Ok(())
    }

    /// Makes a change when the time comes.
    pub fn change_at(&mut self, at: Timestamp, change: Change) {
        self.due.push((at, change));
        self.due.sort_by_key(|(at, _)| *at);
    }

    /// Makes the changes that are due; one whose subject is gone by then is dropped.
    pub(super) fn catch_up(&mut self, now: Timestamp) {
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let (at, change) = self.due.remove(0);
            if let Err(error) = self.change(at, change) {
                tracing::debug!(%error, "a simulated change found nothing to change");
            }
        }
    }

    /// Names of people who could be enforced: enabled, ordinary, neither exempt nor enforced yet.
    #[must_use]
    pub fn candidates(&self, now: Timestamp) -> Vec<String> {
        let (exempt, enforced) = (self.members_of(EXEMPT_GROUP, now), self.members_of(ENFORCED_GROUP, now));
        let free = |person: &&Person| {
            let is_usable = person.exists() && person.is_enabled() && person.kind == super::person::Kind::Ordinary;
            is_usable && exempt.binary_search(&person.id).is_err() && enforced.binary_search(&person.id).is_err()
        };
        self.people.iter().filter(free).map(|person| person.upn.clone()).collect()
    }

    fn set_account(&mut self, now: Timestamp, person: &str, account: Account) -> Result<(), ChangeError> {
        self.with(person, |person| {
            person.account = account;
            person.account_since = now;
        })
    }

    fn with(&mut self, person: &str, change: impl FnOnce(&mut Person)) -> Result<(), ChangeError> {
        let at = self.named_place(person)?;
        self.people.get_mut(at).map(change).ok_or_else(|| no_person(person))
    }

    fn named_place(&self, person: &str) -> Result<usize, ChangeError> {
        self.place(person).map_err(|_| no_person(person))
    }

    fn named_id(&self, person: &str) -> Result<ObjectId, ChangeError> {
        self.person(person).map(|person| person.id).map_err(|_| no_person(person))
    }

    fn named_group(&self, group: &str) -> Result<ObjectId, ChangeError> {
        self.group_named(group).map(|group| group.id).ok_or_else(|| ChangeError { kind: "group", name: group.to_owned() })
    }
}

fn no_person(name: &str) -> ChangeError {
    ChangeError { kind: "person", name: name.to_owned() }
}
