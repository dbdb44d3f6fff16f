//! Suppositions of how people register.
//!
//! Of those who were not ready when they were told, announcement and time move some part at all, at a pace of every day that may grow.
//! Reminders move those who are left, and so may a rush in the last days. All of it is unknown, so that many combinations are supposed,
//! evenly spread over what is plausible, the same ones always. Invariant: the part that has registered never shrinks.

/// Reminders whose effects are supposed each by itself.
const REMINDERS: usize = 3;
/// How many futures each supposition has: what is still to come may be otherwise than what was seen.
pub(super) const FUTURES: usize = 3;

/// One supposition.
#[derive(Clone, Debug)]
pub(super) struct Supposed {
    /// The part of those who were not ready whom announcement and time move at all.
    movable: f64,
    /// The pace of a day at the beginning.
    pace: f64,
    /// By how much it has grown at the date.
    growth: f64,
    /// How much the announcement moves.
    announcement: f64,
    /// How much each reminder moves those who are left.
    reminder: f64,
    /// Days after which two thirds of what a notice moves are over.
    fades: f64,
    /// How much the last days move, how many they are, and how much more the very last ones.
    rush: f64,
    rush_days: f64,
    rush_bend: f64,
    /// How much more or less than the others single reminders move.
    factors: [f64; REMINDERS],
    pub(super) futures: [Future; FUTURES],
}

/// What one future has of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Future {
    /// How much more or less than the others reminders to come move.
    factors: [f64; REMINDERS],
    /// How much the last days move that nothing before told of.
    pub(super) last_days: f64,
}

impl Future {
    fn nth(nth: u32) -> Self {
        Self {
            factors: [13, 14, 15].map(|dimension| factor(spread(nth, dimension))),
            last_days: of_two(spread(nth, 16), (0.85, 0.0, 0.005), (0.02, 0.8)),
        }
    }
}

impl Supposed {
    pub(super) fn nth(nth: u32) -> Self {
        let roll = |dimension| spread(nth, dimension);
        Self {
            movable: among(roll(1), 0.05, 1.0),
            pace: scaled(roll(2), 0.0005, 0.2),
            growth: 3.0 * roll(3) * roll(3),
            announcement: scaled(roll(4), 0.02, 3.0),
            reminder: of_two(roll(5), (0.6, 0.0, 0.01), (0.01, 0.8)),
            fades: scaled(roll(6), 0.5, 4.0),
            rush: of_two(roll(7), (0.75, 0.0, 0.01), (0.01, 2.0)),
            rush_days: among(roll(8), 1.5, 6.0),
            rush_bend: among(roll(9), 1.0, 2.5),
            factors: [10, 11, 12].map(|dimension| factor(roll(dimension))),
            futures: [0, 1, 2].map(|future| Future::nth(3 * nth + future)),
        }
    }

    /// The part of those who were not ready that has registered by a place.
    pub(super) fn registered(&self, at: f64, notices: &[f64], start: f64) -> f64 {
        let [registered] = self.with([self.factors], at, notices, start);
        registered
    }

    /// The same in each future, after so many reminders have passed.
    pub(super) fn in_futures(&self, passed: usize, at: f64, notices: &[f64], start: f64) -> [f64; FUTURES] {
        let factors = self.futures.map(|future| {
            let mut factors = self.factors;
            for (factor, other) in factors.iter_mut().zip(future.factors).skip(passed) {
                *factor = other;
            }
            factors
        });
        self.with(factors, at, notices, start)
    }

    /// The part that has registered by a place, for each of these factors of reminders: all but the reminders is computed once.
    fn with<const N: usize>(&self, factors: [[f64; REMINDERS]; N], at: f64, notices: &[f64], start: f64) -> [f64; N] {
        let at = at.max(0.0);
        let fresh = |notice: f64| 1.0 - (-(at - notice).max(0.0) / self.fades).exp();
        let moved = self.pace * at * (1.0 + self.growth * at / (2.0 * start.max(1.0))) + self.announcement * fresh(0.0);
        let mut factors = factors.each_ref().map(|factors| factors.iter().cycle());
        let mut reminded = [0.0; N];
        // Those that are still to come have moved nobody.
        for notice in notices.iter().skip(1).take_while(|notice| **notice < at) {
            let fresh = fresh(*notice);
            for (sum, factor) in reminded.iter_mut().zip(factors.iter_mut().filter_map(Iterator::next)) {
                *sum += self.reminder * factor * fresh;
            }
        }
        let rushed = (1.0 - ((start - at) / self.rush_days).clamp(0.0, 1.0)).powf(self.rush_bend);
        let left = 1.0 - self.movable + self.movable * (-moved).exp();
        reminded.map(|reminded| 1.0 - left * (-self.rush * rushed - reminded).exp())
    }
}

/// Points spread evenly over all dimensions: multiples of the powers of a generalised golden ratio.
pub(super) fn spread(nth: u32, dimension: i32) -> f64 {
    // The root of x^17 = x + 1, for sixteen dimensions.
    const RATIO: f64 = 1.042_917_732_301_8;
    (0.5 + f64::from(nth) * RATIO.powi(-dimension)).fract()
}

fn among(roll: f64, least: f64, most: f64) -> f64 {
    least + (most - least) * roll
}

/// As likely to be twice as small as twice as large.
fn scaled(roll: f64, least: f64, most: f64) -> f64 {
    least * (most / least).powf(roll)
}

fn factor(roll: f64) -> f64 {
    scaled(roll, 0.4, 2.5)
}

/// Of two kinds: the first of this likelihood and between two numbers, the second between two others.
pub(super) fn of_two(roll: f64, (first, least, most): (f64, f64, f64), (least_other, most_other): (f64, f64)) -> f64 {
    if roll < first { among(roll / first, least, most) } else { among((roll - first) / (1.0 - first), least_other, most_other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suppositions_differ_widely_and_never_take_anybody_back() {
        let (mut least, mut most) = (1.0_f64, 0.0_f64);
        for nth in 1..500 {
            let supposed = Supposed::nth(nth);
            let over_time: Vec<f64> = (0..=22).map(|day| supposed.registered(f64::from(day), &[0.0, 11.0, 17.0], 22.0)).collect();
            assert!(over_time.is_sorted() && over_time[0] < 0.01 && over_time[22] <= 1.0, "{supposed:?}: {over_time:?}");
            (least, most) = (least.min(over_time[22]), most.max(over_time[22]));
            let passed = supposed.in_futures(1, 16.0, &[0.0, 11.0, 17.0], 22.0);
            assert_eq!(passed.map(f64::to_bits), [over_time[16].to_bits(); FUTURES], "the past stays");
        }
        assert!(least < 0.1 && most > 0.95, "{least} {most}");
    }

    #[test]
    fn points_lie_evenly_in_every_dimension() {
        for dimension in 1..=16 {
            let below = (1..=1_000).filter(|nth| spread(*nth, dimension) < 0.25).count();
            assert!((200..300).contains(&below), "{dimension}: {below}");
        }
    }
}
