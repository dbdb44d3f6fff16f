//! Assertions of an app whose certificate the tenant knows, where signature, certificate, audience and life are checked, and tokens of
//! an issuer whom it trusts, of which everything but the signature is.
//!
//! Invariant: an assertion that is taken was signed with PS256 by the app's key, for this token endpoint, and is alive.

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::base64;
use super::profile::Federation;

/// The certificate of the app, as the tenant has it.
#[derive(Clone, Debug)]
pub struct AppKey {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its RSA public key, DER of PKCS#1.
    pub public_key: Vec<u8>,
}

impl AppKey {
    /// Of a certificate as it is uploaded to an app: PEM or DER, with an RSA key.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let der = CertificateDer::from_pem_slice(bytes).map_or_else(|_| bytes.to_vec(), |der| der.to_vec());
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| "it holds no certificate, as PEM or DER")?;
        let key = parsed.public_key();
        if key.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return Err("the certificate's key is not RSA");
        }
        let public_key = key.subject_public_key.as_ref().to_vec();
        Ok(Self { certificate: der, public_key })
    }
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    nbf: i64,
    exp: i64,
}

/// Clocks may differ by this many seconds.
const SLACK_S: i64 = 300;

/// Code and sentence of the login service, when it does not take the assertion.
pub(super) type Refused = (u32, &'static str);

/// Whether `assertion` is one of `client` with this key for `audience` at `now`.
pub(super) fn verify(assertion: &str, key: &AppKey, client: &str, audience: &str, now: Timestamp) -> Result<(), Refused> {
    const MALFORMED: Refused = (50_027, "JWT token is invalid or malformed.");
    let head = decode_header(assertion).map_err(|_| MALFORMED)?;
    let thumbprint = base64::encode(&Sha256::digest(&key.certificate));
    if head.x5t_s256.as_ref() != Some(&thumbprint) {
        return Err((
            700_027,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        ));
    }
    let mut only = Validation::new(Algorithm::PS256);
    // The claims are judged below, at the tenant's own instant.
    (only.validate_exp, only.validate_nbf, only.validate_aud) = (false, false, false);
    only.required_spec_claims.clear();
    let claims = decode::<Claims>(assertion, &DecodingKey::from_rsa_der(&key.public_key), &only);
    let claims = claims.map_err(|_| (50_013, "Assertion failed signature validation."))?.claims;
    if claims.aud != audience {
        return Err((700_023, "Client assertion audience claim does not match Realm issuer."));
    }
    if claims.iss != client || claims.sub != client {
        return Err((700_021, "Client assertion application identifier doesn't match 'client_id' parameter."));
    }
    let now = now.as_second();
    if now < claims.nbf - SLACK_S || now >= claims.exp + SLACK_S {
        return Err((700_024, "Client assertion is not within its valid time range."));
    }
    Ok(())
}

/// Whether the assertion says by which certificate it was signed; a token of another issuer does not.
pub(super) fn names_a_certificate(assertion: &str) -> bool {
    decode_header(assertion).is_ok_and(|head| head.x5t_s256.is_some() || head.x5t.is_some())
}

/// Whether the token is of the issuer and subject whom the app trusts, is meant for the login service, and is alive. The issuer's keys
/// are not known here.
pub(super) fn judge(token: &str, trusted: &Federation, now: Timestamp) -> Result<(), Refused> {
    #[derive(Deserialize)]
    struct Foreign {
        iss: String,
        sub: String,
        aud: Value,
        exp: i64,
    }
    let found = insecure_decode::<Foreign>(token).map_err(|_| (50_027, "JWT token is invalid or malformed."))?.claims;
    let audience = found.aud.as_str().or_else(|| found.aud.get(0)?.as_str());
    if found.iss != trusted.issuer {
        return Err((700_211, "No matching federated identity record found for presented assertion issuer."));
    }
    if audience != Some("api://AzureADTokenExchange") {
        return Err((700_212, "No matching federated identity record found for presented assertion audience."));
    }
    if found.sub != trusted.subject {
        return Err((700_213, "No matching federated identity record found for presented assertion subject."));
    }
    if now.as_second() >= found.exp + SLACK_S {
        return Err((700_024, "Client assertion is not within its valid time range."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    #[test]
    fn only_what_the_key_signed_for_this_tenant_and_time_is_taken() {
        let pair = || rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let (ours, theirs) = (pair(), pair());
        let key = AppKey { certificate: b"certificate".to_vec(), public_key: ours.public_key_raw().to_vec() };
        let print = |certificate: &[u8]| Some(base64::encode(&Sha256::digest(certificate)));
        let (ps, rs) = (Algorithm::PS256, Algorithm::RS256);
        let table = [
            (&ours, ps, &b"certificate"[..], "aud", "app", 1_000, 0),
            (&ours, ps, b"certificate", "aud", "app", 1_000 + 600 + 299, 0),
            (&ours, ps, b"certificate", "aud", "app", 1_000 + 600 + 300, 700_024),
            (&ours, ps, b"certificate", "aud", "app", 1_000 - 301, 700_024),
            (&ours, ps, b"certificate", "other", "app", 1_000, 700_023),
            (&ours, ps, b"certificate", "aud", "another", 1_000, 700_021),
            (&ours, ps, b"another", "aud", "app", 1_000, 700_027),
            (&ours, rs, b"certificate", "aud", "app", 1_000, 50_013),
            (&theirs, ps, b"certificate", "aud", "app", 1_000, 50_013),
        ];
        for (pair, algorithm, certificate, aud, iss, now, code) in table {
            let mut head = Header::new(algorithm);
            head.x5t_s256 = print(certificate);
            let claims = json!({ "aud": aud, "iss": iss, "sub": iss, "nbf": 1_000, "exp": 1_600 });
            let signing = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
            let assertion = encode(&head, &claims, &signing).unwrap();
            let found = verify(&assertion, &key, "app", "aud", Timestamp::from_second(now).unwrap());
            assert_eq!(found.err().map_or(0, |(code, _)| code), code, "{algorithm:?} {aud} {iss} {now}");
        }
        assert_eq!(verify("a.b.c", &key, "app", "aud", Timestamp::UNIX_EPOCH).unwrap_err().0, 50_027);
    }
    #[test]
    fn a_certificate_is_read_as_it_is_uploaded() {
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let made = rcgen::CertificateParams::new(vec!["app.example".to_owned()]).unwrap().self_signed(&pair).unwrap();
        for bytes in
            [made.pem().into_bytes(), made.der().to_vec(), format!("{}{}", pair.serialize_pem(), made.pem()).into_bytes()]
        {
            let key = AppKey::read(&bytes).unwrap();
            assert_eq!((key.certificate, key.public_key), (made.der().to_vec(), pair.public_key_raw().to_vec()));
        }
        assert!(AppKey::read(b"nothing").is_err() && AppKey::read(pair.serialize_pem().as_bytes()).is_err());
    }

    #[test]
    fn a_foreign_token_counts_by_issuer_subject_audience_and_life() {
        const OUR: &str = "api://AzureADTokenExchange";
        let trusted = Federation { issuer: "https://issuer".to_owned(), subject: "system:pod".to_owned() };
        let part = |value: &serde_json::Value| base64::encode(value.to_string().as_bytes());
        for (iss, sub, aud, now, code) in [
            ("https://issuer", "system:pod", json!(OUR), 1_000, 0),
            ("https://issuer", "system:pod", json!([OUR]), 1_000, 0),
            ("https://other", "system:pod", json!(OUR), 1_000, 700_211),
            ("https://issuer", "system:pod", json!("else"), 1_000, 700_212),
            ("https://issuer", "system:other", json!(OUR), 1_000, 700_213),
            ("https://issuer", "system:pod", json!(OUR), 2_000, 700_024),
        ] {
            let claims = json!({ "iss": iss, "sub": sub, "aud": aud, "exp": 1_600 });
            let token = format!("{}.{}.c2VhbA", part(&json!({ "alg": "RS256", "kid": "k" })), part(&claims));
            assert!(!names_a_certificate(&token));
            let found = judge(&token, &trusted, Timestamp::from_second(now).unwrap());
            assert_eq!(found.err().map_or(0, |(code, _)| code), code, "{claims}");
        }
    }
}
