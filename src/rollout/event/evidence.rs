//! What a gate answered, on which people the answer rests, and who said so.

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
    /// The share, 0 to 1, the count, or the difference of two shares; none without people.
    pub value: Option<f64>,
    /// The people that counted for it; of contacts, their number.
    pub hits: u32,
    /// The people it rests on.
    pub sample: u32,
    /// When its source was read; none when it never was.
    pub as_of: Option<Timestamp>,
    /// Where it was read; none in records from before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// The people it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Counted>,
    /// What numbers do not say: why there is no data, or what whoever answered wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// People who count, among people looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Who count.
    pub hits: u32,
    /// Who were looked at.
    pub sample: u32,
}

impl Counted {
    /// One more who was looked at, and who counts or not.
    #[must_use]
    pub fn with(self, counts: bool) -> Self {
        Self { hits: self.hits.saturating_add(u32::from(counts)), sample: self.sample.saturating_add(1) }
    }

    /// The share, where anybody was looked at.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        (self.sample > 0).then(|| f64::from(self.hits) / f64::from(self.sample))
    }
}

/// Where a gate's reading came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The tenant's registration report.
    RegistrationReport,
    /// Each person's own methods, read one by one.
    OwnMethods,
    /// The tenant's sign-in log.
    SignInLog,
    /// The journal.
    Journal,
    /// A human.
    Operator,
    /// An address of the plan's.
    Http,
    /// A command of the plan's.
    Command,
}

impl Origin {
    /// The words for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegistrationReport => "the registration report",
            Self::OwnMethods => "people's own methods",
            Self::SignInLog => "the sign-in log",
            Self::Journal => "the journal",
            Self::Operator => "an operator",
            Self::Http => "the plan's address",
            Self::Command => "the plan's command",
        }
    }
}
