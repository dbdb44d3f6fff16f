//! Assertions of an app whose certificate the tenant knows: signature, certificate, audience and life are checked.
//!
//! Does not read certificates: the public key comes with it. Invariant: what is taken was signed with PS256 by that key, for this token
//! endpoint, and is alive.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::base64;

/// The certificate of the app, as the tenant has it.
#[derive(Clone, Debug)]
pub struct AppKey {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its RSA public key, DER of PKCS#1.
    pub public_key: Vec<u8>,
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
}
