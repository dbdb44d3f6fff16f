//! The socket file: made beside its place, given its rights, then renamed into it, so that nobody meets it half made.
//!
//! The caller holds the lock of the state folder, so a socket that lies there already is a dead one and is replaced.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use tokio::net::UnixListener;

use super::caller;
use super::error::AdminError;

/// Listens at `path`, inside a tokio runtime. The daemon's user and the group `tidegate` may connect; where that group does
/// not exist, or may not be given, only the daemon's user.
pub fn bind(path: &Path) -> Result<UnixListener, AdminError> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => return Err(AdminError::NotASocket(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(AdminError::of(path, error)),
    }
    listen(path).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => AdminError::Denied(path.to_owned()),
        _ => AdminError::Io { path: path.to_owned(), source },
    })
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&beside)?;
    let mode = if belongs_to_operators(&beside)? { 0o660 } else { 0o600 };
    fs::set_permissions(&beside, Permissions::from_mode(mode))?;
    fs::rename(&beside, path)?;
    tracing::info!(socket.path = %path.display(), socket.mode = format_args!("{mode:04o}"), "commands are taken");
    Ok(listener)
}

fn belongs_to_operators(socket: &Path) -> io::Result<bool> {
    let Some(group) = caller::operators() else { return Ok(false) };
    Ok(fs::metadata(socket)?.gid() == group || chown(socket, None, Some(group)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_others_may_not_connect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tidegate.sock");
        for _ in 0..2 {
            drop(bind(&path).unwrap());
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o007, 0);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tidegate.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path), Err(AdminError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
