//! What the tenant is like, as far as any enforcement can change it; and how far that agrees with the journal.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate::rollout::event::{Event, Record, Switched};
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::observed::Toggle;
use tidegate::rollout::state::State;
use tidegate::rollout::switch::Switch;
use tidegate::sim::{ENFORCED_GROUP, EXEMPT_GROUP, Tenant, Way};

use super::super::bed::Bed;
use super::super::plans;

/// When Microsoft's own grace under security defaults is over.
const LATER: SignedDuration = SignedDuration::from_hours(15 * 24);

/// A gap is some seconds: as long as the pace for policies makes it. After a death in its middle, what stands is read back first.
const GAP: SignedDuration = SignedDuration::from_mins(2);

pub(super) struct Seen {
    at: Timestamp,
    members: Vec<ObjectId>,
    /// By which ways MFA is required of each; as it will be when the grace is over.
    ways: BTreeMap<ObjectId, Vec<Way>>,
    /// Each policy, and security defaults.
    switches: Value,
    /// Of whom MFA is required at that instant.
    required: BTreeSet<ObjectId>,
    /// Who has an own state of which the service says `enforced`.
    enforced: BTreeSet<String>,
}

impl Seen {
    /// At the last record of the journal.
    pub(super) fn of(bed: &Bed) -> Self {
        let at = bed.journal().last().unwrap().at;
        Self::at(&bed.tenant(), at)
    }

    pub(super) fn at_the_beginning(bed: &Bed) -> Self {
        Self::at(&bed.tenant(), plans::SHORT_BEGIN.parse().unwrap())
    }

    fn at(tenant: &Tenant, at: Timestamp) -> Self {
        let later = at + LATER;
        let everybody = tenant.ordinary_people();
        let ways: BTreeMap<_, _> = everybody.iter().map(|id| (*id, tenant.ways(*id, later))).collect();
        let mut switches = tenant.switches_at(at);
        let own = switches.as_object_mut().unwrap().remove("per_user").unwrap();
        let enforced = own.as_object().unwrap().iter().filter(|(_, state)| *state == "enforced").map(|(id, _)| id.clone());
        Self {
            at,
            members: tenant.members_of(ENFORCED_GROUP, at),
            ways,
            required: everybody.into_iter().filter(|id| !tenant.ways(*id, at).is_empty()).collect(),
            enforced: enforced.collect(),
            switches,
        }
    }

    /// It must be the same, member by member, person by person, policy by policy.
    #[track_caller]
    pub(super) fn is(&self, other: &Self, what: &str) {
        assert_eq!(self.members, other.members, "members: {what}");
        let ways: Vec<_> = self.ways.iter().filter(|(id, ways)| other.ways.get(*id) != Some(*ways)).collect();
        assert!(ways.is_empty(), "ways are others: {what}: {ways:?}");
        assert_eq!(self.switches, other.switches, "policies: {what}");
        assert!(self.enforced.is_superset(&other.enforced), "states that were `enforced`: {what}");
    }

    /// Whomever the journal calls enforced MFA is required of.
    #[track_caller]
    pub(super) fn agrees_with_the_journal(&self, bed: &Bed, at_least: usize) {
        let mut state = State::default();
        let records = bed.journal();
        for record in &records {
            state.apply(record).unwrap();
        }
        let ours = |id: &&ObjectId| state.people.get(**id).is_some_and(|person| person.is_enforced());
        let (ours, others): (Vec<_>, Vec<_>) = self.ways.keys().partition(ours);
        assert!(ours.len() >= at_least, "{} people", ours.len());
        let nothing: Vec<_> = ours.iter().filter(|id| self.ways[**id].is_empty()).collect();
        assert!(nothing.is_empty(), "the journal calls them enforced, and nothing is required of them: {nothing:?}");
        let exempt = bed.tenant().members_of(EXEMPT_GROUP, self.at);
        let unknown: Vec<_> = others.iter().filter(|id| self.members.contains(id) && !exempt.contains(id)).collect();
        assert!(unknown.is_empty(), "members of whom the journal does not know: {unknown:?}");
    }

    /// The longest time for which somebody who had MFA before, and is not exempt by the plan, had none while it was rolled out. It is
    /// none at all, or not longer than the journal says.
    #[track_caller]
    pub(super) fn longest_gap(&self, bed: &Bed, before: &Self, forced: bool) -> SignedDuration {
        let told = gaps(&bed.journal());
        let gap = self.gap(bed, before);
        if forced {
            let said = told.iter().copied().max().expect("the journal says how long the gap was");
            assert!(gap <= said && said < GAP, "{gap:#} and {said:#}");
        } else {
            assert_eq!((gap, told), (SignedDuration::ZERO, Vec::new()), "there is no reason for a gap");
        }
        gap
    }

    /// The same for the rollout and its rollback together.
    #[track_caller]
    pub(super) fn gap_of_those_who_had_it(&self, bed: &Bed, before: &Self, forced: bool) -> SignedDuration {
        let gap = self.gap(bed, before);
        let most = if forced { GAP + GAP } else { SignedDuration::ZERO };
        assert!(gap <= most, "{gap:#}");
        gap
    }

    fn gap(&self, bed: &Bed, before: &Self) -> SignedDuration {
        let switched_on = defaults_on(&bed.journal());
        let tenant = bed.tenant();
        let exempt = tenant.members_of(EXEMPT_GROUP, self.at);
        // Whoever has registered nothing when security defaults go on has Microsoft's own grace.
        let in_grace = |id: ObjectId| switched_on.iter().any(|at| tenant.ways(id, *at).is_empty());
        let had = |id: &ObjectId| before.required.contains(id) && !exempt.contains(id) && !in_grace(*id);
        let gaps = tenant.gaps(self.at).into_iter().filter(|(id, _)| had(id));
        gaps.map(|(_, gap)| gap).max().unwrap_or(SignedDuration::ZERO)
    }
}

/// The gaps that the journal tells.
fn gaps(records: &[Record]) -> Vec<SignedDuration> {
    let told = records.iter().filter_map(|record| match record.event {
        Event::SwitchesDone { gap_ms, .. } => gap_ms.map(SignedDuration::from_millis),
        _ => None,
    });
    told.collect()
}

/// When security defaults had gone on, as the journal knows.
fn defaults_on(records: &[Record]) -> Vec<Timestamp> {
    let on = |record: &&Record| {
        matches!(record.event, Event::SwitchIntent { switch: Switch::SecurityDefaults { to: Toggle::On, .. }, .. })
    };
    let intents: Vec<u64> = records.iter().filter(on).map(|record| record.seq).collect();
    let done = records.iter().filter(|record| match &record.event {
        Event::SwitchOutcome { intent, switched: Switched::Done } => intents.contains(intent),
        _ => false,
    });
    done.map(|record| record.at).collect()
}
