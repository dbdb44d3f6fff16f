//! What collides with the plan while it runs: read now and then, and weighed. [`super::collisions`] judges.
//!
//! Changes nothing. Invariant: a collision holds the rollout only when it makes the date of everybody false.

use serde_json::Value;

use super::collisions::{self, Facts, Kind, Own, collisions};
use super::policy::{self, id, is_named, list};
use super::switching;
use crate::graph::Graph;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Collision, Reach, Target, Trouble, Way, Weight};
use crate::rollout::plan::Enforcement;

/// Reads the policies, security defaults, and the own MFA states of `people`.
pub(super) async fn read(
    graph: &Graph,
    target: Target,
    enforcement: &Enforcement,
    people: &[ObjectId],
) -> Result<Vec<Collision>, Trouble> {
    let own = match target {
        Target::Group { group, policy } => Own::Policy { group, policy },
        Target::Plain { way: Way::Tenant } => Own::SecurityDefaults,
        Target::Plain { .. } => Own::PerUser,
    };
    let (policies, defaults) = (graph.policies().await?, graph.security_defaults().await?);
    let states = graph.per_user(people).await;
    let per_user = states.as_deref().unwrap_or_default();
    let mut found = weighed(&Facts { policies: &policies, security_defaults: Some(defaults), per_user, own }, enforcement);
    if let Err(trouble) = &states {
        let why = format!("whether people have MFA states of their own is not known: {}", trouble.why);
        found.push(Collision { what: "per-user".to_owned(), weight: Weight::Warns, why });
    }
    Ok(found)
}

/// What collides, but for what the plan itself switches.
fn weighed(facts: &Facts<'_>, enforcement: &Enforcement) -> Vec<Collision> {
    let leaves = matches!(enforcement, Enforcement::ConditionalAccess { leaves: Some(_), .. });
    let mut weighed = Vec::new();
    for found in collisions(facts) {
        let policy = facts.policies.iter().find(|policy| found.policy.is_some() && id(policy) == found.policy);
        let switched = policy.is_some_and(|policy| is_named(policy, switching::named(enforcement)));
        if switched || leaves && found.kind == Kind::SecurityDefaults {
            continue;
        }
        let holds = match found.kind {
            Kind::SecurityDefaults => true,
            Kind::OtherPolicy | Kind::ManagedPolicy => {
                found.weight == collisions::Weight::Now && policy.is_some_and(reaches_everybody)
            }
            Kind::SameGroup | Kind::Twin | Kind::PerUser | Kind::Unknown => false,
        };
        let what = match (found.policy, found.kind) {
            (Some(policy), _) => policy.to_string(),
            (None, Kind::SecurityDefaults) => "security-defaults".to_owned(),
            (None, _) => "per-user".to_owned(),
        };
        let weight = if holds { Weight::Holds } else { Weight::Warns };
        weighed.push(Collision { what, weight, why: found.why });
    }
    weighed
}

/// Whether nobody but single accounts is left out.
fn reaches_everybody(policy: &Value) -> bool {
    policy::reach(policy) == Reach::Everybody
        && list(policy, "/conditions/users/excludeGroups").next().is_none()
        && list(policy, "/conditions/users/excludeRoles").next().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rollout::observed::{PerUser, Toggle};
    use crate::rollout::plan::Leaves;

    fn oid(n: u128) -> ObjectId {
        ObjectId::from_bits(n)
    }

    fn policy(n: u128, name: &str, state: &str, users: &Value) -> Value {
        json!({"id": oid(n), "displayName": name, "state": state,
            "conditions": {"clientAppTypes": ["all"], "applications": {"includeApplications": ["All"]}, "users": users},
            "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}})
    }

    #[test]
    fn only_what_makes_the_date_of_everybody_false_holds() {
        let enforcement = |leaves: Option<Leaves>| Enforcement::ConditionalAccess {
            group: "g".to_owned(),
            policy: "p".to_owned(),
            manage_policy: leaves.is_some(),
            leaves,
        };
        let own = Own::Policy { group: oid(0xff01), policy: oid(0xff02) };
        let all = json!({"includeUsers": ["All"], "excludeUsers": [oid(1)]});
        let but = json!({"includeUsers": ["All"], "excludeGroups": [oid(2)]});
        let group = json!({"includeGroups": [oid(3)]});
        let weigh = |policies: &[Value], defaults, per_user: &[_], leaves: Option<Leaves>| -> Vec<(String, Weight)> {
            let facts = Facts { policies, security_defaults: Some(defaults), per_user, own };
            weighed(&facts, &enforcement(leaves)).into_iter().map(|found| (found.what, found.weight)).collect()
        };
        for (policy, weight) in [
            (policy(7, "All", "enabled", &all), Some(Weight::Holds)),
            (policy(7, "All", "disabled", &all), None),
            (policy(7, "All but", "enabled", &but), Some(Weight::Warns)),
            (policy(7, "Group", "enabled", &group), Some(Weight::Warns)),
            (policy(7, "Microsoft-managed: x", "enabledForReportingButNotEnforced", &all), Some(Weight::Warns)),
            (policy(0xff02, "Ours", "enabled", &all), None),
        ] {
            let expected: Vec<_> = weight.map(|weight| (oid(7).to_string(), weight)).into_iter().collect();
            assert_eq!(weigh(std::slice::from_ref(&policy), Toggle::Off, &[], None), expected, "{policy:#}");
        }
        assert_eq!(weigh(&[], Toggle::On, &[], None), [("security-defaults".to_owned(), Weight::Holds)]);
        let leaves = Leaves { turn_on: vec!["All".to_owned()], after: None };
        assert_eq!(weigh(&[policy(7, "All", "enabled", &all)], Toggle::On, &[], Some(leaves)), [], "the plan's own doing");
        let own_states = [(oid(4), Some(PerUser::Enforced))];
        assert_eq!(weigh(&[], Toggle::Off, &own_states, None), [("per-user".to_owned(), Weight::Warns)]);
    }
}
