//! Tables over real clock changes, and a property against an oracle that walks minute by minute.

use jiff::civil::{DateTime, Time};
use proptest::prelude::*;

use super::*;
use crate::rollout::plan::Blackout;

const MON_TO_THU: u8 = 0b000_1111;
const EVERY_DAY: u8 = 0b111_1111;

fn zone_of(name: &str) -> TimeZone {
    zone(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(days: u8, from: &str, to: &str) -> Window {
    let to = (to != "24:00").then(|| to.parse().unwrap());
    Window { days, from: from.parse().unwrap(), to }
}

fn calendar(windows: Vec<Window>, blackouts: &[(&str, &str)]) -> Calendar {
    let blackouts = blackouts.iter().map(|(from, to)| Blackout { from: at(from), to: at(to), why: "test".to_owned() }).collect();
    Calendar { windows, blackouts }
}

#[test]
fn the_bundled_data_has_names_and_a_version() {
    assert!(zone("Europe/Berlin").is_some());
    assert!(zone("Europe/Berlim").is_none());
    assert!(zone("Etc/Unknown").is_none());
    assert!(tzdb_version().starts_with("20"), "{}", tzdb_version());
}

#[test]
fn a_civil_time_means_one_instant_or_lies_in_a_gap() {
    let table = [
        ("Europe/Berlin", "2027-03-28T01:59", Ok("2027-03-28T00:59:00Z")),
        ("Europe/Berlin", "2027-03-28T02:00", Err(("2027-03-28T01:59", "2027-03-28T03:00"))),
        ("Europe/Berlin", "2027-03-28T02:30", Err(("2027-03-28T01:59", "2027-03-28T03:00"))),
        ("Europe/Berlin", "2027-03-28T03:00", Ok("2027-03-28T01:00:00Z")),
        ("Europe/Berlin", "2027-10-31T01:59", Ok("2027-10-30T23:59:00Z")),
        ("Europe/Berlin", "2027-10-31T02:30", Ok("2027-10-31T01:30:00Z")), // the second 02:30
        ("Europe/Berlin", "2027-10-31T03:00", Ok("2027-10-31T02:00:00Z")),
        ("Europe/London", "2027-03-28T01:15", Err(("2027-03-28T00:59", "2027-03-28T02:00"))),
        ("Europe/London", "2027-10-31T01:30", Ok("2027-10-31T01:30:00Z")),
        ("America/New_York", "2027-03-14T02:00", Err(("2027-03-14T01:59", "2027-03-14T03:00"))),
        ("America/New_York", "2027-11-07T01:00", Ok("2027-11-07T06:00:00Z")),
        ("Australia/Lord_Howe", "2027-10-03T02:15", Err(("2027-10-03T01:59", "2027-10-03T02:30"))),
        ("Australia/Lord_Howe", "2027-10-03T02:30", Ok("2027-10-02T15:30:00Z")),
        ("Australia/Lord_Howe", "2027-04-04T01:45", Ok("2027-04-03T15:15:00Z")), // half an hour later, the second time
        ("Asia/Kolkata", "2027-03-28T02:30", Ok("2027-03-27T21:00:00Z")),
    ];
    for (name, civil, expected) in table {
        let expected = match expected {
            Ok(instant) => Ok(at(instant)),
            Err((before, after)) => Err(Gap { before: before.parse().unwrap(), after: after.parse().unwrap() }),
        };
        assert_eq!(resolve(civil.parse().unwrap(), &zone_of(name)), expected, "{name} {civil}");
    }
}

#[test]
fn a_window_follows_the_wall_clock() {
    let night = || vec![window(EVERY_DAY, "02:30", "04:00")];
    let table = [
        // an ordinary night: half-open
        ("Europe/Berlin", night(), "2027-03-27T01:29:59Z", false),
        ("Europe/Berlin", night(), "2027-03-27T01:30:00Z", true),
        ("Europe/Berlin", night(), "2027-03-27T02:59:59Z", true),
        ("Europe/Berlin", night(), "2027-03-27T03:00:00Z", false),
        // spring: 02:30 is skipped, so the window opens at 03:00 = 01:00Z
        ("Europe/Berlin", night(), "2027-03-28T00:59:59Z", false),
        ("Europe/Berlin", night(), "2027-03-28T01:00:00Z", true),
        ("Europe/Berlin", night(), "2027-03-28T02:00:00Z", false),
        // autumn: the clock shows 02:30 to 03:00 twice
        ("Europe/Berlin", night(), "2027-10-31T00:45:00Z", true),
        ("Europe/Berlin", night(), "2027-10-31T01:15:00Z", false),
        ("Europe/Berlin", night(), "2027-10-31T01:45:00Z", true),
        ("Europe/Berlin", night(), "2027-10-31T03:00:00Z", false),
        // days are days of the zone, not of UTC
        ("Asia/Kolkata", vec![window(0b1, "00:00", "06:00")], "2027-03-28T18:30:00Z", true),
        ("Asia/Kolkata", vec![window(0b1, "00:00", "06:00")], "2027-03-28T18:29:59Z", false),
        ("America/New_York", vec![window(0b100_0000, "18:00", "24:00")], "2027-03-15T03:59:59Z", true),
        ("America/New_York", vec![window(0b100_0000, "18:00", "24:00")], "2027-03-15T04:00:00Z", false),
    ];
    for (name, windows, now, expected) in table {
        assert_eq!(is_open(&calendar(windows, &[]), &zone_of(name), at(now)), expected, "{name} {now}");
    }
}

#[test]
fn no_windows_means_always_but_for_blackouts() {
    let berlin = zone_of("Europe/Berlin");
    let free = calendar(vec![], &[]);
    assert!(is_open(&free, &berlin, at("2027-01-01T00:00:00Z")));
    assert_eq!(closes(&free, &berlin, at("2027-01-01T00:00:00Z")), None);
    let easter = calendar(vec![], &[("2027-03-25T23:00:00Z", "2027-03-29T22:00:00Z")]);
    assert_eq!(closes(&easter, &berlin, at("2027-03-20T00:00:00Z")), Some(at("2027-03-25T23:00:00Z")));
    assert_eq!(next_open(&easter, &berlin, at("2027-03-26T00:00:00Z")), Some(at("2027-03-29T22:00:00Z")));
    assert!(is_open(&easter, &berlin, at("2027-03-29T22:00:00Z")), "the end is outside");
    let ever = calendar(vec![], &[("2027-01-01T00:00:00Z", "2099-01-01T00:00:00Z")]);
    assert_eq!(next_open(&ever, &berlin, at("2027-03-26T00:00:00Z")), None);
}

#[test]
fn closing_and_opening_are_found_at_edges() {
    let office = || calendar(vec![window(MON_TO_THU, "08:30", "15:00")], &[("2027-03-25T23:00:00Z", "2027-03-29T22:00:00Z")]);
    let table = [
        ("2027-03-25T09:00:00Z", Some("2027-03-25T14:00:00Z"), Some("2027-03-25T09:00:00Z")),
        // Thursday evening: next is Tuesday after Easter, in summer time
        ("2027-03-25T18:00:00Z", Some("2027-03-25T18:00:00Z"), Some("2027-03-30T06:30:00Z")),
        ("2027-03-26T09:00:00Z", Some("2027-03-26T09:00:00Z"), Some("2027-03-30T06:30:00Z")),
    ];
    for (from, closed, opened) in table {
        let berlin = zone_of("Europe/Berlin");
        assert_eq!(closes(&office(), &berlin, at(from)), closed.map(at), "closes {from}");
        assert_eq!(next_open(&office(), &berlin, at(from)), opened.map(at), "opens {from}");
    }
    let whole_days = calendar(vec![window(EVERY_DAY, "00:00", "24:00")], &[]);
    assert_eq!(closes(&whole_days, &zone_of("Europe/Berlin"), at("2027-03-25T09:00:00Z")), None, "neighbouring days join");
    let skipped = calendar(vec![window(EVERY_DAY, "02:10", "02:20")], &[]);
    let lord_howe = zone_of("Australia/Lord_Howe");
    // 3 October has no 02:10: the next is a day later, at +11:00
    assert_eq!(next_open(&skipped, &lord_howe, at("2027-10-02T15:00:00Z")), Some(at("2027-10-03T15:10:00Z")));
}

#[test]
fn the_latest_start_is_cut_where_the_calendar_closes() {
    let hours = SignedDuration::from_hours;
    let office = calendar(vec![window(MON_TO_THU, "08:30", "15:00")], &[]);
    let berlin = zone_of("Europe/Berlin");
    let table = [
        ("2027-01-11T08:00:00Z", hours(4), "2027-01-11T12:00:00Z"),
        ("2027-01-11T08:00:00Z", hours(24), "2027-01-11T14:00:00Z"),
        ("2027-01-11T20:00:00Z", hours(4), "2027-01-11T20:00:00Z"), // outside: not a moment
    ];
    for (start, late_by, expected) in table {
        assert_eq!(latest_start(&office, &berlin, at(start), late_by), at(expected), "{start}");
    }
    let blackout = calendar(vec![], &[("2027-01-11T10:00:00Z", "2027-01-12T10:00:00Z")]);
    assert_eq!(latest_start(&blackout, &berlin, at("2027-01-11T08:00:00Z"), hours(4)), at("2027-01-11T10:00:00Z"));
    assert_eq!(latest_start(&calendar(vec![], &[]), &berlin, Timestamp::MAX, hours(4)), Timestamp::MAX);
}

/// Whether the wall clock shows a time inside, written without the code above: minutes of the day.
fn oracle_open(calendar: &Calendar, zone: &TimeZone, now: Timestamp) -> bool {
    let shown: DateTime = now.to_zoned_datetime(zone.clone()).datetime();
    let minute = |time: Time| i32::from(time.hour()) * 60 + i32::from(time.minute());
    let here = minute(shown.time());
    let weekday = u32::try_from(shown.weekday().to_monday_one_offset()).unwrap() - 1;
    let inside = calendar.windows.iter().any(|window| {
        (u32::from(window.days) & (1 << weekday)) != 0 && minute(window.from) <= here && here < window.to.map_or(24 * 60, minute)
    });
    let dark = calendar.blackouts.iter().any(|blackout| now >= blackout.from && now < blackout.to);
    (calendar.windows.is_empty() || inside) && !dark
}

/// The first minute from `from` on, within `minutes`, at which openness is `wanted`.
fn oracle_first(calendar: &Calendar, zone: &TimeZone, from: Timestamp, minutes: i64, wanted: Openness) -> Option<Timestamp> {
    (0..minutes)
        .map(|minute| from + SignedDuration::from_mins(minute))
        .find(|instant| oracle_open(calendar, zone, *instant) == (wanted == Openness::Open))
}

#[derive(Clone, Copy, PartialEq)]
enum Openness {
    Open,
    Closed,
}

fn any_window() -> impl Strategy<Value = Window> {
    (1_u8..128, 0_i8..96, 1_i8..=96).prop_filter_map("from before to", |(days, from, to)| {
        let time = |quarter: i8| Time::new(quarter / 4, quarter % 4 * 15, 0, 0).ok();
        (from < to).then(|| Window { days, from: time(from).unwrap(), to: time(to) })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_agrees_with_a_minute_by_minute_walk(
        name in prop::sample::select(vec!["Europe/Berlin", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
        change in prop::sample::select(vec!["2027-03-14", "2027-03-28", "2027-04-04", "2027-10-03", "2027-10-31", "2027-11-07"]),
        windows in prop::collection::vec(any_window(), 0..3),
        dark in prop::collection::vec((0_i64..5000, 1_i64..3000), 0..3),
        offset in 0_i64..4000,
    ) {
        let zone = zone_of(name);
        let base = at(&format!("{change}T00:00:00Z")) - SignedDuration::from_hours(48);
        let minutes = |count: i64| base + SignedDuration::from_mins(count);
        let blackouts = dark.iter().map(|(from, len)| Blackout { from: minutes(*from), to: minutes(from + len), why: String::new() });
        let calendar = Calendar { windows, blackouts: blackouts.collect() };
        let from = minutes(offset);
        let seen = 8 * 24 * 60;
        let until = from + SignedDuration::from_mins(seen);
        let near = |found: Option<Timestamp>| found.filter(|instant| *instant < until);
        prop_assert_eq!(is_open(&calendar, &zone, from), oracle_open(&calendar, &zone, from));
        prop_assert_eq!(near(closes(&calendar, &zone, from)), oracle_first(&calendar, &zone, from, seen, Openness::Closed));
        prop_assert_eq!(near(next_open(&calendar, &zone, from)), oracle_first(&calendar, &zone, from, seen, Openness::Open));
    }
}
