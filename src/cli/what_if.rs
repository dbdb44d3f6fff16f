//! `what-if`: which policies would apply to people who sign in to an app now, as the tenant itself says. Changes nothing.

use serde_json::{Value, json};

use super::args::{Common, WhatIf};
use super::{Exit, Failure, adapters, place, runtime};
use crate::clock::Clock;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::say;

pub(super) fn what_if(common: &Common, verb: &WhatIf) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let app: ObjectId =
        verb.app.parse().map_err(|_| Failure::new(Exit::Usage, format!("--app {}: write the app's client id", verb.app)))?;
    let graph = adapters::over_http(&loaded, &Clock::system(), std::sync::Arc::default())?.graph;
    let tenant = |trouble: crate::rollout::observed::Trouble| Failure::new(Exit::Tenant, trouble.why);
    runtime()?.block_on(async {
        let mut rows = Vec::new();
        for text in &verb.people {
            let reference = PersonRef::new(&loaded.plan.tenant, text);
            let person = graph.person_id(reference).await.map_err(tenant)?;
            let person = person.ok_or_else(|| Failure::new(Exit::Failed, format!("nobody is called `{text}`")))?;
            let policies = graph.what_if(person, app).await.map_err(tenant)?;
            if common.json {
                let policies: Vec<Value> =
                    policies.iter().map(|policy| json!({ "id": policy["id"], "state": policy["state"] })).collect();
                rows.push(json!({ "person": person.to_string(), "policies": policies }));
                continue;
            }
            say!(
                "{text} ({person}): {} apply",
                if policies.is_empty() { "no policies".to_owned() } else { format!("{} policies", policies.len()) }
            );
            for policy in &policies {
                let text = |name: &str| policy.get(name).and_then(Value::as_str).unwrap_or("?");
                let requires = crate::enforcement::requires_mfa(policy);
                let mfa = if requires { "requires MFA" } else { "does not require MFA" };
                // A name in the tenant may hold anything.
                let name: String = text("displayName").chars().filter(|c| !c.is_control()).collect();
                say!("  {} `{name}`: {}, {mfa}", text("id"), text("state"));
            }
        }
        if common.json {
            say!("{}", Value::Array(rows));
        }
        Ok(Exit::Done)
    })
}
