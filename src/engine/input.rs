//! What reaches the engine from outside. None carries input into a decision: each is journalled first, or only wakes the loop.

use super::command::Command;
use crate::rollout::plan::Plan;

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    /// An operator's command.
    Command(Command),
    /// The plan file was read again.
    Plan(Reread),
    /// Write the status to the log.
    Dump,
    /// Finish what is in flight and end.
    Stop,
}

/// The plan file as it was read again.
#[derive(Debug)]
pub struct Reread {
    /// A validated plan, or why it is not one.
    pub plan: Result<Box<Plan>, String>,
    /// Whose the file is.
    pub author: String,
    /// The command that asked for it; none where a signal did.
    pub asked: Option<Command>,
}

impl Reread {
    /// A validated plan, for which nobody waits.
    #[must_use]
    pub fn of(plan: Plan, author: &str) -> Self {
        Self { plan: Ok(Box::new(plan)), author: author.to_owned(), asked: None }
    }
}
