//! `explain STAGE|PERSON`: where it stands, why, and everything the journal says about it.

use super::args::{Common, Explain};
use super::journal::{line, unread};
use super::show::{self, instant};
use super::{Exit, Failure, place, status};
use crate::config::Whereabouts;
use crate::rollout::event::{Event, Record};
use crate::rollout::id::{NameHash, ObjectId};
use crate::rollout::state::{State, TAIL};
use crate::say;
use crate::store::{names, records::records};

pub(super) fn explain(common: &Common, verb: &Explain) -> Result<Exit, Failure> {
    let Whereabouts { state_dir, zone, tenant, .. } = place::find(common, &verb.place);
    let state_dir = state_dir.as_path();
    let mut state = State::default();
    let mut all = Vec::new();
    for record in records(state_dir).map_err(|error| unread(&error))? {
        let record: Record = record.map_err(|error| unread(&error))?;
        state.apply(&record).map_err(|error| Failure::because(Exit::Journal, &error))?;
        all.push(record);
    }
    if state.stage(&verb.what).is_some() || verb.what == crate::rollout::state::TAIL {
        let published = status::read(state_dir)?;
        let stages = published.report.stages.iter().chain(std::iter::once(&published.report.tail));
        if let Some(stage) = stages.into_iter().find(|stage| stage.name == verb.what) {
            if common.json {
                say!("{}", serde_json::to_string(stage).unwrap_or_default());
                return Ok(Exit::Done);
            }
            say!("{}", show::stage(stage, &zone).trim_end());
        }
        if common.json {
            // Nothing has been published of it: its records, as JSON lines.
            for record in all.iter().filter(|record| is_of_stage(record, &verb.what)) {
                say!("{}", serde_json::to_string(record).unwrap_or_default());
            }
            return Ok(Exit::Done);
        }
        for record in all.iter().filter(|record| is_of_stage(record, &verb.what)) {
            say!("{}", line(record));
        }
        return Ok(Exit::Done);
    }
    // The plan in force says under which tenant names were hashed, whatever became of the file.
    let tenant = state.plan.as_ref().map_or(tenant, |accepted| accepted.plan.tenant.clone());
    let id = person(&tenant, state_dir, &verb.what).ok_or_else(|| {
        let says = format!(
            "`{}` is no stage of the plan and no known person; give an object id, or a name that a running daemon has read",
            verb.what
        );
        Failure::new(Exit::Usage, says)
    })?;
    let history: Vec<_> = all.iter().filter_map(|record| about(record, id).map(|says| (record, says))).collect();
    if common.json {
        let person = state.people.get(id);
        say!(
            "{}",
            serde_json::json!({ "id": id, "person": person, "history": history.iter().map(|(r, says)| serde_json::json!({"seq": r.seq, "at": r.at, "says": says})).collect::<Vec<_>>() })
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
    for (record, says) in history {
        say!("{:>6} {} {says}", record.seq, instant(record.at, &zone));
    }
    Ok(Exit::Done)
}

pub(super) fn person(tenant: &str, state_dir: &std::path::Path, what: &str) -> Option<ObjectId> {
    if let Ok(id) = what.parse() {
        return Some(id);
    }
    let wanted = NameHash::new(tenant, what);
    names::read(state_dir).into_iter().find(|(_, name)| NameHash::new(tenant, name) == wanted).map(|(id, _)| id)
}

fn is_of_stage(record: &Record, name: &str) -> bool {
    match &record.event {
        Event::StageMoved { stage, .. }
        | Event::RosterFrozen { stage, .. }
        | Event::GateRead { stage, .. }
        | Event::Rebooked { stage, .. }
        | Event::Carried { stage, .. } => stage == name,
        Event::HoldPlaced { hold } => matches!(&hold.scope, crate::rollout::hold::Scope::Stage(stage) if stage == name),
        Event::HoldCleared { id, .. } => id.split(':').any(|part| part == name),
        _ => false,
    }
}

/// What a record says about a person.
fn about(record: &Record, id: ObjectId) -> Option<String> {
    let because = |reasons: &[crate::rollout::event::Because]| {
        reasons.iter().find(|because| because.people.contains(&id)).map(|because| because.why.clone())
    };
    match &record.event {
        Event::RosterFrozen { stage, people, .. } if people.contains(&id) => Some(format!("put into {stage}")),
        Event::RosterFrozen { stage, out, .. } => because(out).map(|why| format!("selected by {stage}, but out: {why}")),
        Event::Baseline { members } if members.contains(&id) => Some("was in the group before the rollout".to_owned()),
        Event::NoticeIntent { slot, instant, people, .. } if people.contains(&id) => {
            Some(format!("{} that names {instant}, intended", slot.says()))
        }
        Event::NoticeOutcome { accepted, .. } if accepted.contains(&id) => Some("notice accepted by the mail service".to_owned()),
        Event::NoticeOutcome { unknown, .. } if unknown.contains(&id) => {
            Some("whether the notice arrived is not known".to_owned())
        }
        Event::NoticeOutcome { refused, not_sent, .. } => because(refused)
            .map(|why| format!("notice refused: {why}"))
            .or_else(|| because(not_sent).map(|why| format!("notice not sent: {why}"))),
        Event::EnforceIntent { people, .. } if people.contains(&id) => Some("about to be enforced".to_owned()),
        Event::EnforceOutcome { enforced, .. } if enforced.contains(&id) => {
            Some("enforced: the tenant took the write".to_owned())
        }
        Event::EnforceOutcome { already, .. } if already.contains(&id) => Some("was a member already".to_owned()),
        Event::EnforceOutcome { gone, .. } if gone.contains(&id) => Some("the account does not exist any more".to_owned()),
        Event::ReleaseOutcome { released, already, .. } if released.contains(&id) || already.contains(&id) => {
            Some("released by a rollback".to_owned())
        }
        Event::RetireOutcome { retired, .. } if retired.contains(&id) => Some("their own MFA state was retired".to_owned()),
        Event::EnforceOutcome { unknown, .. } if unknown.contains(&id) => {
            Some("the outcome is not known; it is read back".to_owned())
        }
        Event::EnforceOutcome { refused, not_sent, .. } => because(refused)
            .map(|why| format!("refused: {why}"))
            .or_else(|| because(not_sent).map(|why| format!("not sent: {why}"))),
        Event::Settled { landed, .. } if landed.contains(&id) => Some("read back: the write had landed".to_owned()),
        Event::Settled { absent, .. } if absent.contains(&id) => Some("read back: the write had not landed".to_owned()),
        Event::Left { people } if people.contains(&id) => Some("the account does not exist any more".to_owned()),
        Event::Verified { people } if people.contains(&id) => Some("verified by two agreeing reads".to_owned()),
        Event::ForeignChange { added, .. } if added.contains(&id) => Some("put into the group by somebody else".to_owned()),
        Event::ForeignChange { removed, .. } if removed.contains(&id) => {
            Some("taken out of the group by somebody else".to_owned())
        }
        Event::ExceptionMade { people, what, why, owner } if people.contains(&id) => {
            Some(format!("{} ({why}; {owner})", what.says()))
        }
        Event::ExceptionEnded { people, why } if people.contains(&id) => Some(format!("the exception ended: {why}")),
        Event::Bounced { people } => because(people).map(|why| format!("a notice came back, and none counts any more: {why}")),
        Event::Carried { stage, why, people } if people.contains(&id) && stage == TAIL => {
            Some(format!("the date passed, another one will be told: {why}"))
        }
        Event::Carried { stage, why, people } if people.contains(&id) => Some(format!("moved from {stage} to the tail: {why}")),
        _ => None,
    }
}
