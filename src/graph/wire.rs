//! The seam below everything: one request out, one answer back. The one HTTP client of the program is made here.
//!
//! Does not retry, follow redirects, know tokens or judge answers. Invariants: [`WireError::NotSent`] is said only when the
//! request certainly never reached the tenant; every other failure is [`WireError::Lost`]. A proxy never sees what goes to loopback or
//! to a machine's identity endpoint.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::held::Held;
use crate::engine::leave::Leave;

/// One exchange under way.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, WireError>> + Send + 'a>>;

/// A way to the tenant: HTTP, or a simulated tenant in the same process.
pub trait Wire: Send + Sync {
    /// Sends `request`, whose URI is absolute, and reads the whole answer. A [`Leave`] among its extensions is asked for once more when
    /// there is a connection.
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The request certainly never reached the tenant.
    #[error("not sent: {why}")]
    NotSent {
        /// The cause; no address of a person, no secret.
        why: String,
    },
    /// The request may have reached the tenant; nobody knows what became of it.
    #[error("no whole answer: {why}")]
    Lost {
        /// The cause; no address of a person, no secret.
        why: String,
    },
}

/// Largest body that is read, in bytes, after decompression.
pub const BODY_LIMIT: usize = 16 << 20;

const CONNECT: Duration = Duration::from_secs(10);
const BETWEEN_BYTES: Duration = Duration::from_secs(30);
/// Graph itself gives up a batch after about 30 s.
const TOTAL: Duration = Duration::from_secs(100);
/// An idle connection is not kept long: a write on a dying one would be lost.
const IDLE: Duration = Duration::from_secs(20);

/// The way to the tenant.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Through what requests go.
    pub proxy: Proxy,
    /// Certificates of authorities (PEM) that are trusted beside the system's.
    pub authorities: Option<Vec<u8>>,
}

/// Through what requests go; those to loopback and link-local addresses always go directly.
#[derive(Clone, Debug, Default)]
pub enum Proxy {
    /// As `HTTPS_PROXY` and `NO_PROXY` of the environment say.
    #[default]
    Environment,
    /// Directly.
    None,
    /// Through this one.
    Through {
        /// Its address, without user name and password.
        url: String,
        /// `user:password`.
        login: Option<SecretString>,
    },
}

/// The wire over HTTP.
#[derive(Clone, Debug)]
pub struct Https {
    /// For what lies outside.
    far: reqwest::Client,
    /// For loopback and this machine's own services.
    near: reqwest::Client,
}

impl Https {
    /// The wire of this way.
    ///
    /// Fails when TLS cannot be set up, for example because the system has no certificate store.
    pub fn new(way: &Way) -> Result<Self, WireError> {
        let trusted = match &way.authorities {
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(|error| unusable(&error))?,
            None => Vec::new(),
        };
        Ok(Self { near: client(&Proxy::None, trusted.clone())?, far: client(&way.proxy, trusted)? })
    }

    fn client(&self, url: &Url) -> &reqwest::Client {
        let is_near = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if is_near { &self.near } else { &self.far }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sends")]
    async fn over_http(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let leave = request.extensions().get::<Leave>().cloned().unwrap_or_default();
        let (parts, body) = request.into_parts();
        let (body, left) = Held::new(body, leave.clone());
        let request = Request::from_parts(parts, reqwest::Body::wrap(body));
        let request = reqwest::Request::try_from(request).map_err(|error| WireError::NotSent { why: describe(&error) })?;
        let mut answer = self.client(request.url()).execute(request).await.map_err(|error| {
            let why = describe(&error);
            let kept_back = !leave.holds() && !left.is_set();
            if kept_back || error.is_connect() || error.is_builder() {
                WireError::NotSent { why }
            } else {
                WireError::Lost { why }
            }
        })?;
        let mut whole = Response::builder().status(answer.status());
        if let Some(headers) = whole.headers_mut() {
            std::mem::swap(headers, answer.headers_mut());
        }
        let length = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut body = BytesMut::with_capacity(length.min(1 << 20));
        while let Some(piece) = answer.chunk().await.map_err(|error| WireError::Lost { why: describe(&error) })? {
            if body.len().saturating_add(piece.len()) > BODY_LIMIT {
                return Err(WireError::Lost { why: format!("the answer is larger than {} MiB", BODY_LIMIT >> 20) });
            }
            body.extend_from_slice(&piece);
        }
        whole.body(body.freeze()).map_err(|error| WireError::Lost { why: error.to_string() })
    }
}

/// The one HTTP client: rustls, no redirects, no retries, timeouts.
#[expect(clippy::disallowed_methods, reason = "the one place that makes a client")]
fn client(proxy: &Proxy, trusted: Vec<reqwest::Certificate>) -> Result<reqwest::Client, WireError> {
    let mut client = reqwest::Client::builder()
        .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .gzip(true)
        .connect_timeout(CONNECT)
        .read_timeout(BETWEEN_BYTES)
        .timeout(TOTAL)
        .pool_idle_timeout(IDLE)
        .tls_certs_merge(trusted);
    match proxy {
        Proxy::Environment => {}
        Proxy::None => client = client.no_proxy(),
        Proxy::Through { url, login } => {
            let mut proxy = reqwest::Proxy::all(url.as_str()).map_err(|error| unusable(&error))?;
            if let Some((user, password)) = login.as_ref().and_then(|login| login.expose_secret().split_once(':')) {
                proxy = proxy.basic_auth(user, password);
            }
            client = client.proxy(proxy);
        }
    }
    client.build().map_err(|error| unusable(&error))
}

fn unusable(error: &reqwest::Error) -> WireError {
    WireError::NotSent { why: describe(error) }
}

impl Wire for Https {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        Box::pin(self.over_http(request))
    }
}

/// What the operator can do about some causes.
const HINTS: [(&str, &str); 2] = [
    ("UnknownIssuer", " (of a proxy that inspects TLS, or a private authority: name its certificate in tenant.ca_file)"),
    ("proxy authorization required", " (name a file that holds user:password in tenant.proxy_login_file)"),
];

/// The causes of an error from the outside in, without the URL (its query may hold names).
fn describe(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the exchange failed"
    };
    let mut cause = std::error::Error::source(error);
    let mut deepest = None;
    while let Some(error) = cause {
        deepest = Some(error.to_string());
        cause = error.source();
    }
    let Some(deepest) = deepest else { return kind.to_owned() };
    let hint = HINTS.iter().find(|(part, _)| deepest.contains(part)).map_or("", |(_, hint)| hint);
    format!("{kind}: {deepest}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Asks a server that answers everything with `answer` and then closes; gives back how often it was asked.
    async fn ask(answer: Vec<u8>) -> (Result<Response<Bytes>, WireError>, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut asked = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                asked += 1;
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                if request[..read].starts_with(b"GET /end") {
                    break;
                }
                // The client may hang up in the middle of an answer that is too large.
                let _ = stream.write_all(&answer).await;
            }
            asked - 1
        });
        let wire = Https::new(&Way::default()).unwrap();
        let get = |path: &str| Request::get(format!("{address}{path}")).body(Bytes::new()).unwrap();
        let got = wire.exchange(get("/v1.0/users")).await;
        let _ = wire.exchange(get("/end")).await;
        (got, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let answer = "HTTP/1.1 302 Found\r\nLocation: /v1.0/other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let (got, asked) = ask(answer.into()).await;
        assert_eq!((got.unwrap().status().as_u16(), asked), (302, 1));
    }

    #[tokio::test]
    async fn a_cut_answer_and_a_hang_up_are_lost_and_not_repeated() {
        for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"value\":[", "HTTP/1.1 20", ""] {
            let (got, asked) = ask(answer.into()).await;
            assert!(matches!(got, Err(WireError::Lost { .. })), "{got:?}");
            assert_eq!(asked, 1);
        }
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut_off() {
        let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        answer.resize(BODY_LIMIT + 4096, b' ');
        let (got, _) = ask(answer).await;
        let Err(WireError::Lost { why }) = got else { panic!("it was taken") };
        assert!(why.contains("16 MiB"), "{why}");
    }

    #[tokio::test]
    async fn a_write_whose_leave_is_taken_back_while_it_connects_is_not_sent() {
        // Nobody takes the connection from the queue yet; the system has it, so it stands from the client's side only after this.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        for takes_back in [Take::Back, Take::Nothing] {
            let leave = Leave::default();
            let request = Request::patch(format!("{address}/v1.0/groups")).extension(leave.clone()).body("{}".into()).unwrap();
            let wire = Https::new(&Way::default()).unwrap();
            let exchange = wire.exchange(request);
            if takes_back == Take::Back {
                leave.take_back();
            }
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut read = Vec::new();
                let mut some = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut some).await {
                    read.extend_from_slice(&some[..count]);
                    if read.ends_with(b"{}") {
                        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
                    }
                }
                String::from_utf8_lossy(&read).to_lowercase()
            };
            let (got, read) = tokio::join!(exchange, server);
            match takes_back {
                Take::Back => {
                    assert!(matches!(got, Err(WireError::NotSent { .. })), "{got:?}");
                    assert!(!read.ends_with("{}"), "{read}");
                }
                Take::Nothing => {
                    assert_eq!(got.unwrap().status(), 204);
                    assert!(read.contains("content-length: 2\r\n") && read.ends_with("{}"), "{read}");
                }
            }
        }
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Take {
        Back,
        Nothing,
    }

    #[tokio::test]
    async fn nobody_there_means_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let wire = Https::new(&Way::default()).unwrap();
        let got = wire.exchange(Request::get(format!("{address}/v1.0/users")).body(Bytes::new()).unwrap()).await;
        assert!(matches!(got, Err(WireError::NotSent { .. })), "{got:?}");
    }
}
