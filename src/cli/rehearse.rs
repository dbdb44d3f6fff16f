//! `rehearse`: the operator's plan, run by the same engine against a simulated tenant in virtual time. Prints the timeline.

use jiff::{SignedDuration, Timestamp};

use super::args::{Common, Rehearse};
use super::timeline::Timeline;
use super::world::World;
use super::{Exit, Failure, place, run, show};
use crate::clock::Pace;
use crate::config::Loaded;
use crate::engine::{Ending, Until};
use crate::rollout::condition::Conditions;
use crate::rollout::plan::Plan;
use crate::rollout::state::State;
use crate::say;
use crate::sim::Tenant;
use crate::sim::memory::{Disk, Memory};

pub(super) fn rehearse(common: &Common, verb: &Rehearse) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let start = verb.start_at.unwrap_or_else(|| day_before_first_announcement(&loaded.plan));
    let tenant = Tenant::like(&loaded.plan, &names(&loaded), verb.users, verb.seed);
    let world = World::new(tenant, start, Pace::Max);
    let disk = Disk::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("the runtime cannot start: {error}")))?;
    let zone = place::zone_of(&loaded);
    let mut timeline = Timeline::new(zone.clone());
    let mut seen = 0;
    let ending = runtime.block_on(async {
        let store = Box::new(Memory::new(disk.clone(), None));
        let (mut engine, _inputs) = world.engine(&loaded.plan.tenant, State::default(), store, Conditions::all())?;
        engine.begin(&[]).map_err(run::engine_failure)?;
        drop(engine.offer(Box::new(loaded.plan.clone()), "rehearsal").map_err(run::engine_failure)?);
        let ending = engine
            .run(Until::Done, |_| {
                for record in disk.after(seen) {
                    seen += 1;
                    timeline.lines(&record).iter().for_each(|line| say!("{line}"));
                }
            })
            .await
            .map_err(run::engine_failure)?;
        timeline.flush().iter().for_each(|line| say!("{line}"));
        if let Some(report) = engine.reports().borrow().as_ref() {
            if common.json {
                say!("{}", serde_json::to_string(&**report).unwrap_or_default());
            } else {
                say!("{}", show::report(report, &zone, show::Colours::Off).trim_end());
            }
        }
        Ok(ending)
    })?;
    let tenant = world.tenant();
    let violations = tenant.violations();
    violations.iter().for_each(|violation| say!("violation: {violation:?}"));
    if !violations.is_empty() {
        return Err(Failure::new(Exit::Failed, "the rehearsal broke a promise; report this"));
    }
    match ending {
        Ending::NeedsHuman(why) => Err(Failure::new(Exit::Blocked, why)),
        _ => Ok(Exit::Done),
    }
}

fn names(loaded: &Loaded) -> Vec<String> {
    loaded.names.iter().map(|(_, name)| name.clone()).collect()
}

/// A day before the first announcement, on the hour.
fn day_before_first_announcement(plan: &Plan) -> Timestamp {
    let first = plan.stages.iter().map(|stage| stage.start.instant).min().unwrap_or(Timestamp::UNIX_EPOCH);
    let before = plan.notices.before.first().copied().unwrap_or_default();
    let ahead = before.saturating_add(SignedDuration::from_hours(24));
    first.checked_sub(ahead).unwrap_or(Timestamp::MIN)
}
