//! What share of a stage will have registered on its date, from how its people have registered so far.
//!
//! Pure, and without chance: a fixed set of suppositions (`supposed`) is weighed by how well each explains the readings (`weighed`), and
//! what they foresee is mixed (`mixture`). It moves nothing and stops nothing. Invariant: same readings, same dates, same forecast.

mod advice;
mod calendar;
mod mixture;
mod supposed;
mod weighed;

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use advice::Advice;

use calendar::Calendar;
use weighed::Weighed;

/// Fewer readings than this say too little.
pub const LEAST_READINGS: usize = 4;
/// So do readings over a shorter time after the announcement.
pub const LEAST_TIME: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Readings that end longer ago say nothing of today.
pub const MOST_AGE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// One reading of a stage's people, as counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// When it was true.
    pub at: Timestamp,
    /// People who could pass MFA.
    pub capable: u32,
    /// People of whom it was known whether they could.
    pub known: u32,
    /// People of the stage.
    pub roster: u32,
}

impl Reading {
    /// The share of those of whom it was known; none when that was nobody.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.known > 0).then(|| f64::from(self.capable) / f64::from(self.known))
    }
}

/// What a forecast is made from.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The readings, oldest first.
    pub readings: &'a [Reading],
    /// When notices went out and will go out before the start, oldest first; the first is the announcement.
    pub notices: &'a [Timestamp],
    /// The stage's start.
    pub start: Timestamp,
    /// The zone in which its people work.
    pub zone: &'a TimeZone,
}

/// The share that is expected at an instant: it is below `low` in one of ten cases, and above `high` in one of ten.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// P10.
    pub low: f64,
    /// P50.
    pub mid: f64,
    /// P90.
    pub high: f64,
}

impl Band {
    /// Whether a share lies in it.
    #[must_use]
    pub fn covers(&self, share: f64) -> bool {
        // The bounds are rounded to four digits.
        (self.low - 5e-5..=self.high + 5e-5).contains(&share)
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} % ({:.0}-{:.0} %)", self.mid * 100.0, self.low * 100.0, self.high * 100.0)
    }
}

/// Why nothing is foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLittle {
    /// Nobody has been told yet.
    NoNotice,
    /// There are too few readings: so many.
    FewReadings(usize),
    /// The last reading came too soon after the announcement.
    ShortTime,
    /// The last reading is too old, or there is none.
    OldReading,
    /// Of too few people it is known whether they are ready: so many of so many.
    FewKnown(u32, u32),
    /// The date is not ahead any more.
    Started,
}

impl fmt::Display for TooLittle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNotice => f.write_str("too little is known yet: nobody has been told"),
            Self::FewReadings(count) => write!(f, "too little is known yet: {count} daily readings, {LEAST_READINGS} are needed"),
            Self::ShortTime => {
                write!(f, "too little is known yet: a forecast needs {} days after the announcement", LEAST_TIME.as_hours() / 24)
            }
            Self::OldReading => {
                write!(f, "nothing is known of today: the report was not read for {} days", MOST_AGE.as_hours() / 24)
            }
            Self::FewKnown(known, roster) => write!(f, "too little is known: the report has {known} of {roster} people"),
            Self::Started => f.write_str("the date is not ahead any more"),
        }
    }
}

/// A forecast of one stage.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The share that is expected on the date.
    pub band: Band,
    /// The reading that it begins from.
    pub last: Reading,
    weighed: Weighed,
    calendar: Calendar,
}

/// Makes the forecast at `now`.
///
/// # Errors
/// [`TooLittle`] says why nothing honest can be said.
pub fn forecast(series: &Series<'_>, now: Timestamp) -> Result<Forecast, TooLittle> {
    let told = *series.notices.first().filter(|at| **at <= now).ok_or(TooLittle::NoNotice)?;
    if series.start <= now {
        return Err(TooLittle::Started);
    }
    // The last reading before the announcement is where the curve begins.
    let begin = series.readings.iter().rposition(|reading| reading.at <= told).unwrap_or(0);
    let since = series.readings.get(begin..).unwrap_or_default();
    let since: Vec<Reading> = since.iter().copied().filter(|reading| reading.at <= now && reading.known > 0).collect();
    let last = *since.last().filter(|last| now.duration_since(last.at) <= MOST_AGE).ok_or(TooLittle::OldReading)?;
    if since.len() < LEAST_READINGS {
        return Err(TooLittle::FewReadings(since.len()));
    }
    if last.at.duration_since(told) < LEAST_TIME {
        return Err(TooLittle::ShortTime);
    }
    if last.known.saturating_mul(2) < last.roster {
        return Err(TooLittle::FewKnown(last.known, last.roster));
    }
    let calendar = Calendar::new(told, series.zone);
    let weighed = Weighed::new(&calendar, &since, series);
    let band = weighed.band(&calendar, series.notices, series.start);
    Ok(Forecast { band, last, weighed, calendar })
}
