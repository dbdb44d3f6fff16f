//! `[[stage]]`.

use config::{Map, Value};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::calendar;
use super::people::Register;
use super::read::{Node, Section};
use super::value::Wrong;
use crate::rollout::plan::{Expected, Stage, Unregistered};

pub(super) const STAGE: [&str; 9] =
    ["name", "people", "start", "late_by", "finish_by", "min_notice", "soak", "unregistered", "expect"];

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
    let expect = table.optional("expect", |node| node.parsed(expected));
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
        expect: expect.ok()?,
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

/// A number of people, or from one to another: "200", "180..220".
fn expected(text: &str) -> Result<Expected, Wrong> {
    let wrong = || Wrong::new(format!("`{text}` is no number of people"), "write \"180..220\", both included, or \"200\"");
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
    let (least, most) = match text.split_once("..") {
        Some((least, most)) => (number(least)?, number(most)?),
        None => (number(text)?, number(text)?),
    };
    if least == 0 || least > most {
        return Err(wrong());
    }
    Ok(Expected { least, most })
}

fn stage_name(text: &str) -> Result<String, Wrong> {
    if text == "tail" {
        return Err(Wrong::new("`tail` stands behind the last stage by itself", "give the stage another name"));
    }
    name(text)
}

pub(super) fn name(text: &str) -> Result<String, Wrong> {
    if text.chars().count() > 64 || text.chars().any(char::is_control) {
        return Err(Wrong::new("is not a name", "write up to 64 printable characters"));
    }
    Ok(text.to_owned())
}
