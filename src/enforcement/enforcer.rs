//! The enforcement as the engine knows it: whichever way the plan names, over Graph.
//!
//! Decides nothing. Invariant: what is asked of one way is never carried out by another.

use super::conditional_access::Owner;
use super::switching::{self, Turned};
use super::{adding, break_glass, colliding, conditional_access, foreseeing, offering, per_user, releasing};
use crate::engine::leave::Leave;
use crate::engine::port::{Answer, BatchOutcome, Enforce, Leaver, Offer, Room};
use crate::graph::Graph;
use crate::graph::groups::Depth;
use crate::graph::request::BIND;
use crate::rollout::event::Switched;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{Collision, Evaluation, IdSet, PerUser, Policy, Safety, Takes, Target, Toggle, Trouble, Way};
use crate::rollout::plan::{Enforcement, People};
use crate::rollout::switch::{Image, Switch};

/// Requires MFA of people, and requires it no longer.
pub struct Enforcer {
    graph: Graph,
}

impl Enforcer {
    /// Over this tenant.
    #[must_use]
    pub const fn new(graph: Graph) -> Self {
        Self { graph }
    }

    async fn find(&self, enforcement: &Enforcement) -> Result<Target, Trouble> {
        for policy in switching::named(enforcement) {
            self.graph.find_policy(policy).await?;
        }
        match enforcement {
            Enforcement::ConditionalAccess { group, policy, .. } => conditional_access::find(&self.graph, group, policy).await,
            Enforcement::PerUser { retire_to: Some(to) } => conditional_access::find(&self.graph, &to.group, &to.policy).await,
            Enforcement::PerUser { retire_to: None } => Ok(Target::Plain { way: Way::PerUser }),
            Enforcement::SecurityDefaults { .. } => Ok(Target::Plain { way: Way::Tenant }),
        }
    }

    async fn read_safety(&self, target: Target, enforcement: &Enforcement, references: &[PersonRef]) -> Result<Safety, Trouble> {
        let Turned { modes, defaults } = switching::read(&self.graph, target, enforcement).await?;
        match target {
            Target::Group { group, policy } => {
                let owner = if modes.is_empty() { Owner::Human } else { Owner::Program };
                let (policy, break_glass, reach) =
                    conditional_access::read(&self.graph, group, policy, owner, references).await?;
                let reach = (owner == Owner::Program).then_some(reach);
                Ok(Safety { policy, break_glass, modes, defaults, reach })
            }
            Target::Plain { way } => {
                let accounts = break_glass::without_policy(&self.graph, way, references).await?;
                let policy = Policy { problems: Vec::new(), fingerprint: "no policy".to_owned(), takes: Takes::AnyMethod };
                Ok(Safety { policy, break_glass: accounts, modes, defaults, reach: None })
            }
        }
    }

    async fn read_members(&self, target: Target, known: &[ObjectId]) -> Result<IdSet, Trouble> {
        match target {
            Target::Group { group, .. } => self.graph.members(group, Depth::Direct).await,
            Target::Plain { way: Way::Tenant } => Ok(match self.graph.security_defaults().await? {
                Toggle::On => self.graph.id_set(known.iter().copied()),
                Toggle::Off => self.graph.id_set([]),
            }),
            Target::Plain { .. } => {
                let standing = per_user::standing(&self.graph, known).await?;
                Ok(self.graph.id_set(standing.into_iter().map(|(id, _)| id)))
            }
        }
    }

    async fn add(&self, leave: &Leave, target: Target, batches: &[Vec<ObjectId>]) -> Vec<BatchOutcome> {
        let graph = self.graph.under(leave);
        match target {
            Target::Group { group, .. } => adding::add(&graph, group, batches).await,
            Target::Plain { way: Way::PerUser } => {
                let mut outcomes = Vec::with_capacity(batches.len());
                for batch in batches {
                    outcomes.push(per_user::enable(&graph, batch).await);
                }
                outcomes
            }
            // The whole tenant is switched at once; nobody is enforced alone.
            Target::Plain { .. } => {
                let why = "security defaults are switched for everybody at once".to_owned();
                batches.iter().map(|batch| releasing::not_sent(&why, batch.clone())).collect()
            }
        }
    }
}

impl Enforce for Enforcer {
    fn resolve<'a>(&'a self, enforcement: &'a Enforcement) -> Answer<'a, Result<Target, Trouble>> {
        Box::pin(self.find(enforcement))
    }

    fn safety<'a>(
        &'a self,
        target: Target,
        enforcement: &'a Enforcement,
        break_glass: &'a [PersonRef],
    ) -> Answer<'a, Result<Safety, Trouble>> {
        Box::pin(self.read_safety(target, enforcement, break_glass))
    }

    fn members<'a>(&'a self, target: Target, known: &'a [ObjectId]) -> Answer<'a, Result<IdSet, Trouble>> {
        Box::pin(self.read_members(target, known))
    }

    fn per_user<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<(ObjectId, PerUser)>, Trouble>> {
        Box::pin(per_user::standing(&self.graph, people))
    }

    fn collisions<'a>(
        &'a self,
        target: Target,
        enforcement: &'a Enforcement,
        people: &'a [ObjectId],
    ) -> Answer<'a, Result<Vec<Collision>, Trouble>> {
        Box::pin(colliding::read(&self.graph, target, enforcement, people))
    }

    fn foresee<'a>(&'a self, target: Target, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<Evaluation>, Trouble>> {
        Box::pin(foreseeing::read(&self.graph, target, people))
    }

    fn room(&self, under_way: usize, wanted: usize) -> Room {
        self.graph.room(under_way, wanted, BIND)
    }

    fn enforce<'a>(&'a self, leave: &'a Leave, target: Target, batches: &'a [Vec<ObjectId>]) -> Answer<'a, Vec<BatchOutcome>> {
        Box::pin(self.add(leave, target, batches))
    }

    fn release<'a>(&'a self, leave: &'a Leave, target: Target, batches: &'a [Vec<Leaver>]) -> Answer<'a, Vec<BatchOutcome>> {
        Box::pin(async move { releasing::release(&self.graph.under(leave), target, batches).await })
    }

    fn retire<'a>(&'a self, leave: &'a Leave, people: &'a [ObjectId]) -> Answer<'a, BatchOutcome> {
        Box::pin(async move { per_user::disable(&self.graph.under(leave), people).await })
    }

    fn offer<'a>(
        &'a self,
        target: Target,
        people: &'a People,
        synchronisation: &'a [ObjectId],
    ) -> Answer<'a, Result<Offer, Trouble>> {
        Box::pin(offering::offer(&self.graph, target, people, synchronisation))
    }

    fn switch<'a>(&'a self, leave: &'a Leave, switch: Switch, image: Option<&'a Image>) -> Answer<'a, Switched> {
        Box::pin(async move { switching::throw(&self.graph.under(leave), switch, image).await })
    }
}
