//! Holds: owned, named reasons why something does not move (DESIGN §1). Notices are never held.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::ObjectId;

/// A reason why something does not move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its id: the kind, and what it concerns: `paused`, `gate:pilot:registered`.
    pub id: String,
    /// What it stops.
    pub scope: Scope,
    /// Which direction it stops.
    pub blocks: Blocks,
    /// Whose it is.
    pub owner: Owner,
    /// Since when.
    pub since: Timestamp,
    /// How it ends.
    pub clears: Clears,
    /// The operator's sentence: the thing, the cause, the next step.
    pub why: String,
    /// When an operator wanted it to end; it holds on then, and says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What a hold stops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    #[default]
    Rollout,
    /// One stage, by name.
    Stage(String),
    /// One person.
    Person(ObjectId),
}

/// Which direction a hold stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blocks {
    /// Enforcing.
    #[default]
    Forward,
    /// Enforcing and rollback.
    All,
}

/// Whose hold it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// A human.
    Operator,
    /// A gate.
    Gate,
    /// The calendar and the limits.
    Schedule,
    /// The tenant: policy, group, credentials, reachability.
    Tenant,
    /// The plan.
    Plan,
    /// The program itself: clock, disk.
    System,
}

/// How a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clears {
    /// By itself, when its cause is gone.
    Itself,
    /// By a human who names it.
    Human,
}
