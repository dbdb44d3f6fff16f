//! What reaches the engine from outside. None carries input into a decision: each is journalled first, or only wakes the loop.

use tokio::sync::oneshot;

use crate::rollout::plan::Plan;

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    /// An operator's command.
    Command {
        /// What.
        command: Command,
        /// The operator's login name.
        actor: String,
        /// Where the answer goes: a sentence either way.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// The plan file was read again: a validated plan, or why it was refused.
    Plan(Result<Box<Plan>, String>),
    /// Write the status to the log.
    Dump,
    /// Finish what is in flight and end.
    Stop,
}

/// An operator's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stop new batches.
    Pause {
        /// Why.
        why: String,
    },
    /// Go on.
    Unpause {
        /// Whether a stage whose start has passed may still start.
        allow_start: AllowStart,
    },
}

/// Whether a stage whose start passed during a pause may still start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowStart {
    /// It becomes Missed.
    No,
    /// It may, up to its latest start.
    Yes,
}
