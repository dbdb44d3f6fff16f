//! Where the daemon's credential lies, and reading it: lazily and anew each time, so that rotation needs no restart.
//!
//! Asks for no token. Invariant: a secret is never part of a plan, of the settings, or of an error; nor is the path of its
//! file part of a problem, because people paste secrets into the wrong key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::{SecretSlice, SecretString};
use url::Url;

use super::calendar;
use super::files::{self, FileError};
use super::read::{Node, Reported, Section};
use super::settings::{is_loopback, root};
use super::value::{self, Wrong};
use crate::rollout::id::ObjectId;

pub(super) const KEYS: [&str; 8] = [
    "client_id",
    "certificate",
    "certificate_password_file",
    "secret_file",
    "secret_expires",
    "federated_token_file",
    "managed_identity",
    "managed_identity_url",
];

/// A path that begins with this lies in the folder that systemd gives.
pub(super) const GIVEN: &str = "$CREDENTIALS_DIRECTORY";

/// Where a machine in Azure asks for tokens of its identity (the Instance Metadata Service).
const IDENTITY_URL: &str = "http://169.254.169.254";

/// How the daemon proves to the tenant who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The application's id; of a managed identity, that of a user-assigned one: the system-assigned one has none.
    pub client_id: Option<String>,
    /// The proof.
    pub kind: CredentialKind,
    /// When the secret expires, as the plan says it: a secret does not tell.
    pub secret_expires: Option<Timestamp>,
}

/// The kind of proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A file with certificate and private key: PEM, or PKCS#12 with the file of its password.
    Certificate {
        /// The file.
        file: PathBuf,
        /// The password's file; none means no password.
        password: Option<PathBuf>,
    },
    /// A file that holds a client secret.
    SecretFile(PathBuf),
    /// A file that holds another issuer's token, replaced by somebody from time to time.
    FederatedTokenFile(PathBuf),
    /// The machine's identity in Azure; there is no file.
    ManagedIdentity {
        /// Where it is asked for; Microsoft's address, or one on loopback.
        url: Url,
    },
}

/// Why a credential cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file of this key cannot be read.
    #[error(
        "the file that `credentials.{key}` names cannot be read ({why}); check that it exists and that this user may read it"
    )]
    Unreadable {
        /// The key.
        key: &'static str,
        /// The cause.
        why: String,
    },
    /// The file of this key is empty.
    #[error("the file that `credentials.{key}` names is empty; write the credential into it")]
    Empty {
        /// The key.
        key: &'static str,
    },
    /// A managed identity has no secret.
    #[error("a managed identity has no file to read; ask the machine's identity endpoint")]
    NoFile,
}

impl Credentials {
    /// Whether both prove who they are in the same way; when a secret expires is no part of that.
    #[must_use]
    pub fn is_same_proof(&self, other: &Self) -> bool {
        (&self.client_id, &self.kind) == (&other.client_id, &other.kind)
    }
}

impl CredentialKind {
    /// Key and file.
    #[must_use]
    pub fn file(&self) -> Option<(&'static str, &Path)> {
        match self {
            Self::Certificate { file, .. } => Some(("certificate", file)),
            Self::SecretFile(path) => Some(("secret_file", path)),
            Self::FederatedTokenFile(path) => Some(("federated_token_file", path)),
            Self::ManagedIdentity { .. } => None,
        }
    }
}

/// Reads the secret or token as it is now, without white space at its ends. Blocks on the file system.
pub fn read(kind: &CredentialKind) -> Result<SecretString, CredentialError> {
    let (key, path) = kind.file().ok_or(CredentialError::NoFile)?;
    text(key, path)
}

/// Reads certificate, key and password as they are now. Blocks on the file system.
pub fn read_certificate(
    file: &Path,
    password: Option<&Path>,
) -> Result<(SecretSlice<u8>, Option<SecretString>), CredentialError> {
    const KEY: &str = "certificate";
    let bytes =
        files::bytes(file, files::SMALL).map_err(|error| CredentialError::Unreadable { key: KEY, why: error.to_string() })?;
    if bytes.trim_ascii().is_empty() {
        return Err(CredentialError::Empty { key: KEY });
    }
    Ok((SecretSlice::from(bytes), password.map(|path| text("certificate_password_file", path)).transpose()?))
}

fn text(key: &'static str, path: &Path) -> Result<SecretString, CredentialError> {
    let text = files::text(path, files::SMALL).map_err(|error| CredentialError::Unreadable { key, why: error.to_string() })?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(CredentialError::Empty { key });
    }
    Ok(SecretString::from(secret))
}

/// What lies around a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// The plan's folder.
    pub(super) folder: &'a Path,
    /// The environment.
    pub(super) env: &'a BTreeMap<String, String>,
    /// The plan's zone, if it could be read.
    pub(super) zone: Option<&'a TimeZone>,
}

impl Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// `[credentials]`. Where it names no proof, the files and ids count that Azure's webhook for workload identities hands to a pod
/// (`AZURE_FEDERATED_TOKEN_FILE`, `AZURE_CLIENT_ID`).
pub(super) fn section(table: &Section<'_>, around: &Surroundings<'_>) -> Option<Credentials> {
    let file = |key: &str| table.get(key).map(|node| path(&node, around));
    let password = table.optional("certificate_password_file", |node| path(node, around));
    let expires = table.optional("secret_expires", |node| node.parsed(|text| day(text, around.zone)));
    let url = table.optional("managed_identity_url", |node| node.parsed(identity_url));
    let managed = table.get("managed_identity").map(|node| {
        node.flag().filter(|flag| *flag)?;
        let url = url.clone().ok()?.or_else(|| Url::parse(IDENTITY_URL).ok())?;
        Some(CredentialKind::ManagedIdentity { url })
    });
    let certificate = |file| Some(CredentialKind::Certificate { file, password: password.clone().ok()? });
    let kinds = [
        ("certificate", file("certificate").map(|path| path.and_then(certificate))),
        ("secret_file", file("secret_file").map(|path| path.map(CredentialKind::SecretFile))),
        ("federated_token_file", file("federated_token_file").map(|path| path.map(CredentialKind::FederatedTokenFile))),
        ("managed_identity", managed),
    ];
    let mut written = kinds.into_iter().filter_map(|(key, kind)| kind.map(|kind| (key, kind)));
    let first = written.next();
    for (other, _) in written {
        let Some(node) = table.get(other) else { continue };
        node.error(
            "is one credential too many",
            "keep exactly one: certificate, secret_file, federated_token_file or managed_identity",
        );
    }
    let first = first.or_else(|| {
        let file = around.variable("AZURE_FEDERATED_TOKEN_FILE")?;
        Some(("federated_token_file", Some(CredentialKind::FederatedTokenFile(PathBuf::from(file)))))
    });
    let key = first.as_ref().map(|(key, _)| *key);
    for (companion, of) in [
        ("certificate_password_file", "certificate"),
        ("secret_expires", "secret_file"),
        ("managed_identity_url", "managed_identity"),
    ] {
        if let Some(node) = table.get(companion).filter(|_| key.is_some_and(|key| key != of)) {
            node.error(format!("does not belong to `{}`", key.unwrap_or_default()), format!("take it out; it goes with `{of}`"));
        }
    }
    let client_id = client_id(table, key, around);
    let Some((key, kind)) = first else {
        table.missing("certificate", "`certificate = \"app.pem\"`, or secret_file, federated_token_file, managed_identity");
        return None;
    };
    let kind = kind?;
    if let (Some(node), Some((_, file))) = (table.get(key), kind.file())
        && !file.starts_with(GIVEN)
    {
        look_at(&node, file);
    }
    if let (Some(node), Ok(Some(file))) = (table.get("certificate_password_file"), &password)
        && !file.starts_with(GIVEN)
    {
        look_at(&node, file);
    }
    Some(Credentials { client_id: client_id.ok()?, kind, secret_expires: expires.ok()? })
}

/// The beginning of a day in the plan's zone, or an instant.
fn day(text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, Wrong> {
    let when = value::when(text).map_err(|wrong| Wrong::new(wrong.message, "write a day such as \"2027-05-01\""))?;
    // A zone that is missing or wrong has its own problem.
    calendar::beginning(when, zone.unwrap_or(&TimeZone::UTC))
        .ok_or_else(|| Wrong::new(format!("`{text}` is no day"), "write a day such as \"2027-05-01\""))
}

/// A root on loopback: for tests and simulated tenants only, because whoever answers there gives out tokens.
fn identity_url(text: &str) -> Result<Url, Wrong> {
    root(text).ok().filter(is_loopback).ok_or_else(|| {
        Wrong::new("is not on loopback", "take it out: Azure's own address is known; another one is for simulated tenants only")
    })
}

/// The id of the app: required, except of a machine's identity; a pod's own counts for a federated token.
fn client_id(table: &Section<'_>, kind: Option<&str>, around: &Surroundings<'_>) -> Result<Option<String>, Reported> {
    const EXAMPLE: &str = "`client_id = \"6f6f6f6f-0000-4000-8000-000000000001\"`";
    if table.get("client_id").is_none() {
        let given = around.variable("AZURE_CLIENT_ID").filter(|_| kind == Some("federated_token_file"));
        if let Some(id) = given.and_then(|id| id.parse::<ObjectId>().ok()) {
            return Ok(Some(id.to_string()));
        }
        if kind != Some("managed_identity") {
            table.need("client_id", EXAMPLE).ok_or(Reported)?;
        }
    }
    table.optional("client_id", |node| {
        let id: Option<ObjectId> = node.text()?.parse().ok();
        if id.is_none() {
            // Not shown: it may be a secret in the wrong place.
            node.error("is not an application id", format!("write {EXAMPLE}"));
        }
        id.map(|id| id.to_string())
    })
}

pub(super) fn path(node: &Node<'_>, around: &Surroundings<'_>) -> Option<PathBuf> {
    let text = node.text()?;
    if text.contains("-----BEGIN") || text.contains('\n') {
        node.error(
            "names a file; this is the secret itself",
            "put it into a file, name the file, and replace the secret: it has been in the open",
        );
        return None;
    }
    let Ok(rest) = Path::new(text).strip_prefix(GIVEN) else { return Some(around.folder.join(text)) };
    let Some(given) = around.env.get("CREDENTIALS_DIRECTORY") else {
        node.warn("$CREDENTIALS_DIRECTORY is not set here", "run under the unit, whose LoadCredential= sets it");
        return Some(PathBuf::from(text));
    };
    Some(Path::new(given).join(rest))
}

/// Warns about a file that is missing, or that everybody may read.
pub(super) fn look_at(node: &Node<'_>, file: &Path) {
    match std::fs::metadata(file).map_err(FileError::from) {
        Err(error) => node.warn(format!("this file cannot be read now: {error}"), "`run` needs it; supply it before"),
        Ok(metadata) if everybody_may_read(&metadata) => {
            node.warn("everybody on this machine may read this file", "take the right away: chmod 0640");
        }
        Ok(_) => {}
    }
}

#[cfg(unix)]
fn everybody_may_read(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0
}

#[cfg(not(unix))]
fn everybody_may_read(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_read_anew_and_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let kind = CredentialKind::SecretFile(folder.path().join("secret"));
        assert!(matches!(read(&kind), Err(CredentialError::Unreadable { key: "secret_file", .. })));
        for secret in ["one", "two"] {
            std::fs::write(folder.path().join("secret"), format!("{secret}\n")).unwrap();
            assert_eq!(read(&kind).unwrap().expose_secret(), secret);
        }
        std::fs::write(folder.path().join("secret"), " \n").unwrap();
        assert!(matches!(read(&kind), Err(CredentialError::Empty { .. })));
        let url = Url::parse(IDENTITY_URL).unwrap();
        assert!(matches!(read(&CredentialKind::ManagedIdentity { url }), Err(CredentialError::NoFile)));
    }

    #[test]
    fn a_certificate_is_read_with_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let (file, password) = (folder.path().join("app.pfx"), folder.path().join("password"));
        assert!(matches!(read_certificate(&file, None), Err(CredentialError::Unreadable { key: "certificate", .. })));
        std::fs::write(&file, [0x30, 0x82, 0xff]).unwrap();
        assert_eq!(read_certificate(&file, None).unwrap().0.expose_secret(), [0x30, 0x82, 0xff]);
        let unread = read_certificate(&file, Some(&password));
        assert!(matches!(unread, Err(CredentialError::Unreadable { key: "certificate_password_file", .. })));
        std::fs::write(&password, "open sesame\n").unwrap();
        assert_eq!(read_certificate(&file, Some(&password)).unwrap().1.unwrap().expose_secret(), "open sesame");
        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(read_certificate(&file, None), Err(CredentialError::Empty { key: "certificate" })));
    }

    #[test]
    fn the_identity_endpoint_is_elsewhere_only_on_loopback() {
        assert!(identity_url("http://127.0.0.1:8080").is_ok() && identity_url("http://localhost:1").is_ok());
        for bad in ["http://169.254.169.254", "https://identity.contoso.com", "http://10.0.0.1", "x"] {
            assert!(identity_url(bad).is_err(), "{bad}");
        }
    }

    /// `[credentials]`, environment, and what is found: the client id and the kind's name, or the problem's text.
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Result<(Option<&'a str>, &'a str), &'a str>);

    #[test]
    fn each_kind_is_read_with_its_companions_and_no_others() {
        const ID: &str = "6f6f6f6f-0000-4000-8000-000000000001";
        const OTHER: &str = "7f6f6f6f-0000-4000-8000-000000000002";
        let pod = [("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"), ("AZURE_CLIENT_ID", OTHER)];
        let rows: [Row<'_>; 12] = [
            ("client_id = ID\ncertificate = \"a.pfx\"\ncertificate_password_file = \"p\"", &[], Ok((Some(ID), "certificate"))),
            ("client_id = ID\nsecret_file = \"s\"\nsecret_expires = \"2027-05-01\"", &[], Ok((Some(ID), "secret_file"))),
            ("client_id = ID\nfederated_token_file = \"t\"", &[], Ok((Some(ID), "federated_token_file"))),
            ("managed_identity = true", &[], Ok((None, ""))),
            ("managed_identity = true\nclient_id = ID", &pod, Ok((Some(ID), ""))),
            ("", &pod, Ok((Some(OTHER), "federated_token_file"))),
            ("client_id = ID", &pod, Ok((Some(ID), "federated_token_file"))),
            ("client_id = ID", &[], Err("credentials.certificate: is missing")),
            ("secret_file = \"s\"", &pod, Err("credentials.client_id: is missing")),
            (
                "client_id = ID\nsecret_file = \"s\"\ncertificate_password_file = \"p\"",
                &[],
                Err("does not belong to `secret_file`"),
            ),
            (
                "client_id = ID\ncertificate = \"c\"\nsecret_expires = \"2027-05-01\"",
                &[],
                Err("does not belong to `certificate`"),
            ),
            ("managed_identity = true\nmanaged_identity_url = \"http://10.0.0.1\"", &[], Err("is not on loopback")),
        ];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.toml");
        let demo = include_str!("../../config/demo-plan.toml");
        let (before, rest) = demo.split_once("[credentials]").unwrap();
        let after = rest.split_once("\n[").unwrap().1;
        for (text, env, expected) in rows {
            let text = text.replace("ID", &format!("\"{ID}\""));
            std::fs::write(&file, format!("{before}[credentials]\n{text}\n[{after}")).unwrap();
            let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            match (super::super::load(&file, env), expected) {
                (Ok(loaded), Ok((id, kind))) => {
                    let found = loaded.settings.credentials;
                    assert_eq!(found.client_id.as_deref(), id, "{text}");
                    assert_eq!(found.kind.file().map_or("", |(key, _)| key), kind, "{text}");
                    let begins: Timestamp = "2027-04-30T22:00:00Z".parse().unwrap();
                    assert_eq!(found.secret_expires, text.contains("secret_expires").then_some(begins));
                }
                (Err(problems), Err(part)) => assert!(problems.to_string().contains(part), "{text}: {problems}"),
                (found, expected) => panic!("{text}: {expected:?}, not {:?}", found.map(|loaded| loaded.settings.credentials)),
            }
        }
    }
}
