//! Bounded reading of the files that a plan names.

use std::io::Read;
use std::path::Path;

/// Most bytes of a plan or template.
pub(super) const SMALL: u64 = 1 << 20;
/// Most bytes of a list of people: a million lines and more.
pub(super) const LIST: u64 = 256 << 20;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("no such file")]
    Missing,
    #[error("permission denied")]
    Denied,
    #[error("not a file")]
    NotAFile,
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    #[error("not UTF-8 in line {0}")]
    NotText(usize),
    #[error("{}", .0.kind())]
    Other(std::io::Error),
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            std::io::ErrorKind::PermissionDenied => Self::Denied,
            std::io::ErrorKind::IsADirectory => Self::NotAFile,
            _ => Self::Other(error),
        }
    }
}

/// The text of a file of at most `limit` bytes; a byte order mark is dropped.
pub(super) fn text(path: &Path, limit: u64) -> Result<String, FileError> {
    let text = String::from_utf8(bytes(path, limit)?).map_err(|error| {
        let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        FileError::NotText(before.filter(|byte| **byte == b'\n').count() + 1)
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

/// The bytes of a file of at most `limit` bytes.
pub(super) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(FileError::TooLarge(limit)) } else { Ok(bytes) }
}
