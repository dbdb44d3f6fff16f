//! What a human has seen of a gate: evidence by a short name, and what counts after they said that it may go on.

use super::event::{Evidence, Verdict};
use super::gate::verdict;
use super::id::sha256_hex;
use super::plan::{Bound, Gate, Measure};

/// The short name of one reading, for people to quote: eight hex digits of its hash.
#[must_use]
pub fn digest(evidence: &Evidence) -> String {
    // Not when it was read: the same people and the same answer are the same evidence.
    let Evidence { verdict, measure, value, hits, sample, control, why, .. } = evidence;
    let known = format!("{verdict:?} {measure:?} {value:?} {hits} {sample} {control:?} {why:?}");
    let mut hex = sha256_hex(known.as_bytes());
    hex.truncate(8);
    hex
}

/// The verdict where a human has looked at an earlier failure: a share that must stay low is judged by whoever came on top of those who
/// were counted then; what is no share of people fails anew only when it is worse than it was, or was said again.
#[must_use]
pub fn judged(gate: &Gate, evidence: &Evidence, seen: Option<&Evidence>) -> Verdict {
    let failed = |seen: &&Evidence| seen.verdict == Verdict::Fail && evidence.verdict == Verdict::Fail;
    let Some(seen) = seen.filter(failed) else { return evidence.verdict };
    // It is no Pass: nothing moves on it.
    let anew = |fails: bool| if fails { Verdict::Fail } else { Verdict::Inconclusive };
    let more = evidence.hits.saturating_sub(seen.hits);
    match gate.bound {
        Bound::AtMost(_) if gate.asking.versus.is_some() => anew(evidence.value > seen.value),
        Bound::AtMost(_) if gate.measure.is_share() => {
            let (hits, sample) = (more, evidence.sample.saturating_sub(seen.sample));
            let value = (sample > 0).then(|| f64::from(hits) / f64::from(sample));
            verdict(gate.bound, gate.min_sample, value, sample)
        }
        Bound::AtMost(_) if gate.measure == Measure::Contacts => {
            anew(verdict(gate.bound, gate.min_sample, Some(f64::from(more)), evidence.sample) == Verdict::Fail)
        }
        Bound::AtMost(_) => anew(evidence.value > seen.value),
        Bound::AtLeast(_) => anew(evidence.value < seen.value),
        Bound::Judged => anew(evidence.as_of > seen.as_of),
    }
}
