//! What else in the tenant requires MFA, or may soon, so that an announced date would be false; and why.
//!
//! Pure: from what was read. Invariant: a policy is named by its id, and whoever is concerned is said; a switch that was not read is
//! not judged.

use serde_json::Value;

use super::policy::{self, list};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Mode, PerUser, Toggle};

/// What was read of the tenant, and what is the plan's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Every policy, as the tenant wrote it.
    pub(crate) policies: &'a [Value],
    /// Security defaults, where they were read.
    pub(crate) security_defaults: Option<Toggle>,
    /// People's states of per-user MFA, as far as they were read.
    pub(crate) per_user: &'a [(ObjectId, Option<PerUser>)],
    pub(crate) own: Own,
}

/// How the plan requires MFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// By this group and policy.
    Policy {
        /// The enforcement group.
        group: ObjectId,
        /// The policy that includes it.
        policy: ObjectId,
    },
    /// By each person's state.
    PerUser,
    /// By the switch for the whole tenant.
    SecurityDefaults,
}

/// Something that collides with the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collision {
    pub(crate) kind: Kind,
    pub(crate) weight: Weight,
    /// The policy that it is about.
    pub(crate) policy: Option<ObjectId>,
    /// People whom it is about, where they are known one by one.
    pub(crate) people: Vec<ObjectId>,
    /// What, whose announced date would be false, and what to do.
    pub(crate) why: String,
}

/// What collides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Security defaults are on.
    SecurityDefaults,
    /// Another policy requires MFA.
    OtherPolicy,
    /// Another policy that is on includes the enforcement group.
    SameGroup,
    /// Microsoft's own policy, on or about to be turned on.
    ManagedPolicy,
    /// A policy in report-only mode includes the enforcement group too.
    Twin,
    /// States of per-user MFA are left behind.
    PerUser,
    /// States of per-user MFA are not known.
    Unknown,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// An announced date is false today.
    Now,
    /// An announced date may become false without anybody's doing here.
    Soon,
    /// No date is false by it, but it confuses.
    Untidy,
}

/// Everything that collides, the gravest first.
pub(crate) fn collisions(facts: &Facts<'_>) -> Vec<Collision> {
    let mut found: Vec<Collision> = facts.policies.iter().filter_map(|policy| of_policy(policy, facts.own)).collect();
    found.extend(of_defaults(facts));
    found.extend(of_states(facts));
    found.sort_by_key(|collision| (collision.weight, collision.kind, collision.policy));
    found
}

fn of_defaults(facts: &Facts<'_>) -> Option<Collision> {
    facts.security_defaults.filter(|switch| *switch == Toggle::On)?;
    let why = match facts.own {
        Own::SecurityDefaults => {
            "security defaults are on already: MFA is required now of everybody who has registered, so that every announced date is \
             false; turn them off until the plan turns them on, or withdraw the dates"
        }
        Own::Policy { .. } => {
            "security defaults are on: MFA is required now of everybody who has registered, so that their announced dates are false, and \
             no policy can be on beside them; move on from security defaults first"
        }
        Own::PerUser => {
            "security defaults are on: MFA is required now of everybody who has registered, so that their announced dates are false; turn \
             them off, or plan with security-defaults"
        }
    };
    Some(Collision { kind: Kind::SecurityDefaults, weight: Weight::Now, policy: None, people: Vec::new(), why: why.to_owned() })
}

fn of_policy(policy: &Value, own: Own) -> Option<Collision> {
    let id: ObjectId = policy.get("id").and_then(Value::as_str)?.parse().ok()?;
    let group = match own {
        Own::Policy { policy, .. } if policy == id => return None,
        Own::Policy { group, .. } => Some(group),
        Own::PerUser | Own::SecurityDefaults => None,
    };
    let whom = whom(policy, group).filter(|_| policy::asks_for_mfa(policy))?;
    let narrow = !policy::narrowed(policy).is_empty() || policy::resources(policy).is_some();
    let at = if narrow { "at some sign-ins only" } else { "at every sign-in" };
    let shares = group.is_some_and(|group| list(policy, "/conditions/users/includeGroups").any(|id| id.parse() == Ok(group)));
    let managed = is_managed(policy);
    let (kind, weight, why) = match (policy::mode(policy), managed) {
        (Some(Mode::Enabled), _) if shares => {
            let why = format!(
                "the policy {id} is on and includes the enforcement group too: two policies require MFA of the same people, {at}, and \
                 turning ours off would not end it; turn one of them off"
            );
            (Kind::SameGroup, Weight::Untidy, why)
        }
        (Some(Mode::Enabled), managed) => {
            let (kind, whose) =
                if managed { (Kind::ManagedPolicy, "Microsoft's own policy") } else { (Kind::OtherPolicy, "the policy") };
            let why = format!(
                "{whose} {id} is on and requires MFA of {whom} {at}: an announced date of any of them who is not enforced yet is false; \
                 exclude them from it until their date, or turn it off"
            );
            (kind, if narrow { Weight::Untidy } else { Weight::Now }, why)
        }
        (Some(Mode::ReportOnly) | None, true) => {
            let why = format!(
                "Microsoft's own policy {id} is in report-only mode, and Microsoft may turn it on by itself: it would then require MFA of \
                 {whom} {at}, and their announced dates would be false; turn it Off, or exclude them from it until their date"
            );
            (Kind::ManagedPolicy, Weight::Soon, why)
        }
        (Some(Mode::ReportOnly), false) if shares => {
            let why = format!(
                "the policy {id} includes the enforcement group too, in report-only mode: its reports count everything twice, and \
                 whoever turns it on has two policies for the same people; delete it when it is not needed"
            );
            (Kind::Twin, Weight::Untidy, why)
        }
        _ => return None,
    };
    Some(Collision { kind, weight, policy: Some(id), people: Vec::new(), why })
}

/// Microsoft names its own policies so, and says from which template they are.
fn is_managed(policy: &Value) -> bool {
    let name = policy.get("displayName").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    name.starts_with("microsoft-managed") || policy.get("templateId").is_some_and(|template| !template.is_null())
}

/// Whom the policy includes, in words; `None` when nobody.
fn whom(policy: &Value, group: Option<ObjectId>) -> Option<String> {
    let names = |path: &'static str| list(policy, path);
    let is = |word: &str| names("/conditions/users/includeUsers").any(|user| user.eq_ignore_ascii_case(word));
    if is("All") {
        let excludes = |path| names(path).next().is_some();
        let ours = names("/conditions/users/excludeGroups").any(|id| group.is_some_and(|group| id.parse() == Ok(group)));
        let but = if ours {
            " but the enforcement group"
        } else if excludes("/conditions/users/excludeGroups") || excludes("/conditions/users/excludeUsers") {
            " but those whom it excludes"
        } else {
            ""
        };
        return Some(format!("everybody{but}"));
    }
    let mut parts = Vec::new();
    let people = names("/conditions/users/includeUsers").filter(|user| user.parse::<ObjectId>().is_ok()).count();
    if people > 0 {
        parts.push(if people == 1 { "one person".to_owned() } else { format!("{people} people") });
    }
    let groups: Vec<&str> = names("/conditions/users/includeGroups").collect();
    match groups.as_slice() {
        [] => {}
        [one] => parts.push(format!("the members of the group {one}")),
        several => parts.push(format!("the members of the groups {}", several.join(", "))),
    }
    let roles: Vec<&str> = names("/conditions/users/includeRoles").collect();
    match roles.as_slice() {
        [] => {}
        [one] => parts.push(format!("the holders of the role {one}")),
        several => parts.push(format!("the holders of {} roles", several.len())),
    }
    let foreign = policy.pointer("/conditions/users/includeGuestsOrExternalUsers").is_some_and(|guests| !guests.is_null());
    if foreign || is("GuestsOrExternalUsers") {
        parts.push("guests".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join(" and "))
}

fn of_states(facts: &Facts<'_>) -> Vec<Collision> {
    if facts.own == Own::PerUser {
        return Vec::new();
    }
    let of = |wanted: fn(Option<PerUser>) -> bool| -> Vec<ObjectId> {
        facts.per_user.iter().filter(|(_, state)| wanted(*state)).map(|(person, _)| *person).collect()
    };
    let required = of(|state| matches!(state, Some(PerUser::Enabled | PerUser::Enforced)));
    let unknown = of(|state| state.is_none());
    let collision = |kind, people: Vec<ObjectId>, why: String| {
        (!people.is_empty()).then_some(Collision { kind, weight: Weight::Now, policy: None, people, why })
    };
    let left = format!(
        "per-user MFA is enabled or enforced for {} ({}): MFA is required of them now, so that their announced dates are false; set their \
         state to disabled once they are enforced otherwise, and do not announce a date to them before",
        count(&required),
        some(&required)
    );
    let odd = format!(
        "the tenant does not say the state of per-user MFA of {} ({}) in a way that is known here: their announced dates may be false; \
         look at them by hand",
        count(&unknown),
        some(&unknown)
    );
    [collision(Kind::PerUser, required, left), collision(Kind::Unknown, unknown, odd)].into_iter().flatten().collect()
}

fn count(people: &[ObjectId]) -> String {
    if people.len() == 1 { "one person".to_owned() } else { format!("{} people", people.len()) }
}

/// The first few ids.
fn some(people: &[ObjectId]) -> String {
    let first: Vec<String> = people.iter().take(3).map(ToString::to_string).collect();
    let more = if people.len() > first.len() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OURS: u128 = 0xff02;

    fn id(n: u128) -> ObjectId {
        ObjectId::from_bits(n)
    }

    fn own() -> Own {
        Own::Policy { group: id(0xff01), policy: id(OURS) }
    }

    /// A policy as the tenant writes one.
    fn policy(n: u128, name: &str, state: &str, users: &Value) -> Value {
        json!({"id": id(n), "templateId": null, "displayName": name, "state": state, "sessionControls": null,
            "createdDateTime": "2022-04-01T18:55:43.1454565Z", "modifiedDateTime": null, "partialEnablementStrategy": null,
            "conditions": {"userRiskLevels": [], "signInRiskLevels": [], "clientAppTypes": ["all"], "platforms": null,
                "locations": null, "times": null, "devices": null,
                "applications": {"includeApplications": ["All"], "excludeApplications": [], "includeUserActions": []},
                "users": users},
            "grantControls": {"operator": "OR", "builtInControls": ["mfa"], "customAuthenticationFactors": [], "termsOfUse": [],
                "authenticationStrength": null}})
    }

    /// Included users, groups and roles.
    fn users(included: [Value; 3]) -> Value {
        let [include_users, include_groups, include_roles] = included;
        json!({"includeUsers": include_users, "includeGroups": include_groups, "includeRoles": include_roles,
            "excludeUsers": [], "excludeGroups": [], "excludeRoles": [], "includeGuestsOrExternalUsers": null})
    }

    fn all() -> Value {
        users([json!(["All"]), json!([]), json!([])])
    }

    fn found(policies: &[Value], own: Own) -> Vec<Collision> {
        collisions(&Facts { policies, security_defaults: Some(Toggle::Off), per_user: &[], own })
    }

    #[test]
    fn each_policy_collides_in_its_own_way_or_not_at_all() {
        let (on, report, off) = ("enabled", "enabledForReportingButNotEnforced", "disabled");
        let ours = users([json!([]), json!([id(0xff01)]), json!([])]);
        let group = users([json!([]), json!([id(7)]), json!([])]);
        let with = |mut policy: Value, path: &str, value: Value| {
            *policy.pointer_mut(path).unwrap() = value;
            policy
        };
        let strength = json!({"operator": "AND", "builtInControls": [], "authenticationStrength": {"id": "s"}});
        let none: Option<(Kind, Weight, &str)> = None;
        let table = [
            (policy(OURS, "Require MFA", on, &ours), none),
            (policy(1, "All", on, &all()), Some((Kind::OtherPolicy, Weight::Now, "everybody at every sign-in"))),
            (policy(1, "All", off, &all()), none),
            (policy(1, "All", report, &all()), none),
            (policy(1, "Group", on, &group), Some((Kind::OtherPolicy, Weight::Now, "the members of the group 00000000"))),
            (
                policy(1, "Admins", on, &users([json!([]), json!([]), json!(["62e90394-69f5-4237-9190-012177145e10"])])),
                Some((Kind::OtherPolicy, Weight::Now, "the holders of the role 62e90394")),
            ),
            (
                policy(1, "Guests", on, &users([json!(["GuestsOrExternalUsers", id(5), id(6)]), json!([]), json!([])])),
                Some((Kind::OtherPolicy, Weight::Now, "2 people and guests")),
            ),
            (policy(1, "Nobody", on, &users([json!(["None"]), json!([]), json!([])])), none),
            (policy(1, "Second", on, &ours), Some((Kind::SameGroup, Weight::Untidy, "two policies"))),
            (policy(1, "Twin", report, &ours), Some((Kind::Twin, Weight::Untidy, "report-only mode"))),
            (
                policy(1, "Microsoft-managed: MFA for admins", on, &all()),
                Some((Kind::ManagedPolicy, Weight::Now, "Microsoft's own policy")),
            ),
            (
                policy(1, "Microsoft-managed: MFA for admins", report, &all()),
                Some((Kind::ManagedPolicy, Weight::Soon, "may turn it on by itself")),
            ),
            (policy(1, "Microsoft-managed: MFA for admins", off, &all()), none),
            (
                with(policy(1, "T", report, &all()), "/templateId", json!("a3d0a415-b068-4326-9251-f9cdf9feeb64")),
                Some((Kind::ManagedPolicy, Weight::Soon, "everybody")),
            ),
            (with(policy(1, "Block", on, &all()), "/grantControls/builtInControls", json!(["block"])), none),
            (with(policy(1, "Session", on, &all()), "/grantControls", json!(null)), none),
            (with(policy(1, "S", on, &all()), "/grantControls", strength), Some((Kind::OtherPolicy, Weight::Now, "everybody"))),
            (
                with(policy(1, "Risk", on, &all()), "/conditions/signInRiskLevels", json!(["high"])),
                Some((Kind::OtherPolicy, Weight::Untidy, "at some sign-ins only")),
            ),
            (
                with(policy(1, "App", on, &all()), "/conditions/applications/includeApplications", json!(["Office365"])),
                Some((Kind::OtherPolicy, Weight::Untidy, "at some sign-ins only")),
            ),
            (
                with(policy(1, "Rest", on, &all()), "/conditions/users/excludeGroups", json!([id(0xff01)])),
                Some((Kind::OtherPolicy, Weight::Now, "everybody but the enforcement group")),
            ),
            (json!({"id": null, "state": "enabled"}), none),
            (json!({"id": id(1)}), none),
            (json!(null), none),
        ];
        for (policy, expected) in table {
            let found = found(std::slice::from_ref(&policy), own());
            let seen = found.first().map(|collision| (collision.kind, collision.weight));
            assert_eq!(seen, expected.map(|(kind, weight, _)| (kind, weight)), "{policy:#}");
            for (collision, (_, _, word)) in found.iter().zip(expected) {
                assert!(collision.why.contains(word), "{word}: {}", collision.why);
                assert!(collision.policy == Some(id(1)) && collision.why.contains(&id(1).to_string()), "{}", collision.why);
            }
        }
    }

    #[test]
    fn the_gravest_comes_first_and_the_other_switches_count() {
        let policies = [
            policy(1, "Twin", "enabledForReportingButNotEnforced", &users([json!([]), json!([id(0xff01)]), json!([])])),
            policy(2, "Microsoft-managed: x", "enabledForReportingButNotEnforced", &all()),
        ];
        let per_user = [
            (id(11), Some(PerUser::Enforced)),
            (id(12), Some(PerUser::Disabled)),
            (id(13), Some(PerUser::Enabled)),
            (id(14), None),
        ];
        let facts = Facts { policies: &policies, security_defaults: Some(Toggle::On), per_user: &per_user, own: own() };
        let found = collisions(&facts);
        let kinds: Vec<Kind> = found.iter().map(|collision| collision.kind).collect();
        assert_eq!(kinds, [Kind::SecurityDefaults, Kind::PerUser, Kind::Unknown, Kind::ManagedPolicy, Kind::Twin]);
        assert_eq!(found[1].people, [id(11), id(13)]);
        assert!(found[1].why.contains("2 people") && found[1].why.contains(&id(13).to_string()), "{}", found[1].why);
        assert!(found.iter().all(|collision| collision.why.contains("announced date") || collision.weight == Weight::Untidy));

        let facts = Facts { own: Own::PerUser, security_defaults: None, ..facts };
        let kinds: Vec<Kind> = collisions(&facts).iter().map(|collision| collision.kind).collect();
        assert_eq!(kinds, [Kind::ManagedPolicy], "per-user states are its own, and a twin needs a group");

        let facts = Facts { own: Own::SecurityDefaults, security_defaults: Some(Toggle::On), per_user: &[], ..facts };
        let found = collisions(&facts);
        assert!(found[0].kind == Kind::SecurityDefaults && found[0].why.contains("on already"), "{found:?}");
    }
}
