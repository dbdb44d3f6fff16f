//! What the tenant is: organization, licences, domains, and who holds which role.

use serde_json::{Value, json};

use super::call::Call;
use super::filter::Filter;
use super::json;
use super::person::{Kind, P1_SKU, Person};
use super::planted::Planted;
use super::profile::Licence;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;

/// Directory Synchronization Accounts.
pub(super) const SYNC_ROLE: &str = "d29b2b05-8046-44ba-8758-1e26182fcf32";
/// Global Administrator.
const ADMIN_ROLE: &str = "62e90394-69f5-4237-9190-012177145e10";
const P1_PLAN: &str = "41781fb2-bc02-4b7c-bd55-b576c07bb09d";

/// The role that somebody holds.
pub(super) const fn role_of(person: &Person) -> Option<&'static str> {
    match (person.kind, person.quirks.admin) {
        (Kind::Sync, _) => Some(SYNC_ROLE),
        (_, Some(true)) | (Kind::BreakGlass, None) => Some(ADMIN_ROLE),
        _ => None,
    }
}

impl Tenant {
    pub(super) fn list_roles(&self, call: &Call) -> Answer {
        let filter = super::users::filter(call, "unifiedRoleAssignment", |path| match path {
            "roleDefinitionId" | "principalId" | "directoryScopeId" => Some(&["eq", "in"]),
            _ => None,
        })?;
        let expand = call.option("$expand") == Some("principal");
        let held = self
            .people
            .iter()
            .filter(|person| person.exists())
            .filter_map(|person| Some(Held { person, role: role_of(person)? }));
        let meant = held.filter(|held| filter.as_ref().is_none_or(|filter: &Filter| filter.holds(held)));
        let rows: Vec<Value> = meant.map(|held| held.body(expand)).collect();
        let name = if expand { "roleAssignments(principal())" } else { "roleAssignments" };
        let context = format!("{}/$metadata#roleManagement/directory/{name}", call.base());
        Ok(Reply::value(&json!({ "@odata.context": context, "value": rows })))
    }

    pub(super) fn get_organization(&self, call: &Call) -> Reply {
        let plans = match self.profile.licence {
            Licence::Free => json!([]),
            Licence::P1 => json!([{
                "assignedDateTime": "2025-05-05T08:00:00Z",
                "capabilityStatus": "Enabled",
                "service": "AADPremiumService",
                "servicePlanId": P1_PLAN,
            }]),
        };
        let organization = json!({
            "id": self.id.to_string(),
            "deletedDateTime": null,
            "displayName": "Contoso",
            "countryLetterCode": "DE",
            "createdDateTime": "2024-03-01T08:00:00Z",
            "tenantType": "AAD",
            "onPremisesSyncEnabled": self.has(Planted::SyncStalled).then_some(true),
            "onPremisesLastSyncDateTime": self.has(Planted::SyncStalled).then_some("2026-03-01T08:00:00Z"),
            "technicalNotificationMails": [],
            "assignedPlans": plans,
            "verifiedDomains": [{
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": true,
                "isInitial": true,
                "name": self.profile.domain,
                "type": "Managed",
            }],
        });
        list(call, "organization", &[organization])
    }

    pub(super) fn list_skus(&self, call: &Call) -> Reply {
        let used = self.people.iter().filter(|person| person.kind == Kind::Ordinary && person.exists()).count();
        let sku = json!({
            "id": format!("{}_{P1_SKU}", self.id),
            "accountId": self.id.to_string(),
            "accountName": "contoso",
            "skuId": P1_SKU,
            "skuPartNumber": "AAD_PREMIUM",
            "appliesTo": "User",
            "capabilityStatus": if self.has(Planted::LapsedLicence) { "Warning" } else { "Enabled" },
            "consumedUnits": used,
            "prepaidUnits": { "enabled": used + 25, "suspended": 0, "warning": 0, "lockedOut": 0 },
            "servicePlans": [{
                "servicePlanId": P1_PLAN,
                "servicePlanName": "AAD_PREMIUM",
                "provisioningStatus": "Success",
                "appliesTo": "User",
            }],
            "subscriptionIds": [],
        });
        let skus = match self.profile.licence {
            Licence::Free => Vec::new(),
            Licence::P1 => vec![sku],
        };
        list(call, "subscribedSkus", &skus)
    }

    pub(super) fn list_domains(&self, call: &Call) -> Reply {
        let own = self.profile.domain.as_str();
        let mut domains = vec![domain(own, "Managed", true)];
        if self.has(Planted::BreakGlassDomain) {
            domains.push(domain(&format!("brand.{own}"), "Managed", false));
        }
        let federated = FEDERATED.iter().filter(|(kind, _)| self.has(*kind));
        domains.extend(federated.map(|(kind, _)| domain(&format!("{}.{own}", kind.as_str()), "Federated", false)));
        list(call, "domains", &domains)
    }

    pub(super) fn list_federation(&self, call: &Call, domain: &str) -> Answer {
        let is_meant = |kind: Planted| self.has(kind) && domain == format!("{}.{}", kind.as_str(), self.profile.domain);
        let (_, behaviour) = FEDERATED.iter().find(|(kind, _)| is_meant(*kind)).ok_or_else(|| Refusal::missing(domain))?;
        let federation = json!({
            "id": "6601d14b-d113-8f64-fda2-9b5ddda18ecc",
            "displayName": "Contoso",
            "issuerUri": format!("http://{domain}/adfs/services/trust"),
            "metadataExchangeUri": format!("https://sts.{domain}/adfs/services/trust/mex"),
            "passiveSignInUri": format!("https://sts.{domain}/adfs/ls"),
            "activeSignInUri": format!("https://sts.{domain}/adfs/services/trust/2005/usernamemixed"),
            "signOutUri": format!("https://sts.{domain}/adfs/ls"),
            "preferredAuthenticationProtocol": "wsFed",
            "federatedIdpMfaBehavior": behaviour,
        });
        Ok(list(call, &format!("domains('{domain}')/federationConfiguration"), &[federation]))
    }
}

/// Domains that can be planted, and what their provider's MFA counts for.
const FEDERATED: [(Planted, Option<&str>); 3] = [
    (Planted::FederatedAccept, Some("acceptIfMfaDoneByFederatedIdp")),
    (Planted::FederatedEnforce, Some("enforceMfaByFederatedIdp")),
    (Planted::FederatedUnset, None),
];

fn domain(name: &str, kind: &str, is_initial: bool) -> Value {
    json!({
        "id": name,
        "authenticationType": kind,
        "availabilityStatus": null,
        "isAdminManaged": true,
        "isDefault": is_initial,
        "isInitial": is_initial,
        "isRoot": is_initial,
        "isVerified": true,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        "passwordValidityPeriodInDays": 2_147_483_647,
        "passwordNotificationWindowInDays": 14,
    })
}

fn list(call: &Call, name: &str, rows: &[Value]) -> Reply {
    Reply::value(&json!({ "@odata.context": format!("{}/$metadata#{name}", call.base()), "value": rows }))
}

/// A role held by somebody.
struct Held<'a> {
    person: &'a Person,
    role: &'static str,
}

impl Held<'_> {
    fn body(&self, expand: bool) -> Value {
        let id = self.person.id_text.as_str();
        let mut body = json!({
            "id": format!("{}-1", super::base64::encode(id.as_bytes())),
            "principalId": id,
            "directoryScopeId": "/",
            "roleDefinitionId": self.role,
        });
        if let Some(members) = body.as_object_mut().filter(|_| expand) {
            let principal = json!({
                "@odata.type": "#microsoft.graph.user",
                "id": id,
                "accountEnabled": self.person.is_enabled(),
                "displayName": self.person.display_name,
                "userType": "Member",
            });
            members.insert("principal".to_owned(), principal);
        }
        body
    }
}

impl json::Row for Held<'_> {
    fn property(&self, name: &str) -> Option<json::Value<'_>> {
        Some(match name {
            "roleDefinitionId" => json::Value::Text(self.role),
            "principalId" => json::Value::Text(&self.person.id_text),
            "directoryScopeId" => json::Value::Text("/"),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{Probe, calm};
    use super::*;

    #[test]
    fn holders_of_a_role_are_found() {
        let mut probe = Probe::new(calm(40));
        let path = |role: &str| format!("/roleManagement/directory/roleAssignments?$filter=roleDefinitionId eq '{role}'");
        let sync = probe.all(&path(SYNC_ROLE));
        assert_eq!((sync.len(), sync[0]["principalId"].as_str().unwrap()), (1, probe.somebody(Kind::Sync).as_str()));
        assert_eq!(probe.all(&path(ADMIN_ROLE)).len(), 2);
        let all = probe.all("/roleManagement/directory/roleAssignments?$expand=principal");
        assert!(all.iter().all(|row| row["principal"]["id"] == row["principalId"]), "{all:?}");
        assert_eq!(probe.get("/roleManagement/directory/roleAssignments?$filter=condition eq 'x'").0, 400);
    }

    #[test]
    fn the_tenant_says_what_it_is() {
        let mut probe = Probe::new(calm(40));
        assert_eq!(probe.all("/organization")[0]["id"], probe.tenant.id().to_string());
        assert_eq!(probe.all("/subscribedSkus")[0]["servicePlans"][0]["servicePlanId"], P1_PLAN);
        assert_eq!(probe.all("/domains")[0]["id"], "contoso.example");
    }
}
