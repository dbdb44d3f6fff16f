//! One writer: an exclusive lock on `<state>/lock`, held as long as the value lives.
//!
//! The process id in the file is for humans; the lock itself is the kernel's and ends with the process.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::folder;

/// The right to write the state folder.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// Why the state folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else writes it.
    #[error("another instance ({holder}) holds `{}`; stop it, or give this one a state folder of its own", dir.display())]
    Held {
        /// The state folder.
        dir: PathBuf,
        /// `process 123`, as the other one wrote.
        holder: String,
    },
    /// It cannot be created or written.
    #[error("the state folder `{}` cannot be written; create it, and give it to the user who runs the daemon", dir.display())]
    Unwritable {
        /// The state folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StateLock {
    /// Creates the state folder where it is missing, and takes its lock without waiting.
    pub fn take(state: &Path) -> Result<Self, LockError> {
        let unwritable = |source| LockError::Unwritable { dir: state.to_owned(), source };
        folder::create(state).map_err(unwritable)?;
        let options = folder::file_options().read(true).write(true).create(true).truncate(false).open(state.join("lock"));
        let mut file = options.map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { dir: state.to_owned(), holder: holder(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
        }
        // On a full disk the id may not fit; the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    let id = read.ok().and_then(|_| text.trim().parse::<u32>().ok());
    id.map_or_else(|| "process unknown".to_owned(), |id| format!("process {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let first = StateLock::take(&state).unwrap();
        let text = StateLock::take(&state).unwrap_err().to_string();
        assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
        assert!(text.contains(&state.display().to_string()), "{text}");
        drop(first);
        StateLock::take(&state).unwrap();
    }

    #[test]
    fn a_state_folder_that_cannot_be_made_is_another_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = StateLock::take(&file.join("state")).unwrap_err();
        assert!(matches!(error, LockError::Unwritable { .. }), "{error}");
    }
}
