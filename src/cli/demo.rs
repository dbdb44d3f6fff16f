//! To be written.
use super::args::{Common, Demo};
use super::{Exit, Failure};
pub(super) fn demo(_: &Common, _: &Demo) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
