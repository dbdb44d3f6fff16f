//! `/policies/authenticationMethodsPolicy`: which methods may be registered, and who is asked to.

use serde_json::{Value, json};

use super::call::Call;
use super::planted::Planted;
use super::reply::Reply;
use super::tenant::Tenant;

impl Tenant {
    pub(super) fn get_methods_policy(&self, call: &Call) -> Reply {
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
        Reply::value(&json!({
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
                configuration("temporaryAccessPass", "TemporaryAccessPass", !self.has(Planted::PassOff)),
                configuration("email", "Email", true),
            ],
        }))
    }
}
