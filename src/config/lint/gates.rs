//! Gates that can never pass, never fail, or never be asked.

use std::collections::BTreeSet;

use super::{Lint, most_people};
use crate::config::places::{Path, key};
use crate::config::suggest;
use crate::rollout::plan::{Bound, Gate, GateAt, Licence, Measure};

pub(super) fn lint(lint: &mut Lint<'_>) {
    let mut names = BTreeSet::new();
    for (index, gate) in lint.plan.gates.iter().enumerate() {
        let key = |key: &str| -> Path { key!["gate", index, key].to_vec() };
        if !names.insert(gate.name.as_str()) {
            lint.error(&key("name"), format!("there are two gates `{}`", gate.name), "give each gate its own name");
        }
        if gate.measure == Measure::MfaFailureShare && gate.at == GateAt::Start {
            let remedy = "ask it `during` or at `exit`; at the start ask `registered_share`";
            lint.error(&key("at"), "nobody of the stage is enforced at its start, so nothing can be measured", remedy);
        }
        if gate.measure == Measure::MfaFailureShare && lint.plan.access.licence == Licence::None {
            let remedy = "take the gate out, or write `licence = \"p1\"` in [tenant] if there is one";
            lint.error(&key("measure"), "there is no sign-in log without a P1 licence, so this can never be measured", remedy);
        }
        match (gate.measure, gate.bound) {
            (Measure::RegisteredShare, Bound::AtMost(_)) => {
                lint.warn(&key("at_most"), "passes while few people are registered", "did you mean `at_least`?");
            }
            (Measure::MfaFailureShare, Bound::AtLeast(_)) => {
                lint.warn(&key("at_least"), "passes while many people fail", "did you mean `at_most`?");
            }
            _ => {}
        }
        unknown_stages(lint, index, gate);
        unreachable_sample(lint, index, gate);
    }
}

fn unknown_stages(lint: &mut Lint<'_>, index: usize, gate: &Gate) {
    let known: Vec<&str> = lint.plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    for (at, name) in gate.stages.iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str())) {
        lint.error(
            &key!["gate", index, "stages", at],
            format!("unknown stage `{name}`"),
            suggest::remedy(name, known.iter().copied()),
        );
    }
}

/// A start or exit gate moves only on a fresh Pass, and fewer people than `min_sample` never give one.
fn unreachable_sample(lint: &mut Lint<'_>, index: usize, gate: &Gate) {
    if gate.at == GateAt::During {
        return;
    }
    for stage in &lint.plan.stages {
        let asked = gate.stages.is_empty() || gate.stages.contains(&stage.name);
        let sample = usize::try_from(gate.min_sample).unwrap_or(usize::MAX);
        if let Some(most) = most_people(stage).filter(|most| asked && *most < sample) {
            let message = format!("stage `{}` has at most {most} people, so a sample of {sample} is never reached", stage.name);
            lint.error(&key!["gate", index, "min_sample"], message, "lower it, or name the stages that are asked in `stages`");
        }
    }
}
