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
}

/// Which part of the sign-in log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Sign-ins that people make.
    People,
    /// Sign-ins that programs make for people; only `beta` shows them.
    Programs,
}

impl Look {
    pub(super) fn call(&self) -> Call {
        let version = match self {
            Self::SignInsBy(_, _, Log::Programs) => Version::Beta,
            _ => Version::One,
        };
        let (template, path, permission, bucket) = self.parts();
        Call {
            method: Method::GET,
            version,
            template,
            address: Address::Relative(path),
            permission,
            bucket,
            consistency: Consistency::Plain,
            body: None,
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
        }
    }
}
