//! People who, as the tenant shows, have not signed in since they were told, found when their date has come.
//!
//! Pure. Whoever is found is absent from then on, as if the plan listed them (`exception`). Invariant: nobody is found by what is not
//! known: a reading from before the date, an old one, one without the person, or one that lags behind as a whole finds nobody.

use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::exception::of;
use super::id::ObjectId;
use super::need::due;
use super::observed::Reading;
use super::person::{Enforced, Home, PersonState};
use super::plan::{Licence, Unseen};
use super::select::protection;
use super::state::Phase;
use super::switch::is_tenant_wide;

/// When everybody last signed in, or tried to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastSeen {
    people: Vec<(ObjectId, Option<Timestamp>)>,
    newest: Option<Timestamp>,
}

impl LastSeen {
    /// Whoever never did stands there without an instant.
    #[must_use]
    pub fn new(mut people: Vec<(ObjectId, Option<Timestamp>)>) -> Self {
        people.sort_unstable();
        // Of somebody listed twice the later instant counts.
        people.reverse();
        people.dedup_by_key(|(id, _)| *id);
        people.reverse();
        let newest = people.iter().filter_map(|(_, at)| *at).max();
        Self { people, newest }
    }

    /// Whether the person is known not to have signed in since an instant.
    fn is_unseen(&self, person: ObjectId, since: Timestamp) -> bool {
        let found = self.people.binary_search_by_key(&person, |(id, _)| *id);
        found.ok().and_then(|at| self.people.get(at)).is_some_and(|(_, last)| last.is_none_or(|last| last < since))
    }
}

/// The reading for a date begins this long before it, so that it does not delay the start.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// In a tenant where nobody at all was seen for so long, the tenant lags, not the people: a weekend, and no more.
const MOST_LAG: SignedDuration = SignedDuration::from_hours(72);

/// When the reading is due next; none while nobody's date comes.
pub(super) fn asked(ground: &Ground<'_>) -> Option<Timestamp> {
    if !is_asked_for(ground) {
        return None;
    }
    let ahead = |at: Timestamp| at.checked_sub(AHEAD).unwrap_or(Timestamp::MIN);
    let stages = (0_u16..).zip(&ground.state.stages).filter_map(|(ix, stage)| match stage.phase {
        Phase::Announced | Phase::Enforcing { .. } => ground.state.named_instant(ix),
        _ => None,
    });
    let tail = ground.state.people.all().alike().filter(|person| person.home() == Home::Tail && waits(person));
    let dates = stages.chain(tail.filter_map(PersonState::promise));
    let source = &ground.observed.last_seen;
    // A date that is long past found whom it could find.
    let fresh = ground.plan.observe.max_age;
    let dates = dates.filter(|date| ground.now.duration_since(*date) < fresh);
    let unread = |date: &Timestamp| source.last.as_ref().is_none_or(|reading| reading.as_of < ahead(*date));
    let next = dates.filter(unread).map(ahead).min()?;
    if source.failures > 0 { Some(due(ground, source, fresh).max(next)) } else { Some(next) }
}

/// Whose date has come and who is known not to have signed in since they were told, and the instant of the reading that says so.
#[must_use]
pub fn found(ground: &Ground<'_>) -> Option<(Vec<ObjectId>, Timestamp)> {
    let reading = ground.observed.last_seen.fresh(ground.now, ground.plan.observe.max_age);
    let reading = reading.filter(|reading| is_asked_for(ground) && keeps_up(reading))?;
    let directory = &ground.observed.directory.last.as_ref()?.value;
    let unseen = |person: &PersonState| {
        let covers = |date: Timestamp| date <= ground.now && reading.as_of >= date.checked_sub(AHEAD).unwrap_or(Timestamp::MIN);
        is_begun(ground, person)
            && waits(person)
            && person.promise().is_some_and(covers)
            && person.first_told().is_some_and(|told| reading.value.is_unseen(person.id, told))
    };
    // Whoever may not sign in is no absentee.
    let may_sign_in =
        |id: &ObjectId| directory.person(*id).is_some_and(|row| protection(ground.plan, ground.observed, &row).is_none());
    let people = ground.state.people.all().iter().filter(unseen).map(|person| person.id);
    let people: Vec<_> = people.filter(|id| of(&ground.state.exceptions, *id).is_none()).filter(may_sign_in).collect();
    (!people.is_empty()).then_some((people, reading.as_of))
}

/// Whether the stage of a person has come so far that its dates count.
#[must_use]
pub fn is_begun(ground: &Ground<'_>, person: &PersonState) -> bool {
    let Home::Stage(ix) = person.home() else { return true };
    let phase = ground.state.stages.get(usize::from(ix)).map(|stage| &stage.phase);
    // Whoever was not told of a later date yet is not away on it.
    let in_force = ground.state.named_instant(ix).is_some_and(|instant| person.is_promised(instant));
    in_force && matches!(phase, Some(Phase::Announced | Phase::Enforcing { .. }))
}

fn is_asked_for(ground: &Ground<'_>) -> bool {
    let plan = ground.plan;
    plan.exceptions.unseen == Unseen::Absent && plan.access.licence == Licence::P1 && !is_tenant_wide(plan)
}

/// Whether somebody was told a date and nothing was done about it yet.
fn waits(person: &PersonState) -> bool {
    matches!(person.enforced(), Enforced::No) && person.promise_told().is_some()
}

fn keeps_up(reading: &Reading<LastSeen>) -> bool {
    reading.value.newest.is_some_and(|newest| reading.as_of.duration_since(newest) <= MOST_LAG)
}

#[cfg(test)]
mod tests {
    use super::super::event::Event;
    use super::super::exception::Excepted;
    use super::super::sample::{Perfect, at, id, plan};
    use super::*;

    const BEGIN: &str = "2027-01-01T08:00:00Z";

    /// A world whose pilot starts on 2027-01-11 and was told a week before; its people sign in as is said.
    fn world(seen: impl Fn(u128) -> Option<Timestamp>) -> Perfect {
        let mut plan = plan();
        plan.exceptions.unseen = Unseen::Absent;
        let mut world = Perfect::new(plan, BEGIN);
        world.last_seen = Some((1..=30).map(|n| (id(n), seen(n))).collect());
        world
    }

    fn absent(world: &Perfect) -> Vec<ObjectId> {
        let people = world.records.iter().filter_map(|record| match &record.event {
            Event::ExceptionMade { people, what: Excepted::Absent, .. } => Some(people.clone()),
            _ => None,
        });
        people.flatten().collect()
    }

    #[test]
    fn whoever_has_not_signed_in_since_they_were_told_is_absent_when_the_date_comes() {
        let lately = at("2027-01-10T20:00:00Z");
        for (name, last, expected) in [
            ("before", Some(at("2027-01-02T08:00:00Z")), vec![id(10)]),
            ("never", None, vec![id(10)]),
            ("since", Some(at("2027-01-09T08:00:00Z")), vec![]),
        ] {
            let mut world = world(|n| if n == 10 { last } else { Some(lately) });
            world.run("2027-01-11T07:59:00Z");
            assert!(absent(&world).is_empty(), "{name}: not before the date");
            world.run("2027-01-12T00:00:00Z");
            assert_eq!(absent(&world), expected, "{name}");
            assert_eq!(world.members.contains(&id(10)), expected.is_empty(), "{name}");
            assert!(world.members.contains(&id(11)), "{name}");
        }
    }

    type Flaw = fn(&mut Perfect);

    #[test]
    fn what_is_not_known_makes_nobody_absent() {
        let flaws: [(&str, Flaw); 6] = [
            ("not asked for", |world| world.plan.exceptions.unseen = Unseen::Enforce),
            ("no licence", |world| world.plan.access.licence = Licence::None),
            ("unread", |world| world.last_seen = None),
            ("no row", |world| world.last_seen.as_mut().unwrap().retain(|(person, _)| *person != id(10))),
            ("the tenant lags", |world| {
                world.last_seen.as_mut().unwrap().iter_mut().for_each(|(_, last)| *last = Some(at("2027-01-08T06:00:00Z")));
                world.last_seen.as_mut().unwrap()[9].1 = None;
            }),
            ("nobody is ever seen", |world| {
                world.last_seen.as_mut().unwrap().iter_mut().for_each(|(_, last)| *last = None);
            }),
        ];
        for (name, flaw) in flaws {
            let mut world = world(|n| (n != 10).then(|| at("2027-01-10T20:00:00Z")));
            flaw(&mut world);
            let mut again = Perfect::new(world.plan.clone(), BEGIN);
            again.last_seen = world.last_seen;
            again.run("2027-01-12T00:00:00Z");
            assert!(absent(&again).is_empty(), "{name}");
        }
    }

    #[test]
    fn it_is_read_for_a_date_and_not_otherwise() {
        let mut world = world(|_| Some(at("2027-01-10T20:00:00Z")));
        world.run("2027-01-11T06:00:00Z");
        assert!(world.observed.last_seen.last.is_none());
        assert_eq!(world.with_ground(asked), Some(at("2027-01-11T07:00:00Z")));
        world.run("2027-01-11T09:00:00Z");
        assert_eq!(world.observed.last_seen.last.as_ref().map(|reading| reading.as_of), Some(at("2027-01-11T07:00:00Z")));
        assert_ne!(world.with_ground(asked), Some(at("2027-01-11T07:00:00Z")), "once for each date");
    }

    #[test]
    fn of_two_rows_the_later_counts() {
        let (early, late) = (at("2027-01-02T08:00:00Z"), at("2027-01-09T08:00:00Z"));
        let seen = LastSeen::new(vec![(id(1), Some(late)), (id(2), None), (id(1), None), (id(1), Some(early))]);
        assert!(!seen.is_unseen(id(1), late));
        assert!(seen.is_unseen(id(2), early));
        assert!(!seen.is_unseen(id(3), early), "nothing is known of them");
    }
}
