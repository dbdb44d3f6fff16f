//! Answers and refusals in the shapes of the API.
//!
//! A refusal is the whole envelope of an error; what it says comes from the catalogue of documented and seen messages.

use bytes::Bytes;
use http::{HeaderName, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

/// An answer before it is put on the wire.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Body,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub(super) enum Body {
    None,
    Json(Bytes),
    Text(Bytes),
}

/// An error answer.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) headers: Vec<(HeaderName, String)>,
}

/// What an endpoint gives back.
pub(super) type Answer = Result<Reply, Refusal>;

impl Reply {
    pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body.into()) }
    }

    pub(super) fn ok(body: impl Into<Bytes>) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(super) fn value(body: &Value) -> Self {
        Self::ok(body.to_string())
    }

    pub(super) const fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Body::None }
    }

    pub(super) fn count(number: usize) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: Body::Text(number.to_string().into()) }
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::bad("Request_UnsupportedQuery", message)
    }

    /// An object that does not exist, or may not be removed from where it is not.
    pub(super) fn missing(id: &str) -> Self {
        let message = format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    pub(super) fn already_member() -> Self {
        let message = "One or more added object references already exist for the following modified properties: 'members'.";
        Self::bad("Request_BadRequest", message)
    }

    pub(super) fn no_permission() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    pub(super) fn no_premium() -> Self {
        let code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
        Self::new(StatusCode::FORBIDDEN, code, "Neither tenant is B2C or tenant doesn't have premium license")
    }

    pub(super) fn not_allowed() -> Self {
        let message = "Specified HTTP method is not allowed for the request target.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message)
    }

    /// Throttled; with `seconds`, the answer says when to come back.
    pub(super) fn throttled(seconds: Option<f64>) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "Please retry again later.");
        refusal.headers.extend(seconds.map(retry_after));
        refusal
    }

    /// Throttled by the reporting service, whose code says nothing.
    pub(super) fn reports_throttled(seconds: f64) -> Self {
        let message =
            "This request is throttled. Please try again after the value (in seconds) specified in the Retry-After header.";
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "UnknownError", message);
        refusal.headers.push(retry_after(seconds));
        refusal
    }

    pub(super) fn into_reply(self, now: Timestamp, request_id: &str, client_request_id: &str) -> Reply {
        let date = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let mut inner = json!({ "date": date, "request-id": request_id, "client-request-id": client_request_id });
        if self.code == "TooManyRequests" {
            inner = json!({ "code": "429", "date": date, "message": "Please retry after", "request-id": request_id, "status": "429" });
        }
        let body = json!({ "error": { "code": self.code, "message": self.message, "innerError": inner } });
        Reply { status: self.status, headers: self.headers, body: Body::Json(body.to_string().into()) }
    }
}

fn retry_after(seconds: f64) -> (HeaderName, String) {
    // rounded up: whoever waits as told is let through
    (HeaderName::from_static("retry-after"), format!("{:.3}", (seconds * 1000.0).ceil() / 1000.0))
}
