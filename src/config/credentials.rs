//! Where the daemon's credential lies, and reading it: lazily and anew each time, so that rotation needs no restart.
//!
//! Asks for no token. Invariant: a secret is never part of a plan, of the settings, or of an error; nor is the path of its
//! file part of a problem, because people paste secrets into the wrong key.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::files::{self, FileError};
use super::read::{Node, Reported, Section};
use crate::rollout::id::ObjectId;

pub(super) const KEYS: [&str; 5] = ["client_id", "certificate", "secret_file", "federated_token_file", "managed_identity"];

/// A path that begins with this lies in the folder that systemd gives.
const GIVEN: &str = "$CREDENTIALS_DIRECTORY";

/// How the daemon proves to the tenant who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The application's id; a system-assigned managed identity has none.
    pub client_id: Option<String>,
    /// The proof.
    pub kind: CredentialKind,
}

/// The kind of proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A PEM file with certificate and private key.
    Certificate(PathBuf),
    /// A file that holds a client secret.
    SecretFile(PathBuf),
    /// A file that holds another issuer's token, replaced by somebody from time to time.
    FederatedTokenFile(PathBuf),
    /// The machine's identity in Azure; there is no file.
    ManagedIdentity,
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

impl CredentialKind {
    /// Key and file.
    #[must_use]
    pub fn file(&self) -> Option<(&'static str, &Path)> {
        match self {
            Self::Certificate(path) => Some(("certificate", path)),
            Self::SecretFile(path) => Some(("secret_file", path)),
            Self::FederatedTokenFile(path) => Some(("federated_token_file", path)),
            Self::ManagedIdentity => None,
        }
    }
}

/// Reads the secret, token or PEM as it is now, without white space at its ends. Blocks on the file system.
pub fn read(kind: &CredentialKind) -> Result<SecretString, CredentialError> {
    let (key, path) = kind.file().ok_or(CredentialError::NoFile)?;
    let text = files::text(path, files::SMALL).map_err(|error| CredentialError::Unreadable { key, why: error.to_string() })?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(CredentialError::Empty { key });
    }
    Ok(SecretString::from(secret))
}

/// `[credentials]`. `folder` is the plan's, `given` the folder that systemd gives.
pub(super) fn section(table: &Section<'_>, folder: &Path, given: Option<&str>) -> Option<Credentials> {
    let file = |key: &str| table.get(key).map(|node| path(&node, folder, given));
    let managed =
        table.get("managed_identity").map(|node| node.flag().filter(|flag| *flag).map(|_| CredentialKind::ManagedIdentity));
    let kinds = [
        ("certificate", file("certificate").map(|path| path.map(CredentialKind::Certificate))),
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
    let need = if matches!(first, Some(("managed_identity", _))) { Need::Optional } else { Need::Required };
    let client_id = client_id(table, need);
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
    Some(Credentials { client_id: client_id.ok()?, kind })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

fn client_id(table: &Section<'_>, need: Need) -> Result<Option<String>, Reported> {
    const EXAMPLE: &str = "`client_id = \"6f6f6f6f-0000-4000-8000-000000000001\"`";
    if need == Need::Required {
        table.need("client_id", EXAMPLE).ok_or(Reported)?;
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

fn path(node: &Node<'_>, folder: &Path, given: Option<&str>) -> Option<PathBuf> {
    let text = node.text()?;
    if text.contains("-----BEGIN") || text.contains('\n') {
        node.error(
            "names a file; this is the secret itself",
            "put it into a file, name the file, and replace the secret: it has been in the open",
        );
        return None;
    }
    let Ok(rest) = Path::new(text).strip_prefix(GIVEN) else { return Some(folder.join(text)) };
    let Some(given) = given else {
        node.warn("$CREDENTIALS_DIRECTORY is not set here", "run under the unit, whose LoadCredential= sets it");
        return Some(PathBuf::from(text));
    };
    Some(Path::new(given).join(rest))
}

/// Warns about a file that is missing, or that everybody may read.
fn look_at(node: &Node<'_>, file: &Path) {
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
        assert!(matches!(read(&CredentialKind::ManagedIdentity), Err(CredentialError::NoFile)));
    }
}
