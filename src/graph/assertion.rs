//! The assertion of a certificate credential: a JWT signed with PS256 that names the certificate by `x5t#S256`.
//!
//! Does not read files or send. Invariant: an assertion lives ten minutes at most, and the key is in no message.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long an assertion is valid, in seconds (Microsoft advises 5 to 10 minutes at most).
const LIFE_S: i64 = 600;

/// What is wrong with a certificate file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssertionError {
    #[error("the file holds no certificate; it must hold the certificate and its private key as PEM")]
    NoCertificate,
    #[error("the file holds no private key; it must hold the certificate and its private key as PEM")]
    NoKey,
    #[error("the private key cannot be used; it must be an unencrypted RSA key as PEM")]
    BadKey,
}

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

/// Makes an assertion for `client_id` towards the token endpoint `audience`, from a PEM file with certificate and key.
pub(crate) fn assertion(
    pem: &SecretString,
    client_id: &str,
    audience: &str,
    now: Timestamp,
) -> Result<SecretString, AssertionError> {
    let pem = pem.expose_secret();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| AssertionError::NoCertificate)?;
    let key = EncodingKey::from_rsa_pem(private_key(pem).ok_or(AssertionError::NoKey)?.as_bytes())
        .map_err(|_| AssertionError::BadKey)?;
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(base64url(&Sha256::digest(&certificate)));
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
    jsonwebtoken::encode(&header, &claims, &key).map(SecretString::from).map_err(|_| AssertionError::BadKey)
}

/// The private key's block of a PEM file.
fn private_key(pem: &str) -> Option<&str> {
    let label = pem.find("PRIVATE KEY-----")?;
    let begin = pem.get(..label)?.rfind("-----BEGIN")?;
    let end = pem.get(label..)?.find("-----END").map(|at| label + at)?;
    let end = pem.get(end..)?.find("KEY-----").map(|at| end + at + "KEY-----".len())?;
    pem.get(begin..end)
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

    #[test]
    fn a_file_without_key_or_certificate_says_which() {
        let now = Timestamp::UNIX_EPOCH;
        let none = assertion(&SecretString::from("nothing"), "c", "a", now).unwrap_err();
        assert_eq!(none, AssertionError::NoCertificate);
        let only = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert_eq!(assertion(&SecretString::from(only), "c", "a", now).unwrap_err(), AssertionError::NoKey);
        let odd = format!("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n{only}");
        assert_eq!(assertion(&SecretString::from(odd), "c", "a", now).unwrap_err(), AssertionError::BadKey);
    }
}
