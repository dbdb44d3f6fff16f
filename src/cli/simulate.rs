//! `simulate`: random rollouts against the judge. The seed of a failure reproduces it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::{Common, Simulate};
use super::{Exit, Failure, trial};
use crate::rollout::condition::Conditions;
use crate::say;
use crate::sim::Tenant;
use crate::sim::judge::{Breach, Reached};
use crate::sim::script::Script;

pub(super) fn simulate(common: &Common, verb: &Simulate) -> Result<Exit, Failure> {
    if verb.seeds == 1 && !common.json {
        trial::of_seed(verb.first, Conditions::all())?.lines.iter().for_each(|line| say!("{line}"));
    }
    // Drawn on a terminal only.
    let bar = ProgressBar::new(verb.seeds);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} seeds, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let seeds = run(verb.first, verb.seeds, Conditions::all(), || bar.inc(1))?;
    bar.finish_and_clear();
    if common.json {
        say!("{}", seeds.json(verb));
    } else {
        for (seed, breaches) in &seeds.broken {
            say!("seed {seed}: {} violations", breaches.len());
            breaches.iter().take(10).for_each(|breach| say!("    {breach}"));
        }
        say!("{} seeds, {} violations, sometimes-events: {}", verb.seeds, seeds.violations(), seeds.reached);
    }
    match seeds.broken.keys().next() {
        None => Ok(Exit::Done),
        Some(seed) => {
            let says = format!("seed {seed} breaks a promise; `tidegate simulate --first {seed} --seeds 1` shows it again");
            Err(Failure::new(Exit::Blocked, says))
        }
    }
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Seeds {
    /// Seeds with violations.
    pub broken: BTreeMap<u64, Vec<Breach>>,
    /// What happened, counted over all of them.
    pub reached: Reached,
}

impl Seeds {
    fn json(&self, verb: &Simulate) -> serde_json::Value {
        let said = |breaches: &Vec<Breach>| breaches.iter().map(ToString::to_string).collect::<Vec<_>>();
        let broken: BTreeMap<u64, Vec<String>> = self.broken.iter().map(|(seed, breaches)| (*seed, said(breaches))).collect();
        let reached = self.reached.to_string();
        serde_json::json!({ "first": verb.first, "seeds": verb.seeds, "violations": self.violations(), "broken": broken, "reached": reached })
    }

    /// Violations in all.
    #[must_use]
    pub fn violations(&self) -> usize {
        self.broken.values().map(Vec::len).sum()
    }
}

/// The first of `most` seeds, from 1, in which something breaks under these conditions, and what.
pub fn first_broken(
    throw: fn(u64) -> (Tenant, Script),
    conditions: Conditions,
    most: u64,
    is: impl Fn(&Breach) -> bool,
) -> Result<Option<(u64, Breach)>, Failure> {
    for seed in 1..=most {
        let (tenant, script) = throw(seed);
        let outcome = trial::of_script(tenant, script, conditions)?;
        if let Some(breach) = outcome.breaches.into_iter().find(|breach| is(breach)) {
            return Ok(Some((seed, breach)));
        }
    }
    Ok(None)
}

/// Runs `count` seeds from `first`, on every core. `done` is called after each.
pub fn run(first: u64, count: u64, conditions: Conditions, done: impl Fn() + Sync) -> Result<Seeds, Failure> {
    let next = AtomicU64::new(0);
    let seeds = Mutex::new(Seeds::default());
    let failure = Mutex::new(None);
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= count {
                return;
            }
            let seed = first.saturating_add(nth);
            match trial::of_seed(seed, conditions) {
                Ok(outcome) => {
                    let mut seeds = seeds.lock().unwrap_or_else(PoisonError::into_inner);
                    seeds.reached.take(&outcome.reached);
                    if !outcome.breaches.is_empty() {
                        seeds.broken.insert(seed, outcome.breaches);
                    }
                }
                Err(error) => *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
            }
            done();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok(seeds.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}
