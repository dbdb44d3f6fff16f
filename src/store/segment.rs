//! The segments of the journal: `journal/000001.log`, `000002.log` …, without gaps.
//!
//! A segment appears whole: temporary file, fsync, rename, fsync of the folder. It is born empty, so that an empty newest
//! segment is in order. Does not look into them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::folder;

/// Folder of the segments in the state folder.
pub(super) fn folder_of(state: &Path) -> PathBuf {
    state.join("journal")
}

/// The segments' paths, oldest first; empty when there are none, an error when one is missing between others.
pub(super) fn list(state: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let dir = folder_of(state);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::read(dir, error)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| JournalError::read(&dir, error))?;
        numbers.extend(entry.file_name().to_str().and_then(number));
    }
    numbers.sort_unstable();
    for (number, expected) in numbers.iter().zip(1..) {
        if *number != expected {
            return Err(JournalError::Missing { file: dir.join(name(expected)) });
        }
    }
    Ok(numbers.into_iter().map(|number| dir.join(name(number))).collect())
}

/// Creates the segment with the number, durably, and opens it for appending.
pub(super) fn create(state: &Path, number: usize) -> Result<(PathBuf, File), JournalError> {
    let dir = folder_of(state);
    let path = dir.join(name(number));
    let new = folder::temporary(&dir, &name(number));
    let create = || {
        let file = folder::file_options().append(true).create(true).open(&new)?;
        file.set_len(0)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        folder::sync(&dir)?;
        Ok(file)
    };
    let file = create().map_err(|error| JournalError::write(&path, error))?;
    Ok((path, file))
}

/// Removes what a crash between the steps of [`create`] left over.
pub(super) fn sweep(state: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder_of(state))? {
        let entry = entry?;
        if entry.file_name().to_str().and_then(|name| name.strip_suffix(".new")).and_then(number).is_some() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn name(number: usize) -> String {
    format!("{number:06}.log")
}

/// The number in a segment's name; none for any other file.
fn number(file_name: &str) -> Option<usize> {
    let number = file_name.strip_suffix(".log")?.parse().ok()?;
    (name(number) == file_name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_listed_in_order_and_a_gap_is_named() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(list(state.path()).unwrap(), Vec::<PathBuf>::new());
        folder::create(&folder_of(state.path())).unwrap();
        for number in [2, 1, 3] {
            create(state.path(), number).unwrap();
        }
        fs::write(folder_of(state.path()).join("000004.log.new"), "left over").unwrap();
        fs::write(folder_of(state.path()).join("4.log"), "not ours").unwrap();
        assert_eq!(list(state.path()).unwrap().len(), 3);
        sweep(state.path()).unwrap();
        assert!(!folder_of(state.path()).join("000004.log.new").exists());
        fs::remove_file(folder_of(state.path()).join("000002.log")).unwrap();
        let error = list(state.path()).unwrap_err();
        assert!(matches!(&error, JournalError::Missing { file } if file.ends_with("000002.log")), "{error}");
    }
}
