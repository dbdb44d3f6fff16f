//! What in the tenant collides with a plan, as findings of `doctor`: what else requires MFA, so that an announced date would be false.
//!
//! Reads the policies and security defaults; [`collisions`] judges them.

use serde_json::Value;

use crate::enforcement::collisions::{Collision, Facts, Kind, Own, Weight, collisions};
use crate::enforcement::{is_named, policy_id as id};
use crate::graph::Graph;
use crate::graph::roles::ADMIN;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Target, Trouble, Way};
use crate::rollout::plan::Enforcement;
use crate::rollout::preflight::{Finding, Severity, Who, unchecked};

/// Where the global administrators are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admins {
    /// Some are in a stage.
    InScope,
    /// None is in any stage, as far as it could be read.
    OutOfScope,
}

/// What else in the tenant requires MFA, beside what the plan itself switches. Own MFA states are not asked for: there is one request
/// for each person.
pub(super) async fn collide(graph: &Graph, enforcement: &Enforcement, target: Option<Target>, admins: Admins) -> Vec<Finding> {
    let (own, expected) = match (target, enforcement) {
        (Some(Target::Group { group, policy }), Enforcement::ConditionalAccess { leaves: Some(_), .. }) => {
            (Own::Policy { group, policy }, Some(Kind::SecurityDefaults))
        }
        (Some(Target::Group { group, policy }), _) => (Own::Policy { group, policy }, None),
        (Some(Target::Plain { way: Way::Tenant }), _) => (Own::SecurityDefaults, None),
        (Some(Target::Plain { .. }), _) => (Own::PerUser, None),
        // What is wrong with the target is a finding already.
        (None, _) => return Vec::new(),
    };
    let read = async { Ok::<_, Trouble>((graph.policies().await?, graph.security_defaults().await?)) };
    let (policies, defaults) = match read.await {
        Ok(read) => read,
        Err(trouble) => return vec![unchecked("what else in the tenant requires MFA", &trouble.why)],
    };
    let facts = Facts { policies: &policies, security_defaults: Some(defaults), per_user: &[], own };
    let switched_off = match enforcement {
        Enforcement::SecurityDefaults { turn_off } => turn_off.as_slice(),
        _ => &[],
    };
    let found = collisions(&facts).into_iter().filter(|one| Some(one.kind) != expected);
    let found = found.map(|one| (policies.iter().find(|policy| one.policy.is_some() && id(policy) == one.policy), one));
    let found = found.filter(|(policy, _)| !policy.is_some_and(|policy| is_named(policy, switched_off)));
    let found = found.filter(|(policy, _)| {
        !policy.is_some_and(|policy| roles_alone(policy) == Some(vec![ADMIN]) && admins == Admins::OutOfScope)
    });
    found.map(|(policy, one)| finding(&one, policy)).collect()
}

/// The roles whose holders the policy is about, when it is about nobody else.
fn roles_alone(policy: &Value) -> Option<Vec<ObjectId>> {
    let list =
        |name: &str| policy.pointer(&format!("/conditions/users/{name}")).and_then(Value::as_array).cloned().unwrap_or_default();
    let roles: Vec<ObjectId> =
        list("includeRoles").iter().filter_map(Value::as_str).filter_map(|role| role.parse().ok()).collect();
    (!roles.is_empty() && list("includeUsers").is_empty() && list("includeGroups").is_empty()).then_some(roles)
}

fn finding(collision: &Collision, policy: Option<&Value>) -> Finding {
    let severity = match collision.weight {
        // Nearly every tenant asks its administrators already; the few of a stage can be told so.
        Weight::Now if policy.is_some_and(|policy| roles_alone(policy).is_some()) => Severity::Warning,
        Weight::Now => Severity::Error,
        Weight::Soon => Severity::Warning,
        Weight::Untidy => Severity::Note,
    };
    let (id, title) = match collision.kind {
        Kind::SecurityDefaults => ("collides-security-defaults", "security defaults are on"),
        Kind::OtherPolicy => ("collides-other-policy", "another policy requires MFA"),
        Kind::SameGroup => ("collides-same-group", "another policy that is on includes the enforcement group"),
        Kind::ManagedPolicy => ("collides-managed-policy", "a policy of Microsoft's own requires MFA, or may soon"),
        Kind::Twin => ("collides-twin", "a policy in report-only mode includes the enforcement group too"),
        Kind::PerUser | Kind::Unknown => ("collides-per-user", "people have MFA states of their own"),
    };
    // The sentence names what collides, whose date is false by it, and after the last semicolon what to do.
    let (why, remedy) = collision.why.rsplit_once("; ").unwrap_or((&collision.why, "settle it before anybody is told a date"));
    let who = collision.policy.map_or(Who::Tenant, |policy| Who::Things(vec![policy.to_string()]));
    Finding::new(severity, id, title, why, remedy).of(who)
}
