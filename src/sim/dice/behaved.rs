//! Rollouts in which nothing goes wrong, and people register in one of five shapes: what forecasts are scored on.
//!
//! It decides nothing about forecasts. The shape, its numbers, the size of the stage, its dates and its reminders follow from the seed.

use jiff::civil::{date, time};
use jiff::{SignedDuration, ToSpan};

use super::{Dice, hours, plan};
use crate::rollout::observed::Toggle;
use crate::rollout::plan::{Calendar, Exceptions, Selector, Unregistered};
use crate::sim::behaviour::{self, Behaviour, Shape};
use crate::sim::chance::{Kind, Stream};
use crate::sim::moment::after;
use crate::sim::profile::{Profile, Quotas};
use crate::sim::script::Script;
use crate::sim::tenant::Tenant;

/// Days before the start on which people are told and reminded.
const BEFORE: [&[i64]; 6] =
    [&[30, 14, 7, 1], &[30, 14, 7, 1], &[45, 30, 15, 7, 1], &[30, 7], &[28, 14, 7, 3, 1], &[42, 21, 7, 2]];

/// A tenant, the script of its rollout, and how its people register.
#[must_use]
pub fn behaved(seed: u64) -> (Tenant, Script, Shape) {
    let mut dice = Dice(Stream::new(seed, Kind::Behaviour));
    let nth = usize::try_from(seed % Shape::ALL.len() as u64).unwrap_or(0);
    let shape = Shape::ALL.get(nth).copied().unwrap_or(Shape::Steady);
    let before = dice.0.pick(&BEFORE).copied().unwrap_or(&[30, 14, 7, 1]);
    let before: Vec<SignedDuration> = before.iter().map(|days| hours(24 * days)).collect();
    let people = behaviour::people(seed);
    let profile = Profile {
        // Special accounts, and those that are disabled or exempt, are not of the stage.
        users: people + people / 17 + 8,
        seed,
        behaviour: Some(Behaviour::drawn(shape, seed, before.get(1..).unwrap_or_default())),
        missing_rows: dice.of(&[0.0, 0.005, 0.02]),
        token_lifetime: hours(24 * 365),
        quotas: Quotas { writes: 0, units: 0, policies: 0, reports: 0, mails: 600, recipients: 100_000 },
        ..Profile::default()
    };
    let tenant = Tenant::new(profile.clone());
    let mut plan = plan::draw(&mut dice, &tenant).plan;
    "Europe/Berlin".clone_into(&mut plan.time_zone);
    plan.stages.truncate(1);
    for stage in &mut plan.stages {
        let weekday = i64::try_from(dice.between(0, 3)).unwrap_or(0);
        let day = date(2027, 3, 1).saturating_add((7 * i64::try_from(dice.between(0, 20)).unwrap_or(0) + weekday).days());
        stage.start = plan::resolve(day.to_datetime(time(9, 0, 0, 0)), "Europe/Berlin");
        (stage.include, stage.exclude) = (vec![Selector::EveryoneElse], Vec::new());
        (stage.min_notice, stage.unregistered) = (None, Unregistered::Enforce);
    }
    (plan.calendar, plan.exceptions) = (Calendar { windows: Vec::new(), blackouts: Vec::new() }, Exceptions::default());
    (plan.gates, plan.limits.caps, plan.people.exempt_group) = (Vec::new(), Vec::new(), None);
    let notices = &mut plan.notices;
    (notices.windows, notices.zones, notices.managers, notices.bounces) = (Vec::new(), Vec::new(), None, Toggle::Off);
    notices.min_notice = hours(24 * 14);
    notices.before.clone_from(&before);
    plan.observe.registration = hours(4);
    plan.observe.max_age = hours(24);
    let start = plan.stages.first().map_or(jiff::Timestamp::UNIX_EPOCH, |stage| stage.start.instant);
    let begin = after(start, -(before.first().copied().unwrap_or_default() + hours(3)));
    // It is over once the date has come.
    let end = after(start, hours(1));
    (tenant, Script { profile, plan, begin, calm: end, end, acts: Vec::new(), deaths: Vec::new() }, shape)
}
