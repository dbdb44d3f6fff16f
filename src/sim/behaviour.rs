//! How the people of a stage come to register over time, in five shapes that real rollouts are known for.
//!
//! The numbers of a shape follow from the seed; when somebody registers follows from them, the person and the dates, and from nothing
//! else. It knows nothing of forecasts. Invariant: of many people, the share that has registered at the start is the one that was drawn.

use jiff::{SignedDuration, Timestamp};

use super::chance::{Kind, draw, unit};
use super::moment::{after, waking};

/// What the curve of registrations looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// About as many every day.
    Steady,
    /// Most in the last days before the start.
    LateRush,
    /// After each notice, and hardly anybody between them.
    Steps,
    /// Most soon after the announcement, and then nobody any more.
    SaturatingEarly,
    /// Some at once, the others slowly and far from all of them.
    TwoPopulations,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Steady, Self::LateRush, Self::Steps, Self::SaturatingEarly, Self::TwoPopulations];

    /// The words for people.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::LateRush => "late rush",
            Self::Steps => "steps after reminders",
            Self::SaturatingEarly => "saturating early",
            Self::TwoPopulations => "two populations",
        }
    }
}

/// The dates of a stage, as its people live them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dates {
    /// When they are told.
    pub announced: Timestamp,
    /// When they are reminded, in order.
    pub reminders: Vec<Timestamp>,
    /// When MFA is required.
    pub start: Timestamp,
}

/// One shape, with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    shape: Shape,
    seed: u64,
    already: f64,
    end: f64,
    /// How long before the start people are reminded.
    before: Vec<SignedDuration>,
}

impl Behaviour {
    /// The numbers that this seed draws; `before` are the reminders, as a plan has them.
    #[must_use]
    pub fn drawn(shape: Shape, seed: u64, before: &[SignedDuration]) -> Self {
        let mut behaviour = Self { shape, seed, already: 0.0, end: 0.0, before: before.to_vec() };
        behaviour.end = behaviour.number(0, 0.50, 0.98);
        behaviour.already = behaviour.number(1, 0.05, 0.45).min(behaviour.end - 0.05);
        behaviour
    }

    /// The shape.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The share that had registered before anybody was told.
    #[must_use]
    pub const fn already(&self) -> f64 {
        self.already
    }

    /// The share that has registered at the start.
    #[must_use]
    pub const fn end(&self) -> f64 {
        self.end
    }

    /// The dates of somebody who is told at `announced` that MFA is required at `start`.
    #[must_use]
    pub fn dates(&self, announced: Timestamp, start: Timestamp) -> Dates {
        let reminders = self.before.iter().map(|before| after(start, -*before)).filter(|at| *at > announced && *at < start);
        Dates { announced, reminders: reminders.collect(), start }
    }

    /// When somebody who had not registered before the announcement does so by themselves, if at all.
    #[must_use]
    pub fn registers(&self, person: u64, dates: &Dates) -> Option<Timestamp> {
        let roll = |nth| unit(draw(self.seed, Kind::Behaviour, &[1, person, nth]));
        if roll(0) >= (self.end - self.already) / (1.0 - self.already) {
            return None;
        }
        let long = days(dates.start.duration_since(dates.announced));
        let at = match self.shape {
            Shape::Steady => long * early(roll(1), self.number(2, 0.05, 1.2)),
            Shape::LateRush => {
                let (part, rush) = (self.number(2, 0.45, 0.75), self.number(3, 2.0, 7.0).min(long / 2.0));
                if roll(1) < part { long - rush * roll(2).powf(1.5) } else { long * early(roll(2), self.number(4, 0.2, 2.5)) }
            }
            Shape::Steps => self.step(long, dates, [roll(1), roll(2)]),
            Shape::SaturatingEarly => long * early(roll(1), long / self.number(2, 1.5, 4.5)),
            Shape::TwoPopulations => {
                let (keen, quick) = (self.number(2, 0.35, 0.6), self.number(3, 1.5, 4.0));
                if roll(1) < keen { long * early(roll(2), long / quick) } else { long * early(roll(2), 0.3) }
            }
        };
        let at = after(dates.announced, SignedDuration::from_secs_f64(at.clamp(0.0, long) * 86_400.0));
        let awake = waking(at);
        if awake < dates.start || at >= dates.start {
            return Some(awake);
        }
        // A weekend before the start: the days before it are the last on which somebody can.
        let before = (1..7).map(|days| after(awake, SignedDuration::from_hours(-24 * days)));
        before.into_iter().find(|before| *before < dates.start && waking(*before) == *before)
    }

    /// Days after the announcement: each notice moves its share of those who register at all, most within two days.
    fn step(&self, long: f64, dates: &Dates, [which, when]: [f64; 2]) -> f64 {
        let reminders = dates.reminders.iter().map(|at| days(at.duration_since(dates.announced)));
        let notices: Vec<f64> = std::iter::once(0.0).chain(reminders).collect();
        let weights: Vec<f64> = (0_u64..).zip(&notices).map(|(nth, _)| self.number(10 + nth, 0.5, 1.5)).collect();
        let mut left = which * weights.iter().sum::<f64>();
        let reached = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        let from = reached.and_then(|nth| notices.get(nth)).copied().unwrap_or(0.0);
        let rest = (long - from).max(0.01);
        from + rest * early(when, rest / self.number(2, 0.7, 1.8))
    }

    /// A number of this behaviour's, the same for everybody.
    fn number(&self, nth: u64, least: f64, most: f64) -> f64 {
        least + (most - least) * unit(draw(self.seed, Kind::Behaviour, &[0, self.shape as u64, nth]))
    }
}

/// How many people a stage has: 40 to 1,500, smaller ones more often.
#[must_use]
pub fn people(seed: u64) -> usize {
    const SIZES: [usize; 12] = [40, 55, 75, 100, 140, 190, 270, 370, 520, 730, 1_050, 1_500];
    let nth = draw(seed, Kind::Behaviour, &[2]) % SIZES.len() as u64;
    usize::try_from(nth).ok().and_then(|nth| SIZES.get(nth)).copied().unwrap_or(40)
}

/// A share of the time, at a likelihood that falls evenly by the factor e to the `steep` from beginning to end.
fn early(roll: f64, steep: f64) -> f64 {
    -(1.0 - roll * (1.0 - (-steep).exp())).ln() / steep
}

fn days(long: SignedDuration) -> f64 {
    long.as_secs_f64() / 86_400.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    /// A stage that starts on a Monday, with usual dates.
    fn dates(behaviour: &Behaviour) -> Dates {
        let start: Timestamp = "2027-03-01T08:00:00Z".parse().unwrap();
        behaviour.dates(after(start, DAY * -30), start)
    }

    fn drawn(shape: Shape, seed: u64) -> Behaviour {
        Behaviour::drawn(shape, seed, &[14, 7, 1].map(|days| DAY * days))
    }

    /// Of 3,000 people who could, the instants of those who register before the start.
    fn instants(behaviour: &Behaviour) -> Vec<Timestamp> {
        let dates = dates(behaviour);
        (0..3_000).filter_map(|person| behaviour.registers(person, &dates)).filter(|at| *at < dates.start).collect()
    }

    /// The share of them between two days after the announcement.
    fn share(behaviour: &Behaviour, from: i32, to: i32) -> f64 {
        let (all, announced) = (instants(behaviour), dates(behaviour).announced);
        let between = all.iter().filter(|at| (after(announced, DAY * from)..after(announced, DAY * to)).contains(at));
        between.count() as f64 / all.len() as f64
    }

    #[test]
    fn each_shape_is_what_its_name_says() {
        for seed in 0..40 {
            // Working weeks after the announcement, which falls on a Saturday.
            let steady = drawn(Shape::Steady, seed);
            for week in 0..4 {
                let of_week = share(&steady, 7 * week, 7 * week + 7);
                assert!((0.1..0.45).contains(&of_week), "seed {seed}, week {week}: {of_week}");
            }
            let rush = drawn(Shape::LateRush, seed);
            let last = share(&rush, 22, 30);
            assert!(last > 0.45, "seed {seed}: {last}");
            let steps = drawn(Shape::Steps, seed);
            let (after_notices, between) = (
                share(&steps, 0, 6) + share(&steps, 16, 20) + share(&steps, 23, 27) + share(&steps, 29, 30),
                share(&steps, 6, 16) + share(&steps, 20, 23) + share(&steps, 27, 29),
            );
            assert!(after_notices > 3.0 * between, "seed {seed}: {after_notices} {between}");
            assert!(share(&steps, 16, 30) > 0.4, "seed {seed}: each reminder has its step");
            let early = drawn(Shape::SaturatingEarly, seed);
            assert!(share(&early, 0, 10) > 0.8 && share(&early, 20, 30) < 0.08, "seed {seed}");
            let two = drawn(Shape::TwoPopulations, seed);
            let (first, last) = (share(&two, 0, 8), share(&two, 16, 30));
            assert!(first > 0.4 && (0.15..0.5).contains(&last), "seed {seed}: {first} {last}");
        }
    }

    #[test]
    fn the_share_at_the_start_is_the_one_that_was_drawn_and_all_shares_occur() {
        let mut ends = Vec::new();
        for shape in Shape::ALL {
            for seed in 0..20 {
                let behaviour = drawn(shape, seed);
                let registered = instants(&behaviour).len() as f64 / 3_000.0;
                let share = behaviour.already() + (1.0 - behaviour.already()) * registered;
                assert!((share - behaviour.end()).abs() < 0.04, "{shape:?} {seed}: {share} {}", behaviour.end());
                assert!(behaviour.already() < behaviour.end() && (0.5..0.98).contains(&behaviour.end()));
                ends.push(behaviour.end());
            }
        }
        ends.sort_by(f64::total_cmp);
        assert!(ends[5] < 0.6 && ends[94] > 0.9, "{ends:?}");
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let instants = |seed| instants(&drawn(Shape::Steps, seed));
        assert_eq!(instants(3), instants(3));
        assert_ne!(instants(3), instants(4));
        let sizes: Vec<usize> = (0..200).map(people).collect();
        assert!(sizes.contains(&40) && sizes.contains(&1_500));
    }

    #[test]
    fn nobody_registers_at_night_or_at_a_weekend() {
        for shape in Shape::ALL {
            for at in instants(&drawn(shape, 5)) {
                assert_eq!(waking(at), at);
            }
        }
    }
}
