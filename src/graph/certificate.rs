//! The certificate credential's file: PEM, or PKCS#12. Certificate and RSA key are taken apart and checked against each other.
//!
//! Does not read files or send. Invariant: what comes out is a pair, so that a file that is half replaced is refused here and not by
//! the login service; the key is in no message and in no `Debug`.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use p12_keystore::Pkcs12Archive;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use x509_parser::asn1_rs::{FromDer, Integer, OctetString, Sequence};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::X509Certificate;

/// A certificate file as it was read, with the password of a PKCS#12 file.
pub struct CertificateFile {
    /// The file.
    pub bytes: SecretSlice<u8>,
    /// The password; none is the empty one.
    pub password: Option<SecretString>,
}

/// What is wrong with a certificate file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Neither PEM nor PKCS#12.
    #[error("the file is neither PEM nor PKCS#12, or it is cut off; it must hold the certificate and its private key")]
    Unreadable,
    /// No certificate.
    #[error("the file holds no certificate; it must hold the certificate and its private key")]
    NoCertificate,
    /// No key.
    #[error("the file holds no private key; it must hold the certificate and its private key")]
    NoKey,
    /// An encrypted key in PEM.
    #[error("the private key is encrypted; write it as PEM without a password, or take a PKCS#12 file with one")]
    EncryptedKey,
    /// Another kind of key.
    #[error("the private key cannot be used; it must be an RSA key of at least 2048 bits")]
    BadKey,
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the certificate; put both of one pair into the file")]
    NoPair,
    /// The password of a PKCS#12 file.
    #[error("the PKCS#12 file does not open with its password; check credentials.certificate_password_file")]
    Password,
    /// An old way to encrypt.
    #[error("the PKCS#12 file is protected in a way that is not known here; export it again with AES-256 and without PBMAC1")]
    Scheme,
}

/// A certificate and its key.
pub(crate) struct Pair {
    /// The certificate, DER.
    pub(crate) certificate: Vec<u8>,
    /// The key.
    pub(crate) key: EncodingKey,
    /// When the certificate ends.
    pub(crate) ends: Timestamp,
}

/// When the certificate of the file ends.
pub fn ends(file: &CertificateFile) -> Result<Timestamp, CertificateError> {
    Pair::read(file).map(|pair| pair.ends)
}

impl Pair {
    /// Finds the key, and among the certificates the one that it belongs to.
    pub(crate) fn read(file: &CertificateFile) -> Result<Self, CertificateError> {
        let bytes = file.bytes.expose_secret();
        // A byte order mark would hide the first line.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let is_pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
        let (key, certificates) = if is_pem { pem(bytes)? } else { pkcs12(bytes, file.password.as_ref())? };
        let key = EncodingKey::from_rsa_der(key.expose_secret());
        let mut found = Err(CertificateError::NoCertificate);
        for certificate in certificates {
            let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| CertificateError::Unreadable)?;
            let ends = Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
            let public = parsed.public_key();
            if public.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
                found = found.or(Err(CertificateError::BadKey));
                continue;
            }
            if belongs(&key, public.subject_public_key.as_ref())? {
                return Ok(Self { certificate, key, ends });
            }
            found = Err(CertificateError::NoPair);
        }
        found
    }
}

/// The RSA key (PKCS#1) and the certificates of a file.
type Parts = (SecretSlice<u8>, Vec<Vec<u8>>);

fn pem(bytes: &[u8]) -> Result<Parts, CertificateError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).map(|der| der.map(|der| der.to_vec())).collect();
    let key = match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(PrivateKeyDer::Pkcs1(key)) => SecretSlice::from(key.secret_pkcs1_der().to_vec()),
        Ok(PrivateKeyDer::Pkcs8(key)) => unwrap(key.secret_pkcs8_der())?,
        Ok(_) => return Err(CertificateError::BadKey),
        Err(_) if bytes.windows(22).any(|window| window == b"ENCRYPTED PRIVATE KEY-") => {
            return Err(CertificateError::EncryptedKey);
        }
        Err(rustls_pki_types::pem::Error::NoItemsFound) => return Err(CertificateError::NoKey),
        Err(_) => return Err(CertificateError::Unreadable),
    };
    Ok((key, certificates.map_err(|_| CertificateError::Unreadable)?))
}

fn pkcs12(bytes: &[u8], password: Option<&SecretString>) -> Result<Parts, CertificateError> {
    use p12_keystore::error::Error;
    let password = password.map_or("", |password| password.expose_secret());
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|error| match error {
        Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError => CertificateError::Password,
        Error::UnsupportedEncryptionScheme | Error::InvalidParameters => CertificateError::Scheme,
        _ => CertificateError::Unreadable,
    })?;
    let key = archive.keys.first().ok_or(CertificateError::NoKey)?;
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect();
    Ok((unwrap(key.key.as_der())?, certificates))
}

/// The RSA key inside of a PKCS#8 envelope: `SEQUENCE { version, algorithm, OCTET STRING }`.
fn unwrap(pkcs8: &[u8]) -> Result<SecretSlice<u8>, CertificateError> {
    let bad = |_| CertificateError::BadKey;
    let (_, envelope) = Sequence::from_der(pkcs8).map_err(bad)?;
    let (rest, _) = Integer::from_der(&envelope.content).map_err(bad)?;
    let (rest, _) = Sequence::from_der(rest).map_err(bad)?;
    let (_, key) = OctetString::from_der(rest).map_err(bad)?;
    Ok(SecretSlice::from(key.as_ref().to_vec()))
}

/// Whether what the key signs is taken by the public key.
fn belongs(key: &EncodingKey, public: &[u8]) -> Result<bool, CertificateError> {
    const MESSAGE: &[u8] = b"one pair";
    let signature = crypto::sign(MESSAGE, key, Algorithm::PS256).map_err(|_| CertificateError::BadKey)?;
    let public = DecodingKey::from_rsa_der(public);
    // An odd public key takes no signature.
    Ok(crypto::verify(&signature, MESSAGE, &public, Algorithm::PS256).unwrap_or(false))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn file(bytes: impl AsRef<[u8]>, password: Option<&str>) -> CertificateFile {
        CertificateFile { bytes: SecretSlice::from(bytes.as_ref().to_vec()), password: password.map(SecretString::from) }
    }

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new("tests/fixtures/certificates").join(name)).unwrap()
    }

    fn error(bytes: impl AsRef<[u8]>, password: Option<&str>) -> Option<CertificateError> {
        Pair::read(&file(bytes, password)).err()
    }

    #[test]
    fn every_usual_file_holds_the_same_pair() {
        let expected = Pair::read(&file(fixture("app.pem"), None)).unwrap();
        assert_eq!(expected.ends.to_string(), "2126-10-31T12:12:12Z");
        for (name, password) in [
            ("app-rsa.pem", None),
            ("chain-first.pem", None),
            ("aes.pfx", Some("hunter2-ü")),
            ("triple-des.pfx", Some("hunter2")),
            ("no-password.pfx", None),
            ("windows.pfx", Some("hunter2")),
            ("chain.pfx", Some("hunter2")),
        ] {
            let pair = Pair::read(&file(fixture(name), password)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((pair.certificate, pair.ends), (expected.certificate.clone(), expected.ends), "{name}");
        }
    }

    #[test]
    fn windows_line_ends_and_words_around_the_blocks_are_no_matter() {
        let text = String::from_utf8(fixture("app.pem")).unwrap();
        let expected = Pair::read(&file(&text, None)).unwrap().certificate;
        let attributes = "Bag Attributes\n    friendlyName: app\nKey Attributes: <No Attributes>\n";
        for text in
            [format!("\u{feff}{}", text.replace('\n', "\r\n")), text.replace("-----BEGIN", &format!("{attributes}-----BEGIN"))]
        {
            assert_eq!(Pair::read(&file(&text, Some("unneeded"))).unwrap().certificate, expected, "{text}");
        }
    }

    #[test]
    fn rubbish_in_any_place_is_no_panic() {
        for (name, password) in [("triple-des.pfx", "hunter2"), ("windows.pfx", "hunter2"), ("app.pem", "")] {
            let mut bytes = fixture(name);
            for at in (0..bytes.len()).step_by(7) {
                bytes[at] ^= 0x81;
                // Most are refused; what is not must be sound.
                let _ = Pair::read(&file(&bytes, Some(password)));
                bytes[at] ^= 0x81;
            }
        }
    }

    #[test]
    fn a_file_that_is_no_pair_says_why() {
        use CertificateError::{BadKey, EncryptedKey, NoCertificate, NoKey, NoPair, Password, Unreadable};
        let (app, other) = (fixture("app.pem"), fixture("other.pem"));
        let (app, other) = (String::from_utf8(app).unwrap(), String::from_utf8(other).unwrap());
        let at = |text: &str| text.find("-----BEGIN PRIVATE").unwrap();
        let (certificate, key) = (&app[..at(&app)], &app[at(&app)..]);
        let stranger = format!("{}{key}", &other[..at(&other)]);
        for (what, text, expected) in [
            ("nothing", "nothing", Unreadable),
            ("half", &app[..at(&app) + 100], Unreadable),
            ("half a certificate", &app[..100], Unreadable),
            ("a certificate", certificate, NoKey),
            ("a key", key, NoCertificate),
            ("another's certificate", &stranger, NoPair),
            ("a broken key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", BadKey),
        ] {
            assert_eq!(error(text, None), Some(expected), "{what}");
        }
        for (name, password, expected) in [
            ("encrypted.pem", None, EncryptedKey),
            ("elliptic.pem", None, BadKey),
            ("aes.pfx", Some("wrong"), Password),
            ("aes.pfx", None, Password),
            ("triple-des.pfx", Some("wrong"), Password),
            ("no-password.pfx", Some("wrong"), Password),
        ] {
            assert_eq!(error(fixture(name), password), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_and_no_panic() {
        for (name, password) in [("aes.pfx", "hunter2-ü"), ("triple-des.pfx", "hunter2"), ("app.pem", "")] {
            let whole = fixture(name);
            for at in (0..whole.len() - 64).step_by(97) {
                let found = error(&whole[..at], Some(password));
                assert!(found.is_some(), "{name} {at}");
            }
        }
    }
}
