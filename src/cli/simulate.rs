//! To be written.
use super::args::{Common, Simulate};
use super::{Exit, Failure};
pub(super) fn simulate(_: &Common, _: &Simulate) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
