//! What was counted of a stage from its announcement to its start, once a day, and what was foreseen from it each time.
//!
//! Moves nothing. Invariants: at most one record a day and stage, and one when its date comes; counts only, never who.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Ground};
use super::event::Event;
use super::forecast::{Advice, Band, Forecast, Reading, Series, TooLittle, forecast};
use super::gate::gates_of;
use super::observed::Readiness;
use super::plan::{Bound, GateAt, Measure, Plan};
use super::schedule;
use super::state::{Phase, StageState, State};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// More readings than this are not kept: the oldest but the first go.
const MOST: usize = 200;

/// The counts of a stage, and its forecasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// When its people were first counted, just before they were told.
    pub since: Timestamp,
    /// When they were last counted.
    pub last: Timestamp,
    /// The readings, oldest first.
    pub readings: Vec<Reading>,
    /// The forecasts for the start in force, oldest first.
    pub said: Vec<Said>,
    /// The start in force when they were last counted.
    pub start: Timestamp,
    /// What it was when the start came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came: Option<Reading>,
}

/// A forecast that was made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// What was expected at the start.
    pub band: Band,
}

/// An earlier forecast beside what came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// So many days before the start.
    pub days: i64,
    /// What was said.
    pub said: Said,
}

impl State {
    /// Takes in what was counted.
    pub(super) fn count(
        &mut self,
        at: Timestamp,
        name: &str,
        reading: Reading,
        start: Timestamp,
        expected: Option<Band>,
    ) -> Result<(), String> {
        self.stage(name).ok_or_else(|| format!("there is no stage `{name}`"))?;
        let new = || Counts { since: at, last: at, readings: Vec::new(), said: Vec::new(), start, came: None };
        let counts = self.counts.entry(name.to_owned()).or_insert_with(new);
        if counts.start != start {
            // What was said of another date is no forecast of this one.
            (counts.said, counts.came, counts.start) = (Vec::new(), None, start);
        }
        counts.last = at;
        counts.readings.push(reading);
        if counts.readings.len() > MOST {
            counts.readings.remove(1);
        }
        counts.said.extend(expected.map(|band| Said { at, band }));
        if at >= start {
            counts.came = Some(reading);
        }
        Ok(())
    }
}

impl Counts {
    /// The forecasts made 14, 7 and 1 days before the start, as far as there are.
    #[must_use]
    pub fn compared(&self) -> Vec<Compared> {
        let made = |days: &i64| {
            let slot = |said: &&Said| slot(said.at, self.start) == *days;
            Some(Compared { days: *days, said: *self.said.iter().find(slot)? })
        };
        [14, 7, 1].iter().filter_map(made).collect()
    }
}

/// How many days before the start: 14 from the instant 14 days before it on; 0 from the start on.
fn slot(at: Timestamp, start: Timestamp) -> i64 {
    let left = start.duration_since(at);
    // Begun seconds and begun days count in full.
    let seconds = left.as_secs().saturating_add(i64::from(left.subsec_nanos() > 0)).max(0);
    seconds.saturating_add(DAY.as_secs() - 1) / DAY.as_secs()
}

/// When people of a stage are told: when they were first counted, and when reminders are due.
fn notices(plan: &Plan, since: Timestamp, start: Timestamp) -> Vec<Timestamp> {
    let reminders = plan.notices.before.iter().filter_map(|wait| start.checked_sub(*wait).ok());
    let mut all: Vec<Timestamp> = std::iter::once(since).chain(reminders.filter(|at| *at > since && *at < start)).collect();
    all.sort_unstable();
    all
}

/// The share that the start of a stage asks for.
#[must_use]
pub fn asked(plan: &Plan, stage: &str) -> Option<f64> {
    let shares = gates_of(plan, stage, GateAt::Start).filter_map(|gate| match (gate.measure, gate.bound) {
        (Measure::RegisteredShare, Bound::AtLeast(share)) => Some(share),
        _ => None,
    });
    shares.reduce(f64::max)
}

/// The forecast of a stage at `now`, from these readings, and what it advises.
fn foresee(plan: &Plan, counts: &Counts, start: Timestamp, now: Timestamp) -> Result<Forecast, TooLittle> {
    with_series(plan, counts, start, |series| forecast(series, now))
}

fn with_series<T>(plan: &Plan, counts: &Counts, start: Timestamp, of: impl FnOnce(&Series<'_>) -> T) -> T {
    let zone = schedule::zone(&plan.time_zone).unwrap_or(TimeZone::UTC);
    let notices = notices(plan, counts.since, start);
    of(&Series { readings: &counts.readings, notices: &notices, start, zone: &zone })
}

/// The forecast of a stage that was counted, and what it advises.
///
/// # Errors
/// [`TooLittle`] says why nothing honest can be said.
pub fn outlook(plan: &Plan, counts: &Counts, stage: &StageState, now: Timestamp) -> Result<(Forecast, Advice), TooLittle> {
    let start = stage.start.instant;
    let forecast = foresee(plan, counts, start, now)?;
    let advice = with_series(plan, counts, start, |series| forecast.advice(series, now, asked(plan, &stage.name)));
    Ok((forecast, advice))
}

/// What was last foreseen of a stage that is still to start, and what to do, in one line. The forecast of the day is not made anew.
#[must_use]
pub fn expected(ground: &Ground<'_>, stage: &StageState) -> Option<String> {
    if !matches!(stage.phase, Phase::Announcing | Phase::Announced) || ground.now >= stage.start.instant {
        return None;
    }
    let start = stage.start.instant;
    let Some(said) =
        ground.state.counts.get(&stage.name).filter(|counts| counts.start == start).and_then(|counts| counts.said.last())
    else {
        return Some("too little is known to expect a share on its date".to_owned());
    };
    let zone = schedule::zone(&ground.plan.time_zone).unwrap_or(TimeZone::UTC);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let Band { low, mid, high } = said.band;
    let advice = match asked(ground.plan, &stage.name) {
        None => "go: no gate asks for a share".to_owned(),
        Some(asked) if mid >= asked => format!("go: the {} that the start asks for are likely", percent(asked)),
        Some(asked) => {
            format!("look: the {} that the start asks for are not likely; `tidegate forecast` says what to do", percent(asked))
        }
    };
    let date = start.to_zoned_datetime(zone);
    let (low, mid, high, date) = (percent(low), percent(mid), percent(high), date.strftime("%a %Y-%m-%d"));
    Some(format!("expected {mid} registered on {date} (P10-P90: {low} to {high}); {advice}"))
}

/// Whether a stage is counted: its people are fixed, and nothing was required of them yet.
const fn is_counted(stage: &StageState) -> bool {
    stage.frozen && matches!(stage.phase, Phase::Announcing | Phase::Announced)
}

/// What is to be counted now.
pub(super) fn due(ground: &Ground<'_>) -> Vec<Event> {
    let clock = ground.refuses_rollout(Condition::Clock).is_none();
    let stages = ground.state.stages.iter().filter(|stage| clock && is_counted(stage));
    stages.filter_map(|stage| counted(ground, stage)).collect()
}

fn counted(ground: &Ground<'_>, stage: &StageState) -> Option<Event> {
    let (now, start) = (ground.now, stage.start.instant);
    let known = ground.state.counts.get(&stage.name);
    let last = ground.observed.registration.last.as_ref()?;
    let today = slot(now, start);
    if let Some(known) = known {
        let same_day = known.start == start && slot(known.last, start) <= today;
        // Two records of one day tell nothing more than one, and neither does one reading told twice, except what it was on the date.
        let nothing_new = known.readings.last().is_some_and(|reading| reading.at >= last.as_of) && today > 0;
        if same_day || nothing_new || now < known.last {
            return None;
        }
    }
    let (mut capable, mut of_known) = (0_u32, 0_u32);
    let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    for person in people.filter(|person| !person.marks().removed_by_hand) {
        let readiness = last.value.of(person.id);
        capable = capable.saturating_add(u32::from(readiness == Readiness::Capable));
        of_known = of_known.saturating_add(u32::from(readiness != Readiness::Unknown));
    }
    let roster = u32::try_from(stage.roster.len()).unwrap_or(u32::MAX);
    let reading = Reading { at: last.as_of.min(now), capable, known: of_known, roster };
    let expected = known.and_then(|known| {
        let mut with = known.clone();
        with.readings.push(reading);
        Some(foresee(ground.plan, &with, start, now).ok()?.band)
    });
    Some(Event::Counted { stage: stage.name.clone(), reading, start, expected })
}

/// When something is to be counted next.
pub(super) fn instants(ground: &Ground<'_>) -> impl Iterator<Item = Timestamp> {
    ground.state.stages.iter().filter(|stage| is_counted(stage)).filter_map(|stage| {
        let start = stage.start.instant;
        let next = slot(ground.now, start).checked_sub(1).filter(|next| *next >= 0)?;
        start.checked_sub(SignedDuration::from_secs(DAY.as_secs().checked_mul(next)?)).ok()
    })
}
