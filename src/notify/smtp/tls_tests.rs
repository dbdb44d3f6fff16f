//! Tests of connections that are encrypted from their first byte: a server on this machine with a certificate of an authority of its own.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::super::tests::notice;
use super::tests::{Heard, converse, everybody, smtp, standing};
use super::{Patience, Server, Tls};
use crate::engine::port::{NoticeOutcome, Notify as _};
use crate::graph::script::id;

/// An authority that nobody knows.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate, from this authority, carries `name`.
async fn server(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (u16, Heard) {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = config.with_no_client_auth().with_single_cert(vec![made.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let all = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever trusts no certificate hangs up.
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, &all, &|_: &str| None).await;
            }
        }
    });
    (port, heard)
}

/// Tells one person through the server; `trusted` is the authority of the plan.
async fn told(port: u16, trusted: Option<String>) -> NoticeOutcome {
    let with = |server: &mut Server| {
        server.tls = Tls::FromTheStart;
        server.authorities = trusted.map(String::into_bytes);
        server.login = Some(("tidegate".into(), Arc::new(|| Ok(SecretString::from("open sesame")))));
    };
    let mut smtp = smtp(port, &standing(), with).await;
    let long = Duration::from_secs(20);
    smtp.way.patience = Patience { connect: long, command: long, mail: long };
    smtp.send(&notice(vec![id(1)])).await
}

#[tokio::test]
async fn a_certificate_of_a_known_authority_is_taken_and_then_the_login_and_the_mail_follow() {
    let authority = authority();
    let (port, heard) = server(&authority, "127.0.0.1").await;
    let outcome = told(port, Some(authority.pem())).await;
    assert_eq!(outcome.accepted, [id(1)], "{outcome:?}");
    assert_eq!((heard.count("AUTH PLAIN "), heard.count("From: ")), (1, 1), "{:?}", heard.lines());
}

#[tokio::test]
async fn to_a_server_whose_certificate_is_not_trusted_nothing_is_said() {
    let ours = authority();
    for (name, trusted, why) in [
        ("127.0.0.1", None, "nobody knows the authority"),
        ("127.0.0.1", Some(authority().pem()), "another authority is known"),
        ("mail.contoso.example", Some(ours.pem()), "it is that of another server"),
    ] {
        let (port, heard) = server(&ours, name).await;
        let outcome = told(port, trusted).await;
        assert_eq!(everybody(&outcome.not_sent), [id(1)], "{why}: {outcome:?}");
        assert_eq!(heard.lines(), [""; 0], "{why}");
    }
}
