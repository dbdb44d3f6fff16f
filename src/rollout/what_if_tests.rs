//! The What-If check through `decide`: what each answer holds, and whole rollouts with one.

use std::collections::BTreeMap;

use super::event::Event;
use super::hold::Scope;
use super::observed::{Foreseen, Mode, Observed, Toggle};
use super::plan::{Enforcement, Plan};
use super::sample::{Perfect, id, plan};
use super::stage::PhaseName;
use super::what_if::hold_id;

const BEGIN: &str = "2027-01-01T08:00:00Z";
/// The start of the pilot.
const START: &str = "2027-01-11T08:00:00Z";
const LATER: &str = "2027-01-11T10:00:00Z";
const END: &str = "2027-02-10T00:00:00Z";

fn checked() -> Perfect {
    Perfect::new(Plan { what_if: Toggle::On, ..plan() }, BEGIN)
}

fn held(world: &Perfect) -> Option<&str> {
    world.state.holds.get(&hold_id("pilot")).map(|hold| hold.why.as_str())
}

fn phase(world: &Perfect) -> PhaseName {
    world.state.stage("pilot").unwrap().1.phase.name()
}

fn spared(reason: &str) -> Foreseen {
    Foreseen::Spared(vec![reason.to_owned()])
}

fn applies(mode: Option<Mode>, lacks: Option<&str>) -> Foreseen {
    Foreseen::Applies { mode, lacks: lacks.map(str::to_owned) }
}

#[test]
fn a_rollout_passes_and_takes_everybody() {
    let mut world = checked();
    world.run(END);
    assert_eq!(world.members.len(), 28);
    assert_eq!(world.state.holds, BTreeMap::new());
    let mut placed = BTreeMap::<&str, usize>::new();
    for record in &world.records {
        if let Event::HoldPlaced { hold } = &record.event {
            *placed.entry(&hold.id).or_default() += 1;
            assert!(hold.why.contains("once it was read back"), "{hold:?}");
        }
    }
    assert_eq!(placed, BTreeMap::from([("what-if:pilot", 1), ("what-if:everyone", 1)]), "nothing but the wait for the canary");
}

#[test]
fn of_an_account_only_an_exclusion_by_user_passes() {
    for (answer, word) in [
        (spared("users"), None),
        (spared("Users"), None),
        (
            spared("policyNotEnabled"),
            Some("keeps the policy from 1 of 2 accounts that it must leave alone (reasons: policyNotEnabled)"),
        ),
        (spared("notEnoughInformation"), Some("notEnoughInformation")),
        (Foreseen::Spared(Vec::new()), Some("1 of 2 accounts")),
        (applies(Some(Mode::Enabled), None), Some("the policy applies to 1 of 2 accounts that it must leave alone;")),
        (applies(Some(Mode::ReportOnly), None), Some("the policy applies to 1 of 2")),
        (
            Foreseen::Unsaid("no row".to_owned()),
            Some("nothing is said about 1 of 2 accounts that it must leave alone (reasons: no row)"),
        ),
    ] {
        let mut world = checked();
        world.foreseen = Some(BTreeMap::from([(id(1), answer.clone())]));
        world.run("2027-01-10T20:00:00Z");
        assert_eq!(held(&world).is_some(), word.is_some(), "{answer:?}: a day is left to mend it");
        world.run(LATER);
        assert_eq!(phase(&world) == PhaseName::Announced, word.is_some(), "{answer:?}");
        let why = held(&world).unwrap_or_default();
        assert!(why.contains(word.unwrap_or_default()), "{answer:?}: {why}");
        assert_eq!(world.members.is_empty(), word.is_some(), "{answer:?}");
    }
}

#[test]
fn of_the_canary_only_a_policy_passes_that_is_on_and_asks_for_mfa() {
    for (answer, word) in [
        (applies(Some(Mode::Enabled), None), None),
        (
            applies(Some(Mode::ReportOnly), None),
            Some("the policy applies but is not on for 1 of 2 people of the canary (reasons: report-only)"),
        ),
        (applies(None, None), Some("its state is not known")),
        (
            applies(Some(Mode::Enabled), Some("it blocks")),
            Some("the policy asks no MFA of 1 of 2 people of the canary (reasons: it blocks)"),
        ),
        (spared("users"), Some("the policy does not apply to 1 of 2 people of the canary (reasons: users)")),
        (Foreseen::Unsaid("no row".to_owned()), Some("nothing is said about 1 of 2")),
    ] {
        let mut world = checked();
        world.foreseen = Some(BTreeMap::from([(id(10), answer.clone())]));
        world.run(LATER);
        let why = held(&world).unwrap_or_default();
        assert_eq!(why.is_empty(), word.is_none(), "{answer:?}: {why}");
        assert!(why.contains(word.unwrap_or_default()), "{answer:?}: {why}");
        assert_eq!(world.members.len(), if word.is_some() { 2 } else { 5 }, "{answer:?}: the canary has two people");
        let scope = world.state.holds.get("what-if:pilot").map(|hold| hold.scope.clone());
        assert!(scope.is_none_or(|scope| scope == Scope::Stage("pilot".to_owned())));
    }
}

#[test]
fn a_hold_goes_when_a_later_answer_is_right() {
    let mut world = checked();
    world.foreseen = Some(BTreeMap::from([(id(2), applies(Some(Mode::Enabled), None))]));
    world.run("2027-01-11T09:00:00Z");
    assert_eq!((phase(&world), world.members.len()), (PhaseName::Announced, 0));
    world.foreseen = Some(BTreeMap::from([(id(11), spared("users"))]));
    world.run("2027-01-11T09:30:00Z");
    assert_eq!((phase(&world), world.members.len()), (PhaseName::Enforcing, 2));
    world.foreseen = Some(BTreeMap::new());
    world.run("2027-01-11T10:00:00Z");
    assert_eq!((held(&world), world.members.len()), (None, 5));
    world.run(END);
    assert_eq!(world.members.len(), 28);
}

#[test]
fn what_cannot_be_asked_holds_the_start_through_a_restart() {
    let mut world = checked();
    world.foreseen = None;
    world.run(START);
    assert!(held(&world).is_some_and(|why| why.contains("cannot be asked")), "{:?}", world.state.holds);
    world.run("2027-01-11T09:00:00Z");
    assert_eq!(phase(&world), PhaseName::Announced);
    let before = world.records.len();
    world.observed = Observed::default();
    world.run("2027-01-11T09:01:00Z");
    let changed = world
        .records
        .iter()
        .skip(before)
        .any(|record| matches!(record.event, Event::HoldCleared { .. } | Event::HoldPlaced { .. }));
    assert!(!changed, "{:?}", &world.records[before..]);
    world.foreseen = Some(BTreeMap::new());
    world.run("2027-01-11T09:15:00Z");
    assert_eq!((held(&world), phase(&world)), (None, PhaseName::Soaking));
}

#[test]
fn a_restart_behind_the_canary_loses_no_hold_and_needs_none() {
    let mut world = checked();
    world.foreseen = Some(BTreeMap::from([(id(10), spared("users"))]));
    world.run(LATER);
    let why = held(&world).unwrap().to_owned();
    world.observed = Observed::default();
    world.foreseen = None;
    world.run("2027-01-11T11:00:00Z");
    assert_eq!(world.members.len(), 2);
    assert!(held(&world).is_some_and(|now| now != why && now.contains("cannot be asked")), "{:?}", held(&world));
    world.foreseen = Some(BTreeMap::new());
    world.run("2027-01-11T12:00:00Z");
    assert_eq!((held(&world), world.members.len()), (None, 5));
    let before = world.records.len();
    world.observed = Observed::default();
    world.run("2027-01-11T13:00:00Z");
    assert!(!world.records.iter().skip(before).any(|record| matches!(record.event, Event::HoldPlaced { .. })));
}

#[test]
fn a_canary_that_somebody_took_out_of_the_group_does_not_let_the_others_pass() {
    let mut world = checked();
    world.foreseen = Some(BTreeMap::from([(id(10), spared("users"))]));
    world.run(LATER);
    let canary = std::mem::take(&mut world.members);
    world.observed.reached = super::observed::Source::default();
    world.run("2027-01-11T18:00:00Z");
    assert!(world.state.people.get(canary[0]).unwrap().marks().removed_by_hand);
    assert!(held(&world).is_some() && world.members.is_empty(), "{:?}", world.members);
    world.members = canary;
    world.foreseen = Some(BTreeMap::new());
    world.run("2027-01-12T00:00:00Z");
    assert_eq!((held(&world), world.members.len()), (None, 5));
}

#[test]
fn a_plan_without_the_key_asks_nothing_and_keeps_its_revision() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.foreseen = None;
    world.run(END);
    assert_eq!((world.observed.spared.asked, world.observed.reached.asked), (None, None));
    assert!(!serde_json::to_string(&plan()).unwrap().contains("what_if"));
    assert!(matches!(plan().enforcement, Enforcement::ConditionalAccess { .. }));
}
