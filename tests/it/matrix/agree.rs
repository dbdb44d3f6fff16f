//! The three views of a person at the end: the group's true members, the journal folded, and the report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use tidegate::cli::trial::Outcome;
use tidegate::rollout::condition::{Conditions, Ground};
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::observed::Observed;
use tidegate::rollout::person::{Enforced, Home, PersonState};
use tidegate::rollout::report::{Report, situation};
use tidegate::rollout::state::State;

/// Words of a report that say something of the tenant, and not of the plan.
const SAID: [&str; 5] = ["verified", "enforced", "enforcing", "released", "left"];

pub(super) struct Views {
    /// The tenant's truth.
    pub(super) members: BTreeSet<ObjectId>,
    /// The journal, read from its start.
    pub(super) state: State,
    /// The report.
    pub(super) report: Arc<Report>,
}

impl Views {
    pub(super) fn of(outcome: &Outcome) -> Result<Self, String> {
        let mut state = State::default();
        for record in &outcome.records {
            state.apply(record).map_err(|misfit| format!("the journal cannot be read again: {misfit}"))?;
        }
        let report = outcome.report.clone().ok_or("there is no report")?;
        Ok(Self { members: outcome.members.iter().copied().collect(), state, report })
    }

    /// The word of a person, as the journal alone gives it.
    pub(super) fn word(&self, person: ObjectId) -> &'static str {
        self.state.people.get(person).map_or("unknown", |person| self.situation(&person))
    }

    fn situation(&self, person: &PersonState) -> &'static str {
        let Some(accepted) = &self.state.plan else { return "unknown" };
        let ground = Ground {
            plan: &accepted.plan,
            state: &self.state,
            observed: &Observed::default(),
            now: self.report.at,
            revision: &accepted.revision,
            booted: self.report.at,
            fresh_within: SignedDuration::ZERO,
            conditions: Conditions::all(),
        };
        situation(&ground, person).0
    }

    /// Members whom somebody else put there.
    fn others(&self) -> impl Fn(&ObjectId) -> bool {
        |id| {
            let baseline = self.state.baseline.as_deref().unwrap_or_default();
            baseline.binary_search(id).is_ok() || self.state.foreign.binary_search(id).is_ok()
        }
    }
}

/// What does not agree.
pub(super) fn agree(views: &Views) -> Result<(), String> {
    let Views { members, state, report } = views;
    let others = views.others();
    // Membership and journal, person by person.
    for person in state.people.all().iter() {
        let member = members.contains(&person.id);
        let fits = match person.enforced() {
            Enforced::Accepted(_) | Enforced::Verified(_) => member != person.marks().removed_by_hand,
            Enforced::Kept(_) => member,
            Enforced::No | Enforced::Refused(_) | Enforced::Gone(_) | Enforced::Released(_) => !member || others(&person.id),
            Enforced::Intended(_) | Enforced::Unknown(_) | Enforced::Releasing(_) => false,
        };
        if !fits {
            return Err(format!("{}: {:?} in the journal, member: {member}", person.id, person.enforced()));
        }
    }
    let required = |id: &ObjectId| state.people.get(*id).is_some_and(|person| person.is_enforced());
    if let Some(id) = members.iter().find(|id| !required(id) && !others(id)) {
        return Err(format!("{id} is a member of whom the journal knows nothing"));
    }
    // Journal and report, stage by stage and word by word.
    let mut reported = 0;
    for (name, stage) in report.stages.iter().chain([&report.tail]).map(|stage| (stage.name.as_str(), stage)) {
        let home = state.home(name).ok_or_else(|| format!("the report's `{name}` is not in the journal"))?;
        let of_home = |person: &PersonState| match home {
            Home::Tail => person.home() == home,
            Home::Stage(_) => state.stage(name).is_some_and(|(_, stage)| {
                stage.roster.iter().any(|place| state.people.at(*place).is_some_and(|known| known.id == person.id))
            }),
        };
        let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
        for person in state.people.all().iter().filter(of_home) {
            *counted.entry(views.situation(&person)).or_default() += 1;
        }
        for word in SAID {
            let (journal, said) = (counted.get(word).copied().unwrap_or(0), stage.situations.get(word).copied().unwrap_or(0));
            if journal != said {
                return Err(format!("`{name}`: {said} people `{word}` in the report, {journal} in the journal"));
            }
        }
        if home == Home::Tail || stage.phase.is_some() {
            let of = |word| stage.situations.get(word).copied().unwrap_or(0);
            reported += of("verified") + of("enforced");
        }
        let sum: u32 = stage.situations.values().sum();
        if sum != stage.people {
            return Err(format!("`{name}` has {} people, and {sum} in its situations", stage.people));
        }
    }
    // Report and membership: nothing is reported required that is not.
    let ours = u32::try_from(members.iter().filter(|id| required(id)).count()).unwrap_or(u32::MAX);
    if reported != ours {
        return Err(format!("the report says that MFA is required of {reported} people, and it is of {ours}"));
    }
    let sum: u32 = report.people.values().sum();
    if sum != report.total {
        return Err(format!("the report counts {sum} people of {}", report.total));
    }
    Ok(())
}
