//! What is counted, how often, and what is kept of it.

use jiff::{SignedDuration, Timestamp};

use super::counts::{Counts, Said};
use super::event::Event;
use super::forecast::{Band, Reading};
use super::observed::Readiness;
use super::sample::{Perfect, at, days, plan};

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
