//! A rollout that has come to its day: a plan of one stage whose people were told a month ago, and the records that say so.
//!
//! The tenant is a process of its own; this process is the daemon's alone, with real time, guard, journal and checkpoint.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::run::engine_failure;
use super::super::{Exit, Failure};
use super::{Bed, wire::Counted};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::engine::port::Store;
use crate::engine::{Engine, Parts, Step};
use crate::graph::Quota;
use crate::graph::throttle::Gates;
use crate::rollout::condition::Conditions;
use crate::rollout::event::{By, Event, Slot};
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::Target;
use crate::rollout::person::Enforced;
use crate::rollout::plan::Selector;
use crate::rollout::stage::PhaseName;
use crate::rollout::state::State;
use crate::sim::memory::{Disk, Memory};
use crate::sim::{ENFORCED_GROUP, Profile, Tenant};
use crate::store::kept;

/// Where the records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Journal and checkpoint, on disk.
    Disk,
    /// Nowhere that lasts.
    Memory,
}

/// A simulated tenant in a process of its own; ended when this goes.
pub(super) struct Served {
    process: Child,
    // The process would be told that nobody listens any more.
    _says: BufReader<ChildStdout>,
    pub(super) url: String,
    /// The same tenant in this process, to know its people by.
    pub(super) twin: Tenant,
}

/// So many users are needed for so many ordinary people.
fn users(people: usize) -> usize {
    people + people / 15 + 100
}

impl Served {
    /// A tenant without warts and with so many ordinary people, served with these options.
    pub(super) fn begin(people: usize, options: &[String]) -> Result<Self, Failure> {
        let users = users(people);
        let calm = Profile { users, not_allowed: 0.0, missing_rows: 0.0, empty_pages: 0.0, ..Profile::default() };
        let mut process = super::this()?
            .args(["--json", "simulate-tenant", "--calm", "--report-quota", "0", "--users", &users.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failure::new(Exit::Failed, format!("the simulated tenant cannot start: {error}")))?;
        let odd = || Failure::new(Exit::Failed, "the simulated tenant does not say where it is");
        let mut says = BufReader::new(process.stdout.take().ok_or_else(odd)?);
        let mut line = String::new();
        says.read_line(&mut line).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let said: serde_json::Value = serde_json::from_str(&line).map_err(|_| odd())?;
        let url = said.get("url").and_then(serde_json::Value::as_str).ok_or_else(odd)?.to_owned();
        Ok(Self { process, _says: says, url, twin: Tenant::new(calm) })
    }

    /// The first ordinary people of the tenant.
    pub(super) fn people(&self, count: usize) -> Vec<ObjectId> {
        let names = self.twin.candidates(Timestamp::UNIX_EPOCH);
        names.iter().filter_map(|name| self.twin.object_id(name)).take(count).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The plan for `people`: one stage, due since a minute, without gates and limits.
pub(super) fn plan(bed: &Bed, served: &Served, people: &[ObjectId]) -> Result<Loaded, Failure> {
    let file = bed.plan(&served.twin, &served.url)?;
    let mut loaded = config::load(&file, []).map_err(|problems| Failure::new(Exit::Plan, problems.to_string()))?;
    let plan = &mut loaded.plan;
    let start = Clock::system().now() - SignedDuration::from_mins(1);
    plan.gates.clear();
    plan.limits.caps.clear();
    plan.calendar.windows.clear();
    plan.notices.before.truncate(1);
    plan.people.max_foreign = u32::MAX;
    plan.stages.truncate(1);
    if let Some(stage) = plan.stages.first_mut() {
        stage.include = vec![Selector::Users(people.iter().copied().map(PersonRef::Id).collect())];
        stage.start.instant = start;
        stage.start.civil = jiff::tz::TimeZone::UTC.to_datetime(start);
    }
    Ok(loaded)
}

/// The records up to the day.
fn records(loaded: &Loaded, group: ObjectId, people: &[ObjectId]) -> Vec<(SignedDuration, Vec<Event>)> {
    let plan = loaded.plan.clone();
    let Some((stage, instant)) = plan.stages.first().map(|stage| (stage.name.clone(), stage.start.instant)) else {
        return Vec::new();
    };
    let moved = |from, to| Event::StageMoved { stage: stage.clone(), from, to, why: "for a measurement".to_owned() };
    let first = vec![
        // Before a plan is in force: its names are resolved anew, and the policy found.
        Event::Resolved { target: Target::Group { group, policy: ObjectId::default() } },
        Event::Baseline { members: Vec::new() },
        Event::PlanAccepted { revision: plan.revision(), plan: Box::new(plan), why: String::new() },
        Event::RosterFrozen { stage: stage.clone(), people: people.to_vec(), out: Vec::new() },
        moved(PhaseName::Scheduled, PhaseName::Announcing),
    ];
    let mut all = vec![(SignedDuration::from_hours(24 * 31), first)];
    for (told, intent) in people.chunks(1_000).zip((6..).step_by(2)) {
        let people = told.to_vec();
        let notice = Event::NoticeIntent {
            stage: stage.clone(),
            slot: Slot::Announcement,
            instant,
            people: people.clone(),
            from: Vec::new(),
        };
        let (refused, unknown, not_sent) = (Vec::new(), Vec::new(), Vec::new());
        let outcome = Event::NoticeOutcome { intent, accepted: people, refused, unknown, not_sent };
        all.push((SignedDuration::from_hours(24 * 30 + 12), vec![notice, outcome]));
    }
    all.push((SignedDuration::from_hours(24 * 30), vec![moved(PhaseName::Announcing, PhaseName::Announced)]));
    all
}

/// An engine before its day's work.
pub(super) fn engine(
    bed: &Bed,
    loaded: &Loaded,
    served: &Served,
    wire: Arc<Counted>,
    quota: Quota,
    keeping: Keeping,
    people: &[ObjectId],
) -> Result<Engine, Failure> {
    let clock = Clock::system();
    let group = served.twin.group_id(ENFORCED_GROUP).unwrap_or_default();
    let (mut store, mut state): (Box<dyn Store>, State) = match keeping {
        Keeping::Memory => (Box::new(Memory::new(Disk::default(), None)), State::default()),
        Keeping::Disk => {
            let found = kept::open(&bed.state()).map_err(|error| Failure::because(Exit::State, &error))?;
            (Box::new(found.kept), found.state)
        }
    };
    let now = clock.now();
    for (ago, events) in records(loaded, group, people) {
        let records = store.append(now - ago, By::Schedule, "bench", &events);
        for record in &records.map_err(|error| Failure::because(Exit::State, &error))? {
            state.apply(record).map_err(|error| Failure::because(Exit::Failed, &error))?;
        }
    }
    let gates = Gates::new(clock.clone()).scaled(quota);
    let adapters = super::super::adapters::measured(loaded, &clock, wire, gates)?;
    let (_inputs, received) = tokio::sync::mpsc::channel(1);
    let mut engine = Engine::new(Parts {
        observed: crate::rollout::observed::Observed::default(),
        clock,
        state,
        tenant: adapters.tenant,
        enforce: adapters.enforce,
        notify: adapters.notify,
        assist: None,
        gates: None,
        store,
        inputs: received,
        pause_file: Box::new(|| None),
        conditions: Conditions::all(),
    });
    engine.begin(&[]).map_err(|error| engine_failure(&error))?;
    Ok(engine)
}

/// Runs until everybody was handed out; until nobody's outcome is unknown any more, where that is asked for.
pub(super) async fn finish(engine: &mut Engine, until: Until) -> Result<(), Failure> {
    let clock = engine.clock().clone();
    let most = clock.now() + SignedDuration::from_hours(3);
    loop {
        let step = engine.step().await.map_err(|error| engine_failure(&error))?;
        let waits = |enforced: Enforced| match enforced {
            Enforced::No | Enforced::Intended(_) => true,
            Enforced::Unknown(_) => until == Until::Known,
            _ => false,
        };
        if !engine.state().people.all().iter().any(|person| waits(person.enforced())) {
            return Ok(());
        }
        if clock.now() > most {
            return Err(Failure::new(Exit::Failed, "the rollout does not come to its end"));
        }
        if let Step::Idle(at) = step {
            let holds: Vec<_> = engine.state().holds.values().map(|hold| hold.why.as_str()).collect();
            let since = engine.state().holds.values().map(|hold| hold.since).max();
            if since.is_some_and(|since| clock.now().duration_since(since) > SignedDuration::from_secs(60)) {
                let trouble = engine.observed().safety.trouble.as_ref().map(|trouble| trouble.why.as_str()).unwrap_or_default();
                return Err(Failure::new(Exit::Failed, format!("the rollout is held: {} {trouble}", holds.join("; "))));
            }
            clock.sleep_until(at.min(clock.now() + SignedDuration::from_secs(1))).await;
        }
    }
}

/// When a measurement is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Everybody was handed out.
    Out,
    /// And every outcome is known.
    Known,
}
