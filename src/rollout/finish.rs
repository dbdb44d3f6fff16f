//! The finish: the policy becomes one about everybody but the exempt, in place of the one about a group (DESIGN §9). It is a switch of
//! the last stage, thrown when an operator asks for it, and undone first when the stage is rolled back.
//!
//! Pure. Invariant: it is never begun while MFA would be required by it of somebody who is not enforced yet.

use super::condition::{Ground, Refusal, SWITCH};
use super::hold::Owner;
use super::observed::{Person, Reach, Reading, Safety, Toggle};
use super::person::Home;
use super::plan::{Enforcement, Plan};
use super::select::{group_people, protection};
use super::state::{Phase, Stands, State};
use super::switch::{Switch, is_open, standing};

/// What is said of a policy that somebody else made one about everybody.
pub const WIDENED: &str = "the policy includes all users, so that it does not wait for the stages; include only the group";

/// What is said of a policy that is one about everybody no more.
const NARROWED: &str = "the finish made the policy one about everybody, and somebody changed that; turn it back by hand, or roll the last stage back";

/// Whether the finish stands.
#[must_use]
pub fn stands(state: &State) -> bool {
    let Some(last) = state.stages.last() else { return false };
    standing(state, &last.name).any(|thrown| matches!(thrown.switch, Switch::Reach { .. }))
}

/// Whom the policy should be about by the journal.
#[must_use]
pub fn expected(state: &State) -> Reach {
    if stands(state) { Reach::Everybody } else { Reach::Group }
}

/// What is said of a policy that is about others than these.
#[must_use]
pub const fn otherwise(expected: Reach) -> &'static str {
    match expected {
        Reach::Group => WIDENED,
        Reach::Everybody => NARROWED,
    }
}

/// Whom the policy is about, against what the journal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Those whom it should be about, or a human owns it.
    AsItShould,
    /// The reading is older than the last change by us.
    NotReadSince,
    /// Others: not by us.
    Otherwise,
}

/// Compares whom the policy is about with what the journal says.
#[must_use]
pub fn turned(state: &State, reading: &Reading<Safety>) -> Turned {
    let Some(reach) = reading.value.reach else { return Turned::AsItShould };
    let ours = state.thrown.iter().filter(|thrown| matches!(thrown.switch, Switch::Reach { .. }));
    let changed = ours.filter_map(|thrown| match thrown.stands {
        Stands::Done(at) => Some(at),
        Stands::Open | Stands::Unknown => Some(jiff::Timestamp::MAX),
        Stands::Refused(_) | Stands::Absent => None,
    });
    if changed.max().is_some_and(|at| reading.as_of < at) {
        return Turned::NotReadSince;
    }
    if reach == expected(state) { Turned::AsItShould } else { Turned::Otherwise }
}

/// Why the finish may not even be asked for: what is known without reading anything.
#[must_use]
pub fn refuses_to_begin(plan: &Plan, state: &State) -> Option<Refusal> {
    if !matches!(plan.enforcement, Enforcement::ConditionalAccess { manage_policy: true, .. }) {
        return Some(
            "a human owns the policy: change it by hand as `tidegate finish` shows, or set `enforcement.manage_policy`".into(),
        );
    }
    if stands(state) {
        return Some("the policy is one about everybody already".into());
    }
    if is_open(state) {
        return Some("the outcome of a switch is not known yet; it is read back".into());
    }
    let open = state.stages.iter().filter(|stage| stage.phase != Phase::Done);
    let open: Vec<_> = open.map(|stage| format!("stage `{}` is {}", stage.name, stage.phase.name().as_str())).collect();
    if !open.is_empty() || state.stages.is_empty() {
        return Some(format!("the finish comes when every stage is done, and {}", open.join(", ")).into());
    }
    if let Some(hold) = state.holds.values().find(|hold| hold.owner != Owner::Schedule) {
        return Some(format!("hold `{}`: {}", hold.id, hold.why).into());
    }
    None
}

/// Why the finish may not be performed now.
#[must_use]
pub fn refuses(ground: &Ground<'_>) -> Option<Refusal> {
    let Ground { plan, state, .. } = ground;
    let last = Home::Stage(u16::try_from(state.stages.len().saturating_sub(1)).unwrap_or(u16::MAX));
    let asked = SWITCH.iter().find_map(|c| ground.refuses_rollout(*c).or_else(|| ground.refuses_home(*c, last)));
    refuses_to_begin(plan, state).or(asked).or_else(|| refuses_others(ground))
}

/// That the policy about everybody can take over, once nobody would be asked for MFA untold.
#[must_use]
pub fn may_follow(ground: &Ground<'_>) -> Option<String> {
    let Ground { plan, state, observed, .. } = *ground;
    let by_group = matches!(plan.enforcement, Enforcement::ConditionalAccess { .. });
    let done = !state.stages.is_empty() && state.stages.iter().all(|stage| stage.phase == Phase::Done);
    let sound = || observed.safety.last.as_ref().is_some_and(|reading| reading.value.policy.problems.is_empty());
    let may = by_group && done && !stands(state) && sound() && refuses_others(ground).is_none();
    may.then(|| {
        "every stage is done and nobody in scope is left: the policy can become one about everybody; `tidegate finish` shows how"
            .to_owned()
    })
}

/// Whoever is neither enforced nor protected would be asked for MFA at once and untold.
fn refuses_others(ground: &Ground<'_>) -> Option<Refusal> {
    let Ground { plan, observed, now, .. } = *ground;
    let max_age = plan.observe.max_age;
    if observed.safety.last.as_ref().is_some_and(|reading| reading.value.defaults == Some(Toggle::On)) {
        return Some("security defaults are on beside the policy; turn them off".into());
    }
    let (Some(directory), Some(members)) = (observed.directory.fresh(now, max_age), observed.members.fresh(now, max_age)) else {
        return Some("the directory and the members of the group have not been read lately".into());
    };
    if let Some(group) = &plan.people.exempt_group
        && group_people(observed, group).is_none_or(|source| source.fresh(now, max_age).is_none())
    {
        return Some("the exempt group has not been read lately".into());
    }
    // An account of which the tenant does not say whether it is enabled may well be.
    let would_be_asked = |person: &Person| {
        let person = Person { enabled: person.enabled.or(Some(true)), ..*person };
        !members.value.contains(person.id) && protection(plan, observed, &person).is_none()
    };
    let open = directory.value.iter().filter(would_be_asked).count();
    (open > 0).then(|| {
        format!(
            "{open} people in scope are not enforced: MFA would be required of them at once and untold; let the tail end first"
        )
        .into()
    })
}
