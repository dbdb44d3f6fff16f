//! The hours of notices over a whole rollout: what can wait keeps them, and they cost nobody their notice.

use jiff::ZonedDateTime;
use jiff::civil::time;
use jiff::tz::TimeZone;
use tidegate::rollout::event::{Event, Slot};
use tidegate::rollout::plan::Window;
use tidegate::sim::Tenant;

use super::rollouts::{BEGIN, two_stages};
use super::{Rollout, conditional_access, profile};

/// A whole rollout whose notices have these hours; when which left, in the plan's zone.
fn left(days: u8, from: i8, to: i8) -> Vec<(ZonedDateTime, Slot)> {
    let tenant = Tenant::new(profile(40));
    let mut plan = two_stages(&tenant, conditional_access(false, None));
    plan.notices.windows = vec![Window { days, from: time(from, 0, 0, 0), to: Some(time(to, 0, 0, 0)) }];
    let zone = TimeZone::get(&plan.time_zone).unwrap();
    let mut rollout = Rollout::new(tenant, plan, BEGIN);
    rollout.run("2027-02-01T12:00:00Z", None, None);
    assert_eq!(rollout.phases(), ["done", "done"], "{:#?}", rollout.report);
    assert_eq!(rollout.disagreements(), []);
    assert_eq!(rollout.world.tenant().violations(), [], "the tenant's own oracle");
    assert_eq!(rollout.world.tenant().mails_refused(), 0);
    let notices = rollout.records().into_iter().filter_map(|record| match record.event {
        Event::NoticeIntent { slot, .. } => Some((record.at.to_zoned_datetime(zone.clone()), slot)),
        _ => None,
    });
    notices.collect()
}

#[test]
fn what_can_wait_is_sent_in_the_hours_of_notices() {
    let all = left(0b000_1111, 10, 16);
    assert!(all.len() >= 2, "{all:?}");
    for (at, slot) in &all {
        let inside = at.weekday().to_monday_zero_offset() <= 3 && (10..16).contains(&at.hour());
        // A reminder on the Sunday before a Monday is not dropped.
        assert!(inside || matches!(slot, Slot::Reminder(_)) && at.weekday().to_monday_zero_offset() > 3, "{at} {slot:?}");
    }
    // The announcement was due at nine.
    assert_eq!(all[0].0.to_string(), "2027-01-11T10:00:00+01:00[Europe/Berlin]");
}

#[test]
fn what_would_come_too_late_does_not_wait() {
    // On Sundays alone: the next one is less than the minimum notice before the start.
    let all = left(0b100_0000, 10, 11);
    assert_eq!(all[0].0.to_string(), "2027-01-11T09:00:00+01:00[Europe/Berlin]");
}

#[test]
fn a_reminder_that_no_window_takes_leaves_when_its_slot_opens() {
    // The slot of a day before a Monday's start at nine is a Sunday, on which there is no window, and Monday's opens too late.
    let all = left(0b000_1111, 10, 17);
    let reminders: Vec<_> =
        all.iter().filter(|(_, slot)| matches!(slot, Slot::Reminder(_))).map(|(at, _)| at.to_string()).collect();
    assert!(reminders.iter().any(|at| at.starts_with("2027-01-17T09:00:0")), "{reminders:?}");
}

#[test]
fn the_report_says_why_notices_wait() {
    let tenant = Tenant::new(profile(40));
    let mut plan = two_stages(&tenant, conditional_access(false, None));
    plan.notices.windows = vec![Window { days: 0b000_1111, from: time(10, 0, 0, 0), to: Some(time(16, 0, 0, 0)) }];
    let mut rollout = Rollout::new(tenant, plan, BEGIN);
    rollout.run("2027-01-11T08:30:00Z", None, None);
    let report = rollout.report.clone().unwrap();
    let why = "notices wait for the sending window, which opens at 2027-01-11T09:00:00Z";
    assert_eq!(report.stages[0].waits, [why]);
    assert!(report.headline.ends_with(why), "{}", report.headline);
}
