//! `what-if`: which policies would apply to people who sign in to an app now, and why the plan's own would not, as the tenant itself
//! says. Changes nothing.

use serde_json::{Value, json};

use super::args::{Common, WhatIf};
use super::{Exit, Failure, adapters, place, runtime};
use crate::clock::Clock;
use crate::enforcement::is_named;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::plan::Enforcement;
use crate::say;

fn applies(policy: &Value) -> bool {
    policy.get("policyApplies").and_then(Value::as_bool) == Some(true)
}

/// A text of the tenant, which may hold anything.
fn shown(policy: &Value, member: &str) -> String {
    let text = policy.get(member).and_then(Value::as_str).unwrap_or("?");
    text.chars().filter(|c| !c.is_control()).collect()
}

pub(super) fn what_if(common: &Common, verb: &WhatIf) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let app: ObjectId =
        verb.app.parse().map_err(|_| Failure::new(Exit::Usage, format!("--app {}: write the app's client id", verb.app)))?;
    let own = match &loaded.plan.enforcement {
        Enforcement::ConditionalAccess { policy, .. } => vec![policy.clone()],
        _ => Vec::new(),
    };
    let graph = adapters::over_http(&loaded, &Clock::system(), std::sync::Arc::default())?.graph;
    let tenant = |trouble: crate::rollout::observed::Trouble| Failure::new(Exit::Tenant, trouble.why);
    runtime()?.block_on(async {
        let mut rows = Vec::new();
        for text in &verb.people {
            let reference = PersonRef::new(&loaded.plan.tenant, text);
            let person = graph.person_id(reference).await.map_err(tenant)?;
            let person = person.ok_or_else(|| Failure::new(Exit::Failed, format!("nobody is called `{text}`")))?;
            let (policies, others): (Vec<Value>, Vec<Value>) =
                graph.what_if(person, app).await.map_err(tenant)?.into_iter().partition(applies);
            let ours = others.iter().find(|policy| is_named(policy, &own));
            if common.json {
                let policies: Vec<Value> =
                    policies.iter().map(|policy| json!({ "id": policy["id"], "state": policy["state"] })).collect();
                let spared = ours.map(|policy| json!({ "id": policy["id"], "reasons": policy["analysisReasons"] }));
                rows.push(json!({ "person": person.to_string(), "policies": policies, "spared": spared }));
                continue;
            }
            say!(
                "{text} ({person}): {} apply",
                if policies.is_empty() { "no policies".to_owned() } else { format!("{} policies", policies.len()) }
            );
            for policy in &policies {
                let requires = crate::enforcement::requires_mfa(policy);
                let mfa = if requires { "requires MFA" } else { "does not require MFA" };
                say!("  {} `{}`: {}, {mfa}", shown(policy, "id"), shown(policy, "displayName"), shown(policy, "state"));
            }
            if let Some(policy) = ours {
                let reasons = shown(policy, "analysisReasons");
                say!("  {} `{}` does not apply: {reasons}", shown(policy, "id"), shown(policy, "displayName"));
            }
        }
        if common.json {
            say!("{}", Value::Array(rows));
        }
        Ok(Exit::Done)
    })
}
