//! Whether a Conditional Access policy requires MFA of a group, of everything and always; and its fingerprint.
//!
//! Pure. Read leniently: unknown, null and absent members never fail. Invariant: a policy without a problem here asks every member of
//! the group for MFA at every sign-in, exclusions apart.

use serde_json::Value;

use crate::rollout::finish;
use crate::rollout::id::{ObjectId, sha256_hex};
use crate::rollout::observed::{Mode, Reach, Takes};

/// Which mode the policy is in; `None` when the tenant does not say, or says what is not known here.
pub(super) fn mode(policy: &Value) -> Option<Mode> {
    match policy.get("state").and_then(Value::as_str)? {
        "enabled" => Some(Mode::Enabled),
        "enabledForReportingButNotEnforced" => Some(Mode::ReportOnly),
        "disabled" => Some(Mode::Off),
        _ => None,
    }
}

/// What is wrong with the policy; empty when it does what the plan needs. The break-glass accounts are judged elsewhere.
pub(super) fn problems(policy: &Value, group: ObjectId) -> Vec<String> {
    state(policy).into_iter().chain(problems_besides_mode(policy, group)).collect()
}

/// What is wrong with the policy besides its mode: a policy that the program turns on itself begins in report-only mode.
pub(super) fn problems_besides_mode(policy: &Value, group: ObjectId) -> Vec<String> {
    let widened = (reach(policy) == Reach::Everybody).then(|| finish::WIDENED.to_owned());
    widened.into_iter().chain(problems_besides_switches(policy, group)).collect()
}

/// What is wrong with it besides that, and besides whom it is about: the program changes that, too, at the finish.
pub(super) fn problems_besides_switches(policy: &Value, group: ObjectId) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(grant(policy));
    problems.extend(users(policy, group));
    problems.extend(resources(policy));
    problems.extend(narrowed(policy));
    problems
}

/// Why a policy about everybody would not require MFA of them always; empty when it does.
pub(super) fn problems_for_everybody(policy: &Value) -> Vec<String> {
    let problems = state(policy).into_iter().chain(grant(policy)).chain(resources(policy));
    problems.chain(narrowed(policy)).collect()
}

/// The policy's id.
pub(super) fn id(policy: &Value) -> Option<ObjectId> {
    policy.get("id")?.as_str()?.parse().ok()
}

/// Whether one of these is the policy's id or name.
pub(super) fn is_named(policy: &Value, names: &[String]) -> bool {
    let has = |field: &str| policy.get(field).and_then(Value::as_str).is_some_and(|text| names.iter().any(|name| name == text));
    has("displayName") || has("id")
}

/// Whom the policy is about, its exclusions apart.
pub(super) fn reach(policy: &Value) -> Reach {
    let all = list(policy, "/conditions/users/includeUsers").any(|user| user.eq_ignore_ascii_case("All"));
    if all { Reach::Everybody } else { Reach::Group }
}

/// The groups that the policy excludes.
pub(super) fn excluded_groups(policy: &Value) -> Vec<ObjectId> {
    list(policy, "/conditions/users/excludeGroups").filter_map(|id| id.parse().ok()).collect()
}

/// The users that the policy excludes by id.
pub(super) fn excluded_users(policy: &Value) -> Vec<ObjectId> {
    list(policy, "/conditions/users/excludeUsers").filter_map(|id| id.parse().ok()).collect()
}

/// A hash of state, conditions and grant: the same for the same policy, in whatever order the tenant writes it.
pub(super) fn fingerprint(policy: &Value) -> String {
    hash(policy, &["state", "conditions", "grantControls"])
}

/// The same without the state, of a policy that the program switches itself.
pub(super) fn fingerprint_besides_mode(policy: &Value) -> String {
    hash(policy, &["conditions", "grantControls"])
}

pub(super) fn hash(policy: &Value, parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts.iter().copied() {
        text.push_str(part);
        if let Some(value) = policy.get(part) {
            write(value, part, &mut text);
        }
    }
    sha256_hex(text.as_bytes())
}

/// Writes a value with sorted members; what is null or empty counts as absent; of a strength only its id counts.
fn write(value: &Value, name: &str, text: &mut String) {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items
                .iter()
                .map(|item| {
                    let mut text = String::new();
                    write(item, "", &mut text);
                    text
                })
                .collect();
            items.sort_unstable();
            text.push('[');
            text.push_str(&items.join(","));
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .filter(|(key, value)| !empty(value) && !key.contains('@') && (name != "authenticationStrength" || *key == "id"))
                .collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in members {
                text.push_str(key);
                text.push(':');
                write(value, key, text);
                text.push(';');
            }
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(empty),
        _ => false,
    }
}

fn state(policy: &Value) -> Option<String> {
    let why = match mode(policy) {
        Some(Mode::Enabled) => return None,
        Some(Mode::ReportOnly) => "the policy is in report-only mode: it records and requires nothing; set it to On",
        Some(Mode::Off) => "the policy is Off; set it to On",
        None => "the policy's state cannot be told; set it to On",
    };
    Some(why.to_owned())
}

/// Why what the policy grants access for is not MFA; none when it is.
pub(super) fn grant(policy: &Value) -> Option<String> {
    let controls: Vec<_> = list(policy, "/grantControls/builtInControls").collect();
    let strength = strength(policy);
    let others = controls.iter().filter(|control| !control.eq_ignore_ascii_case("mfa")).count()
        + list(policy, "/grantControls/customAuthenticationFactors").count()
        + list(policy, "/grantControls/termsOfUse").count();
    let requires = strength.is_some() || controls.iter().any(|control| control.eq_ignore_ascii_case("mfa"));
    let any_one =
        !policy.pointer("/grantControls/operator").and_then(Value::as_str).is_some_and(|op| op.eq_ignore_ascii_case("AND"));
    if controls.iter().any(|control| control.eq_ignore_ascii_case("block")) {
        Some("the policy blocks access instead of requiring MFA; grant access and require MFA".to_owned())
    } else if !requires {
        Some("the policy requires neither MFA nor an authentication strength; require one of them".to_owned())
    } else if any_one && others > 0 {
        Some("the policy is content with another control in place of MFA; require all the selected controls".to_owned())
    } else {
        strength.and_then(super::strength::problem)
    }
}

/// The authentication strength that the policy requires.
fn strength(policy: &Value) -> Option<&Value> {
    policy.pointer("/grantControls/authenticationStrength").filter(|strength| !empty(strength))
}

/// Which methods satisfy the policy.
pub(super) fn takes(policy: &Value) -> Takes {
    let mut controls = list(policy, "/grantControls/builtInControls");
    let plain = strength(policy).is_none() && controls.all(|control| control.eq_ignore_ascii_case("mfa"));
    let others = ["/grantControls/customAuthenticationFactors", "/grantControls/termsOfUse"];
    let alone = others.into_iter().all(|path| list(policy, path).next().is_none());
    if plain && alone { Takes::AnyMethod } else { Takes::Less }
}

/// Whether the policy grants access for MFA, be it beside another control.
pub(super) fn asks_for_mfa(policy: &Value) -> bool {
    let mut controls = list(policy, "/grantControls/builtInControls");
    strength(policy).is_some() || controls.any(|control| control.eq_ignore_ascii_case("mfa"))
}

fn users(policy: &Value, group: ObjectId) -> Vec<String> {
    let names_group = |path: &str| list(policy, path).any(|id| id.parse() == Ok(group));
    let mut problems = Vec::new();
    if reach(policy) == Reach::Group && !names_group("/conditions/users/includeGroups") {
        problems.push("the policy does not include the enforcement group; include it".to_owned());
    }
    if names_group("/conditions/users/excludeGroups") {
        problems.push("the policy excludes the enforcement group; take the exclusion away".to_owned());
    }
    problems
}

pub(super) fn resources(policy: &Value) -> Option<String> {
    let all = list(policy, "/conditions/applications/includeApplications").any(|app| app.eq_ignore_ascii_case("All"));
    (!all).then(|| "the policy does not cover all resources; include all of them".to_owned())
}

/// Conditions under which the policy would ask some people, or at some times, only.
pub(super) fn narrowed(policy: &Value) -> Vec<String> {
    let risks = ["signInRiskLevels", "userRiskLevels", "insiderRiskLevels"];
    let at = |name: &str| policy.pointer(&format!("/conditions/{name}")).filter(|value| !empty(value));
    let only = |path: &str, all: &str| {
        list(policy, path).next().is_some() && !list(policy, path).any(|item| item.eq_ignore_ascii_case(all))
    };
    let apps: Vec<_> = list(policy, "/conditions/clientAppTypes").collect();
    let modern =
        ["browser", "mobileAppsAndDesktopClients"].iter().all(|kind| apps.iter().any(|app| app.eq_ignore_ascii_case(kind)));
    let every_app = apps.is_empty() || modern || apps.iter().any(|app| app.eq_ignore_ascii_case("all"));
    let mut problems = Vec::new();
    let mut narrow = |narrow: bool, what: &str| {
        if narrow {
            problems.push(format!("the policy applies only to {what}; take that condition away"));
        }
    };
    narrow(risks.iter().any(|risk| at(risk).is_some()), "some risk levels");
    narrow(only("/conditions/platforms/includePlatforms", "all"), "some device platforms");
    narrow(only("/conditions/locations/includeLocations", "All"), "some locations");
    narrow(at("authenticationFlows").is_some(), "some authentication flows");
    narrow(!every_app, "some client apps");
    problems
}

pub(super) fn list<'a>(policy: &'a Value, path: &str) -> impl Iterator<Item = &'a str> {
    policy.pointer(path).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GROUP: &str = "11111111-1111-4111-8111-111111111111";

    fn sound() -> Value {
        json!({"id": "99999999-9999-4999-8999-999999999999", "displayName": "Require MFA", "state": "enabled", "sessionControls": null,
            "conditions": {
                "clientAppTypes": ["all"], "signInRiskLevels": [], "platforms": null, "locations": null,
                "users": {"includeUsers": [], "excludeUsers": [], "includeGroups": [GROUP], "excludeGroups": []},
                "applications": {"includeApplications": ["All"], "excludeApplications": []}},
            "grantControls": {"operator": "OR", "builtInControls": ["mfa"], "customAuthenticationFactors": [], "termsOfUse": []}})
    }

    fn with(path: &str, value: Value) -> Value {
        let mut policy = sound();
        *policy.pointer_mut(path).unwrap() = value;
        policy
    }

    #[test]
    fn a_sound_policy_has_no_problem_and_each_fault_its_own() {
        let group = GROUP.parse().unwrap();
        let none = Vec::<String>::new();
        assert_eq!(problems(&sound(), group), none);
        let strength = json!({"operator": "OR", "builtInControls": [], "authenticationStrength": {"id": "00000000-0000-0000-0000-000000000004"}});
        assert_eq!(problems(&with("/grantControls", strength), group), none);
        let both = json!({"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]});
        assert_eq!(problems(&with("/grantControls", both), group), none);
        assert_eq!(
            problems(
                &with("/conditions/locations", json!({"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]})),
                group
            ),
            none
        );
        for (path, value, word) in [
            ("/state", json!("disabled"), "Off"),
            ("/state", json!("enabledForReportingButNotEnforced"), "report-only"),
            ("/state", json!("somethingNew"), "cannot be told"),
            ("/state", json!(null), "cannot be told"),
            ("/grantControls", json!(null), "neither MFA"),
            ("/grantControls/builtInControls", json!(["block"]), "blocks"),
            ("/grantControls/builtInControls", json!(["compliantDevice"]), "neither MFA"),
            ("/grantControls/builtInControls", json!(["mfa", "compliantDevice"]), "in place of MFA"),
            ("/grantControls/termsOfUse", json!(["x"]), "in place of MFA"),
            ("/grantControls", json!({"authenticationStrength": {"id": "a", "requirementsSatisfied": "none"}}), "not MFA"),
            ("/conditions/users/includeGroups", json!([]), "does not include"),
            ("/conditions/users/includeUsers", json!(["All"]), "all users"),
            ("/conditions/users/excludeGroups", json!([GROUP]), "excludes the enforcement group"),
            ("/conditions/users", json!(null), "does not include"),
            ("/conditions/applications/includeApplications", json!(["Office365"]), "all resources"),
            ("/conditions/signInRiskLevels", json!(["high"]), "risk"),
            ("/conditions/platforms", json!({"includePlatforms": ["iOS"]}), "platforms"),
            ("/conditions/locations", json!({"includeLocations": ["AllTrusted"]}), "locations"),
            ("/conditions/clientAppTypes", json!(["exchangeActiveSync"]), "client apps"),
        ] {
            let found = problems(&with(path, value), group);
            assert_eq!(found.len(), 1, "{word}: {found:?}");
            assert!(found[0].contains(word), "{word}: {found:?}");
        }
        assert!(!problems(&json!(null), group).is_empty());
    }

    #[test]
    fn the_mode_is_told_apart_from_what_else_is_wrong() {
        let group = GROUP.parse().unwrap();
        for (state, expected) in [
            (json!("enabled"), Some(Mode::Enabled)),
            (json!("enabledForReportingButNotEnforced"), Some(Mode::ReportOnly)),
            (json!("disabled"), Some(Mode::Off)),
            (json!("somethingNew"), None),
            (json!(null), None),
        ] {
            let policy = with("/state", state);
            assert_eq!((mode(&policy), problems_besides_mode(&policy, group)), (expected, Vec::new()));
            assert_eq!(problems(&policy, group).is_empty(), expected == Some(Mode::Enabled));
        }
    }

    #[test]
    fn the_fingerprint_follows_meaning_and_not_order() {
        let mut other = sound();
        other["displayName"] = json!("renamed");
        other["conditions"]["devices"] = json!(null);
        other["conditions"]["users"]["includeGroups@odata.context"] = json!("x");
        assert_eq!(fingerprint(&sound()), fingerprint(&other));
        let two = |ids: [&str; 2]| fingerprint(&with("/conditions/users/excludeUsers", json!(ids)));
        assert_eq!(two(["a", "b"]), two(["b", "a"]));
        assert_ne!(two(["a", "b"]), fingerprint(&sound()));
        assert_ne!(fingerprint(&with("/state", json!("disabled"))), fingerprint(&sound()));
    }
}
