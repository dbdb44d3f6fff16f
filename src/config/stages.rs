//! `[[stage]]` and `[[gate]]`.

use config::{Map, Value};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::calendar;
use super::people::Register;
use super::read::{Node, Section};
use super::value::Wrong;
use crate::rollout::plan::{Bound, Gate, GateAt, Measure, Stage, Unregistered};

pub(super) const STAGE: [&str; 8] = ["name", "people", "start", "late_by", "finish_by", "min_notice", "soak", "unregistered"];
pub(super) const GATE: [&str; 8] = ["name", "measure", "at", "at_least", "at_most", "min_sample", "max_age", "stages"];

pub(super) fn stages(
    root: &Section<'_>,
    defaults: &Map<String, Value>,
    zone: Option<&TimeZone>,
    register: &Register,
) -> Option<Vec<Stage>> {
    let list = root.need("stage", "at least one [[stage]]")?;
    let stages = list.each(|node| stage(&node.section(&STAGE).or(defaults), zone, register))?;
    if stages.is_empty() {
        list.error("has no stage", "write at least one [[stage]]");
        return None;
    }
    Some(stages)
}

fn stage(table: &Section<'_>, zone: Option<&TimeZone>, register: &Register) -> Option<Stage> {
    let name = table.need("name", "`name = \"pilot\"`").and_then(|node| node.parsed(stage_name));
    let people = table.need("people", "`people = [{ group = \"MFA Pilot\" }]`").and_then(|node| register.selectors(&node));
    let start = table.need("start", "`start = \"2027-01-11T09:00:00\"`");
    let start = start.and_then(|node| node.parsed(|text| zone.map(|zone| calendar::start(text, zone)).transpose()));
    let late_by = table.get("late_by").and_then(|node| node.some_time());
    let finish_by = table.get("finish_by").and_then(|node| node.some_time());
    let min_notice = table.optional("min_notice", floor);
    let soak = table.get("soak").and_then(|node| node.duration());
    let words = [("enforce", Unregistered::Enforce), ("wait", Unregistered::Wait)];
    let unregistered = table.get("unregistered").and_then(|node| node.word(&words));
    let (include, exclude) = people?;
    Some(Stage {
        name: name?,
        include,
        exclude,
        start: start??,
        late_by: late_by?,
        finish_by: finish_by?,
        min_notice: min_notice.ok()?,
        soak: soak?,
        unregistered: unregistered?,
    })
}

/// A minimum notice: at least 24 h (DESIGN §12).
pub(super) fn floor(node: &Node<'_>) -> Option<SignedDuration> {
    let notice = node.duration()?;
    if notice < SignedDuration::from_hours(24) {
        node.error("is shorter than 24 h", "write at least \"1d\": nobody is enforced with less notice");
        return None;
    }
    Some(notice)
}

fn stage_name(text: &str) -> Result<String, Wrong> {
    if text == "tail" {
        return Err(Wrong::new("`tail` stands behind the last stage by itself", "give the stage another name"));
    }
    name(text)
}

fn name(text: &str) -> Result<String, Wrong> {
    if text.chars().count() > 64 || text.chars().any(char::is_control) {
        return Err(Wrong::new("is not a name", "write up to 64 printable characters"));
    }
    Ok(text.to_owned())
}

pub(super) fn gates(root: &Section<'_>, defaults: &Map<String, Value>, max_age: Option<SignedDuration>) -> Option<Vec<Gate>> {
    root.get("gate").map_or(Some(Vec::new()), |list| list.each(|node| gate(&node.section(&GATE).or(defaults), max_age)))
}

fn gate(table: &Section<'_>, max_age: Option<SignedDuration>) -> Option<Gate> {
    let name = table.need("name", "`name = \"registered\"`").and_then(|node| node.parsed(name));
    let measures = [("registered_share", Measure::RegisteredShare), ("mfa_failure_share", Measure::MfaFailureShare)];
    let measure = table.need("measure", "`measure = \"registered_share\"`").and_then(|node| node.word(&measures));
    let moments = [("start", GateAt::Start), ("during", GateAt::During), ("exit", GateAt::Exit)];
    let at = table.need("at", "`at = \"start\"`").and_then(|node| node.word(&moments));
    let bound = match (table.get("at_least"), table.get("at_most")) {
        (Some(node), None) => node.fraction().map(Bound::AtLeast),
        (None, Some(node)) => node.fraction().map(Bound::AtMost),
        (None, None) => {
            table.missing("at_least", "`at_least = 0.90`, or `at_most`");
            None
        }
        (Some(_), Some(node)) => {
            node.error("a gate has one bound; this one has two", "take `at_least` or `at_most` out");
            None
        }
    };
    let min_sample = table.get("min_sample").and_then(|node| node.count(1..=u32::MAX));
    let own_age = table.optional("max_age", Node::some_time);
    let stages = table.get("stages").and_then(|node| node.each(|name| name.text().map(str::to_owned)));
    Some(Gate {
        name: name?,
        measure: measure?,
        at: at?,
        bound: bound?,
        min_sample: min_sample?,
        max_age: own_age.ok()?.or(max_age)?,
        stages: stages?,
    })
}
