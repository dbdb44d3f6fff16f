//! From what a tenant has to what it wants, in the order that leaves nobody without MFA who had it.

use jiff::SignedDuration;
use tidegate::rollout::event::Event;
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::plan::{Enforcement, Leaves, RetireTo, Selector};
use tidegate::sim::{ENFORCED_GROUP, POLICY, Profile, Tenant, Way};

use super::rollouts::{BEGIN, defaults, two_stages};
use super::{Rollout, conditional_access, only, profile, switches};

/// From own states to the policy.
pub(super) fn from_per_user() -> Rollout {
    let tenant = Tenant::new(Profile { per_user: 0.3, ..profile(40) });
    let retire_to = RetireTo { group: ENFORCED_GROUP.to_owned(), policy: POLICY.to_owned() };
    let plan = two_stages(&tenant, Enforcement::PerUser { retire_to: Some(retire_to) });
    Rollout::new(tenant, plan, BEGIN)
}

/// From security defaults to the policy; first whoever has registered.
pub(super) fn from_defaults() -> Rollout {
    let tenant = Tenant::new(Profile { security_defaults: true, never: 0.6, ..profile(40) });
    let leaves = Leaves { turn_on: Vec::new(), after: Some("everyone".to_owned()) };
    let mut plan = two_stages(&tenant, conditional_access(true, Some(leaves)));
    plan.stages[0].include = vec![Selector::ReadyFirst(100)];
    Rollout::new(tenant, plan, BEGIN)
}

#[test]
fn own_states_are_retired_behind_the_policy_without_a_gap_and_come_back_without_one() {
    let mut rollout = from_per_user();
    let before = rollout.picture();
    let had: Vec<_> = rollout.required();
    assert!(had.len() > 5);
    rollout.run("2027-02-01T12:00:00Z", None, None);
    assert_eq!(rollout.phases(), ["done", "done"], "{:#?}", rollout.report);
    let now = rollout.now();
    let people = rollout.world.tenant().ordinary_people();
    for person in people {
        assert!(!rollout.world.tenant().ways(person, now).contains(&Way::PerUser), "{person} still has a state of their own");
    }
    assert_eq!((rollout.disagreements(), rollout.longest_gap()), (Vec::new(), SignedDuration::ZERO));
    rollout.rollback("pilot", "2027-02-02T12:00:00Z", None);
    assert_eq!(rollout.picture(), before);
    let gaps = rollout.world.tenant().gaps(rollout.now());
    assert!(had.iter().all(|person| !gaps.contains_key(person)), "whoever had a state of their own never lost MFA: {gaps:?}");
}

#[test]
fn security_defaults_give_way_to_the_policy_with_the_one_gap_that_microsoft_forces() {
    let mut rollout = from_defaults();
    let before = rollout.picture();
    rollout.run("2027-02-01T12:00:00Z", None, None);
    assert_eq!(rollout.phases(), ["done", "done"], "{:#?}", rollout.report);
    assert_eq!(only(&rollout.records(), switches), ["security defaults off", "policy … on"]);
    assert_eq!(rollout.disagreements(), []);
    let told = only(&rollout.records(), |event| match event {
        Event::SwitchesDone { gap_ms, .. } => gap_ms.map(|gap| gap.to_string()),
        _ => None,
    });
    let gap = rollout.longest_gap();
    println!("from security defaults to Conditional Access: nobody had MFA for {gap:#}, the journal says {told:?} ms");
    assert_eq!(told.len(), 1);
    let said = SignedDuration::from_millis(told[0].parse().unwrap());
    assert!(gap <= said && said < SignedDuration::from_secs(10), "{gap:#} and {said:#}");
    rollout.rollback("pilot", "2027-02-02T12:00:00Z", None);
    assert_eq!(rollout.picture(), before);
}

#[test]
fn baseline_policies_give_way_to_security_defaults_with_the_one_gap_that_microsoft_forces() {
    let mut rollout = defaults();
    rollout.run("2027-02-01T12:00:00Z", None, None);
    let told = only(&rollout.records(), |event| match event {
        Event::SwitchesDone { gap_ms, .. } => gap_ms.map(|gap| gap.to_string()),
        _ => None,
    });
    // Whoever had registered nothing has Microsoft's own grace from the switch on, and had no MFA to lose.
    let switched = rollout.records().iter().rfind(|record| matches!(record.event, Event::SwitchesDone { .. })).unwrap().at;
    let (tenant, now) = (rollout.world.tenant(), rollout.now());
    let at_once = |id: &ObjectId| tenant.required_since(*id, now).is_some_and(|since| since <= switched);
    let gaps = tenant.gaps(now).into_iter().filter(|(id, _)| at_once(id));
    let gap = gaps.map(|(_, gap)| gap).max().unwrap();
    println!("from baseline policies to security defaults: nobody had MFA for {gap:#}, the journal says {told:?} ms");
    assert_eq!(told.len(), 1);
    let said = SignedDuration::from_millis(told[0].parse().unwrap());
    assert!(gap <= said && said < SignedDuration::from_secs(60), "{gap:#} and {said:#}");
}
