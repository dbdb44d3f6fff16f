//! Names, order and distances of stages.

use std::collections::BTreeMap;

use super::{Lint, stage_key};
use crate::config::value::show;
use crate::rollout::schedule;

pub(super) fn lint(lint: &mut Lint<'_>) {
    let mut names = BTreeMap::new();
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        if names.insert(stage.name.as_str(), index).is_some() {
            lint.error(
                &stage_key(index, "name"),
                format!("there are two stages `{}`", stage.name),
                "give each stage its own name",
            );
        }
        if stage.late_by > stage.finish_by {
            let message = format!("a late start may come after `finish_by` ({})", show(stage.finish_by));
            lint.warn(&stage_key(index, "late_by"), message, "write less for `late_by`, or more for `finish_by`");
        }
    }
    distances(lint);
}

/// A stage starts after the one before it is Done: its people processed and its soak observed.
fn distances(lint: &mut Lint<'_>) {
    let Some(zone) = schedule::zone(&lint.plan.time_zone) else { return };
    for (index, pair) in lint.plan.stages.windows(2).enumerate() {
        let [stage, next] = pair else { continue };
        if next.start.instant <= stage.start.instant {
            let message = format!("does not start after `{}` ({})", stage.name, stage.start.civil);
            lint.error(&stage_key(index + 1, "start"), message, "write the stages in the order of their starts");
            continue;
        }
        let distance = next.start.instant.duration_since(stage.start.instant);
        let latest = schedule::latest_start(&lint.plan.calendar, &zone, next.start.instant, next.late_by);
        if stage.soak > latest.duration_since(stage.start.instant) {
            let message = format!(
                "`{}` starts {} after this stage, before {} of soak can pass",
                next.name,
                show(distance),
                show(stage.soak)
            );
            lint.error(&stage_key(index, "soak"), message, format!("shorten the soak, or start `{}` later", next.name));
        } else if stage.soak.saturating_add(stage.finish_by) > distance {
            let message = format!(
                "`finish_by` {} and soak {} may outlast the {} until `{}` starts",
                show(stage.finish_by),
                show(stage.soak),
                show(distance),
                next.name
            );
            lint.warn(
                &stage_key(index, "soak"),
                message,
                format!("shorten one of them, or start `{}` later: it could be missed", next.name),
            );
        }
    }
}
