//! Conditional-access policies and security defaults, read-only.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;
use super::users::refuse_options;

impl Tenant {
    pub(super) fn list_policies(&self, call: &Call) -> Answer {
        refuse_options(call)?;
        let filter = super::users::filter(call, "conditionalAccessPolicy", |path| match path {
            "id" | "displayName" | "state" => Some(&["eq"]),
            _ => None,
        })?;
        let policies = self.policies.iter().map(super::policy::Policy::body);
        let meant: Vec<Value> =
            policies.filter(|body| filter.as_ref().is_none_or(|filter| filter.holds(&Fields(body)))).collect();
        let context = format!("{}/$metadata#identity/conditionalAccess/policies", call.base());
        Ok(Reply::value(&json!({ "@odata.context": context, "value": meant })))
    }

    pub(super) fn get_policy(&self, call: &Call, policy: &str) -> Answer {
        let found = self.policies.iter().find(|known| known.id.to_string().eq_ignore_ascii_case(policy));
        let mut body = found.ok_or_else(|| Refusal::missing(policy))?.body();
        if let Some(members) = body.as_object_mut() {
            let context = format!("{}/$metadata#identity/conditionalAccess/policies/$entity", call.base());
            members.insert("@odata.context".to_owned(), context.into());
        }
        Ok(Reply::value(&body))
    }

    pub(super) fn get_security_defaults(&self, call: &Call) -> Reply {
        Reply::value(&json!({
            "@odata.context": format!("{}/$metadata#policies/identitySecurityDefaultsEnforcementPolicy/$entity", call.base()),
            "id": "00000000-0000-0000-0000-000000000005",
            "displayName": "Security Defaults",
            "description": "A set of basic identity security mechanisms.",
            "isEnabled": self.security_defaults,
        }))
    }
}

/// The text members of a body, for filters.
struct Fields<'a>(&'a Value);

impl super::json::Row for Fields<'_> {
    fn property(&self, name: &str) -> Option<super::json::Value<'_>> {
        self.0.get(name).and_then(Value::as_str).map(super::json::Value::Text)
    }
}
