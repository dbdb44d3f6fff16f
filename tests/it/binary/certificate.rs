//! An app that proves who it is with a certificate, from the file to the end of a rollout; the tenant verifies each assertion.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use tidegate::sim::{AppKey, Moment, Pass, Profile};

use super::bed::Bed;
use super::{kept, plans};

/// A key with its certificate: as the tenant knows it, and as the app's PEM file.
fn made() -> (AppKey, String) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate = CertificateParams::new(vec!["tidegate.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let known = AppKey { certificate: certificate.der().to_vec(), public_key: key.public_key_raw().to_vec() };
    (known, format!("{}{}", certificate.pem(), key.serialize_pem()))
}

#[test]
fn a_rollout_runs_with_a_certificate_and_with_no_other() {
    let ((known, pem), (_, stranger)) = (made(), made());
    let bed = Bed::new(Profile { app_key: Some(known), ..plans::orderly(40) });
    let plan = plans::short(&bed, "").replace("secret_file = \"secret\"", "certificate = \"app.pem\"");
    bed.write("plan.toml", &plan);
    bed.write("app.pem", &stranger);
    assert!(bed.run(&["plan"]).with(4).says().contains("certificate"));

    bed.write("app.pem", &pem);
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    bed.watch(move |moment, request| {
        if moment == Moment::Before && request.uri().path().ends_with("/oauth2/v2.0/token") {
            assert!(!String::from_utf8_lossy(request.body()).contains("client_secret"));
            seen.fetch_add(1, Ordering::Relaxed);
        }
        Pass::On
    });
    bed.run_max(plans::SHORT_BEGIN).with(0);
    assert!(asked.load(Ordering::Relaxed) > 0);
    kept::promises_to_everybody(&bed);
}
