//! Examples of what `doctor`, `what-if` and `setup` read and ask.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate::rollout::preflight::facts::{Facts, Organization, SignIn};

use super::canned::{Tenant, wait};
use super::table::{shape_of, somebody};

fn facts(part: &'static str, example: &str) -> Facts {
    let tenant = Tenant::with(part, 200, example);
    wait(tenant.graph.facts(tenant.clock.now(), None, &[])).unwrap()
}

fn parsed(example: &str) -> Value {
    serde_json::from_str(example).unwrap()
}

pub(super) fn methods(example: &str) {
    let read = facts("/policies/authenticationMethodsPolicy", example).methods.unwrap();
    let shown = parsed(example);
    let shown = shown["authenticationMethodConfigurations"].as_array().unwrap();
    let enabled: BTreeSet<_> =
        shown.iter().filter(|method| method["state"] == "enabled").map(|method| method["id"].as_str().unwrap()).collect();
    assert_eq!(read.enabled.iter().map(String::as_str).collect::<BTreeSet<_>>(), enabled);
    assert_eq!((read.prompt.as_deref(), read.migrated), (Some("default"), None));
}

/// How its people sign in is said in a word that nobody knows, so the domain counts as an ordinary one.
pub(super) fn domains(example: &str) {
    let read = facts("/domains", example).domains.unwrap();
    let read: Vec<_> = read.iter().map(|domain| (domain.name.as_str(), domain.initial, &domain.sign_in)).collect();
    assert_eq!(read, [("contoso.com", true, &SignIn::Managed)]);
}

/// Neither subscription holds a plan with Conditional Access.
pub(super) fn licences(example: &str) {
    let read = facts("/subscribedSkus", example).premium.unwrap();
    assert_eq!((read.enabled, read.lapsing), (0, 0));
    let with_plan = example.replace("8c098270-9dd4-4350-9b30-ba4703f3b36b", "41781fb2-bc02-4b7c-bd55-b576c07bb09d");
    let read = facts("/subscribedSkus", &with_plan).premium.unwrap();
    assert_eq!((read.enabled, read.lapsing), (1, 0), "and with P1 in the first one, that counts");
}

pub(super) fn organization(example: &str) {
    let read = facts("/organization", example).organization.unwrap();
    assert_eq!(read, Organization { synced: false, last_sync: None });
}

pub(super) fn strengths(example: &str) {
    let tenant = Tenant::with("/authenticationStrengthPolicies", 200, example);
    let read = wait(tenant.graph.strengths()).unwrap();
    assert_eq!(read.len(), parsed(example)["value"].as_array().unwrap().len());
}

pub(super) fn evaluated(example: &str) {
    let tenant = Tenant::with("/evaluate", 200, example);
    let read = wait(tenant.graph.what_if(somebody(1), somebody(2))).unwrap();
    let shown = parsed(example);
    assert_eq!(read.len(), shown["value"].as_array().unwrap().len());
    assert!(read.iter().all(|policy| policy["policyApplies"] == true && policy["state"] == "enabledForReportingButNotEnforced"));
}

/// We ask about less, and in the members that the example shows.
pub(super) fn evaluates(example: &str) {
    let tenant = Tenant::with("/evaluate", 200, r#"{"value":[]}"#);
    assert!(wait(tenant.graph.what_if(somebody(1), somebody(2))).unwrap().is_empty());
    let ours = shape_of(&tenant.bodies("/evaluate")[0]);
    let theirs = shape_of(example);
    assert!(ours.is_subset(&theirs), "{:?}", ours.difference(&theirs));
    for part in ["signInIdentity", "signInContext", "signInConditions"] {
        assert!(ours.iter().any(|place| place.contains(part)), "{part}: {ours:?}");
    }
}
