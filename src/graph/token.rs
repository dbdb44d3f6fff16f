//! Tokens of the app: asked for with a secret or a certificate, kept until shortly before they expire.
//!
//! Does not attach them (the transport does). Invariant: one request for a token at a time; the secret is read anew each time, is
//! held no longer than that request, and never printed. Lives are counted on the real, monotonic clock, whatever the pace.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use jsonwebtoken::dangerous::insecure_decode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::assertion::assertion;
use super::endpoints::Endpoints;
use super::login;
use super::wire::{Wire, WireError};
use crate::clock::Clock;
use crate::rollout::observed::{Trouble, TroubleKind};

/// Reads a secret; called for each request for a token, so that a rotated one counts. The error is an operator sentence.
pub type ReadSecret = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// How the app proves who it is.
#[derive(Clone)]
pub enum Credentials {
    /// By a client secret.
    Secret {
        /// The app's client id.
        client_id: String,
        /// Reads the secret.
        secret: ReadSecret,
    },
    /// By a certificate.
    Certificate {
        /// The app's client id.
        client_id: String,
        /// Reads certificate and private key, both PEM, in one text.
        pem: ReadSecret,
    },
}

/// A token ready for use.
#[derive(Clone)]
pub(crate) struct Bearer {
    header: HeaderValue,
    number: u64,
    refresh: Instant,
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
    url: String,
    scope: String,
    credentials: Credentials,
    sent: Arc<AtomicU64>,
    current: Mutex<Current>,
    /// The permissions that the latest token named.
    named: std::sync::Mutex<Option<Vec<String>>>,
}

#[derive(Default)]
struct Current {
    bearer: Option<Bearer>,
    made: u64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: serde_json::Value,
}

impl Tokens {
    pub(crate) fn new(wire: Arc<dyn Wire>, endpoints: &Endpoints, credentials: Credentials, sent: Arc<AtomicU64>) -> Self {
        let (url, scope) = (endpoints.token_url(), endpoints.scope());
        Self { wire, url, scope, credentials, sent, current: Mutex::default(), named: std::sync::Mutex::default() }
    }

    /// The current token, or a new one. Callers wait for each other, so that one request serves all.
    pub(crate) async fn bearer(&self) -> Result<Bearer, Trouble> {
        let mut current = self.current.lock().await;
        if let Some(bearer) = current.bearer.as_ref().filter(|bearer| Clock::monotonic() < bearer.refresh) {
            return Ok(bearer.clone());
        }
        current.bearer = None;
        let (header, life) = self.ask().await?;
        current.made += 1;
        let text = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = text.and_then(roles);
        let bearer = Bearer { header, number: current.made, refresh: Clock::monotonic() + keep(life) };
        current.bearer = Some(bearer.clone());
        Ok(bearer)
    }

    /// The tenant does not take this token; the next caller gets another one.
    pub(crate) async fn discard(&self, bearer: &Bearer) {
        let mut current = self.current.lock().await;
        if current.bearer.as_ref().is_some_and(|current| current.number == bearer.number) {
            current.bearer = None;
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

    async fn ask(&self) -> Result<(HeaderValue, Duration), Trouble> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.form()?)
            .map_err(|error| unreachable(&format!("the login service cannot be asked: {error}; check tenant.login_url")))?;
        let began = Clock::monotonic();
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = self.wire.exchange(request).await.map_err(|error| {
            let (WireError::NotSent { why } | WireError::Lost { why }) = error;
            unreachable(&format!("the login service did not answer: {why}; check the network and tenant.login_url"))
        })?;
        let duration_ms = u64::try_from(Clock::monotonic().duration_since(began).as_millis()).unwrap_or(u64::MAX);
        let status = answer.status().as_u16();
        tracing::debug!(http.status = status, duration_ms, "the login service answered");
        if status != 200 {
            return Err(login::trouble(status, answer.body()));
        }
        let odd = || unreachable("the login service's answer cannot be read: it is no token; check the way to it");
        let granted: Granted = serde_json::from_slice(answer.body()).map_err(|_| odd())?;
        let life = seconds(&granted.expires_in).ok_or_else(odd)?;
        let token = SecretString::from(granted.access_token);
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| odd())?;
        header.set_sensitive(true);
        Ok((header, Duration::from_secs(life)))
    }

    /// The form of a request for a token.
    fn form(&self) -> Result<Bytes, Trouble> {
        let refused = |why: String| Trouble { kind: TroubleKind::Refused, why };
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials").append_pair("scope", &self.scope);
        match &self.credentials {
            Credentials::Secret { client_id, secret } => {
                let secret = secret().map_err(refused)?;
                let secret = secret.expose_secret().trim_end_matches(['\r', '\n']);
                form.append_pair("client_id", client_id).append_pair("client_secret", secret);
            }
            Credentials::Certificate { client_id, pem } => {
                let pem = pem().map_err(refused)?;
                // The login service compares with its own, real time.
                let signed = assertion(&pem, client_id, &self.url, Clock::system().now())
                    .map_err(|error| refused(format!("credentials.certificate cannot be used: {error}")))?;
                form.append_pair("client_id", client_id)
                    .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                    .append_pair("client_assertion", signed.expose_secret());
            }
        }
        Ok(Bytes::from(form.finish()))
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
