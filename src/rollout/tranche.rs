//! Whom to enforce next: what one decision hands out, in batches, within a few minutes of write quota.

use jiff::SignedDuration;

use super::condition::{Condition, ENFORCE, Ground, Refusal};
use super::id::ObjectId;
use super::person::{Enforced, Home, PersonState};
use super::settle::has_open_batch;
use super::state::Phase;
use super::switch::{comes_first, is_tenant_wide};
use super::tail::Openings;
use super::told::retry_at;

/// People in one bind-PATCH (Graph takes at most 20).
pub const BATCH: usize = 20;

/// Batches in one tranche: 2,000 writes are 100 s of refill, after which gates and other readings are looked at again (the sign-in log is
/// read every few minutes). A command waits for what is under way only.
pub const BATCHES: usize = 2_000;

/// A person whom the tenant refused is tried again after this.
pub const REFUSED_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// What one decision hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tranche {
    /// Whose people.
    pub home: Home,
    /// The batches; the canary is alone.
    pub batches: Vec<Vec<ObjectId>>,
}

/// The next tranche, if anybody may be enforced now.
#[must_use]
pub fn next(ground: &Ground<'_>) -> Option<Tranche> {
    if retry_at(ground.state.wire_trouble).is_some_and(|at| ground.now < at) || is_tenant_wide(ground.plan) {
        return None;
    }
    of_stage(ground).or_else(|| of_tail(ground))
}

fn of_stage(ground: &Ground<'_>) -> Option<Tranche> {
    let stages = (0_u16..).zip(&ground.state.stages);
    let (ix, stage, canary) = stages.into_iter().find_map(|(ix, stage)| match stage.phase {
        Phase::Enforcing { canary } => Some((ix, stage, canary)),
        _ => None,
    })?;
    let home = Home::Stage(ix);
    if refuses(ground, home).is_some() || comes_first(ground, ix, stage) {
        return None;
    }
    let people = || stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    // Until somebody has gone through, every batch is the canary, and nobody follows one whose outcome is not known.
    let through = canary.is_some() && people().any(|person| person.is_enforced());
    if !through && has_open_batch(ground, home) {
        return None;
    }
    let most = if through { BATCH * BATCHES } else { ground.plan.limits.canary as usize };
    tranche(ground, home, people(), most)
}

fn of_tail(ground: &Ground<'_>) -> Option<Tranche> {
    let openings = Openings::new(ground);
    if !openings.lets_anybody(ground.state) || refuses(ground, Home::Tail).is_some() || has_open_batch(ground, Home::Tail) {
        return None;
    }
    let people = || ground.state.people.all().iter().filter(|person| person.home() == Home::Tail);
    let through = ground.state.tail_canary.is_some() && people().any(|person| person.is_enforced());
    let most = if through { BATCH * BATCHES } else { ground.plan.limits.canary as usize };
    tranche(ground, Home::Tail, people().filter(|person| openings.lets(ground.state, person.id)), most)
}

/// Why nobody of a home may be enforced now.
#[must_use]
pub fn refuses(ground: &Ground<'_>, home: Home) -> Option<Refusal> {
    ENFORCE.iter().find_map(|c| ground.refuses_rollout(*c).or_else(|| ground.refuses_home(*c, home)))
}

/// Why one person may not be enforced now, whatever the stage says; `None`: nothing stands against it.
#[must_use]
pub fn refuses_person(ground: &Ground<'_>, home: Home, person: &PersonState) -> Option<Refusal> {
    match person.enforced() {
        Enforced::No => {}
        Enforced::Refused(at) if ground.now.duration_since(at) >= REFUSED_WAIT => {}
        Enforced::Refused(_) => return Some("the tenant refused; tried again within the hour".into()),
        Enforced::Intended(_) | Enforced::Unknown(_) => return Some("the outcome is not known yet; it is read back".into()),
        Enforced::Accepted(_) | Enforced::Verified(_) => return Some("enforced already".into()),
        Enforced::Gone(_) => return Some("the account does not exist any more".into()),
        Enforced::Releasing(_) | Enforced::Kept(_) => return Some("is being released".into()),
        Enforced::Released(_) => return Some("was released by a rollback".into()),
    }
    let row = ground.observed.directory.last.as_ref().and_then(|reading| reading.value.person(person.id));
    ENFORCE.iter().find_map(|c: &Condition| ground.refuses_person(*c, home, person.id, row.as_ref()))
}

fn tranche(ground: &Ground<'_>, home: Home, people: impl Iterator<Item = PersonState>, most: usize) -> Option<Tranche> {
    let most = most.min(usize::try_from(ground.allowance()).unwrap_or(usize::MAX));
    let people: Vec<_> =
        people.filter(|person| refuses_person(ground, home, person).is_none()).map(|person| person.id).take(most).collect();
    let batches: Vec<_> = people.chunks(BATCH).map(<[ObjectId]>::to_vec).collect();
    (!batches.is_empty()).then_some(Tranche { home, batches })
}
