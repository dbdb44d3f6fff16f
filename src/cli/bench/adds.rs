//! What 10,000 adds cost: directory writes, and HTTP calls that carry one. The whole engine in virtual time, caps lifted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use jiff::SignedDuration;

use super::super::run::engine_failure;
use super::super::world::{Life, World};
use super::super::{Exit, Failure};
use super::{Bed, Measured};
use crate::clock::Pace;
use crate::config;
use crate::engine::Until;
use crate::graph::wire::{Exchange, Wire};
use crate::rollout::condition::Conditions;
use crate::rollout::id::PersonRef;
use crate::rollout::plan::{Plan, Selector};
use crate::rollout::state::State;
use crate::sim::memory::{Disk, Memory};
use crate::sim::{Profile, Tenant};

const PEOPLE: usize = 10_000;
/// Some accounts of a tenant cannot be enforced.
const USERS: usize = 11_000;

/// Microsoft's limit of 20 members per write and our five writes per call: 500 and 100, and a few for the canary.
const MOST_WRITES: usize = 502;
const MOST_CALLS: usize = 110;

pub(super) fn measure(bed: &Bed) -> Result<Vec<Measured>, Failure> {
    let tenant = Tenant::new(Profile { users: USERS, not_allowed: 0.0, missing_rows: 0.0, ..Profile::default() });
    let file = bed.plan(&tenant, "http://127.0.0.1:9")?;
    let mut plan = config::load(&file, []).map_err(|problems| Failure::new(Exit::Plan, problems.to_string()))?.plan;
    one_stage(&mut plan, &tenant)?;
    let start = plan.stages.first().map(|stage| stage.start.instant).unwrap_or_default();
    let begin = start.checked_sub(SignedDuration::from_hours(31 * 24)).unwrap_or(start);
    let world = World::new(tenant, begin, Pace::Max);
    let counted = Arc::new(Counted { world: world.clone(), calls: AtomicUsize::new(0), writes: AtomicUsize::new(0) });
    let life = Life {
        wire: Arc::clone(&counted) as Arc<dyn Wire>,
        state: State::default(),
        store: Box::new(Memory::new(Disk::default(), None)),
        pause_file: Box::new(|| None),
        conditions: Conditions::all(),
    };
    super::super::runtime()?.block_on(async {
        let (mut engine, _inputs) = world.engine_over(&plan.tenant.clone(), life)?;
        engine.begin(&[]).map_err(|error| engine_failure(&error))?;
        drop(engine.offer(Box::new(plan), "bench", "").map_err(|error| engine_failure(&error))?);
        engine.run(Until::Done, |_| ()).await.map_err(|error| engine_failure(&error))
    })?;
    let added: usize = world.tenant().writes().iter().map(|write| write.people.len()).sum();
    if added != PEOPLE {
        return Err(Failure::new(Exit::Failed, format!("{added} people were added, not {PEOPLE}; this measures nothing")));
    }
    let figure = |what: &str, value: &AtomicUsize, bound: usize| Measured {
        what: what.to_owned(),
        value: value.load(Ordering::Relaxed) as f64,
        unit: "",
        bound: bound as f64,
        inclusive: true,
    };
    Ok(vec![
        figure("directory writes for 10,000 adds", &counted.writes, MOST_WRITES),
        figure("HTTP calls that write for 10,000 adds", &counted.calls, MOST_CALLS),
    ])
}

/// One stage of as many people, without gates and caps.
fn one_stage(plan: &mut Plan, tenant: &Tenant) -> Result<(), Failure> {
    plan.gates.clear();
    plan.limits.caps.clear();
    plan.stages.truncate(1);
    let Some(stage) = plan.stages.first_mut() else { return Err(Failure::new(Exit::Failed, "the plan has no stage")) };
    let people = tenant.candidates(stage.start.instant);
    stage.include = vec![Selector::Users(people.iter().take(PEOPLE).map(|name| PersonRef::new(&plan.tenant, name)).collect())];
    Ok(())
}

/// The tenant, with a count of what is written to its group.
struct Counted {
    world: World,
    calls: AtomicUsize,
    writes: AtomicUsize,
}

impl Wire for Counted {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        let writes = String::from_utf8_lossy(request.body()).matches("\"members@odata.bind\"").count();
        self.writes.fetch_add(writes, Ordering::Relaxed);
        self.calls.fetch_add(usize::from(writes > 0), Ordering::Relaxed);
        self.world.exchange(request)
    }
}
