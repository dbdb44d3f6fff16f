//! What operators say in a script, beside the few words that [`super::script::Deed`] has for itself: it is put into a command when its
//! time comes, by what is in force then. Much of it is illegal at that moment, and must be refused.

use std::fmt;

use jiff::SignedDuration;

use crate::rollout::closing::Abort;
use crate::rollout::hold::Blocks;
use crate::rollout::id::ObjectId;
use crate::rollout::release::Extent;

/// What an operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// Let something rest.
    Pause {
        /// What.
        of: Of,
        /// In which direction.
        blocks: Blocks,
        /// For how long they want it.
        long: Option<SignedDuration>,
    },
    /// End such a pause.
    Unpause {
        /// What rests.
        of: Of,
        /// Whether a stage whose start has passed may still start.
        allow_start: bool,
    },
    /// Look at everything that a human ends, and end it; stages whose start has passed may start.
    EndHolds,
    /// Close a stage; its people move to the tail.
    Skip(usize),
    /// Close a stage; nothing is required of its people.
    Cancel(usize),
    /// Start a missed stage.
    StartLate(usize),
    /// Undo a stage, or the tail.
    Rollback {
        /// Its place; none is the tail.
        stage: Option<usize>,
        /// How far it reaches.
        extent: Extent,
    },
    /// Look at what a gate reads, or at a hold, and pass it.
    Override {
        /// The stage's place.
        stage: usize,
        /// The gate's name, or what the hold's id begins with, before the stage's name.
        what: String,
    },
    /// Approve what is in force.
    Approve(&'static str),
    /// Reject it.
    Reject,
    /// End the rollout.
    Abort(Abort),
}

/// Of what somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Everything.
    Rollout,
    /// The stage in this place.
    Stage(usize),
    /// One person.
    Person(ObjectId),
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollout => f.write_str("everything"),
            Self::Stage(stage) => write!(f, "stage {}", stage + 1),
            Self::Person(_) => f.write_str("one person"),
        }
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = |allow_start: bool| if allow_start { ", and allows the start" } else { "" };
        match self {
            Self::Pause { of, blocks, .. } => {
                write!(f, "an operator pauses {of}{}", if *blocks == Blocks::All { ", rollback too" } else { "" })
            }
            Self::Unpause { of, allow_start } => write!(f, "an operator ends the pause of {of}{}", start(*allow_start)),
            Self::EndHolds => f.write_str("an operator looks at every hold, and ends what a human ends"),
            Self::Skip(stage) => write!(f, "an operator skips stage {}", stage + 1),
            Self::Cancel(stage) => write!(f, "an operator cancels stage {}", stage + 1),
            Self::StartLate(stage) => write!(f, "an operator starts stage {} late", stage + 1),
            Self::Rollback { stage: None, .. } => f.write_str("an operator rolls the tail back"),
            Self::Rollback { stage: Some(stage), extent: Extent::Only } => {
                write!(f, "an operator rolls stage {} back, and no other", stage + 1)
            }
            Self::Rollback { stage: Some(stage), extent: Extent::AndBehind } => {
                write!(f, "an operator rolls stage {} back", stage + 1)
            }
            Self::Override { stage, what } => write!(f, "an operator overrides {what} for stage {}", stage + 1),
            Self::Approve(who) => write!(f, "{who} approves the plan"),
            Self::Reject => f.write_str("somebody rejects the plan"),
            Self::Abort(Abort::Keep) => f.write_str("an operator ends the rollout and keeps what is enforced"),
            Self::Abort(Abort::Revert) => f.write_str("an operator ends the rollout and reverts it"),
        }
    }
}
