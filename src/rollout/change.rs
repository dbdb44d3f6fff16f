//! What a new plan may change (DESIGN §12): a told instant moves later only, and what has begun stays as it was.

use jiff::Timestamp;

use super::person::Enforced;
use super::plan::{Plan, Stage};
use super::state::{Phase, StageState, State};

/// Why a new plan is refused: every reason, each a sentence with its remedy. Empty: it may come into force at `now`.
#[must_use]
pub fn forbidden(state: &State, new: &Plan, now: Timestamp) -> Vec<String> {
    let Some(accepted) = &state.plan else { return Vec::new() };
    let old = &accepted.plan;
    let mut reasons = Vec::new();
    if old.tenant != new.tenant {
        reasons.push(format!(
            "the tenant is `{}` in the journal of this state folder; use another folder for another tenant",
            old.tenant
        ));
    }
    let begun = state.people.all().alike().any(|person| person.enforced() != Enforced::No);
    if begun && old.enforcement != new.enforcement {
        reasons.push("people are enforced already; the enforcement cannot change any more".to_owned());
    }
    let mut last_frozen = None;
    for known in state.stages.iter().filter(|known| known.is_frozen()) {
        let was = old.stages.iter().find(|stage| stage.name == known.name);
        let at = new.stages.iter().position(|stage| stage.name == known.name);
        let Some((at, planned)) = at.and_then(|at| Some((at, new.stages.get(at)?))) else {
            reasons.push(format!("stage `{}` has been announced; it cannot be taken out of the plan", known.name));
            continue;
        };
        if last_frozen.is_some_and(|last| at < last) {
            reasons.push(format!("stage `{}` has been announced; it cannot move behind a later stage", known.name));
        }
        last_frozen = Some(at);
        stage(known, was.map(|was| (old, was)), planned, new, now, &mut reasons);
    }
    let first_open =
        new.stages.iter().position(|stage| state.stage(&stage.name).is_none_or(|(_, known)| known.phase == Phase::Scheduled));
    if let (Some(open), Some(frozen)) = (first_open, last_frozen)
        && let Some(stage) = new.stages.get(open).filter(|_| open < frozen)
    {
        reasons.push(format!("stage `{}` is new and stands before a stage that has been announced; put it behind", stage.name));
    }
    reasons
}

fn stage(
    known: &StageState,
    was: Option<(&Plan, &Stage)>,
    planned: &Stage,
    new: &Plan,
    now: Timestamp,
    reasons: &mut Vec<String>,
) {
    let name = &known.name;
    if was.is_some_and(|(_, was)| was.include != planned.include || was.exclude != planned.exclude) {
        reasons.push(format!("the roster of stage `{name}` is frozen; its `people` cannot change any more"));
    }
    let (from, to) = (known.start.instant, planned.start.instant);
    let moved = from != to && known.start.civil != planned.start.civil;
    let over = !matches!(known.phase, Phase::Announcing | Phase::Announced | Phase::Missed { .. });
    if moved && over {
        reasons.push(format!("stage `{name}` is {}; its start cannot change any more", known.phase.name().as_str()));
    } else if moved && to < from {
        reasons.push(format!("people were told {from} for stage `{name}`, which is the earliest possible date now; it can only move later, not to {to}"));
    } else if moved && to.duration_since(now) < new.notices.renotice {
        let earliest = now.checked_add(new.notices.renotice).unwrap_or(Timestamp::MAX);
        reasons
            .push(format!("stage `{name}` moves to {to}, which is nearer than `notices.renotice`; {earliest} is the earliest"));
    }
    if was.is_some_and(|(old, was)| new.floor(planned) < old.floor(was)) {
        reasons.push(format!("the minimum notice of stage `{name}` cannot become shorter after its announcement"));
    }
}
