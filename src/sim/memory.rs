//! A journal in memory, with points at which the process may be made to die. For simulations only: nothing in it is durable.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::engine::port::{Store, StoreError};
use crate::rollout::event::{By, Event, Record, VERSION};
use crate::rollout::state::State;

/// The records that survive a crash. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Vec<Record>>>);

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Before the n-th write (from 1) reaches the disk.
    Before(u64),
    /// After the n-th write, before anything depends on it.
    After(u64),
}

/// What a crash looks like to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process was made to die here")]
pub struct Died;

impl Disk {
    /// All records so far.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records after the first `seen`.
    #[must_use]
    pub fn after(&self, seen: usize) -> Vec<Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().skip(seen).cloned().collect()
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The journal of one life of the process.
#[derive(Debug)]
pub struct Memory {
    disk: Disk,
    writes: u64,
    crash: Option<Crash>,
    dead: bool,
}

impl Memory {
    /// A life on `disk` that ends at `crash`, if that comes.
    #[must_use]
    pub const fn new(disk: Disk, crash: Option<Crash>) -> Self {
        Self { disk, writes: 0, crash, dead: false }
    }

    fn die(&mut self) -> StoreError {
        self.dead = true;
        StoreError::Failed(Box::new(Died))
    }
}

impl Store for Memory {
    fn append(&mut self, at: Timestamp, by: By, actor: &str, events: &[Event]) -> Result<Vec<Record>, StoreError> {
        self.writes += 1;
        if self.dead || self.crash == Some(Crash::Before(self.writes)) {
            return Err(self.die());
        }
        let mut disk = self.disk.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = u64::try_from(disk.len()).unwrap_or(u64::MAX).saturating_add(1);
        let records: Vec<_> = (first..)
            .zip(events)
            .map(|(seq, event)| Record { seq, at, v: VERSION, by, actor: actor.to_owned(), event: event.clone() })
            .collect();
        disk.extend(records.iter().cloned());
        drop(disk);
        if self.crash == Some(Crash::After(self.writes)) {
            return Err(self.die());
        }
        Ok(records)
    }

    fn keeps_checkpoints(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, _: &State) {}

    fn publish(&mut self, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn head(&self) -> String {
        String::new()
    }
}
