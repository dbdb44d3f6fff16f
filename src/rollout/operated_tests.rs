//! What operators say of stages and of the rollout: whole rollouts in a perfect world.

use super::closing::{Abort, abort, cancel, skip};
use super::event::{By, Event, Slot};
use super::hold::{Blocks, Scope};
use super::late;
use super::observed::{Readiness, Toggle};
use super::pause::{self, Ending};
use super::person::{Enforced, Home};
use super::plan::{Amount, Cap, Expected, Gate};
use super::release::{self, Extent};
use super::sample::{Perfect, at, attempts, days, during, hours, plan};
use super::stage::PhaseName;
use super::state::{Phase, State};
use super::{acknowledge, approval, rebook};

const BEGIN: &str = "2027-01-01T08:00:00Z";

fn phase(world: &Perfect, stage: &str) -> PhaseName {
    world.state.stage(stage).unwrap().1.phase.name()
}

fn pauses(world: &mut Perfect, scope: Scope, blocks: Blocks, until: Option<&str>) {
    let events = pause::begin(&world.state, world.now, scope, blocks, until.map(at), "a test".to_owned()).unwrap();
    world.commit(By::Operator, events);
}

fn ends(world: &mut Perfect, hold: &str) {
    let ending = Ending { hold: Some(hold.to_owned()), ..Ending::default() };
    let event = pause::end(&world.state, ending).unwrap();
    world.commit(By::Operator, vec![event]);
}

/// Who was told that what they were told does not hold any more.
fn told_off(world: &Perfect, wanted: Slot) -> usize {
    let people = |record: &super::event::Record| match &record.event {
        Event::NoticeIntent { slot, people, .. } if *slot == wanted => people.len(),
        _ => 0,
    };
    world.records.iter().map(people).sum()
}

fn members_of_roster(state: &State, stage: &str) -> usize {
    state.stage(stage).unwrap().1.roster.len()
}

#[test]
fn a_paused_stage_rests_and_the_others_go_on() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    pauses(&mut world, Scope::Stage("everyone".to_owned()), Blocks::Forward, None);
    world.run("2027-01-26T12:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::Done, 5));
    assert_eq!(phase(&world, "everyone"), PhaseName::Missed, "{:?}", world.moves());
}

#[test]
fn a_pause_of_a_stage_over_its_start_makes_it_missed_when_it_ends() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    pauses(&mut world, Scope::Stage("pilot".to_owned()), Blocks::Forward, None);
    world.run("2027-01-11T09:00:00Z");
    assert!(world.members.is_empty());
    ends(&mut world, "paused:pilot");
    world.run("2027-01-11T09:00:01Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::Missed, 0));
}

#[test]
fn a_paused_person_waits_alone() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    let one = world.state.people.at(world.state.stage("pilot").unwrap().1.roster[0]).unwrap().id;
    pauses(&mut world, Scope::Person(one), Blocks::Forward, None);
    world.run("2027-01-11T09:00:00Z");
    assert_eq!(world.members.len(), 4);
    assert!(!world.members.contains(&one));
    ends(&mut world, &format!("paused:{one}"));
    world.run("2027-01-11T09:30:00Z");
    assert!(world.members.contains(&one), "the stage is still being enforced");
}

#[test]
fn a_pause_that_should_have_ended_holds_on_and_says_so_once() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    pauses(&mut world, Scope::Rollout, Blocks::Forward, Some("2027-01-11T07:30:00Z"));
    world.run("2027-01-11T09:00:00Z");
    assert!(world.members.is_empty());
    let said = world.records.iter().filter(|r| matches!(&r.event, Event::HoldPlaced { hold } if hold.id == "paused"));
    assert_eq!(said.map(|record| record.at).collect::<Vec<_>>(), [at("2027-01-11T07:30:00Z")]);
    assert!(world.state.holds["paused"].why.contains("its time was up at 2027-01-11T07:30:00Z"));
}

#[test]
fn a_pause_of_everything_stops_a_rollback_and_is_not_weakened_by_another_one() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T12:00:00Z");
    pauses(&mut world, Scope::Rollout, Blocks::All, None);
    let again = pause::begin(&world.state, world.now, Scope::Rollout, Blocks::Forward, None, "again".to_owned());
    assert_eq!(again, Ok(Vec::new()));
    let events = release::begin(&world.state, "pilot", Extent::AndBehind, "calls").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-12T12:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::RollingBack, 5));
    ends(&mut world, "paused");
    world.run("2027-01-13T12:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::RolledBack, 0));
}

#[test]
fn what_may_not_be_ended_is_answered_with_what_may() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    let end = |world: &Perfect, hold: Option<&str>| {
        pause::end(&world.state, Ending { hold: hold.map(str::to_owned), ..Ending::default() }).unwrap_err()
    };
    assert!(end(&world, None).contains("there is no pause"));
    assert!(end(&world, Some("nothing")).contains("there is no hold `nothing`"));
    world.observed.pause_file = Some("a test".to_owned());
    world.run("2027-01-11T07:10:00Z");
    assert!(end(&world, Some("pause-file")).contains("remove the file"));
    pauses(&mut world, Scope::Stage("pilot".to_owned()), Blocks::Forward, None);
    pauses(&mut world, Scope::Stage("everyone".to_owned()), Blocks::Forward, None);
    assert!(end(&world, None).contains("`paused:everyone`, `paused:pilot`"));
    let unknown = pause::begin(&world.state, world.now, Scope::Stage("x".to_owned()), Blocks::Forward, None, String::new());
    assert!(unknown.unwrap_err().contains("`pilot`, `everyone`, and `tail`"));
    let past = pause::begin(&world.state, world.now, Scope::Rollout, Blocks::Forward, Some(world.now), String::new());
    assert!(past.unwrap_err().contains("give a later time"));
}

#[test]
fn a_failed_gate_is_passed_only_by_who_has_seen_the_evidence_and_then_only_what_comes_on_top_counts() {
    let mut plan = plan();
    plan.gates = vec![during(2)];
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-11T08:30:00Z");
    let failing = attempts(10..=14, world.now, 500_121);
    world.sign_ins = Some(failing.clone());
    world.run("2027-01-11T10:00:00Z");
    let hold = world.state.holds.values().find(|hold| hold.gate().is_some()).unwrap().clone();
    let (stage, gate) = hold.gate().unwrap();
    let evidence = &world.state.evidence[&super::state::evidence_key(stage, gate)];
    let end = |world: &Perfect, ack: Option<String>| {
        pause::end(&world.state, Ending { hold: Some(hold.id.clone()), ack, ..Ending::default() })
    };
    let digest = acknowledge::digest(evidence);
    assert!(end(&world, None).unwrap_err().contains(&format!("--ack {digest}")));
    assert!(end(&world, Some("00000000".to_owned())).unwrap_err().contains(&digest));
    let event = end(&world, Some(digest)).unwrap();
    world.commit(By::Operator, vec![event]);
    world.run("2027-01-11T12:00:00Z");
    assert!(!world.state.holds.contains_key(&hold.id), "nothing came on top");
}

#[test]
fn a_skipped_stage_sends_its_people_to_the_tail_and_the_next_one_may_start() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-09T09:00:00Z");
    let events = skip(&world.state, "pilot", "not needed").unwrap();
    world.commit(By::Operator, events);
    assert_eq!((phase(&world, "pilot"), members_of_roster(&world.state, "pilot")), (PhaseName::Closed, 0));
    world.run("2027-01-26T12:00:00Z");
    assert_eq!(world.members.len(), 23, "everyone but the pilot's five and the two break-glass accounts");
    world.run("2027-03-20T12:00:00Z");
    assert_eq!(world.members.len(), 28, "the tail tells the five a date of their own");
}

#[test]
fn a_cancelled_stage_requires_nothing_of_its_people_and_they_are_told() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-09T09:00:00Z");
    let events = cancel(&world.state, "pilot", "not needed").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-03-20T12:00:00Z");
    assert_eq!((world.members.len(), told_off(&world, Slot::Withdrawn)), (23, 5));
    assert!(cancel(&world.state, "pilot", "again").unwrap_err().contains("may be said of it now: nothing"));
}

#[test]
fn an_aborted_rollout_tells_whom_it_told_and_begins_nothing_further() {
    for (how, members) in [(Abort::Keep, 5), (Abort::Revert, 0)] {
        let mut world = Perfect::new(plan(), BEGIN);
        world.run("2027-01-19T12:00:00Z");
        assert_eq!(phase(&world, "pilot"), PhaseName::Done);
        let told = world.state.people.all().iter().filter(|p| p.promise().is_some() && p.waits()).count();
        let events = abort(&world.state, how, "no money").unwrap();
        world.commit(By::Operator, events);
        assert!(abort(&world.state, how, "again").unwrap_err().contains("already"));
        world.run("2027-05-20T12:00:00Z");
        assert_eq!(world.members.len(), members, "{how:?}");
        assert_eq!(told_off(&world, Slot::Withdrawn), told, "{how:?}");
        assert_eq!(told_off(&world, Slot::Released), 5 - members, "{how:?}");
        let ending = Ending { hold: Some("aborted".to_owned()), ..Ending::default() };
        assert!(pause::end(&world.state, ending).unwrap_err().contains("does not go on"));
    }
}

#[test]
fn an_abort_in_the_middle_of_a_stage_sends_nobody_further() {
    let mut plan = plan();
    plan.stages[0].unregistered = super::plan::Unregistered::Wait;
    let mut world = Perfect::new(plan, BEGIN);
    world.readiness = Readiness::Unregistered;
    world.run("2027-01-11T09:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::Enforcing, 0));
    let events = abort(&world.state, Abort::Keep, "no money").unwrap();
    world.commit(By::Operator, events);
    world.readiness = Readiness::Capable;
    world.run("2027-05-20T12:00:00Z");
    assert!(world.members.is_empty(), "{:?}", world.members);
}

#[test]
fn only_the_stage_is_rolled_back_when_that_is_said() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-29T12:00:00Z");
    assert_eq!(world.members.len(), 28);
    let events = release::begin(&world.state, "pilot", Extent::Only, "calls").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-30T12:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::RolledBack, 23));
    assert_eq!(told_off(&world, Slot::Released), 5, "they are told");
}

#[test]
fn whoever_was_enforced_in_the_tail_is_released_when_that_is_said() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-09T09:00:00Z");
    let events = skip(&world.state, "pilot", "not needed").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-03-20T12:00:00Z");
    assert_eq!(world.members.len(), 28);
    let events = release::begin(&world.state, "tail", Extent::AndBehind, "calls").unwrap();
    world.commit(By::Operator, events);
    assert!(release::begin(&world.state, "tail", Extent::AndBehind, "calls").unwrap_err().contains("being released"));
    world.run("2027-03-22T12:00:00Z");
    assert_eq!((world.members.len(), &world.state.tail_rolls_back), (23, &None));
    assert_eq!(told_off(&world, Slot::Released), 5);
}

#[test]
fn a_stage_that_was_rolled_back_is_told_another_date_and_enforced_again() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T12:00:00Z");
    let events = release::begin(&world.state, "pilot", Extent::AndBehind, "calls").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-12T12:00:00Z");
    assert_eq!((phase(&world, "pilot"), world.members.len()), (PhaseName::RolledBack, 0));
    let start = "2027-01-18T09:00:00".parse().unwrap();
    let events = world.with_ground(|ground| rebook::begin(ground, "pilot", start, "mended".to_owned())).unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-18T07:59:00Z");
    assert!(world.members.is_empty());
    world.run("2027-01-18T12:00:00Z");
    assert_eq!(world.members.len(), 5, "{:?}", world.moves());
}

#[test]
fn a_missed_stage_is_started_late_within_the_bound_and_before_anybody_was_told_otherwise() {
    let begin = |world: &Perfect| world.with_ground(|ground| late::begin(ground, "pilot", "the outage is over"));
    for (bound, down_until, expected) in [
        (hours(6), "2027-01-11T15:00:00Z", Ok(5)),
        (hours(6), "2027-01-11T18:00:01Z", Err("allows 6h more")),
        (hours(0), "2027-01-11T12:00:01Z", Err("allows 0s more")),
    ] {
        let mut plan = plan();
        plan.limits.start_late = bound;
        let mut world = Perfect::new(plan, BEGIN);
        world.run("2027-01-11T07:00:00Z");
        world.now = at(down_until);
        // The daemon was down; its first turns find the stage missed.
        while phase(&world, "pilot") != PhaseName::Missed {
            assert!(world.turn(world.now), "{:?}", world.moves());
        }
        match (begin(&world), expected) {
            (Ok(events), Ok(members)) => {
                assert_eq!(told_off(&world, Slot::Withdrawn), 0);
                world.commit(By::Operator, events);
                world.run("2027-01-11T17:00:00Z");
                assert_eq!(world.members.len(), members);
            }
            (Err(why), Err(says)) => assert!(why.contains(says), "{why}"),
            (got, _) => panic!("{down_until}: {got:?}"),
        }
    }
    // Left alone, its people are told when the bound has passed, and it starts late no more.
    let mut plan = plan();
    plan.limits.start_late = hours(6);
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-11T07:00:00Z");
    world.now = at("2027-01-11T15:00:00Z");
    world.run("2027-01-11T18:30:00Z");
    assert_eq!(told_off(&world, Slot::Withdrawn), 5);
    assert!(begin(&world).is_err());
    assert!(world.state.people.all().iter().all(|person| person.enforced() == Enforced::No));
}

#[test]
fn failed_sign_ins_roll_a_stage_back_by_themselves_only_where_the_plan_says_so_and_no_human_decided() {
    for (auto, paused_before, expected) in [
        (Toggle::Off, false, PhaseName::Enforcing),
        (Toggle::On, false, PhaseName::RolledBack),
        (Toggle::On, true, PhaseName::Enforcing),
    ] {
        let mut plan = plan();
        // Both fail with the same reading.
        plan.gates = vec![during(2), Gate { name: "the same once more".to_owned(), ..during(2) }];
        plan.limits.auto_rollback = auto;
        plan.limits.canary_wait = hours(1);
        let mut world = Perfect::new(plan, BEGIN);
        world.run("2027-01-11T07:00:00Z");
        if paused_before {
            pauses(&mut world, Scope::Stage("pilot".to_owned()), Blocks::Forward, None);
            world.run("2027-01-11T07:10:00Z");
            ends(&mut world, "paused:pilot");
        }
        world.run("2027-01-11T08:01:00Z");
        world.sign_ins = Some(attempts(10..=14, world.now, 500_121));
        world.run("2027-01-12T12:00:00Z");
        let held = world.state.holds.values().any(|hold| hold.gate().is_some());
        assert_eq!((phase(&world, "pilot"), held), (expected, true), "{auto:?} {paused_before}: {:?}", world.moves());
        assert_eq!(world.members.is_empty(), expected == PhaseName::RolledBack);
        assert_eq!(told_off(&world, Slot::Released) > 0, expected == PhaseName::RolledBack);
    }
}

#[test]
fn a_stage_waits_for_every_stage_before_it_and_not_only_for_the_last() {
    let mut plan = plan();
    let mut third = plan.stages[1].clone();
    third.name = "the rest".to_owned();
    third.start.instant = at("2027-01-28T08:00:00Z");
    plan.stages.push(third);
    plan.stages[0].soak = days(30);
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-12T08:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    let events = cancel(&world.state, "everyone", "not now").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-30T08:00:00Z");
    assert_eq!([phase(&world, "pilot"), phase(&world, "the rest")], [PhaseName::Soaking, PhaseName::Missed]);
}

#[test]
fn whoever_was_told_a_date_that_does_not_come_is_told_so_under_a_plan_that_nobody_approved() {
    let mut plan = plan();
    plan.approvals_needed = 1;
    let mut world = Perfect::new(plan, BEGIN);
    let approve = |world: &Perfect| {
        let revision = world.state.plan.as_ref().unwrap().revision.clone();
        approval::approve(&world.state, world.now, "ada", &revision, "looked at".to_owned()).unwrap()
    };
    let yes = approve(&world);
    world.commit_as(By::Operator, "ada", vec![yes]);
    world.run("2027-01-08T08:00:00Z");
    let revision = world.state.plan.as_ref().unwrap().revision.clone();
    world.commit(By::Operator, vec![approval::reject(&world.state, &revision, "a mistake".to_owned()).unwrap()]);
    world.run("2027-01-12T08:00:00Z");
    assert_eq!((phase(&world, "pilot"), told_off(&world, Slot::Withdrawn)), (PhaseName::Missed, 5));
}

#[test]
fn a_last_stage_that_is_skipped_before_its_roster_is_fixed_leaves_its_people_to_the_tail_and_a_cancelled_one_to_nobody() {
    let skip: fn(&State, &str, &str) -> Result<Vec<Event>, String> = skip;
    for (close, expected) in [(skip, true), (cancel, false)] {
        let mut world = Perfect::new(plan(), BEGIN);
        world.run("2027-01-05T08:00:00Z");
        let events = close(&world.state, "everyone", "not now").unwrap();
        world.commit(By::Operator, events);
        world.run("2027-02-05T08:00:00Z");
        let tail = world.state.people.all().iter().filter(|person| person.home() == Home::Tail).count();
        assert_eq!(tail > 0, expected, "{tail} people");
    }
}

#[test]
fn a_write_that_two_readings_did_not_show_is_ours_when_it_shows_at_last_and_a_rollback_undoes_it() {
    let mut plan = plan();
    plan.limits.caps = vec![Cap { amount: Amount::People(3), per: days(1) }];
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-11T09:00:00Z");
    let roster = world.state.stage("pilot").unwrap().1.roster.clone();
    let ids = roster.iter().map(|place| world.state.people.at(*place).unwrap().id);
    let who = ids.filter(|id| !world.members.contains(id)).max().unwrap();
    // The answer is lost, and the readings come from a replica that lags.
    world.commit(By::Schedule, vec![Event::EnforceIntent { stage: "pilot".to_owned(), people: vec![who] }]);
    let intent = world.state.seq;
    let [enforced, already, gone] = [Vec::new(), Vec::new(), Vec::new()];
    let (refused, not_sent) = (Vec::new(), Vec::new());
    let lost = Event::EnforceOutcome { intent, enforced, already, gone, refused, unknown: vec![who], not_sent };
    world.commit(By::Schedule, vec![lost]);
    world.commit(By::Recovery, vec![Event::Settled { intent, landed: Vec::new(), absent: vec![who] }]);
    world.members.push(who);
    world.members.sort_unstable();
    world.run("2027-01-11T12:00:00Z");
    assert!(world.records.iter().all(|record| !matches!(record.event, Event::ForeignChange { .. })), "nobody else was it");
    assert!(world.state.people.get(who).unwrap().is_enforced(), "before another batch could say so");
    let events = release::begin(&world.state, "pilot", Extent::Only, "a test").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-13T08:00:00Z");
    assert_eq!((phase(&world, "pilot"), roster.len(), world.members.len()), (PhaseName::RolledBack, 5, 0));
    // Later than that it is nobody's write that is known: a human looks.
    world.members.push(who);
    world.members.sort_unstable();
    let mut person = world.state.people.get_mut(who).unwrap();
    person.mark(Enforced::No);
    person.change(|marks| marks.ours = true);
    drop(person);
    world.run("2027-01-14T08:00:00Z");
    let added = |record: &super::event::Record| matches!(&record.event, Event::ForeignChange { added, .. } if *added == [who]);
    assert!(world.records.iter().any(added), "{:?}", world.records.last());
}

#[test]
fn a_roster_of_another_size_than_expected_is_not_announced() {
    for (least, most, expected) in [(4, 6, PhaseName::Announcing), (6, 9, PhaseName::Scheduled), (1, 4, PhaseName::Scheduled)] {
        let mut plan = plan();
        plan.stages[0].expect = Some(Expected { least, most });
        let mut world = Perfect::new(plan, BEGIN);
        world.run("2027-01-05T08:00:00Z");
        let announced = !matches!(phase(&world, "pilot"), PhaseName::Scheduled);
        assert_eq!(announced, expected == PhaseName::Announcing, "{least}..{most}");
        world.run("2027-01-10T08:00:00Z");
        if !announced {
            let Phase::Missed { why } = &world.state.stage("pilot").unwrap().1.phase else { panic!("{least}..{most}") };
            assert!(why.contains(&format!("selects 5 people, and {least} to {most} are expected")), "{why}");
        }
    }
}
