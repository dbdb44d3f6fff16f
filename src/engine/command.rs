//! Commands: what an operator may ask of the running engine. A closed list; each is journalled before it counts.

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// Start no new batch.
    Pause {
        /// The operator's reason.
        why: String,
    },
    /// End the pause.
    Unpause {
        /// Whether a stage whose start has passed may still start.
        allow_start: bool,
    },
    /// Undo a stage, and the stages behind it first.
    Rollback {
        /// The stage's name.
        stage: String,
        /// The operator's reason.
        why: String,
    },
    /// Make the policy one about everybody but the exempt.
    Finish {
        /// Hash of what the operator was shown.
        shown: String,
    },
}

impl What {
    /// The word for people and for the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pause { .. } => "pause",
            Self::Unpause { .. } => "unpause",
            Self::Rollback { .. } => "rollback",
            Self::Finish { .. } => "finish",
        }
    }
}

/// One command on its way to the engine.
#[derive(Debug)]
pub struct Command {
    /// What is asked.
    pub what: What,
    /// By whom: a login name, or `uid:` and a number where the system knows no name.
    pub actor: String,
    /// Where the answer goes: one sentence for the operator, either way. Nobody may be waiting any more.
    pub answer: oneshot::Sender<Result<String, String>>,
}
