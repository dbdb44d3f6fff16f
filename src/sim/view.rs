//! What those who set a simulated tenant up need to see of it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::person::{Kind, PerUser};
use super::tenant::Tenant;
use crate::rollout::id::ObjectId;

impl Tenant {
    /// Ordinary people with an enabled account, in the order of the directory.
    #[must_use]
    pub fn ordinary_people(&self) -> Vec<ObjectId> {
        let ordinary = self.people.iter().filter(|person| person.kind == Kind::Ordinary && person.is_enabled());
        ordinary.map(|person| person.id).collect()
    }

    /// Object ids of the break-glass accounts, as text.
    #[must_use]
    pub fn break_glass_ids(&self) -> Vec<String> {
        let accounts = self.people.iter().filter(|person| person.kind == Kind::BreakGlass);
        accounts.map(|person| person.id_text.clone()).collect()
    }

    /// What names a person or reaches one, of everybody: user principal names, display names, mail addresses.
    #[must_use]
    pub fn names_and_addresses(&self) -> Vec<String> {
        let of =
            |person: &super::person::Person| [Some(person.upn.clone()), Some(person.display_name.clone()), person.mail.clone()];
        self.people.iter().flat_map(of).flatten().collect()
    }

    /// How everything stands by which MFA can be required, other than groups: each policy as it is served, less when it was changed;
    /// security defaults; and the states of per-user MFA, by id, of those for whom it is not disabled.
    #[must_use]
    pub fn switches_at(&self, now: Timestamp) -> Value {
        let policies = self.policies.iter().map(|policy| {
            let mut body = policy.body();
            body.as_object_mut().and_then(|members| members.remove("modifiedDateTime"));
            (policy.name.clone(), body)
        });
        let states = self.people.iter().filter_map(|person| {
            let state = self.per_user_at(person, now);
            (state != PerUser::Disabled).then(|| (person.id_text.clone(), Value::from(state.as_str())))
        });
        json!({
            "policies": policies.collect::<Map<String, Value>>(),
            "security_defaults": self.has_defaults(),
            "per_user": states.collect::<Map<String, Value>>(),
        })
    }

    /// From now on an answer takes this long.
    pub const fn set_latency(&mut self, latency: std::time::Duration) {
        self.profile.service.latency = latency;
    }

    /// Whether a group has this display name.
    #[must_use]
    pub fn has_group(&self, name: &str) -> bool {
        self.group_named(name).is_some()
    }
}
