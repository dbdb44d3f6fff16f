//! Whole rollouts through `decide`, in a perfect world and in worlds with one flaw.

use super::condition::Condition;
use super::event::{Event, Slot};
use super::observed::Readiness;
use super::plan::{Amount, Asking, Blackout, Bound, Cap, Gate, GateAt, Measure, Unregistered};
use super::report::{Standing, report};
use super::sample::{Perfect, at, days, hours, id, plan};
use super::stage::PhaseName;
use super::state::PAUSED;

const BEGIN: &str = "2027-01-01T08:00:00Z";
const END: &str = "2027-02-10T00:00:00Z";

fn phase(world: &Perfect, stage: &str) -> PhaseName {
    world.state.stage(stage).unwrap().1.phase.name()
}

#[test]
fn a_rollout_without_flaws_takes_everybody_on_the_announced_dates() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run(END);
    insta::assert_snapshot!(world.moves().join("\n"), @r"
    2027-01-04T08:00:00Z pilot: scheduled -> announcing
    2027-01-04T08:00:00Z pilot: announcing -> announced
    2027-01-11T08:00:00Z pilot: announced -> enforcing
    2027-01-11T08:00:00Z pilot: enforcing -> soaking
    2027-01-12T08:00:00Z pilot: soaking -> done
    2027-01-18T08:00:00Z everyone: scheduled -> announcing
    2027-01-18T08:00:00Z everyone: announcing -> announced
    2027-01-25T08:00:00Z everyone: announced -> enforcing
    2027-01-25T08:00:00Z everyone: enforcing -> soaking
    2027-01-26T08:00:00Z everyone: soaking -> done
    ");
    // 30 people less two break-glass accounts.
    assert_eq!(world.members.len(), 28);
    assert!(!world.members.contains(&id(1)) && !world.members.contains(&id(2)));
    let report = world.with_ground(|ground| report(ground, at(END)));
    assert_eq!(report.standing, Standing::Finished, "{}", report.headline);
    assert_eq!(report.total, 30);
}

#[test]
fn nobody_is_enforced_before_what_they_were_told_and_the_canary_goes_first() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run(END);
    let first = |stage: &'static str| {
        let records = world.records.iter();
        records.filter_map(move |record| match &record.event {
            Event::EnforceIntent { stage: name, people } if name == stage => Some((record.at, people.len())),
            _ => None,
        })
    };
    assert_eq!(first("pilot").next(), Some((at("2027-01-11T08:00:00Z"), 2)));
    assert_eq!(first("everyone").next(), Some((at("2027-01-25T08:00:00Z"), 2)));
}

#[test]
fn reminders_go_only_to_people_who_are_not_capable() {
    for (readiness, expected) in [(Readiness::Capable, 0), (Readiness::Unregistered, 28), (Readiness::Unknown, 28)] {
        let mut world = Perfect::new(plan(), BEGIN);
        world.readiness = readiness;
        world.run("2027-01-25T07:00:00Z");
        let reminded: usize = world
            .records
            .iter()
            .filter_map(|record| match &record.event {
                Event::NoticeIntent { slot: Slot::Reminder(1), people, .. } => Some(people.len()),
                _ => None,
            })
            .sum();
        assert_eq!(reminded, expected, "{readiness:?}");
    }
}

#[test]
fn people_whose_readiness_is_unknown_wait_and_end_in_the_tail() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.readiness = Readiness::Unknown;
    world.run("2027-01-20T00:00:00Z");
    assert!(world.members.is_empty());
    assert_eq!(phase(&world, "pilot"), PhaseName::Done);
    let carried: Vec<_> = world.records.iter().filter(|record| matches!(record.event, Event::Carried { .. })).collect();
    assert_eq!(carried.len(), 1);
    assert_eq!(carried[0].at, at("2027-01-13T08:00:00Z"), "at finish_by");
}

#[test]
fn unregistered_people_are_enforced_unless_the_stage_waits() {
    for (unregistered, members) in [(Unregistered::Enforce, 5), (Unregistered::Wait, 0)] {
        let mut plan = plan();
        plan.stages[0].unregistered = unregistered;
        let mut world = Perfect::new(plan, BEGIN);
        world.readiness = Readiness::Unregistered;
        world.run("2027-01-12T00:00:00Z");
        assert_eq!(world.members.len(), members, "{unregistered:?}");
    }
}

#[test]
fn a_rollout_that_begins_too_late_for_the_notice_is_missed_and_blocks_what_follows() {
    let mut world = Perfect::new(plan(), "2027-01-09T12:00:01Z");
    world.run(END);
    assert_eq!(phase(&world, "pilot"), PhaseName::Missed);
    assert_eq!(phase(&world, "everyone"), PhaseName::Missed);
    assert!(world.members.is_empty());
}

#[test]
fn told_too_late_for_the_start_but_in_time_for_the_latest_start_is_in_time() {
    let mut world = Perfect::new(plan(), "2027-01-09T11:00:00Z");
    world.run("2027-01-11T11:00:00Z");
    assert_eq!(world.members.len(), 5);
    let first = world.records.iter().find(|record| matches!(record.event, Event::EnforceIntent { .. })).unwrap();
    assert_eq!(first.at, at("2027-01-11T11:00:00Z"), "two days after the notice, not earlier");
}

#[test]
fn a_pause_over_the_start_makes_the_stage_missed_unless_the_start_is_allowed() {
    for (allow_start, expected) in [(false, PhaseName::Missed), (true, PhaseName::Enforcing)] {
        let mut world = Perfect::new(plan(), BEGIN);
        world.run("2027-01-11T07:00:00Z");
        world.commit(super::event::By::Operator, vec![Event::paused("a test")]);
        world.run("2027-01-11T09:00:00Z");
        assert!(world.members.is_empty());
        world.commit(
            super::event::By::Operator,
            vec![Event::Unpaused { hold: PAUSED.to_owned(), allow_start, ack: None, why: String::new() }],
        );
        world.run("2027-01-11T09:00:01Z");
        let phase = phase(&world, "pilot");
        let matches = phase == expected || allow_start && phase == PhaseName::Soaking;
        assert!(matches, "{allow_start}: {phase:?}");
    }
}

#[test]
fn a_pause_file_over_the_start_makes_the_stage_missed_when_it_is_removed() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    world.observed.pause_file = Some("a test".to_owned());
    world.run("2027-01-11T09:00:00Z");
    world.observed.pause_file = None;
    world.run("2027-01-11T09:30:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Missed);
    assert!(world.members.is_empty());
}

#[test]
fn no_stage_moves_by_a_clock_that_is_not_trusted() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    world.observed.clock_doubt = Some("a day ahead".to_owned());
    world.run("2027-01-12T09:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Announced, "it may not be so late at all");
    world.observed.clock_doubt = None;
    world.run("2027-01-12T09:00:01Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Missed);
}

#[test]
fn nobody_is_enforced_with_permissions_that_are_refused() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:00:00Z");
    world.observed.permissions_doubt = Some("too many".to_owned());
    world.run("2027-01-11T09:00:00Z");
    assert!(world.members.is_empty());
    assert!(world.state.holds.contains_key("permissions"));
    world.observed.permissions_doubt = None;
    world.run("2027-01-11T09:30:00Z");
    assert!(!world.members.is_empty() && !world.state.holds.contains_key("permissions"));
}

#[test]
fn time_under_a_hold_that_a_human_must_clear_does_not_count_towards_finish_by() {
    for (file, pauses, expected) in [
        (false, 0, "2027-01-13T08:00:00Z"),
        (false, 1, "2027-01-13T18:00:00Z"),
        (false, 2, "2027-01-14T04:00:00Z"),
        (true, 1, "2027-01-13T18:00:00Z"),
    ] {
        let mut world = Perfect::new(plan(), BEGIN);
        world.readiness = Readiness::Unknown;
        world.run("2027-01-11T09:00:00Z");
        for _ in 0..pauses {
            let pause = |world: &mut Perfect, event: Event| world.commit(super::event::By::Operator, vec![event]);
            if file {
                world.observed.pause_file = Some("a test".to_owned());
            } else {
                pause(&mut world, Event::paused("a test"));
            }
            let until = world.now + hours(10);
            world.run(&until.to_string());
            if file {
                world.observed.pause_file = None;
            } else {
                pause(&mut world, Event::Unpaused { hold: PAUSED.to_owned(), allow_start: false, ack: None, why: String::new() });
            }
            let until = world.now + hours(1);
            world.run(&until.to_string());
        }
        world.run("2027-01-16T00:00:00Z");
        let carried = world.records.iter().find(|record| matches!(record.event, Event::Carried { .. })).unwrap();
        assert_eq!(carried.at, at(expected), "{pauses} {file}");
    }
}

#[test]
fn a_hold_says_what_is_true_now_and_since_when_it_is_in_force() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-05T00:00:00Z");
    let records = |world: &Perfect| world.records.iter().filter(|r| matches!(r.event, Event::HoldPlaced { .. })).count();
    let before = records(&world);
    for (why, placed) in [("one", 1), ("one", 1), ("another", 2)] {
        world.observed.pause_file = Some(why.to_owned());
        let until = world.now + hours(2);
        world.run(&until.to_string());
        assert_eq!(records(&world) - before, placed, "{why}");
    }
    let hold = &world.state.holds["pause-file"];
    assert!(hold.why.contains("another"), "{}", hold.why);
    assert_eq!(hold.since, at("2027-01-05T00:00:00Z"));
}

#[test]
fn a_soak_under_a_hold_is_not_written_down_over_and_over_and_goes_on_where_the_hold_ends() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T12:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Soaking);
    world.commit(super::event::By::Operator, vec![Event::paused("a test")]);
    let before = world.records.len();
    for _ in 0..600 {
        let until = world.now + hours(1).checked_div(60).unwrap();
        world.run(&until.to_string());
    }
    assert_eq!(world.records.len(), before, "{:?}", world.records.last());
    world.commit(
        super::event::By::Operator,
        vec![Event::Unpaused { hold: PAUSED.to_owned(), allow_start: false, ack: None, why: String::new() }],
    );
    world.run(END);
    let done = world.moves().into_iter().find(|moved| moved.ends_with("pilot: soaking -> done")).unwrap();
    assert_eq!(done, "2027-01-12T18:00:00Z pilot: soaking -> done", "ten hours later than without the hold");
}

#[test]
fn only_the_first_stage_that_is_not_over_can_need_a_human() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T12:00:00Z");
    let (stage, why) = ("everyone".to_owned(), "a test".to_owned());
    world.commit(
        super::event::By::Schedule,
        vec![Event::StageMoved { stage, from: PhaseName::Scheduled, to: PhaseName::Missed, why }],
    );
    let needs = |world: &Perfect| super::report::needs_human(&world.with_ground(|ground| report(ground, ground.now)));
    assert_eq!(needs(&world), None, "the pilot still soaks");
    world.run("2027-01-13T00:00:00Z");
    assert!(needs(&world).is_some());
}

#[test]
fn a_missed_stage_is_not_revived_by_another_date_but_one_that_was_never_announced_may_come_again_under_another_name() {
    let mut world = Perfect::new(plan(), "2027-01-09T12:00:01Z");
    world.run("2027-01-12T00:00:00Z");
    let mut dated = plan();
    dated.stages[0] = super::sample::stage("pilot", "2027-01-20T09:00:00", dated.stages[0].include[0].clone());
    let mut renamed = dated.clone();
    renamed.stages[0].name = "pilot-2".to_owned();
    for (plan, phase_after) in [(dated, PhaseName::Missed), (renamed, PhaseName::Done)] {
        assert!(super::change::forbidden(&world.state, &plan, world.now).is_empty());
        let (name, revision) = (plan.stages[0].name.clone(), plan.revision());
        world.plan = plan.clone();
        world.commit(super::event::By::Plan, vec![Event::PlanAccepted { revision, plan: Box::new(plan), why: String::new() }]);
        let until = if phase_after == PhaseName::Done { "2027-01-22T09:00:00Z" } else { "2027-01-13T00:00:00Z" };
        world.run(until);
        assert_eq!(phase(&world, &name), phase_after);
    }
}

#[test]
fn a_plan_that_asks_for_approvals_tells_and_enforces_nobody_without_them() {
    let mut plan = plan();
    plan.approvals_needed = 1;
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-11T09:00:00Z");
    assert!(world.state.holds.contains_key("approval"));
    assert!(!world.records.iter().any(|record| matches!(record.event, Event::NoticeIntent { .. })));
    assert_eq!(phase(&world, "pilot"), PhaseName::Missed);
}

#[test]
fn a_blackout_over_the_start_makes_the_stage_missed() {
    let mut plan = plan();
    let (from, to) = (at("2027-01-11T00:00:00Z"), at("2027-01-12T00:00:00Z"));
    plan.calendar.blackouts.push(Blackout { from, to, why: "test".to_owned() });
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-14T00:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Missed);
}

#[test]
fn caps_spread_a_stage_over_time() {
    let mut plan = plan();
    plan.limits.caps = vec![Cap { amount: Amount::People(5), per: hours(1) }];
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-25T10:30:00Z");
    assert_eq!(world.members.len(), 5 + 15, "5 in the pilot; 5 each at 08:00, 09:00 and 10:00");
}

#[test]
fn a_start_gate_that_fails_places_a_hold_that_only_a_human_clears() {
    let mut plan = plan();
    plan.gates.push(Gate {
        name: "registered".to_owned(),
        measure: Measure::RegisteredShare,
        at: GateAt::Start,
        bound: Bound::AtLeast(0.9),
        min_sample: 1,
        max_age: hours(12),
        stages: Vec::new(),
        asking: Asking::default(),
    });
    let mut world = Perfect::new(plan, BEGIN);
    world.readiness = Readiness::Unregistered;
    world.run("2027-01-11T09:00:00Z");
    assert!(world.members.is_empty());
    assert!(world.state.holds.contains_key("gate:pilot:registered"), "{:?}", world.state.holds.keys());
    world.readiness = Readiness::Capable;
    world.run("2027-01-12T09:00:00Z");
    assert_eq!(phase(&world, "pilot"), PhaseName::Missed);
}

#[test]
fn broken_break_glass_accounts_hold_the_rollout() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.safety.break_glass[1].enabled = false;
    world.run("2027-01-11T10:00:00Z");
    assert!(world.members.is_empty());
    assert!(world.state.holds.contains_key("break-glass"));
    world.safety.break_glass[1].enabled = true;
    world.run("2027-01-11T12:00:00Z");
    assert!(!world.state.holds.contains_key("break-glass"));
    assert_eq!(world.members.len(), 5, "the hold cleared itself within the hour");
}

#[test]
fn an_edited_policy_holds_until_it_is_put_back() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-05T00:00:00Z");
    world.safety.policy.fingerprint = "edited".to_owned();
    world.run("2027-01-11T09:00:00Z");
    assert!(world.members.is_empty());
    world.safety.policy.fingerprint = "as it was".to_owned();
    world.run("2027-01-11T11:30:00Z");
    assert_eq!(world.members.len(), 5);
}

#[test]
fn a_person_removed_by_hand_is_held_and_not_put_back() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-12T12:00:00Z");
    world.members.retain(|member| *member != id(10));
    world.run("2027-01-20T00:00:00Z");
    assert!(!world.members.contains(&id(10)));
    assert!(world.state.person_hold(id(10)).is_some());
    // Somebody puts the person back: MFA is required of them again, and nobody has to clear anything.
    world.members.push(id(10));
    world.members.sort_unstable();
    world.run("2027-01-21T00:00:00Z");
    assert!(world.state.person_hold(id(10)).is_none());
    assert!(!world.state.people.get(id(10)).unwrap().marks().removed_by_hand);
}

#[test]
fn a_date_moved_later_is_corrected_in_time_and_kept() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-06T00:00:00Z");
    let mut later = plan();
    later.stages[0] = super::sample::stage("pilot", "2027-01-13T09:00:00", later.stages[0].include[0].clone());
    assert!(super::change::forbidden(&world.state, &later, world.now).is_empty());
    world.plan = later.clone();
    let revision = later.revision();
    world.commit(super::event::By::Plan, vec![Event::PlanAccepted { revision, plan: Box::new(later), why: String::new() }]);
    world.run("2027-01-13T08:00:00Z");
    assert_eq!(world.members.len(), 5);
    let corrected: usize =
        world.records.iter().filter(|r| matches!(&r.event, Event::NoticeIntent { slot: Slot::Correction, .. })).count();
    assert_eq!(corrected, 1);
    let first = world.records.iter().find(|record| matches!(record.event, Event::EnforceIntent { .. })).unwrap();
    assert_eq!(first.at, at("2027-01-13T08:00:00Z"));
}

#[test]
fn a_told_date_cannot_move_earlier_nor_too_near() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-06T00:00:00Z");
    for (start, refused) in [
        ("2027-01-10T09:00:00", true),
        ("2027-01-11T08:59:00", true),
        ("2027-01-11T09:00:00", false),
        ("2027-01-12T09:00:00", false),
    ] {
        let mut new = plan();
        new.stages[0] = super::sample::stage("pilot", start, new.stages[0].include[0].clone());
        assert_eq!(!super::change::forbidden(&world.state, &new, world.now).is_empty(), refused, "{start}");
    }
    world.run("2027-01-09T12:00:00Z");
    let mut near = plan();
    near.stages[0] = super::sample::stage("pilot", "2027-01-12T09:00:00", near.stages[0].include[0].clone());
    assert!(!super::change::forbidden(&world.state, &near, world.now).is_empty(), "nearer than renotice");
}

#[test]
fn joiners_are_told_at_once_and_required_after_their_grace() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-20T00:00:00Z");
    world.people.push(super::sample::person(31));
    world.run("2027-01-30T00:00:00Z");
    assert!(!world.members.contains(&id(31)));
    let told = world.state.people.get(id(31)).unwrap();
    assert!(told.first_told().unwrap() < at("2027-01-20T07:00:00Z"));
    world.run(END);
    assert!(world.members.contains(&id(31)));
    assert!(world.state.people.get(id(31)).unwrap().promise().unwrap() <= at(END));
}

#[test]
fn without_a_condition_the_guard_lets_through_what_it_held() {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-11T07:59:59Z");
    let people = [id(10)];
    let rows = [super::sample::person(10)];
    let home = super::person::Home::Stage(0);
    let held = world.with_ground(|ground| super::guard::enforce(ground, home, &people, &rows));
    assert!(held.pass.is_empty());
    world.now = at("2027-01-11T08:00:00Z");
    let passed = world.with_ground(|ground| super::guard::enforce(ground, home, &people, &rows));
    assert_eq!(passed.pass, people, "{:?}", passed.held);
    let mut exempt = rows;
    exempt[0].enabled = Some(false);
    let held = world.with_ground(|ground| super::guard::enforce(ground, home, &people, &exempt));
    assert_eq!(held.held[0].why, "disabled account");
    world.conditions = super::condition::Conditions::without(Condition::Protection);
    let passed = world.with_ground(|ground| super::guard::enforce(ground, home, &people, &exempt));
    assert_eq!(passed.pass, people);
    assert_eq!(days(1), hours(24));
}
