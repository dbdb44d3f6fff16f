//! `reload`, `reload --dry-run` and `plan --against running`: what the plan file changes, in words, before it is taken.

use serde::Serialize;

use super::args::{Common, Reload};
use super::pause::{send, tell};
use super::plan::state_so_far;
use super::{Exit, Failure, place};
use crate::clock::Clock;
use crate::engine::command::What;
use crate::rollout::change::forbidden;
use crate::rollout::differences::differences;
use crate::say;

/// What the file changes.
#[derive(Debug, Serialize)]
struct Preview {
    revision: String,
    running: Option<String>,
    changes: Vec<String>,
    refused: Vec<String>,
}

pub(super) fn reload(common: &Common, verb: &Reload) -> Result<Exit, Failure> {
    if verb.dry_run {
        return show(common);
    }
    let found = place::find(common, &verb.place);
    tell(common, send(&found.socket, &verb.terms, What::Reload { why: verb.reason.clone().unwrap_or_default() }))
}

/// Shows what the plan file changes against the plan in force; nothing is changed, and no daemon is needed.
pub(super) fn show(common: &Common) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let state = state_so_far(&loaded)?;
    let now = Clock::system().now();
    let preview = Preview {
        revision: loaded.plan.revision(),
        running: state.plan.as_ref().map(|accepted| accepted.revision.clone()),
        changes: differences(&state, &loaded.plan, now),
        refused: forbidden(&state, &loaded.plan, now),
    };
    if common.json {
        say!("{}", serde_json::to_string(&preview).unwrap_or_default());
    } else {
        print(&preview);
    }
    if preview.refused.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::new(Exit::Blocked, format!("the plan asks for what may not be: {}", preview.refused.join("; "))))
}

fn print(preview: &Preview) {
    let short = |revision: &str| revision.chars().take(12).collect::<String>();
    let running =
        preview.running.as_deref().map_or_else(|| "no plan".to_owned(), |running| format!("revision {}", short(running)));
    say!("revision {} of the file against {running} in force", short(&preview.revision));
    if preview.changes.is_empty() {
        say!("  nothing changes");
    }
    for change in &preview.changes {
        say!("  {change}");
    }
}
