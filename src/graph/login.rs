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

/// With what the app tried to prove who it is; some refusals mean something else for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A client secret.
    Secret,
    /// A certificate's assertion.
    Certificate,
    /// Another issuer's token.
    Federated,
}

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The credential's: another one may be taken.
    Credential,
    /// Something else's.
    Other,
}

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct No {
    /// What it means.
    pub(crate) trouble: Trouble,
    /// Whose fault it is.
    pub(crate) cause: Cause,
}

/// What is wrong with an assertion, and what to do; for a certificate, and for a federated token.
const ASSERTIONS: [(&[u64], &str, &str); 3] = [
    (
        &[700_027, 50_012, 50_013, 50_027],
        "the certificate's assertion does not count; upload the certificate of credentials.certificate to the app",
        "the token in credentials.federated_token_file does not count; check the federated credential of the app",
    ),
    (
        &[500_133, 50_024, 700_024],
        "the assertion is outside its validity; set this machine's clock",
        "the token in credentials.federated_token_file is outside its validity; check what renews the file, and this machine's clock",
    ),
    (
        &[700_021, 700_023],
        "the assertion is for another app or login service; check credentials.client_id, tenant.cloud and tenant.login_url",
        "the token in credentials.federated_token_file is for another app or audience; check credentials.client_id and the \
         federated credential of the app",
    ),
];

/// What is wrong, and what to do.
const SENTENCES: [(&[u64], &str); 14] = [
    (
        &[7_000_215],
        "the client secret is wrong; put the secret's value (not its id) into the file that credentials.secret_file names",
    ),
    (&[7_000_222], "the client secret has expired; make a new one and put it into the file that credentials.secret_file names"),
    (&[7_000_218], "it got neither a secret nor an assertion; set credentials.secret_file or credentials.certificate"),
    (
        &[70_021, 700_211, 700_212, 700_213],
        "no federated credential of the app matches the token in credentials.federated_token_file; set issuer, subject and \
         audience there as the token has them",
    ),
    (&[700_016], "the app is not in this tenant; check credentials.client_id and tenant.id"),
    (&[7_000_112], "the app is disabled; enable its enterprise application"),
    (&[90_002, 900_023], "the tenant does not exist in this cloud; check tenant.id and tenant.cloud"),
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
pub(crate) fn trouble(proof: Proof, status: u16, body: &[u8]) -> No {
    let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
    let number = number(&refused);
    let transient = number.is_some_and(|number| TRANSIENT.contains(&number))
        || refused.error.as_deref() == Some("temporarily_unavailable")
        || (number.is_none() && (status == 429 || status >= 500))
        || refused.error.is_none();
    if transient {
        let kind = if status == 429 { TroubleKind::Throttled } else { TroubleKind::Unreachable };
        let why = format!("the login service cannot give a token now ({status}); it is tried again later");
        return No { trouble: Trouble { kind, why }, cause: Cause::Other };
    }
    let shown = number.map_or_else(|| status.to_string(), |number| format!("AADSTS{number}"));
    let why = match number.and_then(|number| sentence(proof, number)) {
        Some(sentence) => format!("the login service refused the app ({shown}): {sentence}"),
        None => {
            format!("the login service refused the app ({shown}); look the number up at https://login.microsoftonline.com/error")
        }
    };
    let cause = if refused.error.as_deref() == Some("invalid_client") { Cause::Credential } else { Cause::Other };
    No { trouble: Trouble { kind: TroubleKind::Refused, why }, cause }
}

fn sentence(proof: Proof, number: u64) -> Option<&'static str> {
    let of_assertion = ASSERTIONS.iter().find(|(numbers, ..)| numbers.contains(&number));
    of_assertion.map(|(_, own, federated)| if proof == Proof::Federated { *federated } else { *own }).or_else(|| {
        let known = SENTENCES.iter().find(|(numbers, _)| numbers.contains(&number));
        known.map(|(_, sentence)| *sentence)
    })
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
            (400, r#"{"error":"invalid_request","error_codes":[900382]}"#, TroubleKind::Refused, "tenant.cloud"),
            (401, r#"{"error":"unauthorized_client","error_codes":[7000112]}"#, TroubleKind::Refused, "enable its enterprise"),
            (400, r#"{"error":"invalid_grant","error_codes":[53003]}"#, TroubleKind::Refused, "workload identities"),
            (401, r#"{"error":"invalid_client","error_codes":[500133]}"#, TroubleKind::Refused, "clock"),
            (400, r#"{"error":"invalid_grant","error_codes":[123456]}"#, TroubleKind::Refused, "AADSTS123456"),
            (400, r#"{"error":"invalid_grant","error_codes":[90033]}"#, TroubleKind::Unreachable, "later"),
            (400, r#"{"error":"temporarily_unavailable"}"#, TroubleKind::Unreachable, "later"),
            (503, "<html>", TroubleKind::Unreachable, "later"),
            (429, "", TroubleKind::Throttled, "later"),
            (302, "", TroubleKind::Unreachable, "302"),
        ] {
            let no = trouble(Proof::Certificate, status, body.as_bytes());
            assert_eq!(no.trouble.kind, kind, "{body}");
            assert!(no.trouble.why.contains(part), "{}", no.trouble.why);
            assert_eq!(no.cause == Cause::Credential, body.contains("invalid_client"), "{body}");
        }
    }

    #[test]
    fn a_federated_tokens_refusal_names_its_file() {
        for number in [700_024, 50_013, 700_213, 700_021] {
            let body = format!(r#"{{"error":"invalid_client","error_codes":[{number}]}}"#);
            let no = trouble(Proof::Federated, 401, body.as_bytes());
            assert!(no.trouble.why.contains("federated_token_file"), "{}", no.trouble.why);
        }
    }
}
