//! The What-If check over the simulated tenant: it passes with whole rollouts, and a stage that it refuses goes no further.

use tidegate::rollout::event::Event;
use tidegate::rollout::hold::{Hold, Scope};
use tidegate::rollout::id::{ObjectId, PersonRef};
use tidegate::rollout::observed::Toggle;
use tidegate::rollout::plan::{Plan, Selector};
use tidegate::rollout::state::State;
use tidegate::sim::{Change, ENFORCED_GROUP, Effect, Fault, Misfortune, POLICY, Planted, Profile, Tenant};

use super::migrations::from_defaults;
use super::rollouts::{BEGIN, managed, two_stages, whole};
use super::{Rollout, conditional_access, only, profile};
use crate::small::at;

/// Long before the rollout.
const ONCE: &str = "2027-01-01T00:00:00Z";
/// When the pilot was enforced, and nothing is read back yet.
const STARTED: &str = "2027-01-18T08:00:30Z";
const LATER: &str = "2027-01-18T11:00:00Z";
const END: &str = "2027-02-01T12:00:00Z";

/// The same, with What-If asked about each stage.
pub(super) fn checked(rollout: Rollout) -> Rollout {
    let plan = Plan { what_if: Toggle::On, ..rollout.plan };
    Rollout { plan, ..rollout }
}

/// Under a policy that a human owns, in a tenant to which these things happened before.
fn beginning(profile: Profile, changes: Vec<Change>) -> Rollout {
    let mut tenant = Tenant::new(profile);
    for change in changes {
        tenant.change(at(ONCE), change).unwrap();
    }
    let plan = two_stages(&tenant, conditional_access(false, None));
    checked(Rollout::new(tenant, plan, BEGIN))
}

fn state(rollout: &Rollout) -> State {
    let mut state = State::default();
    for record in rollout.records() {
        state.apply(&record).unwrap();
    }
    state
}

/// The check's hold on the pilot.
fn held(rollout: &Rollout) -> Option<Hold> {
    state(rollout).holds.get("what-if:pilot").cloned()
}

/// Ordinary people who are in the group.
fn enforced(rollout: &Rollout) -> Vec<ObjectId> {
    let (tenant, now) = (rollout.world.tenant(), rollout.now());
    let ordinary = tenant.ordinary_people();
    tenant.members_of(ENFORCED_GROUP, now).into_iter().filter(|id| ordinary.contains(id)).collect()
}

/// Microsoft's What-If answers so from now on.
fn answers(rollout: &Rollout, status: u16) {
    let what = Misfortune::Status { status, headers: [("retry-after".to_owned(), "1".to_owned())].into(), body: None };
    let path = "/identity/conditionalAccess/evaluate".to_owned();
    let fault = Fault { method: Some("POST".to_owned()), path, times: 100_000, skip: 0, effect: Effect::Instead, what };
    rollout.world.tenant().fault(fault);
}

#[test]
fn every_kind_of_conditional_access_passes_the_check_whole() {
    for rollout in [beginning(profile(40), Vec::new()), checked(managed())] {
        let waited = only(&whole(rollout).records(), |event| match event {
            Event::HoldPlaced { hold } if hold.id.starts_with("what-if:") => Some(hold.id.clone()),
            _ => None,
        });
        assert_eq!(waited, ["what-if:pilot", "what-if:everyone"], "for the canary to be read back");
    }
    // The policy only reports until everybody is in.
    let mut rollout = checked(from_defaults());
    let before = rollout.picture();
    rollout.run(END, None, None);
    assert_eq!(rollout.phases(), ["done", "done"], "{:#?}", rollout.report);
    assert_eq!(rollout.disagreements(), []);
    rollout.rollback("pilot", "2027-02-02T12:00:00Z", None);
    assert_eq!(rollout.picture(), before);
}

#[test]
fn a_wrong_exclusion_is_caught_at_the_canary_and_the_stage_goes_no_further() {
    let mut rollout =
        beginning(profile(60), vec![Change::ExcludeGroup { policy: POLICY.to_owned(), group: "All Sales".to_owned() }]);
    let sales: Vec<_> = {
        let tenant = rollout.world.tenant();
        let ordinary = tenant.ordinary_people();
        tenant.members_of("All Sales", at(ONCE)).into_iter().filter(|id| ordinary.contains(id)).collect()
    };
    assert!(sales.len() > 6, "more than a canary: {}", sales.len());
    rollout.plan.stages[0].include = vec![Selector::Users(sales.iter().copied().map(PersonRef::Id).collect())];
    rollout.run(LATER, None, None);
    let hold = held(&rollout).unwrap();
    assert_eq!(hold.scope, Scope::Stage("pilot".to_owned()));
    assert!(hold.why.contains("the policy does not apply to 5 of 5 people of the canary (reasons: users)"), "{}", hold.why);
    let canary = enforced(&rollout);
    assert_eq!(canary.len(), 5, "the canary, and nobody behind it");
    // Another life knows no better, whatever the day.
    rollout.run("2027-01-21T12:00:00Z", None, None);
    assert_eq!(enforced(&rollout), canary);
    assert_eq!(held(&rollout).map(|hold| hold.since), Some(hold.since), "the hold outlives the restart");
    assert!(rollout.report.as_ref().unwrap().stages[0].waits.iter().any(|why| why.contains("what-if:pilot")));
    for person in sales {
        let change = Change::RemoveMember { group: "All Sales".to_owned(), person: person.to_string() };
        let now = rollout.now();
        rollout.world.tenant().change(now, change).unwrap();
    }
    rollout.run("2027-01-21T18:00:00Z", None, None);
    assert_eq!(held(&rollout), None);
}

#[test]
fn a_stage_does_not_start_while_the_policy_applies_to_an_account_that_it_must_leave_alone() {
    let into = |person: &str| Change::AddMember { group: ENFORCED_GROUP.to_owned(), person: person.to_owned() };
    let without = |people: Vec<String>| Change::SetExclusions { policy: POLICY.to_owned(), people };
    let tidy = profile(40);
    let name = |name: &str| format!("{name}@{}", tidy.domain);
    let exposed = Profile { planted: vec![Planted::SyncExposed], ..profile(40) };
    for (profile, changes, alone) in [
        (exposed, vec![into(&name("Sync_DC01_0f1e2d3c4b5a"))], true),
        (profile(40), vec![without(vec![name("bg2")]), into(&name("bg1"))], false),
    ] {
        let mut rollout = beginning(profile, changes);
        rollout.run("2027-01-17T12:00:00Z", None, None);
        assert!(held(&rollout).is_some(), "a day is left to mend it");
        rollout.run(LATER, None, None);
        let why = held(&rollout).unwrap().why;
        assert!(why.contains("the policy applies to 1 of 3 accounts that it must leave alone"), "{why}");
        let others: Vec<_> = state(&rollout).holds.into_keys().filter(|id| id != "what-if:pilot").collect();
        assert_eq!(others.is_empty(), alone, "{others:?}");
        assert_eq!((enforced(&rollout), rollout.phases()[0]), (Vec::new(), "announced"));
    }
}

#[test]
fn what_microsoft_does_not_answer_holds_the_start() {
    for status in [403, 503] {
        let mut rollout = beginning(profile(40), Vec::new());
        answers(&rollout, status);
        rollout.run("2027-01-18T09:00:00Z", None, None);
        let why = held(&rollout).unwrap().why;
        assert!(why.contains("cannot be asked"), "{why}");
        assert_eq!((enforced(&rollout), rollout.phases()[0]), (Vec::new(), "announced"), "{status}");
        rollout.world.tenant().end_faults();
        rollout.run(END, None, None);
        assert_eq!((held(&rollout), rollout.phases()), (None, vec!["done", "done"]), "{status}");
    }
}

#[test]
fn what_microsoft_does_not_answer_holds_the_people_behind_the_canary() {
    for status in [403, 503] {
        let mut rollout = beginning(profile(40), Vec::new());
        rollout.run(STARTED, None, None);
        assert_eq!(enforced(&rollout).len(), 5, "the canary is in, and not read back");
        answers(&rollout, status);
        rollout.run(LATER, None, None);
        let why = held(&rollout).unwrap().why;
        assert!(why.contains("cannot be asked"), "{why}");
        assert_eq!(enforced(&rollout).len(), 5, "{status}");
        rollout.world.tenant().end_faults();
        rollout.run(END, None, None);
        assert_eq!((held(&rollout), rollout.phases()), (None, vec!["done", "done"]), "{status}");
    }
}
