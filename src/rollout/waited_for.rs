//! Readings of gates that stop something: what is waited out, what fails often enough, and what has been waited for too long.
//!
//! Reads no gate. Invariants: a failure that does not hold yet stops the next batches all the same; without data nobody waits longer than
//! `limits.max_hold` before a human is asked; a gate that is a shadow stops nothing.

use std::borrow::Cow;

use jiff::Timestamp;

use super::acknowledge::{digest, judged};
use super::condition::Ground;
use super::event::{Event, Evidence, Verdict};
use super::gate::{Recent, read, sentence, shown};
use super::hold::{Blocks, Clears, Hold, Owner, Scope};
use super::observed::Toggle;
use super::plan::{Fails, Gate, GateAt, Measure};
use super::stage::PhaseName;
use super::state::{Phase, StageState, TAIL, evidence_key};
use super::tail;

/// One gate as it reads now for a stage, or for the tail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) stage: &'a str,
    pub(super) gate: &'a Gate,
    pub(super) evidence: &'a Evidence,
}

/// What the ids of holds begin with that end once their gate answers.
pub(super) const WAITS: &str = "gate-waits:";

impl Reading<'_> {
    /// The id of the hold that ends by itself.
    pub(super) fn wait_id(&self) -> String {
        format!("{WAITS}{}:{}", self.stage, self.gate.name)
    }

    /// The id of the hold that a human clears.
    fn hold_id(&self) -> String {
        format!("gate:{}:{}", self.stage, self.gate.name)
    }

    /// Whether an operator passes it with this evidence.
    fn is_passed(&self, ground: &Ground<'_>) -> bool {
        ground.state.passes_gate(self.stage, self.gate, self.evidence, ground.now)
    }

    fn is_held(&self, ground: &Ground<'_>) -> bool {
        ground.state.holds.contains_key(&self.hold_id())
    }

    /// Whether it is waited out, `inconclusive` being what too small a sample means; what a human must clear is waited out no more.
    pub(super) fn waits(&self, ground: &Ground<'_>, inconclusive: impl FnOnce() -> bool) -> bool {
        if self.gate.asking.shadow || self.is_passed(ground) {
            return false;
        }
        match self.judged(ground) {
            Verdict::Pass => false,
            Verdict::Fail => !self.is_held(ground) && !self.fails(ground),
            // Nobody need sign in for a human to answer.
            Verdict::Inconclusive => self.gate.measure == Measure::Confirm || inconclusive(),
            Verdict::NoData => !self.is_held(ground),
        }
    }

    /// The verdict, less what a human has seen.
    fn judged(&self, ground: &Ground<'_>) -> Verdict {
        judged(self.gate, self.evidence, ground.state.acknowledged.get(&evidence_key(self.stage, &self.gate.name)))
    }

    fn recent(&self, ground: &Ground<'_>) -> Recent {
        ground.state.recent.get(&evidence_key(self.stage, &self.gate.name)).cloned().unwrap_or_default()
    }

    /// Whether it has failed as often as it takes, this reading included.
    fn fails(&self, ground: &Ground<'_>) -> bool {
        let fails = self.gate.asking.fails;
        let verdict = self.judged(ground);
        let enough = || self.recent(ground).with(self.evidence.as_of, verdict).failed(fails) >= usize::from(fails.times);
        verdict == Verdict::Fail && (fails == Fails::default() || enough())
    }

    /// Whether the journal must have it for what is decided later.
    fn is_kept(&self, ground: &Ground<'_>) -> bool {
        if self.gate.asking.shadow {
            let last = ground.state.evidence.get(&evidence_key(self.stage, &self.gate.name));
            return last.is_none_or(|last| last.verdict != self.evidence.verdict);
        }
        let (recent, verdict) = (self.recent(ground), self.judged(ground));
        let matters = verdict == Verdict::Fail || !recent.is_clean();
        self.gate.asking.fails != Fails::default() && recent.is_news(self.evidence.as_of, verdict) && matters
    }

    /// Since when it has been waited for.
    fn waited_since(&self, ground: &Ground<'_>) -> Option<Timestamp> {
        ground.state.holds.get(&self.wait_id()).map(|hold| hold.since)
    }

    /// What is to be recorded of it: the reading, and the hold that only a human clears, with its evidence.
    fn records(&self, ground: &Ground<'_>) -> Vec<Event> {
        let stands = self.gate.at == GateAt::During
            && self.waits(ground, || false)
            && self.gate.measure != Measure::Confirm
            && self.waited_since(ground).is_some_and(|since| too_long(ground, since));
        let fails = self.fails(ground);
        let holds = !self.gate.asking.shadow && !self.is_passed(ground) && !self.is_held(ground) && (fails || stands);
        let mut records = Vec::new();
        if holds || self.is_kept(ground) {
            let (stage, gate, evidence) = (self.stage.to_owned(), self.gate.name.clone(), self.evidence.clone());
            records.push(Event::GateRead { stage, gate, evidence });
        }
        if holds {
            let says = sentence(self.gate, self.evidence);
            let ends = format!("`tidegate unpause '{}' --ack {}`", self.hold_id(), digest(self.evidence));
            let why = if fails {
                format!("{says}; look into it, then {ends}")
            } else {
                format!("{says}; that has stood longer than `limits.max_hold`: see to its source, then {ends}")
            };
            let (scope, since) = (Scope::Stage(self.stage.to_owned()), ground.now);
            let (blocks, owner, clears) = (Blocks::Forward, Owner::Gate, Clears::Human);
            records.push(Event::HoldPlaced {
                hold: Hold { id: self.hold_id(), scope, blocks, owner, since, clears, why, until: None },
            });
        }
        if holds && fails {
            records.extend(self.rollback(ground));
        }
        records
    }

    /// The automatic rollback, where the plan asks for it: of the stage under way, for people who cannot sign in. Never past a human's
    /// decision, and never while the tenant itself is in trouble.
    fn rollback(&self, ground: &Ground<'_>) -> Option<Event> {
        let (_, stage) = ground.state.stage(self.stage)?;
        let asked = ground.plan.limits.auto_rollback == Toggle::On && self.gate.at == GateAt::During;
        let hurts = matches!(self.gate.measure, Measure::MfaFailureShare | Measure::LockoutShare);
        let under_way = matches!(stage.phase, Phase::Enforcing { .. } | Phase::Soaking { .. });
        let decided = ground.state.acknowledged.keys().any(|key| key.starts_with(&evidence_key(self.stage, "")))
            || ground.state.overrides.iter().any(|over| over.stage == self.stage)
            || stage.last_pause.is_some()
            || ground.observed.pause_file.is_some();
        let sick = ground.state.forward_holds(self.stage).any(|hold| hold.owner == Owner::Tenant || hold.clears == Clears::Human);
        (asked && hurts && under_way && !decided && !sick).then(|| Event::StageMoved {
            stage: self.stage.to_owned(),
            from: stage.phase.name(),
            to: PhaseName::RollingBack,
            why: format!("limits.auto_rollback: {}", sentence(self.gate, self.evidence)),
        })
    }
}

/// Whether something has been waited for longer than the plan lets it.
pub(super) fn too_long(ground: &Ground<'_>, since: Timestamp) -> bool {
    ground.now.duration_since(since) >= ground.plan.limits.max_hold
}

/// Since when a stage that has soaked waits for its exit gates.
pub(super) fn exit_since(ground: &Ground<'_>, stage: &StageState) -> Option<Timestamp> {
    let Phase::Soaking { healthy, until } = stage.phase else { return None };
    let planned = ground.plan.stages.iter().find(|planned| planned.name == stage.name)?;
    (healthy >= planned.soak).then_some(until)
}

/// Moments at which the gates of a stage are asked now.
fn asked(ground: &Ground<'_>, stage: &StageState) -> &'static [GateAt] {
    match &stage.phase {
        Phase::Announced if ground.now >= stage.start.instant => &[GateAt::Start],
        Phase::Soaking { .. } if exit_since(ground, stage).is_some() => &[GateAt::During, GateAt::Exit],
        Phase::Enforcing { canary: Some(_) } | Phase::Soaking { .. } => &[GateAt::During],
        _ => &[],
    }
}

/// What is to be recorded of the gates that are asked now.
#[must_use]
pub(super) fn records(ground: &Ground<'_>) -> Vec<Event> {
    let mut records = Vec::new();
    for stage in &ground.state.stages {
        let gates = asked(ground, stage).iter().flat_map(|at| shown(ground.plan, &stage.name, *at));
        let found = gates.flat_map(|gate| {
            let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate);
            Reading { stage: &stage.name, gate: &gate, evidence: &evidence }.records(ground)
        });
        // Several gates may fail at once: each holds, and the stage is rolled back once.
        let mut rolls_back = false;
        records.extend(found.filter(|event| {
            let again = matches!(event, Event::StageMoved { .. });
            !again || !std::mem::replace(&mut rolls_back, true)
        }));
    }
    let tail =
        |(gate, evidence): (Cow<'_, Gate>, Evidence)| Reading { stage: TAIL, gate: &gate, evidence: &evidence }.records(ground);
    records.extend(tail::gates(ground).flat_map(tail));
    records
}

/// When something will have been waited for too long.
pub(super) fn instants<'a>(ground: &Ground<'a>) -> impl Iterator<Item = Timestamp> + use<'a> {
    let ground = *ground;
    let holds = ground.state.holds.values().filter(|hold| hold.id.starts_with(WAITS)).map(|hold| hold.since);
    let soaked = ground.state.stages.iter().filter_map(move |stage| exit_since(&ground, stage));
    holds.chain(soaked).filter_map(move |since| since.checked_add(ground.plan.limits.max_hold).ok())
}
