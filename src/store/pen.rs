//! Writes bytes to the end of one segment, durably, or leaves the segment as it was where that is possible.
//!
//! Does not know records. After a failure of which nobody can say what it left, the journal must not be written again.

use std::fs::File;
use std::io::{self, Write};

/// What a segment is written on; a file, save in tests.
pub(super) trait Medium: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// The end of the newest segment.
pub(super) struct Pen {
    medium: Box<dyn Medium>,
    len: u64,
}

/// A write that failed, and whether the segment is known to be as it was before.
pub(super) struct WriteFailed {
    pub(super) error: io::Error,
    pub(super) left: Left,
}

/// What a failed write left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: the segment ends where it did.
    Nothing,
    /// Nobody knows: perhaps a part, perhaps all of it, perhaps not durably.
    Unknown,
}

impl Pen {
    /// Writes on `medium`, which is opened for appending and `len` bytes long.
    pub(super) fn new(medium: impl Medium + 'static, len: u64) -> Self {
        Self { medium: Box::new(medium), len }
    }

    /// Length of the segment in bytes.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Appends `bytes` in one write and one fdatasync; returns when they are durable.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), WriteFailed> {
        if let Err(error) = self.medium.append(bytes) {
            let left = if self.medium.cut(self.len).is_ok() { Left::Nothing } else { Left::Unknown };
            return Err(WriteFailed { error, left });
        }
        // After a failed sync nobody knows what is on the disk, and a second one may lie: the kernel reports the loss once.
        self.medium.sync().map_err(|error| WriteFailed { error, left: Left::Unknown })?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}
