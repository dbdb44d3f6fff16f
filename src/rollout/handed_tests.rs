//! Tests of letters that were handed over.

use jiff::Timestamp;

use super::event::{By, Event};
use super::handed::{Handing, make, named, printed};
use super::id::ObjectId;
use super::person::Home;
use super::sample::{Perfect, at, days, hours, id, plan};
use super::tail::Openings;

const START: &str = "2027-01-11T08:00:00Z";

/// A world in which the mail service takes nothing for person 10, just announced.
fn unreached() -> Perfect {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.run("2027-01-04T20:00:00Z");
    let because = |person| vec![super::event::Because { why: "it came back".to_owned(), people: vec![person] }];
    world.commit(By::Operator, vec![Event::Bounced { people: because(id(10)) }]);
    world
}

fn hand(world: &Perfect, person: ObjectId, date: Timestamp) -> Result<Vec<Event>, String> {
    let handing = Handing { people: vec![person], date, why: "by hand".to_owned() };
    world.with_ground(|ground| make(ground, &handing))
}

#[test]
fn a_letter_counts_as_the_notice_that_a_mail_would_have_been() {
    let mut world = unreached();
    let handed = world.now;
    let events = hand(&world, id(10), at(START)).unwrap();
    assert!(matches!(&events[..], [Event::Handed { stage, .. }] if stage == "pilot"), "{events:?}");
    world.commit(By::Operator, events);
    let person = world.state.people.get(id(10)).unwrap();
    assert_eq!((person.first_told(), person.promise(), person.refused()), (Some(handed), Some(at(START)), None));
    assert!(person.marks().handed);
    // A report about an earlier mail takes back no letter.
    let late = super::observed::Bounce { person: id(10), at: world.now + hours(4), why: "full".to_owned() };
    assert_eq!(super::bounces::taken_back(&world.state, &[late]), []);
    world.run("2027-01-12T00:00:00Z");
    assert!(world.members.contains(&id(10)), "enforced on the date");
    let mails = world
        .records
        .iter()
        .filter(|record| record.at > handed)
        .any(|record| matches!(&record.event, Event::NoticeIntent { people, .. } if people.contains(&id(10))));
    assert!(!mails, "no mail reaches them");
}

#[test]
fn what_does_not_count_is_refused_with_the_reason() {
    let cases: [(&str, u128, Timestamp, &str); 7] = [
        ("2027-01-04T21:00:00Z", 10, at(START) + hours(1), "must name 2027-01-11T08:00:00Z, not 2027-01-11T09:00:00Z"),
        ("2027-01-04T21:00:00Z", 11, at(START), "was told 2027-01-11T08:00:00Z already"),
        ("2027-01-04T21:00:00Z", 25, at(START), "is in no stage and not in the tail"),
        ("2027-01-10T09:00:00Z", 10, at(START), "it is too late for 2027-01-11T08:00:00Z"),
        ("2027-01-12T09:00:00Z", 11, at(START), "MFA is required of this person already"),
        ("2027-01-04T21:00:00Z", 1, at(START), "is in no stage"),
        ("2027-01-04T21:00:00Z", 10, at(START) - hours(1), "must name"),
    ];
    for (now, person, date, words) in cases {
        let mut world = unreached();
        if at(now) > at("2027-01-11T00:00:00Z") {
            world.run(now);
        }
        world.now = at(now);
        let answer = hand(&world, id(person), date);
        assert!(answer.as_ref().is_err_and(|why| why.contains(words)), "{now} {person} {date}: {answer:?}");
    }
    let world = unreached();
    let both = Handing { people: vec![id(10), id(11)], date: at(START), why: "by hand".to_owned() };
    assert!(world.with_ground(|ground| make(ground, &both)).is_err(), "everybody or nobody");
    let silent = Handing { people: vec![id(10)], date: at(START), why: " ".to_owned() };
    assert!(world.with_ground(|ground| make(ground, &silent)).is_err(), "a reason is needed");
}

#[test]
fn a_letter_of_the_tail_names_a_date_that_can_be_kept_and_leaves_time_to_hand_it_over() {
    let mut world = unreached();
    let carried = Event::Carried { stage: "pilot".to_owned(), why: "a test".to_owned(), people: vec![id(10)] };
    world.commit(By::Schedule, vec![carried]);
    let person = world.state.people.get(id(10)).unwrap();
    let (limits, date) = world.with_ground(|ground| {
        let openings = Openings::new(ground);
        (named(ground, &openings, &person).unwrap(), printed(ground, &openings, &person).unwrap())
    });
    assert!(limits.earliest <= date - days(7) && date <= limits.latest, "{limits:?} {date}");
    for (date, counts) in [
        (limits.earliest - hours(1), false),
        (limits.earliest, true),
        (date, true),
        (limits.latest, true),
        (limits.latest + hours(1), false),
    ] {
        assert_eq!(hand(&world, id(10), date).is_ok(), counts, "{date}");
    }
    // Days later it still does, while the minimum notice is kept.
    world.now += days(5);
    let events = hand(&world, id(10), date).unwrap();
    world.commit(By::Operator, events);
    world.run(&(date + hours(1)).to_string());
    let enforced = world.state.people.get(id(10)).unwrap();
    assert_eq!(enforced.home(), Home::Tail);
    assert!(enforced.enforced_since().is_some_and(|since| since >= date), "{enforced:?}");
}

#[test]
fn a_mark_that_no_program_makes_is_no_person() {
    let mut world = unreached();
    let events = hand(&world, id(10), at(START)).unwrap();
    world.commit(By::Operator, events);
    let mut row = world.state.people.get(id(10)).unwrap().row();
    assert!(super::person::PersonState::of_row(&row).is_some_and(|person| person.marks().handed));
    *row.last_mut().unwrap() |= 1 << 6;
    assert_eq!(super::person::PersonState::of_row(&row), None);
}
