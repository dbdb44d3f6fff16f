//! Reports in words: pages for mails and terminals, and a few sentences for channels.
//!
//! Decides nothing and reads nothing. Invariant: a page names nobody.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{StageEnd, StageLine, Week};
use crate::rollout::alert::Alert;
use crate::rollout::diary::Stood;
use crate::rollout::forecast::Reading;
use crate::rollout::page::{Page, Part, instant, zone_of};
use crate::rollout::plan::Plan;
use crate::rollout::stage::PhaseName;

/// More lines than this of what happened are counted, and not written.
const MOST_LINES: usize = 60;

/// The page of a stage.
pub(super) fn stage(facts: &StageEnd, plan: &Plan) -> Page {
    let zone = zone_of(plan);
    let StageEnd { stage, people, .. } = facts;
    let mut parts = vec![Part::Box(headline(facts)), Part::Heading("Time".to_owned()), Part::List(times(facts, &zone))];
    let mut list = vec![format!("{} selected when its announcement began, {people} at the end", facts.selected)];
    list.extend(counted(&facts.situations).map(|(word, count)| format!("{count} {word}")));
    list.extend(counted(&facts.carried).map(|(why, count)| format!("{count} moved to the tail: {why}")));
    list.extend(counted(&facts.out).map(|(why, count)| format!("{count} never in it: {why}")));
    parts.extend([Part::Heading("People".to_owned()), Part::List(list), Part::Heading("Evidence".to_owned())]);
    let mut list: Vec<String> = facts.gates.iter().map(|gate| gate.sentence.clone()).collect();
    list.push(match &facts.mfa_failures {
        Some(read) => format!(
            "asked for MFA and not passed: {} ({} of {} people with an attempt{})",
            percent(read.value.unwrap_or_default()),
            read.hits,
            read.sample,
            read.as_of.map(|at| format!(", as of {}", instant(at, &zone))).unwrap_or_default()
        ),
        None => "asked for MFA and not passed: not known".to_owned(),
    });
    list.push(match facts.contacts {
        Some(count) => format!("contacts that the helpdesk counted: {count}"),
        None => "contacts: the helpdesk has told of none (`tidegate contacts`)".to_owned(),
    });
    parts.push(Part::List(list));
    let foreseen = forecasts(facts, &zone);
    if !foreseen.is_empty() {
        parts.extend([Part::Heading("Registered, foreseen and come".to_owned()), Part::List(foreseen)]);
    }
    parts.push(Part::Heading("Holds".to_owned()));
    parts.push(if facts.holds.is_empty() {
        Part::Text("Nothing stood against it.".to_owned())
    } else {
        Part::List(facts.holds.iter().map(|stood| held(stood, &zone)).collect())
    });
    parts.push(Part::Text(format!("`tidegate explain {}` shows its records.", quoted(stage))));
    Page { subject: format!("MFA rollout of {}: stage {stage} is {}", plan.tenant, facts.phase.as_str()), parts }
}

/// The same in a sentence or two.
pub(super) fn short_stage(facts: &StageEnd) -> String {
    let holds = match facts.holds.len() {
        0 => String::new(),
        1 => " 1 hold stood against it.".to_owned(),
        many => format!(" {many} holds stood against it."),
    };
    let contacts = facts.contacts.map(|count| format!(" The helpdesk counted {count} contacts.")).unwrap_or_default();
    format!("{}{holds}{contacts} `tidegate report {}` tells more.", headline(facts), quoted(&facts.stage))
}

fn headline(facts: &StageEnd) -> String {
    let StageEnd { stage, enforced, people, .. } = facts;
    let why = facts.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("Stage {stage} is {}{why}: MFA is required of {enforced} of its {people} people.", facts.phase.as_str())
}

fn times(facts: &StageEnd, zone: &TimeZone) -> Vec<String> {
    let at = |word: &str, at: Option<Timestamp>| at.map(|at| format!("{word}: {}", instant(at, zone)));
    let end = (facts.phase.as_str().to_owned(), Some(facts.since));
    let all = [("announced", facts.announced), ("started", facts.started), ("everybody processed", facts.processed)];
    let mut lines: Vec<String> = all.into_iter().filter_map(|(word, instant)| at(word, instant)).collect();
    lines.extend(at(&end.0, end.1));
    let took = |from: Option<Timestamp>| from.map(|from| days(facts.since.duration_since(from)));
    match (took(facts.announced), took(facts.started)) {
        (Some(all), Some(work)) => lines.push(format!("it took {all} from the announcement, {work} from the start")),
        (Some(all), None) => lines.push(format!("it took {all} from the announcement, and did not start")),
        _ => {}
    }
    lines
}

fn forecasts(facts: &StageEnd, zone: &TimeZone) -> Vec<String> {
    let mut lines: Vec<String> =
        facts.came.iter().filter_map(|came| Some(format!("when its date came: {}", ready(came)?))).collect();
    let came = facts.came.and_then(|came| came.share());
    lines.extend(facts.said.iter().map(|one| {
        let right =
            came.map(|came| if one.said.band.covers(came) { "; it came within that" } else { "; it came outside of that" });
        let days = if one.days == 1 { "1 day".to_owned() } else { format!("{} days", one.days) };
        format!("{days} before, on {}: {}{}", instant(one.said.at, zone), one.said.band, right.unwrap_or_default())
    }));
    lines
}

fn ready(reading: &Reading) -> Option<String> {
    let unknown = reading.roster.saturating_sub(reading.known);
    let unknown = if unknown > 0 { format!(", {unknown} unknown") } else { String::new() };
    Some(format!("{} registered ({} of {} people{unknown})", percent(reading.share()?), reading.capable, reading.known))
}

fn held(stood: &Stood, zone: &TimeZone) -> String {
    let until = match stood.until {
        Some(until) => format!("to {} ({})", instant(until, zone), days(until.duration_since(stood.since))),
        None => "and still is".to_owned(),
    };
    format!("{}: {}; from {} {until}", stood.id, stood.why, instant(stood.since, zone))
}

/// The page of a week.
pub(super) fn week(facts: &Week, plan: &Plan) -> Page {
    let zone = zone_of(plan);
    let waits: Vec<String> = facts.waits.iter().map(|alert| waits(alert, &zone)).collect();
    let mut parts = vec![Part::Box(match waits.len() {
        0 => "Nothing waits for you.".to_owned(),
        1 => "1 thing waits for somebody to decide.".to_owned(),
        many => format!("{many} things wait for somebody to decide."),
    })];
    if !waits.is_empty() {
        parts.push(Part::List(waits));
    }
    let mut stages: Vec<String> = facts.stages.iter().map(|line| of_stage(line, &zone)).collect();
    if facts.tail[0] > 0 {
        stages.push(format!("tail: {} people, MFA is required of {}", facts.tail[0], facts.tail[1]));
    }
    parts.extend([Part::Heading("Stages".to_owned()), Part::List(stages)]);
    parts.push(Part::Heading("The last 7 days".to_owned()));
    let surplus = facts.happened.len().saturating_sub(MOST_LINES);
    let mut happened: Vec<String> =
        facts.happened.iter().skip(surplus).map(|entry| format!("{}: {}", instant(entry.at, &zone), entry.says())).collect();
    if surplus > 0 {
        happened.insert(0, format!("{surplus} earlier entries: `tidegate journal show` has them all"));
    }
    parts.push(listed(happened, "Nothing happened."));
    parts.push(Part::Heading("The next 7 days".to_owned()));
    let coming = facts.coming.iter().map(|coming| {
        let people = coming.people.map(|people| format!(" ({people} people)")).unwrap_or_default();
        format!("{}: {}{people}: {}", instant(coming.at, &zone), coming.stage, coming.says)
    });
    parts.push(listed(coming.collect(), "No date of a stage comes."));
    let last = facts.to.to_zoned_datetime(zone.clone());
    Page { subject: format!("MFA rollout of {}: the week to {}", plan.tenant, last.strftime("%a %Y-%m-%d")), parts }
}

/// The same in a few sentences.
pub(super) fn short_week(facts: &Week, zone: &TimeZone) -> String {
    let stages: Vec<String> = facts.stages.iter().map(|line| format!("{} {}", line.stage, line.phase.as_str())).collect();
    let next =
        facts.coming.first().map(|coming| format!(" Next: {}: {} on {}.", coming.stage, coming.says, instant(coming.at, zone)));
    let waits: Vec<String> =
        facts.waits.iter().map(|alert| format!(" Waits ({}): ends with {}.", alert.id, alert.unmet.ends)).collect();
    let waits = if waits.is_empty() { " Nothing waits for you.".to_owned() } else { waits.concat() };
    format!("The week: {}.{}{waits} `tidegate report --week` tells more.", stages.join(", "), next.unwrap_or_default())
}

fn of_stage(line: &StageLine, zone: &TimeZone) -> String {
    let StageLine { stage, phase, enforced, .. } = line;
    let people = line.people.map_or_else(|| "its people are not fixed yet".to_owned(), |people| format!("{people} people"));
    let ahead = matches!(phase, PhaseName::Scheduled | PhaseName::Announcing | PhaseName::Announced);
    if ahead {
        let ready = line.ready.as_ref().and_then(ready).map(|ready| format!("; {ready}")).unwrap_or_default();
        let start = instant(line.start, zone);
        let expected = match &line.expected {
            Some(super::Foreseen { band: Some(band), advice }) => format!("; expected on the date: {band}; {advice}"),
            Some(super::Foreseen { band: None, advice }) => format!("; {advice}"),
            None => String::new(),
        };
        return format!("{stage}: {}, {people}, starts {start}{ready}{expected}", phase.as_str());
    }
    format!("{stage}: {} since {}, {people}, MFA is required of {enforced}", phase.as_str(), instant(line.since, zone))
}

/// What waits, until when, and what ends it.
fn waits(alert: &Alert, zone: &TimeZone) -> String {
    let unmet = &alert.unmet;
    let since = unmet.since.map(|since| format!("; since {}", instant(since, zone))).unwrap_or_default();
    let latest = unmet.latest.as_ref();
    let latest = latest.map(|latest| format!("; at the latest {}, then {}", instant(latest.at, zone), latest.then));
    format!("{} ({}){since}{}; ends with: {}", unmet.what, unmet.whom, latest.unwrap_or_default(), unmet.ends)
}

fn listed(lines: Vec<String>, none: &str) -> Part {
    if lines.is_empty() { Part::Text(none.to_owned()) } else { Part::List(lines) }
}

fn counted(counts: &BTreeMap<String, u32>) -> impl Iterator<Item = (&String, &u32)> {
    counts.iter().filter(|(_, count)| **count > 0)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A time in days, or in hours where it is short.
fn days(time: SignedDuration) -> String {
    let hours = time.as_hours();
    if hours < 48 {
        format!("{} h {} min", hours, time.as_mins().rem_euclid(60))
    } else {
        format!("{} d {} h", hours / 24, hours % 24)
    }
}

fn quoted(name: &str) -> String {
    crate::rollout::unmet::shell(name)
}
