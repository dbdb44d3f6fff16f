//! Releasing: what a rollback takes back, person by person.
//!
//! Somebody whose own state was retired gets it back first, and leaves the group only when that was taken: there is no moment without
//! MFA in between. Nothing is repeated. Invariant: every person ends in exactly one list.

use super::per_user;
use crate::engine::port::{BatchOutcome, Leaver};
use crate::graph::Graph;
use crate::graph::answer::Verdict;
use crate::graph::request::Mutation;
use crate::graph::write::Carried;
use crate::rollout::event::Because;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{PerUser, Target, Way};

/// Releases the batches. One outcome per batch, in order.
pub(super) async fn release(graph: &Graph, target: Target, batches: &[Vec<Leaver>]) -> Vec<BatchOutcome> {
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        outcomes.push(match target {
            Target::Group { group, .. } => from_group(graph, group, batch).await,
            Target::Plain { way: Way::PerUser } => {
                let people: Vec<_> = batch.iter().map(|leaver| leaver.person).collect();
                per_user::disable(graph, &people).await
            }
            Target::Plain { .. } => {
                let people = batch.iter().map(|leaver| leaver.person).collect();
                not_sent("security defaults are switched for everybody at once", people)
            }
        });
    }
    outcomes
}

async fn from_group(graph: &Graph, group: ObjectId, batch: &[Leaver]) -> BatchOutcome {
    let mut outcome = BatchOutcome::default();
    let mut leaving: Vec<ObjectId> = batch.iter().filter(|leaver| leaver.restore.is_none()).map(|leaver| leaver.person).collect();
    for state in [PerUser::Enabled, PerUser::Enforced] {
        let people: Vec<_> = batch.iter().filter(|leaver| leaver.restore == Some(state)).map(|leaver| leaver.person).collect();
        let mut restored = BatchOutcome::default();
        per_user::set(graph, &people, state, &mut restored).await;
        leaving.extend(restored.enforced.iter().chain(&restored.already));
        outcome.gone.extend(restored.gone);
        outcome.unknown.extend(restored.unknown);
        outcome.refused.extend(restored.refused);
        outcome.not_sent.extend(restored.not_sent);
    }
    let mutations: Vec<_> = leaving.iter().map(|person| Mutation::Unbind { group, person: *person }).collect();
    for (person, carried) in leaving.iter().zip(graph.carry_out(&mutations).await) {
        take(&mut outcome, *person, carried);
    }
    outcome
}

/// Puts a person into the list that the answer calls for.
pub(super) fn take(outcome: &mut BatchOutcome, person: ObjectId, carried: Carried) {
    match carried {
        Ok(Verdict::Ok) => outcome.enforced.push(person),
        Ok(Verdict::AlreadySo | Verdict::Gone) => outcome.already.push(person),
        // A permission or a method that is missing has nothing to do with the person.
        Ok(Verdict::Refused(refusal)) if matches!(refusal.status, 400 | 404 | 409) => {
            because(&mut outcome.refused, refusal.why, vec![person]);
        }
        Ok(Verdict::Refused(refusal)) => because(&mut outcome.not_sent, refusal.why, vec![person]),
        Ok(Verdict::Unknown | Verdict::Reauthenticate | Verdict::Retry { .. }) => outcome.unknown.push(person),
        Err(trouble) => because(&mut outcome.not_sent, trouble.why, vec![person]),
    }
}

/// An outcome of which nothing left.
pub(super) fn not_sent(why: &str, people: Vec<ObjectId>) -> BatchOutcome {
    BatchOutcome { not_sent: vec![Because { why: why.to_owned(), people }], ..BatchOutcome::default() }
}

/// Adds people to those who share a reason.
pub(super) fn because(list: &mut Vec<Because>, why: String, people: Vec<ObjectId>) {
    match list.iter_mut().find(|entry| entry.why == why) {
        Some(entry) => entry.people.extend(people),
        None => list.push(Because { why, people }),
    }
}
