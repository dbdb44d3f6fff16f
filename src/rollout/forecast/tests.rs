//! What the forecast says of plain series.

use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(nth: i32) -> Timestamp {
    at("2027-01-11T09:00:00Z").checked_add(DAY * nth).unwrap()
}

/// Daily readings of a stage of 200 people that was told on day 0 and starts on day 28; the count of each day.
fn readings(capable: impl Fn(i32) -> u32, days: i32) -> Vec<Reading> {
    (0..=days).map(|nth| Reading { at: day(nth), capable: capable(nth), known: 200, roster: 200 }).collect()
}

const NOTICES: [i32; 4] = [0, 14, 21, 27];

fn of(readings: &[Reading], now: i32, asked: Option<f64>) -> Result<(Band, Advice), TooLittle> {
    let notices = NOTICES.map(day);
    let series = Series { readings, notices: &notices, start: day(28), zone: &TimeZone::UTC };
    let forecast = forecast(&series, day(now))?;
    Ok((forecast.band, forecast.advice(&series, day(now), asked)))
}

#[test]
fn too_little_is_said_so_with_what_is_missing() {
    let some = readings(|nth| 50 + 2 * nth.unsigned_abs(), 20);
    let few_known: Vec<_> = some.iter().map(|reading| Reading { known: 90, ..*reading }).collect();
    for (readings, now, expected) in [
        (&some[..], -1, TooLittle::NoNotice),
        (&some[..2], 2, TooLittle::FewReadings(2)),
        (&some[..3], 2, TooLittle::FewReadings(3)),
        (&some[..], 30, TooLittle::Started),
        (&some[..9], 12, TooLittle::OldReading),
        (&[], 9, TooLittle::OldReading),
        (&few_known[..], 14, TooLittle::FewKnown(90, 200)),
    ] {
        assert_eq!(of(readings, now, None).unwrap_err(), expected);
    }
    let often: Vec<_> =
        (0..20).map(|n| Reading { at: day(0).checked_add(SignedDuration::from_hours(2 * n)).unwrap(), ..some[0] }).collect();
    assert_eq!(of(&often, 2, None).unwrap_err(), TooLittle::ShortTime);
    assert!(of(&some, 14, None).is_ok());
}

#[test]
fn the_same_series_gives_the_same_forecast_and_its_band_is_in_order() {
    for pace in 0..5 {
        let series = readings(|nth| 40 + pace * nth.unsigned_abs(), 14);
        let (band, advice) = of(&series, 14, Some(0.9)).unwrap();
        assert_eq!(of(&series, 14, Some(0.9)).unwrap(), (band, advice));
        assert!(band.low <= band.mid && band.mid <= band.high && band.high <= 1.0, "{band:?}");
        let now = series.last().unwrap().share().unwrap();
        assert!(band.low >= now - 0.01 && band.mid > now - 0.01, "{band:?} from {now}");
    }
}

#[test]
fn a_faster_pace_is_expected_to_come_further_and_less_time_to_be_surer() {
    let mids: Vec<f64> =
        (0..6).map(|pace| of(&readings(|nth| 40 + pace * nth.unsigned_abs(), 14), 14, None).unwrap().0.mid).collect();
    assert!(mids.is_sorted() && mids[5] > mids[0] + 0.2, "{mids:?}");
    let width = |now: i32| {
        let band = of(&readings(|nth| 40 + 4 * nth.unsigned_abs(), now), now, None).unwrap().0;
        band.high - band.low
    };
    assert!(width(7) > width(21) && width(21) > width(26), "{} {} {}", width(7), width(21), width(26));
}

#[test]
fn reminders_that_worked_are_expected_to_work_again() {
    let stepwise = |nth: i32| 60 + if nth >= 14 { 16 * (nth - 14).min(3).unsigned_abs() } else { 0 };
    let without = |_| 60;
    let (with, without) = (of(&readings(stepwise, 19), 19, None).unwrap().0, of(&readings(without, 19), 19, None).unwrap().0);
    let now = 108.0 / 200.0;
    assert!(with.mid - now > 0.1, "{with:?}");
    assert!(without.mid - 0.3 < 0.08, "{without:?}");
}

#[test]
fn the_advice_follows_from_what_the_start_asks_for() {
    let good = readings(|nth| 60 + 6 * nth.unsigned_abs(), 14);
    let slow = readings(|nth| 60 + 4 * nth.unsigned_abs(), 21);
    let stuck = readings(|nth| 60 + 10 * nth.min(4).unsigned_abs(), 26);
    assert_eq!(of(&good, 14, None).unwrap().1, Advice::Go { asked: None });
    assert_eq!(of(&good, 14, Some(0.75)).unwrap().1, Advice::Go { asked: Some(0.75) });
    let moved = of(&slow, 21, Some(0.9)).unwrap().1;
    assert!(matches!(moved, Advice::Move { days: 1..=21, .. }), "{moved}");
    let split = of(&stuck, 26, Some(0.9)).unwrap().1;
    assert_eq!(split, Advice::Split { ready: 100, others: 100, asked: 0.9 });
    assert!(split.to_string().starts_with("split: start the 100 people who are ready, and move the other 100;"), "{split}");
}
