//! Examples of how the app proves who it is.

use std::sync::{Arc, Mutex};

use secrecy::SecretSlice;
use serde_json::Value;
use tidegate::engine::port::Tenant as _;
use tidegate::graph::certificate::CertificateFile;
use tidegate::graph::token::Credentials;

use super::canned::{Tenant, unanswered, wait};

const APP: &str = "6f6f6f6f-0000-4000-8000-000000000001";

/// The token of a managed identity, whose numbers are strings, is taken and used.
pub(super) fn imds(example: &str) {
    let example = example.to_owned();
    let managed = Credentials::Managed { client_id: None, url: "http://169.254.169.254".to_owned() };
    let tenant = Tenant::of_app(managed, move |(_, path, _)| {
        if path.starts_with("/metadata/identity/oauth2/token") { (200, None, example.clone()) } else { unanswered() }
    });
    assert!(wait(tenant.graph.directory()).unwrap().is_empty());
    assert_eq!(tenant.times("/metadata/identity/oauth2/token"), 1);
}

pub(super) fn header(example: &str) {
    assert_eq!(names(&assertion(0)), names(&serde_json::from_str(example).unwrap()));
    assert_eq!(assertion(0)["alg"], "PS256");
}

pub(super) fn claims(example: &str) {
    let ours = assertion(1);
    let shown: Value = serde_json::from_str(example).unwrap();
    // The time of issue is a claim of RFC 7519 that the example leaves out.
    assert_eq!(names(&ours).into_iter().filter(|name| name != "iat").collect::<Vec<_>>(), names(&shown));
    assert_eq!((&ours["iss"], &ours["sub"]), (&Value::from(APP), &Value::from(APP)));
    let lasts = |claims: &Value| claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap();
    assert!(lasts(&ours) <= lasts(&shown) + 300, "{ours}");
}

fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    names.sort_unstable();
    names
}

/// A part of the assertion that goes to the login service.
fn assertion(part: usize) -> Value {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let mut made = rcgen::CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
    made.not_after = rcgen::date_time_ymd(2040, 1, 1);
    let pem = format!("{}{}", made.self_signed(&key).unwrap().pem(), key.serialize_pem());
    let file = move || Ok(CertificateFile { bytes: SecretSlice::from(pem.clone().into_bytes()), password: None });
    let credentials = Credentials::Certificate { client_id: APP.to_owned(), path: "app.pem".to_owned(), file: Arc::new(file) };
    let sent = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&sent);
    let tenant = Tenant::of_app(credentials, move |(_, path, body)| {
        if path.ends_with("/token") {
            *keep.lock().unwrap() = Some(body.to_owned());
        }
        unanswered()
    });
    assert!(wait(tenant.graph.directory()).unwrap().is_empty());
    let form = sent.lock().unwrap().take().unwrap();
    let token = form.split('&').find_map(|pair| pair.strip_prefix("client_assertion=")).unwrap().to_owned();
    let part = token.split('.').nth(part).unwrap();
    serde_json::from_slice(&decoded(part)).unwrap()
}

/// The bytes of base64url without padding (RFC 4648 §5).
fn decoded(text: &str) -> Vec<u8> {
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
    let value = |letter| (0_u32..).zip(letters.clone()).find(|(_, known)| *known == letter).unwrap().0;
    let mut bits = text.chars().flat_map(|letter| (0..6).rev().map(move |bit| (value(letter), bit)));
    let mut bytes = Vec::new();
    loop {
        let eight: Vec<_> = bits.by_ref().take(8).collect();
        if eight.len() < 8 {
            return bytes;
        }
        let byte = eight.iter().fold(0, |byte, (value, bit)| byte << 1 | (value >> bit & 1));
        bytes.push(u8::try_from(byte).unwrap());
    }
}
