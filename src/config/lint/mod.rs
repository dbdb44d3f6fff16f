//! What is wrong with a plan as a whole, one theme per file. Pure: sees the plan and where its keys stand, nothing else.
//!
//! Invariant: an error is only what can never work or breaks the promise; what may be meant is a warning.

mod calendar;
mod enforcement;
mod gates;
mod limits;
mod notices;
mod people;
mod stages;

use jiff::Timestamp;

use super::clouds::{self, Cloud};
use super::places::{Path, Places, Spot, Step};
use super::problem::Problem;
use super::templates::Templates;
use crate::rollout::plan::{Plan, Selector, Stage};

/// Everything that can be said without knowing the time.
pub(super) fn whole(plan: &Plan, templates: &Templates, places: &Places) -> Vec<Problem> {
    let mut lint = Lint { plan, places, problems: Vec::new() };
    stages::lint(&mut lint);
    calendar::lint(&mut lint);
    notices::lint(&mut lint);
    notices::lint_texts(&mut lint, templates);
    people::lint(&mut lint);
    gates::lint(&mut lint);
    limits::lint(&mut lint);
    enforcement::lint(&mut lint);
    lint.problems
}

/// What the plan needs and its cloud lacks.
pub(super) fn cloud(plan: &Plan, cloud: Cloud, places: &Places) -> Vec<Problem> {
    let mut lint = Lint { plan, places, problems: Vec::new() };
    for (capability, [section, key], remedy) in clouds::needs(plan) {
        if let Some(message) = cloud.refuses(*capability) {
            lint.error(&super::places::key![*section, *key], message, *remedy);
        }
    }
    lint.problems
}

/// What can be said at `now`.
pub(super) fn at(plan: &Plan, places: &Places, now: Timestamp) -> Vec<Problem> {
    let mut lint = Lint { plan, places, problems: Vec::new() };
    notices::lint_at(&mut lint, now);
    lint.problems
}

/// A plan under inspection.
struct Lint<'a> {
    plan: &'a Plan,
    places: &'a Places,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    fn error(&mut self, path: &[Step], message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(self.places.problem(path, Spot::Value, message, remedy));
    }

    fn warn(&mut self, path: &[Step], message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(self.places.problem(path, Spot::Value, message, remedy).warning());
    }
}

/// The path of a key of the stage at `index`.
fn stage_key(index: usize, key: &str) -> Path {
    super::places::key!["stage", index, key].to_vec()
}

/// The most people that a stage can hold, where its selectors say so.
fn most_people(stage: &Stage) -> Option<usize> {
    let sizes = stage.include.iter().map(|selector| match selector {
        Selector::Users(people) | Selector::Csv { people, .. } => Some(people.len()),
        Selector::ReadyFirst(most) => usize::try_from(*most).ok(),
        _ => None,
    });
    sizes.sum()
}
