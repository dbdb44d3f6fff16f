//! `forecast`: what share of each stage will be ready on its date, how many will call, what to do, and how right earlier forecasts were.
//!
//! Works from the journal, with or without a daemon. It moves nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::args::{Common, Forecast};
use super::show::instant;
use super::standing::stand;
use super::{Exit, Failure};
use crate::rollout::counts::{Compared, Counts, outlook};
use crate::rollout::forecast::{Advice, Band, Reading};
use crate::rollout::milestones::contacts;
use crate::rollout::plan::Plan;
use crate::rollout::schedule;
use crate::rollout::stage::PhaseName;
use crate::rollout::state::{StageState, State};
use crate::say;

/// What is foreseen of a stage.
#[derive(Debug, Serialize)]
pub(super) struct Foreseen {
    stage: String,
    start: Timestamp,
    /// The last count.
    last: Option<Reading>,
    /// The share that is expected on the date.
    expected: Option<Band>,
    /// Why none is.
    why: Option<String>,
    /// Calls on the day, as expected and if it goes badly.
    contacts: Option<[u32; 2]>,
    advice: Option<Advice>,
    /// What was said before.
    said: Vec<Compared>,
    /// What came.
    came: Option<Reading>,
}

pub(super) fn forecast(common: &Common, verb: &Forecast) -> Result<Exit, Failure> {
    let stand = stand(common, &verb.place)?;
    stand.has(verb.stage.as_deref())?;
    let zone = schedule::zone(&stand.plan.time_zone).unwrap_or(TimeZone::UTC);
    let asked = |stage: &&StageState| verb.stage.as_ref().is_none_or(|name| *name == stage.name);
    let stages = stand.state.stages.iter().filter(asked);
    let all: Vec<Foreseen> = stages.map(|stage| of(&stand.plan, &stand.state, stage, stand.now, verb.contact_rate)).collect();
    if common.json {
        say!("{}", serde_json::to_string(&all).unwrap_or_default());
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        say!("nothing has been journalled yet; a forecast needs some days after an announcement");
    }
    for one in &all {
        for line in lines(one, &zone) {
            say!("{line}");
        }
    }
    Ok(Exit::Done)
}

/// What is foreseen of a stage at `now`.
pub(super) fn of(plan: &Plan, state: &State, stage: &StageState, now: Timestamp, rate: f64) -> Foreseen {
    let counts = state.counts.get(&stage.name);
    let is_ahead = matches!(stage.phase.name(), PhaseName::Announcing | PhaseName::Announced);
    let mut foreseen = Foreseen {
        stage: stage.name.clone(),
        start: stage.start.instant,
        last: counts.and_then(|counts| counts.readings.last().copied()),
        expected: None,
        why: None,
        contacts: None,
        advice: None,
        said: counts.map(Counts::compared).unwrap_or_default(),
        came: counts.and_then(|counts| counts.came),
    };
    match counts {
        None if stage.is_frozen() => foreseen.why = Some("its people have not been counted".to_owned()),
        None => foreseen.why = Some("too little is known yet: its people are fixed when its announcement begins".to_owned()),
        Some(_) if !is_ahead => {}
        Some(counts) => match outlook(plan, counts, stage, now) {
            Err(why) => foreseen.why = Some(why.to_string()),
            Ok((forecast, advice)) => {
                let unready = |share: f64| people((1.0 - share) * f64::from(forecast.last.roster));
                let band = forecast.band;
                foreseen.contacts = Some([band.mid, band.low].map(|share| contacts(unready(share), rate)));
                (foreseen.expected, foreseen.advice) = (Some(band), Some(advice));
            }
        },
    }
    foreseen
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of people is between none and all of them")]
fn people(count: f64) -> u32 {
    count.max(0.0).round() as u32
}

/// The same for people.
pub(super) fn lines(foreseen: &Foreseen, zone: &TimeZone) -> Vec<String> {
    let mut lines = vec![format!("{}: starts {}", foreseen.stage, instant(foreseen.start, zone))];
    if let Some((last, share)) = foreseen.last.and_then(|last| Some((last, last.share()?))) {
        let of = format!("{} of {} people", last.capable, last.known);
        let unknown = if last.known < last.roster { format!(", {} unknown", last.roster - last.known) } else { String::new() };
        lines.push(format!("  ready: {:.0} % ({of}{unknown}) as of {}", share * 100.0, instant(last.at, zone)));
    }
    if let Some(band) = foreseen.expected {
        lines.push(format!("  ready on the date: {band}, in eight of ten cases between the two"));
    }
    lines.extend(foreseen.why.iter().map(|why| format!("  ready on the date: {why}")));
    if let Some([expected, most]) = foreseen.contacts {
        lines.push(format!("  calls on the day: about {expected}, {most} if it goes badly"));
    }
    lines.extend(foreseen.advice.map(|advice| format!("  advice: {advice}")));
    for one in &foreseen.said {
        let came = foreseen.came.and_then(|reading| reading.share());
        let came = came.map(|share| format!(", it was {:.0} %", share * 100.0)).unwrap_or_default();
        let day = one.said.at.to_zoned_datetime(zone.clone()).strftime("%e %b");
        lines.push(format!("  on {} ({} days before) we said {}{came}", day.to_string().trim_start(), one.days, one.said.band));
    }
    lines
}
