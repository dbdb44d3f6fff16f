//! Forecasts scored: simulated rollouts from announcement to start, what the engine foresaw on the way, and what came.
//!
//! It takes both from the journals of the rollouts, and makes no forecast itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Failure, trial};
use crate::rollout::condition::Conditions;
use crate::rollout::event::Record;
use crate::rollout::forecast::Band;
use crate::rollout::state::State;
use crate::sim::behaviour::Shape;
use crate::sim::dice::behaved;

/// What was foreseen in one rollout, and what came.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The rollout's seed.
    pub seed: u64,
    /// How its people registered.
    pub shape: Shape,
    /// The forecasts made 14, 7 and 1 days before the start.
    pub said: Vec<(i64, Band)>,
    /// The share at the start; none if it was never counted.
    pub came: Option<f64>,
}

/// The score of several forecasts made as long before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// How many there are.
    pub count: usize,
    /// The part of them whose band covers what came.
    pub covered: f64,
    /// The part in which it came lower, and in which it came higher.
    pub lower: f64,
    /// See `lower`.
    pub higher: f64,
    /// The median width of the bands.
    pub width: f64,
    /// The mean distance of P50 from what came.
    pub off: f64,
    /// The mean pinball loss of the three quantiles.
    pub pinball: f64,
}

/// Runs `count` rollouts from seed `first`, on every core. `done` is called after each.
pub fn run(first: u64, count: u64, done: impl Fn() + Sync) -> Result<Vec<Scored>, Failure> {
    let next = AtomicU64::new(0);
    let all = Mutex::new(Ok(BTreeMap::new()));
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= count {
                return;
            }
            let seed = first.saturating_add(nth);
            let one = rollout(seed);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            match (one, all.as_mut()) {
                (Ok(one), Ok(scored)) => drop(scored.insert(seed, one)),
                (Err(failure), Ok(_)) => *all = Err(failure),
                _ => {}
            }
            drop(all);
            done();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner).map(|scored| scored.into_values().collect())
}

fn rollout(seed: u64) -> Result<Scored, Failure> {
    let (tenant, script, shape) = behaved(seed);
    let outcome = trial::of_script(tenant, script, Conditions::all())?;
    let (said, came) = counted(&outcome.records);
    Ok(Scored { seed, shape, said, came })
}

/// What the records say of the only stage.
fn counted(records: &[Record]) -> (Vec<(i64, Band)>, Option<f64>) {
    let mut state = State::default();
    for record in records {
        if state.apply(record).is_err() {
            return (Vec::new(), None);
        }
    }
    let Some(counts) = state.counts.values().next() else { return (Vec::new(), None) };
    let said = counts.compared().into_iter().map(|one| (one.days, one.said.band)).collect();
    (said, counts.came.and_then(|reading| reading.share()))
}

/// The score of the forecasts made so many days before, over all rollouts of a shape or of any.
#[must_use]
pub fn score(all: &[Scored], days: i64, shape: Option<Shape>) -> Score {
    let of = |one: &Scored| {
        let (_, band) = *one.said.iter().find(|(before, _)| *before == days)?;
        Some((band, one.came?))
    };
    let pairs: Vec<(Band, f64)> = all.iter().filter(|one| shape.is_none_or(|shape| one.shape == shape)).filter_map(of).collect();
    let count = pairs.len();
    if count == 0 {
        return Score::default();
    }
    let part = |is: fn(&(Band, f64)) -> bool| pairs.iter().filter(|pair| is(pair)).count() as f64 / count as f64;
    let mean = |of: fn(&(Band, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count as f64;
    let mut widths: Vec<f64> = pairs.iter().map(|(band, _)| band.high - band.low).collect();
    widths.sort_by(f64::total_cmp);
    Score {
        count,
        covered: part(|(band, came)| band.covers(*came)),
        lower: part(|(band, came)| !band.covers(*came) && *came < band.mid),
        higher: part(|(band, came)| !band.covers(*came) && *came >= band.mid),
        width: widths.get(count / 2).copied().unwrap_or(0.0),
        off: mean(|(band, came)| (band.mid - came).abs()),
        pinball: mean(|(band, came)| {
            let loss = |quantile: f64, said: f64| ((came - said) * quantile).max((said - came) * (1.0 - quantile));
            (loss(0.1, band.low) + loss(0.5, band.mid) + loss(0.9, band.high)) / 3.0
        }),
    }
}

/// The scores as lines of a table.
#[must_use]
pub fn table(all: &[Scored]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<8} {:<22} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8} {:>8}",
        "made", "people", "rollouts", "covered", "lower", "higher", "width", "P50 off", "pinball"
    )];
    for days in [14, 7, 1] {
        for shape in std::iter::once(None).chain(Shape::ALL.map(Some)) {
            let Score { count, covered, lower, higher, width, off, pinball } = score(all, days, shape);
            let percent = |part: f64| format!("{:.1} %", part * 100.0);
            lines.push(format!(
                "T-{days:<6} {:<22} {count:>8} {:>8} {:>7} {:>7} {:>7} {:>8} {pinball:>8.4}",
                shape.map_or("all", Shape::says),
                percent(covered),
                percent(lower),
                percent(higher),
                percent(width),
                percent(off)
            ));
        }
    }
    lines
}
