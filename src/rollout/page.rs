//! What a memo says, as headings, sentences and lists; the same for mails, terminals and tests.
//!
//! Knows no layout. Invariant: it names nobody; people are counts.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::alert::Alert;
use super::plan::Plan;
use super::schedule;
use super::unmet::Latest;

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its subject.
    pub subject: String,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// What matters most.
    Box(String),
    /// A list.
    List(Vec<String>),
}

/// An instant in a zone and in UTC: `Mon 2027-01-11 09:00 CET (2027-01-11T08:00Z)`.
#[must_use]
pub fn instant(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned_datetime(zone.clone());
    format!("{} ({})", local.strftime("%a %Y-%m-%d %H:%M %Z"), at.strftime("%Y-%m-%dT%H:%MZ"))
}

/// The plan's zone.
#[must_use]
pub fn zone_of(plan: &Plan) -> TimeZone {
    schedule::zone(&plan.time_zone).unwrap_or(TimeZone::UTC)
}

/// Whom an alert is about, in a subject.
fn whom(alert: &Alert) -> String {
    alert.stage.as_ref().map_or_else(|| "the rollout".to_owned(), |stage| format!("stage {stage}"))
}

/// That something waits for a human.
#[must_use]
pub fn begun(alert: &Alert, plan: &Plan) -> Page {
    let zone = zone_of(plan);
    let whom = whom(alert);
    let explain = alert.stage.as_ref().map_or_else(|| "tidegate status".to_owned(), |_| "tidegate explain STAGE".to_owned());
    Page {
        subject: format!("MFA rollout of {}: {whom} waits for a decision", plan.tenant),
        parts: vec![
            Part::Text(format!("Something stands against {whom} that does not end without you.")),
            Part::Box(format!("It ends with: {}", alert.unmet.ends)),
            Part::List(facts(alert, &zone)),
            Part::Text(format!("`{explain}` shows everything that is waited for. Another mail comes when this is over.")),
        ],
    }
}

/// That it does not any more.
#[must_use]
pub fn over(alert: &Alert, at: Timestamp, plan: &Plan) -> Page {
    let zone = zone_of(plan);
    let whom = whom(alert);
    let mut lines = vec![format!("What: {}", alert.unmet.what)];
    lines.extend(alert.unmet.since.map(|since| format!("From: {}", instant(since, &zone))));
    lines.push(format!("Until: {}", instant(at, &zone)));
    Page {
        subject: format!("MFA rollout of {}: {whom} waits no longer", plan.tenant),
        parts: vec![
            Part::Text(format!("What stood against {whom} is over. Nothing is to be done.")),
            Part::List(lines),
            Part::Text("`tidegate journal show` says who ended it, and why.".to_owned()),
        ],
    }
}

/// What is missing, for whom, since when, until when.
#[must_use]
pub fn facts(alert: &Alert, zone: &TimeZone) -> Vec<String> {
    let unmet = &alert.unmet;
    let mut lines = vec![format!("What: {}", unmet.what), format!("For: {}", unmet.whom)];
    lines.extend(unmet.since.map(|since| format!("Since: {}", instant(since, zone))));
    lines.extend(unmet.earliest.map(|at| format!("Next look: {}", instant(at, zone))));
    lines.push(match &unmet.latest {
        Some(Latest { at, then }) => format!("At the latest: {}; then {then}", instant(*at, zone)),
        None => "At the latest: no limit".to_owned(),
    });
    lines.push(format!("Known as: {}", alert.id));
    lines
}
