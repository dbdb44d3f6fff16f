//! Plan and journal as they stand, for commands that make something to print: the journal's plan where there is one, or else the file's.

use jiff::Timestamp;

use super::args::{Common, Place};
use super::{Exit, Failure, place, who};
use crate::clock::Clock;
use crate::rollout::event::Record;
use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;
use crate::rollout::state::State;
use crate::store::error::JournalError;
use crate::store::kept::Earlier;
use crate::store::records::records;

/// What there is.
pub(super) struct Stand {
    pub(super) plan: Plan,
    pub(super) state: State,
    /// What a daemon last read of the tenant.
    pub(super) observed: Observed,
    pub(super) state_dir: std::path::PathBuf,
    pub(super) now: Timestamp,
}

/// Reads it.
pub(super) fn stand(common: &Common, at: &Place) -> Result<Stand, Failure> {
    stand_seeing(common, at, |_| {})
}

/// The same, with a look at each record of the journal.
pub(super) fn stand_seeing(common: &Common, at: &Place, mut each: impl FnMut(&Record)) -> Result<Stand, Failure> {
    let state_dir = place::find(common, at).state_dir;
    let earlier = Earlier::begin(&state_dir);
    let state = match records(&state_dir) {
        Err(JournalError::NoJournal { .. }) => State::default(),
        _ => who::replayed(&state_dir, |record| each(&record))?,
    };
    let now = Clock::system().now().max(state.at.unwrap_or(Timestamp::MIN));
    let (observed, _) = earlier.of(&state, now);
    let plan = match &state.plan {
        Some(accepted) => accepted.plan.clone(),
        None => place::load(common)?.plan,
    };
    Ok(Stand { plan, state, observed, state_dir, now })
}

impl Stand {
    /// That the stage exists, where one is named.
    pub(super) fn has(&self, stage: Option<&str>) -> Result<(), Failure> {
        match stage {
            Some(name) if name != crate::rollout::state::TAIL && !self.plan.stages.iter().any(|stage| stage.name == name) => {
                let names: Vec<_> = self.plan.stages.iter().map(|stage| stage.name.as_str()).collect();
                Err(Failure::new(Exit::Usage, format!("--stage {name}: the plan has the stages {}", names.join(", "))))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a file that only its owner may read: it holds names.
pub(super) fn write_private(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| unwritten(path, &error))
}

/// Writes a file that anybody may read.
pub(super) fn write_public(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| unwritten(path, &error))
}

/// Makes a folder, if it is not there.
pub(super) fn folder(path: &std::path::Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{}: it cannot be written: {error}", path.display()))
}
