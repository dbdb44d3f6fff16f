//! The What-If check of a stage: what Microsoft says would happen when people sign in, at the two moments at which that says more than
//! the policy's own text. Before the start, of accounts that the policy must leave alone; after the canary was read back, of a few of its
//! people.
//!
//! Pure: decides whom to ask about, when, and what the answers mean. Invariant: what is not known, or was not asked, never passes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::id::ObjectId;
use super::need::due;
use super::observed::{Evaluation, Foreseen, Mode, Observed, Reading, Toggle};
use super::person::{Enforced, Home, PersonState};
use super::plan::Plan;
use super::state::{Phase, StageState, State};
use super::switch::enforces_before_switch;

/// At most so many accounts are asked about before a start; a tenant answers one such question in a second.
const ACCOUNTS: usize = 10;

/// At most so many people of a canary are asked about.
pub const PEOPLE: usize = 5;

/// So long before the start it is asked for the first time, so that there is time to mend the policy.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Between two questions before the start.
pub const BEFORE: SignedDuration = SignedDuration::from_hours(6);

/// Between two questions while the stage cannot start for another reason; and how old the answer may be at the start, twice.
const WAITING: SignedDuration = SignedDuration::from_hours(1);

/// Between two questions while the answer is wrong.
const WRONG: SignedDuration = SignedDuration::from_mins(5);

/// What is known of one moment.
enum Word {
    /// It is as it must be, or it is not the time to say so.
    Right,
    /// It has not been asked, or not lately.
    Unread,
    /// It is not, or cannot be said to be.
    Wrong(String),
}

/// Id of the hold on a stage.
#[must_use]
pub fn hold_id(stage: &str) -> String {
    format!("what-if:{stage}")
}

/// Why a stage may not start, or not go on behind its canary; none where the plan does not ask for the check.
#[must_use]
pub fn refuses(ground: &Ground<'_>, home: Home, stage: &StageState) -> Option<String> {
    match word(ground, home, stage) {
        Word::Right => None,
        Word::Wrong(why) => Some(why),
        // Until it is asked anew, what an earlier life found still stands.
        Word::Unread => match ground.state.holds.get(&hold_id(&stage.name)) {
            Some(held) => Some(held.why.clone()),
            None if is_early(ground, stage) => None,
            None => Some("Microsoft's What-If has not been asked yet; that is done by itself".to_owned()),
        },
    }
}

fn word(ground: &Ground<'_>, home: Home, stage: &StageState) -> Word {
    if ground.plan.what_if == Toggle::Off {
        return Word::Right;
    }
    match stage.phase {
        Phase::Announced => before_start(ground, stage),
        Phase::Enforcing { canary: Some(_) } | Phase::Soaking { .. } => behind_canary(ground, home, stage),
        _ => Word::Right,
    }
}

/// Whether the stage is announced and its start has not come.
fn is_early(ground: &Ground<'_>, stage: &StageState) -> bool {
    stage.phase == Phase::Announced && ground.now < stage.start.instant
}

/// When the question about accounts is asked for the first time.
fn opens(stage: &StageState) -> Timestamp {
    stage.start.instant.checked_sub(AHEAD).unwrap_or(Timestamp::MIN)
}

fn before_start(ground: &Ground<'_>, stage: &StageState) -> Word {
    if ground.now < opens(stage) {
        return Word::Right;
    }
    let source = &ground.observed.spared;
    if let Some(trouble) = &source.trouble {
        return cannot_be_asked(&trouble.why);
    }
    // At the start an answer from before it does not count.
    let (since, age) =
        if is_early(ground, stage) { (opens(stage), AHEAD) } else { (stage.start.instant, WAITING.saturating_mul(2)) };
    let counts = |reading: &&Reading<Vec<Evaluation>>| reading.as_of >= since && reading.age(ground.now) <= age;
    let answered = |reading: &Reading<Vec<Evaluation>>, id: &ObjectId| reading.value.iter().any(|known| known.person == *id);
    let whole = |reading: &&Reading<Vec<Evaluation>>| {
        accounts(ground.observed).is_some_and(|accounts| accounts.iter().all(|id| answered(reading, id)))
    };
    match source.last.as_ref().filter(counts).filter(whole) {
        None => Word::Unread,
        Some(reading) => said(
            &faults(reading.value.iter(), "accounts that it must leave alone", of_account),
            "exclude break-glass accounts in the policy, take synchronisation accounts out of its group, and ask `tidegate what-if`",
        ),
    }
}

fn behind_canary(ground: &Ground<'_>, home: Home, stage: &StageState) -> Word {
    let answers: Vec<_> = answers(ground, home).collect();
    if !answers.is_empty() {
        let reports = enforces_before_switch(ground.plan, ground.state);
        return said(
            &faults(answers.into_iter(), "people of the canary", |found| of_person(found, reports)),
            "nobody else of the stage is enforced; look at whom the policy excludes, and ask `tidegate what-if`",
        );
    }
    // Until somebody has gone through, what follows is the canary again.
    let mut all = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    if !all.any(|person| person.is_enforced()) {
        return Word::Right;
    }
    if canary(ground.plan, ground.state, stage).is_empty() {
        let why = "Microsoft's What-If is asked about the canary once it was read back; nobody else is enforced before";
        return Word::Wrong(why.to_owned());
    }
    match &ground.observed.reached.trouble {
        Some(trouble) => cannot_be_asked(&trouble.why),
        None => Word::Unread,
    }
}

fn cannot_be_asked(why: &str) -> Word {
    Word::Wrong(format!("Microsoft's What-If cannot be asked, and `enforcement.what_if` wants its answer: {why}"))
}

/// The answers about people of a stage.
fn answers<'a>(ground: &Ground<'a>, home: Home) -> impl Iterator<Item = &'a Evaluation> {
    let state = ground.state;
    let ours = move |found: &&Evaluation| state.people.get(found.person).is_some_and(|person| person.home() == home);
    ground.observed.reached.last.iter().flat_map(|reading| &reading.value).filter(ours)
}

fn said(faults: &[String], next: &str) -> Word {
    if faults.is_empty() { Word::Right } else { Word::Wrong(format!("Microsoft's What-If: {}; {next}", faults.join("; "))) }
}

/// What is wrong, counted: `the policy does not apply to 2 of 5 people of the canary (users)`.
fn faults<'a>(
    answers: impl ExactSizeIterator<Item = &'a Evaluation>,
    whom: &str,
    fault: impl Fn(&Foreseen) -> Option<(&'static str, Vec<&str>)>,
) -> Vec<String> {
    let asked = answers.len();
    let mut found: BTreeMap<&'static str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for (what, reasons) in answers.filter_map(|answer| fault(&answer.foreseen)) {
        let (count, known) = found.entry(what).or_default();
        *count += 1;
        known.extend(reasons);
    }
    let sentence = |(what, (count, reasons)): (&str, (usize, BTreeSet<&str>))| {
        let reasons: Vec<_> = reasons.into_iter().collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(" (reasons: {})", reasons.join(", ")) };
        format!("{what} {count} of {asked} {whom}{reasons}")
    };
    found.into_iter().map(sentence).collect()
}

/// Why an answer about an account that the policy must leave alone does not say that it does.
fn of_account(found: &Foreseen) -> Option<(&'static str, Vec<&str>)> {
    match found {
        Foreseen::Spared(reasons) if reasons.iter().any(|reason| reason.eq_ignore_ascii_case("users")) => None,
        Foreseen::Applies { .. } => Some(("the policy applies to", Vec::new())),
        // It would apply at another sign-in, or once it is on.
        Foreseen::Spared(reasons) => Some(("it is not their exclusion that keeps the policy from", texts(reasons))),
        Foreseen::Unsaid(why) => Some(("nothing is said about", vec![why])),
    }
}

/// Why an answer about somebody who is enforced does not say that the policy asks them for MFA. `reports`: the policy comes on later.
fn of_person(found: &Foreseen, reports: bool) -> Option<(&'static str, Vec<&str>)> {
    match found {
        Foreseen::Applies { lacks: Some(lacks), .. } => Some(("the policy asks no MFA of", vec![lacks])),
        Foreseen::Applies { mode: Some(Mode::Enabled), .. } => None,
        Foreseen::Applies { mode: Some(Mode::ReportOnly), .. } if reports => None,
        Foreseen::Applies { mode, .. } => {
            Some(("the policy applies but is not on for", vec![mode.map_or("its state is not known", Mode::as_str)]))
        }
        Foreseen::Spared(reasons) => Some(("the policy does not apply to", texts(reasons))),
        Foreseen::Unsaid(why) => Some(("nothing is said about", vec![why])),
    }
}

fn texts(reasons: &[String]) -> Vec<&str> {
    reasons.iter().map(String::as_str).collect()
}

/// The accounts that are asked about before a start: break-glass accounts that exist, then those of the directory synchronisation.
/// None before they are known.
#[must_use]
pub fn accounts(observed: &Observed) -> Option<Vec<ObjectId>> {
    let safety = &observed.safety.last.as_ref()?.value;
    let break_glass = safety.break_glass.iter().filter_map(|account| account.id);
    let synchronisation = observed.directory.last.iter().flat_map(|reading| reading.value.sync_accounts.iter().copied());
    let mut seen = BTreeSet::new();
    Some(break_glass.chain(synchronisation).filter(|id| seen.insert(*id)).take(ACCOUNTS).collect())
}

/// The people who are asked about in the stage under way; nobody before its canary was read back.
#[must_use]
pub fn reached(state: &State) -> Vec<ObjectId> {
    let plan = state.plan.as_ref().map(|accepted| &accepted.plan);
    let stage = under_way(state).map(|(_, stage)| stage);
    plan.zip(stage).map(|(plan, stage)| canary(plan, state, stage)).unwrap_or_default()
}

/// The stage that has handed out its canary; there is one at most.
fn under_way(state: &State) -> Option<(u16, &StageState)> {
    let behind = |stage: &StageState| matches!(stage.phase, Phase::Enforcing { canary: Some(_) } | Phase::Soaking { .. });
    (0..).zip(&state.stages).find(|(_, stage)| behind(stage))
}

/// People of the stage whom nobody took out of the group by hand.
fn people<'a>(state: &'a State, stage: &'a StageState) -> impl Iterator<Item = PersonState> + 'a {
    let people = stage.roster.iter().filter_map(|place| state.people.at(*place));
    people.filter(|person| !person.marks().removed_by_hand)
}

/// A few of a stage's people who were read back, once the canary was; nobody follows it before, so that more people than a canary holds
/// mean that it was.
fn canary(plan: &Plan, state: &State, stage: &StageState) -> Vec<ObjectId> {
    let verified = || people(state, stage).filter(|person| matches!(person.enforced(), Enforced::Verified(_)));
    let enforced = people(state, stage).filter(PersonState::is_enforced).count();
    let size = usize::try_from(plan.limits.canary).unwrap_or(usize::MAX);
    let read_back = enforced > size || verified().count() == enforced;
    if read_back { verified().map(|person| person.id).take(PEOPLE).collect() } else { Vec::new() }
}

/// When to ask about accounts next; none where no start is ahead.
#[must_use]
pub fn start_due(ground: &Ground<'_>) -> Option<Timestamp> {
    accounts(ground.observed).filter(|_| ground.plan.what_if == Toggle::On)?;
    let stage = ground.state.stages.iter().find(|stage| stage.phase == Phase::Announced)?;
    let (source, start) = (&ground.observed.spared, stage.start.instant);
    let every = match before_start(ground, stage) {
        Word::Wrong(_) => WRONG,
        _ if is_early(ground, stage) => BEFORE,
        _ => WAITING,
    };
    let again = due(ground, source, every).max(opens(stage));
    // At the start it is asked anew.
    Some(if source.asked.is_none_or(|asked| asked < start) { again.min(start.max(ground.now)) } else { again })
}

/// When to ask about the canary next; none once the answer is right.
#[must_use]
pub fn canary_due(ground: &Ground<'_>) -> Option<Timestamp> {
    let (ix, stage) = under_way(ground.state).filter(|_| ground.plan.what_if == Toggle::On)?;
    if matches!(behind_canary(ground, Home::Stage(ix), stage), Word::Right) || canary(ground.plan, ground.state, stage).is_empty()
    {
        return None;
    }
    let source = &ground.observed.reached;
    let asked = source.asked.is_some_and(|asked| asked >= stage.since);
    Some(if asked { due(ground, source, WRONG) } else { ground.now })
}
