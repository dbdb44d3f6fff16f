//! Reports to operators: what came of a stage, and what happened in a week and comes in the next.
//!
//! Pure: facts from plan, journal, readings and now; `says` writes them as pages. Decides only when a report is due. Invariant: people are
//! counts; each stage's end and each week is reported once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::{self, Alert};
use super::condition::Ground;
use super::counts::{Compared, Counts, outlook};
use super::diary::{Diary, Entry, Happened, Stood};
use super::event::{Event, Evidence};
use super::forecast::{Band, Reading};
use super::gate::{read, sentence};
use super::milestones::{self, CONTACT_RATE};
use super::page::zone_of;
use super::plan::{Asking, Bound, Gate, GateAt, Measure};
use super::report::situation;
use super::stage::PhaseName;
use super::state::{Phase, StageState, evidence_key};

mod says;
#[cfg(test)]
mod tests;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A week that could not be reported for so long is left out; the next one tells enough.
const TOO_LATE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A stage that is over.
    Stage(String),
    /// The week up to this instant.
    Week(Timestamp),
}

/// What came of a stage, so far or in the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageEnd {
    /// The stage.
    pub stage: String,
    /// Where it stands.
    pub phase: PhaseName,
    /// Why it was closed or missed.
    pub why: Option<String>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// When its announcement began, when it started, and when everybody was processed.
    pub announced: Option<Timestamp>,
    /// See `announced`.
    pub started: Option<Timestamp>,
    /// See `announced`.
    pub processed: Option<Timestamp>,
    /// People when they were fixed.
    pub selected: u32,
    /// People of its roster now.
    pub people: u32,
    /// Of whom MFA is required.
    pub enforced: u32,
    /// People of its roster by situation.
    pub situations: BTreeMap<String, u32>,
    /// People it selects who are out, by reason.
    pub out: BTreeMap<String, u32>,
    /// People who were moved to the tail, by reason.
    pub carried: BTreeMap<String, u32>,
    /// Its gates as they were last read.
    pub gates: Vec<GateEnd>,
    /// The share of its people who were asked for MFA and did not pass.
    pub mfa_failures: Option<Evidence>,
    /// Contacts that the helpdesk counted for it, or for the whole rollout while it lasted.
    pub contacts: Option<u32>,
    /// What was foreseen of its registered share.
    pub said: Vec<Compared>,
    /// What the share was when its date came.
    pub came: Option<Reading>,
    /// Holds that stood against it.
    pub holds: Vec<Stood>,
}

/// A gate as it was last read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateEnd {
    /// Its name.
    pub name: String,
    /// When it is asked.
    pub at: GateAt,
    /// What it said.
    pub evidence: Evidence,
    /// The same as a sentence.
    pub sentence: String,
}

/// What happened in a week, and what comes in the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Week {
    /// It begins.
    pub from: Timestamp,
    /// Now.
    pub to: Timestamp,
    /// Where each stage is.
    pub stages: Vec<StageLine>,
    /// People of the tail, and of how many of them MFA is required.
    pub tail: [u32; 2],
    /// What happened.
    pub happened: Vec<Entry>,
    /// What comes.
    pub coming: Vec<Coming>,
    /// What waits for a human.
    pub waits: Vec<Alert>,
}

/// Where a stage is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageLine {
    /// The stage.
    pub stage: String,
    /// Its phase.
    pub phase: PhaseName,
    /// Since when.
    pub since: Timestamp,
    /// The start in force.
    pub start: Timestamp,
    /// People of its roster; none before they are fixed.
    pub people: Option<u32>,
    /// Of whom MFA is required.
    pub enforced: u32,
    /// The last count of who is ready.
    pub ready: Option<Reading>,
    /// The share that is expected on its date, and what to do.
    pub expected: Option<Foreseen>,
}

/// What is expected of a stage that is still to come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Foreseen {
    /// The share.
    pub band: Option<Band>,
    /// What to do, or why nothing is said.
    pub advice: String,
}

/// Something that comes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coming {
    /// When, at the earliest.
    pub at: Timestamp,
    /// The stage.
    pub stage: String,
    /// What.
    pub says: String,
    /// People of the stage; none before they are fixed.
    pub people: Option<u32>,
}

/// The reports that are due.
#[must_use]
pub fn records(ground: &Ground<'_>) -> Vec<Event> {
    let Some(desk) = ground.state.operators.desk.as_ref().filter(|_| ground.plan.reports_to_somebody()) else {
        return Vec::new();
    };
    let over = ground.state.stages.iter().filter(|stage| stage.phase.name().is_over() && !desk.ended.contains(&stage.name));
    let mut records: Vec<Event> = over
        .map(|stage| Event::Reported {
            about: Subject::Stage(stage.name.clone()),
            says: says::short_stage(&stage_end(ground, &desk.diary, stage)),
        })
        .collect();
    if let Some(slot) = week_due(ground) {
        let says = says::short_week(&week(ground, &desk.diary), &zone_of(ground.plan));
        records.push(Event::Reported { about: Subject::Week(slot), says });
    }
    records
}

/// The week that is to be reported now.
fn week_due(ground: &Ground<'_>) -> Option<Timestamp> {
    let desk = ground.state.operators.desk.as_ref()?;
    let (last, _) = ground.plan.reports.digest?.around(&zone_of(ground.plan), ground.now)?;
    let new = last > desk.since && desk.week.is_none_or(|told| told < last);
    (new && ground.now.duration_since(last) < TOO_LATE && !ground.state.is_aborted()).then_some(last)
}

/// When the next week is to be reported.
pub(super) fn instants(ground: &Ground<'_>) -> Option<Timestamp> {
    let weekly = ground.plan.reports.digest.filter(|_| ground.plan.reports_to_somebody())?;
    weekly.around(&zone_of(ground.plan), ground.now).map(|(_, next)| next)
}

/// What a report says now, as a page.
#[must_use]
pub fn page(ground: &Ground<'_>, diary: &Diary, about: &Subject) -> super::page::Page {
    match about {
        Subject::Stage(name) => match ground.state.stage(name) {
            Some((_, stage)) => stage_page(ground, &stage_end(ground, diary, stage)),
            None => super::page::Page::default(),
        },
        Subject::Week(_) => week_page(ground, &week(ground, diary)),
    }
}

/// The page of a stage.
#[must_use]
pub fn stage_page(ground: &Ground<'_>, facts: &StageEnd) -> super::page::Page {
    says::stage(facts, ground.plan)
}

/// The page of a week.
#[must_use]
pub fn week_page(ground: &Ground<'_>, facts: &Week) -> super::page::Page {
    says::week(facts, ground.plan)
}

/// What came of a stage.
#[must_use]
pub fn stage_end(ground: &Ground<'_>, diary: &Diary, stage: &StageState) -> StageEnd {
    let (state, name) = (ground.state, stage.name.as_str());
    let of_stage = || diary.entries().iter().filter(|entry| entry.stage.as_deref() == Some(name));
    // After a rollback and another date, the latest time counts.
    let moved = |phase: PhaseName| of_stage().rfind(|entry| matches!(entry.what, Happened::Moved { to, .. } if to == phase));
    let announced = moved(PhaseName::Announcing).map(|entry| entry.at);
    let over = stage.phase.name().is_over();
    let until = if over { stage.since } else { ground.now };
    let mut situations = BTreeMap::new();
    let mut enforced = 0_u32;
    for person in stage.roster.iter().filter_map(|place| state.people.at(*place)) {
        let (word, _) = situation(ground, &person);
        *situations.entry(word.to_owned()).or_insert(0_u32) += 1;
        enforced = enforced.saturating_add(u32::from(person.is_enforced() && !person.marks().removed_by_hand));
    }
    let mut carried = BTreeMap::new();
    for entry in of_stage() {
        if let Happened::Carried { why } = &entry.what {
            *carried.entry(why.clone()).or_insert(0_u32) += entry.count;
        }
    }
    let counts = state.counts.get(name);
    let people = u32::try_from(stage.roster.len()).unwrap_or(u32::MAX);
    let frozen = of_stage().find(|entry| entry.what == Happened::Frozen).map(|entry| entry.count);
    let began = announced.unwrap_or(stage.since);
    let posts = state.posts.contacts.iter().filter(|post| match &post.stage {
        Some(of) => of == name,
        None => post.until > stage.start.instant && post.since < until,
    });
    let posts: Vec<u32> = posts.map(|post| post.count).collect();
    StageEnd {
        stage: name.to_owned(),
        phase: stage.phase.name(),
        why: match &stage.phase {
            Phase::Missed { why } | Phase::Closed { why } => Some(why.clone()),
            _ => None,
        },
        since: stage.since,
        announced,
        started: moved(PhaseName::Enforcing).map(|entry| entry.at),
        processed: moved(PhaseName::Soaking).map(|entry| entry.at),
        selected: frozen.unwrap_or(people),
        people,
        enforced,
        situations,
        out: stage.out.clone(),
        carried,
        gates: gates(ground, stage),
        mfa_failures: failures(ground, stage),
        contacts: (!posts.is_empty()).then(|| posts.iter().fold(0, |sum: u32, count| sum.saturating_add(*count))),
        said: counts.map(Counts::compared).unwrap_or_default(),
        came: counts.and_then(|counts| counts.came),
        holds: diary.holds(name, began, until),
    }
}

/// The gates of a stage as the journal has them last.
fn gates(ground: &Ground<'_>, stage: &StageState) -> Vec<GateEnd> {
    let asked = ground.plan.gates.iter().filter(|gate| gate.is_asked_of(&stage.name)).map(|gate| gate.of(&stage.name));
    let read = asked.filter_map(|gate| {
        let evidence = ground.state.evidence.get(&evidence_key(&stage.name, &gate.name))?.clone();
        Some(GateEnd { name: gate.name.clone(), at: gate.at, sentence: sentence(&gate, &evidence), evidence })
    });
    read.collect()
}

/// Who of a stage was asked for MFA and did not pass, whether a gate asks for that or not.
fn failures(ground: &Ground<'_>, stage: &StageState) -> Option<Evidence> {
    let gate = Gate {
        name: String::new(),
        measure: Measure::MfaFailureShare,
        at: GateAt::During,
        bound: Bound::AtMost(1.0),
        min_sample: 1,
        max_age: WEEK,
        stages: Vec::new(),
        asking: Asking::default(),
    };
    let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate);
    evidence.value.is_some().then_some(evidence)
}

/// What happened in the week before now, and what comes in the one after.
#[must_use]
pub fn week(ground: &Ground<'_>, diary: &Diary) -> Week {
    let (state, now) = (ground.state, ground.now);
    let from = now.checked_sub(WEEK).unwrap_or(now);
    let until = now.checked_add(WEEK).unwrap_or(now);
    let mut tail = [0_u32; 2];
    for person in state.people.all().iter().filter(|person| person.home() == super::person::Home::Tail) {
        tail = [tail[0].saturating_add(1), tail[1].saturating_add(u32::from(person.is_enforced()))];
    }
    Week {
        from,
        to: now,
        stages: state.stages.iter().map(|stage| line(ground, stage)).collect(),
        tail,
        happened: diary.entries().iter().filter(|entry| entry.last > from && entry.last <= now).cloned().collect(),
        coming: coming(ground, now, until),
        waits: alert::called_for(ground).into_values().collect(),
    }
}

fn line(ground: &Ground<'_>, stage: &StageState) -> StageLine {
    let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    let enforced = people.filter(super::person::PersonState::is_enforced).count();
    StageLine {
        stage: stage.name.clone(),
        phase: stage.phase.name(),
        since: stage.since,
        start: stage.start.instant,
        people: stage.is_frozen().then(|| u32::try_from(stage.roster.len()).unwrap_or(u32::MAX)),
        enforced: u32::try_from(enforced).unwrap_or(u32::MAX),
        ready: ground.state.counts.get(&stage.name).and_then(|counts| counts.readings.last().copied()),
        expected: foreseen(ground, stage),
    }
}

/// What is expected of a stage that has not started.
fn foreseen(ground: &Ground<'_>, stage: &StageState) -> Option<Foreseen> {
    if !matches!(stage.phase, Phase::Scheduled | Phase::Announcing | Phase::Announced) {
        return None;
    }
    let Some(counts) = ground.state.counts.get(&stage.name) else {
        let why = if stage.is_frozen() { "its people have not been counted yet" } else { "its people are not fixed yet" };
        return Some(Foreseen { band: None, advice: format!("too little is known: {why}") });
    };
    Some(match outlook(ground.plan, counts, stage, ground.now) {
        Ok((forecast, advice)) => Foreseen { band: Some(forecast.band), advice: advice.to_string() },
        Err(why) => Foreseen { band: None, advice: why.to_string() },
    })
}

/// The dates of stages between two instants, less what is over or does not happen any more.
fn coming(ground: &Ground<'_>, from: Timestamp, to: Timestamp) -> Vec<Coming> {
    use milestones::What;
    let registration = ground.observed.registration.last.as_ref().map(|reading| &reading.value);
    let all = milestones::milestones(ground.plan, ground.state, registration, CONTACT_RATE, None);
    let happens = |one: &milestones::Milestone| {
        let phase = ground.state.stage(&one.stage).map_or(PhaseName::Scheduled, |(_, stage)| stage.phase.name());
        match one.what {
            What::Announcement => phase == PhaseName::Scheduled,
            What::Reminder | What::Start | What::LatestStart => {
                matches!(phase, PhaseName::Scheduled | PhaseName::Announcing | PhaseName::Announced)
            }
            What::SoakEnd => matches!(phase, PhaseName::Enforcing | PhaseName::Soaking),
            What::FinishBy => matches!(phase, PhaseName::Announced | PhaseName::Enforcing),
        }
    };
    let within = all.into_iter().filter(|one| one.at > from && one.at <= to && happens(one));
    within.map(|one| Coming { at: one.at, says: one.what.says().to_owned(), people: one.people, stage: one.stage }).collect()
}
