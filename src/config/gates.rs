//! `[[gate]]`.
//!
//! Reads one gate at a time; what is wrong with it beside stages and the rest of the plan is for `lint`. Invariant: an expression that does
//! not parse is an error, never a gate that is not asked.

use config::{Map, Value};
use jiff::SignedDuration;

use super::outside::{self, Outside};
use super::read::{Node, Section};
use super::stages::name;
use super::value::Wrong;
use crate::rollout::plan::{Asking, Bound, Fails, Gate, GateAt, Measure, Override, Reads, Versus};

pub(super) const GATE: [&str; 17] = [
    "name",
    "measure",
    "at",
    "at_least",
    "at_most",
    "min_sample",
    "max_age",
    "stages",
    "window",
    "fails",
    "shadow",
    "versus",
    "override",
    "url",
    "allow_internal",
    "command",
    "time_limit",
];
const OVERRIDE: [&str; 4] = ["stage", "at_least", "at_most", "min_sample"];

/// A human's answer stands this long, unless the gate says otherwise: nobody reads feedback twice a day.
const CONFIRMED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The gates, each with what answers it where that is outside the tenant.
pub(super) fn gates(
    root: &Section<'_>,
    defaults: &Map<String, Value>,
    max_age: Option<SignedDuration>,
) -> Option<Vec<(Gate, Option<Outside>)>> {
    root.get("gate").map_or(Some(Vec::new()), |list| list.each(|node| gate(&node.section(&GATE).or(defaults), max_age)))
}

fn gate(table: &Section<'_>, max_age: Option<SignedDuration>) -> Option<(Gate, Option<Outside>)> {
    let name = table.need("name", "`name = \"registered\"`").and_then(|node| node.parsed(name));
    let measure = table.need("measure", "`measure = \"registered_share\"`").and_then(|node| node.word(&Measure::ALL));
    let moments = [("start", GateAt::Start), ("during", GateAt::During), ("exit", GateAt::Exit)];
    let at = table.need("at", "`at = \"start\"`").and_then(|node| node.word(&moments));
    let bound = bound(table, measure);
    let min_sample = table.get("min_sample").and_then(|node| node.count(1..=u32::MAX));
    let own_age = table.optional("max_age", Node::some_time);
    let stages = table.get("stages").and_then(|node| node.each(|name| name.text().map(str::to_owned)));
    let window = table.optional("window", Node::some_time);
    let fails = table.get("fails").and_then(|node| node.parsed(fails));
    let shadow = table.get("shadow").and_then(|node| node.flag());
    let versus = table.optional("versus", |node| node.word(&[("not-enforced", Versus::NotEnforced)]));
    let overrides = table.optional("override", |list| list.each(|node| own(&node.section(&OVERRIDE), measure)));
    // What is asked cannot be read before it is known what is measured.
    let outside = outside::section(table, measure?);
    let default_age = if measure == Some(Measure::Confirm) { Some(CONFIRMED) } else { max_age };
    let outside = outside.ok()?;
    let gate = Gate {
        name: name?,
        measure: measure?,
        at: at?,
        bound: bound?,
        min_sample: min_sample?,
        max_age: own_age.ok()?.or(default_age)?,
        stages: stages?,
        asking: Asking {
            window: window.ok()?,
            fails: fails?,
            shadow: shadow?,
            versus: versus.ok()?,
            overrides: overrides.ok()?.unwrap_or_default(),
            source: outside.as_ref().map(Outside::hash),
        },
    };
    Some((gate, outside))
}

/// The threshold; whoever answers from outside the tenant may do without one.
fn bound(table: &Section<'_>, measure: Option<Measure>) -> Option<Bound> {
    let judged = |measure: Measure| measure == Measure::Confirm || measure.reads() == Reads::Outside;
    match (table.get("at_least"), table.get("at_most")) {
        (Some(_), Some(node)) => {
            node.error("a gate has one bound; this one has two", "take `at_least` or `at_most` out");
            None
        }
        (Some(node), None) | (None, Some(node)) if measure == Some(Measure::Confirm) => {
            node.error("does not belong to `confirm`: a human says yes or no", "take the key out");
            None
        }
        (Some(node), None) => threshold(&node, measure).map(Bound::AtLeast),
        (None, Some(node)) => threshold(&node, measure).map(Bound::AtMost),
        (None, None) if measure.is_some_and(judged) => Some(Bound::Judged),
        (None, None) => {
            table.missing("at_least", "`at_least = 0.90`, or `at_most`");
            None
        }
    }
}

/// A threshold: a share where shares are measured, any number that is not negative elsewhere.
fn threshold(node: &Node<'_>, measure: Option<Measure>) -> Option<f64> {
    if measure.is_none_or(Measure::is_share) { node.fraction() } else { node.number() }
}

/// What is otherwise for one stage.
fn own(table: &Section<'_>, measure: Option<Measure>) -> Option<Override> {
    let stage = table.need("stage", "`stage = \"pilot\"`").and_then(|node| node.text().map(str::to_owned));
    let bound = match (table.get("at_least"), table.get("at_most")) {
        (None, None) => Ok(None),
        _ => bound(table, measure).map(Some).ok_or(super::read::Reported),
    };
    let min_sample = table.optional("min_sample", |node| node.count(1..=u32::MAX));
    let (stage, bound, min_sample) = (stage?, bound.ok()?, min_sample.ok()?);
    if bound.is_none() && min_sample.is_none() {
        table.node.error("changes nothing", "write `at_least`, `at_most` or `min_sample` of that stage, or take it out");
        return None;
    }
    Some(Override { stage, bound, min_sample })
}

/// `2 of 3`.
fn fails(text: &str) -> Result<Fails, Wrong> {
    let wrong =
        || Wrong::new(format!("`{text}` does not say how often"), "write such as \"2 of 3\": two of the latest three readings");
    let (times, of) = text.split_once(" of ").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u8>().map_err(|_| wrong());
    let (times, of) = (number(times)?, number(of)?);
    if times == 0 || times > of || of > Fails::MOST {
        let remedy = format!("write at least 1, and at most {} readings of which so many may fail", Fails::MOST);
        return Err(Wrong::new(format!("`{text}` can never be so"), remedy));
    }
    Ok(Fails { times, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_a_gate_must_fail_is_said_in_words() {
        for (text, expected) in [("1 of 1", (1, 1)), ("2 of 3", (2, 3)), ("10 of 10", (10, 10)), (" 1  of  2 ", (1, 2))] {
            let Ok(Fails { times, of }) = fails(text) else { panic!("{text}") };
            assert_eq!((times, of), expected, "{text}");
        }
        for text in ["", "2", "2/3", "two of three", "0 of 3", "3 of 2", "1 of 11", "-1 of 3", "1 of 2 of 3", "1.5 of 2"] {
            assert!(fails(text).is_err(), "{text}");
        }
    }
}
