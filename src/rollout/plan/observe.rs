//! `[observe]`: how often the tenant is read, and what the codes of its sign-in log mean.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::rollout::sign_in_code;

/// `[observe]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// Between two readings of the registration report.
    pub registration: SignedDuration,
    /// Between two readings of the sign-in log.
    pub sign_ins: SignedDuration,
    /// Between two readings of the enforcement group's members.
    pub members: SignedDuration,
    /// Between two readings of the whole directory.
    pub directory: SignedDuration,
    /// Data older than this counts as unknown.
    pub max_age: SignedDuration,
    /// Sign-in error codes that mean: the person was asked for MFA and did not pass.
    pub mfa_failure_codes: Vec<i64>,
    /// What further codes mean.
    #[serde(default, skip_serializing_if = "Codes::is_usual")]
    pub codes: Codes,
    /// Between two questions to an address or a command that answers a gate.
    #[serde(default = "ten_minutes", skip_serializing_if = "is_ten_minutes")]
    pub gates: SignedDuration,
}

const fn ten_minutes() -> SignedDuration {
    SignedDuration::from_mins(10)
}

fn is_ten_minutes(time: &SignedDuration) -> bool {
    *time == ten_minutes()
}

/// Classes of sign-in error codes beside failures of MFA. A code of no class, such as that of a wrong password, is an attempt and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    /// The account is locked.
    pub lockout: Vec<i64>,
    /// A client that cannot do MFA was refused for that; counts of such clients alone.
    pub legacy: Vec<i64>,
    /// A step of an ordinary sign-in: no attempt by itself.
    pub step: Vec<i64>,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            lockout: vec![50_053],
            legacy: vec![50_072, 50_074, 50_076, 50_079, 53_003, 530_032, 530_035],
            step: sign_in_code::steps().collect(),
        }
    }
}

impl Codes {
    /// Whether they are what a plan without these keys says; such a plan keeps its revision.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
