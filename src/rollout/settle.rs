//! What reading back settles: names, unknown batches, verification, foreign change. Facts in, records out.

use jiff::{SignedDuration, Timestamp};

use super::bounces::taken_back;
use super::condition::{Condition, Ground};
use super::event::{Deed, Event, Switched};
use super::hold::{Blocks, Clears, Hold, Owner, Scope};
use super::id::ObjectId;
use super::observed::{IdSet, PerUser, Reading};
use super::person::{Enforced, Home, PersonState};
use super::select::{joiners as joiners_of, protection};
use super::state::{Phase, Stands, TAIL};
use super::switch;

/// People in one record at most.
const RECORD: usize = 1_000;

/// A write that was accepted may stay invisible this long; only after that is an absence somebody's doing.
pub const LAG: SignedDuration = SignedDuration::from_hours(1);

/// A reading is looked through for changes by others while it is news; a later look would find nothing else.
const NEWS: SignedDuration = SignedDuration::from_mins(30);

/// Records that the readings call for, in order.
#[must_use]
pub fn settle(ground: &Ground<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    names(ground, &mut events);
    if let Some(last) = &ground.observed.members.last {
        let earlier = ground.observed.members.earlier.as_ref();
        if ground.state.baseline.is_none() && ground.state.target.is_some() {
            events.push(Event::Baseline { members: last.value.ascending() });
            return events;
        }
        open_batches(ground, last, earlier, &mut events);
        if let Some(earlier) = earlier {
            verified(ground, last, earlier, &mut events);
            if ground.state.batches.is_empty() && last.age(ground.now) <= NEWS {
                leavers(ground, last, earlier, &mut events);
                foreign(ground, last, earlier, &mut events);
            }
        }
    }
    switches(ground, &mut events);
    retired(ground, &mut events);
    restored(ground, &mut events);
    joiners(ground, &mut events);
    if let Some(reading) = &ground.observed.bounces.last {
        let people = taken_back(ground.state, &reading.value);
        if !people.is_empty() {
            events.push(Event::Bounced { people });
        }
    }
    events
}

fn names(ground: &Ground<'_>, events: &mut Vec<Event>) {
    let revision = ground.state.plan.as_ref().map(|accepted| &accepted.revision);
    if let Some(reading) = &ground.observed.target.last {
        let resolved = ground.state.target == Some(reading.value) && ground.state.target_revision.as_ref() == revision;
        if !resolved && !is_another_group(ground) {
            events.push(Event::Resolved { target: reading.value });
        }
    }
    // Before the names are resolved anew, what was read may be of another policy.
    if ground.state.policy.is_none() && ground.state.target_revision.as_ref() == revision {
        let sound = ground.observed.safety.last.as_ref().filter(|reading| reading.value.policy.problems.is_empty());
        let sound = sound.filter(|reading| super::finish::turned(ground.state, reading) == super::finish::Turned::AsItShould);
        if let Some(reading) = sound {
            events.push(Event::PolicySeen { fingerprint: reading.value.policy.fingerprint.clone() });
        }
    }
}

/// Whether the plan's group now means another one than that in which people are enforced already.
#[must_use]
pub fn is_another_group(ground: &Ground<'_>) -> bool {
    let (Some(known), Some(reading)) = (ground.state.target, &ground.observed.target.last) else { return false };
    !known.is_same_place(reading.value) && ground.state.people.all().alike().any(|person| person.enforced() != Enforced::No)
}

type Members = Reading<IdSet>;

fn has(members: &Members, id: ObjectId) -> bool {
    members.value.contains(id)
}

/// Batches whose answer never came: who is seen has landed; whom two agreeing reads do not show has not.
fn open_batches(ground: &Ground<'_>, last: &Members, earlier: Option<&Members>, events: &mut Vec<Event>) {
    let batches = ground.state.batches.iter().filter(|(_, batch)| batch.deed != Deed::Retire);
    for (intent, batch) in batches {
        if last.as_of <= batch.at {
            continue;
        }
        let earlier = earlier.filter(|earlier| earlier.as_of > batch.at);
        let (mut landed, mut absent) = (Vec::new(), Vec::new());
        for id in &batch.people {
            let (seen, agree) = (has(last, *id), earlier.map(|earlier| has(earlier, *id) == has(last, *id)));
            match (batch.deed, seen) {
                (Deed::Enforce, true) => landed.push(*id),
                // A replica may lag behind either way: only two reads tell.
                (Deed::Release, false) if agree == Some(true) => landed.push(*id),
                (Deed::Enforce, false) | (Deed::Release, true) if agree == Some(true) => absent.push(*id),
                _ => {}
            }
        }
        if !landed.is_empty() || !absent.is_empty() {
            events.push(Event::Settled { intent: *intent, landed, absent });
        }
    }
}

/// Switches whose outcome is not known: what the tenant shows since then settles them.
fn switches(ground: &Ground<'_>, events: &mut Vec<Event>) {
    let Some(reading) = &ground.observed.safety.last else { return };
    for thrown in ground.state.thrown.iter().filter(|thrown| thrown.stands == Stands::Unknown && reading.as_of > thrown.at) {
        let switched = match thrown.switch.shows(&reading.value) {
            Some(true) => Switched::Done,
            // Throwing it again does no harm, should the first one still come through.
            Some(false) => Switched::Absent,
            None => continue,
        };
        events.push(Event::SwitchOutcome { intent: thrown.intent, switched });
    }
}

/// Retirements whose outcome is not known.
fn retired(ground: &Ground<'_>, events: &mut Vec<Event>) {
    let source = &ground.observed.per_user;
    let Some(last) = &source.last else { return };
    let stands = |reading: &Reading<Vec<(ObjectId, PerUser)>>, id: ObjectId| {
        reading.value.binary_search_by_key(&id, |(id, _)| *id).is_ok()
    };
    for (intent, batch) in ground.state.batches.iter().filter(|(_, batch)| batch.deed == Deed::Retire && last.as_of > batch.at) {
        let earlier = source.earlier.as_ref().filter(|earlier| earlier.as_of > batch.at);
        let (absent, landed): (Vec<_>, Vec<_>) = batch.people.iter().copied().partition(|id| stands(last, *id));
        let absent: Vec<_> = absent.into_iter().filter(|id| earlier.is_some_and(|earlier| stands(earlier, *id))).collect();
        if !landed.is_empty() || !absent.is_empty() {
            events.push(Event::Settled { intent: *intent, landed, absent });
        }
    }
}

fn verified(ground: &Ground<'_>, last: &Members, earlier: &Members, events: &mut Vec<Event>) {
    let people: Vec<_> = ground
        .state
        .people
        .all()
        .iter()
        .filter(|person| matches!(person.enforced(), Enforced::Accepted(at) if earlier.as_of >= at) || came_late(ground, person))
        .map(|person| person.id)
        .filter(|id| has(last, *id) && has(earlier, *id))
        .collect();
    events.extend(people.chunks(RECORD).map(|people| Event::Verified { people: people.to_vec() }));
}

/// Somebody about whom a write of ours was sent that two readings did not show: a member, they are by that write, as long as nothing
/// has taken its ground away. After that they are told of like anybody whom somebody else put there.
fn came_late(ground: &Ground<'_>, person: &PersonState) -> bool {
    let state = ground.state;
    let stands = || match person.home() {
        Home::Stage(ix) => state.stages.get(usize::from(ix)).is_some_and(|stage| {
            matches!(stage.phase, Phase::Enforcing { .. } | Phase::Soaking { .. } | Phase::Done | Phase::RollingBack)
        }),
        Home::Tail => !state.is_aborted() && super::exception::of(&state.exceptions, person.id).is_none(),
    };
    let before = || state.baseline.as_ref().is_some_and(|baseline| baseline.binary_search(&person.id).is_ok());
    person.enforced() == Enforced::No && person.marks().ours && stands() && !before()
}

fn foreign(ground: &Ground<'_>, last: &Members, earlier: &Members, events: &mut Vec<Event>) {
    let state = ground.state;
    let Some(baseline) = &state.baseline else { return };
    // A release, too, may stay invisible for a while.
    let begun = |person: &PersonState| match person.enforced() {
        Enforced::No => came_late(ground, person),
        Enforced::Released(at) => at.checked_add(LAG).is_ok_and(|visible| earlier.as_of < visible),
        _ => true,
    };
    let ours = |id: ObjectId| state.people.get(id).is_some_and(|person| begun(&person));
    let known = |id: ObjectId| baseline.binary_search(&id).is_ok() || state.foreign.binary_search(&id).is_ok();
    let mut added: Vec<_> = last.value.iter().filter(|id| !known(*id) && !ours(*id) && has(earlier, *id)).collect();
    added.sort_unstable();
    let seen_gone = |since: Timestamp| earlier.as_of.duration_since(since) >= SignedDuration::ZERO;
    let should_be_in = |person: &PersonState| match person.enforced() {
        Enforced::Verified(at) => seen_gone(at),
        Enforced::Accepted(at) => at.checked_add(LAG).is_ok_and(seen_gone),
        _ => false,
    };
    let expected = || state.people.all().iter().filter(should_be_in);
    // Mostly nobody is missing, and counting is cheaper than looking everybody up.
    let seen = last.value.iter().filter_map(|id| state.people.get(id)).filter(should_be_in).count();
    let closed: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Left { people } = event { Some(people) } else { None })
        .flatten()
        .copied()
        .collect();
    let removed: Vec<_> = if seen == expected().count() {
        Vec::new()
    } else {
        let missing = |person: &PersonState| {
            !person.marks().removed_by_hand && !has(last, person.id) && !has(earlier, person.id) && !closed.contains(&person.id)
        };
        expected().filter(missing).map(|person| person.id).collect()
    };
    let count = state.foreign.len()
        + added.len()
        + removed.len()
        + state.people.all().iter().filter(|p| p.marks().removed_by_hand).count();
    // Whom others put back, and whom they put in though we could not: MFA is required of them after all.
    let not_by_us = |person: &PersonState| {
        person.marks().removed_by_hand
            || matches!(person.enforced(), Enforced::Refused(_) | Enforced::Gone(_)) && !known(person.id)
    };
    let put = state.people.all().iter().filter(not_by_us).map(|person| person.id);
    added.extend(put.filter(|id| has(last, *id) && has(earlier, *id)));
    if added.is_empty() && removed.is_empty() {
        return;
    }
    events.push(Event::ForeignChange { added, removed });
    if count > ground.plan.people.max_foreign as usize && !state.holds.contains_key("foreign") {
        events.push(Event::HoldPlaced {
            hold: Hold {
                id: "foreign".to_owned(),
                scope: Scope::Rollout,
                blocks: Blocks::Forward,
                owner: Owner::Tenant,
                since: ground.now,
                clears: Clears::Human,
                why: format!(
                    "{count} members of the enforcement group were changed by somebody else, {} are borne; find out who, then clear the hold",
                    ground.plan.people.max_foreign
                ),
                until: None,
            },
        });
    }
}

/// Enforced people whose accounts do not exist any more: nobody took them out of the group.
fn leavers(ground: &Ground<'_>, last: &Members, earlier: &Members, events: &mut Vec<Event>) {
    let Some(directory) = ground.observed.directory.last.as_ref() else { return };
    let gone = |person: &PersonState| {
        let (Enforced::Accepted(since) | Enforced::Verified(since)) = person.enforced() else { return false };
        let id = person.id;
        directory.as_of > since && !has(last, id) && !has(earlier, id) && directory.value.person(id).is_none()
    };
    let people: Vec<_> = ground.state.people.all().iter().filter(gone).map(|person| person.id).collect();
    if !people.is_empty() {
        events.push(Event::Left { people });
    }
}

/// Accounts that did not exist and are there again: they start anew, in the tail.
fn restored(ground: &Ground<'_>, events: &mut Vec<Event>) {
    let state = ground.state;
    let Some(directory) = ground.observed.directory.fresh(ground.now, NEWS) else { return };
    let Some(members) = ground.observed.members.last.as_ref().filter(|_| state.batches.is_empty()) else { return };
    let Some(baseline) = &state.baseline else { return };
    let back = |person: &PersonState| {
        let Enforced::Gone(at) = person.enforced() else { return false };
        let row = directory.value.person(person.id);
        directory.as_of > at
            && members.as_of > at
            && !has(members, person.id)
            && state.foreign.binary_search(&person.id).is_err()
            && baseline.binary_search(&person.id).is_err()
            && row.is_some_and(|row| protection(ground.plan, ground.observed, &row).is_none())
    };
    let mut homes: std::collections::BTreeMap<Home, Vec<ObjectId>> = std::collections::BTreeMap::new();
    for person in state.people.all().iter().filter(back) {
        homes.entry(person.home()).or_default().push(person.id);
    }
    events.extend(homes.into_iter().map(|(home, people)| Event::Carried {
        stage: state.home_name(home).to_owned(),
        why: "the account is there again".to_owned(),
        people,
    }));
}

/// People in scope whom a stage selects and who came after every roster was frozen belong to the tail.
fn joiners(ground: &Ground<'_>, events: &mut Vec<Event>) {
    let state = ground.state;
    let (true, Some(baseline)) = (state.all_frozen(), &state.baseline) else { return };
    let wide = switch::is_tenant_wide(ground.plan) && switch::is_thrown(ground.plan, state);
    if wide || super::finish::stands(state) {
        // Whoever comes now comes into a tenant that requires MFA of everybody.
        return;
    }
    if ground.refuses_rollout(Condition::Clock).is_some() {
        return;
    }
    let Some(directory) = ground.observed.directory.fresh(ground.now, NEWS) else { return };
    let new = directory
        .value
        .iter()
        .filter(|person| state.people.get(person.id).is_none() && baseline.binary_search(&person.id).is_err())
        .filter(|person| protection(ground.plan, ground.observed, person).is_none());
    let people = joiners_of(ground.plan, state, ground.observed, ground.now, new);
    if !people.is_empty() {
        events.push(Event::RosterFrozen { stage: TAIL.to_owned(), people, out: Vec::new() });
    }
}

/// Whether something waits for members to be read back, and since when at the latest.
#[must_use]
pub fn unsettled_since(ground: &Ground<'_>) -> Option<Timestamp> {
    let rolls_back = ground.state.stages.iter().any(|stage| stage.phase == Phase::RollingBack);
    let batches = ground.state.batches.values().filter(|batch| batch.deed != Deed::Retire).map(|batch| batch.at);
    let accepted = ground.state.people.all().alike().filter_map(|person| match person.enforced() {
        Enforced::Accepted(at) => Some(at),
        Enforced::Released(at) if rolls_back => Some(at),
        _ => None,
    });
    batches.chain(accepted).max()
}

/// Whether a home has a batch on its way.
#[must_use]
pub fn has_open_batch(ground: &Ground<'_>, home: Home) -> bool {
    ground.state.batches.values().any(|batch| batch.home == home && batch.deed != Deed::Retire)
}
