//! The login service: tokens by client secret or by a well-formed assertion, and the documents by which libraries find it.
//!
//! An assertion is verified when the tenant knows the app's certificate, and else only has to look like one. Tokens look like the service's but mean nothing outside this tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::assertion;
use super::base64;
use super::call::{root, segments};
use super::chance::{Kind, Stream};
use super::moment::after;
use super::reply::Reply;
use super::tenant::Tenant;
use crate::clock::Clock;

/// The client secret that the tenant takes.
pub const SECRET: &str = "simulated-secret";

/// Tokens that were given out.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    known: BTreeMap<String, Token>,
    chance: Stream,
}

#[derive(Clone, Debug)]
struct Token {
    until: Timestamp,
    roles: Arc<[String]>,
}

impl Tokens {
    pub(super) fn new(seed: u64) -> Self {
        Self { known: BTreeMap::new(), chance: Stream::new(seed, Kind::Tokens) }
    }

    /// The roles of a token that is good at `now`.
    pub(super) fn roles(&self, token: &str, now: Timestamp) -> Option<Arc<[String]>> {
        self.known.get(token).filter(|known| now < known.until).map(|known| Arc::clone(&known.roles))
    }

    pub(super) fn revoke(&mut self) {
        self.known.clear();
    }
}

/// Why the login service refuses.
struct No(StatusCode, &'static str, u32, &'static str);

impl Tenant {
    /// The answer of the login service; `None` when the request is none of its own.
    pub(super) fn login(&mut self, now: Timestamp, request: &Request<Bytes>) -> Option<Reply> {
        let path = segments(request.uri().path());
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method(), path.as_slice()) {
            (&Method::POST, [tenant, "oauth2", "v2.0", "token"]) => Some(self.grant(now, tenant, request)),
            (&Method::GET, [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
                Some(Reply::value(&self.discovery(request, tenant)))
            }
            (&Method::GET, [_, "discovery", "instance"]) => Some(Reply::value(&self.instance(request))),
            _ => None,
        }
    }

    fn grant(&mut self, now: Timestamp, tenant: &str, request: &Request<Bytes>) -> Reply {
        let fields: BTreeMap<_, _> = url::form_urlencoded::parse(request.body()).into_owned().collect();
        if let Err(no) = self.judge(tenant, &format!("{}{}", root(request), request.uri().path()), &fields) {
            return refusal(&no, now);
        }
        let (token, seconds) = self.issue(now, fields.get("client_id").map(String::as_str));
        Reply::value(&json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token }))
    }

    /// A new token, and its life in seconds.
    pub(super) fn issue(&mut self, now: Timestamp, client_id: Option<&str>) -> (String, i64) {
        let lifetime = self.profile.token_lifetime;
        let until = after(now, lifetime);
        let claims = json!({
            "aud": "https://graph.microsoft.com",
            "tid": self.id.to_string(),
            "appid": client_id,
            "roles": self.profile.roles,
            "exp": until.as_second(),
        });
        let head = base64::encode(br#"{"typ":"JWT","alg":"RS256"}"#);
        let seal = base64::encode(&self.tokens.chance.guid().to_be_bytes());
        let token = format!("{head}.{}.{seal}", base64::encode(claims.to_string().as_bytes()));
        self.tokens.known.retain(|_, known| now < known.until);
        self.tokens.known.insert(token.clone(), Token { until, roles: self.profile.roles.clone().into() });
        (token, lifetime.as_secs())
    }

    fn judge(&self, tenant: &str, url: &str, fields: &BTreeMap<String, String>) -> Result<(), No> {
        let field = |name| fields.get(name).map(String::as_str);
        let bad = StatusCode::BAD_REQUEST;
        if !tenant.eq_ignore_ascii_case(&self.profile.domain) && tenant != self.id.to_string() {
            return Err(No(
                bad,
                "invalid_request",
                90_002,
                "Tenant was not found. Check to make sure you have the correct tenant ID.",
            ));
        }
        if field("grant_type") != Some("client_credentials") {
            return Err(No(bad, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type."));
        }
        if !field("scope").is_some_and(|scope| scope.ends_with("/.default")) {
            return Err(No(bad, "invalid_scope", 70_011, "The provided value for the input parameter 'scope' is not valid."));
        }
        if field("client_id").is_none_or(|id| id.len() != 36) {
            return Err(No(bad, "unauthorized_client", 700_016, "Application was not found in the directory."));
        }
        let unauthorized = StatusCode::UNAUTHORIZED;
        // Assertions live by real time, whatever the pace.
        let real = Clock::system().now();
        let no = |(code, why)| No(unauthorized, "invalid_client", code, why);
        match (&self.profile.app_key, &self.profile.federation, field("client_assertion")) {
            (_, Some(federation), Some(text)) if !assertion::names_a_certificate(text) => {
                return assertion::judge(text, federation, real).map_err(no);
            }
            (Some(key), _, Some(text)) if assertion::names_a_certificate(text) => {
                return assertion::verify(text, key, field("client_id").unwrap_or_default(), url, real).map_err(no);
            }
            _ => {}
        }
        match (field("client_secret"), field("client_assertion")) {
            (Some(secret), _) if self.profile.secrets.iter().any(|known| known == secret) => Ok(()),
            (Some(_), _) => Err(No(unauthorized, "invalid_client", 7_000_215, "Invalid client secret provided.")),
            (None, Some(assertion)) if is_assertion(assertion, field("client_id").unwrap_or_default()) => Ok(()),
            (None, Some(_)) => Err(No(unauthorized, "invalid_client", 50_027, "JWT token is invalid or malformed.")),
            (None, None) => {
                let why = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                Err(No(unauthorized, "invalid_client", 7_000_218, why))
            }
        }
    }

    fn discovery(&self, request: &Request<Bytes>, tenant: &str) -> Value {
        let base = format!("{}/{tenant}", root(request));
        json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "issuer": format!("{}/{}/v2.0", root(request), self.id),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code"],
            "tenant_region_scope": "EU",
        })
    }

    fn instance(&self, request: &Request<Bytes>) -> Value {
        let root = root(request);
        let host = root.split_once("://").map_or("", |(_, host)| host);
        json!({
            "tenant_discovery_endpoint": format!("{root}/{}/v2.0/.well-known/openid-configuration", self.id),
            "api-version": "1.1",
            "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
        })
    }
}

fn refusal(No(status, error, code, why): &No, now: Timestamp) -> Reply {
    let stamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let (trace, correlation) = ("255d1aef-8c98-452f-ac51-23d051240864", "fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7");
    let body = json!({
        "error": error,
        "error_description": format!("AADSTS{code}: {why}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {stamp}"),
        "error_codes": [code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    Reply::json(*status, body.to_string())
}

/// Whether the text has the three parts of a JWT, with the header and the claims that the service asks for.
fn is_assertion(text: &str, client: &str) -> bool {
    let mut parts = text.split('.');
    let mut part = || parts.next().and_then(base64::decode).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let (Some(head), Some(claims)) = (part(), part()) else { return false };
    let algorithm = head.get("alg").and_then(Value::as_str);
    let thumbprint = head.get("x5t#S256").or_else(|| head.get("x5t"));
    let is_client = |name: &str| claims.get(name).and_then(Value::as_str) == Some(client);
    let is_certificate =
        matches!(algorithm, Some("PS256" | "RS256")) && thumbprint.is_some() && is_client("iss") && is_client("sub");
    // a federated token comes from elsewhere and needs no thumbprint
    let is_federated = thumbprint.is_none() && claims.get("iss").is_some() && claims.get("sub").is_some();
    claims.get("aud").is_some() && claims.get("exp").is_some_and(Value::is_number) && (is_certificate || is_federated)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{Probe, calm};
    use super::*;

    /// Tenant, form fields, expected code.
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, u64);

    const CLIENT: &str = "6f6f6f6f-0000-4000-8000-000000000001";

    fn assertion(head: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64::encode(value.to_string().as_bytes());
        format!("{}.{}.{}", part(head), part(claims), base64::encode(b"signature"))
    }

    #[test]
    fn credentials_are_taken_or_refused_with_their_code() {
        let claims =
            json!({ "aud": "https://login/t/oauth2/v2.0/token", "iss": CLIENT, "sub": CLIENT, "jti": "1", "nbf": 1, "exp": 2 });
        let good = assertion(&json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": "abc" }), &claims);
        let unsigned = assertion(&json!({ "alg": "none", "x5t#S256": "abc" }), &claims);
        let scope = ("scope", "https://g/.default");
        let table: [Row<'_>; 9] = [
            ("contoso.example", vec![scope, ("client_id", CLIENT), ("client_secret", SECRET)], 0),
            ("contoso.example", vec![scope, ("client_id", CLIENT), ("client_assertion", &good)], 0),
            ("contoso.example", vec![scope, ("client_id", CLIENT), ("client_assertion", &unsigned)], 50_027),
            ("contoso.example", vec![scope, ("client_id", CLIENT), ("client_assertion", "a.b.c")], 50_027),
            ("contoso.example", vec![scope, ("client_id", CLIENT), ("client_secret", "guess")], 7_000_215),
            ("contoso.example", vec![scope, ("client_id", CLIENT)], 7_000_218),
            ("contoso.example", vec![scope, ("client_id", "x"), ("client_secret", SECRET)], 700_016),
            ("contoso.example", vec![("scope", "x"), ("client_id", CLIENT), ("client_secret", SECRET)], 70_011),
            ("other.example", vec![scope, ("client_id", CLIENT), ("client_secret", SECRET)], 90_002),
        ];
        for (tenant, fields, code) in table {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "client_credentials").extend_pairs(&fields);
            let request = Request::post(format!("http://h/{tenant}/oauth2/v2.0/token")).body(Bytes::from(form.finish())).unwrap();
            let (status, body) = Probe::new(calm(20)).send(&request);
            assert_eq!((status == 200, body["error_codes"][0].as_u64().unwrap_or(0)), (code == 0, code), "{fields:?}: {body}");
        }
    }

    #[test]
    fn libraries_find_the_token_endpoint() {
        let mut probe = Probe::new(calm(20));
        let request =
            Request::get("https://h:1/contoso.example/v2.0/.well-known/openid-configuration").body(Bytes::new()).unwrap();
        let (_, body) = probe.send(&request);
        assert_eq!(body["token_endpoint"], "https://h:1/contoso.example/oauth2/v2.0/token");
    }
}
