//! Suppositions weighed by the readings, and what they say of a date.
//!
//! Decides nothing. Invariant: the weights add up to one, and the band is in order.

use std::sync::LazyLock;

use jiff::Timestamp;

use super::calendar::Calendar;
use super::mixture::{self, Part};
use super::supposed::{FUTURES, Supposed};
use super::{Band, Reading, Series};

/// The suppositions.
static ALL: LazyLock<Vec<Supposed>> = LazyLock::new(|| (1..=4_000).map(Supposed::nth).collect());
/// Readings that are used; those between say little more.
const MOST_STEPS: usize = 16;
/// People count as so many independent ones at most: they sit in teams, and no supposition is quite right.
const MOST_INDEPENDENT: f64 = 120.0;
/// By how much the people may be others than supposed, as if each supposition were known from so many.
const CONCENTRATION: f64 = 60.0;
/// The last working days before a date, in which more may happen than ever before.
const LAST_DAYS: f64 = 2.0;
/// What two readings of the same people differ by: rows are missing, people come and go.
const NOISE: f64 = 0.005;

/// The suppositions with their weights, and what the last reading showed.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    all: Vec<(f64, &'static Supposed)>,
    people: f64,
    /// The share as last read, and the place of that reading.
    last: f64,
    at: f64,
}

impl Weighed {
    /// Weighs by these readings, the first of which is the one at the announcement.
    pub(super) fn new(calendar: &Calendar, readings: &[Reading], series: &Series<'_>) -> Self {
        let steps = steps(readings);
        let people = readings.last().map_or(1.0, |last| f64::from(last.roster.max(1)));
        let (first, last) = (steps.first().map_or(0.0, |step| step.1), steps.last().map_or(0.0, |step| step.1));
        let places: Vec<(f64, f64)> = steps.iter().map(|(at, share)| (calendar.place(*at).max(0.0), *share)).collect();
        let notices: Vec<f64> = series.notices.iter().map(|at| calendar.place(*at)).collect();
        let start = calendar.place(series.start);
        let unready = people * (1.0 - first);
        let worth = (MOST_INDEPENDENT / unready.max(1.0)).min(1.0);
        let weigh = |supposed: &'static Supposed| {
            let mut log = 0.0;
            let mut before = supposed.registered(places.first().map_or(0.0, |step| step.0), &notices, start);
            for pair in places.windows(2) {
                let [(_, from), (at, to)] = pair else { continue };
                let now = supposed.registered(*at, &notices, start);
                log += people * (to - from) * (now - before).max(1e-6).ln();
                before = now;
            }
            log += people * (1.0 - last) * (1.0 - before).max(1e-6).ln();
            (log * worth, supposed)
        };
        let mut all: Vec<(f64, &'static Supposed)> = ALL.iter().map(weigh).collect();
        let most = all.iter().map(|(log, _)| *log).fold(f64::NEG_INFINITY, f64::max);
        for (weight, _) in &mut all {
            *weight = (*weight - most).exp();
        }
        let sum: f64 = all.iter().map(|(weight, _)| weight).sum();
        all.retain(|(weight, _)| *weight > sum * 1e-6);
        for (weight, _) in &mut all {
            *weight /= sum;
        }
        let at = places.last().map_or(0.0, |step| step.0);
        Self { all, people, last, at }
    }

    /// What is expected at `start`, with these notices until then. What is still to come may be otherwise than what was seen, so that
    /// each supposition has several futures.
    fn parts(&self, calendar: &Calendar, notices: &[Timestamp], start: Timestamp) -> Vec<Part> {
        let notices: Vec<f64> = notices.iter().map(|at| calendar.place(*at)).collect();
        let start = calendar.place(start);
        let unready = self.people * (1.0 - self.last);
        let seen = notices.iter().skip(1).filter(|notice| **notice < self.at).count();
        let near = ((start - self.at) / LAST_DAYS).clamp(0.0, 1.0);
        let part = |weight: f64, now: f64, then: f64, last_days: f64| {
            let stay = ((1.0 - then) / (1.0 - now).max(1e-6)).clamp(0.0, 1.0);
            let likely = 1.0 - stay * (-near * last_days).exp();
            let variance = unready * likely * (1.0 - likely) * (1.0 + (unready - 1.0).max(0.0) / (CONCENTRATION + 1.0));
            let spread = (variance / self.people / self.people + NOISE * NOISE).sqrt();
            Part { weight: weight / FUTURES as f64, mean: self.last + (1.0 - self.last) * likely, spread }
        };
        let parts = self.all.iter().flat_map(|(weight, supposed)| {
            // What has passed is the same in every future.
            let now = supposed.registered(self.at, &notices, start);
            let then = supposed.in_futures(seen, start, &notices, start);
            supposed.futures.iter().zip(then).map(move |(future, then)| part(*weight, now, then, future.last_days))
        });
        parts.collect()
    }

    /// The likelihood that less than this share has registered at `start`.
    pub(super) fn below(&self, share: f64, calendar: &Calendar, notices: &[Timestamp], start: Timestamp) -> f64 {
        mixture::below(&self.parts(calendar, notices, start), share)
    }

    /// The band at `start`.
    pub(super) fn band(&self, calendar: &Calendar, notices: &[Timestamp], start: Timestamp) -> Band {
        let parts = self.parts(calendar, notices, start);
        let at = |likelihood| mixture::quantile(&parts, likelihood, self.last - NOISE);
        Band { low: at(0.1), mid: at(0.5), high: at(0.9) }
    }
}

/// The shares over time: a few steps, never going back. Whoever registered once stays so; what goes back is rows that were missing.
fn steps(readings: &[Reading]) -> Vec<(Timestamp, f64)> {
    let mut shares: Vec<(Timestamp, f64)> =
        readings.iter().map(|reading| (reading.at, f64::from(reading.capable) / f64::from(reading.known.max(1)))).collect();
    let mut least = 1.0_f64;
    for (_, share) in shares.iter_mut().rev() {
        least = least.min(*share);
        *share = least;
    }
    let every = shares.len().div_ceil(MOST_STEPS).max(1);
    let last = shares.len().saturating_sub(1);
    let kept = shares.into_iter().enumerate().filter(|(nth, _)| *nth == 0 || (last - nth).is_multiple_of(every));
    kept.map(|(_, step)| step).collect()
}
