//! Whether forecasts say what comes: 200 simulated rollouts, and how often the share at the start lies in the band of 14 days before.

use super::super::{Failure, scored};
use super::Measured;
use crate::say;

const ROLLOUTS: u64 = 200;

pub(super) fn measure(json: bool) -> Result<Vec<Measured>, Failure> {
    let all = scored::run(1, ROLLOUTS, || {})?;
    if !json {
        for line in scored::table(&all) {
            say!("{line}");
        }
    }
    let covered = scored::score(&all, 14, None).covered * 100.0;
    let figure = |what: &str, value: f64, bound: f64| {
        let what = format!("{what} of the forecast 14 days before, {ROLLOUTS} rollouts");
        Measured { what, value, unit: "%", bound, inclusive: true }
    };
    // A band of P10 to P90 that always covers what comes says too little.
    Ok(vec![figure("came within the band", covered, 90.0), figure("came outside the band", 100.0 - covered, 25.0)])
}
