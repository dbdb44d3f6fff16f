//! What is counted, how often, and what is kept of it.

use jiff::{SignedDuration, Timestamp};

use super::counts::{Counts, Said, expected};
use super::event::Event;
use super::forecast::{Band, Reading};
use super::observed::Readiness;
use super::plan::{Bound, Gate, GateAt, Measure};
use super::sample::{Perfect, at, days, during, plan};

/// Everything that was counted in a rollout up to an instant.
fn counted(world: &Perfect) -> Vec<(Timestamp, Reading, Timestamp)> {
    let of = |record: &super::event::Record| match &record.event {
        Event::Counted { stage, reading, start, .. } if stage == "everyone" => Some((record.at, *reading, *start)),
        _ => None,
    };
    world.records.iter().filter_map(of).collect()
}

#[test]
fn a_stage_is_counted_once_a_day_from_its_announcement_and_once_more_on_its_date() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.readiness = Readiness::Capable;
    world.run("2027-01-26T08:00:00Z");
    let all = counted(&world);
    let start = world.plan.stages[1].start.instant;
    assert_eq!(all.len(), 8, "{all:?}");
    assert_eq!(all[0].0, start - days(7));
    for (nth, (recorded, reading, of_start)) in all.iter().enumerate() {
        let slot = start - days(7 - i64::try_from(nth).unwrap());
        assert!(*recorded >= slot && recorded.duration_since(slot) < SignedDuration::from_hours(12), "{recorded}");
        assert_eq!((reading.capable, reading.known, *of_start), (reading.roster, reading.roster, start));
    }
    let counts = &world.state.counts["everyone"];
    assert_eq!(counts.came, Some(all[7].1));
    assert!(counts.said.iter().all(|said| said.band.mid > 0.98), "{:?}", counts.said);
    assert!(counts.said.len() >= 3);
}

#[test]
fn the_forecasts_of_two_weeks_a_week_and_a_day_before_are_compared() {
    let start = at("2027-01-25T08:00:00Z");
    let said = |before: i64, mid: f64| Said {
        at: start - days(before) + SignedDuration::from_mins(7),
        band: Band { low: mid, mid, high: mid },
    };
    let counts = Counts {
        since: start - days(20),
        last: start,
        readings: Vec::new(),
        said: vec![said(15, 0.1), said(14, 0.2), said(13, 0.3), said(7, 0.4), said(2, 0.5), said(1, 0.6)],
        start,
        came: None,
    };
    let compared: Vec<_> = counts.compared().iter().map(|one| (one.days, one.said.band.mid)).collect();
    assert_eq!(compared, [(14, 0.2), (7, 0.4), (1, 0.6)]);
}

#[test]
fn a_coming_stage_has_a_line_and_one_that_began_has_none() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    let line = |world: &Perfect, stage: usize| world.with_ground(|ground| expected(ground, &ground.state.stages[stage]));
    assert_eq!(line(&world, 0), None, "nothing was announced");
    world.run("2027-01-04T09:00:00Z");
    assert_eq!(line(&world, 0).unwrap(), "too little is known to expect a share on its date");
    world.run("2027-01-10T09:00:00Z");
    let said = Said { at: world.now, band: Band { low: 0.791, mid: 0.87, high: 0.93 } };
    world.state.counts.get_mut("pilot").unwrap().said.push(said);
    let says = "expected 87 % registered on Mon 2027-01-11 (P10-P90: 79 % to 93 %)";
    assert_eq!(line(&world, 0).unwrap(), format!("{says}; go: no gate asks for a share"));
    for (asked, advice) in
        [(0.8, "go: the 80 % that the start asks for are likely"), (0.9, "look: the 90 % that the start asks for are not likely")]
    {
        let (measure, at, bound) = (Measure::RegisteredShare, GateAt::Start, Bound::AtLeast(asked));
        world.plan.gates = vec![Gate { measure, at, bound, ..during(1) }];
        let line = line(&world, 0).unwrap();
        assert!(line.starts_with(&format!("{says}; {advice}")), "{line}");
    }
    world.plan.gates.clear();
    world.run("2027-01-11T09:00:00Z");
    assert_eq!(line(&world, 0), None, "it has begun");
}
