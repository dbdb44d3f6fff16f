//! What a forecast advises, as a value and as a sentence. It is a human who moves a date.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Forecast, Series};

/// No move by more days than this is advised: notices would have been forgotten.
const MOST_DAYS: u16 = 42;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "advice", rename_all = "kebab-case")]
pub enum Advice {
    /// Keep the date.
    Go {
        /// The share that the start asks for, if it asks for one.
        asked: Option<f64>,
    },
    /// Move the date by so many days: then the share that the start asks for is likelier reached than not.
    Move {
        /// How many.
        days: u16,
        /// The share that the start asks for.
        asked: f64,
    },
    /// Start those who are ready, and give the others another date: waiting alone will not bring them.
    Split {
        /// So many are ready now.
        ready: u32,
        /// So many are not.
        others: u32,
        /// The share that the start asks for.
        asked: f64,
    },
}

impl Forecast {
    /// What to do, where the start asks for this share.
    #[must_use]
    pub fn advice(&self, series: &Series<'_>, now: Timestamp, asked: Option<f64>) -> Advice {
        let Some(asked) = asked.filter(|asked| self.band.mid < *asked) else { return Advice::Go { asked } };
        let later = |at: Timestamp, days: u16| at.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(at);
        // Reminders that are still to come move with the date.
        let reaches = |days: &u16| {
            let notices = series.notices.iter().map(|at| if *at > now { later(*at, *days) } else { *at }).collect::<Vec<_>>();
            self.weighed.below(asked, &self.calendar, &notices, later(series.start, *days)) <= 0.5
        };
        if let Some(days) = (1..=MOST_DAYS).find(reaches) {
            return Advice::Move { days, asked };
        }
        let ready = self.last.capable;
        Advice::Split { ready, others: self.last.roster.saturating_sub(ready), asked }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: &f64| (share * 1_000.0).round() / 10.0;
        match self {
            Self::Go { asked: None } => f.write_str("go: no gate asks for a share at the start"),
            Self::Go { asked: Some(asked) } => write!(f, "go: the {} % that the start asks for are likely", percent(asked)),
            Self::Move { days: 1, asked } => {
                write!(f, "move by 1 day: then the {} % that the start asks for are likely", percent(asked))
            }
            Self::Move { days, asked } => {
                write!(f, "move by {days} days: then the {} % that the start asks for are likely", percent(asked))
            }
            Self::Split { ready, others, asked } => write!(
                f,
                "split: start the {ready} people who are ready, and move the other {others}; waiting up to {MOST_DAYS} days longer \
                 will likely not bring the {} % that the start asks for",
                percent(asked)
            ),
        }
    }
}
