//! Tokens of the app: asked for with its credential, kept until shortly before they expire.
//!
//! Does not attach them (the transport does). Invariant: one request for a token at a time; while no new one is to be had, the one at
//! hand is used until it expires. Lives are counted on the real, monotonic clock, whatever the pace.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Response};
use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::endpoints::Endpoints;
use super::expiry::Expiry;
use super::identity;
use super::login::Cause;
pub use super::proof::{Credentials, ReadCertificate, ReadSecret};
use super::proof::{Question, Target};
use super::wire::{Wire, WireError};
use crate::clock::Clock;
use crate::rollout::observed::{Trouble, TroubleKind};

/// How soon after a failure a new token is asked for while the old one still serves.
const AGAIN: Duration = Duration::from_secs(30);

/// No token is believed to live longer, whatever the answer says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A token ready for use.
#[derive(Clone)]
pub(crate) struct Bearer {
    header: HeaderValue,
    number: u64,
    /// From then on a new one is asked for.
    refresh: Instant,
    /// From then on it is of no use.
    expires: Instant,
}

impl Bearer {
    /// The value of `Authorization`, marked as sensitive.
    pub(crate) const fn header(&self) -> &HeaderValue {
        &self.header
    }
}

/// The app's token.
pub(crate) struct Tokens {
    wire: Arc<dyn Wire>,
    clock: Clock,
    target: Target,
    credentials: Credentials,
    sent: Arc<AtomicU64>,
    current: Mutex<Current>,
    ends: Lock<Ends>,
    /// The permissions that the latest token named.
    named: Lock<Option<Vec<String>>>,
}

#[derive(Default)]
struct Current {
    bearer: Option<Bearer>,
    made: u64,
}

/// When the credential ends, and what of that has been logged.
#[derive(Default)]
struct Ends {
    expiry: Option<Expiry>,
    said: Option<(Timestamp, i64)>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: serde_json::Value,
}

impl Tokens {
    pub(crate) fn new(
        wire: Arc<dyn Wire>,
        clock: Clock,
        endpoints: &Endpoints,
        credentials: Credentials,
        sent: Arc<AtomicU64>,
    ) -> Self {
        let target = Target { url: endpoints.token_url(), scope: endpoints.scope(), resource: endpoints.graph_root().to_owned() };
        let (current, ends, named) = (Mutex::default(), Lock::default(), Lock::default());
        Self { wire, clock, target, credentials, sent, current, ends, named }
    }

    /// The current token, or a new one. Callers wait for each other, so that one request serves all.
    pub(crate) async fn bearer(&self) -> Result<Bearer, Trouble> {
        let mut current = self.current.lock().await;
        if let Some(bearer) = current.bearer.as_ref().filter(|bearer| Clock::monotonic() < bearer.refresh) {
            return Ok(bearer.clone());
        }
        let asked = self.ask().await;
        let now = Clock::monotonic();
        match (asked, current.bearer.as_mut()) {
            (Ok((header, life)), _) => {
                current.made += 1;
                let (refresh, expires) = (now + keep(life), now + life);
                let text = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
                *self.named.lock().unwrap_or_else(PoisonError::into_inner) = text.and_then(roles);
                let bearer = Bearer { header, number: current.made, refresh, expires };
                current.bearer = Some(bearer.clone());
                Ok(bearer)
            }
            (Err(trouble), Some(old)) if now < old.expires => {
                let left_s = old.expires.duration_since(now).as_secs();
                tracing::warn!(why = %trouble.why, left_s, "no new token was given; the one at hand is used until it expires");
                old.refresh = (now + AGAIN).min(old.expires);
                Ok(old.clone())
            }
            (Err(trouble), _) => {
                current.bearer = None;
                Err(trouble)
            }
        }
    }

    /// The secret ends then, as the plan says it; a certificate tells by itself.
    pub(crate) fn secret_expires(&self, at: Option<Timestamp>) {
        if matches!(self.credentials, Credentials::Secret { .. }) {
            self.ends.lock().unwrap_or_else(PoisonError::into_inner).expiry = at.map(Expiry::of_secret);
        }
    }

    /// The warning that the credential ends soon, from 60 days before on; logged once per threshold.
    pub(crate) fn warning(&self) -> Option<String> {
        // A credential ends by real time, whatever the pace.
        let now = Clock::system().now();
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let expiry = ends.expiry.as_ref()?;
        let warning = expiry.warning(now)?;
        let reached = expiry.threshold(now).map(|days| (expiry.at, days));
        if ends.said != reached {
            ends.said = reached;
            tracing::warn!(why = %warning, "a credential ends soon, or has ended");
        }
        Some(warning)
    }

    /// The tenant does not take this token; the next caller gets another one.
    pub(crate) async fn discard(&self, bearer: &Bearer) {
        let mut current = self.current.lock().await;
        if current.bearer.as_ref().is_some_and(|current| current.number == bearer.number) {
            current.bearer = None;
        }
    }

    /// As if the token's time to be replaced had come.
    #[cfg(test)]
    pub(crate) async fn grow_old(&self) {
        if let Some(bearer) = &mut self.current.lock().await.bearer {
            bearer.refresh = Clock::monotonic();
        }
    }

    /// The permissions that the token names. A token is opaque to its bearer by Microsoft's word: what is read here only ever warns.
    pub(crate) async fn roles(&self) -> Option<Vec<String>> {
        self.bearer().await.ok()?;
        self.named()
    }

    /// The permissions that the latest token named, without asking for another one.
    pub(crate) fn named(&self) -> Option<Vec<String>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks with the credential as it is now; once more when it was refused and its file has been replaced meanwhile.
    async fn ask(&self) -> Result<(HeaderValue, Duration), Trouble> {
        let question = self.question()?;
        let print = question.print;
        let mut answer = self.answer(question).await?;
        if answer.status() != 200 && self.no(&answer).1 == Cause::Credential {
            let again = self.question()?;
            if again.print != print {
                tracing::info!("the credential was replaced while it was in use; the login service is asked with the new one");
                answer = self.answer(again).await?;
            }
        }
        if answer.status() == 200 { self.granted(&answer) } else { Err(self.no(&answer).0) }
    }

    /// The credential's end is noted before anything is asked with it.
    fn question(&self) -> Result<Question, Trouble> {
        // The login service compares with its own, real time.
        let question = self.credentials.question(&self.target, Clock::system().now())?;
        if let Some(expiry) = &question.expiry {
            self.ends.lock().unwrap_or_else(PoisonError::into_inner).expiry = Some(expiry.clone());
        }
        Ok(question)
    }

    fn no(&self, answer: &Response<Bytes>) -> (Trouble, Cause) {
        let no = self.credentials.no(answer.status().as_u16(), answer.body());
        (no.trouble, no.cause)
    }

    /// Sends, and again as long as a machine's identity endpoint asks for it.
    async fn answer(&self, question: Question) -> Result<Response<Bytes>, Trouble> {
        for attempt in 1.. {
            let answer = self.once(question.request.clone()).await?;
            let wait = match self.credentials {
                Credentials::Managed { .. } => identity::wait(answer.status().as_u16(), attempt),
                _ => None,
            };
            let Some(wait) = wait else { return Ok(answer) };
            self.clock.sleep(wait).await;
        }
        Err(unreachable(self.credentials.service().0))
    }

    async fn once(&self, request: http::Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let began = Clock::monotonic();
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = self.wire.exchange(request).await.map_err(|error| {
            let (WireError::NotSent { why } | WireError::Lost { why }) = error;
            let (who, remedy) = self.credentials.service();
            unreachable(&format!("{who} did not answer: {why}; {remedy}"))
        })?;
        let duration_ms = u64::try_from(Clock::monotonic().duration_since(began).as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(http.status = answer.status().as_u16(), duration_ms, "the login service answered");
        Ok(answer)
    }

    fn granted(&self, answer: &Response<Bytes>) -> Result<(HeaderValue, Duration), Trouble> {
        let odd = || unreachable(&format!("the answer of {} is no token; check the way to it", self.credentials.service().0));
        let granted: Granted = serde_json::from_slice(answer.body()).map_err(|_| odd())?;
        let life = seconds(&granted.expires_in).ok_or_else(odd)?;
        let token = SecretString::from(granted.access_token);
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| odd())?;
        header.set_sensitive(true);
        Ok((header, Duration::from_secs(life).min(LONGEST)))
    }
}

/// The claim `roles` of a token that is a JWT.
fn roles(token: &str) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Claims {
        #[serde(default)]
        roles: Vec<String>,
    }
    Some(insecure_decode::<Claims>(token).ok()?.claims.roles)
}

fn unreachable(why: &str) -> Trouble {
    Trouble { kind: TroubleKind::Unreachable, why: why.to_owned() }
}

/// `expires_in` in seconds; some services write it as a string.
fn seconds(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// How long a token is used: until 5 minutes before it expires, or half its life when that is short.
fn keep(life: Duration) -> Duration {
    life.saturating_sub(Duration::from_secs(300)).max(life / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_five_minutes_early() {
        for (life, kept) in [(3_599, 3_299), (600, 300), (60, 30), (0, 0), (86_400, 86_100)] {
            assert_eq!(keep(Duration::from_secs(life)), Duration::from_secs(kept));
        }
    }

    #[test]
    fn the_permissions_of_a_token_are_read_where_it_has_any() {
        let part = |text: &str| super::super::assertion::base64url(text.as_bytes());
        let token = |claims: &str| format!("{}.{}.{}", part(r#"{"typ":"JWT","alg":"RS256"}"#), part(claims), part("seal"));
        let both = Some(vec!["User.Read.All".to_owned(), "Mail.Send".to_owned()]);
        for (token, expected) in [
            (token(r#"{"roles":["User.Read.All","Mail.Send"]}"#), both),
            (token(r#"{"aud":"x"}"#), Some(Vec::new())),
            (token("no claims"), None),
            ("opaque".to_owned(), None),
        ] {
            assert_eq!(roles(&token), expected, "{token}");
        }
    }

    #[test]
    fn a_life_may_be_written_as_text() {
        assert_eq!(seconds(&serde_json::json!(3599)), Some(3_599));
        assert_eq!(seconds(&serde_json::json!("3599")), Some(3_599));
        assert_eq!(seconds(&serde_json::json!(null)), None);
    }
}
