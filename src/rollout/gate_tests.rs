//! Gates in whole rollouts: what stops the tail, what a stage needs to be Done, and which time soaks.

use super::event::{By, Event, Verdict};
use super::gate::read;
use super::hold::Clears;
use super::observed::SignIn;
use super::report::report;
use super::sample::{Perfect, at, attempts, during, id, person, plan};
use super::stage::PhaseName;
use super::state::PAUSED;

const BEGIN: &str = "2027-01-01T08:00:00Z";
const FAILED: i64 = 500_121;

fn world(min_sample: u32) -> Perfect {
    let mut plan = plan();
    plan.gates.push(during(min_sample));
    Perfect::new(plan, BEGIN)
}

fn phase(world: &Perfect, stage: &str) -> PhaseName {
    world.state.stage(stage).unwrap().1.phase.name()
}

/// Whether the people of a stage got in, or did not, long after everything.
fn later(people: impl IntoIterator<Item = u128>, code: i64) -> Vec<SignIn> {
    attempts(people, at("2027-06-01T00:00:00Z"), code)
}

#[test]
fn the_tail_has_a_canary_and_its_gates_stop_what_follows() {
    for (name, tail, at_once, in_the_end, held) in [
        ("pass", Some(later(31..=36, 0)), 6, 6, None),
        ("inconclusive", Some(Vec::new()), 2, 6, None),
        ("fail", Some(later(31..=32, FAILED)), 2, 2, Some("gate:tail:people get in")),
        ("no data", None, 2, 2, Some("gate-waits:tail:people get in")),
    ] {
        let mut world = world(2);
        world.sign_ins = Some(later(3..=30, 0));
        world.run("2027-01-20T00:00:00Z");
        world.people.extend((31..=36).map(person));
        world.run("2027-01-30T00:00:00Z");
        assert_eq!(phase(&world, "everyone"), PhaseName::Done, "{name}");
        let date = world.state.people.get(id(31)).unwrap().promise().unwrap();
        world.sign_ins = tail;
        let enforced = |world: &Perfect| (31..=36).filter(|n| world.members.contains(&id(*n))).count();
        world.run(&date.to_string());
        // The log is read once more after the canary; then the gate has its answer.
        world.run(&(date + world.plan.observe.sign_ins).to_string());
        assert_eq!(enforced(&world), at_once, "{name}: at the date");
        world.run(&(date + super::sample::hours(3)).to_string());
        assert_eq!(enforced(&world), in_the_end, "{name}: after the canary's wait");
        let holds: Vec<_> = world.state.holds.values().map(|hold| (hold.id.as_str(), hold.clears)).collect();
        let clears = if name == "fail" { Clears::Human } else { Clears::Itself };
        assert_eq!(holds, held.map(|id| (id, clears)).into_iter().collect::<Vec<_>>(), "{name}");
        let tail = world.with_ground(|ground| report(ground, world.now)).tail;
        assert_eq!(tail.gates.is_empty(), held.is_none(), "{name}: asked while it stops somebody");
        assert_eq!(world.state.evidence.get("tail/people get in").map(|e| e.verdict), (name == "fail").then_some(Verdict::Fail));
        if name == "no data" {
            world.sign_ins = Some(later(31..=36, 0));
            world.run(&(date + super::sample::hours(6)).to_string());
            assert_eq!((enforced(&world), world.state.holds.len()), (6, 0), "{name}: the log can be read again");
        }
    }
}

#[test]
fn a_stage_is_done_only_with_the_sample_of_its_during_gates_or_everybody_it_enforced() {
    let soaked = "2027-01-12T20:00:00Z";
    for (name, min_sample, log, expected) in [
        ("nobody tried", 2, vec![], PhaseName::Soaking),
        ("one too few", 2, later(10..=10, 0), PhaseName::Soaking),
        ("enough", 2, later(10..=11, 0), PhaseName::Done),
        ("a failure", 2, later(10..=11, FAILED), PhaseName::Soaking),
        ("a stage too small, one has not tried", 50, later(10..=13, 0), PhaseName::Soaking),
        ("a stage too small, everybody tried", 50, later(10..=14, 0), PhaseName::Done),
    ] {
        let mut world = world(min_sample);
        world.run("2027-01-11T12:00:00Z");
        assert_eq!(phase(&world, "pilot"), PhaseName::Soaking, "{name}");
        world.sign_ins = Some(log);
        world.run(soaked);
        assert_eq!(phase(&world, "pilot"), expected, "{name}");
        let waits = &world.with_ground(|ground| report(ground, world.now)).stages[0].waits;
        let says = waits.iter().any(|why| why.contains("gate `people get in`"));
        assert_eq!(says, expected == PhaseName::Soaking, "{name}: {waits:?}");
        if expected == PhaseName::Soaking && name != "a failure" {
            world.sign_ins = Some(later(10..=14, 0));
            world.run("2027-01-13T00:00:00Z");
            assert_eq!(phase(&world, "pilot"), PhaseName::Done, "{name}: goes on when the sample is there");
        }
    }
}

#[test]
fn only_watched_and_healthy_time_soaks() {
    type Flaw = fn(&mut Perfect);
    let flaws: [(&str, Flaw, Flaw, &str, &str); 3] = [
        ("nothing", |_| (), |_| (), "2027-01-12T08:00:00Z", "2027-01-12T08:00:00Z"),
        // A reading counts for twice its interval of an hour.
        (
            "no data",
            |world| world.sign_ins = None,
            |world| world.sign_ins = Some(later(10..=14, 0)),
            "2027-01-14T04:00:00Z",
            "2027-01-14T10:00:00Z",
        ),
        (
            "a pause",
            |world| world.commit(By::Operator, vec![Event::paused("a test")]),
            |world| {
                world.commit(
                    By::Operator,
                    vec![Event::Unpaused { hold: PAUSED.to_owned(), allow_start: false, ack: None, why: String::new() }],
                );
            },
            "2027-01-14T06:00:00Z",
            "2027-01-14T10:00:00Z",
        ),
    ];
    for (name, begin, end, earliest, latest) in flaws {
        let mut world = world(2);
        world.sign_ins = Some(later(10..=14, 0));
        world.run("2027-01-11T12:00:00Z");
        begin(&mut world);
        // Two days without data are no matter of this.
        world.plan.limits.max_hold = super::sample::days(7);
        world.run("2027-01-13T12:00:00Z");
        end(&mut world);
        world.run("2027-01-16T00:00:00Z");
        let done = world.records.iter().find(|record| matches!(&record.event, Event::StageMoved { to: PhaseName::Done, .. }));
        let done = done.map(|record| record.at).unwrap();
        assert!(at(earliest) <= done && done <= at(latest), "{name}: {done}");
    }
}

#[test]
fn attempts_count_from_the_accepted_write_on_and_not_of_people_taken_out_by_hand() {
    let mut plan = plan();
    plan.limits.canary = 5;
    plan.gates.push(during(2));
    let mut world = Perfect::new(plan, BEGIN);
    // Between the write and its being read back.
    let soon = at("2027-01-11T08:00:30Z");
    world.sign_ins = Some([attempts([10], soon, FAILED), attempts(11..=14, soon, 0)].concat());
    world.run("2027-01-11T12:00:00Z");
    let counted = |world: &Perfect| {
        world.with_ground(|ground| {
            let (_, stage) = ground.state.stage("pilot").unwrap();
            let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &ground.plan.gates[0]);
            (evidence.hits, evidence.sample)
        })
    };
    assert_eq!(counted(&world), (1, 5));
    world.commit(By::Recovery, vec![Event::ForeignChange { added: vec![], removed: vec![id(10)] }]);
    assert_eq!(counted(&world), (0, 4));
    let pilot = &world.with_ground(|ground| report(ground, world.now)).stages[0];
    assert_eq!(pilot.situations, [("released".to_owned(), 1), ("verified".to_owned(), 4)].into());
}
