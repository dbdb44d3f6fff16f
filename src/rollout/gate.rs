//! Gates: a question with four verdicts, answered from readings and the journal alone (DESIGN §1, §4).
//!
//! In reading order: `measure` finds what is asked for (`attempts`, `journal` and `answered` with it), the verdict follows here, `recent`
//! counts failures, `watch` says what must be read and when, `says` writes sentences. Decides nothing about stages. Invariant: only a
//! fresh reading with its sample passes; what cannot be read, parsed or believed is NoData.

mod answered;
mod attempts;
mod journal;
mod measure;
mod recent;
mod says;
#[cfg(test)]
mod table_tests;
mod watch;

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

pub use self::answered::{Answered, Judgement, Says, forget_answers};
pub use self::attempts::{control_span, forget_control, is_control};
pub use self::journal::{Confirmation, Contacts, Posts, Yes, is_in_force};
use self::measure::{Facts, find};
pub use self::recent::Recent;
pub use self::says::sentence;
pub use self::watch::{interval, is_watched, outside, reads};
use super::event::{Evidence, Verdict};
use super::observed::Observed;
use super::person::{Home, PersonState};
use super::plan::{Bound, Gate, GateAt, Measure, Plan, Versus};
use super::state::{StageState, State, TAIL};

/// How long the tenant keeps sign-ins: 30 days (Microsoft Entra ID P1 and P2).
pub const LOG_REACH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Gates of a stage, or of the tail, that are asked at a moment of its life, each as it is asked there. A gate that names no stages is
/// asked of all, and of the tail. Those that stop nothing are left out.
pub fn gates_of<'a>(plan: &'a Plan, stage: &'a str, at: GateAt) -> impl Iterator<Item = Cow<'a, Gate>> {
    shown(plan, stage, at).filter(|gate| !gate.asking.shadow)
}

/// The same, with those that stop nothing.
pub fn shown<'a>(plan: &'a Plan, stage: &'a str, at: GateAt) -> impl Iterator<Item = Cow<'a, Gate>> {
    plan.gates.iter().filter(move |gate| gate.at == at && gate.is_asked_of(stage)).map(|gate| gate.of(stage))
}

/// Reads a gate, as it is asked for a stage.
#[must_use]
pub fn read(plan: &Plan, state: &State, observed: &Observed, now: Timestamp, stage: &StageState, gate: &Gate) -> Evidence {
    let facts = Facts { plan, state, observed, now, name: &stage.name, unreached: stage.unreached };
    of_people(&facts, gate, stage.roster.iter().filter_map(|ix| state.people.at(*ix)))
}

/// Reads a gate, as it is asked for the tail. It never ends, so its evidence rests on the people it enforced within the log's reach.
#[must_use]
pub fn read_tail(plan: &Plan, state: &State, observed: &Observed, now: Timestamp, gate: &Gate) -> Evidence {
    let recent = |since: Timestamp| now.duration_since(since) <= LOG_REACH;
    let people = state.people.all().iter().filter(|person| person.home() == Home::Tail);
    let facts = Facts { plan, state, observed, now, name: TAIL, unreached: 0 };
    of_people(&facts, gate, people.filter(|person| person.enforced_since().is_some_and(recent)))
}

/// Whom somebody else took out of the group is released, and says nothing about the rollout.
fn of_people(facts: &Facts<'_>, gate: &Gate, people: impl Iterator<Item = PersonState>) -> Evidence {
    let found = find(facts, gate, people.filter(|person| !person.marks().removed_by_hand));
    let fresh = found.as_of.is_some_and(|at| facts.now.duration_since(at) <= gate.max_age);
    let enough = |sample: u32| sample >= gate.min_sample;
    let verdict = match found.judged {
        _ if !fresh || found.unusable => Verdict::NoData,
        Some(Judgement::Pass) => Verdict::Pass,
        Some(Judgement::Fail) => Verdict::Fail,
        Some(Judgement::Inconclusive) => Verdict::Inconclusive,
        // Of too few people nothing is learnt, on either side of a comparison.
        None if found.control.is_some_and(|control| !enough(control.sample)) => Verdict::Inconclusive,
        None => verdict(gate.bound, gate.min_sample, found.value, found.counted.sample),
    };
    Evidence {
        verdict,
        measure: gate.measure,
        value: found.value,
        hits: found.counted.hits,
        sample: found.counted.sample,
        as_of: found.as_of,
        source: Some(found.source),
        control: found.control,
        why: found.why,
    }
}

/// The verdict on a fresh reading.
#[must_use]
pub fn verdict(bound: Bound, min_sample: u32, value: Option<f64>, sample: u32) -> Verdict {
    let Some(value) = value.filter(|_| sample >= min_sample) else { return Verdict::Inconclusive };
    let within = match bound {
        Bound::AtLeast(threshold) => value >= threshold,
        Bound::AtMost(threshold) => value <= threshold,
        // A value that nothing judges says nothing.
        Bound::Judged => return Verdict::NoData,
    };
    if within { Verdict::Pass } else { Verdict::Fail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_the_sample_and_includes_the_threshold() {
        let at_least = Bound::AtLeast(0.9);
        let at_most = Bound::AtMost(0.1);
        for (bound, min_sample, value, sample, expected) in [
            (at_least, 10, Some(0.9), 10, Verdict::Pass),
            (at_least, 10, Some(0.899), 10, Verdict::Fail),
            (at_least, 11, Some(1.0), 10, Verdict::Inconclusive),
            (at_least, 0, None, 0, Verdict::Inconclusive),
            (at_most, 20, Some(0.1), 20, Verdict::Pass),
            (at_most, 20, Some(0.11), 20, Verdict::Fail),
            (at_most, 20, Some(0.0), 19, Verdict::Inconclusive),
            (Bound::Judged, 1, Some(0.0), 19, Verdict::NoData),
            (at_most, 1, Some(f64::NAN), 19, Verdict::Fail),
            (at_least, 1, Some(f64::NAN), 19, Verdict::Fail),
        ] {
            assert_eq!(verdict(bound, min_sample, value, sample), expected, "{bound:?} {min_sample} {value:?} {sample}");
        }
    }
}
