//! Gates in whole rollouts: what is waited out, what holds after how many failures, what a human is asked for, and what stops nothing.

use super::acknowledge::digest;
use super::event::{By, Event, Verdict};
use super::gate::{Answered, Judgement, Recent, Says, Yes};
use super::hold::{Clears, Hold};
use super::observed::SignIn;
use super::pause::{Ending, end};
use super::plan::{Bound, Fails, Gate, GateAt, Measure, Override};
use super::post;
use super::report::report;
use super::sample::{Perfect, at, attempts, days, during, hours, id, plan};
use super::stage::PhaseName;

const BEGIN: &str = "2027-01-01T08:00:00Z";
const GATE: &str = "people get in";

fn world(gate: Gate) -> Perfect {
    let mut plan = plan();
    plan.gates.push(gate);
    Perfect::new(plan, BEGIN)
}

fn phase(world: &Perfect, stage: &str) -> PhaseName {
    world.state.stage(stage).unwrap().1.phase.name()
}

fn holds(world: &Perfect) -> Vec<(&str, Clears)> {
    world.state.holds.values().map(|hold| (hold.id.as_str(), hold.clears)).collect()
}

/// Whether the people of a stage got in, or did not, long after everything.
fn later(people: impl IntoIterator<Item = u128>, code: i64) -> Vec<SignIn> {
    attempts(people, at("2027-06-01T00:00:00Z"), code)
}

fn enforced(world: &Perfect) -> usize {
    world.members.iter().filter(|person| **person != id(1)).count()
}

/// A human looks at a hold and ends it.
fn unpause(world: &mut Perfect, hold: &str) {
    let ack = world.state.holds[hold].gate().map(|(stage, gate)| digest(&world.state.evidence[&format!("{stage}/{gate}")]));
    let ending = Ending { hold: Some(hold.to_owned()), ack, allow_start: true, ..Ending::default() };
    let event = end(&world.state, ending).unwrap();
    world.commit(By::Operator, vec![event]);
}

fn says(world: &mut Perfect, stage: &str, says: Yes) -> Result<(), String> {
    let event = post::confirm(&world.state, &world.plan, stage, GATE, says, "the feedback was read".to_owned())?;
    world.commit(By::Operator, vec![event]);
    Ok(())
}

fn confirm(moment: GateAt) -> Gate {
    Gate { measure: Measure::Confirm, at: moment, bound: Bound::Judged, max_age: days(7), ..during(1) }
}

#[test]
fn so_many_of_the_latest_readings_must_fail() {
    // Flagger's count of failures is never set back by a success, so that single ones of long ago add up.
    for (readings, fails, holds) in [
        ("F", (1, 1), true),
        ("F", (2, 3), false),
        ("FF", (2, 3), true),
        ("FPF", (2, 3), true),
        ("FPPF", (2, 3), false),
        ("FPPFPPF", (2, 3), false),
        ("FPFPF", (3, 5), true),
        ("PFPFPP", (3, 5), false),
        ("FF", (3, 3), false),
        ("FFF", (3, 3), true),
        ("FFPFF", (3, 3), false),
        // What says nothing is no reading.
        ("FNNNF", (2, 2), true),
        ("FIIF", (2, 2), true),
    ] {
        let mut recent = Recent::default();
        let verdict = |letter| match letter {
            'F' => Verdict::Fail,
            'P' => Verdict::Pass,
            'N' => Verdict::NoData,
            _ => Verdict::Inconclusive,
        };
        for (hour, letter) in (0..).zip(readings.chars()) {
            // The same reading twice is one.
            recent.take(Some(at(BEGIN) + hours(hour)), verdict(letter));
            recent.take(Some(at(BEGIN) + hours(hour)), Verdict::Fail);
        }
        let (times, of) = fails;
        assert_eq!(recent.failed(Fails { times, of }) >= usize::from(times), holds, "{readings} {fails:?}");
    }
}

#[test]
fn a_failure_that_does_not_hold_yet_stops_the_batches_all_the_same() {
    let mut gate = during(2);
    gate.asking.fails = Fails { times: 2, of: 3 };
    for (second, human) in [(500_121, true), (0, false)] {
        let mut world = world(gate.clone());
        world.sign_ins = Some(later(10..=11, 500_121));
        world.run("2027-01-11T08:30:00Z");
        assert_eq!((enforced(&world), holds(&world)), (2, vec![("gate-waits:pilot:people get in", Clears::Itself)]), "{second}");
        world.sign_ins = Some(later(10..=11, second));
        // The next reading is an hour after the first one.
        world.run("2027-01-11T09:10:00Z");
        let expected = if human { vec![("gate:pilot:people get in", Clears::Human)] } else { Vec::new() };
        assert_eq!(holds(&world), expected, "{second}");
        assert_eq!(enforced(&world), if human { 2 } else { 5 }, "{second}");
        let read = world.records.iter().filter(|record| matches!(&record.event, Event::GateRead { .. })).count();
        assert!(read >= 2, "{second}: each reading that counted is in the journal");
        if human {
            unpause(&mut world, "gate:pilot:people get in");
            world.run("2027-01-11T09:30:00Z");
            assert!(!world.state.holds.contains_key("gate:pilot:people get in"), "what was looked into is not counted again");
        }
    }
}

#[test]
fn a_shadow_is_read_journalled_and_shown_and_stops_nothing() {
    let mut gate = during(2);
    gate.asking.shadow = true;
    for log in [Some(later(10..=14, 500_121)), None] {
        let mut world = world(gate.clone());
        world.sign_ins.clone_from(&log);
        world.run("2027-01-13T12:00:00Z");
        assert_eq!((phase(&world, "pilot"), holds(&world)), (PhaseName::Done, Vec::new()), "{log:?}");
        let verdicts = world.records.iter().filter_map(|record| match &record.event {
            Event::GateRead { evidence, .. } => Some(evidence.verdict),
            _ => None,
        });
        let fails = if log.is_some() { Verdict::Fail } else { Verdict::NoData };
        assert!(verdicts.clone().any(|verdict| verdict == fails), "{log:?}");
        assert!(verdicts.count() < 6, "{log:?}: only what changes, and with each move");
    }
    let mut world = world(gate);
    world.sign_ins = Some(later(10..=14, 500_121));
    world.run("2027-01-11T12:00:00Z");
    let shown = world.with_ground(|ground| report(ground, world.now));
    assert!(shown.stages[0].gates[0].sentence.ends_with("(a shadow: it stops nothing)"), "{:?}", shown.stages[0].gates);
}

#[test]
fn a_stage_may_have_a_threshold_and_a_sample_of_its_own() {
    let mut gate = during(2);
    gate.stages = vec!["pilot".to_owned(), "everyone".to_owned()];
    let own = |bound, min_sample| vec![Override { stage: "pilot".to_owned(), bound, min_sample }];
    for (name, overrides, expected) in [
        ("none", Vec::new(), vec![("gate:pilot:people get in", Clears::Human)]),
        ("a threshold", own(Some(Bound::AtMost(1.0)), None), Vec::new()),
        ("a sample", own(None, Some(5)), Vec::new()),
    ] {
        gate.asking.overrides = overrides;
        let mut world = world(gate.clone());
        world.sign_ins = Some(later(10..=11, 500_121));
        world.run("2027-01-11T11:00:00Z");
        assert_eq!(holds(&world), expected, "{name}");
    }
}

#[test]
fn without_data_for_too_long_a_human_is_asked_and_after_them_again() {
    let mut world = world(during(2));
    world.sign_ins = Some(later(10..=14, 0));
    world.run("2027-01-11T12:00:00Z");
    world.sign_ins = None;
    // The last reading counts for 12 h; from then on nothing is known.
    world.run("2027-01-12T22:00:00Z");
    let waits = ("gate-waits:pilot:people get in", Clears::Itself);
    assert!(holds(&world).contains(&waits), "{:?}", holds(&world));
    world.run("2027-01-13T06:00:00Z");
    let held = ("gate:pilot:people get in", Clears::Human);
    assert!(holds(&world).contains(&held) && !holds(&world).contains(&waits), "{:?}", holds(&world));
    assert!(world.state.holds["gate:pilot:people get in"].why.contains("limits.max_hold"));
    world.run("2027-01-14T06:00:00Z");
    assert!(holds(&world).contains(&held), "it does not end by itself");
    unpause(&mut world, "gate:pilot:people get in");
    world.run("2027-01-14T07:00:00Z");
    assert!(holds(&world).contains(&waits) && !holds(&world).contains(&held), "the wait begins anew: {:?}", holds(&world));
    world.run("2027-01-15T07:00:00Z");
    assert!(holds(&world).contains(&held), "{:?}", holds(&world));
    world.sign_ins = Some(later(10..=14, 0));
    unpause(&mut world, "gate:pilot:people get in");
    world.run("2027-01-18T12:00:00Z");
    assert_eq!((phase(&world, "pilot"), holds(&world)), (PhaseName::Done, Vec::new()));
}

#[test]
fn a_stage_never_starts_without_data_and_is_missed_in_the_end() {
    // Kayenta passes what has no data; here it is missed, with the reason.
    let gate = Gate { measure: Measure::Http, at: GateAt::Start, max_age: hours(2), ..during(2) };
    let mut world = world(gate);
    world.run("2027-01-11T13:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Missed);
    let why = world.records.iter().rev().find_map(|record| match &record.event {
        Event::StageMoved { to: PhaseName::Missed, why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.as_ref().is_some_and(|why| why.contains("has no fresh data: a test")), "{why:?}");
    assert_eq!(enforced(&world), 0);
}

#[test]
fn an_answer_from_outside_starts_a_stage_only_as_a_pass() {
    let judged = |verdict| Says::Judged { verdict, why: None };
    for (says, expected) in [
        (judged(Judgement::Pass), PhaseName::Soaking),
        (judged(Judgement::Fail), PhaseName::Announced),
        (judged(Judgement::Inconclusive), PhaseName::Announced),
        (Says::Value { value: 0.2, sample: 9 }, PhaseName::Soaking),
        (Says::Value { value: 0.2, sample: 1 }, PhaseName::Announced),
        (Says::Value { value: 0.4, sample: 9 }, PhaseName::Announced),
    ] {
        let gate = Gate { measure: Measure::Command, at: GateAt::Start, max_age: hours(2), ..during(2) };
        let mut world = world(gate);
        world.outside = Some(Answered { says: says.clone(), as_of: None });
        world.run("2027-01-11T10:00:00Z");
        assert_eq!(phase(&world, "pilot"), expected, "{says:?}");
    }
}

#[test]
fn an_exit_gate_is_waited_for_without_end_and_that_is_seen() {
    // Argo counts an analysis that ended early, or without any data, as a success.
    let gate = Gate { measure: Measure::Http, at: GateAt::Exit, max_age: hours(2), ..during(2) };
    let mut world = world(gate);
    world.run("2027-01-12T18:00:00Z");
    let waits = ("gate-waits:pilot:people get in", Clears::Itself);
    // Time that is not watched does not soak.
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    let inconclusive = Some(Answered { says: Says::Judged { verdict: Judgement::Inconclusive, why: None }, as_of: None });
    world.outside.clone_from(&inconclusive);
    world.run("2027-01-13T20:00:00Z");
    // It has soaked, and nothing answers any more.
    world.outside = None;
    world.run("2027-01-14T06:00:00Z");
    assert_eq!((phase(&world, "pilot"), holds(&world)), (PhaseName::Soaking, Vec::new()));
    world.outside = inconclusive;
    world.run("2027-01-20T00:00:00Z");
    assert_eq!((phase(&world, "pilot"), holds(&world)), (PhaseName::Soaking, vec![waits]));
    assert!(world.state.holds.values().all(|hold: &Hold| hold.why.contains("somebody should look")));
    world.outside = Some(Answered { says: Says::Judged { verdict: Judgement::Pass, why: None }, as_of: None });
    world.run("2027-01-20T06:00:00Z");
    assert_eq!((phase(&world, "pilot"), holds(&world)), (PhaseName::Done, Vec::new()));
}

#[test]
fn a_stage_starts_once_a_human_has_said_yes_of_this_announcement() {
    let mut world = world(confirm(GateAt::Start));
    world.run("2027-01-02T00:00:00Z");
    let refused = says(&mut world, "pilot", Yes::Yes).unwrap_err();
    assert!(refused.contains("scheduled") && refused.contains("would not count"), "{refused}");
    world.run("2027-01-11T09:00:00Z");
    assert_eq!(
        (phase(&world, "pilot"), holds(&world)),
        (PhaseName::Announced, vec![("gate-waits:pilot:people get in", Clears::Itself)])
    );
    assert!(says(&mut world, "everyone", Yes::Yes).is_err(), "that one is not announced");
    says(&mut world, "pilot", Yes::Yes).unwrap();
    world.run("2027-01-11T12:00:00Z");
    assert_eq!((phase(&world, "pilot"), holds(&world)), (PhaseName::Soaking, Vec::new()));
    assert!(says(&mut world, "pilot", Yes::Yes).is_err(), "nobody asks any more");
}

#[test]
fn a_no_holds_until_a_human_ends_it_and_then_the_question_stands_again() {
    let mut world = world(confirm(GateAt::Start));
    world.run("2027-01-11T07:00:00Z");
    says(&mut world, "pilot", Yes::No).unwrap();
    world.run("2027-01-11T08:30:00Z");
    assert_eq!(holds(&world), [("gate:pilot:people get in", Clears::Human)]);
    unpause(&mut world, "gate:pilot:people get in");
    world.run("2027-01-11T09:00:00Z");
    assert_eq!(
        (phase(&world, "pilot"), holds(&world)),
        (PhaseName::Announced, vec![("gate-waits:pilot:people get in", Clears::Itself)])
    );
    says(&mut world, "pilot", Yes::No).unwrap();
    world.run("2027-01-11T09:30:00Z");
    assert!(holds(&world).contains(&("gate:pilot:people get in", Clears::Human)), "said again: {:?}", holds(&world));
    unpause(&mut world, "gate:pilot:people get in");
    says(&mut world, "pilot", Yes::Yes).unwrap();
    world.run("2027-01-11T11:00:00Z");
    assert_eq!((phase(&world, "pilot"), holds(&world)), (PhaseName::Soaking, Vec::new()));
}

#[test]
fn an_unanswered_question_stops_the_batches_however_long_it_stands() {
    let mut world = world(confirm(GateAt::During));
    // The canary's wait is for people who have not signed in yet; a human is not one of them.
    world.run("2027-01-11T20:00:00Z");
    assert_eq!((enforced(&world), holds(&world)), (2, vec![("gate-waits:pilot:people get in", Clears::Itself)]));
    says(&mut world, "pilot", Yes::Yes).unwrap();
    world.run("2027-01-11T21:00:00Z");
    assert_eq!((enforced(&world), holds(&world)), (5, Vec::new()));
}

#[test]
fn an_answer_to_a_missed_announcement_is_none_to_the_next() {
    let mut world = world(confirm(GateAt::Start));
    world.run("2027-01-11T07:00:00Z");
    says(&mut world, "pilot", Yes::Yes).unwrap();
    assert!(!world.state.posts.confirmed.is_empty());
    let missed = Event::StageMoved {
        stage: "pilot".to_owned(),
        from: PhaseName::Announced,
        to: PhaseName::Missed,
        why: "a test".to_owned(),
    };
    world.commit(By::Schedule, vec![missed]);
    assert!(world.state.posts.confirmed.is_empty());
}

#[test]
fn contacts_are_counted_on_from_where_they_were_and_corrected_by_their_beginning() {
    let mut world = world(Gate { measure: Measure::Contacts, bound: Bound::AtMost(6.0), ..during(2) });
    world.run("2027-01-11T12:00:00Z");
    assert_eq!(enforced(&world), 2, "nobody has counted: no data");
    let mut count = |hour, count, since: Option<&str>| {
        world.run(&format!("2027-01-11T{hour}:00:00Z"));
        let why = || "as the desk counts".to_owned();
        let event = post::contacts(&world.state, world.now, (count, None), since.map(at), ("desk", why()))?;
        world.commit(By::Operator, vec![event]);
        Ok::<_, String>(world.state.posts.contacts.iter().map(|post| post.count).collect::<Vec<_>>())
    };
    assert_eq!(count(13, 3, None), Ok(vec![3]));
    assert_eq!(count(14, 2, None), Ok(vec![3, 2]));
    assert_eq!(count(15, 4, Some("2027-01-11T13:00:00Z")), Ok(vec![3, 4]), "the second one corrected, until now");
    assert!(count(15, 4, Some("2027-01-11T14:00:00Z")).is_err(), "counted already");
    assert!(count(15, 4, Some("2027-01-11T16:00:00Z")).is_err(), "still to come");
    world.run("2027-01-11T16:00:00Z");
    assert_eq!(holds(&world), [("gate:pilot:people get in", Clears::Human)], "seven, and six are allowed");
    unpause(&mut world, "gate:pilot:people get in");
    world.run("2027-01-11T17:00:00Z");
    assert!(!world.state.holds.contains_key("gate:pilot:people get in"), "those seven were looked at");
}

#[test]
fn a_gate_that_asks_something_else_begins_anew() {
    let mut gate = during(2);
    gate.asking.fails = Fails { times: 2, of: 3 };
    let mut world = world(gate);
    world.sign_ins = Some(later(10..=11, 500_121));
    world.run("2027-01-11T09:10:00Z");
    assert!(!world.state.recent.is_empty());
    let accept = |world: &mut Perfect| {
        let (revision, plan) = (world.plan.revision(), Box::new(world.plan.clone()));
        world.commit(By::Plan, vec![Event::PlanAccepted { revision, plan, why: String::new() }]);
    };
    world.plan.limits.canary = 3;
    accept(&mut world);
    assert!(!world.state.recent.is_empty(), "the gate is the same");
    world.plan.gates[0].bound = Bound::AtMost(0.9);
    accept(&mut world);
    assert!(world.state.recent.is_empty());
}
