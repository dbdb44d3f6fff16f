//! The journal, opened for writing: verified first, then only ever appended to.
//!
//! What [`Journal::append`] returned is on the disk. After a failed write nothing more is taken: the first cause is the
//! answer to every later append. A full disk, which leaves the journal whole, still lets a pause and the stop be recorded.
//! Does not take the lock (the caller holds it) and does not know what records mean.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::chain::{Head, encode};
use super::error::{JournalError, in_full};
use super::folder;
use super::pen::{Left, Pen};
use super::reserve::Reserve;
use super::segment;
use super::walk::{Position, Torn, Walk};
use crate::rollout::event::{By, Event, Record, VERSION};

/// A segment that is so long is followed by a new one. Bytes.
const SEGMENT_LIMIT: u64 = 64 << 20;

/// The journal, opened for writing.
pub struct Journal {
    state: PathBuf,
    /// The newest segment, and its number.
    file: PathBuf,
    number: usize,
    pen: Pen,
    segment_limit: u64,
    head: Head,
    /// Where the last record stands.
    position: Position,
    health: Health,
    reserve: Reserve,
}

/// What opening found.
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// What was cut off its end; the caller records it.
    pub cut: Option<Torn>,
    /// How the checkpoint fits; when it does, [`super::records::records_after`] gives what it lacks.
    pub fit: Fit,
}

/// How a checkpoint fits the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// There is none.
    NoCheckpoint,
    /// Its head is a record of this journal.
    Fits,
    /// This journal has another record in that place: the checkpoint is of another journal.
    Foreign,
}

/// Whether the journal can be written.
enum Health {
    Sound,
    /// The disk is full, the journal whole: only last words are taken.
    Full(String),
    /// Nothing is taken.
    Broken(String),
}

impl Journal {
    /// Opens the journal in the state folder `state`, or begins one. `covered` is the record that the checkpoint covers, and where it
    /// may stand.
    ///
    /// Records up to `covered` are only counted when it is found; all others are verified. A torn tail is cut. Any other
    /// damage, and records newer than this program, are errors, and nothing is changed.
    pub fn open(state: &Path, covered: Option<(Head, Position)>) -> Result<Opened, JournalError> {
        let skipped = match covered {
            Some((head, hint)) => Walk::begin_after(state, head, hint)?,
            None => None,
        };
        let fit = match (covered, &skipped) {
            (None, _) => Fit::NoCheckpoint,
            (Some(_), Some(_)) => Fit::Fits,
            (Some(_), None) => Fit::Foreign,
        };
        let mut walk = match skipped {
            Some(walk) => walk,
            None => Walk::begin(state)?,
        };
        while walk.advance()? {}
        let head = walk.head();
        if let Some((covered, _)) = covered.filter(|(covered, _)| covered.seq > head.seq) {
            let (file, line) = walk.place().unwrap_or_else(|| (segment::folder_of(state), 0));
            return Err(JournalError::CheckpointAhead { file, line, last: head.seq, covered: covered.seq });
        }
        let cut = walk.torn().cloned();
        let line = walk.place().map_or(0, |(_, line)| line);
        let journal = Self::resume(state, (head, line), cut.as_ref())?;
        Ok(Opened { journal, cut, fit })
    }

    /// The last record.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Where it stands, as far as that is known.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Appends one record per event in one write, and returns them when they are durable.
    ///
    /// `at` is the engine's clock; `actor` is `tidegate` or the operator's login name.
    pub fn append(&mut self, at: Timestamp, by: By, actor: &str, events: &[Event]) -> Result<Vec<Record>, JournalError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let last_words =
            events.iter().all(|event| matches!(event, Event::Paused { .. } | Event::Ordered { .. } | Event::Stopped { .. }));
        match &self.health {
            Health::Sound => {}
            Health::Full(_) if last_words => {}
            Health::Full(first) | Health::Broken(first) => return Err(JournalError::Stopped { first: first.clone() }),
        }
        let mut head = self.head;
        let mut last = 0;
        let mut lines = Vec::new();
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            let seq = head.seq + 1;
            let record = Record { seq, at, v: VERSION, by, actor: actor.to_owned(), event: event.clone() };
            let (line, hash) = encode(&head.hash, &record).map_err(JournalError::Encode)?;
            head = Head { seq, hash };
            last = line.len() as u64;
            lines.extend(line);
            records.push(record);
        }
        let mut written = self.write(&lines);
        if last_words && matches!(self.health, Health::Full(_)) && written.is_err() && self.reserve.give_up().is_ok() {
            tracing::warn!("the disk is full: the reserved space is given up for the last records");
            written = self.write(&lines);
        }
        written?;
        self.head = head;
        let (segment, end) = (self.number as u64, self.pen.len());
        let before = if self.position.segment == segment { self.position.line } else { 0 };
        self.position = Position { segment, line: before + events.len() as u64, start: end - last, end };
        Ok(records)
    }

    /// Cuts the torn tail, tidies the folder, and opens the newest segment for appending.
    fn resume(state: &Path, (head, line): (Head, u64), torn: Option<&Torn>) -> Result<Self, JournalError> {
        let dir = segment::folder_of(state);
        folder::create(&dir)
            .and_then(|()| folder::sync(state))
            .and_then(|()| segment::sweep(state))
            .map_err(|error| JournalError::write(&dir, error))?;
        let segments = segment::list(state)?;
        let number = segments.len().max(1);
        let (file, handle) = match segments.into_iter().next_back() {
            None => segment::create(state, number)?,
            Some(file) => {
                let handle = folder::file_options().append(true).open(&file);
                let handle = handle.map_err(|error| JournalError::write(&file, error))?;
                (file, handle)
            }
        };
        let len = (|| {
            if let Some(torn) = torn {
                handle.set_len(torn.at)?;
                handle.sync_all()?;
            }
            handle.metadata().map(|file| file.len())
        })();
        let len = len.map_err(|error| JournalError::write(&file, error))?;
        let reserve = Reserve::keep(state);
        let pen = Pen::new(handle, len);
        let state = state.to_owned();
        // No record ends before its beginning: until one is appended, this hint is not believed.
        let position = Position { segment: number as u64, line, ..Position::default() };
        Ok(Self { state, file, number, pen, segment_limit: SEGMENT_LIMIT, head, position, health: Health::Sound, reserve })
    }

    /// Writes whole lines, to a new segment when this one is long enough.
    fn write(&mut self, lines: &[u8]) -> Result<(), JournalError> {
        if self.pen.len() >= self.segment_limit {
            let number = self.number + 1;
            let (file, handle) = segment::create(&self.state, number).map_err(|error| self.fail(error, Left::Nothing))?;
            self.pen = Pen::new(handle, 0);
            self.number = number;
            self.file = file;
        }
        let written = self.pen.write(lines);
        written.map_err(|failed| self.fail(JournalError::write(&self.file, failed.error), failed.left))
    }

    /// Notes a failure, the first of which stays.
    fn fail(&mut self, error: JournalError, left: Left) -> JournalError {
        let whole = left == Left::Nothing && matches!(error, JournalError::Full { .. });
        let first = match &self.health {
            Health::Sound => in_full(&error),
            Health::Full(first) | Health::Broken(first) => first.clone(),
        };
        self.health = if whole { Health::Full(first) } else { Health::Broken(first) };
        error
    }
}

#[cfg(test)]
mod tests;
