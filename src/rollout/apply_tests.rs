//! Records that do not fit are errors, and a journal read twice gives the same state.

use super::apply::{Misfit, trouble};
use super::event::{Because, By, Event, Record, VERSION};
use super::person::PersonState;
use super::sample::{Perfect, at, id, plan};
use super::stage::PhaseName;
use super::state::PAUSED;
use super::state::State;

fn record(seq: u64, event: Event) -> Record {
    Record { seq, at: at("2027-01-01T00:00:00Z"), v: VERSION, by: By::Schedule, actor: "test".to_owned(), event }
}

fn refused(state: &State, event: Event) -> Misfit {
    state.clone().apply(&record(state.seq + 1, event)).unwrap_err()
}

#[test]
fn records_that_cannot_follow_are_refused_with_their_reason() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.run("2027-01-05T00:00:00Z");
    let state = world.state;
    let mut gap = state.clone();
    assert!(gap.apply(&record(state.seq + 2, Event::Stopped { why: String::new() })).is_err(), "a gap in the numbers");
    let moved = |from, to| Event::StageMoved { stage: "pilot".to_owned(), from, to, why: String::new() };
    for (event, says) in [
        (moved(PhaseName::Announced, PhaseName::Soaking), "cannot go from announced to soaking"),
        (moved(PhaseName::Scheduled, PhaseName::Announcing), "is announced, not scheduled"),
        (Event::EnforceIntent { stage: "pilot".to_owned(), people: vec![id(10)] }, "is announced, not enforcing"),
        (Event::EnforceIntent { stage: "nobody".to_owned(), people: vec![] }, "there is no stage `nobody`"),
        (Event::RosterFrozen { stage: "everyone".to_owned(), people: vec![id(10)], out: vec![] }, "is in another roster already"),
        (Event::Verified { people: vec![id(99)] }, "is in no roster"),
        (Event::HoldCleared { id: "nothing".to_owned(), why: String::new() }, "there is no hold `nothing`"),
        (
            Event::Unpaused { hold: PAUSED.to_owned(), allow_start: false, ack: None, why: String::new() },
            "there is no hold `paused`",
        ),
        (Event::Settled { intent: 1, landed: vec![], absent: vec![] }, "there is no open batch 1"),
    ] {
        let why = refused(&state, event).why;
        assert!(why.contains(says), "`{why}` lacks `{says}`");
    }
}

#[test]
fn a_journal_read_again_gives_the_same_state_also_through_a_checkpoint() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.run("2027-02-10T00:00:00Z");
    let half = world.records.len() / 2;
    let mut again = State::default();
    for record in &world.records[..half] {
        again.apply(record).unwrap();
    }
    let kept = serde_json::to_vec(&again).unwrap();
    let mut from_kept: State = serde_json::from_slice(&kept).unwrap();
    for person in again.people.all().iter() {
        from_kept.people.push(PersonState::of_row(&person.row()).unwrap());
    }
    assert_eq!(from_kept, again);
    let mut again = from_kept;
    for record in &world.records[half..] {
        let line = serde_json::to_string(record).unwrap();
        again.apply(&serde_json::from_str(&line).unwrap()).unwrap();
    }
    assert_eq!(again, world.state);
}

#[test]
fn batches_that_come_to_nothing_at_one_instant_are_one_trouble_and_one_that_goes_through_ends_it() {
    let (first, second) = (at("2027-01-11T08:00:00Z"), at("2027-01-11T08:01:00Z"));
    let back = [Because { why: "the tenant throttles".to_owned(), people: vec![id(10)] }];
    let mut so_far = None;
    for (when, not_sent, nothing_went, expected) in [
        (first, &back[..], true, Some((first, 1))),
        (first, &back[..], true, Some((first, 1))),
        (second, &back[..], true, Some((second, 2))),
        (second, &[], true, Some((second, 2))),
        (second, &back[..], false, Some((second, 1))),
        (second, &[], false, None),
    ] {
        so_far = trouble(so_far, when, not_sent, nothing_went);
        assert_eq!(so_far, expected);
    }
}
