//! What comes from outside: a plan, a command, a wish. Each is journalled before it counts.

use super::command::{Command, Order, Said, What};
use super::input::{Input, Reread};
use super::step::{Engine, EngineError};
use crate::rollout::change::forbidden;
use crate::rollout::differences::differences;
use crate::rollout::event::{By, Event};
use crate::rollout::gate;
use crate::rollout::observed::Source;
use crate::rollout::plan::Plan;
use crate::rollout::select::every_selection;
use crate::rollout::state::POLICY;

impl Engine {
    /// Puts a validated plan into force, or says why it is refused; the old plan then runs on under a hold that says so.
    /// The same plan again changes nothing, but that it accepts the policy as it is now when somebody edited it.
    pub fn offer(&mut self, plan: Box<Plan>, actor: &str, why: &str) -> Result<Result<(), Vec<String>>, EngineError> {
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
        gate::forget_answers(&mut self.observed, self.state.plan.as_ref().map(|accepted| &accepted.plan), &plan);
        self.commit(By::Plan, actor, &[Event::PlanAccepted { revision, plan, why: why.to_owned() }])?;
        Ok(Ok(()))
    }

    /// Takes the plan file as it was read again, and answers whoever asked for it.
    fn reread(&mut self, reread: Reread) -> Result<(), EngineError> {
        let Reread { plan, author, asked } = reread;
        let (order, actor, answer) = match asked {
            Some(Command { order, actor, answer }) => (Some(order), actor, Some(answer)),
            None => (None, author, None),
        };
        let result = match order.as_ref().map_or(Ok(None), |order| self.answered(order)) {
            Ok(None) => self.replaced(plan, &actor, order)?,
            Ok(Some(says)) => Ok(says),
            Err(why) => Err(why),
        };
        if let Some(answer) = answer {
            // Whoever asked may be gone; the plan stands all the same.
            let _ = answer.send(result.map(Said::from));
        }
        Ok(())
    }

    fn replaced(
        &mut self,
        plan: Result<Box<Plan>, String>,
        actor: &str,
        order: Option<Order>,
    ) -> Result<Result<String, String>, EngineError> {
        let (key, why) = match order {
            Some(Order { what: What::Reload { why }, key, .. }) => (key, why),
            _ => (None, String::new()),
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(why) => {
                tracing::error!(why, "the plan file is not valid; the plan in force stays");
                self.observed.plan_doubt = Some(format!("the plan file is not valid: {why}"));
                return Ok(Err(format!("the plan file is not valid, and the plan in force stays: {why}")));
            }
        };
        let words = differences(&self.state, &plan, self.clock.now());
        let revision: String = plan.revision().chars().take(12).collect();
        if let Err(reasons) = self.offer(plan, actor, &why)? {
            return Ok(Err(format!("the plan in force stays: {}", reasons.join("; "))));
        }
        let changes = if words.is_empty() { "nothing changes".to_owned() } else { words.join("; ") };
        tracing::info!(plan.revision = %revision, changes, "the plan file was read again");
        let says = format!("revision {revision} is in force: {changes}");
        if let Some(key) = key {
            self.commit(By::Operator, actor, &[Event::Ordered { key, says: says.clone() }])?;
        }
        Ok(Ok(says))
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
        self.observed.pause_file = self.pause_file.reason();
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
            Input::Plan(reread) => self.reread(reread)?,
            Input::Dump => {
                if let Some(report) = self.status.borrow().as_ref() {
                    tracing::info!(status = %serde_json::to_string(&**report).unwrap_or_default(), "status as asked");
                }
            }
            Input::Stop => {
                self.leaves.stop();
                self.stopping = true;
            }
        }
        Ok(())
    }
}
