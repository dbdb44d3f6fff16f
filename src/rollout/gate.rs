//! Gates: a question with four verdicts, answered from readings and the journal alone (DESIGN §1, §4).

use jiff::{SignedDuration, Timestamp};

use super::event::{Evidence, Verdict};
use super::observed::{Observed, Readiness, Registration, SignIn, Source};
use super::person::{Home, PersonState};
use super::plan::{Bound, Gate, GateAt, Measure, Plan};
use super::state::{StageState, State};

/// How long the tenant keeps sign-ins: 30 days (Microsoft Entra ID P1 and P2).
pub const LOG_REACH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Gates of a stage, or of the tail, that are asked at a moment of its life. A gate that names no stages is asked of all, and of the tail.
pub fn gates_of<'a>(plan: &'a Plan, stage: &'a str, at: GateAt) -> impl Iterator<Item = &'a Gate> {
    plan.gates
        .iter()
        .filter(move |gate| gate.at == at && (gate.stages.is_empty() || gate.stages.iter().any(|name| name == stage)))
}

/// Reads a gate for a stage.
#[must_use]
pub fn read(plan: &Plan, state: &State, observed: &Observed, now: Timestamp, stage: &StageState, gate: &Gate) -> Evidence {
    of_people(plan, observed, now, gate, stage.roster.iter().filter_map(|ix| state.people.at(*ix)))
}

/// Reads a gate for the tail. It never ends, so its evidence rests on the people it enforced within the log's reach.
#[must_use]
pub fn read_tail(plan: &Plan, state: &State, observed: &Observed, now: Timestamp, gate: &Gate) -> Evidence {
    let recent = |since: Timestamp| now.duration_since(since) <= LOG_REACH;
    let people = state.people.all().iter().filter(|person| person.home() == Home::Tail);
    of_people(plan, observed, now, gate, people.filter(|person| person.enforced_since().is_some_and(recent)))
}

/// Whom somebody else took out of the group is released, and says nothing about the rollout.
fn of_people(
    plan: &Plan,
    observed: &Observed,
    now: Timestamp,
    gate: &Gate,
    people: impl Iterator<Item = PersonState>,
) -> Evidence {
    let people = people.filter(|person| !person.marks().removed_by_hand);
    let (as_of, counted) = match gate.measure {
        Measure::RegisteredShare => {
            let reading = observed.registration.last.as_ref();
            (reading.map(|r| r.as_of), reading.map(|r| registered(people, &r.value)))
        }
        Measure::MfaFailureShare => {
            let reading = observed.sign_ins.last.as_ref();
            let counted = reading.map(|r| mfa_failures(people, &r.value, &plan.observe.mfa_failure_codes));
            (reading.map(|r| r.as_of), counted)
        }
    };
    let fresh = as_of.is_some_and(|at| now.duration_since(at) <= gate.max_age);
    let (hits, sample) = counted.unwrap_or((0, 0));
    let value = (sample > 0).then(|| f64::from(hits) / f64::from(sample));
    let verdict = if fresh { verdict(gate.bound, gate.min_sample, value, sample) } else { Verdict::NoData };
    Evidence { verdict, measure: gate.measure, value, hits, sample, as_of }
}

/// The verdict on a fresh reading.
#[must_use]
pub fn verdict(bound: Bound, min_sample: u32, value: Option<f64>, sample: u32) -> Verdict {
    let Some(value) = value.filter(|_| sample >= min_sample) else { return Verdict::Inconclusive };
    let within = match bound {
        Bound::AtLeast(threshold) => value >= threshold,
        Bound::AtMost(threshold) => value <= threshold,
    };
    if within { Verdict::Pass } else { Verdict::Fail }
}

/// Capable people, and people with a known reading.
fn registered(people: impl Iterator<Item = PersonState>, registration: &Registration) -> (u32, u32) {
    people.fold((0_u32, 0_u32), |(hits, sample), person| match registration.of(person.id) {
        Readiness::Capable => (hits.saturating_add(1), sample.saturating_add(1)),
        Readiness::Unknown => (hits, sample),
        Readiness::Unregistered | Readiness::RegisteredNotAllowed => (hits, sample.saturating_add(1)),
    })
}

/// Enforced people who tried since and never passed MFA, and enforced people who tried at all.
fn mfa_failures(people: impl Iterator<Item = PersonState>, attempts: &[SignIn], failure_codes: &[i64]) -> (u32, u32) {
    let mut failed = 0_u32;
    let mut tried = 0_u32;
    for person in people {
        let Some(since) = person.enforced_since() else { continue };
        let from = attempts.partition_point(|attempt| attempt.person < person.id);
        let theirs =
            || attempts.iter().skip(from).take_while(|attempt| attempt.person == person.id).filter(|attempt| attempt.at >= since);
        let passed = theirs().any(|attempt| attempt.code == 0);
        let refused = theirs().any(|attempt| failure_codes.contains(&attempt.code));
        tried = tried.saturating_add(u32::from(passed || refused));
        failed = failed.saturating_add(u32::from(refused && !passed));
    }
    (failed, tried)
}

/// How often the source of a measure is read.
#[must_use]
pub fn interval(plan: &Plan, measure: Measure) -> SignedDuration {
    match measure {
        Measure::RegisteredShare => plan.observe.registration,
        Measure::MfaFailureShare => plan.observe.sign_ins,
    }
}

/// Whether the evidence of a soaking stage is recent enough to count its time as observed: every source that its `during` and
/// `exit` gates need, or the members of the group when there are none, not older than twice its interval.
#[must_use]
pub fn is_watched(plan: &Plan, observed: &Observed, now: Timestamp, stage: &str) -> bool {
    // A source is watched while it answers; that a report is hours behind by itself is for the gate's `max_age` to judge.
    fn read<T>(source: &Source<T>) -> Option<Timestamp> {
        let last = source.last.as_ref()?;
        if source.trouble.is_none() { source.asked } else { Some(last.as_of) }
    }
    let age = |at: Option<Timestamp>| at.map_or(SignedDuration::MAX, |at| now.duration_since(at));
    let mut gates = gates_of(plan, stage, GateAt::During).chain(gates_of(plan, stage, GateAt::Exit)).peekable();
    if gates.peek().is_none() {
        return age(read(&observed.members)) <= plan.observe.members.saturating_mul(2);
    }
    gates.all(|gate| {
        let read = match gate.measure {
            Measure::RegisteredShare => read(&observed.registration),
            Measure::MfaFailureShare => read(&observed.sign_ins),
        };
        age(read) <= interval(plan, gate.measure).saturating_mul(2)
    })
}

/// The sentence of a piece of evidence.
#[must_use]
pub fn sentence(gate: &Gate, evidence: &Evidence) -> String {
    let bound = match gate.bound {
        Bound::AtLeast(share) => format!("at least {:.1} % asked", share * 100.0),
        Bound::AtMost(share) => format!("at most {:.1} % allowed", share * 100.0),
    };
    let read = evidence.as_of.map_or_else(|| "never read".to_owned(), |at| format!("as of {at}"));
    let value = evidence.value.map_or_else(|| "nobody counted".to_owned(), |value| format!("{:.1} %", value * 100.0));
    let verdict = match evidence.verdict {
        Verdict::Pass => "passes",
        Verdict::Fail => "fails",
        Verdict::Inconclusive => "is inconclusive",
        Verdict::NoData => "has no fresh data",
    };
    format!(
        "gate `{}` {verdict}: {value} ({} of {} people, {} needed), {bound}, {read}",
        gate.name, evidence.hits, evidence.sample, gate.min_sample
    )
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
        ] {
            assert_eq!(verdict(bound, min_sample, value, sample), expected, "{bound:?} {min_sample} {value:?} {sample}");
        }
    }
}
