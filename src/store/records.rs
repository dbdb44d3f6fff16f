//! Reading the journal: for a rebuild, and for commands that run beside the daemon or without it.
//!
//! Takes no lock and changes nothing. Every record that comes out is part of an unbroken chain. A torn tail at the very end
//! is what a write under way looks like: it ends the records, and is told, without being an error.

use std::path::Path;

use super::chain::{Head, decode};
use super::error::JournalError;
use super::walk::Walk;
pub use super::walk::{Position, Torn};
use crate::rollout::event::Record;

/// The journal's records in order. Ends after the first error.
pub struct Records {
    walk: Walk,
    failed: bool,
}

/// All records of the journal in the state folder `state`.
pub fn records(state: &Path) -> Result<Records, JournalError> {
    let walk = Walk::begin(state)?;
    if walk.segments() == 0 {
        return Err(JournalError::NoJournal { dir: state.to_owned() });
    }
    Ok(Records { walk, failed: false })
}

/// The records behind `head`, without verifying those before it; all of them when `head` is not in this journal. `hint` says where it
/// may stand.
pub fn records_after(state: &Path, head: Head, hint: Position) -> Result<Records, JournalError> {
    match Walk::begin_after(state, head, hint)? {
        Some(walk) => Ok(Records { walk, failed: false }),
        None => records(state),
    }
}

impl Records {
    /// The record that came out last.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.walk.head()
    }

    /// At the end: bytes that are no record, left by a crash or by a write under way.
    #[must_use]
    pub const fn torn(&self) -> Option<&Torn> {
        self.walk.torn()
    }
}

impl Iterator for Records {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = match self.walk.advance() {
            Ok(true) => decode(self.walk.line()).map_err(|fault| self.walk.damage(fault)),
            Ok(false) => return None,
            Err(error) => Err(error),
        };
        self.failed = record.is_err();
        Some(record)
    }
}

/// What a whole verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many records.
    pub records: u64,
    /// In how many segments.
    pub segments: u64,
    /// The last of them.
    pub head: Head,
    /// Bytes behind it that are no record, left by a crash or by a write under way.
    pub torn: Option<Torn>,
}

/// Verifies all of the journal in the state folder `state`.
pub fn verify(state: &Path) -> Result<Summary, JournalError> {
    let mut records = records(state)?;
    for record in records.by_ref() {
        record?;
    }
    let Records { walk, .. } = records;
    Ok(Summary { records: walk.head().seq, segments: walk.segments(), head: walk.head(), torn: walk.torn().cloned() })
}
