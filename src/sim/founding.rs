//! The groups and policies with which a tenant begins.

use jiff::Timestamp;

use super::about::SYNC_ROLE;
use super::chance::Stream;
use super::group::{Group, GroupKind};
use super::person::Kind;
use super::policy::{Policy, State};
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
        let mut new = |name, state| Policy::new(ObjectId::from_bits(ids.guid()), name, state);
        let mut admins = new("Require MFA for admins", State::Enabled);
        admins.include_roles = vec!["62e90394-69f5-4237-9190-012177145e10".to_owned()];
        admins.exclude_users.clone_from(&break_glass);
        let mut require = new(POLICY, State::Enabled);
        require.include_groups = self.group_named(ENFORCED_GROUP).map(|group| group.id_text.clone()).into_iter().collect();
        require.exclude_users.clone_from(&break_glass);
        require.exclude_roles = vec![SYNC_ROLE.to_owned()];
        let mut managed = new("Microsoft-managed: Block legacy authentication", State::EnabledForReportingButNotEnforced);
        managed.include_users = vec!["All".to_owned()];
        managed.exclude_users = break_glass;
        managed.control = "block";
        managed.template = Some("0b2282f9-2862-4178-88b5-d79340b36cb8");
        self.policies.extend([admins, require, managed]);
    }
}
