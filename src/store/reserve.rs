//! A file of one MiB that only takes up room: given up when the disk is full, so that the last records still fit.
//!
//! A missing reserve is no error: it is made again at the next start with room.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder;

/// Size of the reserve in bytes.
const SIZE: usize = 1 << 20;

/// The reserve of one state folder.
pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// Makes the reserve where it is missing or too small.
    pub(super) fn keep(state: &Path) -> Self {
        let reserve = Self(state.join("reserve"));
        if let Err(error) = reserve.fill() {
            tracing::warn!(error = %error, "no space could be reserved for the last records on a full disk");
            let _ = fs::remove_file(&reserve.0);
        }
        reserve
    }

    /// Frees the space; an error when there was none to free.
    pub(super) fn give_up(&self) -> io::Result<()> {
        fs::remove_file(&self.0)
    }

    fn fill(&self) -> io::Result<()> {
        if fs::metadata(&self.0).is_ok_and(|file| file.len() >= SIZE as u64) {
            return Ok(());
        }
        let mut file = folder::file_options().write(true).create(true).truncate(true).open(&self.0)?;
        file.write_all(&vec![0; SIZE])?;
        file.sync_all()
    }
}
