//! What a gate answered, and on which people the answer rests.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rollout::plan::Measure;

/// A gate's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Enough people, within the threshold.
    Pass,
    /// Enough people, beyond the threshold.
    Fail,
    /// Too few people with an attempt.
    Inconclusive,
    /// The source cannot be read, or is stale.
    NoData,
}

/// One reading of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The answer.
    pub verdict: Verdict,
    /// What was measured.
    pub measure: Measure,
    /// The share, 0 to 1; none without people.
    pub value: Option<f64>,
    /// The people that counted for it.
    pub hits: u32,
    /// The people it rests on.
    pub sample: u32,
    /// When its source was read; none when it never was.
    pub as_of: Option<Timestamp>,
}
