//! The assertion of a certificate credential: a JWT signed with PS256 that names the certificate by `x5t#S256`.
//!
//! Does not read files or send. Invariant: an assertion lives ten minutes at most, and the key is in no message.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header};
use secrecy::SecretString;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::certificate::{CertificateError, Pair};

/// How long an assertion is valid, in seconds (Microsoft advises 5 to 10 minutes at most).
const LIFE_S: i64 = 600;

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// Makes an assertion for `client_id` towards the token endpoint `audience`.
pub(crate) fn assertion(pair: &Pair, client_id: &str, audience: &str, now: Timestamp) -> Result<SecretString, CertificateError> {
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(base64url(&Sha256::digest(&pair.certificate)));
    let issued = now.as_second();
    let claims = Claims {
        aud: audience,
        iss: client_id,
        sub: client_id,
        jti: Uuid::new_v4().to_string(),
        nbf: issued,
        iat: issued,
        exp: issued + LIFE_S,
    };
    jsonwebtoken::encode(&header, &claims, &pair.key).map(SecretString::from).map_err(|_| CertificateError::BadKey)
}

/// Base64url without padding (RFC 4648 §5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: [char; 64] = {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut alphabet = ['A'; 64];
        let mut at = 0;
        while at < 64 {
            alphabet[at] = letters[at] as char;
            at += 1;
        }
        alphabet
    };
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            let sextet = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap_or(0);
            text.extend(ALPHABET.get(sextet));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_has_no_padding_and_no_plus() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
    }
}
