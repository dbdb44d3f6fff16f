//! Microsoft Graph: how the tenant is read and, through typed mutations only, changed.
//!
//! In reading order: [`wire`] (one exchange), [`endpoints`] (roots and allow-list), `token` (by `proof`, with [`certificate`], `identity`,
//! `login` and [`expiry`]), `request` (what may be asked and changed), `transport` (the one place with the token), `answer` (what an
//! answer means), [`wait`] and [`throttle`] (patience), `page`, `delta`, `batch` and `write`, then one file per capability, those of
//! the preflight in `look`. Invariants: nothing is deleted; no name leaves but through [`names::Names`]; a collection is complete or an
//! error.

pub mod certificate;
pub mod endpoints;
pub mod expiry;
pub mod names;
pub mod throttle;
pub mod token;
pub mod wait;
pub mod wire;

pub(crate) mod answer;
mod assertion;
mod batch;
pub(crate) mod creation;
mod crowd;
mod delta;
mod followed;
pub(crate) mod groups;
mod held;
mod identity;
mod login;
mod look;
mod managers;
mod one_person;
pub mod own_methods;
mod pace;
mod page;
mod pass;
mod people;
mod policies;
mod proof;
mod registration;
mod reports;
pub(crate) mod request;
pub(crate) mod roles;
mod row;
mod sign_ins;
mod switches;
mod transport;
pub(crate) mod write;

#[cfg(test)]
mod leave_tests;
#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod switch_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod token_tests;

use std::sync::{Arc, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::creation::NotMade;
use self::endpoints::Endpoints;
use self::followed::Followed;
use self::groups::{Depth, Group};
use self::names::Names;
pub use self::one_person::{Attempt, Registered};
use self::own_methods::Counting;
pub use self::pace::Quota;
use self::request::Mutation;
use self::throttle::Gates;
use self::token::Credentials;
use self::transport::Transport;
use self::wire::Wire;
use self::write::Carried;
use crate::clock::Clock;
use crate::engine::leave::Leave;
use crate::engine::port::{Answer, Room, Tenant};
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{
    Directory, IdSet, LastSeen, Managed, PerUser, Person, Readiness, Registration, Roll, SignIn, Toggle, Trouble,
};

/// One tenant. Clones share token, gates and names.
#[derive(Clone)]
pub struct Graph {
    transport: Arc<Transport>,
    names: Arc<Names>,
    key: Arc<str>,
    /// One reading of the directory at a time.
    followed: Arc<tokio::sync::Mutex<Followed>>,
    /// Set where there is no registration report.
    own_methods: Arc<OnceLock<Counting>>,
    /// Under which mutations leave.
    leave: Leave,
}

impl Graph {
    /// The tenant at `endpoints`, reached over `wire`. `plan_tenant` is the plan's `tenant.id`, the key of every hash of a name.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, clock: Clock, endpoints: Endpoints, credentials: Credentials, plan_tenant: &str) -> Self {
        let gates = Gates::new(clock.clone());
        Self::gated(wire, clock, endpoints, credentials, plan_tenant, gates)
    }

    /// The same, paced by other gates.
    #[must_use]
    pub fn gated(
        wire: Arc<dyn Wire>,
        clock: Clock,
        endpoints: Endpoints,
        credentials: Credentials,
        plan_tenant: &str,
        gates: Gates,
    ) -> Self {
        let transport = Arc::new(Transport::new(wire, clock, endpoints, credentials, gates));
        let key = plan_tenant.into();
        Self {
            transport,
            names: Arc::default(),
            key,
            followed: Arc::default(),
            own_methods: Arc::default(),
            leave: Leave::default(),
        }
    }

    /// From now on readiness is read from each person's own methods, for want of a report. The first call counts.
    pub fn without_report(&self, counting: Counting) {
        let _ = self.own_methods.set(counting);
    }

    /// The same tenant, of whose people some are known already. Their places in readings stay what they are.
    #[must_use]
    pub fn knowing(self, roll: Arc<Roll>) -> Self {
        Self { names: Arc::new(Names::new(roll)), followed: Arc::default(), ..self }
    }

    /// These people as a set over the roll that readings share: only so are they kept over a restart.
    #[must_use]
    pub fn id_set(&self, ids: impl IntoIterator<Item = ObjectId>) -> IdSet {
        let mut set = IdSet::new(Arc::clone(self.names.roll()));
        set.extend(ids);
        set
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

    /// From now on the client secret is known to expire then.
    pub fn secret_expires(&self, at: Option<Timestamp>) {
        self.transport.tokens.secret_expires(at);
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
        let known = self.names.id(person);
        if known.is_none() && !self.names.are_listed() {
            people::all(&self.transport, &self.names, &self.key).await?;
            return Ok(self.names.id(person));
        }
        Ok(known)
    }

    /// The one group with this object id or exact display name.
    pub(crate) async fn find_group(&self, text: &str) -> Result<Group, Trouble> {
        groups::find(&self.transport, text).await
    }

    /// The groups with this exact display name, and how many have one that differs in upper and lower case only.
    pub(crate) async fn groups_named(&self, text: &str) -> Result<(Vec<Group>, usize), Trouble> {
        groups::named(&self.transport, text).await
    }

    /// The group with the id.
    pub(crate) async fn group(&self, id: ObjectId) -> Result<Group, Trouble> {
        groups::by_id(&self.transport, id).await
    }

    /// The users in a group.
    pub(crate) async fn members(&self, group: ObjectId, depth: Depth) -> Result<IdSet, Trouble> {
        groups::members(&self.transport, self.names.roll(), group, depth).await
    }

    /// The one Conditional Access policy with this object id or exact display name.
    pub(crate) async fn find_policy(&self, text: &str) -> Result<ObjectId, Trouble> {
        policies::find(&self.transport, text).await
    }

    /// The Conditional Access policy with the id, as the tenant wrote it.
    pub(crate) async fn policy(&self, id: ObjectId) -> Result<Value, Trouble> {
        policies::by_id(&self.transport, id).await
    }

    /// Every Conditional Access policy, as the tenant wrote it.
    pub(crate) async fn policies(&self) -> Result<Vec<Value>, Trouble> {
        switches::policies(&self.transport).await
    }

    /// Whether security defaults are on.
    pub(crate) async fn security_defaults(&self) -> Result<Toggle, Trouble> {
        switches::security_defaults(&self.transport).await
    }

    /// These people's states of per-user MFA, in the order asked; a state that is not known is `None`, and who does not exist is
    /// missing.
    pub(crate) async fn per_user(&self, people: &[ObjectId]) -> Result<Vec<(ObjectId, Option<PerUser>)>, Trouble> {
        switches::per_user(&self.transport, people).await
    }

    /// Whether a person has registered a method that security defaults take: Microsoft's app, or codes of another one.
    pub(crate) async fn passes_mfa(&self, person: ObjectId) -> Result<bool, Trouble> {
        let read = own_methods::registration(&self.transport, self.names.roll(), &[person], Counting::SecurityDefaults).await?;
        Ok(read.of(person) == Readiness::Capable)
    }

    /// The authentication strengths, as the tenant wrote them.
    pub async fn strengths(&self) -> Result<Vec<Value>, Trouble> {
        switches::strengths(&self.transport).await
    }

    /// Every policy, as the tenant wrote it, with whether it would apply to a person who signs in to the app with the client id
    /// (`policyApplies`; one in report-only mode applies, too), and why not (`analysisReasons`).
    pub async fn what_if(&self, person: ObjectId, app: ObjectId) -> Result<Vec<Value>, Trouble> {
        switches::what_if(&self.transport, person, app).await
    }

    /// Makes a group or a policy, and gives back its id.
    pub(crate) async fn make(&self, mutation: &Mutation) -> Result<ObjectId, NotMade> {
        creation::make(&self.transport, mutation).await
    }

    /// These people as they are now, ascending; who does not exist is missing.
    pub(crate) async fn people(&self, people: &[ObjectId]) -> Result<Vec<Person>, Trouble> {
        people::now(&self.transport, self.names.roll(), &self.key, people).await
    }

    /// Reads the names of these people into [`Graph::names`].
    pub(crate) async fn read_names(&self, people: &[ObjectId]) -> Result<(), Trouble> {
        people::named(&self.transport, &self.names, &self.key, people).await.map(drop)
    }

    /// Carries out mutations, as many of one kind as possible in one envelope. One result per mutation, in order.
    pub(crate) async fn carry_out(&self, mutations: &[Mutation]) -> Vec<Carried> {
        let mut results = Vec::with_capacity(mutations.len());
        let of_one_kind = mutations.chunk_by(|a, b| std::mem::discriminant(a) == std::mem::discriminant(b));
        for part in of_one_kind.flat_map(|kind| kind.chunks(batch::MEMBERS)) {
            results.extend(write::carry_out(&self.transport, &self.leave, part).await);
        }
        results
    }

    /// How many of `wanted` writes with so many links each may leave in one envelope, while `under_way` are under way.
    pub(crate) fn room(&self, under_way: usize, wanted: usize, links: usize) -> Room {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let crowd = self.transport.crowd.lock().unwrap_or_else(PoisonError::into_inner).room(number(under_way), number(wanted));
        let Some(wanted) = crowd else { return Room::Later };
        let (writes, at) = self.transport.gates.room(wanted, number(links));
        if at > self.clock().now() { Room::At(at) } else { Room::Now(writes as usize) }
    }

    /// Most writes in one envelope, as far as it was learnt.
    pub(crate) fn width(&self) -> usize {
        let crowd = self.transport.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        crowd.room(0, u32::MAX).map_or(1, |width| width as usize)
    }

    /// The same tenant, whose mutations leave only as long as `leave` holds.
    pub(crate) fn under(&self, leave: &Leave) -> Self {
        Self { leave: leave.clone(), ..self.clone() }
    }

    async fn everybody(&self) -> Result<Directory, Trouble> {
        let mut directory = self.followed.lock().await.directory(&self.transport, &self.names, &self.key).await?;
        directory.sync_accounts = roles::sync_accounts(&self.transport, self.names.roll()).await?;
        Ok(directory)
    }

    async fn readiness(&self) -> Result<Registration, Trouble> {
        let roll = self.names.roll();
        let Some(counting) = self.own_methods.get() else { return registration::report(&self.transport, roll).await };
        let everybody = people::all(&self.transport, &self.names, &self.key).await?;
        let people: Vec<_> = everybody.iter().filter(|person| person.enabled != Some(false)).map(|person| person.id).collect();
        own_methods::registration(&self.transport, roll, &people, *counting).await
    }

    async fn people_of(&self, group: &str) -> Result<IdSet, Trouble> {
        let group = self.find_group(group).await?;
        self.members(group.id, Depth::Transitive).await
    }
}

impl Tenant for Graph {
    fn directory(&self) -> Answer<'_, Result<Directory, Trouble>> {
        Box::pin(self.everybody())
    }

    fn group_people<'a>(&'a self, group: &'a str) -> Answer<'a, Result<IdSet, Trouble>> {
        Box::pin(self.people_of(group))
    }

    fn filtered_people<'a>(&'a self, filter: &'a str) -> Answer<'a, Result<IdSet, Trouble>> {
        Box::pin(people::matching(&self.transport, self.names.roll(), filter))
    }

    fn registration(&self) -> Answer<'_, Result<Registration, Trouble>> {
        Box::pin(self.readiness())
    }

    fn sign_ins(&self, since: Timestamp) -> Answer<'_, Result<Vec<SignIn>, Trouble>> {
        Box::pin(sign_ins::since(&self.transport, since))
    }

    fn last_seen(&self) -> Answer<'_, Result<LastSeen, Trouble>> {
        Box::pin(look::last_seen(&self.transport))
    }

    fn people_now<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<Person>, Trouble>> {
        Box::pin(self.people(people))
    }

    fn managers<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Managed, Trouble>> {
        Box::pin(self.managers_of(people))
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        self.transport.clock_skew()
    }

    fn warnings(&self) -> Vec<String> {
        self.transport.tokens.warning().into_iter().collect()
    }

    fn permissions(&self) -> Option<Vec<String>> {
        self.transport.named()
    }

    fn requests(&self) -> u64 {
        self.transport.sent()
    }
}
