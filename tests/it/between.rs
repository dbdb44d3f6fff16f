//! The world changes between decision and wire: the guard alone holds the batch back.
//!
//! Each change happens at the guard's own first question, after the batch was decided. With every condition on nobody (or not the
//! person concerned) is enforced; with that one condition off the batch leaves, which shows that nothing else stood in the way.

use tidegate::cli::trial::{Outcome, of_script};
use tidegate::rollout::condition::{Condition, Conditions};
use tidegate::rollout::event::Event;
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::plan::Window;
use tidegate::sim::{Change, Deed, Edit, POLICY, PolicyState, When};

use crate::small;

/// Whom the outcome's journal says to have been handed to the wire.
fn intended(outcome: &Outcome) -> Vec<ObjectId> {
    let people = outcome.records.iter().filter_map(|record| match &record.event {
        Event::EnforceIntent { people, .. } => Some(people.clone()),
        _ => None,
    });
    people.flatten().collect()
}

/// A stage of ten people that starts at 09:58; the deed at the guard's first question.
fn run(when: When, deed: impl Fn(&str) -> Deed, conditions: Conditions) -> (ObjectId, Outcome) {
    let tenant = small::tenant(40);
    let person = *tenant.ordinary_people().last().unwrap();
    let stages = vec![small::stage("pilot", "2027-01-18T09:58:00", vec![small::some(&tenant, 10)])];
    let mut plan = small::plan(&tenant, stages);
    plan.limits.canary = 20;
    let window = |from: &str, to: &str| Window { days: 0b111_1111, from: from.parse().unwrap(), to: Some(to.parse().unwrap()) };
    plan.calendar.windows = vec![window("09:00", "10:00")];
    let mut script = small::script(&tenant, plan, "2027-01-11T06:00:00Z", "2027-01-18T12:00:00Z");
    small::act(&mut script, when, deed(&person.to_string()));
    (person, of_script(tenant, script, conditions).unwrap())
}

/// The guard holds everybody back; without the condition the batch leaves.
fn nobody_passes(condition: Condition, deed: impl Fn(&str) -> Deed) {
    nobody_passes_at(When::Started, condition, deed);
}

fn nobody_passes_at(when: When, condition: Condition, deed: impl Fn(&str) -> Deed) {
    let (_, held) = run(when, &deed, Conditions::all());
    assert_eq!(intended(&held), [], "{condition:?}: {:#?}", held.lines);
    assert!(held.lines.iter().any(|line| line.contains("pilot: enforcing")), "it was decided: {:#?}", held.lines);
    assert_eq!(held.breaches, [], "{condition:?}");
    let (_, passed) = run(when, &deed, Conditions::without(condition));
    assert_eq!(intended(&passed).len(), 10, "without {condition:?} nothing else holds it back: {:#?}", passed.lines);
}

/// The guard holds this person back and lets the others pass; without the condition everybody passes.
fn one_does_not_pass(condition: Condition, deed: impl Fn(&str) -> Deed) {
    let (person, held) = run(When::Started, &deed, Conditions::all());
    assert!(!intended(&held).contains(&person), "{condition:?}: {:#?}", held.lines);
    assert_eq!(intended(&held).len(), 9, "{condition:?}: {:#?}", held.lines);
    assert_eq!(held.breaches, [], "{condition:?}");
    let (person, passed) = run(When::Started, &deed, Conditions::without(condition));
    assert!(intended(&passed).contains(&person), "without {condition:?} nothing else holds it back: {:#?}", passed.lines);
}

#[test]
fn a_policy_that_is_switched_off_meanwhile_holds_the_batch_back() {
    let off = |_: &str| Change::SetPolicy { policy: POLICY.to_owned(), state: PolicyState::Disabled };
    nobody_passes(Condition::Policy, |person| Deed::Tenant(off(person)));
}

#[test]
fn a_break_glass_account_that_is_disabled_meanwhile_holds_the_batch_back() {
    nobody_passes(Condition::BreakGlass, |_| Deed::Tenant(Change::DisableUser("bg1@contoso.example".to_owned())));
}

#[test]
fn a_pause_that_arrives_meanwhile_holds_the_batch_back() {
    nobody_passes(Condition::Hold, |_| Deed::Pause);
}

#[test]
fn a_pause_file_that_arrives_meanwhile_holds_the_batch_back() {
    nobody_passes(Condition::Hold, |_| Deed::PauseFile);
}

#[test]
fn a_new_plan_that_arrives_meanwhile_holds_the_batch_back() {
    // An answer to an old plan's question is dropped, so the plan arrives with the last of the guard's answers.
    nobody_passes_at(When::Guard(1), Condition::Revision, |_| Deed::Reload(Edit::Blackout(small::hours(3))));
}

#[test]
fn a_window_that_closes_while_a_read_is_throttled_holds_the_batch_back() {
    nobody_passes(Condition::Calendar, |_| small::refused("/users", 1, 429, Some("180")));
}

#[test]
fn somebody_who_is_exempted_meanwhile_does_not_pass() {
    one_does_not_pass(Condition::Protection, |person| Deed::Tenant(Change::Exempt(person.to_owned())));
}

#[test]
fn somebody_who_is_disabled_meanwhile_does_not_pass() {
    one_does_not_pass(Condition::Protection, |person| Deed::Tenant(Change::DisableUser(person.to_owned())));
}
