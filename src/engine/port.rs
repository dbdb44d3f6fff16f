//! The ports: what the engine needs from the world, in its own words. Adapters implement them; only `cli` joins the two.
//!
//! Every error arrives classified. A port never decides, never retries beyond what the tenant asks for, and never logs names.

use std::future::Future;
use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::command::PassOrder;
use super::leave::Leave;
use crate::rollout::event::{Because, By, Event, Record, Slot, Switched, Uses};
use crate::rollout::gate::Answered;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::lists::Theirs;
use crate::rollout::observed::{
    Bounce, Collision, Directory, Evaluation, IdSet, LastSeen, Managed, Observed, PerUser, Person, Registration, Safety, SignIn,
    Target, Toggle, Trouble,
};
use crate::rollout::page::Page;
use crate::rollout::plan::{Enforcement, Gate, People};
use crate::rollout::state::State;
use crate::rollout::switch::{Image, Switch};

/// An answer that takes time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Reading the tenant. Every method is idempotent and changes nothing.
pub trait Tenant: Send + Sync {
    /// Everybody, complete or not at all.
    fn directory(&self) -> Answer<'_, Result<Directory, Trouble>>;

    /// Transitive user members of the one group with this object id or exact display name.
    /// No group, or more than one: `Unusable`.
    fn group_people<'a>(&'a self, group: &'a str) -> Answer<'a, Result<IdSet, Trouble>>;

    /// People whom `$filter` on `/users` returns.
    fn filtered_people<'a>(&'a self, filter: &'a str) -> Answer<'a, Result<IdSet, Trouble>>;

    /// The whole registration report.
    fn registration(&self) -> Answer<'_, Result<Registration, Trouble>>;

    /// Sign-in attempts since `since`, each once, oldest first.
    fn sign_ins(&self, since: Timestamp) -> Answer<'_, Result<Vec<SignIn>, Trouble>>;

    /// When everybody last signed in or tried to, by hand or by a program of theirs; complete or not at all.
    fn last_seen(&self) -> Answer<'_, Result<LastSeen, Trouble>>;

    /// These people as they are now, for the guard; who does not exist is missing.
    fn people_now<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<Person>, Trouble>>;

    /// These people with whom they report to, ascending; who does not exist is missing.
    fn managers<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Managed, Trouble>>;

    /// How far the service's clock is ahead of ours, by its latest answer; none on a paced clock or before any answer.
    fn clock_skew(&self) -> Option<SignedDuration> {
        None
    }

    /// What an operator should look at in time, such as a credential that ends; empty most of the time. Blocks nothing.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The application permissions that the latest token names; none before there is one, and where it cannot be looked into.
    fn permissions(&self) -> Option<Vec<String>> {
        None
    }

    /// Requests that have left so far, of any kind; for reports and benchmarks.
    fn requests(&self) -> u64;
}

/// One way to require MFA of people.
pub trait Enforce: Send + Sync {
    /// Finds what the plan names: exactly one usable match each, or a clear refusal (`Unusable`).
    fn resolve<'a>(&'a self, enforcement: &'a Enforcement) -> Answer<'a, Result<Target, Trouble>>;

    /// Policy, break-glass accounts and whatever the plan switches, as they are now.
    fn safety<'a>(
        &'a self,
        target: Target,
        enforcement: &'a Enforcement,
        break_glass: &'a [PersonRef],
    ) -> Answer<'a, Result<Safety, Trouble>>;

    /// Everybody of whom MFA is required by the target: direct members of a group. Where people must be asked for one by one, those
    /// among `known`.
    fn members<'a>(&'a self, target: Target, known: &'a [ObjectId]) -> Answer<'a, Result<IdSet, Trouble>>;

    /// Own MFA states of these people, ascending by id; those whose state is disabled are left out.
    fn per_user<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<(ObjectId, PerUser)>, Trouble>>;

    /// What else in the tenant requires MFA, or may soon, so that dates would be false; own MFA states are looked at for `people` alone.
    fn collisions<'a>(
        &'a self,
        target: Target,
        enforcement: &'a Enforcement,
        people: &'a [ObjectId],
    ) -> Answer<'a, Result<Vec<Collision>, Trouble>>;

    /// What Microsoft's What-If says about each of these people and the target's policy, in the order asked. One second each, and only
    /// of a target that has a policy.
    fn foresee<'a>(&'a self, target: Target, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<Evaluation>, Trouble>>;

    /// How many of `wanted` batches may be handed to [`Enforce::enforce`] together now, while `under_way` are under way.
    fn room(&self, under_way: usize, wanted: usize) -> Room {
        if under_way == 0 { Room::Now(wanted.min(ENVELOPE)) } else { Room::Later }
    }

    /// Requires MFA of the people of each batch (at most 20 each; as many as [`Enforce::room`] said). One answer per batch, in order.
    ///
    /// Not idempotent on the wire, harmless when repeated. Waits as the tenant asks and re-sends what it throttled; a refused batch
    /// is halved until the bad id stands alone; a lost answer or a 5xx is `unknown` for everybody concerned.
    /// What has not left when `leave` is taken back is given up as not sent, here and in every order below.
    fn enforce<'a>(&'a self, leave: &'a Leave, target: Target, batches: &'a [Vec<ObjectId>]) -> Answer<'a, Vec<BatchOutcome>>;

    /// Requires MFA of these people no longer: each gets back the state of their own that was retired, where there was one, and then
    /// leaves the target. As for `enforce`, nobody is sent twice after a lost answer. One answer per batch, in order; `enforced` are
    /// the people of whom the tenant took the write.
    fn release<'a>(&'a self, leave: &'a Leave, target: Target, batches: &'a [Vec<Leaver>]) -> Answer<'a, Vec<BatchOutcome>>;

    /// Ends these people's own MFA states. `enforced` are the people of whom the tenant took the write.
    fn retire<'a>(&'a self, leave: &'a Leave, people: &'a [ObjectId]) -> Answer<'a, BatchOutcome>;

    /// What the finish would make of the policy, from what it is now. Changes nothing.
    ///
    /// `synchronisation` are the directory's accounts of that kind, which no policy may ask for MFA.
    fn offer<'a>(
        &'a self,
        target: Target,
        people: &'a People,
        synchronisation: &'a [ObjectId],
    ) -> Answer<'a, Result<Offer, Trouble>>;

    /// Throws one switch of the whole tenant; `image` goes with one of a policy's reach. Idempotent; a lost answer is `Unknown`.
    fn switch<'a>(&'a self, leave: &'a Leave, switch: Switch, image: Option<&'a Image>) -> Answer<'a, Switched>;
}

/// What the finish would make of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The policy.
    pub policy: ObjectId,
    /// Its conditions, now and then.
    pub image: Image,
    /// Hash of what it would be, by which an operator agrees to what was shown.
    pub fingerprint: String,
    /// What it lacks to be so, in sentences; empty when it is.
    pub lacks: Vec<String>,
}

/// Somebody who is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// Who.
    pub person: ObjectId,
    /// The state of their own that was retired and must be put back first.
    pub restore: Option<PerUser>,
}

/// How many batches may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// So many, at least one, in one envelope.
    Now(usize),
    /// None before this instant.
    At(Timestamp),
    /// None before something that is under way has ended.
    Later,
}

/// Batches in one envelope before anything is learnt; Microsoft's own service saw 503s above five PATCHes in one envelope.
pub const ENVELOPE: usize = 5;

/// What became of one batch; every person of it is in exactly one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// The tenant took the write.
    pub enforced: Vec<ObjectId>,
    /// Members already, as a read showed.
    pub already: Vec<ObjectId>,
    /// The account does not exist.
    pub gone: Vec<ObjectId>,
    /// The tenant refused; the reason names nobody.
    pub refused: Vec<Because>,
    /// No answer that can be trusted.
    pub unknown: Vec<ObjectId>,
    /// Never sent: the tenant refused to talk before it (credentials, throttled for too long).
    pub not_sent: Vec<Because>,
}

/// A group of notices: the same words and instant, one mail per person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `seq` of the intent; with the person it makes the notice's id.
    pub intent: u64,
    /// The stage's name.
    pub stage: String,
    /// Which notice it is.
    pub slot: Slot,
    /// The instant from which MFA is required.
    pub instant: Timestamp,
    /// The zone (IANA) in which the date is written.
    pub time_zone: String,
    /// How to get help.
    pub helpdesk: String,
    /// Days for which Microsoft lets people without a method put it off, from their next sign-in after the instant.
    pub grace: u8,
    /// Mailboxes that may send.
    pub from: Vec<PersonRef>,
    /// Those that send this group, in turn: the n-th person's mail leaves from the n-th of them, and again from the first. None: all
    /// of `from` that exist.
    pub via: Vec<ObjectId>,
    /// Whether a calendar file comes with each mail.
    pub calendar_file: Toggle,
    /// When they are sent.
    pub at: Timestamp,
    /// To whom.
    pub people: Vec<ObjectId>,
}

/// What became of a group of notices; every person of it is in exactly one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeOutcome {
    /// The mail service took it (202).
    pub accepted: Vec<ObjectId>,
    /// Refused for good: no address, an invalid one; the reason names nobody.
    pub refused: Vec<Because>,
    /// No answer that can be trusted.
    pub unknown: Vec<ObjectId>,
    /// Never sent, or refused for a reason that has nothing to do with the person; may be tried again.
    pub not_sent: Vec<Because>,
}

/// A group of lists for managers: one mail to each. None is a notice to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists {
    /// `seq` of the intent; with the manager it makes the list's id.
    pub intent: u64,
    /// The instant that the people on them were told.
    pub instant: Timestamp,
    /// The plan's zone (IANA), in which the date is written.
    pub time_zone: String,
    /// How to get help.
    pub helpdesk: String,
    /// Mailboxes that may send.
    pub from: Vec<PersonRef>,
    /// Those that send this group, in turn, as for a [`Notice`].
    pub via: Vec<ObjectId>,
    /// Each manager, with their people.
    pub lists: Vec<Theirs>,
}

/// A memo: one mail to each of these operators. It is no notice to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memo {
    /// `seq` of the intent; with the operator it makes the memo's id.
    pub intent: u64,
    /// Mailboxes that may send.
    pub from: Vec<PersonRef>,
    /// Those that send this one, in turn, as for a [`Notice`].
    pub via: Vec<ObjectId>,
    /// To whom: what stands for an address in the plan.
    pub to: Vec<ObjectId>,
    /// What it says.
    pub page: Page,
}

/// Telling people.
pub trait Notify: Send + Sync {
    /// Sends one mail per person. An accepted send is never repeated; an unknown one is not repeated by the port.
    fn send<'a>(&'a self, notice: &'a Notice) -> Answer<'a, NoticeOutcome>;

    /// Sends one mail per manager; the people of the outcome are the managers. Never repeated by the port.
    fn send_lists<'a>(&'a self, lists: &'a Lists) -> Answer<'a, NoticeOutcome>;

    /// Sends one mail per operator; the people of the outcome are the operators. Never repeated by the port.
    fn send_memo<'a>(&'a self, memo: &'a Memo) -> Answer<'a, NoticeOutcome>;

    /// Notices that were accepted and came back since, as far as the mailboxes `from` which they were sent tell.
    fn bounces<'a>(&'a self, _from: &'a [PersonRef], _since: Timestamp) -> Answer<'a, Result<Vec<Bounce>, Trouble>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What an operator should look at in time; blocks nothing.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Asking what a plan names outside the tenant about its gates.
pub trait Gates: Send + Sync {
    /// What answers a gate says now. Changes nothing that matters, and is asked again and again; whatever cannot be read, parsed or
    /// believed is a trouble, never an answer.
    fn ask<'a>(&'a self, gate: &'a Gate) -> Answer<'a, Result<Answered, Trouble>>;
}

/// Helping people who cannot register otherwise.
pub trait Assist: Send + Sync {
    /// Issues a Temporary Access Pass, where the tenant's policy and the app's permissions allow that and the person holds no directory
    /// role. Never sent a second time after a lost answer.
    fn issue<'a>(&'a self, order: &'a PassOrder) -> Answer<'a, Result<Pass, NotIssued>>;
}

/// A Temporary Access Pass. Whoever has it is that person for a while: it is shown once, and kept nowhere.
#[derive(Debug)]
pub struct Pass {
    /// The pass itself.
    pub code: SecretString,
    /// How long it counts.
    pub minutes: u32,
    /// From when on.
    pub from: Timestamp,
    /// How often it may be used.
    pub uses: Uses,
}

/// Why there is no pass. The reasons name nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotIssued {
    /// Policy, permission or tenant do not allow it; which of them, and what to do.
    Refused(String),
    /// It was not sent.
    NotSent(String),
    /// No answer came.
    Unknown,
}

/// The file that pauses, whatever else fails.
pub trait PauseFile: Send + Sync {
    /// Why the rollout is paused by it, if it is.
    fn reason(&self) -> Option<String>;

    /// Makes it. Where only its reason cannot be written, it pauses all the same.
    ///
    /// # Errors
    /// Why it is not there: a sentence that names it.
    fn make(&self, why: &str) -> Result<(), String>;
}

/// A file of which only is known whether it is there.
impl<F: Fn() -> Option<String> + Send + Sync> PauseFile for F {
    fn reason(&self) -> Option<String> {
        self()
    }

    fn make(&self, _why: &str) -> Result<(), String> {
        Err("this run has no pause file".to_owned())
    }
}

/// Keeping records. Only the engine writes.
pub trait Store: Send {
    /// Appends records and returns when they are durable: one write, one sync. After an error nothing may follow.
    fn append(&mut self, at: Timestamp, by: By, actor: &str, events: &[Event]) -> Result<Vec<Record>, StoreError>;

    /// Whether it keeps checkpoints at all; a journal in memory needs none.
    fn keeps_checkpoints(&self) -> bool {
        true
    }

    /// Hands over the state as of the last record; beside the write path, never waited for.
    fn checkpoint(&mut self, state: &State);

    /// Hands over what was read of the tenant, for the next start; beside the write path, never waited for.
    fn keep(&mut self, _state: &State, _observed: &Observed) {}

    /// Replaces the published status in one step.
    fn publish(&mut self, status: &[u8]) -> Result<(), StoreError>;

    /// Hash of the last record.
    fn head(&self) -> String;
}

/// Why records could not be kept. The daemon stops.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left.
    #[error("the state folder's disk is full; free some space and start again")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else.
    #[error("the state could not be written")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
