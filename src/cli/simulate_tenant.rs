//! To be written.
use super::args::{Common, SimulateTenant};
use super::{Exit, Failure};
pub(super) fn simulate_tenant(_: &Common, _: &SimulateTenant) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
