//! Whether an authentication strength is MFA.
//!
//! Pure. Invariant: a strength that is not one of Microsoft's own is judged by the combinations that it allows, and a combination that
//! is not known here counts as no MFA.

use serde_json::Value;

/// Microsoft's own strengths: "Multifactor authentication", "Passwordless MFA" and "Phishing resistant MFA".
pub(super) const BUILT_IN: [&str; 3] =
    ["00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-000000000004"];

/// Methods that are two factors by themselves.
const WHOLE: [&str; 7] = [
    "windowsHelloForBusiness",
    "fido2",
    "x509CertificateMultiFactor",
    "deviceBasedPush",
    "temporaryAccessPassOneTime",
    "temporaryAccessPassMultiUse",
    "federatedMultiFactor",
];
/// Methods that are a first factor.
const FIRST: [&str; 3] = ["password", "federatedSingleFactor", "x509CertificateSingleFactor"];
/// Methods that are a second factor beside a first.
const SECOND: [&str; 6] =
    ["microsoftAuthenticatorPush", "softwareOath", "hardwareOath", "sms", "voice", "x509CertificateSingleFactor"];

/// What is wrong with the strength, as a policy shows it or as it is listed; `None` when it is MFA.
pub(super) fn problem(strength: &Value) -> Option<String> {
    let id = strength.get("id").and_then(Value::as_str).unwrap_or_default();
    if BUILT_IN.iter().any(|known| known.eq_ignore_ascii_case(id)) {
        return None;
    }
    let weak =
        || Some("the policy's authentication strength accepts methods that are not MFA; choose one that does not".to_owned());
    let satisfied = strength.get("requirementsSatisfied").and_then(Value::as_str);
    if satisfied.is_some_and(|satisfied| !satisfied.split(',').any(|part| part.trim().eq_ignore_ascii_case("mfa"))) {
        return weak();
    }
    let combinations: Vec<&str> =
        strength.get("allowedCombinations").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if combinations.is_empty() {
        let why = "the tenant does not say what the policy's own authentication strength accepts; choose one of Microsoft's three, or MFA";
        return Some(why.to_owned());
    }
    if combinations.into_iter().all(is_mfa) { None } else { weak() }
}

/// Whether a combination, as `password,sms`, is MFA.
fn is_mfa(combination: &str) -> bool {
    let parts: Vec<&str> = combination.split(',').map(str::trim).collect();
    let is = |part: &str, kinds: &[&str]| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(part));
    let paired = parts.iter().any(|first| {
        let mut others = parts.iter().filter(|other| !other.eq_ignore_ascii_case(first));
        is(first, &FIRST) && others.any(|second| is(second, &SECOND))
    });
    paired || parts.iter().any(|part| is(part, &WHOLE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_strength_is_mfa_when_everything_that_it_allows_is() {
        let custom = |combinations: Value| json!({"id": "c1", "policyType": "custom", "allowedCombinations": combinations});
        for (strength, word) in [
            (json!({"id": BUILT_IN[0]}), None),
            (json!({"id": BUILT_IN[2], "allowedCombinations": null}), None),
            (custom(json!(["fido2", "password,softwareOath", "sms,federatedSingleFactor"])), None),
            (custom(json!(["password,x509CertificateSingleFactor"])), None),
            (custom(json!(["fido2", "password"])), Some("not MFA")),
            (custom(json!(["sms"])), Some("not MFA")),
            (custom(json!(["x509CertificateSingleFactor"])), Some("not MFA")),
            (custom(json!(["password,password"])), Some("not MFA")),
            (custom(json!(["somethingNew"])), Some("not MFA")),
            (custom(json!([])), Some("does not say")),
            (json!({"id": "c1"}), Some("does not say")),
            (json!({"id": "c1", "requirementsSatisfied": "none", "allowedCombinations": ["fido2"]}), Some("not MFA")),
        ] {
            let found = problem(&strength);
            assert_eq!(found.is_some(), word.is_some(), "{strength}: {found:?}");
            assert!(found.unwrap_or_default().contains(word.unwrap_or_default()), "{strength}");
        }
    }
}
