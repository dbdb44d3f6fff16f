//! Switches of the whole tenant: reading what they show, and throwing one.
//!
//! Does not decide which comes next, and keeps no order: the core does. Setting a policy or security defaults to what they are already
//! changes nothing; a lost answer is unknown all the same. Invariant: only policies that the plan names are ever set.

use serde_json::Value;

use super::policy;
use crate::graph::Graph;
use crate::graph::answer::Verdict;
use crate::graph::request::Mutation;
use crate::rollout::event::Switched;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Mode, Target, Toggle, Trouble, TroubleKind};
use crate::rollout::plan::Enforcement;
use crate::rollout::switch::{Image, Switch};

/// What the switches of a plan show.
#[derive(Default)]
pub(super) struct Turned {
    pub(super) modes: Vec<(ObjectId, Mode)>,
    pub(super) defaults: Option<Toggle>,
}

/// Names or ids of policies that the plan switches beside its own.
pub(super) fn named(enforcement: &Enforcement) -> &[String] {
    match enforcement {
        Enforcement::ConditionalAccess { leaves: Some(leaves), .. } => &leaves.turn_on,
        Enforcement::SecurityDefaults { turn_off } => turn_off,
        Enforcement::ConditionalAccess { .. } | Enforcement::PerUser { .. } => &[],
    }
}

/// Reads what the plan switches; nothing where a human does.
pub(super) async fn read(graph: &Graph, target: Target, enforcement: &Enforcement) -> Result<Turned, Trouble> {
    let switches = match enforcement {
        Enforcement::ConditionalAccess { manage_policy, .. } => *manage_policy,
        Enforcement::SecurityDefaults { .. } => true,
        Enforcement::PerUser { .. } => false,
    };
    if !switches {
        return Ok(Turned::default());
    }
    let policies = graph.policies().await?;
    let mut modes = Vec::new();
    if let Target::Group { policy, .. } = target {
        modes.push(mode(&policies, &policy.to_string())?);
    }
    for name in named(enforcement) {
        modes.push(mode(&policies, name)?);
    }
    Ok(Turned { modes, defaults: Some(graph.security_defaults().await?) })
}

/// The one policy with this id or exact name, and its mode.
fn mode(policies: &[Value], name: &str) -> Result<(ObjectId, Mode), Trouble> {
    let unusable = |why: String| Trouble { kind: TroubleKind::Unusable, why };
    let text = |policy: &Value, field: &str| policy.get(field).and_then(Value::as_str).map(str::to_owned);
    let id = |policy: &Value| text(policy, "id").and_then(|id| id.parse::<ObjectId>().ok());
    let wanted = name.parse().ok();
    let is_meant =
        |policy: &&Value| wanted.map_or_else(|| text(policy, "displayName").as_deref() == Some(name), |_| id(policy) == wanted);
    let mut found = policies.iter().filter(is_meant);
    let (Some(policy), None) = (found.next(), found.next()) else {
        return Err(unusable(format!(
            "the Conditional Access policy `{name}` is not there exactly once; correct its name in the plan's [enforcement], or put its id there"
        )));
    };
    let known = id(policy).ok_or_else(|| unusable(format!("the policy `{name}` has no id that can be read")))?;
    match policy::mode(policy) {
        Some(mode) => Ok((known, mode)),
        None => Err(unusable(format!("the state of the policy `{name}` cannot be told; set it to one of On, Off, Report-only"))),
    }
}

/// Throws a switch.
pub(super) async fn throw(graph: &Graph, switch: Switch, image: Option<&Image>) -> Switched {
    let mutation = match switch {
        Switch::Reach { policy, .. } => {
            let conditions = image.and_then(|image| serde_json::from_str::<Value>(&image.after).ok());
            let Some(conditions) = conditions.filter(Value::is_object) else {
                return Switched::NotSent("the conditions that go with it cannot be read".to_owned());
            };
            Mutation::SetPolicyConditions { policy, conditions }
        }
        Switch::Policy { policy, to, .. } => Mutation::SetPolicyState { policy, state: to },
        Switch::SecurityDefaults { to, .. } => Mutation::SetSecurityDefaults(to),
    };
    match graph.carry_out(std::slice::from_ref(&mutation)).await.into_iter().next() {
        Some(Ok(Verdict::Ok | Verdict::AlreadySo)) => Switched::Done,
        Some(Ok(Verdict::Gone)) => Switched::Refused("the policy does not exist any more".to_owned()),
        Some(Ok(Verdict::Refused(refusal))) => Switched::Refused(refusal.why),
        Some(Ok(Verdict::Unknown | Verdict::Reauthenticate | Verdict::Retry { .. })) | None => Switched::Unknown,
        Some(Err(trouble)) => Switched::NotSent(trouble.why),
    }
}
