//! A script: a plan, a tenant, and what happens to both and to the process while the plan is carried out.
//!
//! It does nothing itself; whoever drives the rollout carries the deeds out when their time comes.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::change::Change;
use super::fault::{Effect, Fault};
use super::profile::Profile;
use super::spoken::Spoken;
use crate::rollout::gate::Yes;
use crate::rollout::id::ObjectId;
use crate::rollout::plan::{Amount, Blackout, Cap, Plan, Unregistered};
use crate::rollout::schedule;

/// A rollout and everything that happens to it.
#[derive(Clone, Debug)]
pub struct Script {
    /// The tenant.
    pub profile: Profile,
    /// The plan at the beginning.
    pub plan: Plan,
    /// When the daemon is started for the first time.
    pub begin: Timestamp,
    /// From then on nobody does anything any more.
    pub calm: Timestamp,
    /// When the rollout is judged as a whole.
    pub end: Timestamp,
    /// What happens; in any order.
    pub acts: Vec<Act>,
    /// How the process ends, one life after the other; the last life goes on.
    pub deaths: Vec<Death>,
}

/// Something that happens once.
#[derive(Clone, Debug)]
pub struct Act {
    /// When.
    pub when: When,
    /// What.
    pub deed: Deed,
}

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this instant.
    At(Timestamp),
    /// Just before the tenant answers the n-th question (from 1) about the people of a batch: between decision and wire.
    Guard(u32),
    /// Just before the n-th request (from 1, in this life) that changes the group reaches the tenant: after the guard.
    Write(u32),
    /// Just before the tenant answers the first question about the policy after a stage began to be enforced: the guard's first.
    Started,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Somebody else changes the tenant.
    Tenant(Change),
    /// Requests meet a fault.
    Fault(Fault),
    /// An operator pauses.
    Pause,
    /// An operator ends the pause.
    Unpause {
        /// Whether a stage whose start has passed may still start.
        allow_start: bool,
    },
    /// An operator puts the pause file there.
    PauseFile,
    /// And takes it away.
    NoPauseFile,
    /// An operator edits the plan file and reloads.
    Reload(Edit),
    /// An operator gives a missed stage a new start, so long from then.
    Rebook {
        /// The stage's place.
        stage: usize,
        /// How far ahead.
        ahead: SignedDuration,
    },
    /// An operator excepts somebody.
    Except {
        /// The object id.
        person: ObjectId,
        /// What for; instants that it names lie so far ahead.
        what: Exceptional,
    },
    /// An operator takes that back.
    EndException(ObjectId),
    /// An operator says that a notice to somebody came back.
    Bounced(ObjectId),
    /// The helpdesk hands a letter over that names this instant, and an operator says so.
    Hand {
        /// To whom.
        person: ObjectId,
        /// The instant.
        date: Timestamp,
    },
    /// An operator answers a gate for a stage.
    Confirm {
        /// The stage's place.
        stage: usize,
        /// The gate.
        gate: String,
        /// Yes or no.
        says: Yes,
    },
    /// An operator looks at what a hold rests on, and ends it; a stage whose start has passed may start.
    Clear(String),
    /// The helpdesk counts so many contacts until now.
    Contacts(u32),
    /// An operator says something else.
    Says(Spoken),
    /// Every fault ends.
    EndFaults,
}

/// What somebody is excepted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceptional {
    /// A later date.
    Deferred(SignedDuration),
    /// Nothing is required before an instant.
    Exempt(SignedDuration),
    /// From now on.
    Volunteer,
    /// Away.
    Absent,
}

/// An edit of the plan that is in force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edit {
    /// A stage starts so much later, or earlier.
    Move {
        /// The stage's place.
        stage: usize,
        /// By how much.
        by: SignedDuration,
    },
    /// A blackout begins now.
    Blackout(SignedDuration),
    /// At most so many people an hour.
    Cap(u32),
    /// Every stage waits for the unregistered.
    Wait,
    /// What the helpdesk is called: another revision, and nothing else.
    Reworded,
}

/// How the process ends, and how it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// When it ends.
    pub at: DeathAt,
    /// How long it is down.
    pub down: SignedDuration,
    /// How far the clock is set back meanwhile.
    pub back: SignedDuration,
}

/// When the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeathAt {
    /// At this instant.
    Instant(Timestamp),
    /// Before the n-th write (from 1) of this life reaches the journal.
    BeforeCommit(u64),
    /// Just after it.
    AfterCommit(u64),
    /// Before the n-th request of this life that changes the group reaches the tenant.
    BeforeWrite(u32),
    /// Just after it, before its answer arrives.
    AfterWrite(u32),
    /// The same for mails.
    AfterMail(u32),
}

impl Edit {
    /// The plan with this edit, made at `now`; `None` when the edit makes no sense for it.
    #[must_use]
    pub fn of(self, plan: &Plan, now: Timestamp) -> Option<Plan> {
        let mut plan = plan.clone();
        match self {
            Self::Move { stage, by } => {
                let zone = schedule::zone(&plan.time_zone)?;
                let start = &mut plan.stages.get_mut(stage)?.start;
                start.civil = start.civil.checked_add(by).ok()?;
                start.instant = match schedule::resolve(start.civil, &zone) {
                    Ok(instant) => instant,
                    Err(gap) => {
                        start.civil = gap.after;
                        schedule::resolve(gap.after, &zone).ok()?
                    }
                };
                let starts = plan.stages.iter().map(|stage| stage.start.instant);
                if !starts.is_sorted() {
                    return None;
                }
            }
            Self::Blackout(long) => {
                let to = now.checked_add(long).ok()?;
                plan.calendar.blackouts.push(Blackout { from: now, to, why: "an incident".to_owned() });
            }
            Self::Cap(people) => {
                let per = SignedDuration::from_hours(1);
                plan.limits.caps = vec![Cap { amount: Amount::People(people), per }];
            }
            Self::Reworded => plan.notices.helpdesk.push('0'),
            Self::Wait => plan.stages.iter_mut().for_each(|stage| stage.unregistered = Unregistered::Wait),
        }
        Some(plan)
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(change) => write!(f, "the tenant: {change:?}"),
            Self::Fault(fault) => {
                let effect = if fault.effect == Effect::Instead { "not done" } else { "done all the same" };
                write!(f, "the next {} requests to {} meet {} and are {effect}", fault.times, fault.path, fault.what)
            }
            Self::Pause => f.write_str("an operator pauses"),
            Self::Unpause { allow_start: true } => f.write_str("an operator ends the pause and allows the start"),
            Self::Unpause { allow_start: false } => f.write_str("an operator ends the pause"),
            Self::PauseFile => f.write_str("the pause file is put there"),
            Self::NoPauseFile => f.write_str("the pause file is taken away"),
            Self::Reload(Edit::Move { stage, by }) => {
                let later = if by.is_negative() { "earlier" } else { "later" };
                write!(f, "the plan file: stage {} starts {:#} {later}", stage + 1, by.abs())
            }
            Self::Reload(Edit::Blackout(long)) => write!(f, "the plan file: a blackout of {long:#} begins"),
            Self::Reload(Edit::Cap(people)) => write!(f, "the plan file: at most {people} people an hour"),
            Self::Reload(Edit::Wait) => f.write_str("the plan file: every stage waits for the unregistered"),
            Self::Reload(Edit::Reworded) => f.write_str("the plan file: the helpdesk has another number"),
            Self::Says(spoken) => spoken.fmt(f),
            Self::Rebook { stage, ahead } => write!(f, "an operator rebooks stage {} for {ahead:#} later", stage + 1),
            Self::Except { what: Exceptional::Deferred(ahead), .. } => write!(f, "an operator defers somebody by {ahead:#}"),
            Self::Except { what: Exceptional::Exempt(ahead), .. } => write!(f, "an operator exempts somebody for {ahead:#}"),
            Self::Except { what: Exceptional::Volunteer, .. } => f.write_str("somebody volunteers"),
            Self::Except { what: Exceptional::Absent, .. } => f.write_str("an operator says that somebody is away"),
            Self::EndException(_) => f.write_str("an operator takes an exception back"),
            Self::Bounced(_) => f.write_str("an operator says that a notice came back"),
            Self::Hand { date, .. } => write!(f, "the helpdesk hands over a letter that names {date}"),
            Self::Confirm { gate, says: Yes::Yes, .. } => write!(f, "an operator answers gate {gate} with yes"),
            Self::Confirm { gate, says: Yes::No, .. } => write!(f, "an operator answers gate {gate} with no"),
            Self::Clear(hold) => write!(f, "an operator ends hold {hold} and allows the start"),
            Self::Contacts(count) => write!(f, "the helpdesk counts {count} contacts"),
            Self::EndFaults => f.write_str("every fault ends"),
        }
    }
}
