//! The state folder, opened for the engine: lock, checkpoint, journal, and the state that they add up to.
//!
//! Losing the checkpoint loses nothing: on any doubt it is moved aside and the state is made from the journal, which is said.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use jiff::Timestamp;

use super::checkpoint::{Checkpoint, Saved};
use super::error::JournalError;
use super::form;
use super::journal::{Fit, Journal};
use super::lock::{LockError, StateLock};
use super::readings::{self, About};
use super::records::{records, records_after};
use crate::engine::port::{Store, StoreError};
use crate::rollout::apply::Misfit;
use crate::rollout::event::{By, Event, Record};
use crate::rollout::observed::{Observed, Roll};
use crate::rollout::state::State;

/// The opened state folder. Dropping it gives up the lock.
pub struct Kept {
    journal: Journal,
    checkpoint: Checkpoint,
    state: PathBuf,
    /// Writes what was read.
    keeping: Keeping,
    _lock: StateLock,
}

/// What opening found.
pub struct Found {
    /// The store, to append to.
    pub kept: Kept,
    /// The state as of the last record.
    pub state: State,
    /// What is to be recorded: a tail that was cut, a checkpoint that was made anew.
    pub notes: Vec<Event>,
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// Another instance, or no right to write.
    #[error("the state folder cannot be taken")]
    Lock(#[from] LockError),
    /// The journal is damaged, newer than this program, or cannot be read.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
    /// The journal is whole, but its records do not follow from each other.
    #[error("the journal contradicts itself")]
    Misfit(#[from] Misfit),
}

/// Opens the state folder `dir` for writing.
pub fn open(dir: &Path) -> Result<Found, KeptError> {
    let lock = StateLock::take(dir)?;
    let super::checkpoint::Opened { saved, mut checkpoint, aside } = Checkpoint::open(dir, form::read);
    let mut rebuilt = aside;
    let (mut covered, mut state) = (None, State::default());
    if let Some(Saved { head, state: (saved, position) }) = saved {
        covered = Some((head, position));
        state = saved;
    }
    let opened = Journal::open(dir, covered)?;
    if opened.fit == Fit::Foreign {
        let why = "it is of another journal".to_owned();
        checkpoint = checkpoint.move_aside(&why);
        rebuilt = Some(why);
        covered = None;
        state = State::default();
    }
    let missing = match covered {
        Some((head, position)) => records_after(dir, head, position)?,
        None => records(dir)?,
    };
    for record in missing {
        state.apply(&record?)?;
    }
    let mut notes = Vec::new();
    if let Some(torn) = opened.cut {
        let segment = torn.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        notes.push(Event::TailCut { segment, bytes: torn.bytes });
    }
    if covered.is_none() && state.seq > 0 {
        let why = rebuilt.unwrap_or_else(|| "there was none".to_owned());
        notes.push(Event::CheckpointRebuilt { why });
    }
    let kept = Kept { journal: opened.journal, checkpoint, state: dir.to_owned(), keeping: Keeping::default(), _lock: lock };
    Ok(Found { kept, state, notes })
}

/// The thread that writes what was read; waited for at the end, when it is about to be done.
#[derive(Default)]
struct Keeping(Option<JoinHandle<()>>);

impl Drop for Keeping {
    fn drop(&mut self) {
        if let Some(keeping) = self.0.take()
            && keeping.join().is_err()
        {
            tracing::warn!("what was read could not be kept; the next start reads it again");
        }
    }
}

/// For whom what is read holds; nobody before a plan is in force.
fn about(state: &State) -> Option<About> {
    let tenant = state.plan.as_ref()?.plan.tenant.clone();
    Some(About { tenant, target: state.target })
}

impl Kept {
    /// Waits until the checkpoint is written, and closes it.
    pub fn close(self) {
        self.checkpoint.close();
    }
}

/// What an earlier life of the rollout had read; it is read while the state folder is opened.
pub struct Earlier(Option<JoinHandle<Option<readings::Earlier>>>);

impl Earlier {
    /// Begins to read it.
    #[must_use]
    pub fn begin(dir: &Path) -> Self {
        let dir = dir.to_owned();
        Self(thread::Builder::new().name("readings".into()).spawn(move || readings::read(&dir)).ok())
    }

    /// What still counts at `now` for the rollout that `state` is of, and the roll over which it lies. Blocks until it is read.
    #[must_use]
    pub fn of(self, state: &State, now: Timestamp) -> (Observed, Arc<Roll>) {
        let earlier = self.0.and_then(|reading| reading.join().ok().flatten());
        about(state).zip(earlier).map(|(about, earlier)| earlier.of(&about, now)).unwrap_or_default()
    }
}

impl Store for Kept {
    fn append(&mut self, at: Timestamp, by: By, actor: &str, events: &[Event]) -> Result<Vec<Record>, StoreError> {
        self.journal.append(at, by, actor, events).map_err(|error| {
            if matches!(error, JournalError::Full { .. }) {
                StoreError::Full(Box::new(error))
            } else {
                StoreError::Failed(Box::new(error))
            }
        })
    }

    fn checkpoint(&mut self, state: &State) {
        let (state, position) = (state.clone(), self.journal.position());
        self.checkpoint.save(self.journal.head(), Box::new(move |out| form::write(&state, position, out)));
    }

    fn keep(&mut self, state: &State, observed: &Observed) {
        let Some(about) = about(state) else { return };
        if self.keeping.0.as_ref().is_some_and(|keeping| !keeping.is_finished()) {
            return;
        }
        let (dir, observed) = (self.state.clone(), observed.clone());
        let keeping = thread::Builder::new().name("readings".into()).spawn(move || {
            if let Err(error) = readings::write(&dir, about, &observed) {
                tracing::warn!(error = %error, "what was read could not be kept; the next start reads it again");
            }
        });
        self.keeping = Keeping(keeping.ok());
    }

    fn publish(&mut self, status: &[u8]) -> Result<(), StoreError> {
        // Readers can do without; the journal is complete.
        if let Err(error) = super::status::publish(&self.state, status) {
            tracing::warn!(error = %error, "the status could not be published");
        }
        Ok(())
    }

    fn head(&self) -> String {
        self.journal.head().hash.to_string()
    }
}
