//! Why the journal cannot be read or written, in words for the operator.
//!
//! Knows no exit codes: `Damaged`, `Missing` and `CheckpointAhead` are damage; `Full`, `Unwritable` and `Stopped` mean that
//! the state cannot be written.

use std::io;
use std::path::PathBuf;

use super::chain::LineFault;
use crate::rollout::event::VERSION;

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing was ever written there.
    #[error("`{}` holds no journal; name the state folder of the daemon, or start the daemon once", dir.display())]
    NoJournal {
        /// The state folder.
        dir: PathBuf,
    },
    /// The file system refuses to show it.
    #[error("`{}` cannot be read; check the folder's owner and the disk", file.display())]
    Unreadable {
        /// What.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line was changed, lost or added.
    #[error("the journal is damaged at line {line} of `{}`; keep a copy of the folder, and put the journal back from a backup", file.display())]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// In what way.
        #[source]
        fault: LineFault,
    },
    /// A segment is gone.
    #[error("the journal is damaged before line 1 of the segment that follows: `{}` is missing; put it back from a backup", file.display())]
    Missing {
        /// The segment.
        file: PathBuf,
    },
    /// Records that the checkpoint covers are gone.
    #[error(
        "the journal ends with record {last} at line {line} of `{}`, but the checkpoint covers record {covered}; the journal lost records: \
         put it back from a backup", file.display()
    )]
    CheckpointAhead {
        /// The newest segment.
        file: PathBuf,
        /// Its last valid line, counted from 1; 0 when it has none.
        line: u64,
        /// The last valid record.
        last: u64,
        /// The record that the checkpoint covers.
        covered: u64,
    },
    /// A newer program wrote it. Nothing was changed.
    #[error(
        "line {line} of `{}` has version {v}, and this program knows records up to version {VERSION}; use the newer program", file.display()
    )]
    TooNew {
        /// The segment.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The version of the record.
        v: u64,
    },
    /// The disk is full. What was being written is not in the journal.
    #[error("the disk that holds `{}` is full; free some space and start again", file.display())]
    Full {
        /// The segment.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing failed. Whether the records are in the journal is known only after the next start.
    #[error("`{}` cannot be written; check the folder's owner and the disk, then start again", file.display())]
    Unwritable {
        /// What.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An earlier write failed; nothing is written since.
    #[error("the journal takes no records since an earlier failure: {first}")]
    Stopped {
        /// The first failure.
        first: String,
    },
    /// A record could not be put into JSON.
    #[error("a record cannot be put into JSON; this is a fault of the program")]
    Encode(#[source] serde_json::Error),
}

impl JournalError {
    /// A failed write to `file`: `Full` when the disk, the quota or the most that a file may take is full, else `Unwritable`.
    pub(super) fn write(file: impl Into<PathBuf>, source: io::Error) -> Self {
        let file = file.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { file, source }
            }
            _ => Self::Unwritable { file, source },
        }
    }

    /// A failed read of `file`.
    pub(super) fn read(file: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Unreadable { file: file.into(), source }
    }
}

/// An error and its causes in one line.
pub(super) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
