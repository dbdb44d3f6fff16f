//! The seam below everything: one request out, one answer back. The one HTTP client of the program is made here.
//!
//! Does not retry, follow redirects, know tokens or judge answers. Invariant: [`WireError::NotSent`] is said only when the
//! request certainly never reached the tenant; every other failure is [`WireError::Lost`].

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use super::endpoints::Endpoints;

/// One exchange under way.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, WireError>> + Send + 'a>>;

/// A way to the tenant: HTTP, or a simulated tenant in the same process.
pub trait Wire: Send + Sync {
    /// Sends `request`, whose URI is absolute, and reads the whole answer.
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

/// The wire over HTTP.
#[derive(Clone, Debug)]
pub struct Https(reqwest::Client);

impl Https {
    /// The one HTTP client: rustls, no redirects, no retries, timeouts. A tenant on loopback is never asked through a proxy.
    ///
    /// Fails when TLS cannot be set up, for example because the system has no certificate store.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes a client")]
    pub fn new(endpoints: &Endpoints) -> Result<Self, WireError> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .gzip(true)
            .connect_timeout(CONNECT)
            .read_timeout(BETWEEN_BYTES)
            .timeout(TOTAL)
            .pool_idle_timeout(IDLE);
        if endpoints.are_loopback() {
            client = client.no_proxy();
        }
        client.build().map(Self).map_err(|error| WireError::NotSent { why: describe(&error) })
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sends")]
    async fn over_http(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let request = reqwest::Request::try_from(request).map_err(|error| WireError::NotSent { why: describe(&error) })?;
        let mut answer = self.0.execute(request).await.map_err(|error| {
            let why = describe(&error);
            if error.is_connect() || error.is_builder() { WireError::NotSent { why } } else { WireError::Lost { why } }
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

impl Wire for Https {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        Box::pin(self.over_http(request))
    }
}

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
    deepest.map_or_else(|| kind.to_owned(), |deepest| format!("{kind}: {deepest}"))
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
        let endpoints = Endpoints::new(&address, &address, "t").unwrap();
        let wire = Https::new(&endpoints).unwrap();
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
    async fn nobody_there_means_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let wire = Https::new(&Endpoints::new(&address, &address, "t").unwrap()).unwrap();
        let got = wire.exchange(Request::get(format!("{address}/v1.0/users")).body(Bytes::new()).unwrap()).await;
        assert!(matches!(got, Err(WireError::NotSent { .. })), "{got:?}");
    }
}
