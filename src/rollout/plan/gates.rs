//! `[[gate]]`: questions that must be answered before, during and after a stage.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// `[[gate]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Unique name.
    pub name: String,
    /// What is measured.
    pub measure: Measure,
    /// When it is asked.
    pub at: GateAt,
    /// Pass at this value or above it, or at it or below it.
    pub bound: Bound,
    /// People that a reading must rest on.
    pub min_sample: u32,
    /// Oldest evidence that counts.
    pub max_age: SignedDuration,
    /// Names of the stages it is asked for; empty means all, and for a `during` gate also the tail.
    pub stages: Vec<String>,
}

/// What a gate measures, as a share of 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Capable people among the people of the roster with a known reading.
    RegisteredShare,
    /// Enforced people of the stage whose attempts all failed at MFA, among those with an attempt.
    MfaFailureShare,
}

/// When a gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateAt {
    /// Before a stage's first batch.
    Start,
    /// Before each batch after the canary, and while soaking.
    During,
    /// Before Done.
    Exit,
}

/// The side of a gate's threshold that passes; both include the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Pass at the value or above.
    AtLeast(f64),
    /// Pass at the value or below.
    AtMost(f64),
}
