//! `explain STAGE|PERSON`: where it stands, why, and everything the journal says about it.

#[cfg(test)]
mod guards_parts;
#[cfg(test)]
mod guards_tests;
mod waits;

use std::path::Path;

use super::args::{Common, Explain, Terms};
use super::journal::line;
use super::pause::send;
use super::show::{self, instant};
use super::{Exit, Failure, forecast, place, status, who};
use crate::clock::Clock;
use crate::config::Whereabouts;
use crate::engine::command::What;
use crate::rollout::about::about;
use crate::rollout::event::{Event, Record};
use crate::rollout::felt;
use crate::rollout::id::ObjectId;
use crate::rollout::milestones::CONTACT_RATE;
use crate::rollout::state::Phase;
use crate::rollout::unmet::Unmet;
use crate::say;

pub(super) fn explain(common: &Common, verb: &Explain) -> Result<Exit, Failure> {
    let Whereabouts { state_dir, zone, tenant, socket, .. } = place::find(common, &verb.place);
    let state_dir = state_dir.as_path();
    let mut all = Vec::new();
    let state = who::replayed(state_dir, |record| all.push(record))?;
    if state.stage(&verb.what).is_some() || verb.what == crate::rollout::state::TAIL {
        let published = status::read(state_dir)?;
        let stages = published.report.stages.iter().chain(std::iter::once(&published.report.tail));
        if let Some(stage) = stages.into_iter().find(|stage| stage.name == verb.what) {
            if common.json {
                say!("{}", serde_json::to_string(stage).unwrap_or_default());
                return Ok(Exit::Done);
            }
            say!("{}", show::stage(stage, &zone).trim_end());
            say!("{}", waits::of(&stage.unmet, &zone).trim_end());
        }
        if common.json {
            // Nothing has been published of it: its records, as JSON lines.
            for record in all.iter().filter(|record| is_of_stage(record, &verb.what)) {
                say!("{}", serde_json::to_string(record).unwrap_or_default());
            }
            return Ok(Exit::Done);
        }
        let rolls_back = match state.stage(&verb.what) {
            Some((_, stage)) => stage.phase == Phase::RollingBack,
            None => state.tail_rolls_back.is_some(),
        };
        if let Some(accepted) = state.plan.as_ref().filter(|_| rolls_back) {
            for line in felt::lines(&accepted.plan, felt::to_be_released(&state, &verb.what)) {
                say!("{line}");
            }
        }
        if let (Some((_, stage)), Some(accepted)) = (state.stage(&verb.what), &state.plan)
            && state.counts.contains_key(&stage.name)
        {
            let now = Clock::system().now().max(state.at.unwrap_or_default());
            let foreseen = forecast::of(&accepted.plan, &state, stage, now, CONTACT_RATE);
            forecast::lines(&foreseen, &zone).iter().skip(1).for_each(|line| say!("{line}"));
        }
        for record in all.iter().filter(|record| is_of_stage(record, &verb.what)) {
            say!("{}", line(record));
        }
        return Ok(Exit::Done);
    }
    // The plan in force says under which tenant names were hashed, whatever became of the file.
    let tenant = state.plan.as_ref().map_or(tenant, |accepted| accepted.plan.tenant.clone());
    let id = who::known(&tenant, state_dir, &verb.what).ok_or_else(|| {
        let says = format!(
            "`{}` is no stage of the plan and no known person; give an object id, or a name that a running daemon has read",
            verb.what
        );
        Failure::new(Exit::Usage, says)
    })?;
    let now = asked(&socket, id);
    let history: Vec<_> = all.iter().filter_map(|record| about(record, id).map(|says| (record, says))).collect();
    if common.json {
        let person = state.people.get(id);
        say!(
            "{}",
            serde_json::json!({ "id": id, "person": person, "unmet": now, "history": history.iter().map(|(r, says)| serde_json::json!({"seq": r.seq, "at": r.at, "says": says})).collect::<Vec<_>>() })
        );
        return Ok(Exit::Done);
    }
    match state.people.get(id) {
        None => say!("{id}: in no stage and not in the tail; `tidegate plan` says why"),
        Some(person) => {
            say!("{id}: in {}", state.home_name(person.home()));
            if let Some(promise) = person.promise() {
                say!("  latest instant told: {}", instant(promise, &zone));
            }
            if let Some(first) = person.first_told() {
                say!("  first notice accepted: {}", instant(first, &zone));
            }
            if let Some(at) = person.enforced_since() {
                say!("  MFA required since: {}", instant(at, &zone));
            }
        }
    }
    let waits = now.as_ref().map_or_else(
        || "what it waits for now is known to a running daemon only; none answers".to_owned(),
        |unmet| waits::of(unmet, &zone),
    );
    say!("{}", waits.trim_end());
    for (record, says) in history {
        say!("{:>6} {} {says}", record.seq, instant(record.at, &zone));
    }
    Ok(Exit::Done)
}

/// What a person waits for, as the running daemon says; none where none answers.
fn asked(socket: &Path, person: ObjectId) -> Option<Vec<Unmet>> {
    let says = send(socket, &Terms::default(), What::Explain { person }).ok()?;
    serde_json::from_str(&says).ok()
}

fn is_of_stage(record: &Record, name: &str) -> bool {
    match &record.event {
        Event::StageMoved { stage, .. }
        | Event::RosterFrozen { stage, .. }
        | Event::GateRead { stage, .. }
        | Event::Confirmed { stage, .. }
        | Event::Rebooked { stage, .. }
        | Event::ListsDrawn { stage, .. }
        | Event::Counted { stage, .. }
        | Event::ListIntent { stage, .. }
        | Event::Carried { stage, .. } => stage == name,
        Event::HoldPlaced { hold } => matches!(&hold.scope, crate::rollout::hold::Scope::Stage(stage) if stage == name),
        Event::HoldCleared { id, .. } => id.split(':').any(|part| part == name),
        _ => false,
    }
}
