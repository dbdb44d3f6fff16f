//! In whose zone people read: that of the plan, or another for some of them, as groups and filters of the plan say.
//!
//! Does not decide who is told what. Invariant: whoever is not known to read elsewhere reads in the plan's zone.

use super::condition::Ground;
use super::id::ObjectId;
use super::observed::{IdSet, SelectionKey};
use super::plan::Plan;
use super::select::selection_key;

/// The zones of a plan's readers, with the people of each as they were last read.
#[derive(Clone, Debug)]
pub struct Readers<'a> {
    plans: &'a str,
    others: Vec<(&'a str, Option<&'a IdSet>)>,
}

impl<'a> Readers<'a> {
    /// As the ground has them.
    #[must_use]
    pub fn new(ground: &Ground<'a>) -> Self {
        let (plan, observed) = (ground.plan, ground.observed);
        let read = |key: SelectionKey| Some(&observed.selections.get(&key)?.last.as_ref()?.value);
        let others = plan.notices.zones.iter().map(|other| (other.zone.as_str(), selection_key(&other.people).and_then(read)));
        Self { plans: &plan.time_zone, others: others.collect() }
    }

    /// Which of [`zones`] somebody reads in: the first that has them.
    #[must_use]
    pub fn nth(&self, person: ObjectId) -> usize {
        let found = self.others.iter().position(|(_, people)| people.is_some_and(|people| people.contains(person)));
        found.map_or(0, |found| found.saturating_add(1))
    }

    /// The name of the n-th zone.
    #[must_use]
    pub fn name(&self, nth: usize) -> &'a str {
        nth.checked_sub(1).and_then(|nth| self.others.get(nth)).map_or(self.plans, |(name, _)| name)
    }

    /// The name of the zone that somebody reads in.
    #[must_use]
    pub fn zone(&self, person: ObjectId) -> &'a str {
        self.name(self.nth(person))
    }
}

/// The names of a plan's zones: its own, and then those of other readers.
pub fn zones(plan: &Plan) -> impl Iterator<Item = &str> {
    std::iter::once(plan.time_zone.as_str()).chain(plan.notices.zones.iter().map(|other| other.zone.as_str()))
}

/// The keys of what is read for the zones alone.
pub fn keys(plan: &Plan) -> impl Iterator<Item = SelectionKey> {
    plan.notices.zones.iter().filter_map(|other| selection_key(&other.people))
}
