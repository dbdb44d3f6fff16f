//! What only the preflight asks of the tenant. All of it reads.

use http::Method;
use jiff::Timestamp;

use super::call::{Address, Call, Consistency, Effect, Version};
use super::{encode, quote, users_by_id};
use crate::graph::throttle::Bucket;
use crate::rollout::id::ObjectId;

/// Something that the preflight asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Organization,
    Skus,
    Domains,
    /// What an identity provider's MFA counts for, by domain name.
    Federation(String),
    /// Which methods may be registered.
    MethodsPolicy,
    /// When everybody last signed in.
    Activity,
    /// Successful sign-ins since an instant with any of these clients.
    SignInsBy(Timestamp, Vec<&'static str>, Log),
    /// These accounts, with what a preflight asks about them.
    Accounts(Vec<ObjectId>),
    /// The methods that a person has registered. Microsoft does not say what they count against: as if it were the reports.
    MethodsOf(ObjectId),
    /// A person's row of the registration report.
    RegistrationOf(ObjectId),
    /// What the methods policy says about Temporary Access Passes.
    PassPolicy,
    /// These people (at most 15) with their managers.
    ManagersOf(Vec<ObjectId>),
    /// Who holds which directory role.
    Roles,
    /// Which of these groups (at most 20) a person is in, transitively.
    GroupsOf(ObjectId, Vec<ObjectId>),
    /// A person's attempts to sign in since an instant, newest first; a page of them is enough.
    SignInsOf(ObjectId, Timestamp),
}

/// Which part of the sign-in log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Sign-ins that people make.
    People,
    /// Sign-ins that programs make for people; only `beta` shows them.
    Programs,
}

/// Where Temporary Access Passes are issued.
pub(super) const PASSES: &str = "/users/{id}/authentication/temporaryAccessPassMethods";

/// The permission that this takes.
pub(crate) const ISSUES_PASSES: &str = "UserAuthMethod-TAP.ReadWrite.All";

impl Look {
    pub(super) fn call(&self) -> Call {
        let version = match self {
            Self::SignInsBy(_, _, Log::Programs) => Version::Beta,
            _ => Version::One,
        };
        let (template, path, permission, bucket) = self.parts();
        let (method, body) = match self {
            Self::GroupsOf(_, groups) => {
                let ids: Vec<_> = groups.iter().map(ObjectId::to_string).collect();
                (Method::POST, Some(serde_json::json!({ "groupIds": ids }).to_string()))
            }
            _ => (Method::GET, None),
        };
        Call {
            method,
            version,
            template,
            address: Address::Relative(path),
            permission,
            bucket,
            consistency: Consistency::Plain,
            body,
            done: 200,
            effect: Effect::None,
        }
    }

    fn parts(&self) -> (&'static str, String, &'static str, Bucket) {
        let plain = |path: &'static str, permission| (path, path.to_owned(), permission, Bucket::Directory);
        match self {
            Self::Organization => plain("/organization", "Organization.Read.All"),
            Self::Skus => plain("/subscribedSkus", "Organization.Read.All"),
            Self::Domains => plain("/domains", "Domain.Read.All"),
            Self::MethodsPolicy => plain("/policies/authenticationMethodsPolicy", "Policy.Read.All"),
            Self::Federation(domain) => {
                let path = format!("/domains/{}/federationConfiguration", encode(domain));
                ("/domains/{id}/federationConfiguration", path, "Domain.Read.All", Bucket::Directory)
            }
            Self::Activity => {
                // Microsoft gives at most 500 rows a page with this property.
                let path = "/users?$select=id,createdDateTime,signInActivity&$top=500".to_owned();
                ("/users?$select=signInActivity", path, "AuditLog.Read.All (with User.Read.All)", Bucket::Directory)
            }
            Self::SignInsBy(since, clients, log) => {
                let any: Vec<_> = clients.iter().map(|client| format!("clientAppUsed eq {}", quote(client))).collect();
                let kind = match log {
                    Log::People => "",
                    Log::Programs => " and signInEventTypes/any(t: t eq 'nonInteractiveUser')",
                };
                let any = if any.len() == 1 { any.concat() } else { format!("({})", any.join(" or ")) };
                let filter = encode(&format!("createdDateTime ge {since:.0} and status/errorCode eq 0 and {any}{kind}"));
                let path = format!("/auditLogs/signIns?$top=999&$filter={filter}");
                ("/auditLogs/signIns?$filter=clientAppUsed", path, "AuditLog.Read.All (with Policy.Read.All)", Bucket::Reports)
            }
            Self::Accounts(ids) => {
                let path = users_by_id("id,userPrincipalName,onPremisesSyncEnabled", ids);
                ("/users?$filter=id in (…)", path, "User.Read.All", Bucket::Directory)
            }
            Self::MethodsOf(person) => {
                let path = format!("/users/{person}/authentication/methods");
                ("/users/{id}/authentication/methods", path, "UserAuthenticationMethod.Read.All", Bucket::Reports)
            }
            Self::PassPolicy => plain(
                "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass",
                "Policy.Read.All",
            ),
            Self::ManagersOf(ids) => {
                let path = format!("{}&$expand=manager($select=id)", users_by_id("id", ids));
                ("/users?$filter=id in (…)&$expand=manager", path, "User.Read.All", Bucket::Directory)
            }
            Self::Roles => plain("/roleManagement/directory/roleAssignments?$expand=principal", "RoleManagement.Read.Directory"),
            Self::GroupsOf(person, _) => {
                let path = format!("/users/{person}/checkMemberGroups");
                ("/users/{id}/checkMemberGroups", path, "GroupMember.Read.All (with User.Read.All)", Bucket::Directory)
            }
            Self::RegistrationOf(person) => {
                let path = format!("/reports/authenticationMethods/userRegistrationDetails/{person}");
                ("/reports/authenticationMethods/userRegistrationDetails/{id}", path, "AuditLog.Read.All", Bucket::Reports)
            }
            Self::SignInsOf(person, since) => {
                let filter = encode(&format!("userId eq '{person}' and createdDateTime ge {since:.0}"));
                let path = format!("/auditLogs/signIns?$top=50&$filter={filter}");
                ("/auditLogs/signIns?$filter=userId", path, "AuditLog.Read.All (with Policy.Read.All)", Bucket::Reports)
            }
        }
    }
}
