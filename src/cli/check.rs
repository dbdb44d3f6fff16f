//! `check`: the plan file alone, every problem at once.

use super::args::Common;
use super::{Exit, Failure, adapters, place};
use crate::clock::Clock;
use crate::config::{Problems, Severity};
use crate::rollout::plan::Enforcement;
use crate::{say, whisper};

pub(super) fn check(common: &Common) -> Result<Exit, Failure> {
    let loaded = match place::read(common) {
        Ok(loaded) => loaded,
        Err(problems) => return not_valid(common, &problems),
    };
    let now = Clock::system().now();
    let mut warnings = loaded.warnings.clone();
    warnings.extend(loaded.warnings_at(now));
    match adapters::credential_problem(&loaded, now) {
        Some(problem) if problem.severity == Severity::Error => return not_valid(common, &Problems(vec![problem])),
        problem => warnings.extend(problem),
    }
    if common.json {
        say!("{}", serde_json::to_string(&warnings).unwrap_or_default());
    } else {
        for warning in &warnings {
            say!("{warning}");
        }
        let stages = loaded.plan.stages.len();
        let revision = loaded.plan.revision();
        say!(
            "{}: valid, {stages} stages, revision {}",
            place::plan_file(common).display(),
            revision.get(..12).unwrap_or_default()
        );
    }
    if !matches!(loaded.plan.enforcement, Enforcement::ConditionalAccess { .. }) {
        whisper!("note: this version enforces by conditional-access only; `run` refuses this plan");
    }
    Ok(Exit::Done)
}

fn not_valid(common: &Common, problems: &Problems) -> Result<Exit, Failure> {
    if common.json {
        say!("{}", serde_json::to_string(&problems.0).unwrap_or_default());
        return Ok(Exit::Plan);
    }
    Err(Failure::new(Exit::Plan, format!("the plan is not valid\n{problems}")))
}
