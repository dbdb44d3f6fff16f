//! Tests of reminders after the start.

use jiff::{SignedDuration, Timestamp};

use super::event::{Event, Slot};
use super::id::ObjectId;
use super::sample::{Perfect, at, attempts, days, id, plan};

const START: &str = "2027-01-11T08:00:00Z";

/// Who was reminded after the start, by reminder, and when.
fn reminded(world: &Perfect) -> Vec<(u8, ObjectId, Timestamp)> {
    let intents = world.records.iter().filter(|record| record.at >= at(START)).filter_map(|record| match &record.event {
        Event::NoticeIntent { slot: Slot::Reminder(n), people, .. } => Some(people.iter().map(|id| (*n, *id, record.at))),
        _ => None,
    });
    intents.flatten().collect()
}

#[test]
fn whoever_is_enforced_and_has_not_signed_in_since_is_reminded_once_at_each_distance() {
    let hours = SignedDuration::from_hours;
    let mut plan = plan();
    plan.notices.before = vec![days(7), days(1), days(0), days(-1)];
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    // One was there before the start only, one comes within the hour, one on the second day; the others do not come.
    let before = attempts([10], at(START) - hours(1), 0);
    let early = attempts([11], at(START) + SignedDuration::from_mins(30), 50_072);
    let late = attempts([12], at(START) + hours(20), 0);
    world.sign_ins = Some([before.clone(), early.clone()].concat());
    world.run(&(at(START) + hours(20)).to_string());
    let first = reminded(&world);
    assert!(first.iter().all(|(n, _, when)| *n == 2 && *when >= at(START) + hours(1)), "{first:?}");
    let people: Vec<_> = first.iter().map(|(_, person, _)| *person).collect();
    assert!(people.contains(&id(10)) && people.contains(&id(12)) && !people.contains(&id(11)), "{people:?}");
    world.sign_ins = Some([before, early, late].concat());
    world.run(&(at(START) + days(6)).to_string());
    let second: Vec<_> = reminded(&world).into_iter().skip(first.len()).collect();
    let people: Vec<_> = second.iter().map(|(_, person, _)| *person).collect();
    assert!(second.iter().all(|(n, _, when)| *n == 3 && *when >= at(START) + days(1)), "{second:?}");
    assert!(people.contains(&id(10)) && !people.contains(&id(12)) && !people.contains(&id(11)), "{people:?}");
    let once: std::collections::BTreeSet<_> = people.iter().collect();
    assert_eq!(once.len(), people.len());
}

#[test]
fn without_a_log_nobody_is_reminded_after_the_start() {
    let mut plan = plan();
    plan.notices.before = vec![days(7), days(0), days(-1)];
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.sign_ins = None;
    world.run(&(at(START) + days(6)).to_string());
    assert_eq!(reminded(&world), []);
}
