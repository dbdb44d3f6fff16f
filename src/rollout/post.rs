//! What people post for gates: an answer, or how many contacts a helpdesk counted.
//!
//! Reads no gate. Invariant: an answer is taken only while its gate is asked; what would be kept and never count is refused, with the reason.

use jiff::Timestamp;

use super::event::Event;
use super::gate::{Contacts, Yes, is_in_force};
use super::plan::{GateAt, Measure, Plan};
use super::state::{State, TAIL};
use super::verb;

/// The record of a human's answer to a gate.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn confirm(state: &State, plan: &Plan, stage: &str, gate: &str, says: Yes, why: String) -> Result<Event, String> {
    verb::reason("confirm", &why)?;
    let confirms = || plan.gates.iter().filter(|gate| gate.measure == Measure::Confirm);
    let Some(asked) = confirms().find(|known| known.name == gate) else {
        let names: Vec<_> = confirms().map(|gate| format!("`{}`", gate.name)).collect();
        let names = if names.is_empty() { "the plan has none".to_owned() } else { format!("there are {}", names.join(", ")) };
        return Err(format!("`{gate}` is no gate that a human answers; {names}"));
    };
    if !asked.is_asked_of(stage) {
        return Err(format!("gate `{gate}` is not asked of `{stage}`, but of {}", asked.stages.join(", ")));
    }
    match state.stage(stage) {
        None if stage == TAIL && asked.at == GateAt::During => {}
        None if stage == TAIL => return Err(format!("gate `{gate}` is asked of stages, and the tail neither starts nor ends")),
        None => return Err(format!("there is no stage `{stage}`")),
        Some((_, known)) => {
            let phase = known.phase.name();
            if !is_in_force(asked.at, phase) {
                let when = match asked.at {
                    GateAt::Start => "while it is announced and has not started",
                    GateAt::During => "from its start until it is done",
                    GateAt::Exit => "while it soaks",
                };
                let phase = phase.as_str();
                return Err(format!(
                    "stage `{stage}` is {phase}; gate `{gate}` is asked of it {when}, and an answer now would not count"
                ));
            }
        }
    }
    Ok(Event::Confirmed { stage: stage.to_owned(), gate: gate.to_owned(), says, why })
}

/// The record of contacts that a helpdesk counted until now; from `since` on, or from where it counted to before.
///
/// # Errors
/// Why it may not be: a sentence for the operator.
pub fn contacts(
    state: &State,
    now: Timestamp,
    (count, stage): (u32, Option<String>),
    since: Option<Timestamp>,
    (source, why): (&str, String),
) -> Result<Event, String> {
    verb::reason("contacts", &why)?;
    if let Some(name) = &stage
        && state.home(name).is_none()
    {
        return Err(format!("there is no stage `{name}`"));
    }
    let before = state.posts.contacts.iter().filter(|known| known.source == source && known.stage == stage);
    let before = before.map(|known| known.until).max();
    let begun = state.plan.as_ref().map_or(now, |accepted| accepted.since);
    let since = since.or(before).unwrap_or(begun);
    if since > now {
        return Err(format!("{since} is still to come: contacts are counted afterwards"));
    }
    let overlaps =
        |known: &&Contacts| known.source == source && known.stage == stage && known.since != since && known.until > since;
    if let Some(known) = state.posts.contacts.iter().find(overlaps) {
        return Err(format!(
            "contacts from {} to {} were counted already; name that beginning to correct them, or {}, to go on from there",
            known.since, known.until, known.until
        ));
    }
    let contacts = Contacts { stage, count, since, until: now, source: source.to_owned() };
    Ok(Event::ContactsCounted { contacts, why })
}
