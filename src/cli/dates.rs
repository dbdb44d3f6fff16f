//! `calendar`: the plan's dates for the helpdesk, with people and expected calls, as a calendar file or a table.
//!
//! A file of one's own, not a promise: a stage that is held comes later, and the next file says so.

use super::args::{Calendar, Common};
use super::show::instant;
use super::standing::{Stand, stand, write_public};
use super::{Exit, Failure, cells};
use crate::notify::calendar::{Entry, Status, write};
use crate::rollout::id::{ObjectId, keyed_hash};
use crate::rollout::milestones::{Milestone, What, milestones};
use crate::say;

const COLUMNS: [&str; 7] = ["date", "instant_utc", "time_zone", "stage", "what", "people", "expected_contacts"];

pub(super) fn calendar(common: &Common, verb: &Calendar) -> Result<Exit, Failure> {
    let stand = stand(common, &verb.place)?;
    let stage = verb.stage.as_deref();
    stand.has(stage)?;
    let registration = stand.observed.registration.last.as_ref().map(|reading| &reading.value);
    let all = milestones(&stand.plan, &stand.state, registration, verb.contact_rate, stage);
    let is_table = match verb.to.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => true,
        Some("ics") => false,
        _ => return Err(Failure::new(Exit::Usage, "--to: the file's name must end in .ics or .csv")),
    };
    let text = if is_table { table(&stand, &all)? } else { file(&stand, &all) };
    write_public(&verb.to, &text)?;
    let zone = crate::rollout::schedule::zone(&stand.plan.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    if common.json {
        say!("{}", serde_json::json!({ "file": verb.to, "dates": all }));
        return Ok(Exit::Done);
    }
    say!("{} dates written to {}", all.len(), verb.to.display());
    for day in all.iter().filter(|one| one.what == What::Start) {
        let calls = match (day.people, day.contacts) {
            (Some(people), Some(contacts)) => format!("{people} people, about {contacts} calls on the day"),
            _ => "its people are not fixed yet; `tidegate plan` counts them".to_owned(),
        };
        say!("  {}: {}, {calls}", day.stage, instant(day.at, &zone));
    }
    Ok(Exit::Done)
}

fn table(stand: &Stand, all: &[Milestone]) -> Result<String, Failure> {
    let zone = crate::rollout::schedule::zone(&stand.plan.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let count = |count: Option<u32>| count.map(|count| count.to_string()).unwrap_or_default();
    cells::table(
        &COLUMNS,
        all.iter().map(|one| {
            let local = one.at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
            let utc = one.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let says = one.what.says().to_owned();
            vec![local, utc, stand.plan.time_zone.clone(), one.stage.clone(), says, count(one.people), count(one.contacts)]
        }),
    )
}

fn file(stand: &Stand, all: &[Milestone]) -> String {
    let texts: Vec<(String, String)> = all.iter().map(described).collect();
    let entries: Vec<Entry<'_>> = (0_usize..)
        .zip(all)
        .zip(&texts)
        .map(|((n, one), (summary, description))| Entry {
            uid: uid(&stand.plan.tenant, all, n, one),
            sequence: stand.state.seq,
            at: stand.now,
            instant: one.at,
            status: Status::Confirmed,
            organizer: None,
            summary,
            description,
        })
        .collect();
    write(&entries)
}

/// The same for the same date of the same stage, so that a later file moves the entry.
fn uid(tenant: &str, all: &[Milestone], n: usize, one: &Milestone) -> ObjectId {
    let same = |other: &&Milestone| other.stage == one.stage && other.what == one.what;
    let nth = all.iter().take(n).filter(same).count().to_string();
    ObjectId::from_bits(keyed_hash(tenant, &["helpdesk", &one.stage, one.what.says(), &nth]))
}

fn described(one: &Milestone) -> (String, String) {
    let summary = format!("MFA, {}: {}", one.stage, one.what.says());
    let people = one.people.map_or_else(|| "its people are not fixed yet".to_owned(), |people| format!("{people} people"));
    let contacts =
        one.contacts.map(|contacts| format!("; about {contacts} calls are to be expected on this day")).unwrap_or_default();
    (summary, format!("Stage {}: {people}{contacts}. As planned now; a stage that is held comes later.", one.stage))
}

/// A share of people.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.trim().parse().map_err(|_| "write a share, for example 0.003".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share is between 0 and 1".to_owned()) }
}
