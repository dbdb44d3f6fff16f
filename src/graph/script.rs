//! A wire for tests: answers from a script, and remembers what was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Graph;
use super::endpoints::Endpoints;
use super::token::Credentials;
use super::wire::{Exchange, Wire, WireError};
use crate::clock::{Clock, Pace};
use crate::rollout::id::ObjectId;

/// The Graph root of the tests.
pub(crate) const ROOT: &str = "http://127.0.0.1:1";

/// One request as it left.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) token: Option<String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.uri.contains(path)
    }
}

/// An answer of the script.
pub(crate) type Scripted = Result<Response<Bytes>, WireError>;

type Respond = Box<dyn FnMut(&Seen) -> Scripted + Send>;

pub(crate) struct Script {
    respond: Mutex<Respond>,
    seen: Mutex<Vec<Seen>>,
}

/// An answer with a JSON body.
pub(crate) fn answer(status: u16, body: &Value) -> Scripted {
    with(status, &[], &body.to_string())
}

/// An answer with headers and any body.
#[expect(clippy::unnecessary_wraps, reason = "scripts mix answers and failures")]
pub(crate) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Scripted {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(Bytes::from(body.to_owned())).unwrap())
}

pub(crate) fn lost() -> Scripted {
    Err(WireError::Lost { why: "cut".into() })
}

/// The id with these bits.
pub(crate) fn id(n: u128) -> ObjectId {
    ObjectId::from_bits(n)
}

pub(crate) fn start() -> Timestamp {
    "2027-01-11T08:00:00Z".parse().unwrap()
}

impl Script {
    /// Answers by a function; requests for a token too.
    pub(crate) fn by(respond: impl FnMut(&Seen) -> Scripted + Send + 'static) -> Arc<Self> {
        Arc::new(Self { respond: Mutex::new(Box::new(respond)), seen: Mutex::default() })
    }

    /// Answers one after the other; tokens are granted aside, as `token-1`, `token-2` …
    pub(crate) fn answers(answers: impl IntoIterator<Item = Scripted>) -> Arc<Self> {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        Self::with_tokens(move |seen| answers.pop_front().unwrap_or_else(|| panic!("the script is over: {seen:?}")))
    }

    /// Answers by a function, with tokens granted aside.
    pub(crate) fn with_tokens(mut respond: impl FnMut(&Seen) -> Scripted + Send + 'static) -> Arc<Self> {
        let mut tokens = 0;
        Self::by(move |seen| {
            if seen.uri.contains("/oauth2/") {
                tokens += 1;
                return answer(
                    200,
                    &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": format!("token-{tokens}")}),
                );
            }
            respond(seen)
        })
    }

    /// What was asked of Graph, without the requests for tokens.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|seen| !seen.uri.contains("/oauth2/")).cloned().collect()
    }

    /// Requests for tokens.
    pub(crate) fn logins(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|seen| seen.uri.contains("/oauth2/")).cloned().collect()
    }

    /// A tenant behind this wire, with a clock that passes waits at once.
    pub(crate) fn graph(self: &Arc<Self>) -> (Graph, Clock) {
        let secret = Credentials::Secret { client_id: "client".into(), secret: Arc::new(|| Ok(SecretString::from("s3cret"))) };
        self.graph_with(secret)
    }

    pub(crate) fn graph_with(self: &Arc<Self>, credentials: Credentials) -> (Graph, Clock) {
        let clock = Clock::paced(start(), Pace::Max);
        let endpoints = Endpoints::new(ROOT, "http://127.0.0.1:2", "contoso.example").unwrap();
        (Graph::new(self.clone(), clock.clone(), endpoints, credentials, "contoso.example"), clock)
    }
}

impl Wire for Script {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        let (parts, body) = request.into_parts();
        let token = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        let seen = Seen {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            token,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or_else(|_| text()),
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
        let answer = self.respond.lock().unwrap_or_else(PoisonError::into_inner)(&seen);
        Box::pin(std::future::ready(answer))
    }
}
