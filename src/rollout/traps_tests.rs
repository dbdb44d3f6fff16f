//! Traps of other rollout systems, recreated: each test tells one in a sentence, and fails where this program falls into it, too.
//!
//! Traps of settings that are not understood (hawkBit's error condition that does not parse, Flagger's silently corrected values) stand
//! in `config`; Flagger's failure counter and Argo's analysis that ends early stand with the gates (`gate_waits_tests`).

use super::change::forbidden;
use super::closing::{Abort, abort};
use super::decide::{Action, decide};
use super::event::{By, Event, Record};
use super::hold::{Blocks, Scope};
use super::observed::{Readiness, Source};
use super::pause::{self, Ending};
use super::plan::{Bound, Fails, Gate, GateAt, Measure, Plan, Selector};
use super::sample::{Perfect, TENANT, attempts, days, during, hours, id, person, plan};
use super::stage::PhaseName;
use super::verb;
use super::{acknowledge, approval};

const BEGIN: &str = "2027-01-01T08:00:00Z";

fn phase(world: &Perfect, stage: &str) -> PhaseName {
    world.state.stage(stage).unwrap().1.phase.name()
}

fn registered(at: GateAt) -> Gate {
    let measure = Measure::RegisteredShare;
    Gate { name: "registered".to_owned(), measure, at, bound: Bound::AtLeast(0.9), ..during(1) }
}

/// A world in which a gate failed amid the pilot, and the id of the hold.
fn failed() -> (Perfect, String) {
    let mut plan = plan();
    plan.gates = vec![during(2)];
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-11T08:01:00Z");
    world.sign_ins = Some(attempts(10..=14, world.now, 500_121));
    world.run("2027-01-11T10:00:00Z");
    let hold = world.state.holds.values().find(|hold| hold.gate().is_some()).unwrap().id.clone();
    (world, hold)
}

fn passed_on(world: &Perfect, hold: &str) -> Event {
    let (stage, gate) = world.state.holds[hold].gate().unwrap();
    let ack = acknowledge::digest(&world.state.evidence[&super::state::evidence_key(stage, gate)]);
    pause::end(&world.state, Ending { hold: Some(hold.to_owned()), ack: Some(ack), ..Ending::default() }).unwrap()
}

/// hawkBit goes on to the next group when everybody of the last one is through, whether it met its success threshold or not.
#[test]
fn hawkbit_a_group_that_is_finished_is_taken_for_one_that_succeeded() {
    // It must not go on whether its gate holds at the first failure, or has not failed often enough yet to hold.
    for fails in [Fails::default(), Fails { times: 10, of: 10 }] {
        let mut gate = registered(GateAt::Exit);
        gate.asking.fails = fails;
        let mut plan = plan();
        plan.gates = vec![gate];
        let mut world = Perfect::new(plan, BEGIN);
        world.run("2027-01-11T12:00:00Z");
        assert_eq!(world.members.len(), 5, "everybody is processed");
        world.readiness = Readiness::Unregistered;
        world.run("2027-01-24T08:00:00Z");
        assert_eq!(phase(&world, "pilot"), PhaseName::Soaking, "{fails:?}");
        world.run("2027-01-26T08:00:00Z");
        assert_eq!((phase(&world, "everyone"), world.members.len()), (PhaseName::Missed, 5), "{fails:?}");
    }
}

/// hawkBit starts the next group within the call that resumes after an error, before anybody or anything has looked again.
#[test]
fn hawkbit_going_on_after_an_error_starts_the_next_group_in_the_same_call() {
    let (mut world, hold) = failed();
    world.run("2027-01-25T08:30:00Z");
    let (before, members) = (world.records.len(), world.members.len());
    let event = passed_on(&world, &hold);
    world.commit(By::Operator, vec![event]);
    assert_eq!((world.records.len(), world.members.len()), (before + 1, members), "one record, and nothing else");
    assert_ne!(phase(&world, "everyone"), PhaseName::Enforcing);
    world.run("2027-01-25T08:31:00Z");
    assert_ne!(phase(&world, "everyone"), PhaseName::Enforcing, "the pilot has still to soak");
}

/// hawkBit asks for no approval of whoever may approve themselves, and an approved rollout that is edited stays approved.
#[test]
fn hawkbit_a_creator_who_may_approve_needs_no_approval_and_an_update_keeps_it() {
    let plan = Plan { approvals_needed: 1, ..plan() };
    let mut world = Perfect::new(plan.clone(), BEGIN);
    let revision = plan.revision();
    assert!(approval::approve(&world.state, world.now, "test", &revision, "mine".to_owned()).is_err());
    let event = approval::approve(&world.state, world.now, "ada", &revision, "read it".to_owned()).unwrap();
    world.commit_as(By::Operator, "ada", vec![event]);
    assert_eq!(approval::lacks(&world.state, world.now), None);
    let mut edited = plan;
    edited.limits.canary = 3;
    let event = Event::PlanAccepted { revision: edited.revision(), plan: Box::new(edited), why: String::new() };
    world.commit(By::Plan, vec![event]);
    assert!(approval::lacks(&world.state, world.now).is_some());
}

/// hawkBit starts a group whose date has passed, however long ago that was.
#[test]
fn hawkbit_a_group_starts_however_late_it_is() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    world.now = "2027-01-11T12:00:01Z".parse().unwrap();
    world.run("2027-01-20T08:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::Missed, 0));
}

/// hawkBit fills its groups in the order in which devices were created, so that one site, set up in one go, is one group (#1086).
#[test]
fn hawkbit_groups_in_the_order_of_creation_put_a_whole_site_into_one_stage() {
    // Four sites of a hundred people, one created after the other, with ids that ascend as they came.
    const STEP: u128 = u128::MAX / 500;
    let first = [Selector::Percent { share: 0.25, salt: TENANT.to_owned() }, Selector::ReadyFirst(100)];
    for selector in first {
        let mut plan = plan();
        plan.stages[0].include = vec![selector.clone()];
        let mut world = Perfect::new(plan, BEGIN);
        world.people = (1..=3).chain((1..=400).map(|n| n * STEP)).map(person).collect();
        world.run("2027-01-05T08:00:00Z");
        let mut sites = [0; 4];
        for place in &world.state.stages[0].roster {
            let nth = world.state.people.at(*place).unwrap().id.bits() / STEP;
            if let Some(site) = nth.checked_sub(1) {
                sites[usize::try_from(site / 100).unwrap()] += 1;
            }
        }
        let all: i32 = sites.iter().sum();
        assert!((70..=130).contains(&all), "{selector:?}: {sites:?}");
        assert!(sites.iter().all(|site| (all / 8..=all / 2).contains(site)), "{selector:?}: {sites:?}");
    }
}

/// Argo Rollouts is made for minutes, an hour or two at most: what goes wrong later finds nobody who measures.
#[test]
fn argo_what_is_made_for_minutes_is_over_before_people_come_to_work() {
    let mut plan = plan();
    plan.gates = vec![during(2)];
    plan.stages[0].soak = days(12);
    let mut world = Perfect::new(plan, BEGIN);
    world.sign_ins = Some(attempts(10..=14, "2027-01-11T09:00:00Z".parse().unwrap(), 0));
    world.run("2027-01-20T08:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.state.holds.len()), (PhaseName::Soaking, 0));
    // They come back from a long week, and do not get in.
    world.sign_ins = Some(attempts(10..=14, world.now, 500_121));
    world.run("2027-01-25T12:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    assert!(world.state.holds.values().any(|hold| hold.gate().is_some()), "{:?}", world.state.holds);
}

/// Argo Rollouts counts the time in which its controller was down as time of a pause that passed well.
#[test]
fn argo_time_in_which_nobody_was_running_counts_as_time_that_went_well() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T12:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    world.now = "2027-01-14T12:00:00Z".parse().unwrap();
    world.run("2027-01-14T12:01:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking, "three days of sleep are no day of soaking");
    world.run("2027-01-16T00:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Done);
}

/// Argo Rollouts has reported an analysis as successful whose every measurement was an error (#4479).
#[test]
fn argo_an_analysis_of_errors_alone_is_reported_as_successful() {
    let mut plan = plan();
    plan.gates = vec![during(2)];
    let mut world = Perfect::new(plan, BEGIN);
    world.sign_ins = None;
    world.run("2027-01-20T08:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Enforcing);
    assert_eq!(world.members.len(), 2, "the canary, and nobody behind it");
}

/// In Argo Rollouts promote, pause and abort are flags that overwrite one another (#2648, #4265, #4461), and some commands are taken and ignored.
#[test]
fn argo_promoting_pausing_and_aborting_undo_one_another() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    world.commit(By::Operator, vec![Event::paused("a test")]);
    let events = abort(&world.state, Abort::Keep, "no money").unwrap();
    world.commit(By::Operator, events);
    let event = pause::end(&world.state, Ending { allow_start: true, ..Ending::default() }).unwrap();
    world.commit(By::Operator, vec![event]);
    world.run("2027-03-01T08:00:00Z");
    assert!(world.members.is_empty(), "the pause is over, and the abort stands");
    let says = verb::may(&world.state, "pilot", verb::Verb::Rollback).unwrap_err();
    assert!(says.contains("what may be said of it now: nothing"), "{says}");
}

/// An upgrade of Flagger set the phase of every rollout under way back to the beginning (PR 255).
#[test]
fn flagger_an_upgrade_sets_every_phase_back() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T12:00:00Z");
    // As an earlier version wrote them: without the fields that came later.
    let line = |event: &str| -> Record {
        let seq = world.state.seq + 1;
        let text = format!(r#"{{"seq":{seq},"at":"2027-01-11T12:00:01Z","v":1,"by":"operator","actor":"ada","event":{event}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let paused = line(r#"{"type":"paused","why":"a test"}"#);
    assert_eq!(paused.event, Event::paused("a test"));
    world.state.apply(&paused).unwrap();
    let seq = world.state.seq + 1;
    let text = format!(
        r#"{{"seq":{seq},"at":"2027-01-11T12:00:02Z","v":1,"by":"operator","actor":"ada","event":{{"type":"unpaused","allow_start":false}}}}"#
    );
    world.state.apply(&serde_json::from_str(&text).unwrap()).unwrap();
    assert!(world.state.holds.is_empty());
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    // The new program begins, and by it the same plan has another revision.
    world.commit(By::Schedule, vec![Event::Started { program: "999.0.0".to_owned() }]);
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    let accepted = Event::PlanAccepted { revision: "another".to_owned(), plan: Box::new(world.plan.clone()), why: String::new() };
    world.commit(By::Plan, vec![accepted]);
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    assert_eq!(world.state.stages[0].roster.len(), 5);
}

/// Zincati takes logged-in people whom it cannot list for nobody, and reboots a machine under them (tracker #1780).
#[test]
fn zincati_what_cannot_be_listed_is_taken_for_nobody() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.readiness = Readiness::Unknown;
    world.run("2027-01-12T08:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::Enforcing, 0));
    // All of them could be enforced, and the report that says so cannot be read.
    world.readiness = Readiness::Capable;
    world.observed.registration = Source::default();
    let enforces = |world: &Perfect| matches!(world.with_ground(decide).action, Some(Action::Enforce(_)));
    assert!(!enforces(&world));
    world.look();
    assert!(enforces(&world), "nothing else held them back");
}

/// A Kubernetes CronJob fires the runs that were missed while it was suspended, as soon as the suspension ends.
#[test]
fn cronjob_ending_a_suspension_fires_what_was_missed() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    world.commit(By::Operator, vec![Event::paused("a test")]);
    world.run("2027-01-11T09:00:00Z");
    let event = pause::end(&world.state, Ending::default()).unwrap();
    world.commit(By::Operator, vec![event]);
    world.run("2027-01-11T11:59:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::Missed, 0), "though its latest start was ahead");
}

/// After a hundred missed runs a Kubernetes CronJob does something else than before, and its documents and its code disagree on what.
#[test]
fn cronjob_after_many_missed_runs_documents_and_code_disagree() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-10T07:00:00Z");
    world.now = "2027-12-01T08:00:00Z".parse().unwrap();
    world.run("2027-12-20T08:00:00Z");
    assert_eq!((phase(&world, "pilot"), phase(&world, "everyone")), (PhaseName::Missed, PhaseName::Missed));
    assert!(world.members.is_empty(), "not one of them starts in the recovery");
}

/// Windows Update for Business goes on after a tripped rule as soon as the rule is deleted or its threshold raised, with nobody having looked.
#[test]
fn windows_update_a_tripped_rule_is_got_rid_of_by_deleting_it_or_raising_its_threshold() {
    for edit in [(|plan: &mut Plan| plan.gates.clear()) as fn(&mut Plan), |plan| plan.gates[0].bound = Bound::AtMost(1.0)] {
        let (mut world, hold) = failed();
        let mut plan = world.plan.clone();
        edit(&mut plan);
        assert!(forbidden(&world.state, &plan, world.now).is_empty(), "the plan may change");
        let event = Event::PlanAccepted { revision: plan.revision(), plan: Box::new(plan.clone()), why: String::new() };
        world.plan = plan;
        world.commit(By::Plan, vec![event]);
        world.run("2027-01-13T08:00:00Z");
        assert!(world.state.holds.contains_key(&hold), "only a human who has seen it ends the hold");
    }
}

/// Windows Update for Business asks for no reason of a pause, and it may take eight hours until one stops anything.
#[test]
fn windows_update_a_pause_needs_no_reason_and_may_take_hours() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:59:59Z");
    let pause = |why: &str| pause::begin(&world.state, world.now, Scope::Rollout, Blocks::Forward, None, why.to_owned());
    assert!(pause("  ").is_err_and(|why| why.contains("needs a reason")));
    let events = pause("now").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-11T11:00:00Z");
    assert!(world.members.is_empty());
}

/// GitLab ignores a grace period that is shortened for those who are in it already (#29702), and says so to nobody.
#[test]
fn gitlab_a_period_that_is_shortened_afterwards_ends_otherwise_than_people_were_told() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-06T08:00:00Z");
    let mut plan = world.plan.clone();
    plan.notices.min_notice = days(1);
    assert!(forbidden(&world.state, &plan, world.now).iter().any(|why| why.contains("cannot become shorter")));
    let mut plan = world.plan.clone();
    plan.stages[0].start.civil = plan.stages[0].start.civil.checked_sub(hours(24)).unwrap();
    plan.stages[0].start.instant -= hours(24);
    assert!(forbidden(&world.state, &plan, world.now).iter().any(|why| why.contains("can only move later")));
}

/// GitLab gives whoever is in two groups the shorter of their grace periods, whichever they were told of (#58527).
#[test]
fn gitlab_whoever_is_in_two_groups_gets_the_shorter_of_their_periods() {
    let mut plan = plan();
    // Both stages name them; the first that selects them is theirs, whatever the other says.
    let both = Selector::Users((10..15).map(|n| super::id::PersonRef::Id(id(n))).collect());
    plan.stages[1].include = vec![both, Selector::EveryoneElse];
    let mut world = Perfect::new(plan.clone(), BEGIN);
    world.run("2027-01-20T08:00:00Z");
    for n in 10..15 {
        let person = world.state.people.get(id(n)).unwrap();
        assert_eq!(person.promise(), Some(world.state.stages[0].start.instant));
        assert_eq!(world.state.home_name(person.home()), "pilot");
    }
    // Their own stage gives more notice than the other that names them, and less time than that is left.
    plan.stages[0].min_notice = Some(days(5));
    let mut world = Perfect::new(plan, "2027-01-07T08:00:00Z");
    world.run("2027-01-20T08:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::Missed, 0));
}

/// GitLab ended a grace period of 384 hours after the 48 hours that are its default (#373319).
#[test]
fn gitlab_a_period_ends_after_the_default_and_not_after_what_people_were_told() {
    let mut plan = plan();
    (plan.notices.min_notice, plan.tail.grace) = (hours(48), hours(384));
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-02-10T08:00:00Z");
    world.people.push(person(31));
    world.run("2027-02-12T08:00:00Z");
    let joiner = world.state.people.get(id(31)).unwrap();
    let (told, date) = (joiner.first_told().unwrap(), joiner.promise().unwrap());
    assert!(date >= told + hours(384), "told at {told}: {date}");
    world.run(&(date - hours(1)).to_string());
    assert!(!world.members.contains(&id(31)), "told at {told}: {date}");
    world.run(&date.to_string());
    world.run(&(date + hours(1)).to_string());
    assert!(world.members.contains(&id(31)), "told at {told}: {date}");
}
