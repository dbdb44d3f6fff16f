//! MFA by membership: people are put into the group that a Conditional Access policy includes.
//!
//! Does not create, change or switch on policies: a human owns them. Invariant: the policy and the break-glass accounts are judged
//! from what the tenant says now, never from what it said before.

use super::{adding, fitness, policy};
use crate::engine::port::{Answer, BatchOutcome, Enforce, Room};
use crate::graph::Graph;
use crate::graph::groups::Depth;
use crate::graph::request::BIND;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{BreakGlass, IdSet, Policy, Safety, Target, Trouble, TroubleKind};
use crate::rollout::plan::Enforcement;

/// Enforcement by Conditional Access.
pub struct ConditionalAccess {
    graph: Graph,
}

impl ConditionalAccess {
    /// Over this tenant.
    #[must_use]
    pub const fn new(graph: Graph) -> Self {
        Self { graph }
    }

    async fn find(&self, enforcement: &Enforcement) -> Result<Target, Trouble> {
        let Enforcement::ConditionalAccess { group, policy, .. } = enforcement else {
            let why = "this version enforces by conditional-access only; set enforcement.kind to it".to_owned();
            return Err(Trouble { kind: TroubleKind::Unusable, why });
        };
        let group = self.graph.find_group(group).await?;
        if let Some(why) = fitness::problem(&group) {
            return Err(Trouble { kind: TroubleKind::Unusable, why });
        }
        let policy = self.graph.find_policy(policy).await?;
        Ok(Target { group: group.id, policy })
    }

    async fn read_safety(&self, target: Target, break_glass: &[PersonRef]) -> Result<Safety, Trouble> {
        let read = self.graph.policy(target.policy).await?;
        let group = self.graph.group(target.group).await?;
        let mut problems = policy::problems(&read, target.group);
        problems.extend(fitness::problem(&group));
        let break_glass = self.read_break_glass(&read, break_glass).await?;
        let exposed = break_glass.iter().filter(|account| account.id.is_some() && !account.excluded).count();
        if exposed > 0 {
            problems.push(format!(
                "the policy does not exclude {exposed} of {} break-glass accounts; exclude them in the policy",
                break_glass.len()
            ));
        }
        Ok(Safety { policy: Policy { problems, fingerprint: policy::fingerprint(&read) }, break_glass })
    }

    async fn read_break_glass(&self, read: &serde_json::Value, references: &[PersonRef]) -> Result<Vec<BreakGlass>, Trouble> {
        let mut ids = Vec::with_capacity(references.len());
        for reference in references {
            ids.push(self.graph.person_id(*reference).await?);
        }
        let known: Vec<ObjectId> = ids.iter().flatten().copied().collect();
        let people = self.graph.people(&known).await?;
        let mut excluded = policy::excluded_users(read);
        // Excluded groups are read only when somebody is not excluded by name.
        if people.iter().any(|person| !excluded.contains(&person.id)) {
            for group in policy::excluded_groups(read) {
                match self.graph.members(group, Depth::Transitive).await {
                    Ok(members) => excluded.extend(members.iter()),
                    // Deleted groups leave their ids behind in policies; they exclude nobody.
                    Err(trouble) if trouble.kind == TroubleKind::Unusable => {}
                    Err(trouble) => return Err(trouble),
                }
            }
        }
        let accounts = references.iter().zip(ids).map(|(reference, id)| {
            let person = people.iter().find(|person| Some(person.id) == id);
            BreakGlass {
                reference: *reference,
                id: person.map(|person| person.id),
                enabled: person.is_some_and(|person| person.enabled == Some(true)),
                excluded: person.is_some_and(|person| excluded.contains(&person.id)),
            }
        });
        Ok(accounts.collect())
    }
}

impl Enforce for ConditionalAccess {
    fn resolve<'a>(&'a self, enforcement: &'a Enforcement) -> Answer<'a, Result<Target, Trouble>> {
        Box::pin(self.find(enforcement))
    }

    fn safety<'a>(&'a self, target: Target, break_glass: &'a [PersonRef]) -> Answer<'a, Result<Safety, Trouble>> {
        Box::pin(self.read_safety(target, break_glass))
    }

    fn members(&self, target: Target) -> Answer<'_, Result<IdSet, Trouble>> {
        Box::pin(self.graph.members(target.group, Depth::Direct))
    }

    fn room(&self, under_way: usize, wanted: usize) -> Room {
        self.graph.room(under_way, wanted, BIND)
    }

    fn let_go(&self) {
        self.graph.let_go();
    }

    fn enforce<'a>(&'a self, target: Target, batches: &'a [Vec<ObjectId>]) -> Answer<'a, Vec<BatchOutcome>> {
        Box::pin(adding::add(&self.graph, target.group, batches))
    }
}
