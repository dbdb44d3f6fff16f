//! Tests of alerts and memos in whole rollouts: what operators are told, once, and with which command.

use super::decide::{Action, decide};
use super::event::{Because, By, Event};
use super::gate::Yes;
use super::id::ObjectId;
use super::memo::{GIVEN_UP, Memo, page};
use super::observed::{Collision, Weight};
use super::page::{Page, Part};
use super::plan::{Bound, Channel, Gate, GateAt, Measure, addressee};
use super::post;
use super::sample::{Perfect, TENANT, at, attempts, days, during, hours, id, plan};

const BEGIN: &str = "2027-01-01T08:00:00Z";

fn ops() -> ObjectId {
    addressee(TENANT, "ops@contoso.example")
}

fn world(change: impl FnOnce(&mut super::plan::Plan)) -> Perfect {
    let mut plan = plan();
    plan.reports.to = vec![ops()];
    plan.reports.digest = None;
    change(&mut plan);
    Perfect::new(plan, BEGIN)
}

/// Alerts and memos so far, in order: what began (+), what ended (-), and which were sent (>).
fn told(world: &Perfect) -> Vec<String> {
    let of = |about: u64| world.records.iter().find(|record| record.seq == about).map(|record| record.event.clone());
    let one = |event: &Event| match event {
        Event::AlertRaised { alert } => Some(format!("+{}", alert.id)),
        Event::AlertEnded { id } => Some(format!("-{id}")),
        Event::MemoIntent { about, .. } => match of(*about) {
            Some(Event::AlertRaised { alert }) => Some(format!(">+{}", alert.id)),
            Some(Event::AlertEnded { id }) => Some(format!(">-{id}")),
            _ => None,
        },
        _ => None,
    };
    world.records.iter().filter_map(|record| one(&record.event)).collect()
}

fn ends(world: &Perfect, id: &str) -> String {
    world.state.operators.alerts[id].unmet.ends.clone()
}

fn confirm() -> Gate {
    Gate { measure: Measure::Confirm, at: GateAt::Start, bound: Bound::Judged, max_age: days(7), ..during(1) }
}

#[test]
fn a_pause_is_told_once_with_its_command_and_again_when_it_is_over() {
    let mut world = world(|_| {});
    world.run("2027-01-05T08:00:00Z");
    world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
    world.run("2027-01-05T09:00:00Z");
    assert_eq!(told(&world), ["+paused", ">+paused"]);
    assert!(ends(&world, "paused").contains("`tidegate unpause`"), "{}", ends(&world, "paused"));
    let latest = world.state.operators.alerts["paused"].unmet.latest.clone().unwrap();
    assert_eq!((latest.at, latest.then.as_str()), (at("2027-01-11T12:00:00Z"), "stage `pilot`: it is missed"));
    world.run("2027-01-06T08:00:00Z");
    let unpaused = Event::Unpaused { hold: "paused".to_owned(), allow_start: false, ack: None, why: String::new() };
    world.commit_as(By::Operator, "ann", vec![unpaused]);
    world.run("2027-01-07T08:00:00Z");
    assert_eq!(told(&world), ["+paused", ">+paused", "-paused", ">-paused"]);
    let operators = &world.state.operators;
    assert!(operators.alerts.is_empty() && operators.waits.is_empty() && operators.out.is_empty(), "{operators:?}");
}

#[test]
fn a_missed_start_is_told_with_the_ways_out_and_the_pause_that_caused_it_stays_another_matter() {
    let mut world = world(|_| {});
    world.run("2027-01-10T08:00:00Z");
    world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
    world.run("2027-01-12T08:00:00Z");
    assert_eq!(told(&world), ["+paused", ">+paused", "+missed:pilot", ">+missed:pilot"]);
    let ends = ends(&world, "missed:pilot");
    for command in ["tidegate rebook pilot --start …", "tidegate skip pilot --reason", "tidegate cancel pilot --reason"] {
        assert!(ends.contains(command), "{ends}");
    }
}

#[test]
fn a_humans_answer_is_asked_for_a_day_before_the_start_and_never_twice() {
    let mut world = world(|plan| plan.gates.push(confirm()));
    world.run("2027-01-10T07:59:00Z");
    assert_eq!(told(&world), [""; 0]);
    world.run("2027-01-11T09:30:00Z");
    let id = "gate-waits:pilot:people get in";
    assert!(world.state.holds.contains_key(id), "by now it holds the start");
    assert_eq!(told(&world), [format!("+{id}"), format!(">+{id}")]);
    assert_eq!(world.state.operators.alerts[id].unmet.since, Some(at("2027-01-10T08:00:00Z")));
    assert!(ends(&world, id).contains("`tidegate confirm 'people get in' --stage pilot --reason …`"), "{}", ends(&world, id));
    let yes = post::confirm(&world.state, &world.plan, "pilot", "people get in", Yes::Yes, "read".to_owned()).unwrap();
    world.commit_as(By::Operator, "ann", vec![yes]);
    world.run("2027-01-11T10:30:00Z");
    assert_eq!(told(&world).last().unwrap(), &format!(">-{id}"));
}

#[test]
fn a_failed_gate_is_told_with_the_evidence_that_its_command_must_name() {
    let mut world = world(|plan| plan.gates.push(during(3)));
    world.sign_ins = Some(attempts(10..15, at("2027-06-01T00:00:00Z"), 500_121));
    world.run("2027-01-11T12:00:00Z");
    let id = "gate:pilot:people get in";
    assert_eq!(told(&world).first().unwrap(), &format!("+{id}"), "{:?}", told(&world));
    let ack = super::acknowledge::digest(&world.state.evidence["pilot/people get in"]);
    assert!(ends(&world, id).contains(&format!("`tidegate unpause '{id}' --ack {ack}`")), "{}", ends(&world, id));
}

#[test]
fn what_ends_by_itself_is_not_told_and_what_stands_in_the_tenant_is() {
    let mut world = world(|plan| {
        let window =
            super::plan::Window { days: 1, from: jiff::civil::time(9, 0, 0, 0), to: Some(jiff::civil::time(9, 1, 0, 0)) };
        plan.calendar.windows = vec![window];
        plan.limits.caps = vec![super::plan::Cap { amount: super::plan::Amount::People(2), per: hours(1) }];
    });
    world.run("2027-01-11T08:30:00Z");
    assert!(
        world.state.holds.keys().any(|id| id.starts_with("calendar:") || id.starts_with("limit:")),
        "{:?}",
        world.state.holds
    );
    assert_eq!(told(&world), [""; 0]);
    let collision = Collision { what: "per-user".to_owned(), weight: Weight::Holds, why: "somebody else requires it".to_owned() };
    world.collisions = vec![collision];
    world.run("2027-01-12T12:00:00Z");
    assert!(told(&world).contains(&"+collision:per-user".to_owned()), "{:?}", told(&world));
}

#[test]
fn without_anybody_to_tell_there_is_no_record_and_a_webhook_is_somebody() {
    for (channel, expected) in [(vec![Channel::Mail], 0), (vec![Channel::Mail, Channel::Webhook], 1)] {
        let mut world = world(|plan| {
            plan.reports.to.clear();
            plan.notices.channel = channel;
        });
        world.run("2027-01-05T08:00:00Z");
        world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
        world.run("2027-01-06T08:00:00Z");
        assert_eq!(told(&world).len(), expected, "{:?}", told(&world));
        assert!(world.state.operators.waits.is_empty() && world.state.mailed.values().flatten().count() <= 1);
    }
}

fn is_about(memo: &Memo, id: &str) -> bool {
    match memo {
        Memo::Alert(alert) | Memo::Over { alert, .. } => alert.id == id,
        Memo::Report(_) => false,
    }
}

/// What becomes of the memo that is due now: how each try ends.
fn answer(world: &mut Perfect, fates: &[char]) -> usize {
    let (mut sent, end) = (0, world.now + days(5));
    for fate in fates {
        let due = loop {
            world.look();
            let decision = world.with_ground(decide);
            match decision.action {
                Some(Action::Memo(due)) if is_about(&due.memo, "paused") => break Some(due),
                None if decision.wake_at < end => world.now = decision.wake_at,
                None => break None,
                Some(_) => {
                    let now = world.now;
                    world.carry_out(decision, now);
                }
            }
        };
        let Some(due) = due else { return sent };
        sent += 1;
        let (about, to, from) = (due.about, due.to, due.from);
        world.commit(By::Schedule, vec![Event::MemoIntent { about, to: to.clone(), from }]);
        let (mut accepted, mut refused, mut unknown, mut not_sent) = (vec![], vec![], vec![], vec![]);
        let because = |people| Because { why: "a test".to_owned(), people };
        match fate {
            'a' => accepted = to,
            'r' => refused = vec![because(to)],
            'u' => unknown = to,
            _ => not_sent = vec![because(to)],
        }
        let intent = world.state.seq;
        world.commit(By::Schedule, vec![Event::MemoOutcome { intent, accepted, refused, unknown, not_sent }]);
    }
    sent
}

#[test]
fn a_memo_that_was_taken_is_not_repeated_a_doubt_is_once_and_what_never_left_until_it_is_old() {
    for (fates, expected) in [("aaa", 1), ("raa", 1), ("uaa", 2), ("uua", 2), ("nna", 3), ("nua", 3), (&"n".repeat(400), 80)] {
        let mut world = world(|_| {});
        world.now = at("2027-01-02T08:00:00Z");
        world.run("2027-01-02T08:00:00Z");
        world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
        let begun = world.now;
        let sent = answer(&mut world, &fates.chars().collect::<Vec<_>>());
        if expected == 80 {
            assert!((70..90).contains(&sent), "an hour between two tries at most, and an end: {sent}");
            assert!(world.now.duration_since(begun) >= GIVEN_UP);
        } else {
            assert_eq!(sent, expected, "{fates}");
        }
        assert!(world.state.operators.waits.is_empty(), "{fates}: {:?}", world.state.operators.waits);
    }
}

#[test]
fn who_was_not_told_that_it_began_is_not_told_that_it_is_over() {
    let mut world = world(|_| {});
    world.run("2027-01-02T08:00:00Z");
    world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
    assert_eq!(answer(&mut world, &['n']), 1);
    let unpaused = Event::Unpaused { hold: "paused".to_owned(), allow_start: false, ack: None, why: String::new() };
    world.commit_as(By::Operator, "ann", vec![unpaused]);
    assert_eq!(answer(&mut world, &['a', 'a']), 0);
    assert_eq!(told(&world), ["+paused", ">+paused", "-paused"]);
}

#[test]
fn what_ended_while_its_memo_was_on_its_way_is_asked_of_nobody_any_more() {
    let mut world = world(|_| {});
    world.run("2027-01-02T08:00:00Z");
    world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
    let due = loop {
        world.look();
        let decision = world.with_ground(decide);
        if let Some(Action::Memo(due)) = decision.action {
            break due;
        }
        let now = world.now;
        world.carry_out(decision, now);
    };
    world.commit(By::Schedule, vec![Event::MemoIntent { about: due.about, to: due.to.clone(), from: due.from }]);
    let intent = world.state.seq;
    let unpaused = Event::Unpaused { hold: "paused".to_owned(), allow_start: false, ack: None, why: String::new() };
    world.commit_as(By::Operator, "ann", vec![unpaused]);
    world.commit(By::Schedule, vec![Event::AlertEnded { id: "paused".to_owned() }]);
    let (accepted, refused, unknown) = (vec![], vec![], vec![]);
    let not_sent = vec![Because { why: "a test".to_owned(), people: due.to }];
    world.commit(By::Schedule, vec![Event::MemoOutcome { intent, accepted, refused, unknown, not_sent }]);
    let asks = |memo: &Memo| matches!(memo, Memo::Alert(_));
    assert!(!world.state.operators.waits.values().any(|waiting| asks(&waiting.memo)), "{:?}", world.state.operators.waits);
}

#[test]
fn people_who_are_held_by_name_are_told_as_one_number() {
    let mut world = world(|_| {});
    world.run("2027-01-11T12:00:00Z");
    let removed = [id(10), id(11)];
    world.members.retain(|person| !removed.contains(person));
    world.run("2027-01-11T16:00:00Z");
    let alert = world.state.operators.alerts["people"].clone();
    assert!(alert.unmet.what.starts_with("2 people are held by name"), "{}", alert.unmet.what);
    let text = format!("{:?}", world.with_ground(|ground| page(ground, &Memo::Alert(Box::new(alert.clone())))));
    assert!(!text.contains(&id(10).to_string()), "{text}");
}

#[test]
fn the_page_of_an_alert_begins_with_the_command() {
    let mut world = world(|_| {});
    world.run("2027-01-05T08:00:00Z");
    world.commit_as(By::Operator, "ann", vec![Event::paused("tea")]);
    world.run("2027-01-05T09:00:00Z");
    let alert = Box::new(world.state.operators.alerts["paused"].clone());
    let Page { subject, parts } = world.with_ground(|ground| page(ground, &Memo::Alert(alert.clone())));
    assert_eq!(subject, "MFA rollout of contoso.example: the rollout waits for a decision");
    assert_eq!(parts[1], Part::Box("It ends with: an operator who says `tidegate unpause`".to_owned()));
    let Part::List(lines) = &parts[2] else { panic!("{parts:?}") };
    assert_eq!(
        lines,
        &[
            "What: paused by an operator: tea; `tidegate unpause` ends it",
            "For: everybody",
            "Since: Tue 2027-01-05 09:00 CET (2027-01-05T08:00Z)",
            "At the latest: Mon 2027-01-11 13:00 CET (2027-01-11T12:00Z); then stage `pilot`: it is missed",
            "Known as: paused"
        ]
    );
}
