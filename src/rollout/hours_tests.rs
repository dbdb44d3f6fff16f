//! When notices leave under sending windows, and that no window costs anybody their notice.

use jiff::SignedDuration;
use jiff::civil::time;

use super::event::{By, Event, Slot};
use super::observed::Readiness;
use super::plan::{Plan, ReaderZone, Selector, Window};
use super::sample::{Perfect, at, days, id, plan, stage};
use super::stage::PhaseName;
use super::told;

/// The sample's plan (pilot on Monday, 11 January, told a week before, two days' notice) with one window on these days.
fn windows(days: u8, from: i8, to: i8) -> Plan {
    let mut plan = plan();
    plan.notices.windows = vec![Window { days, from: time(from, 0, 0, 0), to: Some(time(to, 0, 0, 0)) }];
    plan
}

const MON_THU: u8 = 0b000_1111;

/// When notices to the pilot left first, by slot.
fn left(world: &Perfect, slot: Slot) -> Option<String> {
    let is_it = |event: &Event| matches!(event, Event::NoticeIntent { stage, slot: s, .. } if stage == "pilot" && *s == slot);
    world.records.iter().find(|record| is_it(&record.event)).map(|record| record.at.to_string())
}

#[test]
fn announcements_wait_for_a_window_and_leave_at_once_where_none_is_in_time() {
    for (days, from, to, expected) in [
        // Due on Monday, 4 January, at nine in Berlin.
        (MON_THU, 8, 17, "2027-01-04T08:00:00Z"),
        (MON_THU, 10, 17, "2027-01-04T09:00:00Z"),
        (0b000_1000, 8, 17, "2027-01-07T07:00:00Z"),
        // Two days before the start is Saturday at nine: with an hour to spare a window at seven will do, and one at eight will not.
        (0b010_0000, 7, 17, "2027-01-09T06:00:00Z"),
        (0b010_0000, 8, 17, "2027-01-09T07:00:00Z"),
        (0b010_0000, 9, 17, "2027-01-04T08:00:00Z"),
        (0b100_0000, 8, 17, "2027-01-04T08:00:00Z"),
    ] {
        let mut world = Perfect::new(windows(days, from, to), "2027-01-01T08:00:00Z");
        world.run("2027-01-12T00:00:00Z");
        assert_eq!(left(&world, Slot::Announcement).as_deref(), Some(expected), "{days:b} from {from}");
        assert_eq!(world.members.len(), 5, "everybody was told in time");
    }
}

/// Who was told when.
fn announced(world: &Perfect) -> Vec<(String, Vec<u128>)> {
    let intents = world.records.iter().filter_map(|record| match &record.event {
        Event::NoticeIntent { slot: Slot::Announcement, people, .. } => Some((record.at, people)),
        _ => None,
    });
    let number = |person: &super::id::ObjectId| (1..=30).find(|n| id(*n) == *person).unwrap();
    intents.map(|(at, people)| (at.to_string(), people.iter().map(number).collect())).collect()
}

#[test]
fn whoever_reads_elsewhere_has_the_window_and_the_date_of_their_own_zone() {
    let mut plan = windows(MON_THU, 8, 17);
    let filter = Selector::Filter("usageLocation eq 'US'".to_owned());
    plan.notices.zones = vec![ReaderZone { zone: "America/New_York".to_owned(), people: filter }];
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.elsewhere = vec![id(11), id(12)];
    world.run("2027-01-04T08:00:00Z");
    let there = world.with_ground(|ground| told::hours(ground).opens());
    assert_eq!(there, Some(at("2027-01-04T13:00:00Z")), "eight in New York");
    world.run("2027-01-05T00:00:00Z");
    let expected = [("2027-01-04T08:00:00Z".to_owned(), vec![10, 13, 14]), ("2027-01-04T13:00:00Z".to_owned(), vec![11, 12])];
    assert_eq!(announced(&world), expected);
}

#[test]
fn people_of_one_group_of_notices_read_in_one_zone() {
    let mut plan = plan();
    let filter = Selector::Filter("usageLocation eq 'US'".to_owned());
    plan.notices.zones = vec![ReaderZone { zone: "America/New_York".to_owned(), people: filter }];
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.elsewhere = vec![id(11), id(12)];
    world.run("2027-01-04T07:59:00Z");
    // As it is decided, group by group: whoever was told is left out of the next.
    world.run("2027-01-05T00:00:00Z");
    let at_nine = "2027-01-04T08:00:00Z".to_owned();
    assert_eq!(announced(&world), [(at_nine.clone(), vec![10, 13, 14]), (at_nine, vec![11, 12])]);
}

#[test]
fn the_time_that_telling_takes_counts_and_so_do_the_people_of_other_stages() {
    let waits = |others: usize| {
        let mut plan = windows(0b010_0000, 8, 9);
        // One mailbox tells thirty a minute; the others are told first.
        plan.stages[1] = stage("everyone", "2027-01-11T09:00:00", plan.stages[1].include[0].clone());
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.people = (1..=15 + others as u128).map(super::sample::person).collect();
        world.run("2027-01-05T00:00:00Z");
        left(&world, Slot::Announcement).is_none()
    };
    assert!(waits(5));
    assert!(!waits(60));
}

#[test]
fn a_reminder_waits_for_a_window_before_the_next_slot_or_leaves_when_its_own_opens() {
    for (days_of, expected) in [
        // The slot opens on Sunday, 10 January, at nine, and the start is on Monday at nine.
        (MON_THU, "2027-01-10T08:00:00Z"),
        (0b100_0000, "2027-01-10T09:00:00Z"),
    ] {
        let mut world = Perfect::new(windows(days_of, 10, 17), "2027-01-01T08:00:00Z");
        world.readiness = Readiness::Unregistered;
        world.run("2027-01-11T07:00:00Z");
        assert_eq!(left(&world, Slot::Reminder(1)).as_deref(), Some(expected), "{days_of:b}");
    }
    let mut plan = windows(MON_THU, 10, 17);
    plan.notices.before = vec![days(7), days(3), days(1)];
    plan.stages[0] = stage("pilot", "2027-01-13T09:00:00", plan.stages[0].include[0].clone());
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.readiness = Readiness::Unregistered;
    world.run("2027-01-13T07:00:00Z");
    // Three days before is Sunday, and Monday's window comes before Tuesday's slot.
    assert_eq!(left(&world, Slot::Reminder(1)).as_deref(), Some("2027-01-11T09:00:00Z"));
    assert_eq!(left(&world, Slot::Reminder(2)).as_deref(), Some("2027-01-12T09:00:00Z"));
}

#[test]
fn a_correction_is_told_before_the_old_date_whatever_the_window() {
    for (days_of, expected) in [
        // Moved on Friday, 8 January, from Monday at nine to the Thursday after; Monday's window is too late for the old date.
        (MON_THU, "2027-01-08T12:00:00Z"),
        (0b010_0000, "2027-01-09T09:00:00Z"),
    ] {
        let mut world = Perfect::new(windows(days_of, 10, 17), "2027-01-01T08:00:00Z");
        world.run("2027-01-08T12:00:00Z");
        let mut later = world.plan.clone();
        later.stages[0] = stage("pilot", "2027-01-21T09:00:00", later.stages[0].include[0].clone());
        world.plan = later.clone();
        world.commit(
            By::Plan,
            vec![Event::PlanAccepted { revision: later.revision(), plan: Box::new(later), why: String::new() }],
        );
        world.run("2027-01-12T00:00:00Z");
        assert_eq!(left(&world, Slot::Correction).as_deref(), Some(expected), "{days_of:b}");
    }
}

#[test]
fn a_minute_and_a_day_of_the_mailboxes_bound_what_leaves() {
    let mut plan = plan();
    plan.stages[1] = stage("everyone", "2027-01-11T09:00:00", plan.stages[1].include[0].clone());
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.people = (1..=105).map(super::sample::person).collect();
    world.run("2027-01-04T12:00:00Z");
    let groups: Vec<_> = world
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::NoticeIntent { people, from, .. } => Some((record.at, people.len(), from.len())),
            _ => None,
        })
        .collect();
    let due = at("2027-01-04T08:00:00Z");
    let minute = |n: i64| due + SignedDuration::from_mins(n);
    assert_eq!(groups, [(due, 5, 1), (due, 25, 1), (minute(1), 30, 1), (minute(2), 30, 1), (minute(3), 13, 1)]);
    assert_eq!(world.state.stages[1].phase.name(), PhaseName::Announced);
}
