//! Moves of stages: for each phase, what must be true to leave it (DESIGN §4). Facts in, records out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::acknowledge::judged;
use super::condition::{Condition, Ground, NOTICE};
use super::event::{Event, Evidence, Verdict};
use super::gate::{gates_of, is_watched, read, sentence, shown};
use super::hold::{Owner, Scope};
use super::id::ObjectId;
use super::person::{Enforced, Home, PersonState};
use super::plan::{Gate, GateAt, Stage};
use super::select::{protection, roster};
use super::settle::has_open_batch;
use super::stage::PhaseName;
use super::state::{PAUSE_FILE, PAUSED, Phase, StageState, evidence_key, paused_hold_id};
use super::told::{announce_at, enforced_by, latest_start, notice_deadline};
use super::tranche::refuses_person;
use super::{release, retire, switch};

/// Soaked time is recorded this often.
const SOAK_STEP: SignedDuration = SignedDuration::from_hours(1);

/// The next move that the facts allow, as records; empty when every stage stays where it is.
#[must_use]
pub fn next(ground: &Ground<'_>) -> Vec<Event> {
    if ground.refuses_rollout(Condition::Clock).is_some() {
        // By a wrong clock a stage would be missed, or start.
        return Vec::new();
    }
    if let Some(over) = release::tail_rolled_back(ground) {
        return vec![over];
    }
    for (ix, stage) in (0_u16..).zip(&ground.state.stages) {
        let Some(planned) = ground.plan.stages.get(usize::from(ix)) else { continue };
        let events = match &stage.phase {
            Phase::Scheduled => scheduled(ground, ix, stage, planned).unwrap_or_else(|_| Vec::new()),
            Phase::Announcing => announcing(ground, ix, stage),
            Phase::Announced => announced(ground, ix, stage),
            Phase::Enforcing { .. } => enforcing(ground, ix, stage, planned),
            Phase::Soaking { healthy, until } => soaking(ground, stage, planned, *healthy, *until),
            Phase::RollingBack => release::rolled_back(ground, Home::Stage(ix), stage),
            _ => Vec::new(),
        };
        if !events.is_empty() {
            return events;
        }
    }
    let absences = super::exception::absences(ground);
    if absences.is_empty() { super::tail::lapsed(ground) } else { absences }
}

fn moved(stage: &StageState, to: PhaseName, why: impl Into<String>) -> Event {
    Event::StageMoved { stage: stage.name.clone(), from: stage.phase.name(), to, why: why.into() }
}

/// Scheduled: freeze the roster when the announcement begins; `Err` says what is missing.
pub fn scheduled(ground: &Ground<'_>, ix: u16, stage: &StageState, planned: &Stage) -> Result<Vec<Event>, String> {
    if stage.is_frozen() {
        // Rebooked: its people were told that another date comes.
        return Ok(vec![moved(stage, PhaseName::Announcing, "the new date is told")]);
    }
    let deadline = notice_deadline(ground, ix, stage);
    if ground.now > deadline {
        let tenant = ground.state.forward_holds(&stage.name).find(|hold| hold.owner == Owner::Tenant);
        let stood = tenant.map(|hold| hold.why.clone()).or_else(|| frozen(ground, ix, stage, planned).err());
        let stood = stood.unwrap_or_else(|| "nobody was running".to_owned());
        let why = format!("the minimum notice could not be kept any more after {deadline}: {stood}; rebook it");
        return Ok(vec![moved(stage, PhaseName::Missed, why)]);
    }
    if ground.now < announce_at(ground, stage) {
        return Ok(Vec::new());
    }
    let frozen = frozen(ground, ix, stage, planned)?;
    Ok(vec![frozen, moved(stage, PhaseName::Announcing, "the announcement begins")])
}

/// The roster, when it can be frozen now; `Err` says what is missing.
fn frozen(ground: &Ground<'_>, ix: u16, stage: &StageState, planned: &Stage) -> Result<Event, String> {
    if let Some(why) = NOTICE.iter().find_map(|c| ground.refuses_rollout(*c)) {
        return Err(why.into_owned());
    }
    let waits_for = ground.state.stages.iter().take(usize::from(ix)).find(|s| s.phase == Phase::Scheduled);
    if let Some(earlier) = waits_for {
        return Err(format!("the roster of stage `{}` must be frozen first", earlier.name));
    }
    let roster = roster(ground.plan, ground.state, ground.observed, ground.now, planned, &BTreeSet::new())?;
    if roster.people.is_empty() {
        let out: usize = roster.out.iter().map(|because| because.people.len()).sum();
        return Err(format!(
            "stage `{}` selects nobody who may be enforced ({out} people are out); correct its `people`",
            stage.name
        ));
    }
    if let Some(expected) = planned.expect.filter(|expected| !expected.has(roster.people.len())) {
        return Err(format!(
            "stage `{}` selects {} people, and {} to {} are expected; correct its `people`, or its `expect`",
            stage.name,
            roster.people.len(),
            expected.least,
            expected.most
        ));
    }
    Ok(Event::RosterFrozen { stage: stage.name.clone(), people: roster.people, out: roster.out })
}

/// How a person stands towards the stage's announcement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Told,
    Pending,
    Hopeless(&'static str),
}

fn telling(ground: &Ground<'_>, ix: u16, stage: &StageState, person: &PersonState) -> Telling {
    if person.is_processed() {
        return Telling::Told;
    }
    let told = ground.state.named_instant(ix).is_some_and(|at| person.is_promised(at)) && person.promise_told().is_some();
    let in_time = person.first_told().is_some_and(|first| {
        first.checked_add(ground.floor(Home::Stage(ix))).is_ok_and(|earliest| earliest <= enforced_by(ground, ix, stage))
    });
    if told && in_time {
        return Telling::Told;
    }
    let row = ground.observed.directory.last.as_ref().and_then(|reading| reading.value.person(person.id));
    if ground.conditions.has(Condition::Protection) {
        match row {
            None => return Telling::Hopeless("no longer in the directory"),
            Some(row) => {
                if let Some(why) = protection(ground.plan, ground.observed, &row) {
                    return Telling::Hopeless(why);
                }
            }
        }
    }
    if person.refused().is_some() {
        return Telling::Hopeless("unreached: no notice was accepted for the address");
    }
    if person.first_told().is_none() && person.doubts >= 2 {
        return Telling::Hopeless("unreached: whether the notice arrived is not known");
    }
    // Whoever was told in time before needs a correction only.
    let deadline = if in_time {
        enforced_by(ground, ix, stage).checked_sub(ground.plan.notices.renotice).unwrap_or(Timestamp::MIN)
    } else {
        notice_deadline(ground, ix, stage)
    };
    if ground.now > deadline {
        return Telling::Hopeless("unreached: no notice was accepted with the minimum notice");
    }
    Telling::Pending
}

fn announcing(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Vec<Event> {
    let mut told = 0_usize;
    let mut hopeless: BTreeMap<&'static str, Vec<ObjectId>> = BTreeMap::new();
    for person in stage.roster.iter().filter_map(|place| ground.state.people.at(*place)) {
        match telling(ground, ix, stage, &person) {
            Telling::Told => told += 1,
            Telling::Pending => return Vec::new(),
            Telling::Hopeless(why) => hopeless.entry(why).or_default().push(person.id),
        }
    }
    if !ground.state.notices.is_empty() {
        return Vec::new();
    }
    if told == 0 {
        // They stay, so that the stage can be rebooked with its people.
        return vec![moved(stage, PhaseName::Missed, "nobody of the roster could be told in time; rebook it")];
    }
    let mut events = carried(stage, hopeless);
    events.push(moved(stage, PhaseName::Announced, format!("{told} people were told in time")));
    events
}

fn carried<W: Into<String>>(stage: &StageState, people: BTreeMap<W, Vec<ObjectId>>) -> Vec<Event> {
    people.into_iter().map(|(why, people)| Event::Carried { stage: stage.name.clone(), why: why.into(), people }).collect()
}

fn announced(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Vec<Event> {
    let start = stage.start.instant;
    let latest = latest_start(ground, ix, stage);
    let own = paused_hold_id(&Scope::Stage(stage.name.clone()));
    for pause in [&ground.state.last_pause, &stage.last_pause].into_iter().flatten() {
        let passed = stage.since <= pause.to && start <= pause.to && !pause.allow_start;
        let over = [PAUSED, PAUSE_FILE, &own].iter().all(|id| !ground.state.holds.contains_key(*id));
        if passed && over {
            return vec![moved(stage, PhaseName::Missed, "its start passed while it was held; rebook it")];
        }
    }
    if ground.now > latest {
        let waits = waits_to_start(ground, ix, stage);
        let why = if waits.is_empty() { "nobody was running".to_owned() } else { waits.join("; ") };
        return vec![moved(stage, PhaseName::Missed, format!("it could not start until {latest}: {why}; rebook it"))];
    }
    if ground.now < start || !waits_to_start(ground, ix, stage).is_empty() {
        return Vec::new();
    }
    let mut events = evidence(ground, stage, GateAt::Start);
    events.push(moved(stage, PhaseName::Enforcing, "its start has come and nothing stands against it"));
    events
}

/// Everything that keeps an announced stage from starting now, but for its date.
#[must_use]
pub fn waits_to_start(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Vec<String> {
    let mut waits = Vec::new();
    // All of them: the one before may be closed while an earlier one is under way.
    let before = ground.state.stages.iter().take(usize::from(ix)).rfind(|before| !before.phase.name().is_over());
    if let Some(before) = before {
        waits.push(format!("stage `{}` is {}, not done", before.name, before.phase.name().as_str()));
    }
    let home = Home::Stage(ix);
    for condition in super::condition::ENFORCE {
        waits.extend(ground.refuses_rollout(*condition).map(std::borrow::Cow::into_owned));
        waits.extend(ground.refuses_home(*condition, home).map(std::borrow::Cow::into_owned));
    }
    for gate in gates_of(ground.plan, &stage.name, GateAt::Start) {
        let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate);
        if evidence.verdict != Verdict::Pass && !ground.state.passes_gate(&stage.name, &gate, &evidence, ground.now) {
            waits.push(sentence(&gate, &evidence));
        }
    }
    waits
}

/// The readings of a stage's gates, for the record.
pub(super) fn evidence(ground: &Ground<'_>, stage: &StageState, at: GateAt) -> Vec<Event> {
    shown(ground.plan, &stage.name, at)
        .map(|gate| Event::GateRead {
            stage: stage.name.clone(),
            gate: gate.name.clone(),
            evidence: read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate),
        })
        .collect()
}

fn enforcing(ground: &Ground<'_>, ix: u16, stage: &StageState, planned: &Stage) -> Vec<Event> {
    let home = Home::Stage(ix);
    let people = || stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    let wide = switch::is_tenant_wide(ground.plan);
    let invites = wide && usize::from(ix) + 1 < ground.state.stages.len();
    if let Some(switched) = switched(ground, ix, stage) {
        return vec![switched];
    }
    // Not gathered: they may be a million.
    let waiting = || people().filter(|person| !person.is_processed() && !invites);
    if waiting().next().is_none() {
        if has_open_batch(ground, home) || !switch::is_through(ground, ix, stage) {
            return Vec::new();
        }
        let why = if invites { "everybody of the roster is invited" } else { "everybody of the roster is processed" };
        let mut events = evidence(ground, stage, GateAt::During);
        events.push(moved(stage, PhaseName::Soaking, why));
        return events;
    }
    if wide {
        // Nobody can be left out of what is switched for everybody.
        return Vec::new();
    }
    if ground.now < stage.finishes(planned.finish_by) || ground.state.waits_for_human(&stage.name) {
        return Vec::new();
    }
    let mut left: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
    for person in waiting() {
        if matches!(person.enforced(), Enforced::Intended(_) | Enforced::Unknown(_)) {
            continue;
        }
        let why = refuses_person(ground, home, &person).map_or_else(|| "not reached before finish_by".to_owned(), Into::into);
        left.entry(why).or_default().push(person.id);
    }
    carried(stage, left)
}

/// That everything which the stage switches is so, once it reads so.
fn switched(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Option<Event> {
    let due = !switch::is_through(ground, ix, stage) && switch::is_due(ground, ix, stage);
    let gap_ms = switch::gap(ground.state, &stage.name).and_then(|gap| i64::try_from(gap.as_millis()).ok());
    (due && switch::is_complete(ground, stage)).then(|| Event::SwitchesDone { stage: stage.name.clone(), gap_ms })
}

fn soaking(ground: &Ground<'_>, stage: &StageState, planned: &Stage, healthy: SignedDuration, until: Timestamp) -> Vec<Event> {
    let from = until.max(ground.booted);
    let gap = ground.now.duration_since(from);
    let soaked = |healthy| Event::Soaked { stage: stage.name.clone(), healthy, until: ground.now };
    let held = ground.state.forward_holds(&stage.name).any(|hold| hold.owner != Owner::Schedule);
    let watched = is_watched(ground.plan, ground.observed, ground.now, &stage.name);
    if healthy < planned.soak {
        if held || !watched {
            // Nothing is recorded meanwhile: when the hold that says so ends, time counts again from there.
            return Vec::new();
        }
        if gap > longest_gap(ground, stage) {
            return vec![soaked(healthy)];
        }
        let so_far = healthy.saturating_add(gap.max(SignedDuration::ZERO));
        if gap >= SOAK_STEP || so_far >= planned.soak && gap > SignedDuration::ZERO {
            return vec![soaked(so_far)];
        }
        return Vec::new();
    }
    let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    let unverified =
        people.filter(|person| matches!(person.enforced(), Enforced::Accepted(_)) && !person.marks().removed_by_hand).count();
    if held || unverified > 0 || !waits_to_be_done(ground, stage).is_empty() {
        return Vec::new();
    }
    if stage.roster.iter().filter_map(|place| ground.state.people.at(*place)).any(|person| retire::left(ground, &person)) {
        return Vec::new();
    }
    let mut events = evidence(ground, stage, GateAt::During);
    events.extend(evidence(ground, stage, GateAt::Exit));
    events.push(moved(stage, PhaseName::Done, format!("soaked for {healthy:#}, exit gates passed")));
    events
}

/// Between two looks at a soaking stage; a longer gap was not watched.
fn longest_gap(ground: &Ground<'_>, stage: &StageState) -> SignedDuration {
    let gates = gates_of(ground.plan, &stage.name, GateAt::During).chain(gates_of(ground.plan, &stage.name, GateAt::Exit));
    let interval = gates.filter_map(|gate| super::gate::interval(ground.plan, gate.measure)).max();
    interval.unwrap_or(ground.plan.observe.members).saturating_mul(2).saturating_add(SOAK_STEP)
}

/// What its gates still ask of a stage that has soaked: a fresh Pass of every exit gate; of every `during` gate no Fail, fresh data,
/// and its sample, or everybody whom the stage enforced where those are fewer.
#[must_use]
pub fn waits_to_be_done(ground: &Ground<'_>, stage: &StageState) -> Vec<String> {
    let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    let enforced = people.filter(|person| person.is_enforced() && !person.marks().removed_by_hand).count();
    let enforced = u32::try_from(enforced).unwrap_or(u32::MAX);
    let gates = gates_of(ground.plan, &stage.name, GateAt::During).chain(gates_of(ground.plan, &stage.name, GateAt::Exit));
    let waits = gates.filter_map(|gate| {
        let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate);
        let seen = ground.state.acknowledged.get(&evidence_key(&stage.name, &gate.name)).filter(|_| gate.at == GateAt::During);
        let lets_through = match judged(&gate, &evidence, seen) {
            Verdict::Pass => true,
            Verdict::Inconclusive => gate.at == GateAt::During && rests_on_enough(&gate, &evidence, enforced),
            Verdict::Fail | Verdict::NoData => false,
        };
        let lets_through = lets_through || ground.state.passes_gate(&stage.name, &gate, &evidence, ground.now);
        (!lets_through).then(|| sentence(&gate, &evidence))
    });
    waits.collect()
}

/// Whether an inconclusive reading rests on everybody who can be asked; where people are not counted, nobody knows.
fn rests_on_enough(gate: &Gate, evidence: &Evidence, enforced: u32) -> bool {
    let counts = gate.measure.is_share() || gate.measure.is_of_enforced();
    counts && evidence.sample >= gate.min_sample.min(enforced)
}
