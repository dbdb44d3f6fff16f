//! Moving on from per-user MFA: whose own state is retired next (DESIGN §9).
//!
//! Invariant: nobody's own state ends before two agreeing reads showed them under the policy, and the policy was just seen to require
//! MFA. What a state was is on disk before it ends.

use std::collections::BTreeMap;

use super::condition::{Condition, Ground, Refusal};
use super::event::{Before, Deed};
use super::id::ObjectId;
use super::observed::PerUser;
use super::person::{Enforced, PersonState, Retired};
use super::plan::{Enforcement, Plan};
use super::state::TAIL;
use super::told::retry_at;

/// People in one group of retirements: one envelope.
pub const GROUP: usize = 20;

/// Whether the plan moves people on from their own states.
#[must_use]
pub const fn is_asked(plan: &Plan) -> bool {
    matches!(plan.enforcement, Enforcement::PerUser { retire_to: Some(_) })
}

/// Whose states may end, as far as the journal goes.
fn may_move_on(person: &PersonState) -> bool {
    matches!(person.enforced(), Enforced::Verified(_)) && person.marks().retired == Retired::No && !person.marks().removed_by_hand
}

/// People whose own state is to be read: those under the policy, and those of whom nobody knows whether it ended.
#[must_use]
pub fn of_interest(ground: &Ground<'_>) -> bool {
    is_asked(ground.plan)
        && ground
            .state
            .people
            .all()
            .alike()
            .any(|person| may_move_on(person) || matches!(person.marks().retired, Retired::Intended(_)))
}

/// Why nobody's state may be retired now.
#[must_use]
pub fn refuses(ground: &Ground<'_>) -> Option<Refusal> {
    let rolls_back = super::release::newest(ground).map(|_| "a stage is being rolled back".into());
    let held = ground.state.forward_holds(TAIL).next().map(|hold| format!("hold `{}`: {}", hold.id, hold.why).into());
    let asked = [Condition::Revision, Condition::Approval, Condition::Clock, Condition::Policy, Condition::BreakGlass];
    rolls_back.or(held).or_else(|| asked.iter().find_map(|c| ground.refuses_rollout(*c)))
}

/// The next people whose own states end, with what they are.
#[must_use]
pub fn next(ground: &Ground<'_>) -> Option<Vec<Before>> {
    let open = ground.state.batches.values().any(|batch| batch.deed == Deed::Retire);
    if !is_asked(ground.plan) || open || retry_at(ground.state.retire_trouble).is_some_and(|at| ground.now < at) {
        return None;
    }
    refuses(ground).is_none().then(|| group(ground)).filter(|before| !before.is_empty())
}

/// Those of the last reading who may move on, at most [`GROUP`].
fn group(ground: &Ground<'_>) -> Vec<Before> {
    let Some(states) = ground.observed.per_user.fresh(ground.now, ground.fresh_within) else { return Vec::new() };
    let Some(members) = &ground.observed.members.last else { return Vec::new() };
    let mut before: BTreeMap<PerUser, Vec<ObjectId>> = BTreeMap::new();
    let ready = states.value.iter().filter(|(id, state)| {
        *state != PerUser::Disabled
            && ground.state.people.get(*id).is_some_and(|person| may_move_on(&person))
            && members.value.contains(*id)
    });
    for (id, state) in ready.take(GROUP) {
        before.entry(*state).or_default().push(*id);
    }
    before.into_iter().map(|(state, people)| Before { state, people }).collect()
}

/// People under the policy whose own state still stands, as last read; none: it was not read since they came under it.
#[must_use]
pub fn left(ground: &Ground<'_>, person: &PersonState) -> bool {
    if !is_asked(ground.plan) || person.marks().removed_by_hand {
        return false;
    }
    match (person.marks().retired, person.enforced()) {
        (Retired::Intended(_), _) => true,
        (Retired::No, Enforced::Verified(at)) => ground
            .observed
            .per_user
            .last
            .as_ref()
            .is_none_or(|reading| reading.as_of < at || reading.value.binary_search_by_key(&person.id, |(id, _)| *id).is_ok()),
        (Retired::Done(_) | Retired::No, _) => false,
    }
}
