//! Every kind of body that the simulated tenant answers fits the published types of Microsoft Graph.

use std::path::Path;

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate::sim::{Fate, Planted, Profile, Quotas, Tenant};

/// Listings and objects, with the type of their rows.
const BODIES: [(&str, &str); 19] = [
    ("/users", "User"),
    (
        "/users?$select=id,accountEnabled,userType,mail,department,assignedLicenses,assignedPlans,createdDateTime,externalUserState",
        "User",
    ),
    ("/users/bg1@contoso.example", "User"),
    ("/groups", "Group"),
    ("/groups?$filter=displayName eq 'MFA Enforced'&$select=id,groupTypes,isAssignableToRole,onPremisesSyncEnabled", "Group"),
    ("/identity/conditionalAccess/policies", "ConditionalAccessPolicy"),
    ("/policies/identitySecurityDefaultsEnforcementPolicy", "IdentitySecurityDefaultsEnforcementPolicy"),
    ("/policies/authenticationStrengthPolicies", "AuthenticationStrengthPolicy"),
    ("/reports/authenticationMethods/userRegistrationDetails", "UserRegistrationDetails"),
    ("/auditLogs/signIns", "SignIn"),
    ("/roleManagement/directory/roleAssignments?$expand=principal", "UnifiedRoleAssignment"),
    (
        "/roleManagement/directory/roleAssignments?$filter=roleDefinitionId eq 'd29b2b05-8046-44ba-8758-1e26182fcf32'",
        "UnifiedRoleAssignment",
    ),
    ("/organization", "Organization"),
    ("/subscribedSkus", "SubscribedSku"),
    ("/domains", "Domain"),
    ("/domains/federated-accept.contoso.example/federationConfiguration", "InternalDomainFederation"),
    ("/policies/authenticationMethodsPolicy", "AuthenticationMethodsPolicy"),
    ("/users?$select=id,onPremisesSyncEnabled,createdDateTime,signInActivity", "User"),
    ("/auditLogs/signIns?$filter=clientAppUsed eq 'IMAP4'", "SignIn"),
];

fn answer(tenant: &mut Tenant, now: Timestamp, request: http::request::Builder, body: &str) -> (u16, Value) {
    let request = request.body(Bytes::from(body.to_owned())).unwrap();
    let Fate::Answer(response) = tenant.answer(now, &request) else { panic!("no answer") };
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

fn token(tenant: &mut Tenant, now: Timestamp) -> String {
    let form = "grant_type=client_credentials&client_id=6f6f6f6f-0000-4000-8000-000000000001&scope=x%2F.default&client_secret=simulated-secret";
    let (_, body) = answer(tenant, now, Request::post("http://127.0.0.1/contoso.example/oauth2/v2.0/token"), form);
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

/// A combination, as `password,sms`, is one value of flags, which the types know one by one.
fn apart(row: &mut Value) {
    if let Some(combinations) = row.get_mut("allowedCombinations").and_then(Value::as_array_mut) {
        let flags = combinations.iter().filter_map(Value::as_str).flat_map(|flags| flags.split(',')).map(Value::from).collect();
        *combinations = flags;
    }
}

#[test]
fn bodies_of_the_simulated_tenant_fit_the_published_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/graph-schema.json");
    let Ok(text) = std::fs::read_to_string(path) else { return println!("not run: shared") };
    let types: Value = serde_json::from_str(&text).unwrap();
    let quotas = Quotas { writes: 0, units: 0, policies: 0, reports: 0, mails: 0, recipients: 0 };
    let roles = ["Policy.ReadWrite.ConditionalAccess", "Group.Create"].map(str::to_owned);
    let roles = Profile::default().roles.into_iter().chain(roles).collect();
    let planted = vec![Planted::FederatedAccept, Planted::LegacyClients, Planted::ServiceAccounts, Planted::SyncStalled];
    let mut tenant = Tenant::new(Profile { users: 120, quotas, planted, empty_pages: 0.0, roles, ..Profile::default() });
    let now: Timestamp = "2027-01-12T15:00:00Z".parse().unwrap();
    let token = token(&mut tenant, now);
    // some who must use MFA, so that sign-ins of every outcome exist
    let enforce = json!({ "members@odata.bind": tenant.candidates(now).iter().take(20).map(|name| {
        let (_, user) = answer(&mut tenant, now, Request::get(format!("http://127.0.0.1/v1.0/users/{name}")).header("authorization", &token), "");
        format!("http://127.0.0.1/v1.0/directoryObjects/{}", user["id"].as_str().unwrap())
    }).collect::<Vec<_>>() });
    let get = |tenant: &mut Tenant, now, path: &str| {
        let uri = format!("http://127.0.0.1/v1.0{}", path.replace(' ', "%20"));
        let (status, body) = answer(tenant, now, Request::get(uri).header("authorization", &token), "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    let groups = get(&mut tenant, now, "/groups?$filter=displayName eq 'MFA Enforced'");
    let group = groups["value"][0]["id"].as_str().unwrap().to_owned();
    let patch = Request::patch(format!("http://127.0.0.1/v1.0/groups/{group}"))
        .header("authorization", &token)
        .header("content-type", "application/json");
    assert_eq!(answer(&mut tenant, now, patch, &enforce.to_string()).0, 204);
    let post = |tenant: &mut Tenant, now, path: &str, body: &Value| {
        let request = Request::post(format!("http://127.0.0.1/v1.0{path}"))
            .header("authorization", &token)
            .header("content-type", "application/json");
        answer(tenant, now, request, &body.to_string())
    };
    // what is made is answered as it is listed, and listed among the others below
    let made = json!({"displayName": "Made", "mailNickname": "made", "mailEnabled": false, "securityEnabled": true});
    let (status, new_group) = post(&mut tenant, now, "/groups", &made);
    assert_eq!(status, 201, "{new_group}");
    let made = json!({
        "displayName": "Made", "state": "enabledForReportingButNotEnforced",
        "conditions": {"clientAppTypes": ["all"], "applications": {"includeApplications": ["All"]},
            "users": {"includeGroups": [group]}},
        "grantControls": {"operator": "OR", "authenticationStrength": {"id": "00000000-0000-0000-0000-000000000004"}},
    });
    let (status, new_policy) = post(&mut tenant, now, "/identity/conditionalAccess/policies", &made);
    assert_eq!(status, 201, "{new_policy}");
    for (body, kind) in [(new_group, "Group"), (new_policy, "ConditionalAccessPolicy")] {
        let mut schema = types.clone();
        schema["$ref"] = json!(format!("#/$defs/{kind}"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{kind}: {wrong:?}\n{body:#}");
    }
    let later = now.checked_add(SignedDuration::from_mins(50)).unwrap();
    let members = format!("/groups/{group}/members");
    for (path, kind) in BODIES.into_iter().chain([(members.as_str(), "User")]) {
        let mut schema = types.clone();
        schema["$ref"] = json!(format!("#/$defs/{kind}"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        let body = get(&mut tenant, later, path);
        let mut rows = body["value"].as_array().cloned().unwrap_or_else(|| vec![body]);
        rows.iter_mut().for_each(apart);
        assert!(!rows.is_empty(), "{path}");
        for row in &rows {
            let wrong: Vec<String> =
                validator.iter_errors(row).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(wrong.is_empty(), "{path}: {wrong:?}\n{row:#}");
        }
    }
}
