//! Tests of reports in whole rollouts: when they are due, what they count, and that they are told once.

use super::super::event::{Because, By, Event};
use super::super::memo::Memo;
use super::super::page::{Page, Part};
use super::super::plan::{Channel, Weekly, addressee};
use super::super::sample::{Perfect, TENANT, at, attempts, days, during, hours, id, plan};
use super::*;

const BEGIN: &str = "2027-01-01T08:00:00Z";

fn world(change: impl FnOnce(&mut super::super::plan::Plan)) -> Perfect {
    let mut plan = plan();
    plan.reports.to = vec![addressee(TENANT, "ops@contoso.example")];
    change(&mut plan);
    Perfect::new(plan, BEGIN)
}

/// Reports that fell due, with their instants, and how many mails about them were taken.
fn reported(world: &Perfect) -> (Vec<(String, Subject)>, usize) {
    let due = world.records.iter().filter_map(|record| match &record.event {
        Event::Reported { about, .. } => Some((record.seq, record.at.to_string(), about.clone())),
        _ => None,
    });
    let due: Vec<_> = due.collect();
    let sent = world
        .records
        .iter()
        .filter(|record| matches!(&record.event, Event::MemoIntent { about, .. } if due.iter().any(|(seq, ..)| seq == about)));
    let sent = sent.count();
    (due.into_iter().map(|(_, at, about)| (at, about)).collect(), sent)
}

fn facts(world: &Perfect, stage: &str) -> StageEnd {
    let diary = world.state.operators.desk.as_ref().unwrap().diary.clone();
    world.with_ground(|ground| stage_end(ground, &diary, ground.state.stage(stage).unwrap().1))
}

#[test]
fn the_end_of_a_stage_and_each_week_are_told_once() {
    let mut world = world(|_| {});
    world.run("2027-01-20T08:00:00Z");
    let stage = |name: &str| Subject::Stage(name.to_owned());
    let week = |text: &str| Subject::Week(at(text));
    let (due, sent) = reported(&world);
    let about: Vec<_> = due.iter().map(|(_, about)| about.clone()).collect();
    let expected = [week("2027-01-04T07:00:00Z"), week("2027-01-11T07:00:00Z"), stage("pilot"), week("2027-01-18T07:00:00Z")];
    assert_eq!(about, expected, "{:?}", world.moves());
    assert_eq!(due[0].0, "2027-01-04T07:00:00Z", "it wakes for it");
    assert_eq!(sent, 4);
    assert!(world.state.operators.waits.is_empty());
}

#[test]
fn what_came_of_a_stage_is_counted_and_adds_up() {
    let mut world = world(|plan| plan.gates.push(during(3)));
    // 10 cannot get in.
    world.sign_ins =
        Some([attempts([10], at("2027-01-11T10:00:00Z"), 500_121), attempts(11..15, at("2027-01-11T10:00:00Z"), 0)].concat());
    world.run("2027-01-09T08:00:00Z");
    world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
    world.run("2027-01-10T08:00:00Z");
    let unpaused = Event::Unpaused { hold: "paused".to_owned(), allow_start: false, ack: None, why: String::new() };
    world.commit_as(By::Operator, "ann", vec![unpaused]);
    world.run("2027-01-14T08:00:00Z");
    let facts = facts(&world, "pilot");
    assert_eq!((facts.phase, facts.selected, facts.people, facts.enforced), (PhaseName::Done, 5, 5, 5), "{:?}", world.moves());
    assert_eq!(facts.situations.values().sum::<u32>(), facts.people);
    let failures = facts.mfa_failures.clone().unwrap();
    assert_eq!((failures.hits, failures.sample), (1, 5));
    // The gate was waited for until the canary's people had signed in.
    let [stood, waited] = &facts.holds[..] else { panic!("{:?}", facts.holds) };
    assert_eq!((waited.id.as_str(), waited.since), ("gate-waits:pilot:people get in", at("2027-01-11T08:00:00Z")));
    assert_eq!(
        (stood.id.as_str(), stood.since, stood.until),
        ("paused", at("2027-01-09T08:00:00Z"), Some(at("2027-01-10T08:00:00Z")))
    );
    assert_eq!(facts.started, Some(at("2027-01-11T08:00:00Z")));
    assert!(facts.announced < facts.started && facts.started <= facts.processed && facts.processed < Some(facts.since));
}

#[test]
fn who_left_a_stage_is_counted_under_a_reason() {
    let mut world = world(|_| {});
    world.run("2027-01-10T08:00:00Z");
    let why = "a test".to_owned();
    world.commit(By::Schedule, vec![Event::Carried { stage: "pilot".to_owned(), why, people: vec![id(10), id(11)] }]);
    world.run("2027-01-14T08:00:00Z");
    let facts = facts(&world, "pilot");
    assert_eq!((facts.selected, facts.people, facts.carried.get("a test")), (5, 3, Some(&2)));
}

#[test]
fn a_week_says_what_happened_comes_and_waits_and_names_nobody() {
    let mut world = world(|_| {});
    world.run("2027-01-10T20:00:00Z");
    world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
    world.run("2027-01-11T06:59:00Z");
    let diary = world.state.operators.desk.as_ref().unwrap().diary.clone();
    let facts = world.with_ground(|ground| week(ground, &diary));
    let happened: Vec<_> = facts.happened.iter().map(Entry::says).collect();
    for part in ["stage pilot is announced", "pilot: 5 people were told (announcement)", "paused: "] {
        assert!(happened.iter().any(|says| says.contains(part)), "{part}: {happened:?}");
    }
    let coming: Vec<_> = facts.coming.iter().map(|coming| (coming.stage.as_str(), coming.says.as_str())).collect();
    assert_eq!(coming[0], ("pilot", "MFA is required from now on"), "{coming:?}");
    assert_eq!(facts.waits.iter().map(|alert| alert.id.as_str()).collect::<Vec<_>>(), ["paused"]);
    let Page { subject, parts } = world.with_ground(|ground| week_page(ground, &facts));
    assert_eq!(subject, "MFA rollout of contoso.example: the week to Mon 2027-01-11");
    let text = format!("{parts:?}");
    assert!(text.contains("`tidegate unpause`") && (1..31).all(|n| !text.contains(&id(n).to_string())), "{text}");
    assert!(matches!(&parts[0], Part::Box(says) if says.starts_with("1 thing waits")), "{text}");
}

#[test]
fn a_week_that_was_slept_through_is_left_out_and_a_few_hours_are_not() {
    for (wakes, expected) in [("2027-01-11T20:00:00Z", 1), ("2027-01-15T08:00:00Z", 0)] {
        let mut world = world(|plan| plan.stages.truncate(1));
        world.run("2027-01-05T08:00:00Z");
        let before = reported(&world).0.len();
        world.now = at(wakes);
        world.run(wakes);
        let weeks = reported(&world).0.into_iter().skip(before).filter(|(_, about)| matches!(about, Subject::Week(_)));
        assert_eq!(weeks.count(), expected, "{wakes}");
    }
}

#[test]
fn without_anybody_to_tell_nothing_is_kept_and_whoever_comes_later_hears_of_what_comes() {
    let mut world = world(|plan| plan.reports.to.clear());
    world.run("2027-01-14T08:00:00Z");
    assert!(world.state.operators.is_empty() && reported(&world).0.is_empty());
    let mut later = world.plan.clone();
    later.notices.channel = vec![Channel::Mail, Channel::Webhook];
    later.reports.digest = Some(Weekly { day: 4, at: jiff::civil::time(18, 0, 0, 0) });
    world.plan = later.clone();
    let revision = later.revision();
    world.commit(By::Plan, vec![Event::PlanAccepted { revision, plan: Box::new(later), why: String::new() }]);
    world.run("2027-01-16T08:00:00Z");
    assert_eq!(reported(&world), (vec![("2027-01-15T17:00:00Z".to_owned(), Subject::Week(at("2027-01-15T17:00:00Z")))], 0));
}

#[test]
fn a_report_that_a_crash_left_in_doubt_is_repeated_once() {
    let mut world = world(|plan| plan.stages.truncate(1));
    world.run("2027-01-04T06:00:00Z");
    world.now = at("2027-01-04T07:00:00Z");
    let slot = Subject::Week(world.now);
    world.commit(By::Schedule, vec![Event::Reported { about: slot.clone(), says: String::new() }]);
    let about = world.state.seq;
    assert_eq!(world.state.operators.waits[&about].memo, Memo::Report(slot));
    let to = world.plan.reports.to.clone();
    for _ in 0..2 {
        assert!(world.state.operators.waits.contains_key(&about));
        world.commit(By::Schedule, vec![Event::MemoIntent { about, to: to.clone(), from: Vec::new() }]);
        let intent = world.state.seq;
        let (accepted, refused, not_sent) = (Vec::new(), Vec::<Because>::new(), Vec::<Because>::new());
        world.commit(By::Recovery, vec![Event::MemoOutcome { intent, accepted, refused, unknown: to.clone(), not_sent }]);
    }
    assert!(!world.state.operators.waits.contains_key(&about), "a third time would be too often");
}

#[test]
fn the_diary_adds_up_within_a_day_and_stays_small() {
    let mut world = world(|_| {});
    world.run("2027-01-30T08:00:00Z");
    for n in 0..2_000 {
        world.now += hours(30);
        let hold = |id: String| super::super::hold::Hold {
            id,
            scope: super::super::hold::Scope::Rollout,
            blocks: super::super::hold::Blocks::Forward,
            owner: super::super::hold::Owner::Tenant,
            since: world.now,
            clears: super::super::hold::Clears::Itself,
            why: "a test".to_owned(),
            until: None,
        };
        let placed = Event::HoldPlaced { hold: hold(format!("test:{n}")) };
        world.commit(By::Gate, vec![placed.clone(), placed, Event::HoldCleared { id: format!("test:{n}"), why: String::new() }]);
    }
    let entries = world.state.operators.desk.as_ref().unwrap().diary.entries().len();
    assert_eq!(entries, super::super::diary::MOST);
    assert!(world.now > at(BEGIN) + days(100));
}
