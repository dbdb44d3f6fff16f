//! MFA by membership: people are put into the group that a Conditional Access policy includes.
//!
//! Changes nothing. Invariant: the policy and the break-glass accounts are judged
//! from what the tenant says now, never from what it said before.

use super::{break_glass, fitness, policy};
use crate::graph::Graph;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{BreakGlass, Policy, Reach, Target, Trouble, TroubleKind};

/// The one usable group and the one policy of these names or ids.
pub(super) async fn find(graph: &Graph, group: &str, policy: &str) -> Result<Target, Trouble> {
    let group = graph.find_group(group).await?;
    if let Some(why) = fitness::problem(&group) {
        return Err(Trouble { kind: TroubleKind::Unusable, why });
    }
    let policy = graph.find_policy(policy).await?;
    Ok(Target::Group { group: group.id, policy })
}

/// Policy and break-glass accounts, as they are now.
pub(super) async fn read(
    graph: &Graph,
    group: ObjectId,
    policy: ObjectId,
    owner: Owner,
    references: &[PersonRef],
) -> Result<(Policy, Vec<BreakGlass>, Reach), Trouble> {
    let (read, group_read, accounts) =
        futures_util::future::join3(graph.policy(policy), graph.group(group), break_glass::find(graph, references)).await;
    let read = read?;
    let (mut problems, fingerprint) = match owner {
        Owner::Human => (policy::problems(&read, group), policy::fingerprint(&read)),
        // What mode it is in, and whom it is about, are switches of ours, and judged by the core.
        Owner::Program => (policy::problems_besides_switches(&read, group), policy::fingerprint_besides_mode(&read)),
    };
    problems.extend(fitness::problem(&group_read?));
    let accounts = break_glass::under_policy(graph, &read, accounts?).await?;
    let exposed = accounts.iter().filter(|account| account.id.is_some() && !account.excluded).count();
    if exposed > 0 {
        problems.push(format!(
            "the policy does not exclude {exposed} of {} break-glass accounts; exclude them in the policy",
            accounts.len()
        ));
    }
    Ok((Policy { problems, fingerprint, takes: policy::takes(&read) }, accounts, policy::reach(&read)))
}

/// Who switches the policy on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A human.
    Human,
    /// The program, as `manage_policy` says.
    Program,
}
