//! Readiness where there is no registration report: each person's own methods, asked one person after the other.
//!
//! Microsoft advises against this for whole populations, and it is as slow as the quota of reports: a person every two seconds. It is
//! for tenants without a P1 licence, which are small. Invariant: a kind of method that is not known here makes nobody ready, and nobody
//! unregistered either.

use std::sync::Arc;

use serde::de::MapAccess;

use super::look::methods;
use super::page;
use super::request::Read;
use super::request::look::Look;
use super::row::{Fields, value};
use super::transport::{Transport, Unread};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Readiness, Registration, Roll, Trouble};
use crate::rollout::preflight::facts::Methods;

/// Which methods count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Whatever passes MFA and the methods policy allows.
    Allowed,
    /// Microsoft Authenticator and software codes, which is all that security defaults take.
    SecurityDefaults,
}

/// What a kind of method is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// It passes MFA when one of these ids of the methods policy is enabled; none: whenever it is registered.
    Mfa(&'static [&'static str]),
    /// It does not pass MFA, or only at one device, or only once.
    Nothing,
    /// Nobody here knows.
    Unknown,
}

/// Of `#microsoft.graph.<kind>AuthenticationMethod`.
fn worth(kind: &str) -> Worth {
    match kind {
        "microsoftAuthenticator" | "passwordlessMicrosoftAuthenticator" => Worth::Mfa(&["MicrosoftAuthenticator"]),
        "softwareOath" => Worth::Mfa(&["SoftwareOath"]),
        "hardwareOath" => Worth::Mfa(&["HardwareOath"]),
        "fido2" => Worth::Mfa(&["Fido2"]),
        "phone" => Worth::Mfa(&["Sms", "Voice"]),
        "external" => Worth::Mfa(&[]),
        "password" | "email" | "temporaryAccessPass" | "windowsHelloForBusiness" | "platformCredential" | "qrCodePin" => {
            Worth::Nothing
        }
        _ => Worth::Unknown,
    }
}

#[derive(Default)]
struct Row {
    kind: Option<String>,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["@odata.type"];

    fn take<'de, A: MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
        self.kind = value(row)?;
        Ok(())
    }
}

/// The readiness of these people, ascending.
pub(crate) async fn registration(
    transport: &Transport,
    roll: &Arc<Roll>,
    people: &[ObjectId],
    counting: Counting,
) -> Result<Registration, Trouble> {
    let policy = methods::policy(transport).await?;
    let mut registration = Registration::new(Arc::clone(roll));
    for person in people {
        match kinds(transport, *person).await {
            Ok(kinds) => registration.put(*person, readiness(&kinds, &policy, counting)),
            // Deleted meanwhile.
            Err(Unread::Gone) => {}
            Err(unread) => return Err(unread.trouble(String::new)),
        }
    }
    Ok(registration)
}

/// What a person has registered, as `#microsoft.graph.<kind>AuthenticationMethod`, the password included.
async fn kinds(transport: &Transport, person: ObjectId) -> Result<Vec<String>, Unread> {
    let mut kinds = Vec::new();
    let take = |row: Row| kinds.push(row.kind.unwrap_or_default());
    page::each(transport, &Read::Look(Look::MethodsOf(person)).call(), take).await?;
    Ok(kinds)
}

/// The readiness of one person now, and the kinds of their methods in Microsoft's words, the password left out.
pub(super) async fn of_one(
    transport: &Transport,
    person: ObjectId,
    counting: Counting,
) -> Result<(Readiness, Vec<String>), Trouble> {
    let gone = || "the account does not exist any more".to_owned();
    let kinds = kinds(transport, person).await.map_err(|unread| unread.trouble(gone))?;
    let policy = methods::policy(transport).await?;
    let names = kinds.iter().filter_map(|kind| kind.strip_prefix("#microsoft.graph.")?.strip_suffix("AuthenticationMethod"));
    let names = names.filter(|kind| *kind != "password").map(str::to_owned).collect();
    Ok((readiness(&kinds, &policy, counting), names))
}

/// What these methods are worth together.
fn readiness(kinds: &[String], policy: &Methods, counting: Counting) -> Readiness {
    let (mut registered, mut unknown) = (false, false);
    for kind in kinds {
        let kind = kind.strip_prefix("#microsoft.graph.").and_then(|kind| kind.strip_suffix("AuthenticationMethod"));
        match kind.map_or(Worth::Unknown, worth) {
            Worth::Mfa(ids) => {
                if counts(ids, policy, counting) {
                    return Readiness::Capable;
                }
                registered = true;
            }
            Worth::Nothing => {}
            Worth::Unknown => unknown = true,
        }
    }
    match (registered, unknown) {
        (_, true) => Readiness::Unknown,
        (true, false) => Readiness::RegisteredNotAllowed,
        (false, false) => Readiness::Unregistered,
    }
}

/// Whom the policy targets is not looked at: a method that is enabled for somebody counts for everybody.
fn counts(ids: &[&str], policy: &Methods, counting: Counting) -> bool {
    let taken = match counting {
        Counting::Allowed => true,
        Counting::SecurityDefaults => ids.iter().any(|id| ["MicrosoftAuthenticator", "SoftwareOath"].contains(id)),
    };
    // Until the migration is complete, older settings may allow what the policy does not.
    taken && (ids.is_empty() || policy.migrated != Some(true) || ids.iter().any(|id| policy.has(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_method_is_worth_what_the_policy_makes_of_it() {
        use Counting::{Allowed, SecurityDefaults};
        use Readiness::{Capable, RegisteredNotAllowed, Unknown, Unregistered};

        let all = ["MicrosoftAuthenticator", "SoftwareOath", "Fido2", "Sms", "HardwareOath"].map(str::to_owned).to_vec();
        let open = Methods { enabled: all, migrated: Some(true), prompt: None };
        let closed = Methods { enabled: vec!["Fido2".to_owned()], ..open.clone() };
        let older = Methods { migrated: Some(false), ..closed.clone() };
        for (kinds, allowed, defaults, narrow, migrating) in [
            (&[][..], Unregistered, Unregistered, Unregistered, Unregistered),
            (&["password"], Unregistered, Unregistered, Unregistered, Unregistered),
            (&["password", "microsoftAuthenticator"], Capable, Capable, RegisteredNotAllowed, Capable),
            (&["softwareOath"], Capable, Capable, RegisteredNotAllowed, Capable),
            (&["hardwareOath"], Capable, RegisteredNotAllowed, RegisteredNotAllowed, Capable),
            (&["fido2"], Capable, RegisteredNotAllowed, Capable, Capable),
            (&["phone"], Capable, RegisteredNotAllowed, RegisteredNotAllowed, Capable),
            (&["external"], Capable, RegisteredNotAllowed, Capable, Capable),
            (&["email"], Unregistered, Unregistered, Unregistered, Unregistered),
            (&["temporaryAccessPass"], Unregistered, Unregistered, Unregistered, Unregistered),
            (&["windowsHelloForBusiness"], Unregistered, Unregistered, Unregistered, Unregistered),
            (&["platformCredential"], Unregistered, Unregistered, Unregistered, Unregistered),
            (&["somethingNew"], Unknown, Unknown, Unknown, Unknown),
            (&["somethingNew", "microsoftAuthenticator"], Capable, Capable, Unknown, Capable),
        ] {
            let kinds: Vec<_> = kinds.iter().map(|kind| format!("#microsoft.graph.{kind}AuthenticationMethod")).collect();
            assert_eq!(readiness(&kinds, &open, Allowed), allowed, "{kinds:?}");
            assert_eq!(readiness(&kinds, &open, SecurityDefaults), defaults, "{kinds:?} under security defaults");
            assert_eq!(readiness(&kinds, &closed, Allowed), narrow, "{kinds:?} where only keys are allowed");
            assert_eq!(readiness(&kinds, &older, Allowed), migrating, "{kinds:?} while older settings count");
        }
        assert_eq!(readiness(&[String::new()], &open, Allowed), Unknown);
    }
}
