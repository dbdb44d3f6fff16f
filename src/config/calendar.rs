//! `[calendar]`, and the starts of stages: dates to instants.
//!
//! Invariant: a blackout's edge in a clock change is read so that the blackout is the longer one.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::read::{Node, Section};
use super::value::{self, When, Wrong};
use crate::rollout::plan::{Blackout, Calendar, Start, Window};
use crate::rollout::schedule;

pub(super) fn read(section: &Section<'_>, zone: Option<&TimeZone>) -> Option<Calendar> {
    let windows = section.get("windows")?.each(window);
    let blackouts = section.get("blackouts")?.each(|node| blackout(node, zone));
    Some(Calendar { windows: windows?, blackouts: blackouts? })
}

/// A weekly window.
pub(super) fn window(node: &Node<'_>) -> Option<Window> {
    let table = node.section(&["days", "from", "to"]);
    let days = table.need("days", "`days = \"mon-thu\"`").and_then(|days| days.parsed(value::days));
    let from = table.need("from", "`from = \"08:30\"`").and_then(|from| from.parsed(value::time));
    let to = table.need("to", "`to = \"15:00\"`").and_then(|to| to.parsed(value::end_time));
    let window = Window { days: days?, from: from?, to: to? };
    if window.to.is_some_and(|to| to <= window.from) {
        node.error("ends before it begins", "write `from` before `to`; for a window over midnight write two");
        return None;
    }
    Some(window)
}

fn blackout(node: &Node<'_>, zone: Option<&TimeZone>) -> Option<Blackout> {
    let table = node.section(&["from", "to", "why"]);
    let from = table.need("from", "`from = \"2027-03-26\"`").and_then(|from| from.parsed(value::when));
    let to = table.need("to", "`to = \"2027-03-29\"`").and_then(|to| to.parsed(value::when));
    let why = table.optional("why", |why| why.text().map(str::to_owned));
    let (from, to, why) = (edge(from?, zone?, Edge::From)?, edge(to?, zone?, Edge::To)?, why.ok()?.unwrap_or_default());
    if to <= from {
        node.error("ends before it begins", "write `from` before `to`");
        return None;
    }
    Some(Blackout { from, to, why })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    From,
    To,
}

fn edge(when: When, zone: &TimeZone, edge: Edge) -> Option<Timestamp> {
    let civil = match (when, edge) {
        (When::Instant(instant), _) => return Some(instant),
        (When::Civil(civil), _) => civil,
        (When::Day(day), Edge::From) => day.to_datetime(jiff::civil::Time::midnight()),
        (When::Day(day), Edge::To) => day.saturating_add(1.day()).to_datetime(jiff::civil::Time::midnight()),
    };
    let found = zone.to_ambiguous_timestamp(civil);
    if edge == Edge::From { found.earlier().ok() } else { found.later().ok() }
}

/// When a day, or a time in the zone, begins.
pub(super) fn beginning(when: When, zone: &TimeZone) -> Option<Timestamp> {
    edge(when, zone, Edge::From)
}

/// The start of a stage. A time in a gap is an error that names the times around it.
pub(super) fn start(text: &str, zone: &TimeZone) -> Result<Start, Wrong> {
    let (civil, instant) = match value::when(text)? {
        When::Instant(instant) => (zone.to_datetime(instant), instant),
        When::Civil(civil) => {
            let instant = schedule::resolve(civil, zone).map_err(|gap| {
                let message = format!("`{text}` does not exist: the clock goes forward over it");
                Wrong::new(message, format!("write {} or {}", gap.before, gap.after))
            })?;
            (civil, instant)
        }
        When::Day(day) => {
            return Err(Wrong::new("a start needs a time of day", format!("write one such as \"{day}T09:00:00\"")));
        }
    };
    Ok(Start { civil, instant, tzdb: schedule::tzdb_version().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_day_without_a_time_is_included() {
        let zone = schedule::zone("Europe/Berlin").unwrap();
        let edge = |text: &str, which| edge(value::when(text).unwrap(), &zone, which).unwrap().to_string();
        assert_eq!(edge("2027-03-26", Edge::From), "2027-03-25T23:00:00Z");
        assert_eq!(edge("2027-03-29", Edge::To), "2027-03-29T22:00:00Z");
        assert_eq!(edge("2027-10-31T02:30", Edge::From), "2027-10-31T00:30:00Z");
        assert_eq!(edge("2027-10-31T02:30", Edge::To), "2027-10-31T01:30:00Z");
        assert_eq!(edge("2027-10-31T02:30-05:00", Edge::To), "2027-10-31T07:30:00Z");
    }

    #[test]
    fn a_start_in_a_gap_names_the_times_around_it() {
        let zone = schedule::zone("Europe/Berlin").unwrap();
        let wrong = start("2027-03-28T02:30:00", &zone).unwrap_err();
        assert_eq!(wrong.remedy, "write 2027-03-28T01:59:00 or 2027-03-28T03:00:00");
        assert!(start("2027-03-28", &zone).is_err());
        let offset = start("2027-01-11T08:00:00Z", &zone).unwrap();
        assert_eq!(offset.civil.to_string(), "2027-01-11T09:00:00");
    }
}
