//! What the judge watches, what it found, and what it has seen happen.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::rollout::id::ObjectId;

/// Something that must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Nobody is enforced before the start in force and every instant that they were told.
    Early,
    /// Nobody is enforced without having been told the date in force.
    Untold,
    /// Nobody is enforced with less than the minimum notice.
    Floor,
    /// A moved date is told at least `renotice` before it.
    Renotice,
    /// Nobody protected is enforced.
    Protected,
    /// Nobody is enforced on unknown or stale readiness, or against what the stage says of it.
    Readiness,
    /// Nobody is enforced while the policy does not do what it should.
    Policy,
    /// Nobody is enforced while two break-glass accounts are not sound.
    BreakGlass,
    /// Nobody is enforced against the start that a newer plan names.
    Revision,
    /// Nothing is done while the clock cannot be trusted.
    Clock,
    /// Nobody is enforced under a hold.
    Hold,
    /// Nobody is enforced outside the calendar.
    Calendar,
    /// No cap is exceeded in any sliding period.
    Cap,
    /// Every write and every mail has its intent on disk before.
    Intent,
    /// A write leaves soon after its guard.
    Late,
    /// Nobody whom a human took out is put back.
    PutBack,
    /// An accepted send is never repeated, an ambiguous one at most once.
    Repeated,
    /// No notice names an earlier instant than one before, or one that is not in force.
    Untrue,
    /// Numbers follow without gap, outcomes follow intents, and say what happened.
    Journal,
    /// By itself a stage goes the next step, or holds; with `auto_rollback` the current one is rolled back.
    Automatic,
    /// No stage starts without a fresh Pass of its gates, or before the stage before it is over.
    Fresh,
    /// No start that has passed comes by itself: not after a pause, not too late, not two in one recovery.
    Past,
    /// Nobody is enforced under a plan that lacks approvals.
    Approval,
    /// A rollback releases whom we put there and nobody else, and leaves nobody of them.
    Restored,
    /// In the end everybody is enforced, or waits for a reason.
    Lost,
    /// The engine goes on; it does not fail or turn on the spot.
    Stuck,
    /// The tenant's own oracle.
    Oracle,
}

/// One thing that must not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When.
    pub at: Timestamp,
    /// Which rule.
    pub rule: Rule,
    /// Who, where somebody is concerned.
    pub person: Option<ObjectId>,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.at, self.rule, self.seen)?;
        self.person.map_or(Ok(()), |person| write!(f, " ({person})"))
    }
}

/// How often each thing happened that a run of many rollouts must reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached(BTreeMap<&'static str, u64>);

impl Reached {
    /// It happened once more.
    pub fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// It happened `times` more.
    pub fn add(&mut self, what: &'static str, times: u64) {
        if times > 0 {
            let known = self.0.entry(what).or_default();
            *known = known.saturating_add(times);
        }
    }

    /// How often it happened.
    #[must_use]
    pub fn times(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Takes over the counts of another rollout.
    pub fn take(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(|(what, times)| format!("{what} {times}")).collect();
        f.write_str(&counts.join(", "))
    }
}
