//! The way to addresses that a plan names, webhooks and gates: an HTTP client of its own, which has no token and leads to the internet only.
//!
//! It is the second and last client of the program: the one of `graph/wire.rs` may reach proxies, loopback and the tenant, and none of
//! these is their business. Invariants: the addresses that are connected to are those that were judged, so that a name that changes
//! its mind gains nothing; no redirect is followed; no proxy stands between, which would look names up by itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::addresses::is_public;

const CONNECT: Duration = Duration::from_secs(10);
const TOTAL: Duration = Duration::from_secs(30);
/// Largest answer that is looked at, in bytes; of a larger one the beginning, which is longer than this.
pub const ANSWER: usize = 64 << 10;

/// Reaches one address.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    allowed: Arc<BTreeSet<String>>,
    what: &'static str,
}

/// Why a request did not arrive, or may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent(pub String);

impl Client {
    /// A client for `what` (a word for sentences) that may reach the internet, and the hosts of these names wherever they are.
    #[expect(clippy::disallowed_methods, reason = "the one other place that makes a client, see above")]
    pub fn to(what: &'static str, allowed: impl IntoIterator<Item = String>) -> Result<Self, Unsent> {
        let allowed: Arc<BTreeSet<String>> = Arc::new(allowed.into_iter().map(|name| name.to_lowercase()).collect());
        let http = reqwest::Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .dns_resolver(Arc::new(Judged { allowed: Arc::clone(&allowed) }))
            .build()
            .map_err(|_| Unsent(format!("the client for the {what} cannot be set up")))?;
        Ok(Self { http, allowed, what })
    }

    /// Whether a request may go there, as far as the address itself tells. The error is a sentence that does not hold the address.
    pub fn judge(&self, url: &Url) -> Result<(), Unsent> {
        let refuse = |why: &str| Err(Unsent(format!("the {}{why}", self.what)));
        let named = url.host_str().is_some_and(|host| self.allowed.contains(&host.to_lowercase()));
        if url.scheme() != "https" && !(url.scheme() == "http" && named && is_here(url)) {
            return refuse("'s address is not https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("'s address holds a user name or a password");
        }
        match url.host() {
            Some(Host::Ipv4(address)) if !named && !is_public(address.into()) => refuse(INTERNAL),
            Some(Host::Ipv6(address)) if !named && !is_public(address.into()) => refuse(INTERNAL),
            Some(_) => Ok(()),
            None => refuse("'s address has no host"),
        }
    }

    /// Sends, and reads the beginning of the answer.
    #[expect(clippy::disallowed_methods, reason = "the one other place that sends, without a token")]
    pub async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unsent> {
        let unsent = |error: reqwest::Error| Unsent(describe(self.what, &error));
        let request = reqwest::Request::try_from(request).map_err(|_| Unsent(format!("the {}'s address is none", self.what)))?;
        self.judge(request.url())?;
        let client = &self.http;
        let mut answer = client.execute(request).await.map_err(unsent)?;
        let mut whole = Response::builder().status(answer.status());
        if let Some(after) = answer.headers().get(http::header::RETRY_AFTER) {
            whole = whole.header(http::header::RETRY_AFTER, after);
        }
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(unsent)? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER {
                break;
            }
        }
        whole.body(body.freeze()).map_err(|_| Unsent("the answer cannot be read".to_owned()))
    }
}

const INTERNAL: &str = " leads to an internal address; if that is meant, name its host in `allow_internal`";

/// Whether an address is one of this machine.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Looks names up and leaves out every address that is not public.
struct Judged {
    allowed: Arc<BTreeSet<String>>,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let named = self.allowed.contains(&name.as_str().to_lowercase());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let kept: Vec<SocketAddr> = found.into_iter().filter(|address| named || is_public(address.ip())).collect();
            if kept.is_empty() {
                return Err(INTERNAL.into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// What went wrong, without the address: it may be a secret.
fn describe(what: &str, error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.to_string() == INTERNAL {
            return format!("the {what}{INTERNAL}");
        }
        cause = error.source();
    }
    if error.is_timeout() {
        format!("the {what} did not answer in time")
    } else if error.is_connect() {
        format!("the {what} cannot be reached")
    } else {
        format!("the exchange with the {what} failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_the_internet_unless_a_host_is_named() {
        let judge = |url: &str| {
            let allowed = ["hooks.corp.example", "localhost", "10.0.0.7", "127.0.0.2"].map(str::to_owned);
            Client::to("webhook", allowed).unwrap().judge(&Url::parse(url).unwrap()).is_ok()
        };
        for good in [
            "https://prod-1.westeurope.logic.azure.com/x?sig=s",
            "https://hooks.corp.example",
            "http://localhost:1",
            "https://10.0.0.7/",
            "http://127.0.0.2:9/",
        ] {
            assert!(judge(good), "{good}");
        }
        for bad in [
            "http://hooks.corp.example",
            "http://10.0.0.7/",
            "http://127.0.0.1/",
            "http://prod-1.westeurope.logic.azure.com/x",
            "https://u:p@host.example",
            "https://127.0.0.1",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://169.254.169.254/metadata",
            "https://10.0.0.8/",
            "file:///etc/passwd",
        ] {
            assert!(!judge(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_when_it_is_looked_up() {
        let client = Client::to("webhook", []).unwrap();
        let post = Request::post("https://localhost:1/").body(Bytes::new()).unwrap();
        assert_eq!(client.ask(post).await.unwrap_err(), Unsent(format!("the webhook{INTERNAL}")));
    }
}
