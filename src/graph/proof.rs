//! How the app proves who it is: the request for a token, made from the credential as it is now.
//!
//! Does not send. Invariant: a secret, a key or a token of another issuer is read anew for each request and held no longer than it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::assertion::assertion;
use super::certificate::{CertificateFile, Pair};
use super::expiry::Expiry;
use super::identity;
use super::login::{self, No};
use crate::rollout::observed::{Trouble, TroubleKind};

/// Reads a secret; called for each request for a token, so that a rotated one counts. The error is an operator sentence.
pub type ReadSecret = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// Reads a certificate file and its password, likewise.
pub type ReadCertificate = Arc<dyn Fn() -> Result<CertificateFile, String> + Send + Sync>;

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
        /// Where the file lies, for sentences.
        path: String,
        /// Reads it.
        file: ReadCertificate,
    },
    /// By a token of another issuer, which the app trusts; it is sent as it is.
    Federated {
        /// The app's client id.
        client_id: String,
        /// Reads the token.
        token: ReadSecret,
    },
    /// Not at all: the machine in Azure vouches for it.
    Managed {
        /// Which identity; none is the system-assigned one.
        client_id: Option<String>,
        /// Where it is asked for, without path.
        url: String,
    },
}

/// Where tokens are asked for, and for what.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The token endpoint of the login service.
    pub(super) url: String,
    /// The scope that it is asked for.
    pub(super) scope: String,
    /// The same for a machine's identity.
    pub(super) resource: String,
}

/// A request for a token, ready to leave once.
pub(super) struct Question {
    /// The request.
    pub(super) request: Request<Bytes>,
    /// Hash of the credential that it was made from; equal for an equal one.
    pub(super) print: [u8; 32],
    /// When that credential ends, where it tells.
    pub(super) expiry: Option<Expiry>,
}

impl Credentials {
    /// Makes a request from the credential as it is now.
    pub(super) fn question(&self, target: &Target, now: Timestamp) -> Result<Question, Trouble> {
        match self {
            Self::Secret { client_id, secret } => {
                let secret = secret().map_err(refused)?;
                let secret = secret.expose_secret().trim_end_matches(['\r', '\n']);
                posted(target, secret.as_bytes(), &[("client_id", client_id), ("client_secret", secret)])
            }
            Self::Certificate { client_id, path, file } => {
                let file = file().map_err(refused)?;
                let pair =
                    Pair::read(&file).map_err(|error| refused(format!("credentials.certificate cannot be used: {error}")))?;
                let expiry = Expiry::of_certificate(path, pair.ends);
                if let Some(why) = expiry.warning(now).filter(|_| expiry.is_over(now)) {
                    return Err(refused(why));
                }
                let signed = assertion(&pair, client_id, &target.url, now)
                    .map_err(|error| refused(format!("credentials.certificate cannot be used: {error}")))?;
                let question = asserted(target, file.bytes.expose_secret(), client_id, signed.expose_secret())?;
                Ok(Question { expiry: Some(expiry), ..question })
            }
            Self::Federated { client_id, token } => {
                let token = token().map_err(refused)?;
                let token = token.expose_secret();
                asserted(target, token.as_bytes(), client_id, token)
            }
            Self::Managed { client_id, url } => {
                let request =
                    identity::request(url, &target.resource, client_id.as_deref()).map_err(|error| unaskable(&error))?;
                Ok(Question { request, print: [0; 32], expiry: None })
            }
        }
    }

    /// What an answer other than 200 means.
    pub(super) fn no(&self, status: u16, body: &[u8]) -> No {
        match self {
            Self::Secret { .. } => login::trouble(login::Proof::Secret, status, body),
            Self::Certificate { .. } => login::trouble(login::Proof::Certificate, status, body),
            Self::Federated { .. } => login::trouble(login::Proof::Federated, status, body),
            Self::Managed { .. } => identity::trouble(status, body),
        }
    }

    /// Who is asked, and where that is set.
    pub(super) const fn service(&self) -> (&'static str, &'static str) {
        match self {
            Self::Managed { .. } => ("the machine's identity endpoint", "only machines in Azure have one"),
            _ => ("the login service", "check the network and tenant.login_url"),
        }
    }
}

/// The request with an assertion, which is sent unchanged.
fn asserted(target: &Target, credential: &[u8], client_id: &str, assertion: &str) -> Result<Question, Trouble> {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let fields = [("client_id", client_id), ("client_assertion_type", kind), ("client_assertion", assertion)];
    posted(target, credential, &fields)
}

fn posted(target: &Target, credential: &[u8], fields: &[(&str, &str)]) -> Result<Question, Trouble> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("scope", &target.scope).extend_pairs(fields);
    let request = Request::builder()
        .method(Method::POST)
        .uri(&target.url)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form.finish()))
        .map_err(|error| unaskable(&error))?;
    Ok(Question { request, print: Sha256::digest(credential).into(), expiry: None })
}

fn refused(why: String) -> Trouble {
    Trouble { kind: TroubleKind::Refused, why }
}

fn unaskable(error: &http::Error) -> Trouble {
    let why = format!("the login service cannot be asked: {error}; check tenant.login_url");
    Trouble { kind: TroubleKind::Unreachable, why }
}
