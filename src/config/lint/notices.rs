//! Whether people can be told in time.

use jiff::{SignedDuration, Timestamp};

use super::{Lint, most_people, stage_key};
use crate::config::places::key;
use crate::config::templates::Templates;
use crate::config::value::show;
use crate::rollout::hours::Hours;
use crate::rollout::switch::grace;
use crate::rollout::{schedule, sending};

pub(super) fn lint(lint: &mut Lint<'_>) {
    let notices = &lint.plan.notices;
    let Some(first) = notices.before.first().copied() else { return };
    let too_long =
        |floor| format!("the minimum notice {} is longer than the first notice {} before the start", show(floor), show(first));
    let remedy = "lengthen the first of `notices.before`, or shorten the minimum notice";
    if notices.min_notice > first {
        lint.error(&key!["notices", "min_notice"], too_long(notices.min_notice), remedy);
    }
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        if let Some(floor) = stage.min_notice.filter(|floor| *floor > first) {
            lint.error(&stage_key(index, "min_notice"), too_long(floor), remedy);
        }
    }
    if let Some(managers) = notices.managers.filter(|managers| *managers >= first) {
        let message = format!("{} is not shorter than the first notice {} before the start", show(managers), show(first));
        lint.warn(
            &key!["notices", "managers"],
            message,
            "shorten it: managers get their lists only after everybody of the stage was told, so they would come later than this says",
        );
    }
    lint_pace(lint, first);
    let notices = &lint.plan.notices;
    if lint.plan.tail.grace < notices.min_notice {
        let message = format!("is shorter than the minimum notice {}", show(notices.min_notice));
        lint.warn(
            &key!["tail", "grace"],
            message,
            "lengthen it: nobody is enforced with less notice, so joiners would wait longer than this says",
        );
    }
}

/// Announcements that the mailboxes cannot finish in time, as far as the plan alone says how many people they tell.
fn lint_pace(lint: &mut Lint<'_>, first: SignedDuration) {
    let Some(zone) = schedule::zone(&lint.plan.time_zone) else { return };
    let (hours, mailboxes) = (Hours::of(lint.plan), lint.plan.notices.from.len());
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        let latest = schedule::latest_start(&lint.plan.calendar, &zone, stage.start.instant, stage.late_by);
        let (Ok(begin), Ok(deadline)) = (stage.start.instant.checked_sub(first), latest.checked_sub(lint.plan.floor(stage)))
        else {
            continue;
        };
        let Some(people) = most_people(stage).filter(|_| begin <= deadline) else { continue };
        let finished = sending::finishes(people, mailboxes, &hours, begin);
        if finished > deadline {
            let message = format!(
                "to tell {people} people from {mailboxes} mailboxes takes until {finished}, too late for the minimum notice ({deadline})"
            );
            lint.warn(&stage_key(index, "people"), message, sending::remedy(people, &hours, begin, finished, deadline));
        }
    }
}

/// Under security defaults a date alone is half the truth.
pub(super) fn lint_texts(lint: &mut Lint<'_>, templates: &Templates) {
    if grace(lint.plan) == 0 {
        return;
    }
    for ((language, kind), text) in &templates.texts {
        if kind.is_common() && !text.body.contains("grace") {
            let message =
                format!("the text `{language}` does not say that Microsoft lets people put it off for {{{{ grace }}}} days");
            lint.warn(&key!["notices", "templates"], message, "say it in the body, with `{{ grace }}`");
        }
    }
}

pub(super) fn lint_at(lint: &mut Lint<'_>, now: Timestamp) {
    let Some(zone) = schedule::zone(&lint.plan.time_zone) else { return };
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        let floor = lint.plan.floor(stage);
        let latest = schedule::latest_start(&lint.plan.calendar, &zone, stage.start.instant, stage.late_by);
        if latest < now {
            let message = "has passed: a stage that has not started by then is missed";
            lint.warn(&stage_key(index, "start"), message, "if this rollout has not begun, move the stage to a later date");
        } else if latest.saturating_sub(floor).unwrap_or(Timestamp::MIN) < now {
            let message = format!("is too near for the minimum notice of {}", show(floor));
            lint.warn(
                &stage_key(index, "start"),
                message,
                "if its people have not been told yet, move the stage to a later date",
            );
        }
    }
}
