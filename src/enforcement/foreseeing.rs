//! What Microsoft's What-If says about the plan's policy when people sign in. [`crate::rollout::what_if`] judges.
//!
//! Changes nothing. Invariant: an answer without the policy, or that does not say whether it applies, says nothing.

use serde_json::Value;

use super::policy;
use crate::graph::Graph;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Evaluation, Foreseen, Target, Trouble, TroubleKind};

/// Exchange Online, where nearly everybody signs in. A policy that is fit covers all apps, so that any one would do.
pub(crate) const APP: &str = "00000002-0000-0ff1-ce00-000000000000";

/// Reasons longer than this are no names of Microsoft's.
const LONGEST: usize = 40;

/// Asks about one person after the other, in the order given.
pub(super) async fn read(graph: &Graph, target: Target, people: &[ObjectId]) -> Result<Vec<Evaluation>, Trouble> {
    let unusable = |why: &str| Trouble { kind: TroubleKind::Unusable, why: why.to_owned() };
    let Target::Group { policy, .. } = target else {
        return Err(unusable("What-If is about Conditional Access policies, and the plan names none"));
    };
    let app = APP.parse().map_err(|_| unusable("the app's id is malformed; report this"))?;
    let mut evaluations = Vec::with_capacity(people.len());
    for person in people {
        let rows = graph.what_if(*person, app).await?;
        evaluations.push(Evaluation { person: *person, foreseen: foreseen(&rows, policy) });
    }
    Ok(evaluations)
}

/// What the rows of an answer say about one policy.
fn foreseen(rows: &[Value], policy: ObjectId) -> Foreseen {
    let mut named = rows.iter().filter(|row| policy::id(row) == Some(policy));
    let (Some(row), None) = (named.next(), named.next()) else {
        return Foreseen::Unsaid("the policy is not in the answer, or not once".to_owned());
    };
    match row.get("policyApplies").and_then(Value::as_bool) {
        Some(true) => Foreseen::Applies { mode: policy::mode(row), lacks: policy::grant(row) },
        Some(false) => Foreseen::Spared(reasons(row)),
        None => Foreseen::Unsaid("whether the policy applies is missing".to_owned()),
    }
}

/// Microsoft's names for why a policy does not apply. They end in sentences, so that nothing but a name is taken.
fn reasons(row: &Value) -> Vec<String> {
    let flags = row.get("analysisReasons").and_then(Value::as_str).unwrap_or_default();
    let is_name = |name: &&str| (1..=LONGEST).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    flags.split(',').map(str::trim).filter(is_name).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rollout::observed::Mode;

    #[test]
    fn an_answer_counts_when_it_holds_the_policy_once_and_says_whether_it_applies() {
        let policy = ObjectId::from_bits(7);
        let grant = json!({"operator": "OR", "builtInControls": ["mfa"]});
        let row = |more: Value| {
            let mut row = json!({"id": policy, "state": "enabled", "grantControls": grant, "analysisReasons": "notSet"});
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            row
        };
        let applies = |mode| Foreseen::Applies { mode, lacks: None };
        let spared = |reasons: &[&str]| Foreseen::Spared(reasons.iter().map(|reason| (*reason).to_owned()).collect());
        for (rows, expected) in [
            (vec![row(json!({"policyApplies": true}))], applies(Some(Mode::Enabled))),
            (
                vec![row(json!({"policyApplies": true, "state": "enabledForReportingButNotEnforced"}))],
                applies(Some(Mode::ReportOnly)),
            ),
            (vec![row(json!({"policyApplies": true, "state": "somethingNew", "more": null}))], applies(None)),
            (vec![row(json!({"policyApplies": false, "analysisReasons": "users"}))], spared(&["users"])),
            (
                vec![row(json!({"policyApplies": false, "analysisReasons": "users, time,<b>"})), json!({"id": "other"})],
                spared(&["users", "time"]),
            ),
            (vec![row(json!({"policyApplies": false, "analysisReasons": null}))], spared(&[])),
        ] {
            assert_eq!(foreseen(&rows, policy), expected, "{rows:?}");
        }
        let bare = foreseen(&[row(json!({"policyApplies": true, "grantControls": null}))], policy);
        assert!(matches!(bare, Foreseen::Applies { lacks: Some(_), .. }), "{bare:?}");
        let twice = vec![row(json!({"policyApplies": true})), row(json!({"policyApplies": false}))];
        for rows in [vec![], vec![json!(null)], vec![row(json!({}))], vec![row(json!({"policyApplies": "true"}))], twice] {
            assert!(matches!(foreseen(&rows, policy), Foreseen::Unsaid(_)), "{rows:?}");
        }
    }
}
