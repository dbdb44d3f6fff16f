//! What a human has seen of a gate: evidence by a short name, and what counts after they said that it may go on.

use super::event::{Evidence, Verdict};
use super::gate::verdict;
use super::id::sha256_hex;
use super::plan::{Bound, Gate};

/// The short name of one reading, for people to quote: eight hex digits of its hash.
#[must_use]
pub fn digest(evidence: &Evidence) -> String {
    // Not when it was read: the same people and the same answer are the same evidence.
    let known = Evidence { as_of: None, ..evidence.clone() };
    let mut hex = sha256_hex(&serde_json::to_vec(&known).unwrap_or_default());
    hex.truncate(8);
    hex
}

/// The verdict where a human has looked at an earlier failure: a share that must stay low is judged by whoever came on top of those who
/// were counted then; one that must be reached fails anew only when it is worse than it was.
#[must_use]
pub fn judged(gate: &Gate, evidence: &Evidence, seen: Option<&Evidence>) -> Verdict {
    let Some(seen) = seen.filter(|_| evidence.verdict == Verdict::Fail) else { return evidence.verdict };
    match gate.bound {
        Bound::AtMost(_) => {
            let (hits, sample) = (evidence.hits.saturating_sub(seen.hits), evidence.sample.saturating_sub(seen.sample));
            let value = (sample > 0).then(|| f64::from(hits) / f64::from(sample));
            verdict(gate.bound, gate.min_sample, value, sample)
        }
        Bound::AtLeast(_) if evidence.value < seen.value => Verdict::Fail,
        // It is no Pass: nothing moves on it.
        Bound::AtLeast(_) => Verdict::Inconclusive,
    }
}
