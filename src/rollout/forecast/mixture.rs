//! Quantiles of a share of which several suppositions say something else.
//!
//! Each says a mean and a spread; their weights add up to one.

/// What one supposition says of the share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) weight: f64,
    pub(super) mean: f64,
    pub(super) spread: f64,
}

/// The likelihood that the share is at most `share`.
pub(super) fn below(parts: &[Part], share: f64) -> f64 {
    let of = |part: &Part| {
        let z = (share - part.mean) / part.spread.max(1e-9);
        // The logistic curve is nowhere further than 0.01 from the normal one.
        part.weight / (1.0 + (-1.702 * z).exp())
    };
    parts.iter().map(of).sum()
}

/// The share below which it lies with this likelihood, between `least` and one, rounded to a ten-thousandth.
pub(super) fn quantile(parts: &[Part], likelihood: f64, least: f64) -> f64 {
    const ALL: f64 = 10_000.0;
    // Ten-thousandths: the first that less than half of one more makes likely enough.
    let (mut low, mut high) = ((least.clamp(0.0, 1.0) * ALL).round(), ALL);
    while low < high {
        let middle = f64::midpoint(low, high).floor();
        if below(parts, (middle + 0.5) / ALL) < likelihood {
            low = middle + 1.0;
        } else {
            high = middle;
        }
    }
    low / ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_one_part_and_of_two() {
        let part = |weight, mean, spread| Part { weight, mean, spread };
        let one = [part(1.0, 0.6, 0.1)];
        assert!((quantile(&one, 0.5, 0.0) - 0.6).abs() < 1e-3);
        assert!((quantile(&one, 0.1, 0.0) - (0.6 - 0.128)).abs() < 5e-3);
        assert!(quantile(&one, 0.1, 0.55) >= 0.55, "never below the least");
        let two = [part(0.75, 0.5, 0.01), part(0.25, 0.9, 0.01)];
        assert!(quantile(&two, 0.5, 0.0) < 0.55 && quantile(&two, 0.9, 0.0) > 0.85);
        assert!((below(&two, 0.7) - 0.75).abs() < 1e-6);
    }
}
