//! Reading conditional-access policies and security defaults.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;
use super::users::refuse_options;

impl Tenant {
    /// Display names of all policies.
    #[must_use]
    pub fn policy_names(&self) -> Vec<String> {
        self.policies.iter().map(|policy| policy.name.clone()).collect()
    }

    /// Every policy as a client reads it, but for when it was changed.
    pub fn policy_bodies(&self) -> Vec<Value> {
        let bodies = self.policies.iter().map(super::policy::Policy::body);
        let undated = |mut body: Value| {
            body["modifiedDateTime"] = Value::Null;
            body
        };
        bodies.map(undated).collect()
    }

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
            "isEnabled": self.has_defaults(),
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

#[cfg(test)]
mod tests {
    use super::super::change::Change;
    use super::super::policy::State;
    use super::super::probe::{Probe, calm};
    use super::super::tenant::{ENFORCED_GROUP, POLICY};

    #[test]
    fn the_policy_is_about_the_group_and_shows_what_others_do_to_it() {
        let mut probe = Probe::new(calm(40));
        let path = "/identity/conditionalAccess/policies";
        let policies = probe.all(path);
        assert_eq!(policies.len(), 3);
        let policy = policies.iter().find(|policy| policy["displayName"] == POLICY).unwrap();
        assert_eq!(policy["conditions"]["users"]["includeGroups"][0], probe.group(ENFORCED_GROUP));
        assert_eq!(policy["conditions"]["users"]["excludeUsers"].as_array().unwrap().len(), 2);
        let one = format!("{path}/{}", policy["id"].as_str().unwrap());
        let now = probe.now;
        probe.tenant.change(now, Change::SetPolicy { policy: POLICY.to_owned(), state: State::Disabled }).unwrap();
        let people = vec!["bg1@contoso.example".to_owned()];
        probe.tenant.change(now, Change::SetExclusions { policy: POLICY.to_owned(), people }).unwrap();
        let (_, policy) = probe.get(&one);
        assert_eq!(policy["state"], "disabled");
        assert_eq!(policy["conditions"]["users"]["excludeUsers"].as_array().unwrap().len(), 1);
        assert_eq!(probe.get(&format!("{path}/99999999-9999-4999-8999-999999999999")).0, 404);
    }

    #[test]
    fn security_defaults_show_whether_they_are_on() {
        let mut probe = Probe::new(calm(40));
        let path = "/policies/identitySecurityDefaultsEnforcementPolicy";
        assert_eq!(probe.get(path).1["isEnabled"], false);
        probe.tenant.change(probe.now, Change::SecurityDefaults(true)).unwrap();
        assert_eq!(probe.get(path).1["isEnabled"], true);
    }
}
