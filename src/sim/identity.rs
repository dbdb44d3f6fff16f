//! The identity endpoint of a machine in Azure, as far as a client needs it: a token for the header, the version and the resource.
//!
//! Every machine that can ask is taken for one with an identity. Invariant: numbers are written as text, as the service does.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::call::root;
use super::reply::Reply;
use super::tenant::Tenant;

const PATH: &str = "/metadata/identity/oauth2/token";

impl Tenant {
    /// The answer of the identity endpoint; `None` when the request is none of its own.
    pub(super) fn identity(&mut self, now: Timestamp, request: &Request<Bytes>) -> Option<Reply> {
        if request.method() != Method::GET || request.uri().path() != PATH {
            return None;
        }
        let query = request.uri().query().unwrap_or_default();
        let query: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let no = |error: &str, why: &str| {
            let body = json!({ "error": error, "error_description": why });
            Some(Reply::json(StatusCode::BAD_REQUEST, body.to_string()))
        };
        if request.headers().get("metadata").is_none_or(|value| value != "true")
            || request.headers().contains_key("x-forwarded-for")
        {
            return no("bad_request_102", "Required metadata header not specified");
        }
        if query.get("api-version").is_none_or(|version| version.as_str() < "2018-02-01") {
            return no("invalid_request", "The api-version is not supported.");
        }
        let resource = query.get("resource").map(|resource| resource.trim_end_matches('/')).unwrap_or_default();
        if resource != root(request) {
            return no("invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.");
        }
        let id = query.get("client_id");
        if id.is_some_and(|id| id.len() != 36) {
            return no("invalid_request", "Identity not found");
        }
        let (token, seconds) = self.issue(now, id.map(String::as_str));
        let until = now.as_second().saturating_add(seconds);
        Some(Reply::value(&json!({
            "access_token": token,
            "refresh_token": "",
            "expires_in": seconds.to_string(),
            "expires_on": until.to_string(),
            "not_before": now.as_second().to_string(),
            "resource": resource,
            "token_type": "Bearer",
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{Probe, calm};
    use super::*;

    #[test]
    fn a_token_needs_header_version_and_resource() {
        const GOOD: &str = "api-version=2018-02-01&resource=http%3A%2F%2Fh";
        for (query, header, status, error) in [
            (GOOD.to_owned(), Some(("metadata", "true")), 200, ""),
            (format!("{GOOD}&client_id=6f6f6f6f-0000-4000-8000-000000000001"), Some(("metadata", "true")), 200, ""),
            (GOOD.to_owned(), None, 400, "bad_request_102"),
            (GOOD.to_owned(), Some(("metadata", "false")), 400, "bad_request_102"),
            ("resource=http%3A%2F%2Fh".to_owned(), Some(("metadata", "true")), 400, "invalid_request"),
            ("api-version=2018-02-01&resource=https%3A%2F%2Fx".to_owned(), Some(("metadata", "true")), 400, "invalid_resource"),
            (format!("{GOOD}&client_id=x"), Some(("metadata", "true")), 400, "invalid_request"),
        ] {
            let mut request = Request::get(format!("http://h{PATH}?{query}"));
            if let Some((name, value)) = header {
                request = request.header(name, value);
            }
            let mut probe = Probe::new(calm(20));
            let (found, body) = probe.send(&request.body(Bytes::new()).unwrap());
            assert_eq!((found, body["error"].as_str().unwrap_or_default()), (status, error), "{query} {header:?}");
            assert_eq!(body["expires_in"].is_string(), status == 200, "{body}");
        }
    }
}
