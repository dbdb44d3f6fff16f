//! Limits: how many people may be handed to the wire now, counted from the journal.

use jiff::{SignedDuration, Timestamp};

use super::plan::{Amount, Cap};

/// People that may be handed out at `now` under every cap. `handed` are earlier hand-outs, oldest first; `in_scope` are all people in scope.
///
/// A period is `(now - per, now]`. A share is rounded down, but never to nobody.
#[must_use]
pub fn allowance(caps: &[Cap], handed: &[(Timestamp, u32)], in_scope: u32, now: Timestamp) -> u32 {
    caps.iter()
        .map(|cap| {
            let used = handed
                .iter()
                .filter(|(at, _)| now.duration_since(*at) < cap.per)
                .fold(0_u32, |sum, (_, people)| sum.saturating_add(*people));
            size(cap.amount, in_scope).saturating_sub(used)
        })
        .min()
        .unwrap_or(u32::MAX)
}

/// When somebody may be handed out again, if nobody may at `now`.
#[must_use]
pub fn frees_at(caps: &[Cap], handed: &[(Timestamp, u32)], in_scope: u32, now: Timestamp) -> Option<Timestamp> {
    let mut candidates: Vec<Timestamp> = handed
        .iter()
        .flat_map(|(at, _)| caps.iter().filter_map(|cap| at.checked_add(cap.per).ok()))
        .filter(|at| *at > now)
        .collect();
    candidates.sort_unstable();
    candidates.into_iter().find(|at| allowance(caps, handed, in_scope, *at) > 0)
}

/// The people that a cap allows in its period.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a u32, clamped to 0..=1, fits a u32")]
pub fn size(amount: Amount, in_scope: u32) -> u32 {
    match amount {
        Amount::People(people) => people,
        Amount::Share(share) => ((f64::from(in_scope) * share.clamp(0.0, 1.0)).floor() as u32).max(1),
    }
}

/// How long to wait after the n-th failure in a row (n from 1): a minute, doubled each time, at most `most`.
#[must_use]
pub fn backoff(failures: u32, most: SignedDuration) -> SignedDuration {
    let minutes = 1_i64.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(i64::MAX);
    SignedDuration::from_secs(minutes.saturating_mul(60)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn caps_slide() {
        let hour = SignedDuration::from_hours(1);
        let caps = [
            Cap { amount: Amount::People(100), per: hour },
            Cap { amount: Amount::Share(0.2), per: SignedDuration::from_hours(24) },
        ];
        let handed = [(at("2027-01-11T08:00:00Z"), 60), (at("2027-01-11T08:30:00Z"), 30)];
        for (now, in_scope, expected) in [
            ("2027-01-11T08:30:00Z", 10_000, 10),
            ("2027-01-11T08:59:59Z", 10_000, 10),
            ("2027-01-11T09:00:00Z", 10_000, 70),
            ("2027-01-11T09:30:00Z", 10_000, 100),
            ("2027-01-11T09:30:00Z", 500, 10),
            ("2027-01-12T08:00:00Z", 500, 70),
            ("2027-01-11T09:30:00Z", 3, 0),
        ] {
            assert_eq!(allowance(&caps, &handed, in_scope, at(now)), expected, "{now} of {in_scope}");
        }
        assert_eq!(allowance(&[], &handed, 10, at("2027-01-11T08:30:00Z")), u32::MAX);
        let full = [(at("2027-01-11T08:00:00Z"), 100)];
        assert_eq!(frees_at(&caps[..1], &full, 10, at("2027-01-11T08:10:00Z")), Some(at("2027-01-11T09:00:00Z")));
    }

    #[test]
    fn waiting_doubles_and_is_clamped() {
        let most = SignedDuration::from_mins(30);
        for (failures, minutes) in [(0, 1), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (60, 30), (u32::MAX, 30)] {
            assert_eq!(backoff(failures, most), SignedDuration::from_mins(minutes), "{failures}");
        }
    }
}
