//! Parts of records: what a batch does, what became of a switch or a pass, and who goes together.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rollout::id::ObjectId;
use crate::rollout::observed::PerUser;

/// How often a Temporary Access Pass may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uses {
    /// As the tenant's policy says.
    #[default]
    AsPolicy,
    /// Once.
    Once,
}

/// What became of a Temporary Access Pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassFate {
    /// It was issued.
    Issued {
        /// How long it counts.
        minutes: u32,
        /// From when on.
        from: Timestamp,
    },
    /// The tenant, or its policy, does not allow it.
    Refused(String),
    /// It never left.
    NotSent(String),
    /// Nobody knows; another one replaces it.
    Unknown,
}

/// The people of one manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Who manages them.
    pub manager: ObjectId,
    /// Who they are.
    pub people: Vec<ObjectId>,
}

/// People who share a before-image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Their own MFA state.
    pub state: PerUser,
    /// Who.
    pub people: Vec<ObjectId>,
}

/// What became of a switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switched {
    /// The tenant took it, or reading back shows it.
    Done,
    /// Nobody knows; reading back settles it.
    Unknown,
    /// Reading back shows that it did not come about.
    Absent,
    /// The tenant refused, for this reason.
    Refused(String),
    /// It never left, for this reason.
    NotSent(String),
}

/// What a batch does to its people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Requires MFA of them.
    #[default]
    Enforce,
    /// Requires it of them no longer.
    Release,
    /// Ends their own MFA state.
    Retire,
}
