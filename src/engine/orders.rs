//! Commands: looked at, decided by `rollout`, journalled with who gave them, answered. What may not be is refused with the reason and
//! with what may; nothing is accepted and then ignored.

use super::command::{Command, FILE_IS_FORWARD, Order, Said, What};
use super::except::instant;
use super::step::{Engine, EngineError, PLANNING_MAX_AGE};
use crate::rollout::event::{By, Event};
use crate::rollout::gate::Yes;
use crate::rollout::hold::{Blocks, Scope};
use crate::rollout::overriding::{self, Asked};
use crate::rollout::state::{Accepted, TAIL};
use crate::rollout::{approval, closing, felt, finish, late, pause, post, rebook, release, unmet};

/// Digits of a revision that name it.
const DIGITS: usize = 8;

/// What a command comes to: records, and the operator's sentence.
pub(super) type Decided = Result<(Vec<Event>, String), String>;

impl Engine {
    /// Takes a command, and answers it.
    pub(super) fn take_command(&mut self, command: Command) -> Result<(), EngineError> {
        let Command { order, actor, answer } = command;
        let early = match self.answered(&order) {
            Ok(None) => None,
            Ok(Some(says)) => Some(Ok(says.into())),
            Err(why) => Some(Err(why)),
        };
        if let Some(early) = early {
            let _ = answer.send(early);
            return Ok(());
        }
        let Order { what, key, .. } = order;
        if let What::Assist { order, why } = what {
            return self.assist(order, why, actor, answer);
        }
        let result = match self.decided(what, &actor) {
            Err(why) => Err(why),
            Ok((mut events, says)) => {
                events.extend(key.map(|key| Event::Ordered { key, says: says.clone() }));
                if let Err(error) = self.commit(By::Operator, &actor, &events) {
                    // A pause stands all the same: nothing leaves since, and the file pauses the next life.
                    let _ = answer.send(self.pause_by_file(&events, &error).map(Said::from));
                    return Err(error);
                }
                Ok(says)
            }
        };
        // Whoever asked may be gone; the command stands all the same.
        let _ = answer.send(result.map(Said::from));
        Ok(())
    }

    /// What is said to whoever gave a command that no record keeps; a pause of the whole rollout becomes a file.
    fn pause_by_file(&self, events: &[Event], error: &EngineError) -> Result<String, String> {
        let pause = events.iter().find_map(|event| match event {
            Event::Paused { scope: Scope::Rollout, why, blocks, .. } => Some((why, *blocks)),
            _ => None,
        });
        let stops = format!("{error}, and the daemon stops");
        let Some((why, blocks)) = pause else { return Err(format!("{stops}; this does not count")) };
        match self.pause_file.make(why) {
            Ok(()) if blocks == Blocks::All => {
                Err(format!("{stops}; the file `pause` in the state folder keeps new batches back, and {FILE_IS_FORWARD}"))
            }
            Ok(()) => Ok(format!("paused by the file `pause` in the state folder: {stops}; remove the file to go on")),
            Err(not) => Err(format!("{stops}; the pause would not outlast it: {not}")),
        }
    }

    /// What was answered to the same key before; or why the command may not be taken now, whatever it asks.
    pub(super) fn answered(&self, order: &Order) -> Result<Option<String>, String> {
        if let Some(answered) = order.key.as_ref().and_then(|key| self.state.ordered.get(key)) {
            return Ok(Some(answered.says.clone()));
        }
        self.is_revision(order.if_revision.as_deref()).map(|()| None)
    }

    fn is_revision(&self, wanted: Option<&str>) -> Result<(), String> {
        let Some(wanted) = wanted else { return Ok(()) };
        let in_force = self.state.plan.as_ref().map_or("", |accepted| accepted.revision.as_str());
        if wanted.len() < DIGITS {
            return Err(format!("--if-revision takes at least {DIGITS} digits of the plan's revision"));
        }
        if in_force.starts_with(&wanted.to_lowercase()) {
            return Ok(());
        }
        let shown: String = in_force.chars().take(12).collect();
        Err(format!("the plan in force is revision {shown}, not {wanted}: look at it again before you say this"))
    }

    fn decided(&self, what: What, actor: &str) -> Decided {
        let no_plan = || "no plan is in force yet".to_owned();
        let state = &self.state;
        match what {
            What::Pause { why, scope, blocks, until } => {
                let until = match (until, &state.plan) {
                    (Some(until), Some(accepted)) => Some(instant(&accepted.plan, until)?),
                    (Some(_), None) => return Err("no plan says yet in which zone --until is; leave it out".to_owned()),
                    (None, _) => None,
                };
                let events = pause::begin(state, self.clock.now(), scope, blocks, until, why)?;
                let says =
                    if events.is_empty() { "paused already" } else { "paused: no new batch starts; `tidegate unpause` goes on" };
                Ok((events, says.to_owned()))
            }
            What::Unpause(ending) => {
                let event = pause::end(state, ending)?;
                let Event::Unpaused { hold, .. } = &event else { return Ok((vec![event], String::new())) };
                let says = if *hold == crate::rollout::state::PAUSED {
                    "the pause is over".to_owned()
                } else {
                    format!("hold `{hold}` is over; the next decision looks at everything anew")
                };
                Ok((vec![event], says))
            }
            What::Rollback { stage, extent, why } => {
                let events = release::begin(state, &stage, extent, &why)?;
                let stages: Vec<_> = events.iter().map(|event| stage_of(event).unwrap_or(TAIL)).collect();
                let people = stages.iter().map(|stage| felt::to_be_released(state, stage)).fold(0, u64::saturating_add);
                let felt = state.plan.as_ref().map(|accepted| felt::lines(&accepted.plan, people)).unwrap_or_default();
                let says = format!("rolling back {}: `tidegate status` shows how far it is", stages.join(", then "));
                let says = std::iter::once(says).chain(felt).collect::<Vec<_>>().join("\n  ");
                Ok((events, says))
            }
            What::Skip { stage, why } => {
                let events = closing::skip(state, &stage, &why)?;
                let moved = events
                    .iter()
                    .find_map(|event| if let Event::Carried { people, .. } = event { Some(people.len()) } else { None });
                let says = match moved {
                    Some(people) => format!(
                        "stage `{stage}` is skipped; its {people} people move to the tail and are told a date of their own"
                    ),
                    None => format!("stage `{stage}` is skipped; later stages and the tail select its people"),
                };
                Ok((events, says))
            }
            What::Cancel { stage, why } => {
                let says = format!("stage `{stage}` is cancelled; whoever was told its date is told that it does not hold");
                Ok((closing::cancel(state, &stage, &why)?, says))
            }
            What::Abort { how, why } => {
                let says = match how {
                    closing::Abort::Keep => "the rollout is over; whoever was enforced stays so",
                    closing::Abort::Revert => "the rollout is over; what was enforced is rolled back, the newest first",
                };
                Ok((closing::abort(state, how, &why)?, says.to_owned()))
            }
            What::Override { what, stage, evidence, until, why } => {
                let Accepted { plan, revision, .. } = state.plan.as_ref().ok_or_else(no_plan)?;
                let until = until.map(|until| instant(plan, until)).transpose()?;
                let asked = Asked { stage: &stage, what: &what, evidence: &evidence, until, why: &why };
                let events = overriding::begin(&self.ground(plan, revision, PLANNING_MAX_AGE), &asked)?;
                let until =
                    events.iter().find_map(|event| if let Event::Overridden { until, .. } = event { Some(*until) } else { None });
                let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
                Ok((events, format!("`{what}` is passed for stage `{stage}`{until}, or until the stage moves")))
            }
            What::Approve { revision, why } => {
                let event = approval::approve(state, self.clock.now(), actor, &revision, why)?;
                let until = if let Event::Approved { until, .. } = &event { format!(" until {until}") } else { String::new() };
                Ok((vec![event], format!("approved{until}; an edit of the plan voids it")))
            }
            What::Reject { revision, why } => {
                let event = approval::reject(state, &revision, why)?;
                Ok((vec![event], "rejected: nothing moves by this revision; change the plan".to_owned()))
            }
            What::Confirm { gate, stage, says, why } => {
                let accepted = state.plan.as_ref().ok_or_else(no_plan)?;
                let event = post::confirm(state, &accepted.plan, &stage, &gate, says, why)?;
                let held = format!("gate:{stage}:{gate}");
                let held =
                    state.holds.contains_key(&held).then(|| format!("; hold `{held}` stands until `tidegate unpause` ends it"));
                let word = if says == Yes::Yes { "passes" } else { "fails" };
                Ok((vec![event], format!("gate `{gate}` {word} for `{stage}`{}", held.unwrap_or_default())))
            }
            What::Contacts { count, stage, since, why } => {
                let accepted = state.plan.as_ref().ok_or_else(no_plan)?;
                let since = since.map(|since| instant(&accepted.plan, since)).transpose()?;
                let event = post::contacts(state, self.clock.now(), (count, stage), since, (actor, why))?;
                let since =
                    if let Event::ContactsCounted { contacts, .. } = &event { contacts.since.to_string() } else { String::new() };
                Ok((vec![event], format!("{count} contacts counted since {since}")))
            }
            What::Finish { shown } => {
                let accepted = state.plan.as_ref().ok_or_else(no_plan)?;
                if let Some(why) = finish::refuses_to_begin(&accepted.plan, state) {
                    return Err(why.into_owned());
                }
                let says = "the finish is under way: everything is read once more, then the policy is changed";
                Ok((vec![Event::FinishAsked { shown }], says.to_owned()))
            }
            What::StartLate { stage, why } => {
                let Accepted { plan, revision, .. } = state.plan.as_ref().ok_or_else(no_plan)?;
                let events = late::begin(&self.ground(plan, revision, PLANNING_MAX_AGE), &stage, &why)?;
                Ok((events, format!("stage `{stage}` starts now")))
            }
            What::Explain { person } => {
                let Accepted { plan, revision, .. } = state.plan.as_ref().ok_or_else(no_plan)?;
                let waits = unmet::of_person(&self.ground(plan, revision, PLANNING_MAX_AGE), person);
                Ok((Vec::new(), serde_json::to_string(&waits).unwrap_or_default()))
            }
            What::Rebook { stage, start, why } => {
                let Accepted { plan, revision, .. } = state.plan.as_ref().ok_or_else(no_plan)?;
                let events = rebook::begin(&self.ground(plan, revision, PLANNING_MAX_AGE), &stage, start, why)?;
                Ok((events, format!("`{stage}` starts at {start}; its people are told")))
            }
            What::Except(_) | What::EndException { .. } | What::Bounced { .. } | What::Returned(_) | What::Handed { .. } => {
                self.except(what, actor)
            }
            // They take time and are answered later.
            What::Assist { .. } | What::Reload { .. } => Err("this is answered on its own".to_owned()),
        }
    }
}

fn stage_of(event: &Event) -> Option<&str> {
    match event {
        Event::StageMoved { stage, .. } => Some(stage),
        _ => None,
    }
}
