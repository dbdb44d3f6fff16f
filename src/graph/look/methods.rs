//! The methods policy: which methods may be registered, and what helps people to register one.

use serde::de::MapAccess;
use serde_json::Value;

use super::one;
use crate::graph::request::look::Look;
use crate::graph::row::{Fields, value};
use crate::graph::transport::Transport;
use crate::rollout::observed::Trouble;
use crate::rollout::preflight::facts::Methods;

/// The fields of the policy.
#[derive(Default)]
struct Policy {
    migration: Option<String>,
    enforcement: Value,
    configurations: Value,
}

impl Fields for Policy {
    const NAMES: &'static [&'static str] =
        &["policyMigrationState", "registrationEnforcement", "authenticationMethodConfigurations"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "policyMigrationState" => self.migration = value(row)?,
            "registrationEnforcement" => self.enforcement = row.next_value()?,
            _ => self.configurations = row.next_value()?,
        }
        Ok(())
    }
}

/// The policy.
pub(crate) async fn policy(transport: &Transport) -> Result<Methods, Trouble> {
    one::<Policy>(transport, Look::MethodsPolicy).await.map(|policy| understand(&policy))
}

fn understand(policy: &Policy) -> Methods {
    let configurations = policy.configurations.as_array().into_iter().flatten();
    let is_on =
        |row: &&Value| row.get("state").and_then(Value::as_str).is_some_and(|state| state.eq_ignore_ascii_case("enabled"));
    let id = |row: &Value| row.get("id").and_then(Value::as_str).map(str::to_owned);
    let prompt = policy.enforcement.pointer("/authenticationMethodsRegistrationCampaign/state").and_then(Value::as_str);
    Methods {
        enabled: configurations.filter(is_on).filter_map(id).collect(),
        migrated: policy.migration.as_deref().map(|state| state == "migrationComplete"),
        prompt: prompt.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::row::of;

    #[test]
    fn the_policy_is_read_leniently() {
        let body = json!({"policyMigrationState": "migrationInProgress", "policyVersion": null,
            "registrationEnforcement": {"authenticationMethodsRegistrationCampaign": {"state": "default", "new": 1}},
            "authenticationMethodConfigurations": [{"id": "Sms", "state": "enabled"}, {"id": "Fido2", "state": "disabled"},
                {"id": null, "state": "enabled"}, {"state": 3}, null]});
        let methods = understand(&of(&body));
        assert_eq!((methods.enabled.clone(), methods.migrated), (vec!["Sms".to_owned()], Some(false)));
        assert_eq!(methods.prompt.as_deref(), Some("default"));
        assert!(methods.has("sms") && !methods.has("Fido2"));
        for odd in [json!({}), json!(null), json!({"registrationEnforcement": null, "authenticationMethodConfigurations": {}})] {
            assert_eq!(understand(&of(&odd)), Methods::default(), "{odd}");
        }
    }
}
