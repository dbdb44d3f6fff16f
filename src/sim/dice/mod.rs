//! Random rollouts: from one seed a tenant, a plan, and everything that goes wrong meanwhile. The same seed gives the same script.
//!
//! It decides nothing about what is right. Rollouts are small and short, so that thousands can be run; what is rare in life is
//! frequent here, above all around the starts of stages.

mod behaved;
mod deeds;
mod operators;
mod plan;

use jiff::SignedDuration;

pub use behaved::behaved;

use super::chance::{Kind, Stream};
use super::moment::after;
use super::profile::{Profile, Quotas};
use super::script::Script;
use super::tenant::Tenant;
use crate::rollout::observed::Toggle;
use crate::rollout::plan::Unseen;

/// A tenant and the script of what happens to it.
#[must_use]
pub fn throw(seed: u64) -> (Tenant, Script) {
    thrown(seed, operators::drawn(seed))
}

/// The same where no operator does more than pause: nothing that they stop hides what else is wrong.
#[must_use]
pub fn without_operators(seed: u64) -> (Tenant, Script) {
    thrown(seed, None)
}

fn thrown(seed: u64, mut operators: Option<Dice>) -> (Tenant, Script) {
    let mut dice = Dice(Stream::new(seed, Kind::Dice));
    let mut profile = profile(&mut dice, seed);
    let mut drawn = plan::draw(&mut dice, &Tenant::new(profile.clone()));
    if let Some(dice) = &mut operators {
        operators::amend(dice, &mut drawn.plan, &mut profile);
    }
    profile.floor = drawn.plan.stages.iter().map(|stage| drawn.plan.floor(stage)).min().unwrap_or(profile.floor);
    profile.floor = profile.floor.min(drawn.plan.notices.min_notice);
    // A fact at the guard is at most 10 min old, a batch leaves at most 10 min later, and a replica lags.
    profile.grace = SignedDuration::from_mins(21) + profile.read_lag;
    if drawn.plan.notices.bounces == Toggle::On {
        profile.roles.push("Mail.Read".to_owned());
    }
    let tenant = Tenant::new(profile.clone());
    let last = drawn.plan.stages.last();
    let last = last.map_or(drawn.begin, |stage| after(after(stage.start.instant, stage.finish_by), stage.soak));
    let calm = after(last, hours(12));
    let rest = drawn.plan.tail.grace.max(drawn.plan.notices.min_notice) + hours(7 * 24);
    let mut script = Script {
        profile,
        plan: drawn.plan,
        begin: drawn.begin,
        calm,
        end: after(calm, rest),
        acts: Vec::new(),
        deaths: Vec::new(),
    };
    deeds::draw(&mut dice, &tenant, &mut script);
    if let Some(mut dice) = operators {
        operators::speak(&mut dice, &tenant, &mut script);
    }
    if dice.happens(0.3) {
        script.plan.exceptions.unseen = Unseen::Absent;
    }
    (tenant, script)
}

fn profile(dice: &mut Dice, seed: u64) -> Profile {
    let busy = dice.happens(0.2);
    let quotas =
        Quotas { writes: 0, units: 0, policies: u32::from(busy), reports: if busy { 5 } else { 0 }, ..Quotas::default() };
    Profile {
        users: dice.between(30, 80),
        seed,
        registered: dice.of(&[0.2, 0.5, 0.8]),
        never: dice.of(&[0.0, 0.05, 0.2]),
        last_day: dice.of(&[0.0, 0.1]),
        not_allowed: dice.of(&[0.0, 0.05]),
        missing_rows: dice.of(&[0.0, 0.01, 0.1]),
        mfa_failures: dice.of(&[0.0, 0.02]),
        read_lag: SignedDuration::from_secs(dice.of(&[0, 0, 0, 30, 300])),
        token_lifetime: if dice.happens(0.2) { hours(1) } else { hours(24 * 365) },
        empty_pages: dice.of(&[0.0, 0.05]),
        fault_rate: dice.of(&[0.0, 0.0, 0.01, 0.05]),
        quotas,
        ..Profile::default()
    }
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// One stream of chance, with the questions that are asked of it here.
struct Dice(Stream);

impl Dice {
    fn happens(&mut self, likelihood: f64) -> bool {
        self.0.happens(likelihood)
    }

    /// A number from `least` to `most`, both included.
    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.0.below(most.saturating_sub(least).saturating_add(1))
    }

    /// One of these values.
    fn of<T: Copy + Default>(&mut self, values: &[T]) -> T {
        self.0.pick(values).copied().unwrap_or_default()
    }

    /// A duration of whole minutes, up to `most`.
    fn within(&mut self, most: SignedDuration) -> SignedDuration {
        let minutes = usize::try_from(most.as_mins()).unwrap_or(0);
        SignedDuration::from_mins(i64::try_from(self.between(0, minutes)).unwrap_or(0))
    }
}
