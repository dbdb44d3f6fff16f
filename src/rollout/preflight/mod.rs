//! The preflight: facts of a tenant and a plan, judged before anybody is told or required anything.
//!
//! Pure: facts in, findings out; one file per subject. Reads nothing and changes nothing. Invariant: a fact that could not be read is a
//! finding of its own, so that silence always means "looked at, and sound".

pub mod permissions;

use serde::Serialize;

use super::id::ObjectId;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The rollout cannot succeed, or harms somebody.
    Error,
    /// Somebody should act before the first stage.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Whom a finding concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The tenant as a whole.
    Tenant,
    /// These people, complete, ascending.
    People(Vec<ObjectId>),
    /// These things, by name: permissions, domains, groups, policies.
    Things(Vec<String>),
}

impl Who {
    /// How many; the tenant counts as one.
    #[must_use]
    pub const fn count(&self) -> usize {
        match self {
            Self::Tenant => 1,
            Self::People(people) => people.len(),
            Self::Things(things) => things.len(),
        }
    }
}

/// Something that a human should know or do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind it is: kebab-case, the same for ever.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// Whom it concerns.
    pub who: Who,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// A finding about the tenant as a whole, until [`Self::of`] says otherwise.
    #[must_use]
    pub fn new(
        severity: Severity,
        id: &'static str,
        title: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { id, severity, title: title.into(), who: Who::Tenant, why: why.into(), remedy: remedy.into() }
    }

    /// The same, about these.
    #[must_use]
    pub fn of(self, who: Who) -> Self {
        Self { who, ..self }
    }
}

/// Findings in the order in which they are shown: errors first, each severity by id.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (a.severity, a.id).cmp(&(b.severity, b.id)));
}
