//! The identity of a machine in Azure: how the Instance Metadata Service is asked, how long it is asked again, and what it means.
//!
//! Does not send or wait. App Service and Arc have endpoints of their own, which are not asked. Invariant: the question carries
//! the header by which the service tells a program on the machine from a forwarded request.

use bytes::Bytes;
use http::{Request, header};
use jiff::SignedDuration;

use super::login::{Cause, No};
use crate::rollout::observed::{Trouble, TroubleKind};

/// Waits before the next attempts, in seconds. The last one is for a service that is being updated (410) alone, which is back
/// within 70 s; Microsoft gives the others.
const WAITS_S: [i64; 5] = [2, 6, 14, 30, 18];

/// The request for a token of `resource`, as the identity with this client id or as the system's.
pub(super) fn request(root: &str, resource: &str, client_id: Option<&str>) -> http::Result<Request<Bytes>> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", "2018-02-01").append_pair("resource", resource);
    if let Some(client_id) = client_id {
        query.append_pair("client_id", client_id);
    }
    let root = root.trim_end_matches('/');
    Request::get(format!("{root}/metadata/identity/oauth2/token?{}", query.finish()))
        .header("Metadata", "true")
        .header(header::ACCEPT, "application/json")
        .body(Bytes::new())
}

/// The wait after attempt `attempt` (counted from 1) that was answered with `status`; none when it is final.
pub(super) fn wait(status: u16, attempt: u32) -> Option<SignedDuration> {
    let tries = match status {
        410 => WAITS_S.len(),
        404 | 429 | 500.. => WAITS_S.len() - 1,
        _ => 0,
    };
    let at = usize::try_from(attempt).ok()?.checked_sub(1)?;
    WAITS_S.get(at).filter(|_| at < tries).map(|seconds| SignedDuration::from_secs(*seconds))
}

/// The trouble behind a final answer other than 200. No text of the answer is repeated.
pub(super) fn trouble(status: u16, body: &[u8]) -> No {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error.as_ref().and_then(|body| body.get("error")?.as_str()).unwrap_or_default();
    let refused = |why: String| Trouble { kind: TroubleKind::Refused, why };
    let trouble = match (status, error) {
        (404 | 410 | 429 | 500.., _) => {
            let why = format!("the machine's identity endpoint cannot give a token now ({status}); it is tried again later");
            Trouble { kind: TroubleKind::Unreachable, why }
        }
        (_, "invalid_resource") => refused(
            "the machine's identity endpoint does not know Graph by this address (invalid_resource); check tenant.cloud and \
             tenant.graph_url"
                .to_owned(),
        ),
        (_, "invalid_request" | "unauthorized_client" | "access_denied") => refused(format!(
            "the machine's identity endpoint refused ({error}); assign an identity to this machine, and check that \
             credentials.client_id is that of a user-assigned one, or is left out"
        )),
        (_, "bad_request_102") => refused(
            "the machine's identity endpoint takes the request for a forwarded one (bad_request_102); check what stands between"
                .to_owned(),
        ),
        _ => refused(format!(
            "the machine's identity endpoint refused with {status}; check that this machine has a managed identity"
        )),
    };
    No { trouble, cause: Cause::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_microsofts_and_other_refusals_are_final() {
        for (status, waits) in [
            (404, &[2, 6, 14, 30][..]),
            (429, &[2, 6, 14, 30]),
            (503, &[2, 6, 14, 30]),
            (410, &[2, 6, 14, 30, 18]),
            (400, &[]),
            (403, &[]),
        ] {
            let found: Vec<i64> = (1..).map_while(|attempt| wait(status, attempt)).map(|wait| wait.as_secs()).collect();
            assert_eq!(found, waits, "{status}");
        }
    }

    #[test]
    fn the_question_names_the_clouds_graph_and_the_identity() {
        for (id, tail) in [(None, ""), (Some("6f6f"), "&client_id=6f6f")] {
            let request = request("http://169.254.169.254/", "https://dod-graph.microsoft.us", id).unwrap();
            let expected = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fdod-graph.microsoft.us";
            assert_eq!(request.uri().to_string(), format!("{expected}{tail}"));
            assert_eq!(request.headers()["metadata"], "true");
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        for (status, body, kind, part) in [
            (400, r#"{"error":"invalid_resource","error_description":"x"}"#, TroubleKind::Refused, "tenant.cloud"),
            (
                400,
                r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
                TroubleKind::Refused,
                "assign an identity",
            ),
            (400, r#"{"error":"bad_request_102"}"#, TroubleKind::Refused, "forwarded"),
            (403, "<html>", TroubleKind::Refused, "403"),
            (410, "", TroubleKind::Unreachable, "later"),
            (500, "", TroubleKind::Unreachable, "later"),
        ] {
            let trouble = trouble(status, body.as_bytes()).trouble;
            assert_eq!(trouble.kind, kind, "{body}");
            assert!(trouble.why.contains(part), "{}", trouble.why);
        }
    }
}
