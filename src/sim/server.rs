//! The simulated tenant on a socket: HTTP, or HTTPS with a certificate of its own. One tenant, one request at a time.
//!
//! A lost answer closes the connection. The controls answer on loopback only.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::control::PREFIX;
use super::tenant::{Fate, Tenant};
use super::wire::{Gate, Peer};
use crate::clock::Clock;

/// Most bytes of a request's body.
const BODY: usize = 4 << 20;

/// How the tenant is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time, as long as no request says another.
    pub clock: Clock,
    /// Plain or encrypted.
    pub transport: Transport,
}

/// Plain or encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP.
    Plain,
    /// HTTPS, with a new certificate for `localhost`, `127.0.0.1` and `::1`.
    Tls {
        /// Where the certificate is written (PEM), for clients to trust.
        certificate: PathBuf,
        /// More names that it is for.
        names: Vec<String>,
    },
}

/// Where a request stands when it is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The tenant has not seen it yet.
    Before,
    /// The tenant has done what was asked; the answer has not left.
    After,
}

/// What becomes of a watched request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It goes on.
    On,
    /// The connection breaks here.
    Cut,
}

/// Somebody who watches every request, twice; controls included. It may block: the runtime needs a thread to spare.
pub type Watch = Arc<dyn Fn(Moment, &Request<Bytes>) -> Pass + Send + Sync>;

/// Why the tenant cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The socket does not work.
    #[error("the socket of the simulated tenant does not work")]
    Socket(#[source] io::Error),
    /// No certificate could be made.
    #[error("the simulated tenant's certificate cannot be made: {0}")]
    Certificate(String),
    /// The certificate could not be written.
    #[error("the certificate cannot be written to {path}")]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

#[derive(Clone)]
struct Service {
    tenant: Arc<Mutex<Tenant>>,
    clock: Clock,
    scheme: &'static str,
    watch: Watch,
}

/// Serves the tenant until the future is dropped or the socket fails.
pub async fn serve(listener: TcpListener, tenant: Arc<Mutex<Tenant>>, options: Options) -> Result<(), ServerError> {
    serve_watched(listener, tenant, options, Arc::new(|_, _| Pass::On)).await
}

/// As [`serve`], while `watch` sees every request before and after the tenant does.
pub async fn serve_watched(
    listener: TcpListener,
    tenant: Arc<Mutex<Tenant>>,
    options: Options,
    watch: Watch,
) -> Result<(), ServerError> {
    let (scheme, tls) = match &options.transport {
        Transport::Plain => ("http", None),
        Transport::Tls { certificate, names } => ("https", Some(acceptor(certificate, names)?)),
    };
    let service = Service { tenant, clock: options.clock, scheme, watch };
    let router = Router::new().fallback(handle).with_state(service);
    let gate = Gate::new(listener, tls).map_err(ServerError::Socket)?;
    axum::serve(gate, router.into_make_service_with_connect_info::<Peer>()).await.map_err(ServerError::Socket)
}

async fn handle(State(service): State<Service>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request<Body>) -> Response {
    let (mut head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    if head.uri.path().starts_with(PREFIX) && !peer.address.ip().is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    if let Some(uri) = absolute(service.scheme, &head) {
        head.uri = uri;
    }
    let request: Request<Bytes> = Request::from_parts(head, body);
    if (service.watch)(Moment::Before, &request) == Pass::Cut {
        peer.cut();
        return StatusCode::NO_CONTENT.into_response();
    }
    let now = service.clock.now();
    let fate = service.tenant.lock().unwrap_or_else(PoisonError::into_inner).answer(now, &request);
    let pass = (service.watch)(Moment::After, &request);
    match fate {
        Fate::Answer(response) if pass == Pass::On => response.map(Body::from),
        Fate::Answer(_) | Fate::Lost => {
            peer.cut();
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// The address as the client wrote it: links and contexts repeat it.
fn absolute(scheme: &str, head: &http::request::Parts) -> Option<Uri> {
    let host = head
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok())
        .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))?;
    Uri::builder().scheme(scheme).authority(host).path_and_query(head.uri.path_and_query()?.as_str()).build().ok()
}

/// TLS with a new certificate, which is written to `path`.
fn acceptor(path: &Path, more: &[String]) -> Result<TlsAcceptor, ServerError> {
    let names = ["localhost", "127.0.0.1", "::1"].into_iter().map(str::to_owned).chain(more.iter().cloned());
    let made = rcgen::generate_simple_self_signed(names.collect::<Vec<_>>())
        .map_err(|error| ServerError::Certificate(error.to_string()))?;
    std::fs::write(path, made.cert.pem()).map_err(|source| ServerError::Write { path: path.to_owned(), source })?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key));
    let mut config = config.map_err(|error| ServerError::Certificate(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::fault::{Effect, Fault, Misfortune};
    use super::super::probe::calm;
    use super::*;

    /// What comes back for a raw request on a connection of its own.
    async fn ask(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // a broken connection ends the answer as well
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn an_answer_comes_and_a_lost_one_closes_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tenant = Tenant::new(calm(20));
        let path = "/discovery".to_owned();
        tenant.fault(Fault { method: None, path, times: 1, skip: 0, effect: Effect::Instead, what: Misfortune::Lost });
        let options = Options { clock: Clock::system(), transport: Transport::Plain };
        let server = tokio::spawn(serve(listener, Arc::new(Mutex::new(tenant)), options));
        assert_eq!(ask(address, "/common/discovery/instance").await, "");
        let second = ask(address, "/common/discovery/instance").await;
        assert!(second.starts_with("HTTP/1.1 200 OK"), "{second}");
        assert!(second.contains(&format!("http://{address}/")), "links repeat the client's address: {second}");
        assert!(ask(address, "/_sim/state").await.contains("\"violations\":[]"));
        server.abort();
    }

    #[test]
    fn a_certificate_is_written_for_clients_to_trust() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificate.pem");
        assert!(acceptor(&path, &[]).is_ok());
        assert!(std::fs::read_to_string(path).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(matches!(acceptor(&folder.path().join("no/folder.pem"), &[]), Err(ServerError::Write { .. })));
    }
}
