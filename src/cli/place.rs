//! The plan file, as commands read it: loaded, or a failure with every problem; or only what an emergency needs of it.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::args::{Common, Place};
use super::{Exit, Failure};
use crate::config::{self, Loaded, Problems, Whereabouts};
use crate::rollout::schedule;
use crate::whisper;

/// Where the plan is when nobody says: in the working folder, or where the service has it.
const USUAL: [&str; 2] = ["tidegate.toml", "/etc/tidegate/plan.toml"];

/// The plan file that is meant: the one given, or the first usual one that is there.
pub(super) fn plan_file(common: &Common) -> PathBuf {
    common.config.clone().unwrap_or_else(|| usual(&USUAL, Path::exists).into())
}

/// The first path that is there, or else the first.
fn usual<'a>(paths: &[&'a str], is_there: impl Fn(&Path) -> bool) -> &'a str {
    let found = paths.iter().find(|path| is_there(Path::new(path)));
    found.or(paths.first()).copied().unwrap_or_default()
}

/// The plan file, read and validated; or every problem.
pub(super) fn read(common: &Common) -> Result<Loaded, Problems> {
    config::load(&plan_file(common), config::environment())
}

/// The plan file, read and validated.
pub(super) fn load(common: &Common) -> Result<Loaded, Failure> {
    read(common).map_err(|problems| Failure::new(Exit::Plan, format!("the plan is not valid\n{problems}")))
}

/// Where state and socket are. A plan that cannot be used is said so, and is no reason to stop.
pub(super) fn find(common: &Common, place: &Place) -> Whereabouts {
    let found = config::whereabouts(&plan_file(common), config::environment(), place.state_dir.as_deref());
    if let Some(flaw) = &found.flaw {
        whisper!("tidegate: the plan cannot be used ({flaw}); going on with the state folder {}", found.state_dir.display());
    }
    found
}

/// The zone of a loaded plan.
pub(super) fn zone_of(loaded: &Loaded) -> TimeZone {
    schedule::zone(&loaded.plan.time_zone).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_here_comes_before_the_services() {
        for (there, expected) in [(&[0, 1][..], 0), (&[1], 1), (&[], 0)] {
            let is_there = |path: &Path| there.iter().any(|ix| Path::new(USUAL[*ix]) == path);
            assert_eq!(usual(&USUAL, is_there), USUAL[expected]);
        }
    }
}
