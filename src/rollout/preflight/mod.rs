//! The preflight: facts of a tenant and a plan, judged before anybody is told or required anything.
//!
//! Pure: facts in, findings out; one file per subject. Reads nothing and changes nothing. Invariant: a fact that could not be read is a
//! finding of its own, so that silence always means "looked at, and sound".

mod accounts;
mod break_glass;
mod clients;
mod domains;
pub mod facts;
mod licences;
mod methods;
pub mod permissions;
mod target;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::Serialize;

use self::facts::{Facts, Known};
use super::id::ObjectId;
use super::observed::{Observed, Reach};
use super::plan::Plan;

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

    /// A finding about these people, where there are any; its title counts them.
    fn about(
        people: Vec<ObjectId>,
        severity: Severity,
        id: &'static str,
        (one, several): (&str, &str),
        why: &str,
        remedy: &str,
    ) -> Option<Self> {
        let title = match people.len() {
            0 => return None,
            1 => format!("1 {one}"),
            count => format!("{count} {several}"),
        };
        Some(Self::new(severity, id, title, why, remedy).of(Who::People(people)))
    }

    /// The same, about these.
    #[must_use]
    pub fn of(self, who: Who) -> Self {
        Self { who, ..self }
    }
}

/// Findings in the order in which they are shown: errors first, each severity by id.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (a.severity, a.id, &a.title).cmp(&(b.severity, b.id, &b.title)));
}

/// What findings are judged from.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What a rollout reads of the tenant, too.
    pub observed: &'a Observed,
    /// What only a preflight reads.
    pub facts: &'a Facts,
    /// Everybody in a stage, ascending.
    pub scope: &'a [ObjectId],
    /// Stages whose people are none, or cannot be told; and why.
    pub stages: &'a [(String, Lack)],
    /// Whom the policy should be about by the journal.
    pub reach: Reach,
    /// Now.
    pub now: Timestamp,
}

/// Why a stage has no people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// So many are selected, and all of them are out.
    Empty(usize),
    /// What must be known for it is not.
    Unknown(String),
}

impl Ground<'_> {
    fn is_in_scope(&self, person: ObjectId) -> bool {
        self.scope.binary_search(&person).is_ok()
    }

    /// When somebody last signed in by hand; none for never, and for not known.
    fn last_interactive(&self, person: ObjectId) -> Option<Timestamp> {
        let activity = self.facts.activity.as_ref().ok()?;
        activity.binary_search_by_key(&person, |seen| seen.person).ok().and_then(|at| activity.get(at))?.interactive
    }

    /// Those of `people` who are no guests.
    fn members(&self, people: Vec<ObjectId>) -> Vec<ObjectId> {
        let directory = self.observed.directory.last.as_ref().map(|reading| &reading.value);
        let is_guest = |id: ObjectId| directory.and_then(|directory| directory.person(id)).is_some_and(|person| person.guest);
        people.into_iter().filter(|id| !is_guest(*id)).collect()
    }
}

/// The fact; or a finding that it is not known, and none.
fn known<'f, T>(fact: &'f Known<T>, what: &str, findings: &mut Vec<Finding>) -> Option<&'f T> {
    match fact {
        Ok(fact) => Some(fact),
        Err(trouble) => {
            findings.push(unchecked(what, &trouble.why));
            None
        }
    }
}

/// Something could not be looked at, for this reason.
#[must_use]
pub fn unchecked(what: &str, why: &str) -> Finding {
    let remedy = "do what it says and run doctor again";
    Finding::new(Severity::Warning, "not-checked", format!("not checked: {what}"), why, remedy)
}

/// Everything that is to be said, in the order in which it is shown.
#[must_use]
pub fn judge(ground: &Ground<'_>) -> Vec<Finding> {
    let mut findings = permissions::judge(ground.plan, ground.facts.granted.as_deref());
    for judge in
        [target::judge, licences::judge, domains::judge, clients::judge, methods::judge, break_glass::judge, accounts::judge]
    {
        judge(ground, &mut findings);
    }
    sort(&mut findings);
    findings.dedup();
    findings
}
