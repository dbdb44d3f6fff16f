//! The plan file, as commands read it: loaded, or a failure with every problem.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::args::Common;
use super::{Exit, Failure};
use crate::config::{self, Loaded, Problems};
use crate::rollout::schedule;

/// The plan file, read and validated; or every problem.
pub(super) fn read(common: &Common) -> Result<Loaded, Problems> {
    config::load(&common.config, config::environment())
}

/// The plan file, read and validated.
pub(super) fn load(common: &Common) -> Result<Loaded, Failure> {
    read(common).map_err(|problems| Failure::new(Exit::Plan, format!("the plan is not valid\n{problems}")))
}

/// The state folder that the plan names.
pub(super) fn state_dir(common: &Common) -> Result<PathBuf, Failure> {
    load(common).map(|loaded| loaded.settings.state_dir)
}

/// The plan's zone.
pub(super) fn zone(common: &Common) -> Result<TimeZone, Failure> {
    load(common).map(|loaded| zone_of(&loaded))
}

/// The zone of a loaded plan.
pub(super) fn zone_of(loaded: &Loaded) -> TimeZone {
    schedule::zone(&loaded.plan.time_zone).unwrap_or(TimeZone::UTC)
}
