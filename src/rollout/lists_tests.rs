//! Tests of lists for managers, in a world without faults and with single ones.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::decide::{Action, decide};
use super::event::{Because, By, Event, List, Slot};
use super::holds::warnings;
use super::lists::{self, MOST_TRIES, Theirs};
use super::need::{Ask, is_due, needs};
use super::observed::{Readiness, Registration};
use super::sample::{Perfect, at, days, hours, id, plan};
use super::sending::A_DAY;

/// When the pilot of the small plan starts.
const START: &str = "2027-01-11T08:00:00Z";

/// A world whose managers get lists `before` a start; 10, 11 and 12 report to 20, 13 to 21, and 14 to nobody.
fn world(before: Option<SignedDuration>, readiness: Readiness) -> Perfect {
    let mut plan = plan();
    plan.notices.managers = before;
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.readiness = readiness;
    world.managers = Some([(10, 20), (11, 20), (12, 20), (13, 21)].map(|(n, manager)| (id(n), id(manager))).into());
    world
}

fn of<T>(world: &Perfect, take: impl Fn(Timestamp, &Event) -> Option<T>) -> Vec<T> {
    world.records.iter().filter_map(|record| take(record.at, &record.event)).collect()
}

fn drawn(world: &Perfect) -> Vec<(Timestamp, Timestamp, Vec<List>, usize)> {
    of(world, |at, event| match event {
        Event::ListsDrawn { instant, lists, alone, .. } => Some((at, *instant, lists.clone(), alone.len())),
        _ => None,
    })
}

fn sent(world: &Perfect) -> Vec<(Timestamp, Vec<u128>)> {
    let number = |manager: &super::id::ObjectId| (0..40).find(|n| id(*n) == *manager).unwrap();
    of(world, |at, event| match event {
        Event::ListIntent { managers, .. } => Some((at, managers.iter().map(number).collect())),
        _ => None,
    })
}

fn list(manager: u128, people: &[u128]) -> List {
    List { manager: id(manager), people: people.iter().map(|n| id(*n)).collect() }
}

#[test]
fn each_manager_gets_one_list_of_their_people_before_the_start() {
    let mut world = world(Some(days(3)), Readiness::Unregistered);
    world.run("2027-01-12T08:00:00Z");
    let (due, start) = (at("2027-01-08T08:00:00Z"), at(START));
    assert_eq!(drawn(&world), [(due, start, vec![list(20, &[10, 11, 12]), list(21, &[13])], 1)]);
    assert_eq!(sent(&world), [(due, vec![20, 21])]);
    let lists = &world.state.lists["pilot"];
    assert_eq!((lists.sent, lists.alone, lists.waits.len()), (2, 1, 0));
    // No list tells anybody anything.
    let told = of(&world, |_, event| match event {
        Event::NoticeIntent { people, .. } if people.contains(&id(20)) => Some(()),
        _ => None,
    });
    assert_eq!((told.len(), world.state.people.get(id(20)).and_then(|person| person.first_told())), (0, None));
}

#[test]
fn nobody_is_asked_about_and_nothing_sent_without_a_reason() {
    for (before, readiness, unread, draws) in [
        (None, Readiness::Unregistered, false, 0),
        (Some(days(3)), Readiness::Capable, false, 1),
        // What the report does not say is said of nobody.
        (Some(days(3)), Readiness::Unknown, false, 1),
        (Some(days(3)), Readiness::Unregistered, true, 0),
    ] {
        let (mut plain, mut world) = (world(None, readiness), world(before, readiness));
        if unread {
            world.managers = None;
        }
        let case = format!("{before:?} {readiness:?} {unread}");
        world.run("2027-01-09T08:00:00Z");
        let warned = world.with_ground(warnings).iter().any(|warning| warning.contains("managers get no lists: a test"));
        assert_eq!((warned, world.observed.managers.asked.is_some()), (unread, unread), "{case}");
        world.run("2027-01-14T08:00:00Z");
        plain.run("2027-01-14T08:00:00Z");
        assert_eq!((drawn(&world).len(), sent(&world)), (draws, Vec::new()), "{case}");
        assert_eq!(world.moves(), plain.moves(), "the stage goes on: {case}");
        assert!(world.state.holds.is_empty(), "{case}");
    }
}

#[test]
fn a_manager_whom_no_mail_reaches_gets_none() {
    for change in [0, 1, 2] {
        let mut world = world(Some(days(3)), Readiness::RegisteredNotAllowed);
        let manager = world.people.iter().position(|person| person.id == id(20)).unwrap();
        match change {
            0 => world.people[manager].mail = false,
            1 => world.people[manager].enabled = Some(false),
            _ => drop(world.people.remove(manager)),
        }
        world.run("2027-01-10T07:00:00Z");
        assert_eq!(sent(&world).into_iter().map(|(_, to)| to).collect::<Vec<_>>(), [vec![21]], "{change}");
        assert_eq!(drawn(&world)[0].3, 4, "{change}");
    }
}

#[test]
fn a_date_that_moves_is_on_a_list_of_its_own_and_only_whoever_was_told_it() {
    let mut world = world(Some(days(3)), Readiness::Unregistered);
    world.run("2027-01-08T09:00:00Z");
    let start = at(START) + days(7);
    world.plan.stages[0].start.instant = start;
    let (revision, plan) = (world.plan.revision(), Box::new(world.plan.clone()));
    world.commit(By::Plan, vec![Event::PlanAccepted { revision, plan, why: String::new() }]);
    world.run("2027-01-17T07:00:00Z");
    let due = at("2027-01-15T08:00:00Z");
    assert_eq!(drawn(&world).iter().map(|drawn| (drawn.0, drawn.1)).collect::<Vec<_>>()[1..], [(due, start)]);
    assert_eq!(sent(&world).iter().filter(|(at, _)| *at == due).count(), 1);
    let told = of(&world, |at, event| matches!(event, Event::NoticeIntent { slot: Slot::Correction, .. }).then_some(at));
    assert!(!told.is_empty() && told.iter().all(|at| *at < due), "people are told first");
}

/// A world in which the lists of the pilot are drawn and none is sent.
fn waiting() -> Perfect {
    let mut world = world(Some(days(3)), Readiness::Unregistered);
    world.run("2027-01-08T07:59:00Z");
    world.now = at("2027-01-08T08:00:00Z");
    let (instant, stage) = (at(START), "pilot".to_owned());
    let (lists, alone) = (vec![list(20, &[10, 11, 12]), list(21, &[13])], vec![id(14)]);
    world.commit(By::Schedule, vec![Event::ListsDrawn { stage, instant, lists, alone }]);
    world
}

/// Whose lists are due, with how many people.
fn due(world: &Perfect) -> Vec<(usize, usize)> {
    let due = world.with_ground(lists::due);
    due.iter()
        .flat_map(|due| &due.lists)
        .map(|Theirs { manager, people }| (usize::from(*manager == id(21)), people.len()))
        .collect()
}

fn read(world: &mut Perfect, ready: &[u128]) {
    let rows = world.people.iter().map(|person| {
        let is_ready = ready.iter().any(|n| id(*n) == person.id);
        (person.id, if is_ready { Readiness::Capable } else { Readiness::Unregistered })
    });
    let (now, rows) = (world.now, rows.collect::<Registration>());
    world.observed.registration.take(now, Ok(rows));
}

#[test]
fn whoever_has_registered_meanwhile_is_on_no_list_and_an_empty_list_is_not_sent() {
    for (ready, expected) in
        [(&[][..], vec![(0, 3), (1, 1)]), (&[10], vec![(0, 2), (1, 1)]), (&[13], vec![(0, 3)]), (&[10, 11, 12, 13], vec![])]
    {
        let mut world = waiting();
        read(&mut world, ready);
        assert_eq!(due(&world), expected, "{ready:?}");
    }
}

fn outcome(world: &mut Perfect, fate: impl FnOnce(u64) -> Event) {
    let (stage, instant, managers) = ("pilot".to_owned(), at(START), vec![id(20)]);
    world.commit(By::Schedule, vec![Event::ListIntent { stage, instant, managers, from: Vec::new() }]);
    let on_its_way = due(world);
    assert_eq!(on_its_way, [(1, 1)], "nobody gets a second one meanwhile");
    let intent = world.state.seq;
    world.commit(By::Schedule, vec![fate(intent)]);
}

#[test]
fn a_list_in_doubt_is_not_sent_again_and_one_that_failed_is_tried_a_few_times() {
    type Fate = (Vec<super::id::ObjectId>, Vec<Because>, Vec<super::id::ObjectId>, Vec<Because>);
    let why = || vec![Because { why: "a test".to_owned(), people: vec![id(20)] }];
    let event = |(accepted, refused, unknown, not_sent): Fate| {
        move |intent| Event::ListOutcome { intent, accepted, refused, unknown, not_sent }
    };
    let rows: [(Fate, usize); 4] = [
        ((vec![id(20)], vec![], vec![], vec![]), 1),
        ((vec![], vec![], vec![id(20)], vec![]), 1),
        ((vec![], why(), vec![], vec![]), usize::from(MOST_TRIES)),
        ((vec![], vec![], vec![], why()), usize::from(MOST_TRIES)),
    ];
    for (fate, tries) in rows {
        let (mut world, mut tried) = (waiting(), 0);
        read(&mut world, &[]);
        for _ in 0..40 {
            if due(&world).contains(&(0, 3)) {
                outcome(&mut world, event(fate.clone()));
                tried += 1;
                assert!(!due(&world).contains(&(0, 3)), "not at once again");
            }
            world.now += hours(1);
            read(&mut world, &[]);
        }
        assert_eq!(tried, tries, "{fate:?}");
        assert_eq!(world.state.mail_trouble, None, "no notice waits for the trouble of a list");
        let lists = &world.state.lists["pilot"];
        assert_eq!(lists.sent + lists.unknown + lists.lost, 1);
    }
}

#[test]
fn notices_come_first_and_half_of_a_day_is_theirs() {
    // Both are due at the same instant.
    let mut world = world(Some(days(1)), Readiness::Unregistered);
    world.run("2027-01-10T08:00:00Z");
    let reminded = of(&world, |_, event| matches!(event, Event::NoticeIntent { slot: Slot::Reminder(1), .. }).then_some(()));
    let position = |is: fn(&Event) -> bool| world.records.iter().position(|record| is(&record.event)).unwrap();
    let (reminder, drawn) = (
        position(|event| matches!(event, Event::NoticeIntent { slot: Slot::Reminder(1), .. })),
        position(|event| matches!(event, Event::ListsDrawn { .. })),
    );
    assert!(!reminded.is_empty() && reminder < drawn);

    let mut world = waiting();
    read(&mut world, &[]);
    while let Some(Action::Record(by, events)) = world.with_ground(decide).action {
        world.commit(by, events); // the count of the day
    }
    assert!(matches!(world.with_ground(decide).action, Some(Action::List(_))));
    let now = world.now;
    world.state.mailed.insert(id(3), vec![(now - hours(3), A_DAY / 2)]);
    assert_eq!(due(&world), []);
    world.state.mailed.insert(id(3), vec![(now - hours(25), A_DAY / 2)]);
    assert_eq!(due(&world).len(), 2);
    world.state.mail_trouble = Some((now, 1));
    assert_eq!(due(&world), [], "while the mail service is in trouble nothing is risked for a courtesy");
}

#[test]
fn managers_are_asked_about_once_and_seldom_after_a_failure() {
    let mut world = world(Some(days(3)), Readiness::Unregistered);
    let asked = |world: &Perfect| {
        let now = world.now;
        let needs = world.with_ground(needs);
        needs.into_iter().any(|need| matches!(need.ask, Ask::Managers(..)) && is_due(&need, now))
    };
    world.run("2027-01-08T07:00:00Z");
    assert!(!asked(&world));
    world.now = at("2027-01-08T08:00:00Z");
    read(&mut world, &[15]);
    assert!(asked(&world));
    let people = lists::asked_about(&world.state, &world.observed, "pilot");
    assert_eq!(people, [10, 11, 12, 13, 14].map(id), "nobody else is asked about");
    world.managers = None;
    world.run("2027-01-10T08:00:00Z");
    assert!(world.observed.managers.failures < 20, "{}", world.observed.managers.failures);
    world.managers = Some(BTreeMap::from([(id(10), id(20))]));
    world.run("2027-01-10T20:00:00Z");
    assert_eq!(sent(&world).len(), 1);
}
