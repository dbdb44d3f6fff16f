//! The sentence of a piece of evidence.

use super::Measure;
use crate::rollout::event::{Evidence, Origin, Verdict};
use crate::rollout::plan::{Bound, Gate, Versus};

/// The sentence of a piece of evidence.
#[must_use]
pub fn sentence(gate: &Gate, evidence: &Evidence) -> String {
    let verdict = match evidence.verdict {
        Verdict::Pass => "passes",
        Verdict::Fail => "fails",
        Verdict::Inconclusive => "is inconclusive",
        Verdict::NoData => "has no fresh data",
    };
    let why = evidence.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let numbers = numbers(gate, evidence).map(|numbers| format!(": {numbers}")).unwrap_or_default();
    let shadow = if gate.asking.shadow { " (a shadow: it stops nothing)" } else { "" };
    format!("gate `{}` {verdict}{why}{numbers}{shadow}", gate.name)
}

/// What was counted, what is asked for, and when it was read; nothing where numbers say nothing.
fn numbers(gate: &Gate, evidence: &Evidence) -> Option<String> {
    let read = evidence.as_of.map_or_else(|| "never read".to_owned(), |at| format!("as of {at}"));
    if matches!(gate.measure, Measure::Confirm) || gate.bound == Bound::Judged {
        return (evidence.why.is_none() || evidence.verdict == Verdict::NoData).then_some(read);
    }
    let share = |value: f64| format!("{:.1} %", value * 100.0);
    let shown = |value: f64| if gate.measure.is_share() { share(value) } else { plain(value) };
    let bound = match gate.bound {
        Bound::AtLeast(threshold) => format!("at least {} asked", shown(threshold)),
        Bound::AtMost(threshold) => format!("at most {} allowed", shown(threshold)),
        Bound::Judged => return None,
    };
    let needed = gate.min_sample;
    let (hits, sample) = (evidence.hits, evidence.sample);
    let found = match (gate.measure, evidence.value) {
        (Measure::Contacts, Some(_)) => format!("{hits} contacts ({sample} people enforced, {needed} needed)"),
        (Measure::ContactsPer100, Some(value)) => {
            format!("{} contacts per 100 people ({hits} of {sample} people, {needed} needed)", plain(value))
        }
        (Measure::Contacts | Measure::ContactsPer100, None) => {
            format!("nobody has counted contacts ({sample} people enforced, {needed} needed)")
        }
        (Measure::Http | Measure::Command, Some(value)) => format!("{} (of {sample}, {needed} needed)", plain(value)),
        (Measure::Http | Measure::Command, None) => return Some(read),
        (_, value) => {
            let value = value.map_or_else(|| "nobody counted".to_owned(), share);
            format!("{value} ({hits} of {sample} people, {needed} needed)")
        }
    };
    let compared = match (gate.asking.versus, evidence.control) {
        (Some(Versus::NotEnforced), Some(control)) => {
            format!(", compared with {} of {} people who are not enforced yet", control.hits, control.sample)
        }
        _ => String::new(),
    };
    let own = if evidence.source == Some(Origin::OwnMethods) { " (people's own methods, not a report)" } else { "" };
    Some(format!("{found}{compared}, {bound}, {read}{own}"))
}

/// A number without needless digits.
fn plain(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { format!("{value:.3}") }
}
