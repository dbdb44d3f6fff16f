//! The day of a large stage, as a daemon finds it on its disk: everybody was told a month ago, the start came a minute ago, and what
//! was read of everybody is old enough to be read again while people are added.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::{Exit, Failure};
use super::Bed;
use crate::clock::Clock;
use crate::config;
use crate::engine::port::Store;
use crate::rollout::event::{By, Event, Slot};
use crate::rollout::id::{NameHash, ObjectId};
use crate::rollout::observed::{Directory, IdSet, Observed, Person, Readiness, Registration};
use crate::rollout::plan::Plan;
use crate::rollout::select::selection_keys;
use crate::rollout::stage::PhaseName;
use crate::sim::{Here, Tenant, ready_plan};
use crate::store::kept;

/// People in one record of notices.
const TOLD: usize = 1_000;

/// Writes plan, journal, checkpoint and readings for the tenant at `url`; the plan's file, and how many people are to be added.
pub(super) fn prepare(bed: &Bed, tenant: &Tenant, url: &str) -> Result<(PathBuf, usize), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::State, format!("the day cannot be prepared: {error}"));
    let now = Clock::system().now();
    let file = bed.write(&text(bed, tenant, url, now))?;
    let plan = config::load(&file, []).map_err(|problems| Failure::new(Exit::Plan, problems.to_string()))?.plan;
    let names = tenant.candidates(now);
    let mut people: Vec<(ObjectId, String)> =
        names.into_iter().filter_map(|name| Some((tenant.object_id(&name)?, name))).collect();
    people.sort_unstable();
    let ids: Vec<ObjectId> = people.iter().map(|(id, _)| *id).collect();
    let found = kept::open(&bed.state()).map_err(|error| failed(&error))?;
    let (mut store, mut state) = (found.kept, found.state);
    for (ago, events) in records(&plan, &ids) {
        for record in store.append(now - ago, By::Schedule, "bench", &events).map_err(|error| failed(&error))? {
            state.apply(&record).map_err(|error| failed(&error))?;
        }
    }
    store.checkpoint(&state);
    store.keep(&state, &read(&plan, tenant, &people, now));
    store.close();
    Ok((file, ids.len()))
}

/// The tenant's own plan with one stage of everybody, without gates, caps and windows.
fn text(bed: &Bed, tenant: &Tenant, url: &str, now: Timestamp) -> String {
    let (state, secret) = (bed.state(), bed.secret());
    let pilot = now.to_zoned_datetime(TimeZone::UTC).date();
    let here = Here { url, ca_file: None, state_dir: &state.to_string_lossy(), secret_file: &secret.to_string_lossy(), pilot };
    let ready = ready_plan(tenant, here);
    let head = ready.split("[[gate]]").next().unwrap_or_default();
    let kept = |line: &&str| !["caps ", "windows ", "[calendar]"].iter().any(|start| line.starts_with(start));
    let head: Vec<&str> = head.lines().filter(kept).collect();
    let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
    let start = zone.to_datetime(now - SignedDuration::from_mins(1));
    let start = start.strftime("%Y-%m-%dT%H:%M:%S");
    format!(
        "{}\n[[stage]]\nname = \"everyone\"\npeople = [{{ everyone_else = true }}]\nstart = \"{start}\"\nlate_by = \"4h\"\nsoak = \"1d\"\n",
        head.join("\n")
    )
}

/// The records up to the day, and how long ago each was.
fn records(plan: &Plan, people: &[ObjectId]) -> Vec<(SignedDuration, Vec<Event>)> {
    let Some((stage, instant)) = plan.stages.first().map(|stage| (stage.name.clone(), stage.start.instant)) else {
        return Vec::new();
    };
    let moved = |from, to| Event::StageMoved { stage: stage.clone(), from, to, why: "for a measurement".to_owned() };
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let first = vec![
        Event::PlanAccepted { revision: plan.revision(), plan: Box::new(plan.clone()), why: String::new() },
        Event::RosterFrozen { stage: stage.clone(), people: people.to_vec(), out: Vec::new() },
        moved(PhaseName::Scheduled, PhaseName::Announcing),
    ];
    let mut all = vec![(days(31), first)];
    for (told, intent) in people.chunks(TOLD).zip((4..).step_by(2)) {
        let people = told.to_vec();
        let notice = Event::NoticeIntent {
            stage: stage.clone(),
            slot: Slot::Announcement,
            instant,
            people: people.clone(),
            from: Vec::new(),
        };
        let (refused, unknown, not_sent) = (Vec::new(), Vec::new(), Vec::new());
        all.push((days(30), vec![notice, Event::NoticeOutcome { intent, accepted: people, refused, unknown, not_sent }]));
    }
    all.push((days(30), vec![moved(PhaseName::Announcing, PhaseName::Announced)]));
    all
}

/// What was read of everybody two hours ago.
fn read(plan: &Plan, tenant: &Tenant, people: &[(ObjectId, String)], now: Timestamp) -> Observed {
    let at = now - SignedDuration::from_hours(2);
    let mut directory = Directory::default();
    let domain = &tenant.profile().domain;
    let break_glass = ["bg1", "bg2"].map(|name| format!("{name}@{domain}"));
    let break_glass = break_glass.into_iter().filter_map(|name| Some((tenant.object_id(&name)?, name)));
    for (id, name) in people.iter().cloned().chain(break_glass) {
        let name = NameHash::new(&plan.tenant, &name).key();
        directory.put(&Person { id, name, enabled: Some(true), guest: false, mail: true });
    }
    let mut registration = Registration::new(std::sync::Arc::clone(directory.roll()));
    for (id, _) in people {
        registration.put(*id, Readiness::Capable);
    }
    let mut observed = Observed::default();
    for key in selection_keys(plan) {
        observed.selections.entry(key).or_default().take(at, Ok(IdSet::new(std::sync::Arc::clone(directory.roll()))));
    }
    observed.registration.take(at, Ok(registration));
    observed.directory.take(at, Ok(directory));
    observed
}
