//! Pause by file: while `<state>/pause` exists, the rollout is paused. It works with no daemon, no socket and a full disk.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

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
