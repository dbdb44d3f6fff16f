//! Which endpoint a call means, which permission it needs, and what it counts against. Nothing is done here.

use http::Method;

use super::call::Call;
use super::reply::Refusal;

/// What a call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    Users,
    UsersDelta,
    UserCount,
    User(&'a str),
    UserMethods(&'a str),
    /// To whom a person reports.
    ReportsTo(&'a str),
    /// A person's Temporary Access Passes.
    Passes(&'a str),
    IssuePass(&'a str),
    CheckGroups(&'a str),
    SendMail(&'a str),
    Messages(&'a str),
    Groups,
    GroupsDelta,
    GroupCount,
    Group(&'a str),
    Members {
        group: &'a str,
        depth: Depth,
        cast: Option<&'a str>,
    },
    MemberCount {
        group: &'a str,
        depth: Depth,
        cast: Option<&'a str>,
    },
    AddMember(&'a str),
    BindMembers(&'a str),
    RemoveMember {
        group: &'a str,
        member: &'a str,
    },
    /// What `DELETE …/members/{id}` without `/$ref` means.
    DeleteMemberObject {
        member: &'a str,
    },
    Policies,
    Policy(&'a str),
    CreatePolicy,
    ChangePolicy(&'a str),
    WhatIf,
    Strengths,
    SecurityDefaults,
    SetSecurityDefaults,
    /// A person's state of per-user MFA.
    PerUser(&'a str),
    SetPerUser(&'a str),
    CreateGroup,
    Registration,
    RegistrationOf(&'a str),
    SignIns,
    RoleAssignments,
    Organization,
    Skus,
    Domains,
    Federation(&'a str),
    MethodsPolicy,
    /// What the methods policy says about one method.
    MethodPolicy(&'a str),
}

/// Direct members, or members of members too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Direct,
    Transitive,
}

/// What a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meter {
    /// The directory's bucket: resource units, and writes.
    Directory { units: u32, writes: u32 },
    /// Conditional access: once a second for all apps.
    Policies,
    /// Reports and sign-ins.
    Reports,
    /// Mail.
    Outlook,
}

type Permissions = &'static [&'static str];

const USERS: Permissions = &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const GROUPS: Permissions = &[
    "Group.ReadBasic.All",
    "GroupMember.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const MEMBERS: Permissions = &[
    "GroupMember.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const MEMBERSHIP: Permissions = &["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"];
const USER_DELETION: Permissions = &["User.ReadWrite.All", "Directory.ReadWrite.All"];
/// Who may read policies; also decides whether sign-ins show the policies that applied.
pub(super) const POLICIES: Permissions =
    &["Policy.Read.All", "Policy.Read.ConditionalAccess", "Policy.ReadWrite.ConditionalAccess"];
const POLICY_CHANGES: Permissions = &["Policy.ReadWrite.ConditionalAccess"];
const STRENGTHS: Permissions = &["Policy.Read.AuthenticationMethod", "Policy.Read.All"];
const DEFAULTS_CHANGES: Permissions = &["Policy.ReadWrite.SecurityDefaults"];
const PER_USER_CHANGES: Permissions = &["Policy.ReadWrite.AuthenticationMethod"];
const GROUP_CREATION: Permissions = &["Group.Create", "Group.ReadWrite.All"];
const DEFAULTS: Permissions = &["Policy.Read.All"];
const AUDIT: Permissions = &["AuditLog.Read.All"];
const METHODS: Permissions = &["UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"];
const PASS_ISSUE: Permissions = &["UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"];
const PASSES: Permissions = &[
    "UserAuthMethod-TAP.Read.All",
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
];
const ROLES: Permissions = &["RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All"];
const ORGANIZATION: Permissions = &["Organization.Read.All", "Directory.Read.All"];
const DOMAINS: Permissions = &["Domain.Read.All", "Directory.Read.All"];
const METHODS_POLICY: Permissions =
    &["Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"];
const MAIL: Permissions = &["Mail.Send"];
const MAILBOXES: Permissions = &["Mail.Read", "Mail.ReadWrite"];

/// What the call means, any one of the permissions that it needs, and what it counts against.
pub(super) fn route(call: &Call) -> Result<(Endpoint<'_>, Permissions, Meter), Refusal> {
    let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let read = |units| Meter::Directory { units: units_of(call, units), writes: 0 };
    let write = Meter::Directory { units: 1, writes: 1 };
    let (method, endpoint, permissions, meter) = match *parts.as_slice() {
        ["users"] => (get, Endpoint::Users, USERS, read(2)),
        ["users", "$count"] => (get, Endpoint::UserCount, USERS, read(2)),
        ["users", "delta"] => (get, Endpoint::UsersDelta, USERS, read(2)),
        ["users", user] => (get, Endpoint::User(user), USERS, read(1)),
        ["users", user, "manager"] => (get, Endpoint::ReportsTo(user), USERS, read(1)),
        ["users", user, "authentication", "methods"] => (get, Endpoint::UserMethods(user), METHODS, read(1)),
        ["users", user, "authentication", "temporaryAccessPassMethods"] if call.method == post => {
            (post, Endpoint::IssuePass(user), PASS_ISSUE, read(1))
        }
        ["users", user, "authentication", "temporaryAccessPassMethods"] => (get, Endpoint::Passes(user), PASSES, read(1)),
        ["users" | "directoryObjects", user, "checkMemberGroups"] => (post, Endpoint::CheckGroups(user), MEMBERS, read(4)),
        ["users", user, "sendMail" | "microsoft.graph.sendMail"] => (post, Endpoint::SendMail(user), MAIL, Meter::Outlook),
        ["users", user, "messages"] => (get, Endpoint::Messages(user), MAILBOXES, Meter::Outlook),
        ["users", user, "authentication", "requirements"] if call.version == "beta" && call.method == patch => {
            (patch, Endpoint::SetPerUser(user), PER_USER_CHANGES, read(1))
        }
        ["users", user, "authentication", "requirements"] if call.version == "beta" => {
            (get, Endpoint::PerUser(user), DEFAULTS, read(1))
        }
        ["groups"] if call.method == post => (post, Endpoint::CreateGroup, GROUP_CREATION, write),
        ["groups"] => (get, Endpoint::Groups, GROUPS, read(1)),
        ["groups", "$count"] => (get, Endpoint::GroupCount, GROUPS, read(1)),
        ["groups", "delta"] => (get, Endpoint::GroupsDelta, MEMBERS, read(2)),
        ["groups", group] if call.method == patch => (patch, Endpoint::BindMembers(group), MEMBERSHIP, write),
        ["groups", group] => (get, Endpoint::Group(group), GROUPS, read(1)),
        ["groups", group, "members", "$ref"] => (post, Endpoint::AddMember(group), MEMBERSHIP, write),
        ["groups", group, "members", member, "$ref"] => (delete, Endpoint::RemoveMember { group, member }, MEMBERSHIP, write),
        ["groups", _, "members", member] if call.method == delete => {
            (delete, Endpoint::DeleteMemberObject { member }, USER_DELETION, write)
        }
        ["groups", group, kind @ ("members" | "transitiveMembers"), ref rest @ ..] => {
            let (depth, units) = if kind == "members" { (Depth::Direct, 3) } else { (Depth::Transitive, 5) };
            let endpoint = match *rest {
                [] => Endpoint::Members { group, depth, cast: None },
                ["$count"] => Endpoint::MemberCount { group, depth, cast: None },
                [cast] if cast.starts_with("microsoft.graph.") => Endpoint::Members { group, depth, cast: Some(cast) },
                [cast, "$count"] => Endpoint::MemberCount { group, depth, cast: Some(cast) },
                _ => return Err(unknown(&parts)),
            };
            (get, endpoint, MEMBERS, read(units))
        }
        ["identity", "conditionalAccess", "evaluate"] => (post, Endpoint::WhatIf, POLICIES, Meter::Policies),
        ["policies", "authenticationStrengthPolicies"] => (get, Endpoint::Strengths, STRENGTHS, read(1)),
        ["identity", "conditionalAccess", "policies"] if call.method == post => {
            (post, Endpoint::CreatePolicy, POLICY_CHANGES, Meter::Policies)
        }
        ["identity", "conditionalAccess", "policies", policy] if call.method == patch => {
            (patch, Endpoint::ChangePolicy(policy), POLICY_CHANGES, Meter::Policies)
        }
        ["identity", "conditionalAccess", "policies"] => (get, Endpoint::Policies, POLICIES, Meter::Policies),
        ["identity", "conditionalAccess", "policies", policy] => (get, Endpoint::Policy(policy), POLICIES, Meter::Policies),
        ["policies", "identitySecurityDefaultsEnforcementPolicy"] if call.method == patch => {
            (patch, Endpoint::SetSecurityDefaults, DEFAULTS_CHANGES, read(1))
        }
        ["policies", "identitySecurityDefaultsEnforcementPolicy"] => (get, Endpoint::SecurityDefaults, DEFAULTS, read(1)),
        ["reports", "authenticationMethods", "userRegistrationDetails"] => (get, Endpoint::Registration, AUDIT, Meter::Reports),
        ["reports", "authenticationMethods", "userRegistrationDetails", user] => {
            (get, Endpoint::RegistrationOf(user), AUDIT, Meter::Reports)
        }
        ["auditLogs", "signIns"] => (get, Endpoint::SignIns, AUDIT, Meter::Reports),
        ["roleManagement", "directory", "roleAssignments"] => (get, Endpoint::RoleAssignments, ROLES, read(1)),
        ["organization"] => (get, Endpoint::Organization, ORGANIZATION, read(1)),
        ["subscribedSkus"] => (get, Endpoint::Skus, ORGANIZATION, read(3)),
        ["domains", domain, "federationConfiguration"] => (get, Endpoint::Federation(domain), DOMAINS, read(1)),
        ["policies", "authenticationMethodsPolicy", "authenticationMethodConfigurations", method] => {
            (get, Endpoint::MethodPolicy(method), METHODS_POLICY, read(1))
        }
        ["policies", "authenticationMethodsPolicy"] => (get, Endpoint::MethodsPolicy, METHODS_POLICY, read(1)),
        ["domains"] => (get, Endpoint::Domains, DOMAINS, read(1)),
        _ => return Err(unknown(&parts)),
    };
    if call.method == method { Ok((endpoint, permissions, meter)) } else { Err(Refusal::not_allowed()) }
}

/// Resource units after the discounts for small answers.
fn units_of(call: &Call, units: u32) -> u32 {
    let mut units = i64::from(units);
    units -= i64::from(call.option("$select").is_some());
    units += i64::from(call.option("$expand").is_some());
    units -= i64::from(call.option("$top").and_then(|top| top.parse::<u32>().ok()).is_some_and(|top| top < 20));
    u32::try_from(units.max(1)).unwrap_or(1)
}

fn unknown(parts: &[&str]) -> Refusal {
    let segment = parts.iter().rev().find(|part| part.len() < 36).unwrap_or(&"");
    Refusal::bad("BadRequest", format!("Resource not found for the segment '{segment}'."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_mean_the_endpoints_of_the_api() {
        let directory = |units, writes| Meter::Directory { units, writes };
        let member_list = |cast| Endpoint::Members { group: "g", depth: Depth::Transitive, cast };
        let table = [
            ("GET", "/v1.0/users", Ok((Endpoint::Users, directory(2, 0)))),
            ("GET", "/v1.0/users?$select=id&$top=5", Ok((Endpoint::Users, directory(1, 0)))),
            ("GET", "/beta/users/u", Ok((Endpoint::User("u"), directory(1, 0)))),
            ("GET", "/v1.0/groups/g/transitiveMembers", Ok((member_list(None), directory(5, 0)))),
            (
                "GET",
                "/v1.0/groups/g/transitiveMembers/microsoft.graph.user",
                Ok((member_list(Some("microsoft.graph.user")), directory(5, 0))),
            ),
            ("POST", "/v1.0/groups/g/members/$ref", Ok((Endpoint::AddMember("g"), directory(1, 1)))),
            ("PATCH", "/v1.0/groups/g", Ok((Endpoint::BindMembers("g"), directory(1, 1)))),
            (
                "DELETE",
                "/v1.0/groups/g/members/u/$ref",
                Ok((Endpoint::RemoveMember { group: "g", member: "u" }, directory(1, 1))),
            ),
            ("DELETE", "/v1.0/groups/g/members/u", Ok((Endpoint::DeleteMemberObject { member: "u" }, directory(1, 1)))),
            ("GET", "/v1.0/identity/conditionalAccess/policies", Ok((Endpoint::Policies, Meter::Policies))),
            ("GET", "/v1.0/auditLogs/signIns", Ok((Endpoint::SignIns, Meter::Reports))),
            ("POST", "/v1.0/users/u/sendMail", Ok((Endpoint::SendMail("u"), Meter::Outlook))),
            ("DELETE", "/v1.0/users/u", Err(405)),
            ("GET", "/v1.0/teams", Err(400)),
        ];
        for (method, uri, expected) in table {
            let uri: http::Uri = uri.parse().unwrap();
            let call =
                Call::new(method.parse().unwrap(), String::new(), &uri, http::HeaderMap::new(), bytes::Bytes::new()).unwrap();
            let actual = route(&call).map(|(endpoint, _, meter)| (endpoint, meter)).map_err(|refusal| refusal.status.as_u16());
            assert_eq!(actual, expected, "{method} {uri}");
        }
    }
}
