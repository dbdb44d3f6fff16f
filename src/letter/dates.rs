//! Instants as people read them: written out in a zone, and in UTC.
//!
//! Pure. Invariant: what is written is never later than the instant, and the offset stands beside it, so that it is unambiguous in the
//! night the clocks change.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// An instant in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The day alone, for a subject: `11 January 2027`, `2027-01-11`.
    pub(super) day: String,
    /// Day, time, zone and offset.
    pub(super) date: String,
    /// Day and time in UTC.
    pub(super) date_utc: String,
}

/// The name of a zone that the bundled zone data does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the zone `{0}` is not known")]
pub(super) struct UnknownZone(String);

/// Writes an instant in a zone, in a language: in words in English and German, in figures in all others.
pub(super) fn write(instant: Timestamp, zone: &str, language: &str) -> Result<Written, UnknownZone> {
    let local = instant.in_tz(zone).map_err(|_| UnknownZone(zone.to_owned()))?;
    let utc = instant.to_zoned_datetime(TimeZone::UTC);
    let (time_there, time_utc, offset) = (time(&local), time(&utc), local.strftime("%:z"));
    let figures = |at: &ZonedDateTime| at.strftime("%Y-%m-%d").to_string();
    let english = |at: &ZonedDateTime| at.strftime("%-d %B %Y").to_string();
    let (day, date, date_utc) = match language.split('-').next() {
        Some("de") => {
            let (day, weekday) = (german_day(&local), german_weekday(&local));
            let date = format!("{weekday}, {day}, um {time_there} Uhr ({zone}, UTC{offset})");
            (day, date, format!("{}, {time_utc} Uhr UTC", german_day(&utc)))
        }
        Some("en") => {
            let (day, weekday) = (english(&local), local.strftime("%A"));
            let date = format!("{weekday}, {day}, at {time_there} ({zone}, UTC{offset})");
            (day, date, format!("{}, {time_utc} UTC", english(&utc)))
        }
        _ => {
            let day = figures(&local);
            let date = format!("{day}, {time_there} ({zone}, UTC{offset})");
            (day, date, format!("{}, {time_utc} UTC", figures(&utc)))
        }
    };
    Ok(Written { day, date, date_utc })
}

/// Seconds only where there are some.
fn time(at: &ZonedDateTime) -> String {
    let format = if at.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    at.strftime(format).to_string()
}

fn german_day(at: &ZonedDateTime) -> String {
    const MONTHS: [&str; 12] =
        ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"];
    let month = usize::try_from(at.month()).ok().and_then(|month| MONTHS.get(month.wrapping_sub(1))).copied().unwrap_or_default();
    format!("{}. {month} {}", at.day(), at.year())
}

fn german_weekday(at: &ZonedDateTime) -> String {
    const DAYS: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];
    let day = usize::try_from(at.weekday().to_monday_zero_offset()).ok().and_then(|day| DAYS.get(day));
    day.copied().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_with_zone_and_utc() {
        for (instant, zone, language, date, utc) in [
            (
                "2027-01-11T08:00:00Z",
                "Europe/Berlin",
                "en",
                "Monday, 11 January 2027, at 09:00 (Europe/Berlin, UTC+01:00)",
                "11 January 2027, 08:00 UTC",
            ),
            (
                "2027-01-11T08:00:00Z",
                "Europe/Berlin",
                "de",
                "Montag, 11. Januar 2027, um 09:00 Uhr (Europe/Berlin, UTC+01:00)",
                "11. Januar 2027, 08:00 Uhr UTC",
            ),
            (
                "2027-10-31T01:30:00Z",
                "Europe/Berlin",
                "en",
                "Sunday, 31 October 2027, at 02:30 (Europe/Berlin, UTC+01:00)",
                "31 October 2027, 01:30 UTC",
            ),
            (
                "2027-03-01T03:30:15.9Z",
                "America/St_Johns",
                "fr",
                "2027-03-01, 00:00:15 (America/St_Johns, UTC-03:30)",
                "2027-03-01, 03:30:15 UTC",
            ),
        ] {
            let written = write(instant.parse().unwrap(), zone, language).unwrap();
            assert_eq!((written.date.as_str(), written.date_utc.as_str()), (date, utc));
        }
        assert!(write(Timestamp::UNIX_EPOCH, "Europe/Nowhere", "en").is_err());
    }
}
