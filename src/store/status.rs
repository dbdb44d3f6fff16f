//! `<state>/status.json`: the last report, for readers that need no daemon.
//!
//! Replaced whole; does not know what is in it. After a loss of power it may be old: a reader judges its age.

use std::io;
use std::path::Path;

use super::folder;

/// Its name in the state folder.
const NAME: &str = "status.json";

/// Replaces the status in the state folder `state`.
pub fn publish(state: &Path, json: &[u8]) -> io::Result<()> {
    folder::replace(state, NAME, json)
}

/// The status that was published last; none when none was.
pub fn read(state: &Path) -> io::Result<Option<Vec<u8>>> {
    folder::read(state, NAME)
}
