//! Notices that came back: when the sending mailboxes are asked about them, and whose notices a report takes back.
//!
//! Pure. Reads no mail. Invariant: a report takes back only what was told before it, so that an old one never undoes the notice that was
//! sent again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::event::Because;
use super::id::ObjectId;
use super::need::due;
use super::observed::{Bounce, Toggle};
use super::state::{Phase, State};

/// Between two looks into the mailboxes.
const EVERY: SignedDuration = SignedDuration::from_mins(30);

/// Mail services give up on an address within two days; a report comes no later than this after its mail.
pub const REACH: SignedDuration = SignedDuration::from_hours(72);

/// A look goes back so far behind the last one: mailboxes show what they received a little late.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// A report may come before the record that its mail was accepted, which is written for many mails at once. Whoever is told again is
/// told a day later at the earliest.
const AHEAD: SignedDuration = SignedDuration::from_mins(15);

/// Since when reports are asked for, and when that is due; none while no notice can come back.
pub(super) fn asked(ground: &Ground<'_>) -> Option<(Timestamp, Timestamp)> {
    if ground.plan.notices.bounces == Toggle::Off {
        return None;
    }
    let reach = ground.now.checked_sub(REACH).ok()?;
    let recently = |at: Timestamp| at > reach && at <= ground.now;
    let is_out = || {
        ground.state.people.all().alike().any(|person| {
            !person.is_processed()
                && [person.first_told(), person.promise_told(), person.tail_told()].into_iter().flatten().any(recently)
        })
    };
    let before = &ground.plan.notices.before;
    let mut announced = ground.state.stages.iter().filter(|stage| stage.phase == Phase::Announced);
    let reminded = announced.any(|stage| before.iter().any(|wait| stage.start.instant.checked_sub(*wait).is_ok_and(recently)));
    if !reminded && !is_out() {
        return None;
    }
    let last = ground.observed.bounces.last.as_ref().and_then(|reading| reading.as_of.checked_sub(OVERLAP).ok());
    Some((last.map_or(reach, |last| last.max(reach)), due(ground, &ground.observed.bounces, EVERY)))
}

/// Of these reports, the people whose notice they take back, by reason: who was told before by a mail, and of whom MFA is not required yet.
#[must_use]
pub fn taken_back(state: &State, bounces: &[Bounce]) -> Vec<Because> {
    let mut people: BTreeMap<ObjectId, &str> = BTreeMap::new();
    for bounce in bounces {
        let Some(person) = state.people.get(bounce.person).filter(|person| !person.is_processed() && !person.marks().handed)
        else {
            continue;
        };
        let latest = bounce.at.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        if person.first_told().is_some_and(|told| told <= latest) {
            people.entry(bounce.person).or_insert(&bounce.why);
        }
    }
    let mut reasons: BTreeMap<&str, Vec<ObjectId>> = BTreeMap::new();
    for (person, why) in people {
        reasons.entry(why).or_default().push(person);
    }
    reasons.into_iter().map(|(why, people)| Because { why: why.to_owned(), people }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::event::{By, Event};
    use crate::rollout::need::{Ask, needs};
    use crate::rollout::sample::{Perfect, id, plan};

    /// A world whose pilot was announced, with mailboxes that are read or not.
    fn announced(bounces: Toggle) -> Perfect {
        let mut plan = plan();
        plan.notices.bounces = bounces;
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.run("2027-01-04T20:00:00Z");
        world
    }

    fn told(world: &Perfect) -> Timestamp {
        world.state.people.get(id(10)).unwrap().first_told().unwrap()
    }

    fn bounce(person: u128, at: Timestamp) -> Bounce {
        Bounce { person: id(person), at, why: "full".to_owned() }
    }

    #[test]
    fn a_report_takes_back_what_was_told_before_it_and_nothing_else() {
        let world = announced(Toggle::Off);
        let first = told(&world);
        let minutes = SignedDuration::from_mins;
        for (person, after, counts) in [
            (10, minutes(0), true),
            (10, minutes(4), true),
            (10, minutes(-15), true),
            (10, minutes(-16), false),
            (10, SignedDuration::from_hours(500), true),
            // Nobody, and somebody who was told nothing.
            (999, minutes(4), false),
            (20, minutes(4), false),
        ] {
            let expected = if counts { vec![Because { why: "full".to_owned(), people: vec![id(person)] }] } else { Vec::new() };
            assert_eq!(taken_back(&world.state, &[bounce(person, first + after)]), expected, "{person} {after}");
        }
        let reports = [bounce(11, first), bounce(10, first), bounce(10, first + minutes(9))];
        assert_eq!(taken_back(&world.state, &reports), [Because { why: "full".to_owned(), people: vec![id(10), id(11)] }]);
    }

    #[test]
    fn an_old_report_does_not_undo_the_notice_that_was_sent_again() {
        let mut world = announced(Toggle::On);
        let first = told(&world);
        world.bounces = vec![bounce(10, first + SignedDuration::from_mins(4))];
        world.run("2027-01-06T20:00:00Z");
        assert!(told(&world) > first, "they are told again");
        let back = |world: &Perfect| world.records.iter().filter(|record| matches!(record.event, Event::Bounced { .. })).count();
        assert_eq!(back(&world), 1);
        // Somebody of whom MFA is required already was reached in time, whatever a report says now.
        world.run("2027-01-13T12:00:00Z");
        world.bounces.push(bounce(11, world.now));
        world.run("2027-01-14T12:00:00Z");
        assert_eq!(back(&world), 1);
    }

    #[test]
    fn mailboxes_are_asked_while_a_notice_can_come_back() {
        let asked = |world: &Perfect| {
            let needs = world.with_ground(needs);
            needs.into_iter().find_map(|need| if let Ask::Bounces(since) = need.ask { Some((since, need.due)) } else { None })
        };
        assert_eq!(asked(&announced(Toggle::Off)), None);
        let mut world = Perfect::new(announced(Toggle::On).plan, "2027-01-01T08:00:00Z");
        assert_eq!(asked(&world), None, "nobody was told anything");
        world.run("2027-01-04T20:00:00Z");
        let first = told(&world);
        world.now = first + SignedDuration::from_hours(1);
        world.observed.bounces = crate::rollout::observed::Source::default();
        assert_eq!(asked(&world), Some((world.now - REACH, world.now)), "three days back");
        let read = world.now;
        world.observed.bounces.take(read, Ok(Vec::new()));
        assert_eq!(asked(&world), Some((read - OVERLAP, read + EVERY)));
        world.now = first + REACH + SignedDuration::from_hours(24);
        world.commit(By::Operator, Vec::new());
        assert_eq!(asked(&world), None, "what has not come back by now has arrived");
    }
}
