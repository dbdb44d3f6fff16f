//! Starting late: a stage that was missed begins after all, within the bound of the plan and before anybody was told that it does not.
//!
//! Invariant: whoever was told that the date does not hold is not enforced by it; but for its date, everything that a start asks is asked.

use super::condition::Ground;
use super::event::{Event, Slot};
use super::moves::{evidence, waits_to_start};
use super::plan::GateAt;
use super::stage::PhaseName;
use super::told::latest_start;
use super::verb::{Verb, may, reason};

/// The records that start a missed stage.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn begin(ground: &Ground<'_>, name: &str, why: &str) -> Result<Vec<Event>, String> {
    let (ix, stage) = may(ground.state, name, Verb::StartLate)?;
    reason("start-late", why)?;
    let bound = ground.plan.limits.start_late;
    let latest = latest_start(ground, ix, stage);
    let ends = latest.checked_add(bound).unwrap_or(jiff::Timestamp::MAX);
    if ground.now > ends {
        return Err(format!(
            "its latest start was {latest}, and limits.start_late allows {bound:#} more, until {ends}; `tidegate rebook {name}` gives it a new date"
        ));
    }
    if ground.now < stage.start.instant {
        return Err(format!(
            "it starts at {}; it was missed because its people could not be told in time; rebook it",
            stage.start.instant
        ));
    }
    let people = || stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    if people().any(|person| person.has_used(Slot::Withdrawn)) || ground.state.notices.values().any(|n| n.slot == Slot::Withdrawn)
    {
        return Err(format!(
            "its people were told that the date does not hold; `tidegate rebook {name}` gives it a new one, which they are told"
        ));
    }
    if !people().any(|person| person.promise_told().is_some()) {
        return Err(format!("nobody of it was told a date; `tidegate rebook {name}` gives it one, which its people are told"));
    }
    let waits = waits_to_start(ground, ix, stage);
    if !waits.is_empty() {
        return Err(format!("something else stands against its start: {}", waits.join("; ")));
    }
    let lag = ground.now.duration_since(stage.start.instant);
    let mut events = evidence(ground, stage, GateAt::Start);
    events.push(Event::StageMoved {
        stage: name.to_owned(),
        from: PhaseName::Missed,
        to: PhaseName::Enforcing,
        why: format!("started {lag:#} late: {why}"),
    });
    Ok(events)
}
