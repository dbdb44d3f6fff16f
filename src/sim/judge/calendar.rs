//! The judge's own reading of the calendar: minute hands and week days, without shortcuts.

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::rollout::plan::{Calendar, Plan};

/// The plan's zone.
pub(super) fn zone(plan: &Plan) -> TimeZone {
    TimeZoneDatabase::bundled().get(&plan.time_zone).unwrap_or(TimeZone::UTC)
}

/// Why nobody may be enforced at `at`; `None` when the calendar is open.
pub(super) fn closed(calendar: &Calendar, zone: &TimeZone, at: Timestamp) -> Option<String> {
    for blackout in &calendar.blackouts {
        if at >= blackout.from && at < blackout.to {
            return Some(format!("the blackout `{}`", blackout.why));
        }
    }
    if calendar.windows.is_empty() {
        return None;
    }
    let shown = zone.to_datetime(at);
    let day = match shown.weekday() {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    };
    for window in &calendar.windows {
        let on_that_day = window.days & (1 << day) != 0;
        let before_the_end = match window.to {
            Some(to) => shown.time() < to,
            None => true,
        };
        if on_that_day && shown.time() >= window.from && before_the_end {
            return None;
        }
    }
    Some(format!("no window is open at {shown}"))
}

/// Whether the zone's clock is put forward or back within half a day of `at`.
pub(super) fn clock_changes_near(zone: &TimeZone, at: Timestamp) -> bool {
    let half = SignedDuration::from_hours(12);
    let (Ok(before), Ok(after)) = (at.checked_sub(half), at.checked_add(half)) else { return false };
    zone.to_offset(before) != zone.to_offset(after)
}
