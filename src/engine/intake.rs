//! What comes from outside: a plan, a command, a wish. Each is journalled before it counts.

use super::input::Input;
use super::step::{Engine, EngineError};
use crate::rollout::change::forbidden;
use crate::rollout::event::{By, Event};
use crate::rollout::observed::Source;
use crate::rollout::plan::Plan;
use crate::rollout::select::every_selection;
use crate::rollout::state::POLICY;

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
        self.commit(By::Plan, actor, &[Event::PlanAccepted { revision, plan, why: String::new() }])?;
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
            Input::Command(command) => self.take_command(command)?,
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
}
