//! Conditions: every rule about what may be done to whom, in one table per kind of mutation (DESIGN §6).
//!
//! `decide` asks the table to plan, the guard asks it again before the wire. Every condition fails towards holding:
//! what is missing, unread or too old refuses.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use super::event::Slot;
use super::id::ObjectId;
use super::limit::allowance;
use super::observed::{Observed, Person, Readiness};
use super::person::Home;
use super::plan::{Plan, Unregistered};
use super::schedule;
use super::select::{group_people, protection};
use super::state::{PAUSED, State};
use super::switch;
use super::told::told_too_late;
use super::{approval, exception, finish};

/// The facts read right before the wire must not be older than this (DESIGN §6).
pub const GUARD_MAX_AGE: SignedDuration = SignedDuration::from_mins(10);

/// How far our clock may run behind the last record before it is not trusted.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(2);

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The decision was made under the plan revision that is in force.
    Revision,
    /// That revision is approved, where approvals are asked for, and nobody rejected it.
    Approval,
    /// The clock is trusted.
    Clock,
    /// No hold is in force on the rollout, the stage or the person.
    Hold,
    /// The policy requires MFA of the group, freshly read.
    Policy,
    /// At least two break-glass accounts resolve, are enabled and are excluded from the policy, freshly read.
    BreakGlass,
    /// The start has come, a window is open, no blackout is on.
    Calendar,
    /// No cap is reached.
    Limit,
    /// The person was told the date in force, and it has come.
    Promise,
    /// The notice came early enough.
    Floor,
    /// Nothing protects the person, as freshly read.
    Protection,
    /// The person could pass MFA, or was told and the stage enforces all the same.
    Readiness,
}

/// What enforcing asks.
pub const ENFORCE: &[Condition] = &[
    Condition::Revision,
    Condition::Approval,
    Condition::Clock,
    Condition::Hold,
    Condition::Policy,
    Condition::BreakGlass,
    Condition::Calendar,
    Condition::Limit,
    Condition::Promise,
    Condition::Floor,
    Condition::Protection,
    Condition::Readiness,
];

/// What a switch of the whole tenant asks, as a batch would: the first of a sequence, and the finish.
pub const SWITCH: &[Condition] = &[
    Condition::Revision,
    Condition::Approval,
    Condition::Clock,
    Condition::Policy,
    Condition::BreakGlass,
    Condition::Hold,
    Condition::Calendar,
];

/// What a notice asks. Holds never stop notices.
pub const NOTICE: &[Condition] = &[Condition::Revision, Condition::Approval, Condition::Clock, Condition::Protection];

/// What a notice asks that takes a date back: it is owed under a plan that nobody approved, too.
pub const TAKEN_BACK: &[Condition] = &[Condition::Revision, Condition::Clock, Condition::Protection];

/// Which conditions are in force: all of them, but for a test that proves that the oracle would notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    off: Option<Condition>,
}

impl Conditions {
    /// All conditions.
    #[must_use]
    pub const fn all() -> Self {
        Self { off: None }
    }

    /// All but one. Only for proofs that the oracle notices; nothing that runs a real rollout calls this.
    #[doc(hidden)]
    #[must_use]
    pub const fn without(condition: Condition) -> Self {
        Self { off: Some(condition) }
    }

    /// Whether a condition is in force.
    #[must_use]
    pub fn has(self, condition: Condition) -> bool {
        self.off != Some(condition)
    }
}

/// The ground that a decision, or the guard, stands on.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The plan in force.
    pub plan: &'a Plan,
    /// What the journal says.
    pub state: &'a State,
    /// What was read.
    pub observed: &'a Observed,
    /// Now.
    pub now: Timestamp,
    /// The revision under which the decision was made.
    pub revision: &'a str,
    /// When this process began; nothing older counts as observed.
    pub booted: Timestamp,
    /// How old policy and break-glass facts may be.
    pub fresh_within: SignedDuration,
    /// Which conditions are in force.
    pub conditions: Conditions,
}

/// Why something may not be done.
pub type Refusal = Cow<'static, str>;

impl Ground<'_> {
    /// Why a condition on the rollout as a whole refuses; `None` for conditions on stages and people.
    #[must_use]
    pub fn refuses_rollout(&self, condition: Condition) -> Option<Refusal> {
        if !self.conditions.has(condition) {
            return None;
        }
        match condition {
            Condition::Revision => self.refuses_revision(),
            Condition::Approval => approval::lacks(self.state, self.now).map(Into::into),
            Condition::Clock => self.refuses_clock(),
            Condition::Policy => self.refuses_policy(),
            Condition::BreakGlass => self.refuses_break_glass(),
            _ => None,
        }
    }

    /// Why a condition on a stage refuses.
    #[must_use]
    pub fn refuses_home(&self, condition: Condition, home: Home) -> Option<Refusal> {
        if !self.conditions.has(condition) {
            return None;
        }
        match condition {
            Condition::Hold => self.refuses_hold(home),
            Condition::Calendar => self.refuses_calendar(home),
            Condition::Limit => (self.allowance() == 0).then_some("a limit on people per period is reached".into()),
            _ => None,
        }
    }

    /// Why a condition on a person refuses. `person` is the directory's row, as freshly read as the caller has it.
    #[must_use]
    pub fn refuses_person(&self, condition: Condition, home: Home, id: ObjectId, person: Option<&Person>) -> Option<Refusal> {
        if !self.conditions.has(condition) {
            return None;
        }
        match condition {
            Condition::Hold => self.state.person_hold(id).map(|hold| {
                if hold.id.starts_with(PAUSED) {
                    hold.why.clone().into()
                } else {
                    "taken out of the group by somebody else".into()
                }
            }),
            Condition::Promise => self.refuses_promise(home, id),
            Condition::Floor => self.refuses_floor(home, id),
            Condition::Protection => match person {
                None => Some("not in the directory".into()),
                Some(person) => match protection(self.plan, self.observed, person) {
                    Some(why) => Some(why.into()),
                    None => self.refuses_exempt(),
                },
            },
            Condition::Readiness => self.refuses_readiness(home, id),
            _ => None,
        }
    }

    /// People that may be handed to the wire now.
    #[must_use]
    pub fn allowance(&self) -> u32 {
        if !self.conditions.has(Condition::Limit) {
            return u32::MAX;
        }
        allowance(&self.plan.limits.caps, &self.state.handed, self.in_scope(), self.now)
    }

    /// People of the directory whom nothing protects; for caps given as a share.
    #[must_use]
    pub fn in_scope(&self) -> u32 {
        let shares = self.plan.limits.caps.iter().any(|cap| matches!(cap.amount, super::plan::Amount::Share(_)));
        if !shares {
            return 0;
        }
        let Some(reading) = &self.observed.directory.last else { return 0 };
        let free = reading.value.iter().filter(|person| protection(self.plan, self.observed, person).is_none()).count();
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    fn refuses_revision(&self) -> Option<Refusal> {
        let in_force = self.state.plan.as_ref().map(|accepted| accepted.revision.as_str());
        (in_force != Some(self.revision)).then_some("another plan came into force since this was decided".into())
    }

    fn refuses_clock(&self) -> Option<Refusal> {
        if let Some(doubt) = &self.observed.clock_doubt {
            return Some(doubt.clone().into());
        }
        if self.observed.clock_agrees {
            // A clock that was ahead and was corrected leaves records of the future behind.
            return None;
        }
        let last = self.state.at?;
        (last.duration_since(self.now) > CLOCK_SLACK).then(|| {
            format!("the clock shows {}, earlier than the last record of the journal ({last}); correct the clock", self.now)
                .into()
        })
    }

    fn refuses_policy(&self) -> Option<Refusal> {
        match self.observed.safety.fresh(self.now, self.fresh_within) {
            None => Some(match &self.observed.safety.trouble {
                Some(trouble) => format!("the policy cannot be read: {}", trouble.why).into(),
                None => "the policy has not been read lately".into(),
            }),
            Some(reading) => {
                let policy = &reading.value.policy;
                if !policy.problems.is_empty() {
                    return Some(policy.problems.join("; ").into());
                }
                let edited = self.state.policy.as_ref().is_some_and(|seen| *seen != policy.fingerprint);
                if edited {
                    return Some(
                        "somebody edited the policy; put it back, or accept it as it is now by reloading the plan unchanged"
                            .into(),
                    );
                }
                if finish::turned(self.state, reading) == finish::Turned::Otherwise {
                    return Some(finish::otherwise(finish::expected(self.state)).into());
                }
                switch::turned(self.plan, self.state, &reading.value).map(Into::into)
            }
        }
    }

    fn refuses_break_glass(&self) -> Option<Refusal> {
        let Some(reading) = self.observed.safety.fresh(self.now, self.fresh_within) else {
            return Some("the break-glass accounts have not been read lately".into());
        };
        let sound =
            reading.value.break_glass.iter().filter(|account| account.id.is_some() && account.enabled && account.excluded);
        let sound = sound.count();
        (sound < 2).then(|| {
            format!(
                "{sound} of {} break-glass accounts exist, are enabled and are excluded from the policy; two are needed",
                reading.value.break_glass.len()
            )
            .into()
        })
    }

    /// Whoever is not seen in the exempt group may have come into it since it was read.
    fn refuses_exempt(&self) -> Option<Refusal> {
        let source = group_people(self.observed, self.plan.people.exempt_group.as_ref()?);
        let fresh = source.is_some_and(|source| source.fresh(self.now, self.fresh_within).is_some());
        (!fresh).then_some("the exempt group has not been read lately".into())
    }

    /// A hold in force, or a fact that calls for one and came in since holds were last recorded.
    fn refuses_hold(&self, home: Home) -> Option<Refusal> {
        let name = self.state.home_name(home);
        let stands = |hold: &&super::hold::Hold| !self.state.passes_hold(name, &hold.id, self.now);
        if let Some(hold) = self.state.forward_holds(name).find(stands) {
            return Some(format!("hold `{}`: {}", hold.id, hold.why).into());
        }
        if let Some(why) = &self.observed.pause_file {
            return Some(format!("paused by the file in the state folder: {why}").into());
        }
        self.observed.plan_doubt.clone().map(Into::into)
    }

    fn refuses_calendar(&self, home: Home) -> Option<Refusal> {
        if let Home::Stage(ix) = home {
            let start = self.state.stages.get(usize::from(ix))?.start.instant;
            if self.now < start {
                return Some(format!("the stage starts at {start}").into());
            }
        }
        let name = self.state.home_name(home);
        if self.state.passes_hold(name, &format!("calendar:{name}"), self.now) {
            return None;
        }
        let Some(zone) = schedule::zone(&self.plan.time_zone) else {
            return Some(format!("the time zone `{}` is not known", self.plan.time_zone).into());
        };
        let calendar = &self.plan.calendar;
        if let Some(blackout) = calendar.blackouts.iter().find(|b| b.from <= self.now && self.now < b.to) {
            return Some(format!("blackout until {} ({})", blackout.to, blackout.why).into());
        }
        if schedule::is_open(calendar, &zone, self.now) {
            return None;
        }
        Some(match schedule::next_open(calendar, &zone, self.now) {
            Some(opens) => format!("the window is closed until {opens}").into(),
            None => "no window opens within a year".into(),
        })
    }

    fn refuses_promise(&self, home: Home, id: ObjectId) -> Option<Refusal> {
        if let Some(why) = exception::refuses(self, id) {
            return Some(why);
        }
        let person = self.state.people.get(id);
        if person.is_some_and(|person| person.has_used(Slot::Withdrawn)) {
            return Some("was told that the date does not hold, and no new one yet".into());
        }
        let Some(promise) = person.and_then(|person| person.promise()) else {
            return Some("not told yet".into());
        };
        if home == Home::Tail && person.is_some_and(|person| person.tail_told().is_none()) {
            return Some("came to the tail and was not told a date of their own yet".into());
        }
        if promise > self.now {
            return Some("was told a later instant".into());
        }
        let due = self.state.due(home, Some(promise));
        due.is_some_and(|due| promise < due)
            .then_some("was told an earlier date than the one in force, and not the new one yet".into())
    }

    fn refuses_floor(&self, home: Home, id: ObjectId) -> Option<Refusal> {
        let person = self.state.people.get(id)?;
        let Some(first) = person.first_told() else {
            return Some("no notice was accepted".into());
        };
        if person.promise_told().is_none() {
            return Some("whether the notice of the date in force arrived is not known".into());
        }
        if exception::volunteered(self.state, id) {
            return None;
        }
        if self.now.duration_since(first) < self.floor(home) {
            return Some("the minimum notice has not passed yet".into());
        }
        told_too_late(self, &person).then_some("the new date was told too late before it".into())
    }

    /// The minimum notice of a home.
    #[must_use]
    pub fn floor(&self, home: Home) -> SignedDuration {
        let stage = match home {
            Home::Stage(ix) => self.plan.stages.get(usize::from(ix)),
            Home::Tail => None,
        };
        stage.map_or(self.plan.notices.min_notice, |stage| self.plan.floor(stage))
    }

    fn refuses_readiness(&self, home: Home, id: ObjectId) -> Option<Refusal> {
        let Some(reading) = self.observed.registration.fresh(self.now, self.plan.observe.max_age) else {
            return Some("readiness is unknown: the registration report is too old or unread".into());
        };
        match reading.value.of(id) {
            Readiness::Capable => None,
            Readiness::RegisteredNotAllowed => Some("registered only methods that are not allowed".into()),
            Readiness::Unknown => Some("readiness is unknown: no row in the registration report".into()),
            Readiness::Unregistered => {
                let waits = match home {
                    Home::Stage(ix) => {
                        self.plan.stages.get(usize::from(ix)).is_none_or(|stage| stage.unregistered == Unregistered::Wait)
                    }
                    Home::Tail => false,
                };
                waits.then_some("has not registered, and the stage waits for that".into())
            }
        }
    }
}
