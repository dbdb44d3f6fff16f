//! The one transport: it judges the address, attaches the token, sends, and repeats reads.
//!
//! Does not know what the answers are for. Invariant: the bearer token is attached in one function here, right after the allow-list
//! has taken the address; logs hold path templates and never a query, a name or a token.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use jiff::SignedDuration;
use uuid::Uuid;

use super::answer::{Refusal, Reply, Verdict, classify};
use super::crowd::Crowd;
use super::endpoints::Endpoints;
use super::request::{Call, Consistency};
use super::throttle::{Bucket, Gates};
use super::token::{Bearer, Credentials, Tokens};
use super::wait::{PATIENCE, SHORTEST, backoff};
use super::wire::{Wire, WireError};
use crate::clock::Clock;
use crate::engine::leave::Leave;
use crate::rollout::observed::{Trouble, TroubleKind};

/// Attempts of a read that the tenant answers with "later".
const TRIES: u32 = 6;
/// Attempts of a read that is not answered, or with rubbish.
const TRIES_UNANSWERED: u32 = 3;

pub(crate) struct Transport {
    wire: Arc<dyn Wire>,
    pub(crate) clock: Clock,
    pub(crate) endpoints: Endpoints,
    pub(crate) tokens: Tokens,
    pub(crate) gates: Gates,
    /// How many writes may be under way.
    pub(crate) crowd: Mutex<Crowd>,
    /// How many are.
    pub(crate) under_way: AtomicU32,
    sent: Arc<AtomicU64>,
    /// The service's clock less ours, in seconds, by the latest answer; [`UNKNOWN_SKEW`] before any.
    skew: AtomicI64,
}

const UNKNOWN_SKEW: i64 = i64::MIN;

/// Why there is no answer to a request.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// It never left.
    NotSent(Trouble),
    /// It left, and nobody knows what became of it.
    Lost(Trouble),
}

/// Why something could not be read.
#[derive(Clone, Debug)]
pub(crate) enum Unread {
    /// It does not exist.
    Gone,
    /// The tenant refuses to show it.
    Refused(Refusal),
    /// Anything else.
    Failed(Trouble),
}

impl Unread {
    /// As trouble, where `gone` says what it means that the thing does not exist.
    pub(crate) fn trouble(self, gone: impl FnOnce() -> String) -> Trouble {
        match self {
            Self::Gone => Trouble { kind: TroubleKind::Unusable, why: gone() },
            Self::Refused(refusal) => refusal.trouble(),
            Self::Failed(trouble) => trouble,
        }
    }
}

impl Transport {
    pub(crate) fn new(wire: Arc<dyn Wire>, clock: Clock, endpoints: Endpoints, credentials: Credentials, gates: Gates) -> Self {
        let sent = Arc::new(AtomicU64::new(0));
        let tokens = Tokens::new(Arc::clone(&wire), clock.clone(), &endpoints, credentials, Arc::clone(&sent));
        Self {
            wire,
            gates,
            crowd: Mutex::default(),
            under_way: AtomicU32::new(0),
            clock,
            endpoints,
            tokens,
            sent,
            skew: AtomicI64::new(UNKNOWN_SKEW),
        }
    }

    /// Requests that have left, of any kind.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How far the service's clock is ahead of ours, to the second.
    pub(crate) fn clock_skew(&self) -> Option<SignedDuration> {
        let skew = self.skew.load(Ordering::Relaxed);
        (skew != UNKNOWN_SKEW).then(|| SignedDuration::from_secs(skew))
    }

    /// Sends once, unless the leave was taken back. A 401 refreshes the token and sends once more; nothing else is repeated.
    pub(crate) async fn deliver(&self, leave: &Leave, call: &Call) -> Result<Reply, Failure> {
        let bearer = self.tokens.bearer().await.map_err(Failure::NotSent)?;
        let reply = self.once(leave, call, &bearer).await?;
        if reply.status == 401 {
            self.tokens.discard(&bearer).await;
            let bearer = self.tokens.bearer().await.map_err(Failure::NotSent)?;
            return self.once(leave, call, &bearer).await;
        }
        if reply.status == 403 {
            // A permission granted meanwhile counts only in a new token.
            self.tokens.discard(&bearer).await;
        }
        Ok(reply)
    }

    /// Makes the next request use a new token: a member of an envelope was answered with 401.
    pub(crate) async fn refresh(&self) {
        if let Ok(bearer) = self.tokens.bearer().await {
            self.tokens.discard(&bearer).await;
        }
    }

    /// The permissions that the token names, where it can be looked into.
    pub(crate) async fn granted(&self) -> Option<Vec<String>> {
        self.tokens.roles().await
    }

    /// Whether the login service gives a token at all.
    pub(crate) async fn signs_in(&self) -> Result<(), Trouble> {
        self.tokens.bearer().await.map(|_| ())
    }

    /// The permissions that the latest token named; asks nobody.
    pub(crate) fn named(&self) -> Option<Vec<String>> {
        self.tokens.named()
    }

    /// The one place that attaches the token, and the last one that asks for the leave before the wire.
    async fn once(&self, leave: &Leave, call: &Call, bearer: &Bearer) -> Result<Reply, Failure> {
        if call.deletes_an_object() {
            let why = format!("{} would delete an object and was not sent; please report this", call.template());
            return Err(Failure::NotSent(Trouble { kind: TroubleKind::Refused, why }));
        }
        let address = call.address(self.endpoints.graph_root());
        let url = self.endpoints.admits(&address).map_err(|forbidden| {
            let why = format!("an answer of {} leads elsewhere: {forbidden}; it was not followed", call.template());
            Failure::NotSent(Trouble { kind: TroubleKind::Refused, why })
        })?;
        let request_id = Uuid::new_v4();
        let mut request = Request::builder()
            .method(call.method())
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, bearer.header())
            .header("client-request-id", request_id.to_string());
        if call.consistency() == Consistency::Eventual {
            request = request.header("ConsistencyLevel", "eventual");
        }
        if self.clock.is_paced() {
            request = request.header("Tidegate-Now", self.clock.now().to_string());
        }
        let body = match call.body() {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_owned())
            }
            None => Bytes::new(),
        };
        // The wire asks again when there is a connection, which may take a while.
        let request = request.extension(leave.clone()).body(body).map_err(|error| {
            let why = format!("{} cannot be asked for: {error}", call.template());
            Failure::NotSent(Trouble { kind: TroubleKind::Unreachable, why })
        })?;
        if !leave.holds() {
            return Err(Failure::NotSent(taken_back(call)));
        }
        let began = Clock::monotonic();
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = self.wire.exchange(request).await;
        let duration_ms = u64::try_from(Clock::monotonic().duration_since(began).as_millis()).unwrap_or(u64::MAX);
        let (method, path) = (call.method().as_str(), call.template());
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let service_id = text(answer.headers(), "request-id").unwrap_or_default();
                tracing::debug!(
                    http.method = method, graph.path = path, http.status = status, client.request_id = %request_id,
                    service.request_id = service_id, duration_ms, "the tenant answered"
                );
                let used = text(answer.headers(), USED).and_then(used);
                // Reads of a full bucket rest for a moment; writes have a pace of their own.
                if call.bucket() != Bucket::Writes && used.is_some_and(|used| used >= 1.0) {
                    self.shut(call, SHORTEST);
                }
                let date = text(answer.headers(), "date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
                if let Some(date) = date.filter(|_| !self.clock.is_paced()) {
                    self.skew.store(date.timestamp().duration_since(self.clock.now()).as_secs(), Ordering::Relaxed);
                }
                let retry_after = text(answer.headers(), "retry-after").map(str::to_owned);
                Ok(Reply { status, retry_after, used, body: answer.into_body() })
            }
            Err(error) => {
                tracing::debug!(
                    http.method = method, graph.path = path, client.request_id = %request_id, duration_ms, %error,
                    "the tenant did not answer"
                );
                let why = format!("the tenant did not answer {path}: {error}; check the network and tenant.graph_url");
                let trouble = Trouble { kind: TroubleKind::Unreachable, why };
                Err(match error {
                    WireError::NotSent { .. } => Failure::NotSent(trouble),
                    WireError::Lost { .. } => Failure::Lost(trouble),
                })
            }
        }
    }

    /// Nothing of the call's bucket leaves for so long.
    pub(crate) fn shut(&self, call: &Call, wait: SignedDuration) {
        if let Ok(until) = self.clock.now().checked_add(wait) {
            self.gates.shut_until(call.bucket(), until);
        }
    }

    /// The wait before attempt `attempt` + 1.
    pub(crate) fn wait(&self, call: &Call, attempt: u32, after: Option<SignedDuration>) -> SignedDuration {
        after.unwrap_or_else(|| backoff(attempt, &format!("{} {}", call.template(), self.sent())))
    }

    /// Reads until there is an answer that `parse` takes; waits as the tenant asks, within bounds.
    pub(crate) async fn read<T>(&self, call: &Call, parse: impl Fn(&[u8]) -> Option<T> + Send) -> Result<T, Unread> {
        let mut waited = SignedDuration::ZERO;
        for attempt in 1.. {
            self.gates.pass(call.bucket(), 1).await;
            let (trouble, after, tries) = match self.deliver(&Leave::default(), call).await {
                Err(Failure::NotSent(trouble) | Failure::Lost(trouble)) if trouble.kind == TroubleKind::Refused => {
                    return Err(Unread::Failed(trouble));
                }
                Err(Failure::NotSent(trouble) | Failure::Lost(trouble)) => (trouble, None, TRIES_UNANSWERED),
                Ok(reply) => match classify(call, &reply) {
                    Verdict::Ok | Verdict::AlreadySo | Verdict::Unknown => match parse(&reply.body) {
                        Some(value) => return Ok(value),
                        None => (rubbish(call), None, TRIES_UNANSWERED),
                    },
                    Verdict::Gone => return Err(Unread::Gone),
                    Verdict::Refused(refusal) => return Err(Unread::Refused(refusal)),
                    Verdict::Reauthenticate => return Err(Unread::Failed(unwelcome(call))),
                    Verdict::Retry { after, kind } => (later(call, reply.status, kind), after, TRIES),
                },
            };
            let wait = self.wait(call, attempt, after);
            waited = waited.checked_add(wait).unwrap_or(SignedDuration::MAX);
            if attempt >= tries || waited > PATIENCE {
                return Err(Unread::Failed(trouble));
            }
            if trouble.kind == TroubleKind::Throttled {
                self.shut(call, wait);
            }
            self.clock.sleep(wait).await;
        }
        Err(Unread::Failed(rubbish(call)))
    }
}

/// The header by which the service tells how much of its quota is used.
pub(crate) const USED: &str = "x-ms-throttle-limit-percentage";

/// What it says; 1 is all of it.
pub(crate) fn used(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|used: &f64| used.is_finite() && *used >= 0.0)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn taken_back(call: &Call) -> Trouble {
    let why = format!("{} was not sent: a pause or a stop came before it left", call.template());
    Trouble { kind: TroubleKind::Unreachable, why }
}

fn rubbish(call: &Call) -> Trouble {
    let why =
        format!("the tenant's answer to {} cannot be read: it is not what Graph answers; check the way to it", call.template());
    Trouble { kind: TroubleKind::Unreachable, why }
}

/// A fresh token was not taken either.
pub(crate) fn unwelcome(call: &Call) -> Trouble {
    let why = format!(
        "the tenant does not take our token for {} (401), not even a new one; check tenant.cloud and the app",
        call.template()
    );
    Trouble { kind: TroubleKind::Refused, why }
}

/// The tenant keeps saying "later".
pub(crate) fn later(call: &Call, status: u16, kind: TroubleKind) -> Trouble {
    let why = match kind {
        TroubleKind::Throttled => format!("the tenant throttles {} ({status}); it is tried again later", call.template()),
        _ => format!("the tenant cannot answer {} now ({status}); it is tried again later", call.template()),
    };
    Trouble { kind, why }
}
