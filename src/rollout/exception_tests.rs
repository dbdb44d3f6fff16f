//! What may be asked for one person, and what becomes of it.

use jiff::Timestamp;

use super::decide::Action;
use super::event::{Because, By, Event, Slot};
use super::exception::{Excepted, Request, end, make};
use super::id::ObjectId;
use super::person::Home;
use super::rebook;
use super::sample::{Perfect, at, attempts, days, hours, id, plan};
use super::state::{Phase, TAIL};
use super::told::Due;

const BEGIN: &str = "2027-01-01T08:00:00Z";

/// After the pilot's announcement, before its start.
fn announced() -> Perfect {
    let mut world = Perfect::new(plan(), BEGIN);
    world.run("2027-01-06T00:00:00Z");
    world
}

fn ask(world: &Perfect, person: u128, what: Excepted) -> Result<Event, String> {
    let request = Request { person: id(person), what, why: "a reason".to_owned(), owner: "somebody".to_owned() };
    world.with_ground(|ground| make(ground, request))
}

fn except(world: &mut Perfect, person: u128, what: Excepted) {
    let event = ask(world, person, what).unwrap();
    world.commit(By::Operator, vec![event]);
}

/// What somebody was told, in order.
fn told(world: &Perfect, person: u128) -> Vec<(Slot, Timestamp, Timestamp)> {
    let intents = world.records.iter().filter_map(|record| match &record.event {
        Event::NoticeIntent { slot, instant, people, .. } if people.contains(&id(person)) => Some((*slot, record.at, *instant)),
        _ => None,
    });
    intents.collect()
}

fn enforced_at(world: &Perfect, person: u128) -> Option<Timestamp> {
    let holds = |people: &Vec<ObjectId>| people.contains(&id(person));
    world
        .records
        .iter()
        .find(|record| matches!(&record.event, Event::EnforceIntent { people, .. } if holds(people)))
        .map(|record| record.at)
}

#[test]
fn what_may_not_be_is_refused_with_what_may() {
    let world = announced();
    let until = |text: &str| at(text);
    let table: [(u128, Excepted, Option<&str>); 13] = [
        (10, Excepted::Deferred { until: until("2027-01-20T08:00:00Z") }, None),
        (10, Excepted::Deferred { until: until("2027-01-11T07:00:00Z") }, Some("a deferral goes beyond it")),
        (10, Excepted::Deferred { until: until("2027-03-20T08:00:00Z") }, Some("exceptions.defer_longest allows")),
        (10, Excepted::Exempt { until: until("2027-03-20T08:00:00Z") }, None),
        (10, Excepted::Exempt { until: until("2027-01-05T08:00:00Z") }, Some("an exemption ends in the future")),
        (10, Excepted::Exempt { until: until("2027-01-08T08:00:00Z") }, Some("which is later")),
        (10, Excepted::Exempt { until: until("2028-03-20T08:00:00Z") }, Some("exceptions.exempt_longest")),
        (10, Excepted::Volunteer, None),
        (10, Excepted::Absent, None),
        (20, Excepted::Absent, Some("was not told a date yet")),
        (10, Excepted::Back { at: world.now }, Some("is not absent")),
        (1, Excepted::Volunteer, Some("break-glass")),
        (99, Excepted::Volunteer, Some("does not have this person")),
    ];
    for (person, what, expected) in table {
        let answer = ask(&world, person, what);
        match expected {
            None => assert!(answer.is_ok(), "{what:?}: {answer:?}"),
            Some(words) => assert!(answer.as_ref().is_err_and(|why| why.contains(words)), "{what:?}: {answer:?}"),
        }
    }
    assert!(world.with_ground(|ground| end(ground, id(10), "it is over".to_owned())).is_err());
}

#[test]
fn somebody_is_deferred_so_often_and_no_more() {
    let mut world = announced();
    for (n, until) in ["2027-01-20T08:00:00Z", "2027-02-01T08:00:00Z", "2027-02-10T08:00:00Z"].into_iter().enumerate() {
        let answer = ask(&world, 10, Excepted::Deferred { until: at(until) });
        assert_eq!(answer.is_ok(), n < 2, "{answer:?}");
        if let Ok(event) = answer {
            world.commit(By::Operator, vec![event]);
            world.run(&(world.now + days(1)).to_string());
        }
    }
}

#[test]
fn whoever_is_deferred_is_told_and_enforced_on_that_date() {
    let mut world = announced();
    let until = at("2027-01-20T08:00:00Z");
    except(&mut world, 10, Excepted::Deferred { until });
    let asked = world.now;
    world.run("2027-01-30T00:00:00Z");
    let [(Slot::Announcement, _, first), (Slot::Deferred, when, second)] = told(&world, 10)[..] else {
        panic!("{:?}", told(&world, 10))
    };
    assert_eq!((first, when, second), (at("2027-01-11T08:00:00Z"), asked, until));
    assert_eq!(enforced_at(&world, 10), Some(until));
    assert_eq!(enforced_at(&world, 11), Some(first), "the others keep theirs");
}

#[test]
fn an_exemption_ends_with_notices_two_weeks_and_three_days_before() {
    let mut world = announced();
    world.readiness = super::observed::Readiness::Unregistered;
    let until = at("2027-03-01T08:00:00Z");
    except(&mut world, 10, Excepted::Exempt { until });
    world.run("2027-03-10T00:00:00Z");
    let told = told(&world, 10);
    let kinds: Vec<_> = told.iter().map(|(slot, ..)| *slot).collect();
    assert_eq!(kinds, [Slot::Announcement, Slot::Exempt, Slot::Correction, Slot::Reminder(1)], "{told:?}");
    let (_, fresh, named) = told[2];
    assert!(named == until && until - fresh >= days(14) && until - fresh <= days(14) + hours(3), "{fresh}");
    assert_eq!((told[3].1, told[3].2), (until - days(3), until));
    assert_eq!(enforced_at(&world, 10), Some(until));
}

#[test]
fn an_exemption_that_is_taken_back_leads_to_a_date_in_time() {
    let mut world = announced();
    except(&mut world, 10, Excepted::Exempt { until: at("2027-05-01T08:00:00Z") });
    world.run("2027-01-08T00:00:00Z");
    let event = world.with_ground(|ground| end(ground, id(10), "not needed".to_owned())).unwrap();
    world.commit(By::Operator, vec![event]);
    let ended = world.now;
    world.run("2027-05-20T00:00:00Z");
    let (_, when, named) = *told(&world, 10).last().unwrap();
    assert!(when >= ended && named >= at("2027-05-01T08:00:00Z"), "the promise only moves later: {named}");
    assert_eq!(enforced_at(&world, 10), Some(named));
}

#[test]
fn a_date_told_with_an_exemption_stands_when_it_is_taken_back_and_is_not_told_twice() {
    let mut world = announced();
    let until = at("2027-05-01T08:00:00Z");
    except(&mut world, 10, Excepted::Exempt { until });
    // Past the fresh notice; the stages are over.
    world.run("2027-04-20T00:00:00Z");
    let before = told(&world, 10);
    let event = world.with_ground(|ground| end(ground, id(10), "not needed".to_owned())).unwrap();
    assert!(matches!(event, Event::ExceptionEnded { stands: Some(date), .. } if date == until), "{event:?}");
    world.commit(By::Operator, vec![event]);
    world.run("2027-05-20T00:00:00Z");
    assert_eq!(told(&world, 10), before);
    assert_eq!(enforced_at(&world, 10), Some(until));
}

#[test]
fn a_date_that_nobody_knows_to_have_arrived_is_followed_by_another_once_it_has_passed() {
    let mut world = announced();
    except(&mut world, 10, Excepted::Exempt { until: at("2027-03-01T08:00:00Z") });
    let (end, mut lost) = (at("2027-05-20T00:00:00Z"), 0);
    loop {
        let decision = world.decision();
        let lose = |due: &&Due| lost < 2 && due.slot == Slot::Correction && due.people == [id(10)];
        let due = match &decision.action {
            Some(Action::Notify(due)) => Some(due).filter(lose).cloned(),
            _ => None,
        };
        let Some(doubted) = due else {
            if world.carry_out(decision, end) {
                continue;
            }
            break;
        };
        lost += 1;
        let (people, unknown) = (doubted.people.clone(), doubted.people);
        let (stage, slot, instant, from) = (TAIL.to_owned(), doubted.slot, doubted.instant, doubted.from);
        world.commit(By::Schedule, vec![Event::NoticeIntent { stage, slot, instant, people, from }]);
        let (intent, accepted, refused, not_sent) = (world.state.seq, Vec::new(), Vec::new(), Vec::new());
        world.commit(By::Schedule, vec![Event::NoticeOutcome { intent, accepted, refused, unknown, not_sent }]);
    }
    let corrections: Vec<_> = told(&world, 10).into_iter().filter(|(slot, ..)| *slot == Slot::Correction).collect();
    let [_, (_, _, doubted), (_, said, named)] = corrections[..] else { panic!("{corrections:?}") };
    assert!(said >= doubted && named > said, "{corrections:?}");
    assert_eq!(enforced_at(&world, 10), Some(named));
}

#[test]
fn a_volunteer_goes_before_everybody_and_only_once_the_mail_is_accepted() {
    let mut world = announced();
    except(&mut world, 20, Excepted::Volunteer);
    let asked = world.now;
    world.run(&(asked + hours(2)).to_string());
    assert_eq!(told(&world, 20), [(Slot::Volunteered, asked, asked)]);
    assert_eq!(enforced_at(&world, 20), Some(asked));
    let order: Vec<_> = world.records.iter().map(|record| matches!(record.event, Event::EnforceIntent { .. })).collect();
    let mail = world
        .records
        .iter()
        .position(|r| matches!(&r.event, Event::NoticeOutcome { accepted, .. } if accepted.contains(&id(20))));
    assert!(mail < order.iter().position(|is| *is), "told first");
    assert!(world.with_ground(|ground| end(ground, id(20), "no".to_owned())).is_err());
}

#[test]
fn whoever_is_away_has_a_date_after_they_are_back_or_at_the_latest_after_so_long() {
    for back in [Some("2027-01-15T09:00:00Z"), None] {
        let mut plan = plan();
        plan.exceptions.absent = vec![super::id::PersonRef::Id(id(10))];
        let mut world = Perfect::new(plan, BEGIN);
        world.run("2027-01-12T00:00:00Z");
        assert_eq!(enforced_at(&world, 10), None, "away when the date came");
        if let Some(back) = back {
            world.run(back);
            world.sign_ins = Some(attempts([10], at(back), 0));
        }
        world.run("2027-04-10T00:00:00Z");
        let enforced = enforced_at(&world, 10).unwrap();
        let earliest = back.map_or(at("2027-01-11T08:00:00Z") + days(60), |back| at(back) + days(7));
        assert!(enforced >= earliest && enforced <= earliest + days(5), "{back:?}: {enforced}");
        let told = told(&world, 10);
        assert!(told.iter().any(|(slot, ..)| *slot == Slot::Withdrawn), "{told:?}");
        assert_eq!(told.last().map(|(_, _, named)| *named), Some(enforced));
    }
}

#[test]
fn a_failed_sign_in_is_no_return() {
    let mut plan = plan();
    plan.exceptions.absent = vec![super::id::PersonRef::Id(id(10))];
    let mut world = Perfect::new(plan, BEGIN);
    world.run("2027-01-13T00:00:00Z");
    world.sign_ins = Some(attempts([10], world.now, 50_126));
    world.run("2027-02-10T00:00:00Z");
    assert!(matches!(world.state.exceptions.get(&id(10)).map(|e| e.what), Some(Excepted::Absent)));
}

#[test]
fn a_bounced_notice_is_no_notice() {
    let mut world = announced();
    let back = vec![Because { why: "a report".to_owned(), people: vec![id(10)] }];
    world.commit(By::Operator, vec![Event::Bounced { people: back }]);
    assert_eq!(world.state.people.get(id(10)).unwrap().first_told(), None);
    world.run("2027-01-30T00:00:00Z");
    let told = told(&world, 10);
    let fresh = told.iter().find(|(_, when, _)| *when > at("2027-01-06T00:00:00Z")).unwrap();
    assert!(enforced_at(&world, 10).unwrap() - fresh.1 >= days(2), "the minimum notice counts from the new one: {told:?}");
}

#[test]
fn a_missed_stage_withdraws_its_date_and_a_rebooked_one_tells_another() {
    let mut world = announced();
    world.observed.pause_file = Some("a test".to_owned());
    world.run("2027-01-12T00:00:00Z");
    assert!(matches!(world.state.stages[0].phase, Phase::Missed { .. }));
    assert_eq!(told(&world, 10).last().map(|(slot, ..)| *slot), Some(Slot::Withdrawn));
    world.observed.pause_file = None;
    let begin = |world: &Perfect, start: &str| {
        world.with_ground(|ground| rebook::begin(ground, "pilot", start.parse().unwrap(), "a reason".to_owned()))
    };
    for (start, words) in [
        ("2027-01-13T09:00:00", "the earliest is"),
        ("2027-01-26T09:00:00", "stage `everyone` behind it starts"),
        ("2027-01-12T09:00:00", "the earliest is"),
    ] {
        let answer = begin(&world, start);
        assert!(answer.as_ref().is_err_and(|why| why.contains(words)), "{start}: {answer:?}");
    }
    let start = at("2027-01-18T08:00:00Z");
    let events = begin(&world, "2027-01-18T09:00:00").unwrap();
    world.commit(By::Operator, events);
    world.run("2027-01-24T00:00:00Z");
    let last = told(&world, 10);
    assert!(last.iter().any(|(slot, _, named)| (*slot, *named) == (Slot::Correction, start)), "{last:?}");
    assert_eq!(enforced_at(&world, 10), Some(start));
    assert!(begin(&world, "2027-02-18T09:00:00").is_err(), "only a missed stage is rebooked");
}

#[test]
fn people_of_the_tail_wait_for_a_date_that_can_be_kept() {
    let mut world = announced();
    // Carried over while the stages are far from over.
    let carried = Event::Carried { stage: "pilot".to_owned(), why: "a test".to_owned(), people: vec![id(10)] };
    world.commit(By::Schedule, vec![carried]);
    world.run("2027-02-20T00:00:00Z");
    let named = told(&world, 10).last().unwrap().2;
    let last = world.state.stages[1].since;
    assert!(named >= last, "{named} is told, and the last stage is over at {last}");
    assert_eq!(enforced_at(&world, 10), Some(named));
    assert_eq!(world.state.people.get(id(10)).unwrap().home(), Home::Tail);
    assert_eq!(world.state.home_name(Home::Tail), TAIL);
}

#[test]
fn capable_people_are_told_once_that_nothing_is_left_to_do_where_that_is_true() {
    for (takes, expected) in [(super::observed::Takes::AnyMethod, 1), (super::observed::Takes::Less, 0)] {
        let mut plan = plan();
        plan.notices.before = vec![days(7), days(3), days(1)];
        let mut world = Perfect::new(plan, BEGIN);
        world.safety.policy.takes = takes;
        world.run("2027-01-12T00:00:00Z");
        let told = told(&world, 10);
        assert_eq!(told.iter().filter(|(slot, ..)| *slot == Slot::Ready).count(), expected, "{told:?}");
        assert!(!told.iter().any(|(slot, ..)| matches!(slot, Slot::Reminder(_))), "{told:?}");
    }
}
