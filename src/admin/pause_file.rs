//! Pause by file: while `<state>/pause` exists, the rollout is paused. It works with no daemon, no socket and a full disk.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::engine::port::PauseFile;

/// Bytes of the file that count as the reason.
const MAX_REASON: u64 = 1024;

/// Where the file lies in the state folder `state`.
#[must_use]
pub fn path(state: &Path) -> PathBuf {
    state.join("pause")
}

/// The reason, when the rollout is paused by file; `None` when it is not. An error means that nobody knows.
///
/// That the file exists is what pauses; when it cannot be read, or is empty, the reason says so.
pub fn read(state: &Path) -> io::Result<Option<String>> {
    let path = path(state);
    match fs::symlink_metadata(&path) {
        Ok(_) => Ok(Some(reason(&path))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the file; its reason only where there is room for it.
///
/// # Errors
/// When there is no such file afterwards.
pub fn make(state: &Path, why: &str) -> io::Result<()> {
    let path = path(state);
    let written = fs::write(&path, why).and_then(|()| File::open(&path)?.sync_all());
    match written {
        Err(error) if fs::symlink_metadata(&path).is_err() => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the pause file pauses, without its reason");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The file of one state folder, for the engine.
pub struct InFolder(PathBuf);

impl InFolder {
    /// Of the state folder `state`.
    #[must_use]
    pub const fn new(state: PathBuf) -> Self {
        Self(state)
    }
}

impl PauseFile for InFolder {
    fn reason(&self) -> Option<String> {
        read(&self.0).unwrap_or_else(|error| Some(format!("nobody knows: {error}")))
    }

    fn make(&self, why: &str) -> Result<(), String> {
        make(&self.0, why).map_err(|error| format!("{}: the pause file cannot be made: {error}", path(&self.0).display()))
    }
}

fn reason(path: &Path) -> String {
    let mut bytes = Vec::new();
    // Opening a pipe would wait for a writer.
    let read = match fs::metadata(path) {
        Ok(there) if there.is_file() => File::open(path).and_then(|file| file.take(MAX_REASON).read_to_end(&mut bytes)),
        Ok(_) => Ok(0),
        Err(error) => Err(error),
    };
    if let Err(error) = read {
        return format!("the pause file is there and cannot be read: {error}");
    }
    let text = String::from_utf8_lossy(&bytes);
    let line: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    if line.is_empty() { "the pause file gives no reason".to_owned() } else { line.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rollout_is_paused_while_the_file_exists() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(read(state.path()).unwrap(), None);
        for (content, reason) in [
            (&b""[..], "the pause file gives no reason"),
            (b"mail is down\n\n", "mail is down"),
            (b"two\n\x1b[31mlines", "two [31mlines"),
        ] {
            fs::write(path(state.path()), content).unwrap();
            assert_eq!(read(state.path()).unwrap().as_deref(), Some(reason));
        }
        fs::write(path(state.path()), vec![b'x'; 100_000]).unwrap();
        assert_eq!(read(state.path()).unwrap().unwrap().len(), 1024);
        fs::remove_file(path(state.path())).unwrap();
        assert_eq!(read(state.path()).unwrap(), None);
    }

    #[test]
    fn a_file_is_made_or_named() {
        let state = tempfile::tempdir().unwrap();
        let file = InFolder::new(state.path().to_owned());
        file.make("mail is down").unwrap();
        assert_eq!(file.reason().as_deref(), Some("mail is down"));
        // What pauses already cannot be written, and pauses.
        fs::remove_file(path(state.path())).unwrap();
        fs::create_dir(path(state.path())).unwrap();
        file.make("again").unwrap();
        let nowhere = InFolder::new(state.path().join("nowhere"));
        assert!(nowhere.make("mail is down").unwrap_err().contains("nowhere/pause"));
    }

    #[test]
    fn whatever_lies_there_pauses() {
        let state = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", path(state.path())).unwrap();
        assert!(read(state.path()).unwrap().unwrap().contains("cannot be read"));
        fs::remove_file(path(state.path())).unwrap();
        fs::create_dir(path(state.path())).unwrap();
        assert!(read(state.path()).unwrap().is_some());
    }

    #[test]
    fn a_state_folder_that_cannot_be_looked_into_is_an_error() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(read(&file).is_err());
    }
}
