//! Requests about the switches by which MFA is required: policies, per-user states, security defaults; and what stands on them.
//!
//! Invariant: a policy can only be made in report-only mode, and a group only without members, so that nothing made here requires
//! anything of anybody.

use http::Method;
use serde_json::{Value, json};

use super::call::{Address, Call, Version};
use super::change;
use crate::graph::throttle::Bucket;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Mode, PerUser, Toggle};

const POLICIES: &str = "/identity/conditionalAccess/policies";
const DEFAULTS: &str = "/policies/identitySecurityDefaultsEnforcementPolicy";
const CHANGES_POLICIES: &str = "Policy.ReadWrite.ConditionalAccess (with Policy.Read.All and Application.Read.All)";

/// Something to ask about the switches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// A person's state of per-user MFA.
    PerUser(ObjectId),
    /// Whether security defaults are on.
    SecurityDefaults,
    /// The authentication strengths.
    Strengths,
    /// What each policy would do to a person who signs in to an app.
    WhatIf {
        /// Who.
        person: ObjectId,
        /// The app's client id.
        app: ObjectId,
    },
}

/// A group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewGroup {
    /// Display name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) about: String,
}

/// A policy to be made, in report-only mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewPolicy {
    /// Display name.
    pub(crate) name: String,
    /// The group that it includes.
    pub(crate) group: ObjectId,
    /// Groups that it excludes.
    pub(crate) without_groups: Vec<ObjectId>,
    /// People whom it excludes.
    pub(crate) without_people: Vec<ObjectId>,
    pub(crate) require: Require,
}

/// What a policy requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Require {
    /// The control `mfa`.
    Mfa,
    /// An authentication strength.
    Strength(ObjectId),
}

impl Question {
    /// Template, path, least permission and bucket.
    pub(super) fn parts(&self) -> (&'static str, String, &'static str, Bucket) {
        match self {
            Self::PerUser(person) => (REQUIREMENTS, requirements(*person), "Policy.Read.All", Bucket::PerUser),
            Self::SecurityDefaults => (DEFAULTS, DEFAULTS.to_owned(), "Policy.Read.All", Bucket::Directory),
            Self::Strengths => {
                let path = "/policies/authenticationStrengthPolicies";
                (path, path.to_owned(), "Policy.Read.AuthenticationMethod", Bucket::Directory)
            }
            Self::WhatIf { .. } => {
                let path = "/identity/conditionalAccess/evaluate";
                (path, path.to_owned(), "Policy.Read.ConditionalAccess", Bucket::Policies)
            }
        }
    }

    /// Method, version and body.
    pub(super) fn manner(&self) -> (Method, Version, Option<Value>) {
        match self {
            Self::PerUser(_) => (Method::GET, Version::Beta, None),
            Self::SecurityDefaults | Self::Strengths => (Method::GET, Version::One, None),
            Self::WhatIf { person, app } => {
                let body = json!({
                    "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": person.to_string()},
                    "signInContext": {
                        "@odata.type": "#microsoft.graph.applicationContext",
                        "includeApplications": [app.to_string()],
                    },
                    // An everyday sign-in, with which no risk is connected.
                    "signInConditions": {
                        "devicePlatform": "windows",
                        "clientAppType": "browser",
                        "signInRiskLevel": "none",
                        "userRiskLevel": "none",
                    },
                    // Those that do not apply say why.
                    "appliedPoliciesOnly": false,
                });
                (Method::POST, Version::One, Some(body))
            }
        }
    }
}

const REQUIREMENTS: &str = "/users/{id}/authentication/requirements";

fn requirements(person: ObjectId) -> String {
    format!("/users/{person}/authentication/requirements")
}

pub(super) fn set_per_user(person: ObjectId, state: PerUser) -> Call {
    let place = (REQUIREMENTS, Address::Relative(requirements(person)));
    let body = json!({"perUserMfaState": per_user_text(state)});
    let call = change(Method::PATCH, place, ("Policy.ReadWrite.AuthenticationMethod", Bucket::PerUser), body.to_string(), 204);
    Call { version: Version::Beta, ..call }
}

pub(super) fn set_security_defaults(toggle: Toggle) -> Call {
    let place = (DEFAULTS, Address::Relative(DEFAULTS.to_owned()));
    let body = json!({"isEnabled": toggle == Toggle::On});
    change(Method::PATCH, place, ("Policy.ReadWrite.SecurityDefaults", Bucket::Directory), body.to_string(), 204)
}

/// Changes these members of a policy; the tenant keeps the others.
pub(super) fn change_policy(policy: ObjectId, body: &Value) -> Call {
    let place = ("/identity/conditionalAccess/policies/{id}", Address::Relative(format!("{POLICIES}/{policy}")));
    change(Method::PATCH, place, (CHANGES_POLICIES, Bucket::Policies), body.to_string(), 204)
}

pub(super) fn create_policy(policy: &NewPolicy) -> Call {
    let place = (POLICIES, Address::Relative(POLICIES.to_owned()));
    change(Method::POST, place, (CHANGES_POLICIES, Bucket::Policies), policy.body().to_string(), 201)
}

pub(super) fn create_group(group: &NewGroup) -> Call {
    let place = ("/groups", Address::Relative("/groups".to_owned()));
    change(Method::POST, place, ("Group.Create", Bucket::Writes), group.body().to_string(), 201)
}

/// The state as the tenant writes it.
const fn per_user_text(state: PerUser) -> &'static str {
    match state {
        PerUser::Disabled => "disabled",
        PerUser::Enabled => "enabled",
        PerUser::Enforced => "enforced",
    }
}

/// The state of this name; `None` for one that is not known.
pub(crate) fn per_user_named(name: &str) -> Option<PerUser> {
    let all = [PerUser::Disabled, PerUser::Enabled, PerUser::Enforced];
    all.into_iter().find(|state| per_user_text(*state).eq_ignore_ascii_case(name))
}

/// The mode as the tenant writes it.
pub(super) const fn mode_text(mode: Mode) -> &'static str {
    match mode {
        Mode::Enabled => "enabled",
        Mode::ReportOnly => "enabledForReportingButNotEnforced",
        Mode::Off => "disabled",
    }
}

impl NewGroup {
    /// The body that makes it.
    pub(crate) fn body(&self) -> Value {
        // At most 64 ASCII characters, without those that no address has.
        let nickname: String = self.name.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let nickname = if nickname.is_empty() { "tidegate".to_owned() } else { nickname };
        json!({
            "displayName": self.name,
            "description": self.about,
            "groupTypes": [],
            "mailEnabled": false,
            "mailNickname": nickname,
            "securityEnabled": true,
        })
    }
}

impl NewPolicy {
    /// The body that makes it.
    pub(crate) fn body(&self) -> Value {
        let grant = match self.require {
            Require::Mfa => json!({"operator": "OR", "builtInControls": ["mfa"]}),
            Require::Strength(id) => {
                json!({"operator": "OR", "builtInControls": [], "authenticationStrength": {"id": id.to_string()}})
            }
        };
        let texts = |ids: &[ObjectId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "displayName": self.name,
            "state": mode_text(Mode::ReportOnly),
            "conditions": {
                "clientAppTypes": ["all"],
                "applications": {"includeApplications": ["All"]},
                "users": {
                    "includeUsers": [],
                    "includeGroups": [self.group.to_string()],
                    "excludeUsers": texts(&self.without_people),
                    "excludeGroups": texts(&self.without_groups),
                },
            },
            "grantControls": grant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Mutation, Read};
    use super::*;

    const ROOT: &str = "https://g.example";

    fn id(n: u128) -> ObjectId {
        ObjectId::from_bits(n)
    }

    #[test]
    fn a_removal_ends_in_ref_alone_and_in_an_envelope() {
        let call = Mutation::Unbind { group: id(1), person: id(2) }.call(ROOT);
        assert_eq!((call.method(), call.done(), call.effect()), (&Method::DELETE, 204, Effect::Change));
        let path = format!("/groups/{}/members/{}/$ref", id(1), id(2));
        assert_eq!(call.address(ROOT), format!("{ROOT}/v1.0{path}"));
        let envelope = Call::envelope(&[&call]);
        let member = json!({"requests": [{"id": "0", "method": "DELETE", "url": path}]});
        assert_eq!(envelope.body().and_then(|body| serde_json::from_str::<Value>(body).ok()), Some(member));
        assert!(!call.deletes_an_object());
        let other = Call { address: Address::Relative(path.trim_end_matches("/$ref").to_owned()), ..call };
        assert!(other.deletes_an_object());
    }

    #[test]
    fn per_user_states_are_asked_and_set_below_beta_and_in_envelopes_there() {
        let set = Mutation::SetPerUser { person: id(1), state: PerUser::Enabled }.call(ROOT);
        let read = Read::Switch(Question::PerUser(id(1))).call();
        for call in [&set, &read] {
            assert_eq!(call.address(ROOT), format!("{ROOT}/beta/users/{}/authentication/requirements", id(1)));
            assert_eq!(Call::envelope(&[call]).address(ROOT), format!("{ROOT}/beta/$batch"));
        }
        assert_eq!(set.body(), Some(r#"{"perUserMfaState":"enabled"}"#));
        assert_eq!(per_user_named("Enforced"), Some(PerUser::Enforced));
        assert_eq!(per_user_named("somethingNew"), None);
    }

    #[test]
    fn a_policy_is_made_in_report_only_mode_and_its_state_changes_alone() {
        let policy = NewPolicy {
            name: "Require MFA".to_owned(),
            group: id(1),
            without_groups: vec![id(2)],
            without_people: vec![id(3)],
            require: Require::Strength(id(4)),
        };
        let body = Mutation::CreatePolicy(policy).call(ROOT);
        let body: Value = serde_json::from_str(body.body().unwrap()).unwrap();
        assert_eq!(body["state"], "enabledForReportingButNotEnforced");
        assert_eq!(body["conditions"]["users"]["includeGroups"], json!([id(1).to_string()]));
        assert_eq!(body["grantControls"]["authenticationStrength"]["id"], id(4).to_string());
        let call = Mutation::SetPolicyState { policy: id(5), state: Mode::Enabled }.call(ROOT);
        assert_eq!((call.method(), call.body()), (&Method::PATCH, Some(r#"{"state":"enabled"}"#)));
        assert_eq!(call.bucket(), Bucket::Policies);
    }

    #[test]
    fn a_group_gets_a_nickname_of_ascii_letters() {
        for (name, nickname) in [("MFA Enforced", "MFAEnforced"), ("ÄÖ", "tidegate"), ("a@b(c)", "abc")] {
            let body = NewGroup { name: name.to_owned(), about: String::new() }.body();
            assert_eq!(body["mailNickname"], nickname);
        }
    }
}
