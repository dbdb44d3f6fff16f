//! `/policies/authenticationMethodsPolicy`: which methods may be registered, and who is asked to.

use serde_json::{Value, json};

use super::call::Call;
use super::planted::Planted;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;

impl Tenant {
    /// One method's configuration.
    pub(super) fn get_method_policy(&self, call: &Call, method: &str) -> Answer {
        let all = self.methods_policy(call);
        let configurations = all.get("authenticationMethodConfigurations").and_then(Value::as_array).into_iter().flatten();
        let named = |row: &&Value| row.get("id").and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(method));
        let mut found = configurations.filter(named).cloned();
        let mut one = found.next().ok_or_else(|| Refusal::missing(method))?;
        if let Some(members) = one.as_object_mut() {
            let context = format!("{}/$metadata#authenticationMethodConfigurations/$entity", call.base());
            members.insert("@odata.context".to_owned(), context.into());
        }
        Ok(Reply::value(&one))
    }

    pub(super) fn get_methods_policy(&self, call: &Call) -> Reply {
        Reply::value(&self.methods_policy(call))
    }

    fn methods_policy(&self, call: &Call) -> Value {
        let weak = self.has(Planted::WeakMethods) || self.has(Planted::NoMethods);
        let state = |on: bool| if on { "enabled" } else { "disabled" };
        let configuration = |kind: &str, id: &str, on: bool| -> Value {
            json!({
                "@odata.type": format!("#microsoft.graph.{kind}AuthenticationMethodConfiguration"),
                "id": id,
                "state": state(on),
                "excludeTargets": [],
                "includeTargets": [{ "targetType": "group", "id": "all_users", "isRegistrationRequired": false }],
            })
        };
        let migration = if self.has(Planted::OlderMethods) { "migrationInProgress" } else { "migrationComplete" };
        let mut pass = configuration("temporaryAccessPass", "TemporaryAccessPass", !self.has(Planted::PassOff));
        if let Some(members) = pass.as_object_mut() {
            members.extend(super::pass::limits());
        }
        json!({
            "@odata.context": format!("{}/$metadata#authenticationMethodsPolicy", call.base()),
            "id": "authenticationMethodsPolicy",
            "displayName": "Authentication Methods Policy",
            "description": "Which methods of authentication may be used in the tenant, and by whom",
            "lastModifiedDateTime": "2026-01-26T10:47:26.6044384Z",
            "policyVersion": "1.5",
            "policyMigrationState": migration,
            "registrationEnforcement": {
                "authenticationMethodsRegistrationCampaign": {
                    "snoozeDurationInDays": 1,
                    "state": state(!self.has(Planted::PromptOff)),
                    "excludeTargets": [],
                    "includeTargets": [
                        { "id": "all_users", "targetType": "group", "targetedAuthenticationMethod": "microsoftAuthenticator" }
                    ],
                },
            },
            "authenticationMethodConfigurations": [
                configuration("fido2", "Fido2", !weak),
                configuration("microsoftAuthenticator", "MicrosoftAuthenticator", !weak),
                configuration("softwareOath", "SoftwareOath", !weak),
                configuration("sms", "Sms", self.has(Planted::WeakMethods)),
                configuration("voice", "Voice", false),
                pass,
                configuration("email", "Email", true),
            ],
        })
    }
}
