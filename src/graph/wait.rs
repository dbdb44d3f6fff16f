//! How long to wait before something is sent again: what the tenant asked for, or an exponential back-off.
//!
//! Pure: does not wait. Invariant: every wait lies between [`SHORTEST`] and [`LONGEST`], and is the same for the same input.

use jiff::SignedDuration;

use crate::rollout::id::keyed_hash;

/// No wait is shorter, even where the tenant asks for 0.
pub const SHORTEST: SignedDuration = SignedDuration::from_secs(1);
/// No single wait is longer, whatever the tenant asks for.
pub const LONGEST: SignedDuration = SignedDuration::from_mins(10);
/// One order waits no longer than this in all; then it gives up as throttled.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// A change to the directory waits no longer than this after its guard; then it is decided anew.
pub const WRITE_PATIENCE: SignedDuration = SignedDuration::from_mins(4);

/// The seconds of a `Retry-After` header, which Microsoft also writes as a decimal. The HTTP-date form is not mentioned there and
/// counts as absent.
#[must_use]
pub fn retry_after(header: &str) -> Option<SignedDuration> {
    let seconds: f64 = header.trim().parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then(|| clamp(SignedDuration::try_from_secs_f64(seconds).unwrap_or(LONGEST)))
}

/// Cuts a wait to the bounds.
#[must_use]
pub fn clamp(wait: SignedDuration) -> SignedDuration {
    wait.clamp(SHORTEST, LONGEST)
}

/// The wait before attempt `attempt` + 1 (counted from 1): 2 s, doubled each time, of which the second half is jitter.
///
/// The jitter comes from `seed`, so that a rehearsal is the same every time, and two requests are not.
#[must_use]
pub fn backoff(attempt: u32, seed: &str) -> SignedDuration {
    let whole = SignedDuration::from_secs(1_i64 << attempt.clamp(1, 9));
    let share = keyed_hash(seed, &["backoff", &attempt.to_string()]) % 1_000;
    let share = f64::from(u32::try_from(share).unwrap_or(0)) / 1_000.0;
    clamp(whole.mul_f64(0.5 + share / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_decimal_within_bounds() {
        for (header, wait) in [
            ("2.128", Some(SignedDuration::from_millis(2_128))),
            (" 17 ", Some(SignedDuration::from_secs(17))),
            ("0", Some(SHORTEST)),
            ("0.2", Some(SHORTEST)),
            ("86400", Some(LONGEST)),
            ("1e300", Some(LONGEST)),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ] {
            assert_eq!(retry_after(header), wait, "{header}");
        }
    }

    #[test]
    fn the_back_off_doubles_and_stays_within_bounds() {
        for attempt in 0..40 {
            let wait = backoff(attempt, "seed");
            let whole = SignedDuration::from_secs(1 << attempt.clamp(1, 9));
            assert!(wait >= SHORTEST && wait <= whole.min(LONGEST), "{attempt}: {wait:?}");
            assert!(wait >= (whole / 2).min(LONGEST), "{attempt}: {wait:?}");
            assert_eq!(wait, backoff(attempt, "seed"));
        }
        assert_ne!(backoff(3, "one"), backoff(3, "another"));
    }
}
