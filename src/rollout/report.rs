//! The report: where everything stands and why it waits, as data with sentences. Commands, status file and tests show the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::condition::Ground;
use super::event::Evidence;
use super::exception::{self, Excepted};
use super::gate::{read, sentence};
use super::hold::{Hold, Scope};
use super::moves::{scheduled, waits_to_be_done, waits_to_start};
use super::observed::{Person, Readiness};
use super::overriding::Override;
use super::person::{Enforced, Home, PersonState};
use super::plan::{Gate, GateAt};
use super::select::protection;
use super::stage::PhaseName;
use super::state::{Phase, StageState, TAIL};
use super::told::{latest_start, retry_at, waits as waits_to_tell};
use super::tranche::{refuses, refuses_person};
use super::unmet::{self, Unmet};
use super::{release, retire, switch};

/// Where everything stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// As of this instant, on the engine's clock.
    pub at: Timestamp,
    /// Revision of the plan in force.
    pub revision: String,
    /// The one sentence.
    pub headline: String,
    /// What kind of sentence it is.
    pub standing: Standing,
    /// Holds in force.
    pub holds: Vec<Hold>,
    /// What operators pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// The stages, in order.
    pub stages: Vec<StageReport>,
    /// The tail.
    pub tail: StageReport,
    /// Everybody of the directory, each counted once: in a stage, in the tail, out under a reason, or not assigned yet.
    pub people: BTreeMap<String, u32>,
    /// Everybody of the directory; the sum of `people`.
    pub total: u32,
    /// When the program looks again at the latest.
    pub wake_at: Timestamp,
}

/// The kind of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Waiting for an instant or a reading.
    WaitingOn,
    /// Held; something must happen first.
    Blocked,
    /// Notices or batches are going out.
    Acting,
    /// The last stage is over.
    Finished,
}

/// One stage, or the tail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// Its phase; the tail has none.
    pub phase: Option<PhaseName>,
    /// Since when it is in it.
    pub since: Option<Timestamp>,
    /// The start in force.
    pub start: Option<Timestamp>,
    /// The last instant at which it may start.
    pub latest_start: Option<Timestamp>,
    /// People of the roster.
    pub people: u32,
    /// People by situation.
    pub situations: BTreeMap<String, u32>,
    /// People by readiness, as last read.
    pub readiness: BTreeMap<String, u32>,
    /// People it selects who are out, by reason.
    pub out: BTreeMap<String, u32>,
    /// Its gates, as they read now.
    pub gates: Vec<GateReport>,
    /// What share is expected to be ready on its date, as last counted, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Where the lists for managers stand, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<String>,
    /// Why it does not move; empty when nothing stands against it.
    pub waits: Vec<String>,
    /// The same, condition by condition: whose it is, since when, until when, and what ends it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<Unmet>,
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Its name.
    pub name: String,
    /// When it is asked.
    pub at: GateAt,
    /// What it says.
    pub evidence: Evidence,
    /// The same as a sentence.
    pub sentence: String,
}

/// A person's situation: derived, never stored (DESIGN §4).
#[must_use]
pub fn situation(ground: &Ground<'_>, person: &PersonState) -> (&'static str, Option<String>) {
    let instant = person.promise();
    if person.marks().removed_by_hand {
        return ("released", Some("taken out of the group by somebody else".to_owned()));
    }
    match person.enforced() {
        Enforced::Verified(_) => return ("verified", None),
        Enforced::Accepted(_) => return ("enforced", None),
        Enforced::Gone(_) => return ("left", None),
        Enforced::Releasing(_) => return ("enforced", Some("is being released".to_owned())),
        Enforced::Kept(_) => return ("enforced", Some("the tenant refused to release them".to_owned())),
        Enforced::Released(_) => return ("released", Some("by a rollback".to_owned())),
        Enforced::Intended(_) | Enforced::Unknown(_) => return ("enforcing", Some("the outcome is read back".to_owned())),
        Enforced::No | Enforced::Refused(_) => {}
    }
    let row = ground.observed.directory.last.as_ref().and_then(|reading| reading.value.person(person.id));
    if let Some(why) = row.and_then(|row| protection(ground.plan, ground.observed, &row)) {
        return ("protected", Some(why.to_owned()));
    }
    let exception = exception::of(&ground.state.exceptions, person.id);
    let excepted = exception.and_then(|exception| match exception.what {
        Excepted::Exempt { until } if ground.now < until => Some("exempt"),
        Excepted::Deferred { until } if ground.now < until => Some("deferred"),
        Excepted::Absent => Some("absent"),
        _ => None,
    });
    if let (Some(word), Some(exception)) = (excepted, exception) {
        return (word, Some(format!("{} ({})", exception.what.says(), exception.why)));
    }
    if matches!(person.enforced(), Enforced::Refused(_)) {
        return ("failed", Some("the tenant refused".to_owned()));
    }
    if person.first_told().is_none() {
        return if person.refused().is_some() || person.doubts > 1 { ("unreached", None) } else { ("assigned", None) };
    }
    if instant.is_some_and(|instant| instant > ground.now) {
        return ("noticed", None);
    }
    match refuses_person(ground, person.home(), person) {
        None => ("due", None),
        Some(why) => ("waiting", Some(why.into_owned())),
    }
}

/// Makes the report.
#[must_use]
pub fn report(ground: &Ground<'_>, wake_at: Timestamp) -> Report {
    let state = ground.state;
    let stages: Vec<_> = (0_u16..).zip(&state.stages).map(|(ix, stage)| stage_report(ground, ix, stage)).collect();
    let people = people(ground);
    let (standing, headline) = headline(ground, &stages, wake_at);
    Report {
        at: ground.now,
        revision: state.plan.as_ref().map(|accepted| accepted.revision.clone()).unwrap_or_default(),
        headline,
        standing,
        holds: state.holds.values().cloned().collect(),
        overrides: state.overrides.iter().filter(|over| ground.now < over.until).cloned().collect(),
        tail: tail_report(ground),
        stages,
        total: people.values().sum(),
        people,
        wake_at,
    }
}

fn count(counts: &mut BTreeMap<String, u32>, key: &str) {
    if let Some(known) = counts.get_mut(key) {
        *known = known.saturating_add(1);
    } else {
        counts.insert(key.to_owned(), 1);
    }
}

fn stage_report(ground: &Ground<'_>, ix: u16, stage: &StageState) -> StageReport {
    let planned = ground.plan.stages.get(usize::from(ix));
    let waits = match (&stage.phase, planned) {
        (Phase::Scheduled, Some(planned)) => scheduled(ground, ix, stage, planned).err().into_iter().collect(),
        (Phase::Announcing, _) => waits_to_tell(ground).into_iter().collect(),
        (Phase::Announced, _) if ground.now >= stage.start.instant => waits_to_start(ground, ix, stage),
        (Phase::Enforcing { .. }, _) => {
            let refusal = refuses(ground, Home::Stage(ix)).map(std::borrow::Cow::into_owned);
            let switches = switch::waits(ground, ix, stage);
            let waits: Vec<_> = refusal.into_iter().filter(|why| !switches.contains(why)).chain(switches.clone()).collect();
            if waits.is_empty() { not_sent(ground).into_iter().collect() } else { waits }
        }
        (Phase::Soaking { healthy, .. }, Some(planned)) => {
            let gates = if *healthy >= planned.soak { waits_to_be_done(ground, stage) } else { Vec::new() };
            let left = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
            let left = left.filter(|person| retire::left(ground, person)).count();
            let retiring = (left > 0).then(|| format!("{left} people still have an MFA state of their own, which is retired"));
            state_holds(ground, &stage.name).into_iter().chain(gates).chain(retiring).collect()
        }
        (Phase::Missed { why }, _) => vec![why.clone()],
        (Phase::RollingBack, _) => release::waits(ground, Home::Stage(ix), stage),
        (Phase::RolledBack, _) => vec!["it was rolled back; the stages behind it wait".to_owned()],
        _ => Vec::new(),
    };
    let gates = ground
        .plan
        .gates
        .iter()
        .filter(|gate| gate.is_asked_of(&stage.name))
        .filter(|_| stage.is_frozen() && !stage.phase.name().is_over())
        .map(|gate| gate.of(&stage.name))
        .map(|gate| gate_report(&gate, read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate)))
        .collect();
    let roster = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    let mut report = of_people(ground, &stage.name, roster);
    report.phase = Some(stage.phase.name());
    report.since = Some(stage.since);
    report.start = Some(stage.start.instant);
    report.latest_start = Some(latest_start(ground, ix, stage));
    report.out.clone_from(&stage.out);
    report.gates = gates;
    report.expected = super::counts::expected(ground, stage);
    report.lists = super::lists::says(ground, stage);
    report.waits.extend(waits);
    report.unmet = unmet::of_stage(ground, ix, stage);
    report
}

/// Why the latest batch did not leave, as long as none has left since.
fn not_sent(ground: &Ground<'_>) -> Option<String> {
    let (again, why) = (retry_at(ground.state.wire_trouble)?, ground.state.wire_why.as_ref()?);
    Some(format!("the latest batch was not sent: {why}; the next one is tried at {again}"))
}

fn gate_report(gate: &Gate, evidence: Evidence) -> GateReport {
    GateReport { name: gate.name.clone(), at: gate.at, sentence: sentence(gate, &evidence), evidence }
}

fn tail_report(ground: &Ground<'_>) -> StageReport {
    let mut report = of_people(ground, TAIL, ground.state.people.all().iter().filter(|person| person.home() == Home::Tail));
    report.gates = super::tail::gates(ground).map(|(gate, evidence)| gate_report(&gate, evidence)).collect();
    report.waits.extend(ground.state.forward_holds(TAIL).filter(|hold| hold.scope != Scope::Rollout).map(held));
    report
}

/// Counts people, and adds why the waiting ones wait.
fn of_people(ground: &Ground<'_>, name: &str, people: impl Iterator<Item = PersonState>) -> StageReport {
    let mut report = StageReport {
        name: name.to_owned(),
        phase: None,
        since: None,
        start: None,
        latest_start: None,
        people: 0,
        situations: BTreeMap::new(),
        readiness: BTreeMap::new(),
        out: BTreeMap::new(),
        gates: Vec::new(),
        expected: None,
        lists: None,
        waits: Vec::new(),
        unmet: Vec::new(),
    };
    let mut reasons: BTreeMap<String, u32> = BTreeMap::new();
    for person in people {
        report.people = report.people.saturating_add(1);
        let (word, why) = situation(ground, &person);
        count(&mut report.situations, word);
        if let Some(why) = why.filter(|_| word != "enforcing") {
            count(&mut reasons, &why);
        }
        let known = ground.observed.registration.last.as_ref();
        let word = match known.map_or(Readiness::Unknown, |reading| reading.value.of(person.id)) {
            Readiness::Capable => "capable",
            Readiness::RegisteredNotAllowed => "registered-not-allowed",
            Readiness::Unregistered => "unregistered",
            Readiness::Unknown => "unknown",
        };
        count(&mut report.readiness, word);
    }
    report.waits.extend(reasons.into_iter().map(|(why, people)| format!("{people} people: {why}")));
    report
}

fn state_holds(ground: &Ground<'_>, stage: &str) -> Vec<String> {
    ground.state.forward_holds(stage).map(held).collect()
}

fn held(hold: &Hold) -> String {
    format!("hold `{}`: {}", hold.id, hold.why)
}

/// Everybody of the directory, each once.
fn people(ground: &Ground<'_>) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    let Some(directory) = &ground.observed.directory.last else { return counts };
    let mut homes = BTreeMap::new();
    for person in directory.value.iter() {
        match ground.state.people.get(person.id) {
            Some(known) => *homes.entry(known.home()).or_insert(0) += 1,
            None => count(&mut counts, &standing_of(ground, &person)),
        }
    }
    counts.extend(homes.into_iter().map(|(home, people)| (format!("in {}", ground.state.home_name(home)), people)));
    if directory.value.unreadable > 0 {
        counts.insert("out: its id cannot be read".to_owned(), directory.value.unreadable);
    }
    counts
}

/// Where a person of the directory is counted.
#[must_use]
pub fn standing_of(ground: &Ground<'_>, person: &Person) -> String {
    if let Some(known) = ground.state.people.get(person.id) {
        return format!("in {}", ground.state.home_name(known.home()));
    }
    if ground.state.baseline.as_ref().is_some_and(|baseline| baseline.binary_search(&person.id).is_ok()) {
        return "out: required by the group before the rollout".to_owned();
    }
    match protection(ground.plan, ground.observed, person) {
        Some(why) => format!("out: {why}"),
        None if ground.state.all_frozen() => "out: no stage selects them".to_owned(),
        None => "not assigned yet".to_owned(),
    }
}

fn headline(ground: &Ground<'_>, stages: &[StageReport], wake_at: Timestamp) -> (Standing, String) {
    let state = ground.state;
    let over = !stages.is_empty() && stages.iter().all(|stage| stage.phase.is_some_and(PhaseName::is_over));
    if over {
        let required: u32 = state
            .people
            .all()
            .iter()
            .fold(0, |sum, person| sum + u32::from(person.is_enforced() && !person.marks().removed_by_hand));
        return (Standing::Finished, format!("every stage is over; MFA is required of {required} people by the rollout"));
    }
    if let Some(hold) = state.holds.values().find(|hold| matches!(hold.scope, super::hold::Scope::Rollout)) {
        return (Standing::Blocked, format!("held since {}: {}", hold.since, hold.why));
    }
    let Some(stage) = stages.iter().find(|stage| !stage.phase.is_some_and(PhaseName::is_over)) else {
        return (Standing::WaitingOn, "waiting for a plan".to_owned());
    };
    let name = &stage.name;
    if let Some(why) = stage.waits.first().filter(|_| stage.phase != Some(PhaseName::Announcing)) {
        let blocked =
            matches!(stage.phase, Some(PhaseName::Missed | PhaseName::RolledBack)) || state.forward_holds(name).next().is_some();
        let standing = if blocked { Standing::Blocked } else { Standing::WaitingOn };
        return (standing, format!("stage `{name}` waits: {why}"));
    }
    let start = stage.start.map_or_else(String::new, |start| start.to_string());
    match stage.phase {
        Some(PhaseName::Announcing) => {
            let waits = waits_to_tell(ground);
            let standing = if waits.is_some() { Standing::WaitingOn } else { Standing::Acting };
            let waits = waits.map(|why| format!("; {why}")).unwrap_or_default();
            (standing, format!("stage `{name}` is being announced for {start}{waits}"))
        }
        Some(PhaseName::RollingBack) => (Standing::Acting, format!("stage `{name}` is being rolled back")),
        Some(PhaseName::Enforcing) => (Standing::Acting, format!("stage `{name}` is being enforced")),
        Some(PhaseName::Soaking) => (Standing::WaitingOn, format!("stage `{name}` soaks; next look at {wake_at}")),
        Some(PhaseName::Announced) => (Standing::WaitingOn, format!("stage `{name}` starts at {start}")),
        _ => (Standing::WaitingOn, format!("stage `{name}` is scheduled for {start}")),
    }
}

/// Whether only a human can move the rollout: the first stage that is not over is missed or rolled back, or a hold that a human
/// clears stands against it.
#[must_use]
pub fn needs_human(report: &Report) -> Option<String> {
    let first = report.stages.iter().find(|stage| !stage.phase.is_some_and(PhaseName::is_over));
    if let Some(stage) = first.filter(|stage| matches!(stage.phase, Some(PhaseName::Missed | PhaseName::RolledBack))) {
        let why = stage.waits.first().map_or("", String::as_str);
        let what = stage.phase.map_or("", PhaseName::as_str);
        return Some(format!("stage `{}` is {what}: {why}", stage.name));
    }
    let concerned = |hold: &&Hold| match &hold.scope {
        super::hold::Scope::Rollout => true,
        super::hold::Scope::Stage(name) => first.is_some_and(|stage| stage.name == *name),
        super::hold::Scope::Person(_) => false,
    };
    // What holds forward does not stand against a rollback.
    let undoes = report.stages.iter().any(|stage| stage.phase == Some(PhaseName::RollingBack));
    let stops = |hold: &&Hold| hold.clears == super::hold::Clears::Human && (!undoes || hold.blocks == super::hold::Blocks::All);
    let hold = report.holds.iter().filter(concerned).find(stops)?;
    Some(format!("hold `{}`: {}", hold.id, hold.why))
}
