//! Rebooking: a stage that was missed or rolled back gets a new start (DESIGN §4). Its people keep their places, and are told before anything else.

use jiff::civil;

use super::condition::Ground;
use super::event::Event;
use super::person::Home;
use super::plan::Start;
use super::schedule;
use super::stage::PhaseName;
use super::state::Phase;
use super::told::SENDING;
use super::verb::{Verb, may, reason};

/// The records that rebook a stage.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn begin(ground: &Ground<'_>, name: &str, start: civil::DateTime, why: String) -> Result<Vec<Event>, String> {
    let state = ground.state;
    let (ix, stage) = may(state, name, Verb::Rebook)?;
    reason("rebook", &why)?;
    let zone = schedule::zone(&ground.plan.time_zone)
        .ok_or_else(|| format!("the time zone `{}` is not known", ground.plan.time_zone))?;
    let instant = schedule::resolve(start, &zone).map_err(|gap| gap.to_string())?;
    // Who was told once keeps the notice; whoever was not needs all of it.
    let notice = if stage.is_frozen() { ground.plan.notices.renotice } else { ground.floor(Home::Stage(ix)) };
    let earliest = ground.now.checked_add(notice.saturating_add(SENDING)).unwrap_or(jiff::Timestamp::MAX);
    if instant < earliest {
        return Err(format!("its people are told {notice:#} before the new date; the earliest is {earliest}"));
    }
    if !schedule::is_open(&ground.plan.calendar, &zone, instant) {
        let opens = schedule::next_open(&ground.plan.calendar, &zone, instant);
        let opens = opens.map_or_else(|| "none opens within a year".to_owned(), |opens| format!("the next opens at {opens}"));
        return Err(format!("no window is open then; {opens}"));
    }
    let place = usize::from(ix);
    let before = state.stages.iter().take(place).rfind(|other| !other.phase.name().is_over());
    if let Some(before) = before.filter(|before| instant <= before.start.instant) {
        return Err(format!("stage `{}` before it starts at {}; choose a later date", before.name, before.start.instant));
    }
    let live = |phase: &Phase| matches!(phase, Phase::Scheduled | Phase::Announcing | Phase::Announced);
    let behind = state.stages.iter().skip(place + 1).find(|behind| live(&behind.phase) && behind.start.instant <= instant);
    if let Some(behind) = behind {
        return Err(format!(
            "stage `{}` behind it starts at {}; move that one to a later date in the plan first",
            behind.name, behind.start.instant
        ));
    }
    let start = Start { civil: start, instant, tzdb: schedule::tzdb_version().to_owned() };
    let moved = Event::StageMoved {
        stage: name.to_owned(),
        from: stage.phase.name(),
        to: PhaseName::Scheduled,
        why: format!("rebooked for {instant}: {why}"),
    };
    Ok(vec![Event::Rebooked { stage: name.to_owned(), start, why }, moved])
}
