//! `rehearse`: the operator's plan, run by the same engine against a simulated tenant in virtual time. Prints the timeline.

use jiff::{SignedDuration, Timestamp};

use super::args::{Common, Rehearse};
use super::timeline::Timeline;
use super::world::{OPERATORS, World};
use super::{Exit, Failure, place, run, show};
use crate::clock::Pace;
use crate::engine::{Ending, Until};
use crate::rollout::condition::Conditions;
use crate::rollout::id::PersonRef;
use crate::rollout::plan::{Enforcement, Plan, Selector, addressee};
use crate::rollout::state::State;
use crate::sim::memory::{Disk, Memory};
use crate::sim::{self, Change, Profile, Tenant};
use crate::{say, whisper};

pub(super) fn rehearse(common: &Common, verb: &Rehearse) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let start = verb.start_at.unwrap_or_else(|| day_before_first_announcement(&loaded.plan));
    let mut tenant =
        Tenant::new(Profile { users: verb.users as usize, seed: verb.seed, floor: floor(&loaded.plan), ..Profile::default() });
    let plan = cast(&loaded.plan, &mut tenant, start);
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
        engine.begin(&[]).map_err(|error| run::engine_failure(&error))?;
        drop(engine.offer(Box::new(plan), "rehearsal", "").map_err(|error| run::engine_failure(&error))?);
        let ending = engine
            .run(Until::Done, |_| {
                for record in disk.after(seen) {
                    seen += 1;
                    for line in timeline.lines(&record).into_iter().filter(|_| !common.json) {
                        say!("{line}");
                    }
                }
            })
            .await
            .map_err(|error| run::engine_failure(&error))?;
        for line in timeline.flush().into_iter().filter(|_| !common.json) {
            say!("{line}");
        }
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
    for violation in violations {
        whisper!("violation: {violation:?}");
    }
    if !violations.is_empty() {
        return Err(Failure::new(Exit::Failed, "the rehearsal broke a promise; report this"));
    }
    match ending {
        Ending::NeedsHuman(why) => Err(Failure::new(Exit::Blocked, why)),
        _ => Ok(Exit::Done),
    }
}

/// The shortest minimum notice of the plan, for the tenant's own oracle.
fn floor(plan: &Plan) -> SignedDuration {
    plan.stages.iter().map(|stage| plan.floor(stage)).min().unwrap_or(plan.notices.min_notice)
}

/// The plan with what it names put in the simulated tenant's terms: its group, policy, accounts and mailbox take the places of
/// the plan's; groups that only the plan knows are made, and lists of people are filled with as many of its people.
fn cast(plan: &Plan, tenant: &mut Tenant, now: Timestamp) -> Plan {
    let mut plan = plan.clone();
    let key = plan.tenant.clone();
    let here = |name: &str| PersonRef::new(&key, &format!("{name}@{}", tenant.profile().domain));
    plan.enforcement = Enforcement::ConditionalAccess {
        group: sim::ENFORCED_GROUP.to_owned(),
        policy: sim::POLICY.to_owned(),
        manage_policy: false,
        leaves: None,
    };
    plan.people.break_glass = vec![here("bg1"), here("bg2")];
    plan.people.exempt_group = plan.people.exempt_group.map(|_| sim::EXEMPT_GROUP.to_owned());
    plan.notices.from = vec![here("it-security")];
    if !plan.reports.to.is_empty() {
        plan.reports.to = vec![addressee(&key, OPERATORS)];
    }
    let mut people = tenant.ordinary_people().into_iter();
    let mut made = std::collections::BTreeSet::new();
    let groups =
        plan.stages.iter().flat_map(|stage| stage.include.iter().chain(&stage.exclude)).filter_map(|selector| match selector {
            Selector::Group(group) => Some(group.clone()),
            _ => None,
        });
    let each = tenant.ordinary_people().len() / 25;
    for group in groups.collect::<Vec<_>>() {
        if tenant.has_group(&group) || !made.insert(group.clone()) {
            continue;
        }
        // The names are new, so nothing refuses these.
        let _ = tenant.change(now, Change::AddGroup(group.clone()));
        for person in people.by_ref().take(each.max(2)) {
            let _ = tenant.change(now, Change::AddMember { group: group.clone(), person: person.to_string() });
        }
    }
    for stage in &mut plan.stages {
        for selector in stage.include.iter_mut().chain(&mut stage.exclude) {
            if let Selector::Users(list) | Selector::Csv { people: list, .. } = selector {
                *list = people.by_ref().take(list.len()).map(PersonRef::Id).collect();
            }
        }
    }
    plan
}

/// A day before the first announcement, on the hour.
fn day_before_first_announcement(plan: &Plan) -> Timestamp {
    let first = plan.stages.iter().map(|stage| stage.start.instant).min().unwrap_or(Timestamp::UNIX_EPOCH);
    let before = plan.notices.before.first().copied().unwrap_or_default();
    let ahead = before.saturating_add(SignedDuration::from_hours(24));
    first.checked_sub(ahead).unwrap_or(Timestamp::MIN)
}
