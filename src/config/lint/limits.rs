//! Caps that a stage cannot keep to, and a look that takes longer than its interval.

use jiff::SignedDuration;

use super::{Lint, most_people};
use crate::config::places::key;
use crate::config::value::show;
use crate::rollout::plan::{Amount, Cap, Licence, Stage};

pub(super) fn lint(lint: &mut Lint<'_>) {
    if lint.plan.access.licence == Licence::None && lint.plan.observe.registration < SignedDuration::from_hours(2) {
        let remedy = "write \"6h\"; without a licence each person is asked about, one in two seconds";
        lint.warn(&key!["observe", "registration"], "is short for a tenant without a P1 licence", remedy);
    }
    for (index, cap) in lint.plan.limits.caps.iter().enumerate() {
        for stage in &lint.plan.stages {
            let Some(people) = most_people(stage) else { continue };
            let Some(most) = within_finish(cap, stage).filter(|most| *most < people) else { continue };
            let message = format!(
                "stage `{}` may have {people} people, of whom at most {most} can be enforced by its `finish_by` {}",
                stage.name,
                show(stage.finish_by)
            );
            lint.warn(
                &key!["limits", "caps", index],
                message,
                "raise the cap, or lengthen `finish_by`: the others would move to the tail",
            );
        }
    }
}

/// The most people that this cap lets through from a stage's start to its end; unknown for a share.
fn within_finish(cap: &Cap, stage: &Stage) -> Option<usize> {
    let Amount::People(amount) = cap.amount else { return None };
    let periods = stage.finish_by.as_secs().checked_div(cap.per.as_secs())?.checked_add(1)?;
    usize::try_from(amount).ok()?.checked_mul(usize::try_from(periods).ok()?)
}
