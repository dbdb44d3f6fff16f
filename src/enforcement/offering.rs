//! The finish as it would be made of the policy that the tenant has now: read, offered, and what it lacks. Changes nothing.

use serde_json::{Value, json};

use super::finish::{Guests, Outside, lacks, offer as conditions};
use super::policy;
use crate::engine::port::Offer;
use crate::graph::Graph;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Target, Trouble, TroubleKind};
use crate::rollout::plan::People;
use crate::rollout::switch::Image;

/// Reads the policy and what it must leave out.
pub(super) async fn offer(
    graph: &Graph,
    target: Target,
    people: &People,
    synchronisation: &[ObjectId],
) -> Result<Offer, Trouble> {
    let Target::Group { policy: id, .. } = target else {
        return Err(Trouble { kind: TroubleKind::Unusable, why: "only a conditional-access plan has a finish".to_owned() });
    };
    let policy = graph.policy(id).await?;
    let exempt = match &people.exempt_group {
        Some(name) => Some(graph.find_group(name).await?.id),
        None => None,
    };
    let mut accounts = synchronisation.to_vec();
    for reference in &people.break_glass {
        accounts.extend(graph.person_id(*reference).await?);
    }
    accounts.sort_unstable();
    accounts.dedup();
    let guests = if people.include_guests { Guests::In } else { Guests::Out };
    Ok(of(id, &policy, Outside { exempt, accounts: &accounts, guests }))
}

/// What the finish would make of this policy.
pub(crate) fn of(id: ObjectId, policy: &Value, outside: Outside<'_>) -> Offer {
    let before = policy.get("conditions").cloned().unwrap_or(Value::Null);
    let after = conditions(policy, outside);
    let fingerprint = policy::hash(&json!({ "conditions": after }), &["conditions"]);
    let image = Image { before: before.to_string(), after: after.to_string() };
    Offer { policy: id, image, fingerprint, lacks: lacks(policy, outside) }
}
