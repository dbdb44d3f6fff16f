//! MFA by each person's own state (Microsoft's per-user MFA, beta only).
//!
//! A state is read before it is set, so that what somebody else set is not ours. Setting a state is idempotent; a lost answer is
//! unknown all the same. Invariant: every person ends in exactly one list.

use super::releasing::{because, not_sent, take};
use crate::engine::port::BatchOutcome;
use crate::graph::Graph;
use crate::graph::answer::Verdict;
use crate::graph::request::Mutation;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{PerUser, Trouble};

/// Own states other than disabled, ascending; who does not exist, or whose state cannot be told, is left out.
pub(super) async fn standing(graph: &Graph, people: &[ObjectId]) -> Result<Vec<(ObjectId, PerUser)>, Trouble> {
    let states = graph.per_user(people).await?;
    let mut standing: Vec<_> = states
        .into_iter()
        .filter_map(|(id, state)| Some((id, state?)))
        .filter(|(_, state)| *state != PerUser::Disabled)
        .collect();
    standing.sort_unstable();
    Ok(standing)
}

/// Requires MFA of these people by their own states.
pub(super) async fn enable(graph: &Graph, people: &[ObjectId]) -> BatchOutcome {
    let states = match graph.per_user(people).await {
        Ok(states) => states,
        Err(trouble) => return not_sent(&trouble.why, people.to_vec()),
    };
    let mut outcome = BatchOutcome::default();
    let mut disabled = Vec::new();
    for id in people {
        match states.iter().find(|(known, _)| known == id).map(|(_, state)| *state) {
            None => outcome.gone.push(*id),
            Some(Some(PerUser::Enabled | PerUser::Enforced)) => outcome.already.push(*id),
            Some(Some(PerUser::Disabled)) => disabled.push(*id),
            Some(None) => {
                let why = "the tenant does not say what the person's own MFA state is; it is asked again".to_owned();
                because(&mut outcome.not_sent, why, vec![*id]);
            }
        }
    }
    set(graph, &disabled, PerUser::Enabled, &mut outcome).await;
    outcome
}

/// Ends these people's own states.
pub(super) async fn disable(graph: &Graph, people: &[ObjectId]) -> BatchOutcome {
    let mut outcome = BatchOutcome::default();
    set(graph, people, PerUser::Disabled, &mut outcome).await;
    outcome
}

/// Sets a state.
pub(super) async fn set(graph: &Graph, people: &[ObjectId], state: PerUser, outcome: &mut BatchOutcome) {
    let mutations: Vec<_> = people.iter().map(|person| Mutation::SetPerUser { person: *person, state }).collect();
    for (person, carried) in people.iter().zip(graph.carry_out(&mutations).await) {
        match carried {
            Ok(Verdict::Gone) => outcome.gone.push(*person),
            other => take(outcome, *person, other),
        }
    }
}
