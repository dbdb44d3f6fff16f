//! Gates that can never pass, never fail, or never be asked.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Lint, most_people};
use crate::config::places::{Path, key};
use crate::config::suggest;
use crate::rollout::gate::LOG_REACH;
use crate::rollout::plan::{Bound, Fails, Gate, GateAt, Licence, Measure, Reads};

pub(super) fn lint(lint: &mut Lint<'_>) {
    let mut names = BTreeSet::new();
    for (index, gate) in lint.plan.gates.iter().enumerate() {
        if !names.insert(gate.name.as_str()) {
            let message = format!("there are two gates `{}`", gate.name);
            lint.error(&at(index, "name"), message, "give each gate its own name");
        }
        moment(lint, index, gate);
        bound(lint, index, gate);
        time(lint, index, gate);
        unknown_stages(lint, index, gate);
        overrides(lint, index, gate);
        unreachable_sample(lint, index, gate);
    }
    codes(lint);
}

fn at(index: usize, key: &str) -> Path {
    key!["gate", index, key].to_vec()
}

/// When it is asked, and whether there is anything to ask then.
fn moment(lint: &mut Lint<'_>, index: usize, gate: &Gate) {
    if gate.measure.is_of_enforced() && gate.at == GateAt::Start {
        let remedy = "ask it `during` or at `exit`; at the start ask `registered_share`";
        lint.error(&at(index, "at"), "nobody of the stage is enforced at its start, so nothing can be measured", remedy);
    }
    if gate.measure.reads() == Reads::SignIns && lint.plan.access.licence == Licence::None {
        let remedy = "take the gate out, or write `licence = \"p1\"` in [tenant] if there is one";
        lint.error(&at(index, "measure"), "there is no sign-in log without a P1 licence, so this can never be measured", remedy);
    }
    if gate.asking.versus.is_some() && (gate.measure != Measure::MfaFailureShare || gate.at != GateAt::During) {
        let remedy = "take the key out; it belongs to `measure = \"mfa_failure_share\"` and `at = \"during\"`";
        let message = "compares failures of MFA, while there are people who are not enforced yet";
        lint.error(&at(index, "versus"), message, remedy);
    }
    if gate.asking.fails != Fails::default() && gate.measure.reads() == Reads::Journal {
        let message = format!("`{}` has no readings that come anew, so it cannot fail several times", word(gate.measure));
        lint.error(&at(index, "fails"), message, "take the key out: it holds as soon as it fails");
    }
}

/// A bound that looks at the wrong side.
fn bound(lint: &mut Lint<'_>, index: usize, gate: &Gate) {
    let more_is_better = matches!(gate.measure, Measure::RegisteredShare | Measure::VerifiedShare | Measure::NoticeReach);
    let says = match gate.measure {
        Measure::RegisteredShare => "few people are registered",
        Measure::UnknownShare => "nothing is known of many people",
        Measure::MfaFailureShare => "many people fail",
        Measure::LockoutShare => "many accounts are locked",
        Measure::VerifiedShare => "few people have got in",
        Measure::LegacyBlocks => "old clients of many people are refused",
        Measure::NoticeReach => "few people were told",
        Measure::Contacts | Measure::ContactsPer100 => "many people call",
        Measure::Http | Measure::Command | Measure::Confirm => return,
    };
    match gate.bound {
        Bound::AtMost(_) if more_is_better => {
            lint.warn(&at(index, "at_most"), format!("passes while {says}"), "did you mean `at_least`?");
        }
        Bound::AtLeast(_) if !more_is_better => {
            lint.warn(&at(index, "at_least"), format!("passes while {says}"), "did you mean `at_most`?");
        }
        _ => {}
    }
}

/// Windows and ages.
fn time(lint: &mut Lint<'_>, index: usize, gate: &Gate) {
    let Some(window) = gate.asking.window else { return };
    if !gate.measure.takes_window() {
        let message = format!("`{}` counts no attempts, or all of them", word(gate.measure));
        lint.error(&at(index, "window"), message, "take the key out");
    } else if window > LOG_REACH {
        let days = LOG_REACH.as_hours() / 24;
        let message = format!("reaches further back than the log, which keeps {days} days");
        lint.error(&at(index, "window"), message, format!("write at most \"{days}d\""));
    } else if window < lint.plan.observe.sign_ins && gate.measure.reads() == Reads::SignIns {
        let every = lint.plan.observe.sign_ins;
        let message = format!("is shorter than the {every:#} between two readings of the log, so that some attempts never count");
        lint.error(&at(index, "window"), message, "write a longer one, or a shorter `observe.sign_ins`");
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

/// What is otherwise for stages that are not asked, or twice, or on the other side of the threshold.
fn overrides(lint: &mut Lint<'_>, index: usize, gate: &Gate) {
    let mut named = BTreeSet::new();
    for (own, entry) in gate.asking.overrides.iter().enumerate() {
        let stage = &entry.stage;
        let known: Vec<&str> =
            lint.plan.stages.iter().map(|stage| stage.name.as_str()).filter(|name| gate.is_asked_of(name)).collect();
        let path = key!["gate", index, "override", own, "stage"];
        if !known.contains(&stage.as_str()) {
            lint.error(&path, format!("the gate is asked of no stage `{stage}`"), suggest::remedy(stage, known.iter().copied()));
        } else if !named.insert(stage) {
            lint.error(&path, format!("stage `{stage}` has two"), "write one of them");
        }
        let same = matches!(
            (entry.bound, gate.bound),
            (None, _) | (Some(Bound::AtLeast(_)), Bound::AtLeast(_)) | (Some(Bound::AtMost(_)), Bound::AtMost(_))
        );
        if !same {
            let remedy = "write the same key as the gate, with another number";
            lint.error(&path, "has a threshold on another side than the gate", remedy);
        }
    }
}

/// A start or exit gate moves only on a fresh Pass, and fewer people than `min_sample` never give one.
fn unreachable_sample(lint: &mut Lint<'_>, index: usize, gate: &Gate) {
    let counts_people = gate.measure.is_share() || gate.measure.is_of_enforced();
    if gate.at == GateAt::During || !counts_people {
        return;
    }
    for stage in lint.plan.stages.iter().filter(|stage| gate.is_asked_of(&stage.name)) {
        let asked = gate.of(&stage.name);
        let sample = usize::try_from(asked.min_sample).unwrap_or(usize::MAX);
        if let Some(most) = most_people(stage).filter(|most| *most < sample) {
            let message = format!("stage `{}` has at most {most} people, so a sample of {sample} is never reached", stage.name);
            let remedy = "lower it, name the stages that are asked in `stages`, or give this one its own in `override`";
            lint.error(&at(index, "min_sample"), message, remedy);
        }
    }
}

/// Codes of which nobody could say what they mean.
fn codes(lint: &mut Lint<'_>) {
    let observe = &lint.plan.observe;
    let classes = [
        ("mfa_failure_codes", &observe.mfa_failure_codes),
        ("lockout_codes", &observe.codes.lockout),
        ("step_codes", &observe.codes.step),
    ];
    let mut seen: Vec<(&str, i64)> = Vec::new();
    for (name, codes) in classes {
        for (index, code) in codes.iter().enumerate() {
            if let Some((other, _)) = seen.iter().find(|(class, known)| known == code && *class != name) {
                let remedy = format!("take it out of one of the two; `{name}` and `{other}` exclude each other");
                lint.error(&key!["observe", name, index], format!("{code} stands in `{other}` too"), remedy);
            }
            seen.push((name, *code));
        }
    }
    let zero = |codes: &[i64]| codes.iter().any(|code| *code <= 0);
    for (name, codes) in classes.into_iter().chain([("legacy_codes", &observe.codes.legacy)]) {
        if zero(codes) {
            lint.error(&key!["observe", name], "holds a number that is no error: 0 is a success", "take it out");
        }
    }
    let asks = |measure: Measure| lint.plan.gates.iter().any(|gate| gate.measure == measure);
    let empty = [
        ("mfa_failure_codes", observe.mfa_failure_codes.is_empty() && asks(Measure::MfaFailureShare)),
        ("lockout_codes", observe.codes.lockout.is_empty() && asks(Measure::LockoutShare)),
        ("legacy_codes", observe.codes.legacy.is_empty() && asks(Measure::LegacyBlocks)),
    ];
    for (name, empty) in empty {
        if empty {
            lint.error(
                &key!["observe", name],
                "is empty, so that the gate that counts such errors never fails",
                "write the codes",
            );
        }
    }
    if observe.gates > observe.max_age {
        let remedy = "write a shorter time";
        lint.error(&key!["observe", "gates"], "is longer than `observe.max_age`, so that no answer stays fresh", remedy);
    }
    if lint.plan.limits.max_hold < SignedDuration::from_hours(1) {
        let remedy = "write at least \"1h\": the tenant is away for minutes now and then";
        lint.error(&key!["limits", "max_hold"], "is shorter than an hour", remedy);
    }
}

fn word(measure: Measure) -> &'static str {
    Measure::ALL.iter().find(|(_, known)| *known == measure).map_or("", |(word, _)| word)
}
