//! A tenant of canned answers: the real client, over a wire that answers from a table, on a paced clock.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use tidegate::clock::{Clock, Pace};
use tidegate::enforcement::Enforcer;
use tidegate::graph::Graph;
use tidegate::graph::endpoints::Endpoints;
use tidegate::graph::token::Credentials;
use tidegate::graph::wire::{Exchange, Wire};

pub(super) const ROOT: &str = "https://graph.microsoft.com";
pub(super) const TENANT: &str = "contoso.onmicrosoft.com";
pub(super) const NOTHING: &str = r#"{"value":[]}"#;

/// An answer: its status, `Retry-After`, and its body.
pub(super) type Canned = (u16, Option<&'static str>, String);

/// What is asked: method, path with query, and body.
type Ask<'a> = (&'a str, &'a str, &'a str);

type Answers = dyn Fn(Ask<'_>) -> Canned + Send + Sync;

/// The real client over canned answers.
pub(super) struct Tenant {
    pub(super) graph: Graph,
    pub(super) enforce: Enforcer,
    pub(super) clock: Clock,
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
}

struct Cans {
    answers: Box<Answers>,
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
}

impl Wire for Cans {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let ask = (request.method().as_str(), path, body.as_str());
        self.asked.lock().unwrap().push((ask.0.to_owned(), ask.1.to_owned(), body.clone()));
        let (status, retry_after, body) = (self.answers)(ask);
        let mut response = Response::builder().status(status).header("content-type", "application/json");
        if let Some(after) = retry_after {
            response = response.header("Retry-After", after);
        }
        let response = response.body(Bytes::from(body)).unwrap();
        Box::pin(async move { Ok(response) })
    }
}

impl Tenant {
    /// Answers everything but requests for tokens; `answers` may answer these as well, with a status other than 0.
    pub(super) fn new(answers: impl Fn(Ask<'_>) -> Canned + Send + Sync + 'static) -> Self {
        let credentials = Credentials::Secret {
            client_id: "6f6f6f6f-0000-4000-8000-000000000001".to_owned(),
            secret: Arc::new(|| Ok(SecretString::from("word"))),
        };
        Self::of_app(credentials, answers)
    }

    /// The same for an app that proves itself so.
    pub(super) fn of_app(credentials: Credentials, answers: impl Fn(Ask<'_>) -> Canned + Send + Sync + 'static) -> Self {
        let asked = Arc::default();
        let answers = move |ask: Ask<'_>| match answers(ask) {
            (0, ..) if ask.1.ends_with("/token") => {
                (200, None, r#"{"token_type":"Bearer","expires_in":3599,"access_token":"opaque"}"#.to_owned())
            }
            (0, ..) => (200, None, NOTHING.to_owned()),
            canned => canned,
        };
        let wire = Cans { answers: Box::new(answers), asked: Arc::clone(&asked) };
        let clock = Clock::paced("2027-01-18T08:00:00Z".parse().unwrap(), Pace::Max);
        let endpoints = Endpoints::new(ROOT, "https://login.microsoftonline.com", TENANT).unwrap();
        let graph = Graph::new(Arc::new(wire), clock.clone(), endpoints, credentials, TENANT);
        Self { enforce: Enforcer::new(graph.clone()), graph, clock, asked }
    }

    /// Answers whatever holds `part` in its path with this, and anything else with an empty listing.
    pub(super) fn with(part: &'static str, status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self::new(move |(_, path, _)| if path.contains(part) { (status, None, body.clone()) } else { unanswered() })
    }

    /// The bodies of requests whose path holds `part`.
    pub(super) fn bodies(&self, part: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(_, path, _)| path.contains(part)).map(|(.., body)| body.clone()).collect()
    }

    /// How often something whose path holds `part` was asked.
    pub(super) fn times(&self, part: &str) -> usize {
        self.bodies(part).len()
    }
}

pub(super) fn unanswered() -> Canned {
    (0, None, String::new())
}

/// Waits for an answer.
pub(super) fn wait<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}
