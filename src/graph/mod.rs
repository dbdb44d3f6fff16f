//! Microsoft Graph: how the tenant is read and, through typed mutations only, changed.
//!
//! In reading order: [`wire`] (one exchange), [`endpoints`] (roots and allow-list), `token`, `request` (what may be asked and changed),
//! `transport` (the one place with the token), `answer` (what an answer means), [`wait`] and [`throttle`] (patience), `page`, `batch`
//! and `write`, then one file per capability, those of the preflight in `look`. Invariants: nothing is deleted; no name leaves but through [`names::Names`]; a collection
//! is complete or an error.

pub mod endpoints;
pub mod names;
pub mod throttle;
pub mod token;
pub mod wait;
pub mod wire;

pub(crate) mod answer;
mod assertion;
mod batch;
pub(crate) mod groups;
mod login;
mod look;
pub mod own_methods;
mod page;
mod people;
mod policies;
mod registration;
pub(crate) mod request;
mod roles;
mod row;
mod sign_ins;
mod transport;
pub(crate) mod write;

#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::endpoints::Endpoints;
use self::groups::{Depth, Group};
use self::names::Names;
use self::own_methods::Counting;
use self::request::Mutation;
use self::token::Credentials;
use self::transport::Transport;
use self::wire::Wire;
use self::write::Carried;
use crate::clock::Clock;
use crate::engine::port::{Answer, Tenant};
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{Directory, Person, Registration, SignIn, Trouble};

/// One tenant. Clones share token, gates and names.
#[derive(Clone)]
pub struct Graph {
    transport: Arc<Transport>,
    names: Arc<Names>,
    key: Arc<str>,
    /// Set where there is no registration report.
    own_methods: Arc<OnceLock<Counting>>,
}

impl Graph {
    /// The tenant at `endpoints`, reached over `wire`. `plan_tenant` is the plan's `tenant.id`, the key of every hash of a name.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, clock: Clock, endpoints: Endpoints, credentials: Credentials, plan_tenant: &str) -> Self {
        let transport = Arc::new(Transport::new(wire, clock, endpoints, credentials));
        Self { transport, names: Arc::default(), key: plan_tenant.into(), own_methods: Arc::default() }
    }

    /// From now on readiness is read from each person's own methods, for want of a report. The first call counts.
    pub fn without_report(&self, counting: Counting) {
        let _ = self.own_methods.set(counting);
    }

    /// Names and addresses, as far as the directory has been read.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The application permissions that the app's token names; none when there is no token, or one that cannot be looked into.
    pub async fn granted(&self) -> Option<Vec<String>> {
        self.transport.granted().await
    }

    /// The plan's `tenant.id`.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.transport.clock
    }

    /// The object id of a person that the plan names; reads the directory when no name is known yet.
    pub(crate) async fn person_id(&self, person: PersonRef) -> Result<Option<ObjectId>, Trouble> {
        if matches!(person, PersonRef::Name(_)) && self.names.is_empty() {
            people::all(&self.transport, &self.names, &self.key).await?;
        }
        Ok(self.names.id(person))
    }

    /// The one group with this object id or exact display name.
    pub(crate) async fn find_group(&self, text: &str) -> Result<Group, Trouble> {
        groups::find(&self.transport, text).await
    }

    /// The group with the id.
    pub(crate) async fn group(&self, id: ObjectId) -> Result<Group, Trouble> {
        groups::by_id(&self.transport, id).await
    }

    /// The users in a group, ascending.
    pub(crate) async fn members(&self, group: ObjectId, depth: Depth) -> Result<Vec<ObjectId>, Trouble> {
        groups::members(&self.transport, group, depth).await
    }

    /// The one Conditional Access policy with this object id or exact display name.
    pub(crate) async fn find_policy(&self, text: &str) -> Result<ObjectId, Trouble> {
        policies::find(&self.transport, text).await
    }

    /// The Conditional Access policy with the id, as the tenant wrote it.
    pub(crate) async fn policy(&self, id: ObjectId) -> Result<Value, Trouble> {
        policies::by_id(&self.transport, id).await
    }

    /// These people as they are now, ascending; who does not exist is missing.
    pub(crate) async fn people(&self, people: &[ObjectId]) -> Result<Vec<Person>, Trouble> {
        people::now(&self.transport, &self.names, &self.key, people).await
    }

    /// Carries out mutations of one kind, in one envelope. One result per mutation, in order.
    pub(crate) async fn carry_out(&self, mutations: &[Mutation]) -> Vec<Carried> {
        let mut results = Vec::with_capacity(mutations.len());
        for part in mutations.chunks(batch::MEMBERS) {
            results.extend(write::carry_out(&self.transport, part).await);
        }
        results
    }

    async fn everybody(&self) -> Result<Directory, Trouble> {
        let (people, unreadable) = people::all(&self.transport, &self.names, &self.key).await?;
        let sync_accounts = roles::sync_accounts(&self.transport).await?;
        Ok(Directory { people, unreadable, sync_accounts })
    }

    async fn readiness(&self) -> Result<Registration, Trouble> {
        let Some(counting) = self.own_methods.get() else { return registration::report(&self.transport).await };
        let (people, _) = people::all(&self.transport, &self.names, &self.key).await?;
        let people: Vec<_> = people.iter().filter(|person| person.enabled != Some(false)).map(|person| person.id).collect();
        own_methods::registration(&self.transport, &people, *counting).await
    }

    async fn people_of(&self, group: &str) -> Result<Vec<ObjectId>, Trouble> {
        let group = self.find_group(group).await?;
        self.members(group.id, Depth::Transitive).await
    }
}

impl Tenant for Graph {
    fn directory(&self) -> Answer<'_, Result<Directory, Trouble>> {
        Box::pin(self.everybody())
    }

    fn group_people<'a>(&'a self, group: &'a str) -> Answer<'a, Result<Vec<ObjectId>, Trouble>> {
        Box::pin(self.people_of(group))
    }

    fn filtered_people<'a>(&'a self, filter: &'a str) -> Answer<'a, Result<Vec<ObjectId>, Trouble>> {
        Box::pin(people::matching(&self.transport, filter))
    }

    fn registration(&self) -> Answer<'_, Result<Registration, Trouble>> {
        Box::pin(self.readiness())
    }

    fn sign_ins(&self, since: Timestamp) -> Answer<'_, Result<Vec<SignIn>, Trouble>> {
        Box::pin(sign_ins::since(&self.transport, since))
    }

    fn people_now<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<Person>, Trouble>> {
        Box::pin(self.people(people))
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        self.transport.clock_skew()
    }

    fn permissions(&self) -> Option<Vec<String>> {
        self.transport.named()
    }

    fn requests(&self) -> u64 {
        self.transport.sent()
    }
}
