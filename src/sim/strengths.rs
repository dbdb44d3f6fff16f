//! The built-in authentication strengths.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::Reply;

const PHISHING_RESISTANT: [&str; 3] = ["windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"];

/// Id, name and combinations.
fn known() -> [(&'static str, &'static str, Vec<&'static str>); 3] {
    let passwordless = [&PHISHING_RESISTANT[..], &["deviceBasedPush"]].concat();
    let others = ["temporaryAccessPassOneTime", "password,microsoftAuthenticatorPush", "password,softwareOath", "password,sms"];
    let multifactor = [&passwordless[..], &others].concat();
    [
        ("00000000-0000-0000-0000-000000000002", "Multifactor authentication", multifactor),
        ("00000000-0000-0000-0000-000000000003", "Passwordless MFA", passwordless),
        ("00000000-0000-0000-0000-000000000004", "Phishing resistant MFA", PHISHING_RESISTANT.to_vec()),
    ]
}

/// The strength with the id, or only the id when there is none.
pub(super) fn body(id: &str) -> Value {
    let found = known().into_iter().find(|(known, ..)| known.eq_ignore_ascii_case(id));
    found.map_or_else(
        || json!({ "id": id }),
        |(id, name, combinations)| {
            json!({
                "id": id,
                "createdDateTime": "2021-12-01T00:00:00Z",
                "modifiedDateTime": "2021-12-01T00:00:00Z",
                "displayName": name,
                "description": "A built-in strength",
                "policyType": "builtIn",
                "requirementsSatisfied": "mfa",
                "allowedCombinations": combinations,
            })
        },
    )
}

/// Whether there is a strength with the id.
pub(super) fn exists(id: &str) -> bool {
    known().iter().any(|(known, ..)| known.eq_ignore_ascii_case(id))
}

pub(super) fn list(call: &Call) -> Reply {
    let all: Vec<Value> = known().iter().map(|(id, ..)| body(id)).collect();
    let context = format!("{}/$metadata#policies/authenticationStrengthPolicies", call.base());
    Reply::value(&json!({ "@odata.context": context, "value": all }))
}
