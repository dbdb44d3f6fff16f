//! What the login service means when it refuses: its AADSTS numbers as operator sentences.
//!
//! Pure. Invariant: one cause gives one sentence, whichever command meets it; no text of the answer but its number is repeated.

use serde::Deserialize;

use crate::rollout::observed::{Trouble, TroubleKind};

/// The error body of the token endpoint, as much as is used of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: Option<String>,
    error_description: Option<String>,
    error_codes: Option<Vec<serde_json::Value>>,
}

/// What is wrong, and what to do.
const SENTENCES: [(&[u64], &str); 15] = [
    (
        &[7_000_215],
        "the client secret is wrong; put the secret's value (not its id) into the file that credentials.secret_file names",
    ),
    (&[7_000_222], "the client secret has expired; make a new one and put it into the file that credentials.secret_file names"),
    (&[7_000_218], "it got neither a secret nor an assertion; set credentials.secret_file or credentials.certificate"),
    (
        &[700_027, 50_012, 50_013, 50_027],
        "the certificate's assertion does not count; upload the certificate of credentials.certificate to the app",
    ),
    (&[500_133, 50_024, 700_024], "the assertion is outside its validity; set this machine's clock"),
    (&[700_016], "the app is not in this tenant; check credentials.client_id and tenant.id"),
    (&[7_000_112], "the app is disabled; enable its enterprise application"),
    (&[90_002], "the tenant does not exist in this cloud; check tenant.id and tenant.cloud"),
    (&[700_011, 90_013], "it does not know this app or tenant; check credentials.client_id and tenant.id"),
    (&[70_011, 500_011], "the scope does not exist there; check tenant.cloud and tenant.graph_url"),
    (&[900_382, 900_432, 90_038], "the tenant belongs to another cloud; check tenant.cloud"),
    (&[53_003], "a Conditional Access policy for workload identities blocks the app; exclude the app or this address from it"),
    (&[65_001], "the app has no admin consent; grant it"),
    (&[7_000_229], "the app has no enterprise application in this tenant; create it by granting admin consent"),
    (&[50_034, 50_057], "the account of the app cannot sign in; check the app in the tenant"),
];

/// Numbers that pass by themselves.
const TRANSIENT: [u64; 6] = [90_033, 90_024, 90_006, 50_033, 90_055, 50_196];

/// The trouble behind an answer of the token endpoint other than 200.
pub(crate) fn trouble(status: u16, body: &[u8]) -> Trouble {
    let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
    let number = number(&refused);
    let transient = number.is_some_and(|number| TRANSIENT.contains(&number))
        || refused.error.as_deref() == Some("temporarily_unavailable")
        || (number.is_none() && (status == 429 || status >= 500))
        || refused.error.is_none();
    if transient {
        let kind = if status == 429 { TroubleKind::Throttled } else { TroubleKind::Unreachable };
        let why = format!("the login service cannot give a token now ({status}); it is tried again later");
        return Trouble { kind, why };
    }
    let shown = number.map_or_else(|| status.to_string(), |number| format!("AADSTS{number}"));
    let known = number.and_then(|number| SENTENCES.iter().find(|(numbers, _)| numbers.contains(&number)));
    let why = match known {
        Some((_, sentence)) => format!("the login service refused the app ({shown}): {sentence}"),
        None => {
            format!("the login service refused the app ({shown}); look the number up at https://login.microsoftonline.com/error")
        }
    };
    Trouble { kind: TroubleKind::Refused, why }
}

/// The AADSTS number: from `error_codes`, else from the description.
fn number(refused: &Refused) -> Option<u64> {
    let listed = refused.error_codes.as_ref().and_then(|codes| codes.first()).and_then(serde_json::Value::as_u64);
    listed.or_else(|| {
        let description = refused.error_description.as_deref()?;
        let digits: String = description.split("AADSTS").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_sentences_with_a_remedy() {
        for (status, body, kind, part) in [
            (
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\nTrace","error_codes":[7000215]}"#,
                TroubleKind::Refused,
                "credentials.secret_file",
            ),
            (401, r#"{"error":"invalid_client","error_codes":[7000222]}"#, TroubleKind::Refused, "expired"),
            (
                400,
                r#"{"error":"unauthorized_client","error_description":"AADSTS700016: x"}"#,
                TroubleKind::Refused,
                "not in this tenant",
            ),
            (400, r#"{"error":"invalid_request","error_codes":[90002]}"#, TroubleKind::Refused, "tenant.id"),
            (401, r#"{"error":"invalid_client","error_codes":[500133]}"#, TroubleKind::Refused, "clock"),
            (400, r#"{"error":"invalid_grant","error_codes":[123456]}"#, TroubleKind::Refused, "AADSTS123456"),
            (400, r#"{"error":"invalid_grant","error_codes":[90033]}"#, TroubleKind::Unreachable, "later"),
            (503, "<html>", TroubleKind::Unreachable, "later"),
            (429, "", TroubleKind::Throttled, "later"),
            (302, "", TroubleKind::Unreachable, "302"),
        ] {
            let trouble = trouble(status, body.as_bytes());
            assert_eq!(trouble.kind, kind, "{body}");
            assert!(trouble.why.contains(part), "{}", trouble.why);
        }
    }
}
