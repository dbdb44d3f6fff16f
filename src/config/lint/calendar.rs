//! Starts against windows and blackouts.

use super::{Lint, stage_key};
use crate::config::places::key;
use crate::rollout::schedule;

pub(super) fn lint(lint: &mut Lint<'_>) {
    let Some(zone) = schedule::zone(&lint.plan.time_zone) else { return };
    let calendar = &lint.plan.calendar;
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        let start = stage.start.instant;
        if schedule::is_open(calendar, &zone, start) {
            continue;
        }
        let blackout = calendar.blackouts.iter().find(|blackout| blackout.from <= start && start < blackout.to);
        let message = match blackout {
            Some(blackout) if !blackout.why.is_empty() => format!("lies in the blackout `{}`", blackout.why),
            Some(_) => "lies in a blackout".to_owned(),
            None => "lies outside every window".to_owned(),
        };
        let remedy = schedule::next_open(calendar, &zone, start).map_or_else(
            || "change [calendar]: it is not open for a year after it".to_owned(),
            |open| format!("the next moment that is open is {}", zone.to_datetime(open)),
        );
        lint.error(&stage_key(index, "start"), message, remedy);
    }
    let windows: Vec<_> = calendar.windows.iter().enumerate().collect();
    for (index, window) in &windows {
        let inside = |(other_index, other): &&(usize, &crate::rollout::plan::Window)| other_index < index && other == window;
        if windows.iter().any(|other| inside(&other)) {
            lint.warn(&key!["calendar", "windows", *index], "is written twice", "take one of the two out");
        }
    }
}
