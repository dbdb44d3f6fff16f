//! What gates need to be read, how often, and whether that was done lately.

use jiff::{SignedDuration, Timestamp};

use super::gates_of;
use crate::rollout::condition::Ground;
use crate::rollout::need::due;
use crate::rollout::observed::{Observed, Source};
use crate::rollout::plan::{Gate, GateAt, Measure, Plan, Reads};
use crate::rollout::state::{Phase, StageState};
use crate::rollout::tail;

/// Whether some gate of the plan is read from there.
#[must_use]
pub fn reads(plan: &Plan, from: Reads) -> bool {
    plan.gates.iter().any(|gate| gate.measure.reads() == from)
}

/// How often the source of a measure is read; none that the journal answers.
#[must_use]
pub const fn interval(plan: &Plan, measure: Measure) -> Option<SignedDuration> {
    match measure.reads() {
        Reads::Registration => Some(plan.observe.registration),
        Reads::SignIns => Some(plan.observe.sign_ins),
        Reads::Outside => Some(plan.observe.gates),
        Reads::Journal => None,
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
    let gates = gates_of(plan, stage, GateAt::During).chain(gates_of(plan, stage, GateAt::Exit));
    // What the journal says is always known, and shows nothing of how people get on.
    let mut gates = gates.filter_map(|gate| interval(plan, gate.measure).map(|every| (gate, every))).peekable();
    if gates.peek().is_none() {
        return age(read(&observed.members)) <= plan.observe.members.saturating_mul(2);
    }
    gates.all(|(gate, every)| {
        let read = match gate.measure.reads() {
            Reads::Registration => read(&observed.registration),
            Reads::SignIns => read(&observed.sign_ins),
            Reads::Outside | Reads::Journal => observed.gates.get(&gate.name).and_then(read),
        };
        age(read) <= every.saturating_mul(2)
    })
}

/// Gates that an address or a command answers, each with the instant at which it is to be asked next: while its stage waits for it.
pub fn outside<'a>(ground: &Ground<'a>) -> impl Iterator<Item = (String, Timestamp)> + use<'a> {
    let ground = *ground;
    let every = ground.plan.observe.gates;
    let asked = ground.plan.gates.iter().filter(|gate| gate.measure.reads() == Reads::Outside);
    asked.filter_map(move |gate| {
        let from = ground.state.stages.iter().filter_map(|stage| from(stage, gate, every)).min();
        let from = from.or_else(|| asks_for_tail(&ground, gate).then_some(Timestamp::MIN))?;
        let never = Source::default();
        let source = ground.observed.gates.get(&gate.name).unwrap_or(&never);
        Some((gate.name.clone(), due(&ground, source, every).max(from)))
    })
}

/// From when on a stage waits for the gate's answer.
fn from(stage: &StageState, gate: &Gate, every: SignedDuration) -> Option<Timestamp> {
    let waits = match (gate.at, &stage.phase) {
        // A little before, so that the start need not wait for it.
        (GateAt::Start, Phase::Announced) => {
            return gate.is_asked_of(&stage.name).then(|| stage.start.instant.checked_sub(every).unwrap_or(Timestamp::MIN));
        }
        (GateAt::During, Phase::Enforcing { canary: Some(_) } | Phase::Soaking { .. })
        | (GateAt::Exit, Phase::Soaking { .. }) => gate.is_asked_of(&stage.name),
        _ => false,
    };
    waits.then_some(Timestamp::MIN)
}

fn asks_for_tail(ground: &Ground<'_>, gate: &Gate) -> bool {
    gate.at == GateAt::During && gate.stages.is_empty() && tail::is_near(ground)
}
