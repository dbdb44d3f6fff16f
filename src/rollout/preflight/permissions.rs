//! Application permissions: which ones a plan needs, which of those the app holds, and which it must not hold.
//!
//! Knows no token. Invariant: what is needed follows from the plan alone; a dangerous permission is refused unless the plan accepts it
//! by name. Names and ids: Microsoft's permission catalogue of 2026-08, global cloud.

use serde::Serialize;

use super::{Finding, Severity, Who};
use crate::rollout::observed::Toggle;
use crate::rollout::plan::{Enforcement, Licence, Plan, Selector, Via};

/// Microsoft Graph, the resource that every permission here belongs to.
pub const RESOURCE: &str = "00000003-0000-0000-c000-000000000000";

/// What a permission is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To run the plan.
    Run,
    /// To send notices and to read which came back, unless Exchange gives that itself.
    Mail,
    /// For `doctor` only.
    Doctor,
}

/// A permission that a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Its name.
    pub permission: &'static str,
    /// Its app-role id in Microsoft Graph.
    pub id: &'static str,
    /// What it is needed for.
    pub purpose: Purpose,
    /// What is done with it.
    pub used_to: &'static str,
    /// Broader ones that also serve.
    #[serde(skip)]
    instead: &'static [&'static str],
}

/// Permissions with which an app can delete people, make itself administrator, or take over somebody's account.
/// A name that ends in `*` stands for all that begin so.
const DANGEROUS: [&str; 21] = [
    "AdministrativeUnit.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.ReadWrite.All",
    "Domain.ReadWrite.All",
    "EntitlementManagement.ReadWrite.All",
    "Group.ReadWrite.All",
    "Mail.ReadWrite",
    "Organization.ReadWrite.All",
    "Policy.ReadWrite.PermissionGrant",
    "PrivilegedAccess.ReadWrite.*",
    "PrivilegedAssignmentSchedule.ReadWrite.*",
    "RoleAssignmentSchedule.ReadWrite.*",
    "RoleEligibilitySchedule.ReadWrite.*",
    "RoleManagement.ReadWrite.*",
    "Sites.FullControl.All",
    "User-PasswordProfile.ReadWrite.All",
    "User.ReadWrite.All",
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.ReadWrite.All",
];

/// Whether a permission is refused unless the plan accepts it.
#[must_use]
pub fn is_dangerous(permission: &str) -> bool {
    DANGEROUS.iter().any(|name| match name.strip_suffix('*') {
        Some(begin) => permission.starts_with(begin),
        None => permission == *name,
    })
}

const fn need(
    permission: &'static str,
    id: &'static str,
    purpose: Purpose,
    used_to: &'static str,
    instead: &'static [&'static str],
) -> Need {
    Need { permission, id, purpose, used_to, instead }
}

/// What `plan` needs, and nothing more.
#[must_use]
pub fn needed(plan: &Plan) -> Vec<Need> {
    use Purpose::{Doctor, Mail, Run};
    let premium = plan.access.licence == Licence::P1;
    let mut needs = vec![
        need(
            "User.Read.All",
            "df021288-bdef-4463-88db-98f22de89214",
            Run,
            "read the people of the tenant",
            &["User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ),
        need(
            "RoleManagement.Read.Directory",
            "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
            Run,
            "know the synchronisation account and the administrators",
            &["RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ),
        need(
            "Policy.Read.All",
            "246dd0d5-5bd0-4def-940b-0421030a5b68",
            Run,
            "read policies, security defaults and the methods that are allowed",
            &[],
        ),
        need(
            "Organization.Read.All",
            "498476ce-e0fe-48b0-b801-37ba7e2685c6",
            Doctor,
            "read licences and whether the directory is synchronised",
            &["Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ),
        need(
            "Domain.Read.All",
            "dbb9058a-0e50-45d7-ae91-66909b5d4664",
            Doctor,
            "read domains and how federated ones treat MFA",
            &["Domain.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ),
    ];
    if plan.notices.via == Via::Graph {
        let used_to = "send notices; narrow it to the mailboxes of notices.from in Exchange Online";
        needs.push(need("Mail.Send", "b633e1c5-b582-4048-a93e-9f11b44c7e96", Mail, used_to, &[]));
    }
    if plan.notices.bounces == Toggle::On {
        let used_to = "read which notices came back; narrow it to the mailboxes of notices.from in Exchange Online";
        needs.push(need("Mail.Read", "810c84a8-4a9e-49e6-bf7d-12d183f40d01", Mail, used_to, &["Mail.ReadWrite"]));
    }
    if premium {
        let used_to = "read the registration report and the sign-in log";
        needs.push(need("AuditLog.Read.All", "b0afded3-3588-46d8-8b3d-9842eff778da", Run, used_to, &[]));
    } else {
        needs.push(need(
            "UserAuthenticationMethod.Read.All",
            "38d9df27-64da-44fd-b7c5-a6fbac20248f",
            Run,
            "read each person's own methods, since there is no report without a P1 licence",
            &["UserAuthenticationMethod.ReadWrite.All"],
        ));
    }
    needs.extend(of_enforcement(plan));
    needs.sort_unstable_by_key(|need| need.permission);
    needs.dedup_by_key(|need| need.permission);
    needs
}

fn of_enforcement(plan: &Plan) -> Vec<Need> {
    use Purpose::Run;
    let members = need(
        "GroupMember.ReadWrite.All",
        "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
        Run,
        "read groups and write the members of the enforcement group",
        &["Group.ReadWrite.All", "Directory.ReadWrite.All"],
    );
    let edit_policies = || {
        [
            need(
                "Policy.ReadWrite.ConditionalAccess",
                "01c0a623-fc9b-48e9-b794-0756f8e8f067",
                Run,
                "switch Conditional Access policies on and off",
                &[],
            ),
            need(
                "Application.Read.All",
                "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
                Run,
                "Microsoft asks for it beside the permission to write policies",
                &["Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
            ),
        ]
    };
    let switch_defaults = || {
        need("Policy.ReadWrite.SecurityDefaults", "1c6e93a6-28e2-4cbb-9f64-1a46a821124d", Run, "switch security defaults", &[])
    };
    let mut needs = Vec::new();
    let mut writes_members = false;
    match &plan.enforcement {
        Enforcement::ConditionalAccess { manage_policy, leaves, .. } => {
            writes_members = true;
            if *manage_policy {
                needs.extend(edit_policies());
            }
            if leaves.is_some() {
                needs.push(switch_defaults());
            }
        }
        Enforcement::PerUser { retire_to } => {
            writes_members = retire_to.is_some();
            needs.push(need(
                "Policy.ReadWrite.AuthenticationMethod",
                "29c18626-4985-4dcd-85c0-193eef327366",
                Run,
                "set the per-user MFA state",
                &[],
            ));
        }
        Enforcement::SecurityDefaults { turn_off, .. } => {
            needs.push(switch_defaults());
            needs.push(need(
                "UserAuthenticationMethod.Read.All",
                "38d9df27-64da-44fd-b7c5-a6fbac20248f",
                Run,
                "see whether break-glass accounts can pass MFA, since nothing keeps them out of security defaults",
                &["UserAuthenticationMethod.ReadWrite.All"],
            ));
            if !turn_off.is_empty() {
                needs.extend(edit_policies());
            }
        }
    }
    if writes_members {
        needs.push(members);
    } else if reads_groups(plan) {
        needs.push(need(
            "GroupMember.Read.All",
            "98830695-27a2-44f7-8c18-0c3ebc9698f6",
            Run,
            "read the groups that the plan names",
            &[
                "GroupMember.ReadWrite.All",
                "Group.Read.All",
                "Group.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
        ));
    }
    needs
}

fn reads_groups(plan: &Plan) -> bool {
    let mut selectors = plan.stages.iter().flat_map(|stage| stage.include.iter().chain(&stage.exclude));
    plan.people.exempt_group.is_some() || selectors.any(|selector| matches!(selector, Selector::Group(_)))
}

/// Permissions that the app holds, that are dangerous, and that the plan does not accept.
#[must_use]
pub fn refused<'a>(plan: &Plan, granted: &'a [String]) -> Vec<&'a str> {
    let accepted = &plan.access.accept_permissions;
    let mut refused: Vec<&str> = granted
        .iter()
        .map(String::as_str)
        .filter(|role| is_dangerous(role) && !accepted.iter().any(|name| name == role))
        .collect();
    refused.sort_unstable();
    refused
}

/// Why nothing is enforced with these permissions; none when nothing speaks against them.
#[must_use]
pub fn objection(plan: &Plan, granted: &[String]) -> Option<String> {
    let refused = refused(plan, granted);
    (!refused.is_empty()).then(|| {
        format!(
            "the app holds {}, with which it could do far more than this rollout; take that away in the tenant, or accept it by name in \
             tenant.accept_permissions",
            refused.join(", ")
        )
    })
}

/// What is to be said about the permissions of the app; `granted` is none where its token does not show them.
#[must_use]
pub fn judge(plan: &Plan, granted: Option<&[String]>) -> Vec<Finding> {
    let needed = needed(plan);
    let Some(granted) = granted else {
        let names: Vec<String> = needed.iter().map(|need| need.permission.to_owned()).collect();
        let finding = Finding::new(
            Severity::Warning,
            "permissions-unknown",
            "not checked: the permissions of the app, because its token does not show them",
            "a permission that is missing shows only when it is needed, and one too many is a danger all along",
            "compare the app registration with `tidegate doctor --consent`",
        );
        return vec![finding.of(Who::Things(names))];
    };
    let holds = |name: &str| granted.iter().any(|role| role == name);
    let has = |need: &Need| holds(need.permission) || need.instead.iter().any(|name| holds(name));
    let mut findings: Vec<Finding> = needed.iter().filter(|need| !has(need)).map(missing).collect();
    findings.extend(excess(plan, &needed, granted));
    findings
}

fn missing(need: &Need) -> Finding {
    let name = need.permission;
    let grant = format!("grant {name} ({}) with admin consent", need.id);
    let (severity, id, title, why, remedy) = match need.purpose {
        Purpose::Run => {
            let why = format!("it is needed to {}; without it the rollout holds", need.used_to);
            (Severity::Error, "permission-missing", format!("the app lacks the permission {name}"), why, grant)
        }
        Purpose::Mail => {
            let why = if name == "Mail.Read" {
                "a notice that came back counts until somebody says so; whether Exchange gives the right itself was not checked"
            } else {
                "notices are mails, and nobody is enforced who was not told; whether Exchange gives the right itself was not checked"
            };
            let remedy = format!(
                "{grant} and narrow it to the mailboxes of notices.from; or give the app the role \"Application {name}\" in Exchange \
                 Online's role-based access for applications, and go on"
            );
            (Severity::Warning, "mail-permission-missing", format!("the app lacks the permission {name}"), why.to_owned(), remedy)
        }
        Purpose::Doctor => {
            let why = format!("it is needed to {}; only `doctor` asks for it, so that part stays unchecked", need.used_to);
            (Severity::Warning, "doctor-permission-missing", format!("the app lacks the permission {name}"), why, grant)
        }
    };
    Finding::new(severity, id, title, why, remedy).of(Who::Things(vec![name.to_owned()]))
}

/// Permissions that the plan does not need.
fn excess(plan: &Plan, needed: &[Need], granted: &[String]) -> Vec<Finding> {
    let refused = refused(plan, granted);
    let mut others: Vec<&str> = granted
        .iter()
        .map(String::as_str)
        .filter(|role| !needed.iter().any(|need| need.permission == *role) && !refused.contains(role))
        .collect();
    others.sort_unstable();
    let (accepted, others): (Vec<&str>, Vec<&str>) = others.into_iter().partition(|role| is_dangerous(role));
    let (reads, writes): (Vec<&str>, Vec<&str>) = others.into_iter().partition(|role| only_reads(role));
    let finding = |severity, id, names: Vec<&str>, title: &str, why: &str, remedy: &str| {
        (!names.is_empty()).then(|| {
            let names = names.into_iter().map(str::to_owned).collect();
            Finding::new(severity, id, title, why, remedy).of(Who::Things(names))
        })
    };
    [
        finding(
            Severity::Error,
            "permission-dangerous",
            refused,
            "the app holds permissions that are refused",
            "with these an app can delete people, make itself administrator or take over accounts; whoever steals its credential can, too",
            "take them away from the app registration; or, if it cannot be helped, accept each by name in tenant.accept_permissions. `run` \
             holds until then",
        ),
        finding(
            Severity::Note,
            "permission-accepted",
            accepted,
            "the app holds dangerous permissions that the plan accepts",
            "the plan takes the risk on itself",
            "nothing, as long as that is still meant",
        ),
        finding(
            Severity::Warning,
            "permission-excessive",
            writes,
            "the app may change things that this plan never changes",
            "a right that is not needed helps only whoever steals the credential",
            "take them away from the app registration, or use an app of its own for Tidegate",
        ),
        finding(
            Severity::Note,
            "permission-unneeded",
            reads,
            "the app may read things that this plan never reads",
            "a right that is not needed helps only whoever steals the credential",
            "take them away from the app registration",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `Area.Read.Scope` and `Area.ReadBasic.Scope` read; everything else may change something.
fn only_reads(role: &str) -> bool {
    let verb = role.split('.').nth(1).unwrap_or_default();
    verb == "Read" || verb == "ReadBasic"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::plan::RetireTo;
    use crate::rollout::sample;

    fn plan(enforcement: Enforcement) -> Plan {
        Plan { enforcement, ..sample::plan() }
    }

    fn conditional_access(manage_policy: bool) -> Enforcement {
        Enforcement::ConditionalAccess { group: "g".to_owned(), policy: "p".to_owned(), manage_policy, leaves: None }
    }

    fn names(plan: &Plan) -> Vec<String> {
        needed(plan).iter().map(|need| need.permission.to_owned()).collect()
    }

    fn ids(plan: &Plan, granted: &[String]) -> Vec<&'static str> {
        judge(plan, Some(granted)).iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn each_enforcement_needs_its_own_and_has_no_finding_with_exactly_those() {
        let defaults = |turn_off: &[&str]| {
            let mut json = serde_json::json!({"kind": "security-defaults"});
            json["turn_off"] = serde_json::json!(turn_off);
            serde_json::from_value::<Enforcement>(json).unwrap()
        };
        let moves_on = || RetireTo { group: "g".to_owned(), policy: "p".to_owned() };
        for (enforcement, has, has_not) in [
            (conditional_access(false), &["GroupMember.ReadWrite.All"][..], &["Policy.ReadWrite.ConditionalAccess"][..]),
            (conditional_access(true), &["Policy.ReadWrite.ConditionalAccess", "Application.Read.All"], &[]),
            (
                Enforcement::PerUser { retire_to: None },
                &["Policy.ReadWrite.AuthenticationMethod"],
                &["GroupMember.ReadWrite.All"],
            ),
            (Enforcement::PerUser { retire_to: Some(moves_on()) }, &["GroupMember.ReadWrite.All"], &["Application.Read.All"]),
            (defaults(&[]), &["Policy.ReadWrite.SecurityDefaults"], &["Application.Read.All", "GroupMember.ReadWrite.All"]),
            (defaults(&["Baseline"]), &["Policy.ReadWrite.ConditionalAccess"], &[]),
        ] {
            let plan = plan(enforcement);
            let names = names(&plan);
            assert!(has.iter().all(|name| names.iter().any(|known| known == name)), "{names:?}");
            assert!(!has_not.iter().any(|name| names.iter().any(|known| known == name)), "{names:?}");
            assert_eq!(judge(&plan, Some(&names)), Vec::new());
            assert!(names.iter().all(|name| !is_dangerous(name)), "{names:?}");
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_named_by_its_weight() {
        let plan = plan(conditional_access(false));
        let all = names(&plan);
        let without = |name: &str| all.iter().filter(|known| *known != name).cloned().collect::<Vec<_>>();
        let with = |name: &str| all.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>();
        for (granted, expected) in [
            (without("User.Read.All"), "permission-missing"),
            (without("Mail.Send"), "mail-permission-missing"),
            (without("Domain.Read.All"), "doctor-permission-missing"),
            (with("User.ReadWrite.All"), "permission-dangerous"),
            (with("RoleManagement.ReadWrite.Exchange"), "permission-dangerous"),
            (with("Policy.ReadWrite.ConditionalAccess"), "permission-excessive"),
            (with("Calendars.Read"), "permission-unneeded"),
        ] {
            assert_eq!(ids(&plan, &granted), [expected], "{granted:?}");
        }
        assert_eq!(judge(&plan, None)[0].id, "permissions-unknown");
        assert!(ids(&plan, &[]).contains(&"permission-missing"));
        // A broader one serves, and is said to be broader.
        let broader: Vec<String> =
            without("Organization.Read.All").into_iter().chain(["Directory.Read.All".to_owned()]).collect();
        assert_eq!(ids(&plan, &broader), ["permission-unneeded"]);
    }

    #[test]
    fn a_plan_may_accept_a_dangerous_permission_by_its_name() {
        let mut plan = plan(conditional_access(false));
        let granted = [names(&plan), vec!["User.ReadWrite.All".to_owned(), "Directory.ReadWrite.All".to_owned()]].concat();
        assert!(objection(&plan, &granted).unwrap().contains("Directory.ReadWrite.All, User.ReadWrite.All"));
        plan.access.accept_permissions = vec!["User.ReadWrite.All".to_owned()];
        assert_eq!(refused(&plan, &granted), ["Directory.ReadWrite.All"]);
        plan.access.accept_permissions.push("Directory.ReadWrite.All".to_owned());
        assert_eq!(objection(&plan, &granted), None);
        assert_eq!(ids(&plan, &granted), ["permission-accepted"]);
    }

    #[test]
    fn a_mail_server_needs_no_permission_to_send() {
        let mut plan = plan(conditional_access(false));
        let all = names(&plan);
        plan.notices.via = Via::Smtp;
        assert!(all.contains(&"Mail.Send".to_owned()) && !names(&plan).contains(&"Mail.Send".to_owned()));
        assert_eq!(ids(&plan, &all), ["permission-excessive"]);
    }

    #[test]
    fn reports_of_non_delivery_are_read_with_a_permission_of_their_own() {
        let mut plan = plan(conditional_access(false));
        let without = names(&plan);
        plan.notices.bounces = Toggle::On;
        assert_eq!(ids(&plan, &without), ["mail-permission-missing"]);
        assert!(names(&plan).contains(&"Mail.Read".to_owned()) && !without.contains(&"Mail.Read".to_owned()));
    }

    #[test]
    fn without_a_licence_methods_are_read_person_by_person() {
        let mut plan = plan(conditional_access(false));
        plan.access.licence = Licence::None;
        let names = names(&plan);
        assert!(names.contains(&"UserAuthenticationMethod.Read.All".to_owned()), "{names:?}");
        assert!(!names.contains(&"AuditLog.Read.All".to_owned()), "{names:?}");
    }
}
