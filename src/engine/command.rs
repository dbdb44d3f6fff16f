//! Commands: what an operator may ask of the running engine. A closed list; each is journalled before it counts.

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::port::Pass;
use crate::rollout::closing::Abort;
use crate::rollout::event::Uses;
use crate::rollout::gate::Yes;
use crate::rollout::hold::{Blocks, Scope};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Bounce;
use crate::rollout::pause::Ending;
use crate::rollout::release::Extent;

/// What a pause by the file cannot do, though `--all` asks for it.
pub const FILE_IS_FORWARD: &str =
    "a rollback goes on all the same, which no file stops: see to the disk or the daemon, then say `tidegate pause --all` again";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// Start no new batch.
    Pause {
        /// The operator's reason.
        why: String,
        /// What rests.
        #[serde(default)]
        scope: Scope,
        /// In which direction.
        #[serde(default)]
        blocks: Blocks,
        /// When they want it to end, as civil time in the plan's zone.
        #[serde(default)]
        until: Option<civil::DateTime>,
    },
    /// End a hold that only a human ends.
    Unpause(Ending),
    /// Undo a stage, and the stages behind it first.
    Rollback {
        /// The stage's name, or `tail`.
        stage: String,
        /// How far it reaches.
        extent: Extent,
        /// The operator's reason.
        why: String,
    },
    /// Start a missed stage.
    StartLate {
        /// The stage's name.
        stage: String,
        /// The operator's reason.
        why: String,
    },
    /// Close a stage; whoever waits in it moves to the tail.
    Skip {
        /// The stage's name.
        stage: String,
        /// The operator's reason.
        why: String,
    },
    /// Close a stage; nothing is required of its people.
    Cancel {
        /// The stage's name.
        stage: String,
        /// The operator's reason.
        why: String,
    },
    /// Pass one gate of a stage, or one hold on it, once.
    Override {
        /// The name of the gate, or the id of the hold.
        what: String,
        /// The stage.
        stage: String,
        /// Digest of what the caller looked at.
        evidence: String,
        /// Until when it counts, as civil time in the plan's zone; a day if left out.
        #[serde(default)]
        until: Option<civil::DateTime>,
        /// Their reason.
        why: String,
    },
    /// Approve the revision in force.
    Approve {
        /// Its first digits, as the caller looked at it.
        revision: String,
        /// Their reason.
        why: String,
    },
    /// Reject it.
    Reject {
        /// Its first digits, as the caller looked at it.
        revision: String,
        /// Their reason.
        why: String,
    },
    /// Read the plan file again.
    Reload {
        /// The operator's reason.
        why: String,
    },
    /// Answer a gate.
    Confirm {
        /// The gate's name.
        gate: String,
        /// The stage's name, or `tail`.
        stage: String,
        /// Yes or no.
        says: Yes,
        /// The operator's reason.
        why: String,
    },
    /// Tell how many contacts the helpdesk counted until now.
    Contacts {
        /// How many.
        count: u32,
        /// Of which stage; of all, if left out.
        #[serde(default)]
        stage: Option<String>,
        /// From when on, as civil time in the plan's zone; from where the same caller counted to before, if left out.
        #[serde(default)]
        since: Option<civil::DateTime>,
        /// The operator's reason.
        why: String,
    },
    /// End the rollout.
    Abort {
        /// What becomes of those who are enforced.
        how: Abort,
        /// The operator's reason.
        why: String,
    },
    /// Give a missed stage a new start.
    Rebook {
        /// The stage's name.
        stage: String,
        /// Civil time in the plan's zone.
        start: civil::DateTime,
        /// The operator's reason.
        why: String,
    },
    /// Except one person.
    Except(Asked),
    /// Take a person's exception back.
    EndException {
        /// Who.
        person: ObjectId,
        /// The operator's reason.
        why: String,
    },
    /// Notices came back.
    Bounced {
        /// Whose.
        people: Vec<ObjectId>,
        /// As the report, or the operator, says.
        why: String,
    },
    /// Letters were handed over.
    Handed {
        /// To whom.
        people: Vec<ObjectId>,
        /// The date that is printed on them.
        date: Timestamp,
        /// The operator's reason.
        why: String,
    },
    /// Notices came back, as a list of reports says.
    Returned(Vec<Bounce>),
    /// Make the policy one about everybody but the exempt.
    Finish {
        /// Hash of what the operator was shown.
        shown: String,
    },
    /// Say what a person waits for, as JSON; changes nothing.
    Explain {
        /// Who.
        person: ObjectId,
    },
    /// Issue a Temporary Access Pass to somebody.
    Assist {
        /// What for.
        order: PassOrder,
        /// The operator's reason.
        why: String,
    },
}

/// A Temporary Access Pass that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassOrder {
    /// For whom.
    pub person: ObjectId,
    /// For how long; as the tenant's policy says if left out.
    pub minutes: Option<u32>,
    /// How often it may be used.
    #[serde(default)]
    pub uses: Uses,
}

/// What is asked for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asked {
    /// Who.
    pub person: ObjectId,
    /// What.
    pub what: Exception,
    /// The reason.
    pub why: String,
    /// Who answers for it; whoever asks, if left out.
    pub owner: Option<String>,
}

/// What may be asked for one person; instants are civil times in the plan's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Exception {
    /// A later date.
    Defer {
        /// Not before.
        until: civil::DateTime,
    },
    /// Nothing is required before an instant.
    Exempt {
        /// That instant.
        until: civil::DateTime,
    },
    /// From now on.
    Volunteer,
    /// Away when the date came.
    Absent,
    /// Back again.
    Back,
}

impl What {
    /// Start no new batch of the whole rollout, for as long as it takes.
    #[must_use]
    pub fn pause(why: &str) -> Self {
        Self::Pause { why: why.to_owned(), scope: Scope::Rollout, blocks: Blocks::Forward, until: None }
    }

    /// The word for people and for the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pause { .. } => "pause",
            Self::Unpause(_) => "unpause",
            Self::Rollback { .. } => "rollback",
            Self::StartLate { .. } => "start-late",
            Self::Skip { .. } => "skip",
            Self::Cancel { .. } => "cancel",
            Self::Confirm { .. } => "confirm",
            Self::Contacts { .. } => "contacts",
            Self::Abort { .. } => "abort",
            Self::Reload { .. } => "reload",
            Self::Approve { .. } => "approve",
            Self::Override { .. } => "override",
            Self::Reject { .. } => "reject",
            Self::Rebook { .. } => "rebook",
            Self::Except(_) => "except",
            Self::EndException { .. } => "end-exception",
            Self::Bounced { .. } | Self::Returned(_) => "bounced",
            Self::Handed { .. } => "handed",
            Self::Finish { .. } => "finish",
            Self::Assist { .. } => "assist",
            Self::Explain { .. } => "explain",
        }
    }
}

/// One order: what is asked, and under which conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What is asked.
    pub what: What,
    /// Only while the plan in force has this revision; its first digits are enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<String>,
    /// The same key again does nothing more, and gets the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl From<What> for Order {
    fn from(what: What) -> Self {
        Self { what, if_revision: None, key: None }
    }
}

/// One command on its way to the engine.
#[derive(Debug)]
pub struct Command {
    /// What is asked.
    pub order: Order,
    /// By whom: a login name, or `uid:` and a number where the system knows no name.
    pub actor: String,
    /// Where the answer goes: one sentence for the operator, either way. Nobody may be waiting any more.
    pub answer: oneshot::Sender<Result<Said, String>>,
}

/// What the engine answers to a command that it took.
#[derive(Debug)]
pub struct Said {
    /// One sentence.
    pub says: String,
    /// The pass that was asked for; for the caller's eyes alone.
    pub pass: Option<Pass>,
}

impl From<String> for Said {
    fn from(says: String) -> Self {
        Self { says, pass: None }
    }
}
