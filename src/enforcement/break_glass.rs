//! The break-glass accounts of a plan as they are now, and whom a policy leaves out.
//!
//! Judges nothing. Invariant: an account that is not seen to be left out counts as covered.

use serde_json::Value;

use super::policy;
use crate::graph::Graph;
use crate::graph::groups::Depth;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{BreakGlass, PerUser, Person, Trouble, TroubleKind, Way};

/// The accounts, and what is known of those that exist.
struct Found<'a> {
    references: &'a [PersonRef],
    ids: Vec<Option<ObjectId>>,
    people: Vec<Person>,
}

async fn find<'a>(graph: &Graph, references: &'a [PersonRef]) -> Result<Found<'a>, Trouble> {
    let mut ids = Vec::with_capacity(references.len());
    for reference in references {
        ids.push(graph.person_id(*reference).await?);
    }
    let known: Vec<ObjectId> = ids.iter().flatten().copied().collect();
    let people = graph.people(&known).await?;
    Ok(Found { references, ids, people })
}

impl Found<'_> {
    fn existing(&self) -> Vec<ObjectId> {
        self.people.iter().map(|person| person.id).collect()
    }

    /// In the plan's order, where `left_out` are those whom the enforcement does not reach.
    fn accounts(&self, left_out: &[ObjectId]) -> Vec<BreakGlass> {
        let account = |(reference, id): (&PersonRef, &Option<ObjectId>)| {
            let person = self.people.iter().find(|person| Some(person.id) == *id);
            BreakGlass {
                reference: *reference,
                id: person.map(|person| person.id),
                enabled: person.is_some_and(|person| person.enabled == Some(true)),
                excluded: person.is_some_and(|person| left_out.contains(&person.id)),
            }
        };
        self.references.iter().zip(&self.ids).map(account).collect()
    }
}

/// The accounts where a policy must exclude them.
pub(super) async fn under_policy(graph: &Graph, policy: &Value, references: &[PersonRef]) -> Result<Vec<BreakGlass>, Trouble> {
    let found = find(graph, references).await?;
    let excluded = excluded(graph, policy, &found.existing()).await?;
    Ok(found.accounts(&excluded))
}

/// The accounts where no policy could exclude them: their own state must be disabled; nothing can keep them out of security defaults,
/// so there they must be able to pass MFA.
pub(super) async fn without_policy(graph: &Graph, way: Way, references: &[PersonRef]) -> Result<Vec<BreakGlass>, Trouble> {
    let found = find(graph, references).await?;
    let existing = found.existing();
    let mut safe = Vec::new();
    match way {
        Way::Tenant => {
            for id in existing {
                if graph.passes_mfa(id).await? {
                    safe.push(id);
                }
            }
        }
        Way::Group | Way::PerUser => {
            let states = graph.per_user(&existing).await?;
            safe.extend(states.into_iter().filter(|(_, state)| *state == Some(PerUser::Disabled)).map(|(id, _)| id));
        }
    }
    Ok(found.accounts(&safe))
}

/// Whom the policy excludes by id, and through groups where one of the accounts is not.
pub(super) async fn excluded(graph: &Graph, policy: &Value, accounts: &[ObjectId]) -> Result<Vec<ObjectId>, Trouble> {
    let mut excluded = policy::excluded_users(policy);
    if accounts.iter().all(|account| excluded.contains(account)) {
        return Ok(excluded);
    }
    for group in policy::excluded_groups(policy) {
        match graph.members(group, Depth::Transitive).await {
            Ok(members) => excluded.extend(members.iter()),
            // Deleted groups leave their ids behind in policies; they exclude nobody.
            Err(trouble) if trouble.kind == TroubleKind::Unusable => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(excluded)
}
