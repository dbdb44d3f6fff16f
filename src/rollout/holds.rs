//! The holds that the facts call for at an instant. `decide` compares them with those in force and records the difference.

use std::collections::BTreeMap;

use super::condition::{Condition, Ground};
use super::event::Verdict;
use super::gate::{gates_of, is_watched, read, sentence};
use super::hold::{Blocks, Clears, Hold, Owner, Scope};
use super::hours::Hours;
use super::observed::{Collision, Toggle, Weight};
use super::person::Home;
use super::plan::GateAt;
use super::readers;
use super::select::exempt_key;
use super::select::selection_keys;
use super::state::{PAUSE_FILE, POLICY, Phase, StageState, TAIL};
use super::switch::is_tenant_wide;
use super::told::{notice_deadline, to_be_told};
use super::waited_for::{self, Reading};
use super::{finish, sending, tail, what_if};

/// Holds for what else in the tenant requires MFA are named so, and after it.
const COLLISION: &str = "collision:";

/// Every hold that should be in force by itself at `ground.now`, by id. Holds that a human clears are not among them.
#[must_use]
pub fn called_for(ground: &Ground<'_>) -> BTreeMap<String, Hold> {
    let mut holds = BTreeMap::new();
    let mut place = |id: String, scope: Scope, owner: Owner, why: String| {
        let hold = Hold {
            id: id.clone(),
            scope,
            blocks: Blocks::Forward,
            owner,
            since: ground.now,
            clears: Clears::Itself,
            why,
            until: None,
        };
        holds.insert(id, hold);
    };
    if let Some(why) = ground.refuses_rollout(Condition::Approval) {
        place("approval".to_owned(), Scope::Rollout, Owner::Plan, why.into_owned());
    }
    if let Some(why) = ground.refuses_rollout(Condition::Clock) {
        place("clock".to_owned(), Scope::Rollout, Owner::System, why.into_owned());
    }
    if let Some(why) = ground.observed.pause_file.as_ref().filter(|_| ground.conditions.has(Condition::Hold)) {
        let why = format!("paused by the file in the state folder: {why}; remove it to go on");
        place(PAUSE_FILE.to_owned(), Scope::Rollout, Owner::Operator, why);
    }
    if let Some(why) = &ground.observed.plan_doubt {
        place("plan-refused".to_owned(), Scope::Rollout, Owner::Plan, why.clone());
    }
    if let Some(why) = &ground.observed.permissions_doubt {
        place("permissions".to_owned(), Scope::Rollout, Owner::Tenant, why.clone());
    }
    tenant(ground, &mut place);
    for (ix, stage) in (0_u16..).zip(&ground.state.stages) {
        of_stage(ground, Home::Stage(ix), stage, &mut place);
    }
    for (gate, evidence) in tail::gates(ground) {
        let reading = Reading { stage: TAIL, gate: &gate, evidence: &evidence };
        if reading.waits(ground, || tail::canary_waits(ground)) {
            place(reading.wait_id(), Scope::Stage(TAIL.to_owned()), Owner::Gate, sentence(&gate, &evidence));
        }
    }
    holds
}

/// Holds that the tenant causes: what cannot be read, a broken policy, broken break-glass accounts.
fn tenant(ground: &Ground<'_>, place: &mut impl FnMut(String, Scope, Owner, String)) {
    let observed = ground.observed;
    // Within its max_age a source that fails has not made anything unknown yet.
    let lost = |last: Option<jiff::Timestamp>| last.is_none_or(|at| ground.now.duration_since(at) > ground.plan.observe.max_age);
    let sources = [
        ("target", &observed.target.trouble, observed.target.last.as_ref().map(|r| r.as_of)),
        ("directory", &observed.directory.trouble, observed.directory.last.as_ref().map(|r| r.as_of)),
        ("safety", &observed.safety.trouble, observed.safety.last.as_ref().map(|r| r.as_of)),
        ("registration", &observed.registration.trouble, observed.registration.last.as_ref().map(|r| r.as_of)),
        ("members", &observed.members.trouble, observed.members.last.as_ref().map(|r| r.as_of)),
    ];
    // What the guard reads anew for each batch holds as soon as it cannot be read; the next reading clears it.
    let batches = hands_out(ground);
    for (name, trouble, last) in sources {
        let stops = match name {
            "safety" => batches, // without batches the policy's own hold says it
            "directory" => batches || lost(last),
            // A listing that shrinks is a hold, and no news.
            _ => lost(last) || observed.shrunk.contains_key(name),
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| stops) {
            place(format!("tenant:{name}"), Scope::Rollout, Owner::Tenant, trouble.why.clone());
        }
    }
    let exempt = exempt_key(ground.plan);
    let stages = selection_keys(ground.plan);
    // In whose zone somebody reads is no reason to hold.
    for (key, source) in observed.selections.iter().filter(|(key, _)| stages.contains(key)) {
        let last = source.last.as_ref().map(|reading| reading.as_of);
        let guarded = batches && Some(key) == exempt.as_ref();
        if let Some(trouble) = source.trouble.as_ref().filter(|_| guarded || lost(last) || observed.shrunk.contains_key(key)) {
            place(format!("tenant:{key}"), Scope::Rollout, Owner::Tenant, trouble.why.clone());
        }
    }
    if super::settle::is_another_group(ground) {
        let why = "the plan's group now means another group than the one people were enforced in; name that one by its object id";
        place("target".to_owned(), Scope::Rollout, Owner::Tenant, why.to_owned());
    }
    for collision in collisions(ground).filter(|collision| collision.weight == Weight::Holds) {
        place(format!("{COLLISION}{}", collision.what), Scope::Rollout, Owner::Tenant, collision.why.clone());
    }
    if observed.collisions.last.is_none() {
        // Until it is read anew, what an earlier life found still stands.
        for held in ground.state.holds.values().filter(|held| held.id.starts_with(COLLISION)) {
            place(held.id.clone(), Scope::Rollout, Owner::Tenant, held.why.clone());
        }
    }
    // Before anything was read at start-up there is nothing to say yet; enforcing asks for fresh facts anyway.
    if observed.safety.asked.is_some() {
        if let Some(why) = ground.refuses_rollout(Condition::Policy) {
            place(POLICY.to_owned(), Scope::Rollout, Owner::Tenant, why.into_owned());
        }
        if let Some(why) = ground.refuses_rollout(Condition::BreakGlass) {
            place("break-glass".to_owned(), Scope::Rollout, Owner::Tenant, why.into_owned());
        }
    }
}

/// What else in the tenant requires MFA, as last read; not what the plan itself switched on.
fn collisions<'a>(ground: &Ground<'a>) -> impl Iterator<Item = &'a Collision> {
    let ours = is_tenant_wide(ground.plan) && !ground.state.thrown.is_empty();
    let last = ground.observed.collisions.last.as_ref().filter(move |_| !ours);
    last.into_iter().flat_map(|reading| &reading.value)
}

/// What an operator should look at, in sentences, though nothing stops for it.
#[must_use]
pub fn warnings(ground: &Ground<'_>) -> Vec<String> {
    let warns = collisions(ground).filter(|collision| collision.weight == Weight::Warns);
    let unread = ground.observed.collisions.trouble.as_ref();
    let unread = unread.map(|trouble| format!("what else in the tenant requires MFA cannot be read: {}", trouble.why));
    let mailboxes = ground.observed.bounces.trouble.as_ref().filter(|_| ground.plan.notices.bounces == Toggle::On);
    let mailboxes = mailboxes.map(|trouble| format!("which notices came back cannot be read: {}", trouble.why));
    let zones = readers::keys(ground.plan).filter_map(|key| ground.observed.selections.get(&key)?.trouble.as_ref());
    let zones =
        zones.map(|trouble| format!("who reads in another zone cannot be read, and what was read last counts: {}", trouble.why));
    let managers = ground.observed.managers.trouble.as_ref().filter(|_| ground.plan.notices.managers.is_some());
    let managers = managers.map(|trouble| format!("who manages whom cannot be read, so managers get no lists: {}", trouble.why));
    warns
        .map(|collision| collision.why.clone())
        .chain(unread)
        .chain(mailboxes)
        .chain(zones)
        .chain(managers)
        .chain(late_announcements(ground))
        .chain(finish::may_follow(ground))
        .collect()
}

/// Announcements under way that the mailboxes cannot finish in time.
fn late_announcements(ground: &Ground<'_>) -> impl Iterator<Item = String> {
    let announcing = |stage: &StageState| stage.phase == Phase::Announcing;
    let stages = (0_u16..).zip(&ground.state.stages).filter(move |(_, stage)| announcing(stage));
    stages.filter_map(|(ix, stage)| {
        let (people, deadline) = (to_be_told(ground), notice_deadline(ground, ix, stage));
        let finished = sending::will_finish(ground, people, &Hours::of(ground.plan), ground.now);
        (people > 0 && finished > deadline).then(|| {
            format!(
                "stage `{}`: the last of {people} people is told at {finished} at the pace of the sending mailboxes, after {deadline}, \
                 the last instant that keeps the minimum notice; add mailboxes to notices.from, or move the stage to a later date",
                stage.name
            )
        })
    })
}

/// Whether batches are being handed out, in a stage or in the tail.
fn hands_out(ground: &Ground<'_>) -> bool {
    let stages = &ground.state.stages;
    let waits = || ground.state.people.all().alike().any(|person| person.home() == Home::Tail && !person.is_processed());
    stages.iter().any(|stage| matches!(stage.phase, Phase::Enforcing { .. }))
        || stages.iter().all(|stage| stage.phase.name().is_over()) && waits()
        || tail::hands_out(ground)
}

/// Holds of one stage: What-If, a closed window, a limit, a gate that waits.
fn of_stage(ground: &Ground<'_>, home: Home, stage: &StageState, place: &mut impl FnMut(String, Scope, Owner, String)) {
    let scope = || Scope::Stage(stage.name.clone());
    if let Some(why) = what_if::refuses(ground, home, stage) {
        place(what_if::hold_id(&stage.name), scope(), Owner::Tenant, why);
    }
    let started = ground.now >= stage.start.instant;
    let (gates, asked) = match stage.phase {
        Phase::Announced if started => (GateAt::Start, true),
        Phase::Enforcing { canary: Some(_) } | Phase::Soaking { .. } => (GateAt::During, true),
        Phase::Enforcing { canary: None } => (GateAt::During, false),
        _ => return,
    };
    if !matches!(stage.phase, Phase::Soaking { .. })
        && let Some(why) = ground.refuses_home(Condition::Calendar, home)
    {
        place(format!("calendar:{}", stage.name), scope(), Owner::Schedule, why.into_owned());
    }
    if matches!(stage.phase, Phase::Enforcing { .. })
        && let Some(why) = ground.refuses_home(Condition::Limit, home)
    {
        place(format!("limit:{}", stage.name), scope(), Owner::Schedule, why.into_owned());
    }
    if let Phase::Soaking { healthy, .. } = stage.phase
        && ground.plan.stages.iter().any(|planned| planned.name == stage.name && healthy < planned.soak)
        && !is_watched(ground.plan, ground.observed, ground.now, &stage.name)
    {
        let why = "what shows whether people get on has not been read lately; this time does not count as soaked";
        place(format!("unwatched:{}", stage.name), scope(), Owner::Tenant, why.to_owned());
    }
    if !asked {
        return;
    }
    for gate in gates_of(ground.plan, &stage.name, gates) {
        let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate);
        let reading = Reading { stage: &stage.name, gate: &gate, evidence: &evidence };
        if reading.waits(ground, || gates == GateAt::Start || canary_waits(ground, stage)) {
            place(reading.wait_id(), scope(), Owner::Gate, sentence(&gate, &evidence));
        }
    }
    // An exit gate may be waited for without end; that it is has to be seen.
    if waited_for::exit_since(ground, stage).is_some_and(|since| waited_for::too_long(ground, since)) {
        for gate in gates_of(ground.plan, &stage.name, GateAt::Exit) {
            let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate);
            if !matches!(evidence.verdict, Verdict::Pass | Verdict::Fail) {
                let id = Reading { stage: &stage.name, gate: &gate, evidence: &evidence }.wait_id();
                let why = format!(
                    "{}; the stage has soaked and waits for it alone, so somebody should look",
                    sentence(&gate, &evidence)
                );
                place(id, scope(), Owner::Gate, why);
            }
        }
    }
}

/// Whether an inconclusive `during` gate still stops the batches after the canary.
#[must_use]
pub fn canary_waits(ground: &Ground<'_>, stage: &StageState) -> bool {
    match stage.phase {
        Phase::Enforcing { canary: Some(at) } => ground.now.duration_since(at) < ground.plan.limits.canary_wait,
        _ => false,
    }
}
