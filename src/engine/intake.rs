//! What comes from outside: a plan, a command, a wish. Each is journalled before it counts.

use super::command::{Command, Said, What};
use super::input::Input;
use super::step::{Engine, EngineError};
use crate::rollout::change::forbidden;
use crate::rollout::event::{By, Event};
use crate::rollout::observed::Source;
use crate::rollout::plan::Plan;
use crate::rollout::select::every_selection;
use crate::rollout::state::{PAUSED, POLICY};
use crate::rollout::{finish, release};

impl Engine {
    /// Puts a validated plan into force, or says why it is refused; the old plan then runs on under a hold that says so.
    /// The same plan again changes nothing, but that it accepts the policy as it is now when somebody edited it.
    pub fn offer(&mut self, plan: Box<Plan>, actor: &str) -> Result<Result<(), Vec<String>>, EngineError> {
        let revision = plan.revision();
        if self.state.plan.as_ref().is_some_and(|accepted| accepted.revision == revision) {
            self.observed.plan_doubt = None;
            self.accept_policy(actor)?;
            return Ok(Ok(()));
        }
        let reasons = forbidden(&self.state, &plan, self.clock.now());
        if !reasons.is_empty() {
            let why = format!("the plan file asks for what may not be; the plan before it is in force: {}", reasons.join("; "));
            tracing::warn!(plan.revision = %revision, why, "the new plan is refused");
            self.observed.plan_doubt = Some(why);
            return Ok(Err(reasons));
        }
        tracing::info!(plan.revision = %revision, "a plan comes into force");
        self.observed.plan_doubt = None;
        let names = |plan: &Plan| (plan.enforcement.clone(), plan.people.break_glass.clone());
        if self.state.plan.as_ref().is_some_and(|accepted| names(&accepted.plan) != names(&plan)) {
            self.observed.forget_target();
        }
        // What the new plan does not name is not read any more, and must not be complained about.
        let named = every_selection(&plan);
        self.observed.selections.retain(|key, _| named.contains(key));
        self.observed.target = Source::default();
        self.commit(By::Plan, actor, &[Event::PlanAccepted { revision, plan }])?;
        Ok(Ok(()))
    }

    /// The same plan, offered again while the policy differs from what it was, is a human's answer: so it may be.
    fn accept_policy(&mut self, actor: &str) -> Result<(), EngineError> {
        let Some(reading) = self.observed.safety.last.as_ref().filter(|_| self.state.holds.contains_key(POLICY)) else {
            return Ok(());
        };
        let policy = &reading.value.policy;
        let edited = self.state.policy.as_ref().is_some_and(|seen| *seen != policy.fingerprint);
        if !edited || !policy.problems.is_empty() {
            return Ok(());
        }
        tracing::warn!("the policy is accepted as it is now");
        let fingerprint = policy.fingerprint.clone();
        self.commit(By::Operator, actor, &[Event::PolicySeen { fingerprint }])
    }

    /// Takes everything that has come from outside.
    pub(super) fn take_inputs(&mut self) -> Result<(), EngineError> {
        self.observed.pause_file = (self.pause_file)();
        while let Some(ended) = self.assisting.ended() {
            self.take_issued(ended)?;
        }
        while let Ok(input) = self.inputs.try_recv() {
            self.take_input(input)?;
        }
        Ok(())
    }

    /// Takes one input.
    pub(super) fn take_input(&mut self, input: Input) -> Result<(), EngineError> {
        match input {
            Input::Command(Command { what: What::Assist { order, why }, actor, answer }) => {
                self.assist(order, why, actor, answer)?;
            }
            Input::Command(Command { what, actor, answer }) => {
                let result = self.command(what, &actor)?;
                // Whoever asked may be gone; the command stands all the same.
                let _ = answer.send(result.map(Said::from));
            }
            Input::Plan(Ok(plan)) => drop(self.offer(plan, "reload")?),
            Input::Plan(Err(why)) => {
                tracing::error!(why, "the plan file is not valid; the plan in force stays");
                self.observed.plan_doubt = Some(format!("the plan file is not valid: {why}"));
            }
            Input::Dump => {
                if let Some(report) = self.status.borrow().as_ref() {
                    tracing::info!(status = %serde_json::to_string(&**report).unwrap_or_default(), "status as asked");
                }
            }
            Input::Stop => self.stopping = true,
        }
        Ok(())
    }

    fn command(&mut self, what: What, actor: &str) -> Result<Result<String, String>, EngineError> {
        let paused = self.state.holds.contains_key(PAUSED);
        Ok(match what {
            What::Pause { .. } if paused => Ok("paused already".to_owned()),
            What::Pause { why } => {
                self.commit(By::Operator, actor, &[Event::Paused { why }])?;
                Ok("paused: no new batch starts; `tidegate unpause` goes on".to_owned())
            }
            What::Unpause { .. } if !paused => Err("there is no pause; `tidegate status` shows the holds in force".to_owned()),
            What::Unpause { allow_start } => {
                self.commit(By::Operator, actor, &[Event::Unpaused { allow_start }])?;
                Ok("the pause is over".to_owned())
            }
            What::Finish { shown } => {
                let Some(accepted) = self.state.plan.clone() else { return Ok(Err("no plan is in force yet".to_owned())) };
                if let Some(why) = finish::refuses_to_begin(&accepted.plan, &self.state) {
                    return Ok(Err(why.into_owned()));
                }
                self.commit(By::Operator, actor, &[Event::FinishAsked { shown }])?;
                Ok("the finish is under way: everything is read once more, then the policy is changed".to_owned())
            }
            What::Rebook { .. }
            | What::Except(_)
            | What::EndException { .. }
            | What::Bounced { .. }
            | What::Returned(_)
            | What::Handed { .. } => {
                return self.except(what, actor);
            }
            // It takes time and is answered later.
            What::Assist { .. } => Err("a pass is answered on its own".to_owned()),
            What::Rollback { stage, why } => match release::begin(&self.state, &stage, &why) {
                Ok(events) => {
                    self.commit(By::Operator, actor, &events)?;
                    let stages: Vec<_> = events.iter().filter_map(stage_of).collect();
                    Ok(format!("rolling back {}: `tidegate status` shows how far it is", stages.join(", then ")))
                }
                Err(why) => Err(why),
            },
        })
    }
}

fn stage_of(event: &Event) -> Option<&str> {
    match event {
        Event::StageMoved { stage, .. } => Some(stage),
        _ => None,
    }
}
