//! Who is in which stage: scope and selectors. Freezing a roster calls this once; `plan` and `explain` call it to show.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasherDefault;

use jiff::Timestamp;

use super::event::Because;
use super::id::{IdHasher, NameKey, ObjectId, PersonRef, keyed_hash};
use super::observed::{IdSet, Observed, Person, Readiness, Registration, SelectionKey, Source};
use super::plan::{Plan, Selector, Stage};
use super::readers;
use super::state::State;

/// Key of the readings of a group or a filter; none for selectors that need no reading of their own.
#[must_use]
pub fn selection_key(selector: &Selector) -> Option<SelectionKey> {
    match selector {
        Selector::Group(group) => Some(group_key(group)),
        Selector::Filter(filter) => Some(format!("filter:{filter}")),
        _ => None,
    }
}

/// Key of the readings of a group.
#[must_use]
pub fn group_key(group: &str) -> SelectionKey {
    format!("group:{group}")
}

/// The key under which the exempt group is read, when the plan names one.
#[must_use]
pub fn exempt_key(plan: &Plan) -> Option<SelectionKey> {
    plan.people.exempt_group.as_deref().map(group_key)
}

/// What was read of a group's people.
#[must_use]
pub fn group_people<'a>(observed: &'a Observed, group: &str) -> Option<&'a Source<IdSet>> {
    // Asked of everybody; a plan names few groups, and no key is made to look for one.
    observed.selections.iter().find(|(key, _)| key.strip_prefix("group:") == Some(group)).map(|(_, source)| source)
}

/// Every key that the plan needs to know who is in which stage, the exempt group's included.
#[must_use]
pub fn selection_keys(plan: &Plan) -> Vec<SelectionKey> {
    let stages = plan.stages.iter().flat_map(|stage| stage.include.iter().chain(&stage.exclude)).filter_map(selection_key);
    let mut keys: Vec<_> = stages.chain(exempt_key(plan)).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// The same, and those of readers in other zones.
#[must_use]
pub fn every_selection(plan: &Plan) -> Vec<SelectionKey> {
    let mut keys = selection_keys(plan);
    keys.extend(readers::keys(plan));
    keys.sort();
    keys.dedup();
    keys
}

/// Whether a reference of the plan means this person.
#[must_use]
pub fn means(reference: &PersonRef, person: &Person) -> bool {
    match reference {
        PersonRef::Id(id) => *id == person.id,
        PersonRef::Name(name) => name.key() == person.name,
    }
}

/// Why a person may never be enforced, as the facts stand; `None`: nothing protects them.
///
/// Fails towards protection: what is not known protects.
#[must_use]
pub fn protection(plan: &Plan, observed: &Observed, person: &Person) -> Option<&'static str> {
    if plan.people.break_glass.iter().any(|reference| means(reference, person)) {
        return Some("break-glass account");
    }
    let sync = observed.directory.last.as_ref().map(|reading| &reading.value.sync_accounts);
    match sync {
        None => return Some("the holders of the directory synchronisation role are not known"),
        Some(accounts) if accounts.binary_search(&person.id).is_ok() => return Some("directory synchronisation account"),
        Some(_) => {}
    }
    if let Some(group) = &plan.people.exempt_group {
        match group_people(observed, group).and_then(|source| source.last.as_ref()) {
            None => return Some("the exempt group could not be read yet"),
            Some(reading) if reading.value.contains(person.id) => return Some("member of the exempt group"),
            Some(_) => {}
        }
    }
    if person.guest && !plan.people.include_guests {
        return Some("guest");
    }
    match person.enabled {
        Some(true) => None,
        Some(false) => Some("disabled account"),
        None => Some("the tenant does not say whether the account is enabled"),
    }
}

/// The people of a stage and those it selects who are out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// In the stage, ascending.
    pub people: Vec<ObjectId>,
    /// Out, by reason.
    pub out: Vec<Because>,
}

/// Fixes the people of a stage from what is known at `now`, or says what is missing.
///
/// `taken` are people of earlier stages.
pub fn roster(
    plan: &Plan,
    state: &State,
    observed: &Observed,
    now: Timestamp,
    stage: &Stage,
    taken: &BTreeSet<ObjectId>,
) -> Result<Roster, String> {
    let directory = observed
        .directory
        .fresh(now, plan.observe.max_age)
        .ok_or("the directory could not be read lately; it is read again and again, nothing is needed")?;
    let baseline = state.baseline.as_ref().ok_or("the members of the enforcement group are not known yet")?;
    let chosen = Chosen::new(plan, observed, now, stage)?;
    let free = |person: &Person| !taken.contains(&person.id) && state.people.get(person.id).is_none();
    let in_scope = |person: &Person| {
        free(person) && baseline.binary_search(&person.id).is_err() && protection(plan, observed, person).is_none()
    };
    let ready = chosen.ready_first(plan, directory.value.iter().filter(in_scope));
    let mut roster = Roster::default();
    let mut out: BTreeMap<&'static str, Vec<ObjectId>> = BTreeMap::new();
    for person in directory.value.iter().filter(free) {
        if !chosen.takes(&person, &ready) {
            continue;
        }
        let why = if baseline.binary_search(&person.id).is_ok() {
            Some("required by the group before the rollout")
        } else {
            protection(plan, observed, &person)
        };
        match why {
            Some(why) => out.entry(why).or_default().push(person.id),
            None => roster.people.push(person.id),
        }
    }
    // The directory comes in the order in which people were first seen.
    roster.people.sort_unstable();
    for people in out.values_mut() {
        people.sort_unstable();
    }
    roster.out = out.into_iter().map(|(why, people)| Because { why: why.to_owned(), people }).collect();
    Ok(roster)
}

/// Of people who are in no roster, those whom some stage selects all the same: by a list, a group, a filter, a share or as everyone
/// else. `ready_first` selects nobody later, and a stage whose groups cannot be read selects nobody for now.
#[must_use]
pub fn joiners(
    plan: &Plan,
    state: &State,
    observed: &Observed,
    now: Timestamp,
    people: impl Iterator<Item = Person>,
) -> Vec<ObjectId> {
    let mut people = people.peekable();
    if people.peek().is_none() {
        return Vec::new();
    }
    let cancelled = |stage: &&Stage| state.stage(&stage.name).is_some_and(|(_, known)| known.is_cancelled());
    let stages = plan.stages.iter().filter(|stage| !cancelled(stage));
    let stages: Vec<Chosen<'_>> = stages.filter_map(|stage| Chosen::new(plan, observed, now, stage).ok()).collect();
    let nobody = HashSet::new();
    let joins = |person: &Person| stages.iter().any(|stage| stage.takes(person, &nobody));
    let mut joiners: Vec<_> = people.filter(joins).map(|person| person.id).collect();
    joiners.sort_unstable();
    joiners
}

/// The selectors of one stage, ready to be asked about a person.
struct Chosen<'a> {
    include: Vec<Asked<'a>>,
    exclude: Vec<Asked<'a>>,
    capable: Option<&'a Registration>,
}

enum Asked<'a> {
    Ids(HashSet<ObjectId, BuildHasherDefault<IdHasher>>, HashSet<NameKey>),
    Read(&'a IdSet),
    Share { below: f64, salt: &'a str },
    ReadyFirst(u32),
    Everyone,
}

impl<'a> Chosen<'a> {
    fn new(plan: &Plan, observed: &'a Observed, now: Timestamp, stage: &'a Stage) -> Result<Self, String> {
        let ask = |selector: &'a Selector| -> Result<Asked<'a>, String> {
            Ok(match selector {
                Selector::Users(people) | Selector::Csv { people, .. } => {
                    // A list may hold everybody.
                    let mut ids = HashSet::with_capacity_and_hasher(people.len(), BuildHasherDefault::default());
                    let mut names = HashSet::new();
                    for reference in people {
                        match reference {
                            PersonRef::Id(id) => drop(ids.insert(*id)),
                            PersonRef::Name(name) => drop(names.insert(name.key())),
                        }
                    }
                    Asked::Ids(ids, names)
                }
                Selector::Group(_) | Selector::Filter(_) => {
                    let key = selection_key(selector).unwrap_or_default();
                    let source = observed.selections.get(&key).ok_or_else(|| format!("`{key}` has not been read yet"))?;
                    let reading = source.fresh(now, plan.observe.max_age).ok_or_else(|| match &source.trouble {
                        Some(trouble) => format!("`{key}` cannot be read: {}", trouble.why),
                        None => format!("`{key}` has not been read lately"),
                    })?;
                    Asked::Read(&reading.value)
                }
                Selector::Percent { share, salt } => Asked::Share { below: *share, salt },
                Selector::ReadyFirst(people) => Asked::ReadyFirst(*people),
                Selector::EveryoneElse => Asked::Everyone,
            })
        };
        let include = stage.include.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
        let exclude = stage.exclude.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
        let mut capable = None;
        if include.iter().any(|asked| matches!(asked, Asked::ReadyFirst(_))) {
            let reading = observed
                .registration
                .fresh(now, plan.observe.max_age)
                .ok_or("the registration report could not be read lately, and the stage takes ready people first")?;
            capable = Some(&reading.value);
        }
        Ok(Self { include, exclude, capable })
    }

    /// The people whom `ready_first` selects among those in scope: capable ones, in the order of a keyed hash.
    fn ready_first(&self, plan: &Plan, in_scope: impl Iterator<Item = Person>) -> HashSet<ObjectId> {
        let Some(most) = self.include.iter().find_map(|asked| match asked {
            Asked::ReadyFirst(people) => Some(*people),
            _ => None,
        }) else {
            return HashSet::new();
        };
        let mut ranked: Vec<_> = in_scope
            .filter(|person| {
                self.capable.is_some_and(|report| report.of(person.id) == Readiness::Capable)
                    && !self.exclude.iter().any(|asked| asked.takes(person, &HashSet::new()))
            })
            .map(|person| (rank(&plan.tenant, person.id), person.id))
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().take(most as usize).map(|(_, id)| id).collect()
    }

    fn takes(&self, person: &Person, ready: &HashSet<ObjectId>) -> bool {
        self.include.iter().any(|asked| asked.takes(person, ready))
            && !self.exclude.iter().any(|asked| asked.takes(person, ready))
    }
}

impl Asked<'_> {
    fn takes(&self, person: &Person, ready: &HashSet<ObjectId>) -> bool {
        match self {
            Self::Ids(ids, names) => ids.contains(&person.id) || names.contains(&person.name),
            Self::Read(ids) => ids.contains(person.id),
            Self::Share { below, salt } => is_within_share(salt, person.id, *below),
            Self::ReadyFirst(_) => ready.contains(&person.id),
            Self::Everyone => true,
        }
    }
}

/// The place of a person in a fixed, salted order.
fn rank(salt: &str, person: ObjectId) -> u128 {
    keyed_hash(salt, &["percent", &person.to_string()])
}

/// Whether a person falls into the first `share` (0 to 1) of a fixed, salted order.
#[must_use]
pub fn is_within_share(salt: &str, person: ObjectId, share: f64) -> bool {
    // The top 32 bits decide; a share is not finer than that.
    let place = (rank(salt, person) >> 96) as f64;
    place < share * 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_stable_nested_and_about_right() {
        let people: Vec<ObjectId> = (1..=4_000).map(|n| ObjectId::from_bits(n * 0x9E37_79B9_7F4A_7C15)).collect();
        let taken = |share: f64, salt: &str| -> Vec<ObjectId> {
            people.iter().copied().filter(|id| is_within_share(salt, *id, share)).collect()
        };
        let ten = taken(0.10, "tenant");
        let thirty = taken(0.30, "tenant");
        assert!((300..=500).contains(&ten.len()), "{}", ten.len());
        assert!(ten.iter().all(|id| thirty.contains(id)), "a larger share holds the smaller one");
        assert_ne!(ten, taken(0.10, "another"), "another salt, other people");
        assert_eq!(taken(1.0, "tenant").len(), people.len());
        assert!(taken(0.0, "tenant").is_empty());
    }
}
