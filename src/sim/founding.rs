//! The groups and policies with which a tenant begins.

use jiff::Timestamp;

use super::about::SYNC_ROLE;
use super::chance::Stream;
use super::group::{Group, GroupKind};
use super::person::Kind;
use super::policy::{Policy, State};
use super::profile::Foreign;
use super::tenant::{ENFORCED_GROUP, EXEMPT_GROUP, PILOT_GROUP, POLICY, Tenant};
use crate::rollout::id::ObjectId;

impl Tenant {
    pub(super) fn found_groups(&mut self, ids: &mut Stream) {
        let ordinary: Vec<ObjectId> = self
            .people
            .iter()
            .filter(|person| person.kind == Kind::Ordinary && person.is_enabled())
            .map(|person| person.id)
            .collect();
        let few = |share: usize, least: usize| (ordinary.len() / share).max(least);
        let some = |skip: usize, take: usize| ordinary.iter().skip(skip).take(take).copied().collect::<Vec<_>>();
        // whoever volunteers for a pilot also registers
        let is_keen = |id: &&ObjectId| {
            self.by_id.get(*id).and_then(|at| self.people.get(*at)).is_some_and(|person| person.methods.habit.is_keen())
        };
        let (exempt, pilot) = (few(100, 1), few(25, 4));
        let nested = pilot / 3 + 1;
        let volunteers: Vec<ObjectId> = ordinary.iter().skip(exempt).filter(is_keen).take(pilot).copied().collect();
        let (inner, outer) = volunteers.split_at_checked(nested).unwrap_or_default();
        let groups = [
            (ENFORCED_GROUP, GroupKind::Security, Vec::new()),
            (EXEMPT_GROUP, GroupKind::Security, some(0, exempt)),
            ("MFA Pilot IT", GroupKind::Security, inner.to_vec()),
            (PILOT_GROUP, GroupKind::Security, outer.to_vec()),
            ("All Sales", GroupKind::Dynamic, self.of_department("Sales")),
            ("Synced Staff", GroupKind::Synced, some(0, 10)),
            ("Announcements", GroupKind::MailEnabled, some(0, 10)),
            ("Administrators", GroupKind::RoleAssignable, some(2, 2)),
            ("Project Tide", GroupKind::Microsoft365, some(5, 8)),
        ];
        for (name, kind, members) in groups {
            let mut group = Group::new(ObjectId::from_bits(ids.guid()), name, kind);
            for member in members {
                group.add(member, Timestamp::MIN);
            }
            self.groups.push(group);
        }
        let inner = self.group_named("MFA Pilot IT").map(|group| group.id);
        if let (Some(inner), Some(pilot)) = (inner, self.groups.iter_mut().find(|group| group.name == PILOT_GROUP)) {
            pilot.add(inner, Timestamp::MIN);
        }
    }

    fn of_department(&self, department: &str) -> Vec<ObjectId> {
        let people = self.people.iter().filter(|person| person.department.as_deref() == Some(department));
        people.map(|person| person.id).collect()
    }

    pub(super) fn found_policies(&mut self, ids: &mut Stream) {
        let break_glass = self.people.iter().filter(|person| person.kind == Kind::BreakGlass);
        let break_glass: Vec<String> = break_glass.map(|person| person.id_text.clone()).collect();
        let on = if self.profile.security_defaults { State::EnabledForReportingButNotEnforced } else { State::Enabled };
        let mut new = |name, state| {
            let mut policy = Policy::new(ObjectId::from_bits(ids.guid()), name, state);
            policy.exclude_users.clone_from(&break_glass);
            policy
        };
        let enforced: Vec<String> = self.group_named(ENFORCED_GROUP).map(|group| group.id_text.clone()).into_iter().collect();
        let all = vec!["All".to_owned()];
        let admins_role = vec!["62e90394-69f5-4237-9190-012177145e10".to_owned()];
        let mut admins = new("Require MFA for admins", on);
        admins.include_roles.clone_from(&admins_role);
        let mut require = new(POLICY, on);
        require.include_groups.clone_from(&enforced);
        require.exclude_roles = vec![SYNC_ROLE.to_owned()];
        let mut legacy = new("Microsoft-managed: Block legacy authentication", State::EnabledForReportingButNotEnforced);
        legacy.include_users.clone_from(&all);
        legacy.controls = vec!["block".to_owned()];
        legacy.template = Some("0b2282f9-2862-4178-88b5-d79340b36cb8");
        let mut policies = vec![admins, require, legacy];
        for foreign in &self.profile.foreign {
            let template = Some("a3d0a415-b068-4326-9251-f9cdf9feeb64");
            match foreign {
                Foreign::AllUsers => policies.push(Policy { include_users: all.clone(), ..new("MFA for all users", on) }),
                Foreign::SecondGroup => {
                    let groups = self.group_named("All Sales").map(|group| group.id_text.clone()).into_iter().collect();
                    policies.push(Policy { include_groups: groups, ..new("MFA for Sales", on) });
                }
                Foreign::ManagedOn => {
                    let policy = new("Microsoft-managed: Multifactor authentication for all users", on);
                    policies.push(Policy { include_users: all.clone(), template, ..policy });
                }
                Foreign::ManagedSoon => {
                    let state = State::EnabledForReportingButNotEnforced;
                    let policy = new("Microsoft-managed: Multifactor authentication for all users", state);
                    policies.push(Policy { include_users: all.clone(), template, ..policy });
                }
                Foreign::Twin => {
                    let policy = new("Require MFA (old)", State::EnabledForReportingButNotEnforced);
                    policies.push(Policy { include_groups: enforced.clone(), ..policy });
                }
                Foreign::Baseline => {
                    let policy = new("Baseline policy: Require MFA for admins", on);
                    policies.push(Policy { include_roles: admins_role.clone(), ..policy });
                    let policy = new("Baseline policy: End user protection", on);
                    policies.push(Policy { include_users: all.clone(), ..policy });
                }
            }
        }
        for policy in &mut policies {
            policy.works_from(Timestamp::MIN);
        }
        self.policies = policies;
    }
}
