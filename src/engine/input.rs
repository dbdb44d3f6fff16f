//! What reaches the engine from outside. None carries input into a decision: each is journalled first, or only wakes the loop.

use super::command::Command;
use crate::rollout::plan::Plan;

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    /// An operator's command.
    Command(Command),
    /// The plan file was read again: a validated plan, or why it is not one.
    Plan(Result<Box<Plan>, String>),
    /// Write the status to the log.
    Dump,
    /// Finish what is in flight and end.
    Stop,
}
