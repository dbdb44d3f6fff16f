//! Files and folders of the state: their modes, their durability, the space that is left.
//!
//! Folders are 0750 and files 0640 (less the umask). Does not know what is in them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Mode of every file of the state.
const FILE_MODE: u32 = 0o640;

/// Mode of every folder of the state.
const FOLDER_MODE: u32 = 0o750;

/// Creates the folder and those above it, where they are missing.
pub fn create(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(dir)
}

/// Bytes that an unprivileged process may still write to the file system that holds `dir`.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(dir)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Options for a file of the state that may have to be created.
pub(super) fn file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Makes the names in a folder durable.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces `dir/name` so that a reader finds the old content or the new, never a part. Not durable.
pub(super) fn replace(dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let new = temporary(dir, name);
    file_options().write(true).create(true).truncate(true).open(&new)?.write_all(content)?;
    fs::rename(new, dir.join(name))
}

/// The content of `dir/name`; none when it does not exist.
pub(super) fn read(dir: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(dir.join(name)) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name under which `dir/name` is made before it is renamed.
pub(super) fn temporary(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.new"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("a/b");
        create(&state).unwrap();
        assert_eq!(read(&state, "x").unwrap(), None);
        replace(&state, "x", b"one").unwrap();
        replace(&state, "x", b"two").unwrap();
        assert_eq!(read(&state, "x").unwrap(), Some(b"two".to_vec()));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "no temporary file stays");
        assert_eq!(fs::metadata(state.join("x")).unwrap().permissions().mode() & 0o137, 0);
        assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o027, 0);
        assert!(free_bytes(&state).unwrap() > 0);
    }
}
