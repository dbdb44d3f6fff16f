//! How far each webhook has been told: one small file each in `<state>/webhooks/`, replaced whole.
//!
//! Beside the journal and not part of it: losing one means that its receiver is told some things again. Invariant: a mark that cannot
//! be read is none.

use std::io;
use std::path::{Path, PathBuf};

use super::folder;

const FOLDER: &str = "webhooks";

/// The number of the last record about which the webhook `key` was told everything; none when nobody knows.
#[must_use]
pub fn read(state: &Path, key: &str) -> Option<u64> {
    let content = folder::read(&place(state), key).ok()??;
    std::str::from_utf8(&content).ok()?.trim().parse().ok()
}

/// Remembers that number. `key` is a file name.
pub fn write(state: &Path, key: &str, seq: u64) -> io::Result<()> {
    let place = place(state);
    folder::create(&place)?;
    folder::replace(&place, key, format!("{seq}\n").as_bytes())
}

fn place(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_kept_and_a_broken_one_is_none() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(read(state.path(), "a"), None);
        write(state.path(), "a", 7).unwrap();
        write(state.path(), "a", 12).unwrap();
        write(state.path(), "b", 1).unwrap();
        assert_eq!((read(state.path(), "a"), read(state.path(), "b")), (Some(12), Some(1)));
        std::fs::write(state.path().join("webhooks/a"), "1x").unwrap();
        assert_eq!(read(state.path(), "a"), None);
    }
}
