//! The checkpoint: the state as of one record of the journal, kept in sled, so that a start need not replay everything.
//!
//! Losing it loses nothing: on any doubt it is moved aside and begun anew, and where sled cannot be used at all the daemon
//! runs without. What it gives back is whole, but may be older than what was saved last, or nothing. sled lives on one
//! thread of its own and is never waited for, save at the start and at the end, each with a limit. Whether its head is a
//! record of this journal is for the caller to judge. The caller holds the lock of the folder.

mod snapshot;
mod writer;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::chain::Head;
use super::error::in_full;
use writer::Writer;

/// How many checkpoints that were moved aside are kept.
const ASIDE_KEPT: usize = 2;

/// Writes a state.
pub type Write = Box<dyn FnOnce(&mut dyn io::Write) -> io::Result<()> + Send>;

/// Reads a state that is of a record, or says why it cannot.
pub type Read<T> = fn(Head, &mut dyn io::Read) -> Result<T, String>;

/// A state that is to be saved.
struct Handed {
    head: Head,
    write: Write,
}

/// A state and the record up to which it is the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved<T> {
    /// The last record that the state includes.
    pub head: Head,
    /// The state, as it was read.
    pub state: T,
}

/// The checkpoint of one state folder.
pub struct Checkpoint {
    state: PathBuf,
    writer: Result<Writer, String>,
}

/// What opening found.
pub struct Opened<T> {
    /// What was saved last, when it is beyond doubt.
    pub saved: Option<Saved<T>>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Why what was there was moved aside; the caller records it.
    pub aside: Option<String>,
}

impl Checkpoint {
    /// Opens the checkpoint in the state folder `state`, or begins one; `read` is called on sled's thread. Blocks, up to two limits of
    /// 20 s.
    #[must_use]
    pub fn open<T: Send + 'static>(state: &Path, read: Read<T>) -> Opened<T> {
        match Writer::start(&folder_of(state), read) {
            Ok((writer, saved)) => {
                let checkpoint = Self { state: state.to_owned(), writer: Ok(writer) };
                Opened { saved, checkpoint, aside: None }
            }
            Err(doubt) => {
                let why = in_full(&doubt);
                Opened { saved: None, checkpoint: Self::begin_anew(state, &why), aside: Some(why) }
            }
        }
    }

    /// Hands a state over to be saved, and returns at once. A state that still waits is replaced. `write` is called on sled's thread
    /// and writes the bytes that [`Read`] is given.
    pub fn save(&self, head: Head, write: Write) {
        if let Ok(writer) = &self.writer {
            writer.hand_over(Handed { head, write });
        }
    }

    /// Why nothing is saved any more; none while all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match &self.writer {
            Ok(writer) => writer.trouble(),
            Err(trouble) => Some(trouble.clone()),
        }
    }

    /// Moves the checkpoint aside, for instance because it is of another journal, and begins a new one. Blocks.
    #[must_use]
    pub fn move_aside(self, why: &str) -> Self {
        let state = self.state.clone();
        self.close();
        Self::begin_anew(&state, why)
    }

    /// Saves what still waits and closes. Blocks, up to a limit of 5 s.
    pub fn close(self) {
        if let Ok(writer) = self.writer {
            writer.close();
        }
    }

    fn begin_anew(state: &Path, why: &str) -> Self {
        let dir = folder_of(state);
        let writer = put_aside(state).map_err(|error| error.to_string());
        let writer = writer.and_then(|()| Writer::start(&dir, |_, _| Ok(())).map_err(|doubt| in_full(&doubt)));
        match &writer {
            Ok(_) => tracing::warn!(why, "the checkpoint is in doubt: it was moved aside, and is made anew from the journal"),
            Err(error) => {
                tracing::warn!(why, error, "the checkpoint cannot be used: the daemon runs without, from the journal alone");
            }
        }
        Self { state: state.to_owned(), writer: writer.map(|(writer, _)| writer) }
    }
}

fn folder_of(state: &Path) -> PathBuf {
    state.join("checkpoint")
}

/// Renames the checkpoint to `checkpoint.aside-N` and removes the oldest of those.
fn put_aside(state: &Path) -> io::Result<()> {
    let mut aside = Vec::new();
    for entry in fs::read_dir(state)? {
        let name = entry?.file_name();
        aside.extend(name.to_str().and_then(|name| name.strip_prefix("checkpoint.aside-")?.parse::<u64>().ok()));
    }
    aside.sort_unstable();
    let next = aside.last().map_or(1, |last| last.saturating_add(1));
    let path = |number: u64| state.join(format!("checkpoint.aside-{number}"));
    match fs::rename(folder_of(state), path(next)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => aside.push(next),
    }
    for old in aside.iter().rev().skip(ASIDE_KEPT) {
        // It only takes up room.
        let _ = fs::remove_dir_all(path(*old));
    }
    Ok(())
}
