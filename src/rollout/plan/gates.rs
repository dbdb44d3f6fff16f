//! `[[gate]]`: questions that must be answered before, during and after a stage.

use std::borrow::Cow;

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
    /// How it is asked, where a plan says more than that.
    #[serde(default, skip_serializing_if = "Asking::is_usual")]
    pub asking: Asking,
}

impl Gate {
    /// The gate as it is asked for a stage, or for the tail.
    #[must_use]
    pub fn of(&self, stage: &str) -> Cow<'_, Self> {
        let Some(own) = self.asking.overrides.iter().find(|own| own.stage == stage) else { return Cow::Borrowed(self) };
        let mut gate = self.clone();
        gate.bound = own.bound.unwrap_or(gate.bound);
        gate.min_sample = own.min_sample.unwrap_or(gate.min_sample);
        Cow::Owned(gate)
    }

    /// Whether it is asked for a stage, or for the tail.
    #[must_use]
    pub fn is_asked_of(&self, stage: &str) -> bool {
        self.stages.is_empty() || self.stages.iter().any(|name| name == stage)
    }
}

/// How a gate is asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    /// Only what happened so lately counts; everything since people were enforced, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<SignedDuration>,
    /// How often it must fail before it holds.
    #[serde(default, skip_serializing_if = "Fails::is_usual")]
    pub fails: Fails,
    /// Whether it is only read, journalled and shown, and stops nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// With whom its share is compared; its bound is then one on the difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versus: Option<Versus>,
    /// What is otherwise for single stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// Hash of the address or of the command that answers it; the thing itself is no part of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Asking {
    /// Whether it says what a plan without these keys says; such a plan keeps its revision.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// `fails = "2 of 3"`: a gate holds once so many of its latest readings fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fails {
    /// So many.
    pub times: u8,
    /// Of the latest this many.
    pub of: u8,
}

impl Fails {
    /// More readings than this are not looked back at.
    pub const MOST: u8 = 10;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Fails {
    fn default() -> Self {
        Self { times: 1, of: 1 }
    }
}

/// With whom people who are enforced are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Versus {
    /// People who are not enforced yet, over the same time.
    NotEnforced,
}

/// `[[gate.override]]`: what is otherwise for one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The stage.
    pub stage: String,
    /// Its own threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// Its own sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sample: Option<u32>,
}

/// What a gate measures. The `…_share` ones are shares of 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Capable people among the people of the roster with a known reading.
    RegisteredShare,
    /// People of the roster without a known reading, among all of them.
    UnknownShare,
    /// Enforced people of the stage whose attempts all failed at MFA, among those with an attempt.
    MfaFailureShare,
    /// Enforced people whose latest attempt met a locked account, among those with an attempt.
    LockoutShare,
    /// Enforced people who have got in since, among all enforced people: whoever is silent is no success.
    VerifiedShare,
    /// Enforced people of whom a client that cannot do MFA was refused, among those with an attempt.
    LegacyBlocks,
    /// People to whom a notice was accepted and did not come back, among the roster and those who left it unreached.
    NoticeReach,
    /// Contacts that the helpdesk counted.
    Contacts,
    /// The same for each hundred enforced people.
    #[serde(rename = "contacts_per_100")]
    ContactsPer100,
    /// What an address answers.
    Http,
    /// What a command answers.
    Command,
    /// What a human answers: yes or no.
    Confirm,
}

/// From where a measure is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// From the registration report, or from each person's own methods.
    Registration,
    /// From the sign-in log.
    SignIns,
    /// From the journal: it is never stale by itself, and needs no reading.
    Journal,
    /// From what the plan names outside the tenant.
    Outside,
}

impl Measure {
    /// Every measure, with its word in a plan.
    pub const ALL: [(&'static str, Self); 12] = [
        ("registered_share", Self::RegisteredShare),
        ("unknown_share", Self::UnknownShare),
        ("mfa_failure_share", Self::MfaFailureShare),
        ("lockout_share", Self::LockoutShare),
        ("verified_share", Self::VerifiedShare),
        ("legacy_blocks", Self::LegacyBlocks),
        ("notice_reach", Self::NoticeReach),
        ("contacts", Self::Contacts),
        ("contacts_per_100", Self::ContactsPer100),
        ("http", Self::Http),
        ("command", Self::Command),
        ("confirm", Self::Confirm),
    ];

    /// From where it is read.
    #[must_use]
    pub const fn reads(self) -> Reads {
        match self {
            Self::RegisteredShare | Self::UnknownShare => Reads::Registration,
            Self::MfaFailureShare | Self::LockoutShare | Self::VerifiedShare | Self::LegacyBlocks => Reads::SignIns,
            Self::NoticeReach | Self::Contacts | Self::ContactsPer100 | Self::Confirm => Reads::Journal,
            Self::Http | Self::Command => Reads::Outside,
        }
    }

    /// Whether it counts people who are enforced, of whom there are none before a stage starts.
    #[must_use]
    pub const fn is_of_enforced(self) -> bool {
        matches!(self.reads(), Reads::SignIns) || matches!(self, Self::Contacts | Self::ContactsPer100)
    }

    /// Whether only what happened lately may be counted.
    #[must_use]
    pub const fn takes_window(self) -> bool {
        self.is_of_enforced() && !matches!(self, Self::VerifiedShare)
    }

    /// Whether its value is a share of 0 to 1.
    #[must_use]
    pub const fn is_share(self) -> bool {
        matches!(self.reads(), Reads::Registration | Reads::SignIns) || matches!(self, Self::NoticeReach)
    }
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
    /// Whoever answers says pass or fail.
    Judged,
}
