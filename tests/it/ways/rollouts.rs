//! Each kind of enforcement, rolled out and rolled back.

use tidegate::rollout::event::Event;
use tidegate::rollout::plan::{Enforcement, Plan, Selector};
use tidegate::sim::{Change, Foreign, POLICY, PolicyState, Profile, Tenant};

use super::{Rollout, conditional_access, only, profile, switches};
use crate::small::{self, at};

pub(super) const BEGIN: &str = "2027-01-10T20:00:00Z";

/// A pilot and everyone else, a week apart.
pub(super) fn two_stages(tenant: &Tenant, enforcement: Enforcement) -> Plan {
    let stages = vec![
        small::stage("pilot", "2027-01-18T09:00:00", vec![small::some(tenant, 6)]),
        small::stage("everyone", "2027-01-25T09:00:00", vec![Selector::EveryoneElse]),
    ];
    Plan { enforcement, ..small::plan(tenant, stages) }
}

/// A managed policy, in report-only mode at the beginning.
pub(super) fn managed() -> Rollout {
    let mut tenant = Tenant::new(profile(40));
    let state = PolicyState::EnabledForReportingButNotEnforced;
    tenant.change(at("2027-01-01T00:00:00Z"), Change::SetPolicy { policy: POLICY.to_owned(), state }).unwrap();
    let plan = two_stages(&tenant, conditional_access(true, None));
    Rollout::new(tenant, plan, BEGIN)
}

/// Each person's own state; some have one already.
pub(super) fn per_user() -> Rollout {
    let tenant = Tenant::new(Profile { per_user: 0.2, ..profile(40) });
    let plan = two_stages(&tenant, Enforcement::PerUser { retire_to: None });
    Rollout::new(tenant, plan, BEGIN)
}

/// Security defaults, in place of two old baseline policies.
pub(super) fn defaults() -> Rollout {
    let tenant = Tenant::new(Profile { foreign: vec![Foreign::Baseline], ..profile(40) });
    let mut turn_off = tenant.policy_names();
    turn_off.sort();
    let mut plan = two_stages(&tenant, Enforcement::SecurityDefaults { turn_off });
    plan.people.exempt_group = None;
    plan.people.include_guests = true;
    Rollout::new(tenant, plan, BEGIN)
}

/// Rolled out, rolled back, and everything is what it was.
pub(super) fn whole(mut rollout: Rollout) -> Rollout {
    let before = rollout.picture();
    rollout.run("2027-02-01T12:00:00Z", None, None);
    assert_eq!(rollout.phases(), ["done", "done"], "{:#?}", rollout.report);
    assert_eq!(rollout.disagreements(), []);
    assert!(rollout.required().len() > 20);
    assert_eq!(rollout.world.tenant().violations(), [], "the tenant's own oracle");
    rollout.rollback("pilot", "2027-02-02T12:00:00Z", None);
    assert_eq!(rollout.phases(), ["rolled-back", "rolled-back"], "{:#?}", rollout.report);
    assert_eq!(rollout.picture(), before, "exactly what it was");
    rollout
}

#[test]
fn conditional_access_under_a_policy_that_a_human_owns() {
    let tenant = Tenant::new(profile(40));
    let plan = two_stages(&tenant, conditional_access(false, None));
    whole(Rollout::new(tenant, plan, BEGIN));
}

#[test]
fn conditional_access_under_a_managed_policy() {
    let rollout = whole(managed());
    assert_eq!(only(&rollout.records(), switches), ["policy … on", "undo: policy … report-only"]);
}

#[test]
fn per_user_states() {
    let rollout = whole(per_user());
    let already = only(&rollout.records(), |event| match event {
        Event::Baseline { members } => Some(members.len().to_string()),
        _ => None,
    });
    assert!(already.len() == 1 && already[0] != "0", "who had a state before is not ours: {already:?}");
}

#[test]
fn security_defaults_in_place_of_baseline_policies() {
    let rollout = whole(defaults());
    let switched = only(&rollout.records(), switches);
    let (done, undone): (Vec<_>, Vec<_>) = switched.iter().partition(|says| !says.starts_with("undo"));
    let (last, off) = done.split_last().unwrap();
    assert!(off.len() > 2 && off.iter().all(|says| *says == "policy … off"), "{done:?}");
    assert_eq!((last.as_str(), undone[0].as_str()), ("security defaults on", "undo: security defaults off"));
}
