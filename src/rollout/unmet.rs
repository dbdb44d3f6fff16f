//! What a stage or a person still waits for: each condition with its owner, since when, when it could be met, until when it is waited,
//! and what ends it.
//!
//! Decides nothing; it asks the same questions as `decide` and the guard do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::acknowledge::digest;
use super::condition::{Condition, ENFORCE, Ground, NOTICE};
use super::event::{Evidence, Verdict};
use super::exception::{self, Excepted};
use super::gate::{gates_of, interval, read, sentence};
use super::hold::{Clears, Hold, Owner, Scope};
use super::id::ObjectId;
use super::limit::frees_at;
use super::moves::{scheduled, waits_to_be_done};
use super::overriding::{hold_digest, of_gate};
use super::person::{Home, PersonState};
use super::plan::{Gate, GateAt, Measure, Reads};
use super::schedule;
use super::state::{PAUSE_FILE, PAUSED, POLICY, Phase, StageState, TAIL};
use super::told::{announce_at, latest_start, notice_deadline, waits as waits_to_tell};
use super::tranche::refuses_person;
use super::{closing, release};

/// What ends the waiting for approvals.
fn approves(ground: &Ground<'_>) -> String {
    let revision = ground.revision.get(..12).unwrap_or(ground.revision);
    format!("people other than the author who say `tidegate approve {revision} --reason …`, or another plan")
}

/// One condition that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmet {
    /// What is missing, as a sentence.
    pub what: String,
    /// Whom it concerns.
    pub whom: String,
    /// Whose it is to meet.
    pub owner: Owner,
    /// Since when it is waited for.
    pub since: Option<Timestamp>,
    /// The next instant at which it could be met, where one is known.
    pub earliest: Option<Timestamp>,
    /// Until when it is waited at the latest.
    pub latest: Option<Latest>,
    /// The command, the person or the event that ends it.
    pub ends: String,
}

/// The end of waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// When.
    pub at: Timestamp,
    /// What happens then.
    pub then: String,
}

/// What all conditions of one stage, or of one person, share.
struct Place<'a> {
    ground: &'a Ground<'a>,
    name: &'a str,
    whom: String,
    since: Option<Timestamp>,
    latest: Option<Latest>,
}

impl Place<'_> {
    fn unmet(&self, owner: Owner, what: impl Into<String>, ends: impl Into<String>) -> Unmet {
        Unmet {
            what: what.into(),
            whom: self.whom.clone(),
            owner,
            since: self.since,
            earliest: None,
            latest: self.latest.clone(),
            ends: ends.into(),
        }
    }

    fn held(&self, hold: &Hold) -> Unmet {
        let (earliest, ends) = ends(self.ground, self.name, hold);
        let whom = match hold.scope {
            Scope::Rollout => "everybody".to_owned(),
            _ => self.whom.clone(),
        };
        Unmet { whom, since: Some(hold.since), earliest, ..self.unmet(hold.owner, hold.why.clone(), ends) }
    }
}

/// What a stage waits for; empty when nothing stands against it, or nothing is left to be done.
#[must_use]
pub fn of_stage(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Vec<Unmet> {
    let people = stage.roster.len();
    let whom = if stage.is_frozen() {
        format!("{people} people of stage `{}`", stage.name)
    } else {
        format!("the people of stage `{}`, who are not fixed yet", stage.name)
    };
    let place = Place { ground, name: &stage.name, whom, since: Some(stage.since), latest: latest(ground, ix, stage) };
    let holds = ground.state.forward_holds(&stage.name).map(|hold| place.held(hold));
    match &stage.phase {
        Phase::Scheduled => of_scheduled(&place, ix, stage),
        Phase::Announcing => of_announcing(&place, stage),
        Phase::Announced => holds.chain(of_announced(&place, ix, stage)).collect(),
        Phase::Enforcing { .. } => holds.chain(of_people(&place, Home::Stage(ix), stage)).collect(),
        Phase::Soaking { healthy, .. } => {
            let soak = ground.plan.stages.get(usize::from(ix)).map_or(*healthy, |planned| planned.soak);
            holds.chain(of_soaking(&place, stage, soak.saturating_sub(*healthy))).collect()
        }
        Phase::Missed { why } => vec![missed(&place, stage, why)],
        Phase::RollingBack => release::waits(ground, Home::Stage(ix), stage)
            .into_iter()
            .map(|what| place.unmet(Owner::Tenant, what, "by itself; nothing but a hold on all stops it"))
            .collect(),
        Phase::RolledBack => {
            let what = "it was rolled back, and the stages behind it wait";
            vec![place.unmet(Owner::Operator, what, another_date(&stage.name))]
        }
        Phase::Done | Phase::Closed { .. } => Vec::new(),
    }
}

/// A hold on everybody or on a stage, with what happens at the latest when nobody ends it.
pub(super) fn of_hold(ground: &Ground<'_>, hold: &Hold) -> Unmet {
    let stages = (0_u16..).zip(&ground.state.stages);
    let concerned = |stage: &StageState| match &hold.scope {
        Scope::Stage(name) => stage.name == *name,
        _ => matches!(stage.phase, Phase::Announced | Phase::Enforcing { .. }),
    };
    let found = stages.into_iter().find(|(_, stage)| concerned(stage));
    let name = if let Scope::Stage(name) = &hold.scope { name.as_str() } else { "" };
    let whom = match found.filter(|_| !name.is_empty()) {
        Some((_, stage)) => format!("{} people of stage `{name}`", stage.roster.len()),
        None => format!("everybody of the {name}"),
    };
    let latest = found.and_then(|(ix, stage)| {
        let latest = latest(ground, ix, stage)?;
        // Whose end it is goes without saying where the hold is the stage's own.
        let of = if name.is_empty() { format!("stage `{}`: ", stage.name) } else { String::new() };
        Some(Latest { then: format!("{of}{}", latest.then), ..latest })
    });
    Place { ground, name, whom, since: None, latest }.held(hold)
}

/// A gate of a stage's start that waits for a human's answer.
pub(super) fn of_question(ground: &Ground<'_>, ix: u16, stage: &StageState, gate: &Gate, evidence: &Evidence) -> Unmet {
    let whom = format!("{} people of stage `{}`", stage.roster.len(), stage.name);
    let place = Place { ground, name: &stage.name, whom, since: Some(ground.now), latest: latest(ground, ix, stage) };
    place.unmet(Owner::Gate, sentence(gate, evidence), passes(ground, &stage.name, Some(gate)))
}

/// What one person waits for.
#[must_use]
pub fn of_person(ground: &Ground<'_>, id: ObjectId) -> Vec<Unmet> {
    let Some(person) = ground.state.people.get(id) else { return Vec::new() };
    let home = person.home();
    let name = ground.state.home_name(home);
    let mut unmet = match home {
        Home::Stage(ix) => ground.state.stage(name).map(|(_, stage)| of_stage(ground, ix, stage)).unwrap_or_default(),
        Home::Tail => {
            let place = Place { ground, name: TAIL, whom: "everybody of the tail".to_owned(), since: None, latest: None };
            ground.state.forward_holds(TAIL).map(|hold| place.held(hold)).collect()
        }
    };
    // What concerns others of the stage alone is of no interest.
    unmet.retain(|one| !one.whom.ends_with("of them"));
    if person.waits() {
        let latest = match home {
            Home::Stage(ix) => ground.state.stage(name).and_then(|(_, stage)| latest(ground, ix, stage)),
            Home::Tail => None,
        };
        let place = Place { ground, name, whom: "this person".to_owned(), since: person.first_told(), latest };
        unmet.extend(personal(&place, home, &person));
    }
    unmet
}

/// Until when a stage waits, and what happens then.
fn latest(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Option<Latest> {
    let (at, then) = match &stage.phase {
        Phase::Scheduled => (notice_deadline(ground, ix, stage), "it is missed: the minimum notice could not be kept any more"),
        Phase::Announcing => (notice_deadline(ground, ix, stage), "whoever is not told by then moves to the tail"),
        Phase::Announced => (latest_start(ground, ix, stage), "it is missed"),
        Phase::Enforcing { .. } if !ground.state.waits_for_human(&stage.name) => {
            let planned = ground.plan.stages.get(usize::from(ix))?;
            (stage.finishes(planned.finish_by), "whoever still waits moves to the tail")
        }
        _ => return None,
    };
    Some(Latest { at, then: then.to_owned() })
}

/// When a hold could end, and what ends it.
fn ends(ground: &Ground<'_>, name: &str, hold: &Hold) -> (Option<Timestamp>, String) {
    let id = hold.id.as_str();
    if id == PAUSE_FILE {
        return (None, "an operator who removes the file `pause` of the state folder".to_owned());
    }
    if id == closing::ABORTED {
        return (None, "nothing: a new rollout begins in a state folder of its own".to_owned());
    }
    if id == "approval" {
        return (None, approves(ground));
    }
    if hold.clears == Clears::Human {
        let command = match hold.gate() {
            Some((stage, gate)) => {
                let evidence = ground.state.evidence.get(&super::state::evidence_key(stage, gate));
                let ack = evidence.map(|evidence| format!(" --ack {}", digest(evidence))).unwrap_or_default();
                format!("tidegate unpause {}{ack}", shell(id))
            }
            None if id == PAUSED => "tidegate unpause".to_owned(),
            None => format!("tidegate unpause {}", shell(id)),
        };
        return (None, format!("an operator who says `{command}`"));
    }
    match hold.owner {
        Owner::Schedule if id.starts_with("calendar:") => {
            let zone = schedule::zone(&ground.plan.time_zone);
            let opens = zone.and_then(|zone| schedule::next_open(&ground.plan.calendar, &zone, ground.now));
            let evidence = hold_digest(hold);
            let (id, name) = (shell(id), shell(name));
            let command = format!("tidegate override {id} --stage {name} --evidence {evidence} --reason …");
            (opens, format!("by itself, when a window opens; or an operator who says `{command}`"))
        }
        Owner::Schedule => {
            let frees = frees_at(&ground.plan.limits.caps, &ground.state.handed, ground.in_scope(), ground.now);
            (frees, "by itself, when the period of the cap has passed".to_owned())
        }
        Owner::Gate => {
            let gate = id.strip_prefix(&format!("gate-waits:{name}:")).and_then(|gate| of_gate(ground.plan, name, gate));
            (gate.as_deref().and_then(|gate| next_reading(ground, gate)), passes(ground, name, gate.as_deref()))
        }
        Owner::Plan => (None, "a corrected plan file and `tidegate reload`".to_owned()),
        Owner::System => (None, "whoever runs this host".to_owned()),
        Owner::Tenant if id == POLICY || id == "break-glass" => {
            (None, "whoever may edit the policies of the tenant; it is read again within minutes".to_owned())
        }
        Owner::Tenant => (None, "whoever runs the tenant; it is read again by itself".to_owned()),
        Owner::Operator => (None, "an operator".to_owned()),
    }
}

/// What ends the waiting for a gate: a reading, or an operator who has looked at this one.
fn passes(ground: &Ground<'_>, name: &str, gate: Option<&Gate>) -> String {
    let place = shell(name);
    let reading = match gate.filter(|gate| gate.measure == Measure::Confirm) {
        Some(gate) => format!(
            "an operator who answers it with `tidegate confirm {} --stage {place} --reason …` (`--no` for a no)",
            shell(&gate.name)
        ),
        None => "by itself, with a reading that passes".to_owned(),
    };
    let stage = ground.state.stage(name).map(|(_, stage)| stage);
    let (Some(gate), Some(stage)) = (gate, stage) else { return reading };
    let evidence = digest(&read(ground.plan, ground.state, ground.observed, ground.now, stage, gate));
    let gate = shell(&gate.name);
    format!("{reading}; or an operator who says `tidegate override {gate} --stage {place} --evidence {evidence} --reason …`")
}

/// When the source of a gate is read again.
fn next_reading(ground: &Ground<'_>, gate: &Gate) -> Option<Timestamp> {
    let asked = match gate.measure.reads() {
        Reads::Registration => ground.observed.registration.asked,
        Reads::SignIns => ground.observed.sign_ins.asked,
        Reads::Outside => ground.observed.gates.get(&gate.name).and_then(|source| source.asked),
        Reads::Journal => None,
    };
    asked?.checked_add(interval(ground.plan, gate.measure)?).ok().filter(|at| *at > ground.now)
}

fn of_scheduled(place: &Place<'_>, ix: u16, stage: &StageState) -> Vec<Unmet> {
    let ground = place.ground;
    let announces = announce_at(ground, stage);
    if ground.now < announces {
        let unmet = place.unmet(Owner::Schedule, "its announcement has not come yet", "by itself");
        let notice = NOTICE.iter().filter_map(|c| ground.refuses_rollout(*c));
        let plan =
            notice.map(|why| place.unmet(Owner::Plan, why.into_owned(), "`tidegate approve`, or a corrected plan or clock"));
        return plan.chain(std::iter::once(Unmet { earliest: Some(announces), ..unmet })).collect();
    }
    let plan = [Condition::Revision, Condition::Approval];
    if let Some(why) = plan.iter().find_map(|condition| ground.refuses_rollout(*condition)) {
        let unmet = place.unmet(Owner::Plan, why.into_owned(), approves(ground));
        return vec![Unmet { since: Some(announces), ..unmet }];
    }
    let planned = ground.plan.stages.get(usize::from(ix));
    let missing = planned.and_then(|planned| scheduled(ground, ix, stage, planned).err());
    let ends = "by itself, when its cause is gone";
    missing.map(|why| Unmet { since: Some(announces), ..place.unmet(Owner::Tenant, why, ends) }).into_iter().collect()
}

fn of_announcing(place: &Place<'_>, stage: &StageState) -> Vec<Unmet> {
    let ground = place.ground;
    let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    let untold = people.filter(|person| person.waits() && person.promise_told().is_none()).count();
    if untold == 0 {
        return Vec::new();
    }
    let what = waits_to_tell(ground).unwrap_or_else(|| "notices are going out, or wait for a try again".to_owned());
    let whom = format!("{untold} people of stage `{}`", stage.name);
    vec![Unmet {
        whom,
        ..place.unmet(
            Owner::Schedule,
            format!("{untold} people are not told yet: {what}"),
            "by itself, as the mails are accepted",
        )
    }]
}

fn of_announced(place: &Place<'_>, ix: u16, stage: &StageState) -> Vec<Unmet> {
    let ground = place.ground;
    let mut unmet = Vec::new();
    let start = stage.start.instant;
    if ground.now < start {
        unmet.push(Unmet { earliest: Some(start), ..place.unmet(Owner::Schedule, "its start has not come yet", "by itself") });
    }
    let before = ground.state.stages.iter().take(usize::from(ix)).rfind(|before| !before.phase.name().is_over());
    if let Some(before) = before {
        let what = format!("stage `{}` is {}, not done", before.name, before.phase.name().as_str());
        unmet.push(place.unmet(
            Owner::Schedule,
            what,
            format!("what ends `{}`: `tidegate explain {}`", before.name, shell(&before.name)),
        ));
    }
    for gate in gates_of(ground.plan, &stage.name, GateAt::Start) {
        let known = [format!("gate:{}:{}", stage.name, gate.name), format!("gate-waits:{}:{}", stage.name, gate.name)];
        if known.iter().any(|id| ground.state.holds.contains_key(id)) {
            continue;
        }
        let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, &gate);
        if evidence.verdict != Verdict::Pass {
            let earliest = next_reading(ground, &gate);
            let ends = passes(ground, &stage.name, Some(&gate));
            unmet.push(Unmet { earliest, ..place.unmet(Owner::Gate, sentence(&gate, &evidence), ends) });
        }
    }
    unmet
}

/// Why people of a stage wait who are not enforced yet, counted by reason.
fn of_people(place: &Place<'_>, home: Home, stage: &StageState) -> Vec<Unmet> {
    let ground = place.ground;
    let mut reasons: std::collections::BTreeMap<String, (u32, Owner, String)> = std::collections::BTreeMap::new();
    let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    for person in people.filter(PersonState::waits) {
        let Some(why) = refuses_person(ground, home, &person) else { continue };
        let (owner, ends) = refused_by(ground, home, &person);
        reasons.entry(why.into_owned()).or_insert((0, owner, ends)).0 += 1;
    }
    let unmet = |(why, (count, owner, ends)): (String, (u32, Owner, String))| Unmet {
        whom: format!("{count} of them"),
        ..place.unmet(owner, why, ends)
    };
    reasons.into_iter().map(unmet).collect()
}

fn of_soaking(place: &Place<'_>, stage: &StageState, left: jiff::SignedDuration) -> Vec<Unmet> {
    let ground = place.ground;
    if left.is_positive() {
        let earliest = ground.now.checked_add(left).ok();
        let what = format!("{left:#} of healthy time are still to be observed");
        return vec![Unmet {
            earliest,
            ..place.unmet(Owner::Schedule, what, "by itself; time under a hold, or unwatched, does not count")
        }];
    }
    let held = |why: &String| ground.state.holds.values().any(|hold| hold.why.starts_with(why.as_str()));
    waits_to_be_done(ground, stage)
        .into_iter()
        .filter(|why| !held(why))
        .map(|why| place.unmet(Owner::Gate, why, "by itself, with a reading that passes"))
        .collect()
}

fn missed(place: &Place<'_>, stage: &StageState, why: &str) -> Unmet {
    place.unmet(Owner::Operator, why, another_date(&stage.name))
}

/// What ends the waiting of a stage that is missed or rolled back.
#[must_use]
pub fn another_date(stage: &str) -> String {
    let name = shell(stage);
    format!(
        "an operator who says `tidegate rebook {name} --start … --reason …`, `tidegate skip {name} --reason …` or \
         `tidegate cancel {name} --reason …`"
    )
}

/// A name as a shell takes it for one word.
pub(super) fn shell(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if name.chars().all(plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

/// Why one person waits: what their own conditions say, all of them.
fn personal(place: &Place<'_>, home: Home, person: &PersonState) -> Vec<Unmet> {
    let ground = place.ground;
    if let Some(hold) = ground.state.person_hold(person.id) {
        return vec![place.held(hold)];
    }
    let row = ground.observed.directory.last.as_ref().and_then(|reading| reading.value.person(person.id));
    let mut unmet = Vec::new();
    for condition in ENFORCE {
        let Some(why) = ground.refuses_person(*condition, home, person.id, row.as_ref()) else { continue };
        let (owner, ends) = ended_by(ground, *condition, person);
        let earliest = match condition {
            Condition::Promise => person.promise().filter(|at| *at > ground.now),
            Condition::Floor => person.first_told().and_then(|told| told.checked_add(ground.floor(home)).ok()),
            _ => None,
        };
        let latest = match exception::of(&ground.state.exceptions, person.id).map(|exception| exception.what) {
            Some(Excepted::Exempt { until } | Excepted::Deferred { until }) if *condition == Condition::Promise => {
                Some(Latest { at: until, then: "MFA is required, as a notice tells them before".to_owned() })
            }
            _ => place.latest.clone(),
        };
        unmet.push(Unmet { earliest, latest, ..place.unmet(owner, why.into_owned(), ends) });
    }
    unmet
}

fn refused_by(ground: &Ground<'_>, home: Home, person: &PersonState) -> (Owner, String) {
    let row = ground.observed.directory.last.as_ref().and_then(|reading| reading.value.person(person.id));
    let refuses = |c: &&Condition| ground.refuses_person(**c, home, person.id, row.as_ref()).is_some();
    match ENFORCE.iter().find(refuses) {
        Some(condition) => ended_by(ground, *condition, person),
        None => (Owner::Tenant, "by itself: it is tried again".to_owned()),
    }
}

/// Who meets a condition on a person, and how.
fn ended_by(ground: &Ground<'_>, condition: Condition, person: &PersonState) -> (Owner, String) {
    let says = |text: &str| text.to_owned();
    match condition {
        Condition::Hold => (Owner::Operator, format!("an operator who says `tidegate unpause removed:{}`", person.id)),
        Condition::Promise => match exception::of(&ground.state.exceptions, person.id).map(|exception| exception.what) {
            Some(Excepted::Exempt { .. } | Excepted::Deferred { .. } | Excepted::Absent) => {
                (Owner::Operator, says("by itself, with the date that they are told; or an operator who ends the exception"))
            }
            _ => (Owner::Schedule, says("by itself, when they are told a date and it comes")),
        },
        Condition::Floor => (Owner::Schedule, says("by itself, when the minimum notice has passed")),
        Condition::Protection => (Owner::Tenant, says("whoever keeps the directory and the exempt group")),
        Condition::Readiness => {
            (Owner::Tenant, says("the person, who registers a method that counts; the report shows it within hours"))
        }
        _ => (Owner::Schedule, says("by itself")),
    }
}
