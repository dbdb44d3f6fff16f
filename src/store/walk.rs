//! Goes through the lines of the journal, oldest first, and verifies each: the one reading of the journal that there is.
//!
//! Takes no lock and changes nothing. Each segment is read up to the length that it had when it was opened, so that records
//! that are being appended meanwhile are never half seen twice.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use super::chain::{HEX, Head, LineFault, check, split};
use super::error::JournalError;
use super::segment;
use super::tail;

/// Bytes at the end of the newest segment that a crash left, and that are no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub file: PathBuf,
    /// Where they begin: the length of the segment up to its last valid record.
    pub at: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Where the line of a record stands; only a hint, and believed when the record is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Number of the segment, from 1; 0 when it is not known.
    pub segment: u64,
    /// Number of the line in it, from 1.
    pub line: u64,
    /// Where the line begins. Bytes.
    pub start: u64,
    /// Where it ends, line feed included. Bytes.
    pub end: u64,
}

/// A walk through the journal.
pub(super) struct Walk {
    /// Segments not yet opened.
    ahead: std::vec::IntoIter<PathBuf>,
    segment: Option<Segment>,
    /// The line last read, without its line feed.
    line: Vec<u8>,
    head: Head,
    torn: Option<Torn>,
    segments: u64,
}

/// The segment that is being read.
struct Segment {
    file: PathBuf,
    reader: BufReader<Take<File>>,
    /// Length when it was opened.
    len: u64,
    /// Number of the line last read, from 1.
    line: u64,
    /// Where that line begins.
    start: u64,
    /// Where it ends, line feed included.
    end: u64,
}

/// How the line that was read ends.
#[derive(PartialEq)]
enum End {
    LineFeed,
    EndOfFile,
}

impl Walk {
    /// Begins before the first record.
    pub(super) fn begin(state: &Path) -> Result<Self, JournalError> {
        let segments = segment::list(state)?;
        let count = segments.len() as u64;
        let ahead = segments.into_iter();
        Ok(Self { ahead, segment: None, line: Vec::new(), head: Head::START, torn: None, segments: count })
    }

    /// Begins behind record `head` without looking at those before it; none when that record is not in this journal. Where it does
    /// not stand at `hint`, it is looked for.
    pub(super) fn begin_after(state: &Path, head: Head, hint: Position) -> Result<Option<Self>, JournalError> {
        if let Some(walk) = Self::begin_at(state, head, hint)? {
            return Ok(Some(walk));
        }
        let mut walk = Self::begin(state)?;
        let mut end = End::LineFeed;
        for _ in 0..head.seq {
            match walk.read_line()? {
                Some(how) => end = how,
                None => return Ok(None),
            }
        }
        let fits =
            head == Head::START || (end == End::LineFeed && split(&walk.line).is_some_and(|(hex, _)| hex == head.hash.hex()));
        walk.head = head;
        Ok(fits.then_some(walk))
    }

    fn begin_at(state: &Path, head: Head, hint: Position) -> Result<Option<Self>, JournalError> {
        let mut walk = Self::begin(state)?;
        let index = hint.segment.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let Some(file) = index.and_then(|index| walk.ahead.nth(index)) else { return Ok(None) };
        walk.segment = Segment::open_behind(file, head, hint)?;
        walk.head = head;
        Ok(walk.segment.is_some().then_some(walk))
    }

    /// Goes to the next record; false at the end of the journal.
    pub(super) fn advance(&mut self) -> Result<bool, JournalError> {
        let Some(end) = self.read_line()? else { return Ok(false) };
        let checked = if end == End::LineFeed { check(self.head, &self.line) } else { Err(LineFault::Unended) };
        match checked {
            Ok(head) => {
                self.head = head;
                Ok(true)
            }
            Err(fault) => self.broken(fault).map(|()| false),
        }
    }

    /// The line of the record last gone to, without its line feed.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The record last gone to.
    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// At the end: what a crash left there.
    pub(super) const fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// How many segments there are.
    pub(super) const fn segments(&self) -> u64 {
        self.segments
    }

    /// At the end: the newest segment and its last valid line; none without segments.
    pub(super) fn place(&self) -> Option<(PathBuf, u64)> {
        let broken = u64::from(self.torn.is_some());
        self.segment.as_ref().map(|segment| (segment.file.clone(), segment.line.saturating_sub(broken)))
    }

    /// The error for the record last gone to.
    pub(super) fn damage(&self, fault: LineFault) -> JournalError {
        let (file, line) = self.segment.as_ref().map_or_else(Default::default, |segment| (segment.file.clone(), segment.line));
        match fault {
            LineFault::TooNew(v) => JournalError::TooNew { file, line, v },
            fault => JournalError::Damaged { file, line, fault },
        }
    }

    /// Settles whether the line just read is the beginning of a torn tail.
    fn broken(&mut self, fault: LineFault) -> Result<(), JournalError> {
        let newest = self.ahead.as_slice().is_empty();
        let torn = match &self.segment {
            Some(segment) if newest && fault.may_be_torn() => segment.torn_tail()?,
            _ => None,
        };
        self.torn = Some(torn.ok_or_else(|| self.damage(fault))?);
        Ok(())
    }

    /// Reads the next line, of the next segment where one ends; none at the end.
    fn read_line(&mut self) -> Result<Option<End>, JournalError> {
        if self.torn.is_some() {
            return Ok(None);
        }
        loop {
            if let Some(segment) = &mut self.segment
                && let Some(end) = segment.read_line(&mut self.line)?
            {
                return Ok(Some(end));
            }
            let Some(file) = self.ahead.next() else { return Ok(None) };
            self.segment = Some(Segment::open(file)?);
        }
    }
}

impl Segment {
    fn open(path: PathBuf) -> Result<Self, JournalError> {
        let open = || {
            let file = File::open(&path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        };
        let (file, len) = open().map_err(|error| JournalError::read(&path, error))?;
        let reader = BufReader::with_capacity(1 << 16, file.take(len));
        Ok(Self { file: path, reader, len, line: 0, start: 0, end: 0 })
    }

    /// Opens a segment behind the line at `at`; none when that is not the record's.
    fn open_behind(path: PathBuf, head: Head, at: Position) -> Result<Option<Self>, JournalError> {
        let mut segment = Self::open(path)?;
        if segment.len < at.end || at.end.saturating_sub(at.start) < HEX as u64 {
            return Ok(None);
        }
        let mut look = || {
            let file = segment.reader.get_mut().get_mut();
            let (mut hex, mut last) = ([0; HEX], [0]);
            file.seek(SeekFrom::Start(at.start))?;
            file.read_exact(&mut hex)?;
            file.seek(SeekFrom::Start(at.end - 1))?;
            file.read_exact(&mut last)?;
            io::Result::Ok(hex == *head.hash.hex() && last == *b"\n")
        };
        let is_there = look().map_err(|error| JournalError::read(&segment.file, error))?;
        segment.reader.get_mut().set_limit(segment.len - at.end);
        (segment.line, segment.start, segment.end) = (at.line, at.start, at.end);
        Ok(is_there.then_some(segment))
    }

    fn read_line(&mut self, line: &mut Vec<u8>) -> Result<Option<End>, JournalError> {
        line.clear();
        let read = self.reader.read_until(b'\n', line).map_err(|error| JournalError::read(&self.file, error))?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.start = self.end;
        self.end += read as u64;
        Ok(Some(if line.pop_if(|last| *last == b'\n').is_some() { End::LineFeed } else { End::EndOfFile }))
    }

    /// The tail from the line last read on, when a crash can have left it.
    fn torn_tail(&self) -> Result<Option<Torn>, JournalError> {
        let bytes = self.len - self.start;
        let mut rest = Vec::new();
        let mut read = || {
            let mut file = File::open(&self.file)?;
            file.seek(SeekFrom::Start(self.start))?;
            file.take(bytes).read_to_end(&mut rest)
        };
        read().map_err(|error| JournalError::read(&self.file, error))?;
        Ok(tail::is_torn(&rest).then(|| Torn { file: self.file.clone(), at: self.start, bytes }))
    }
}
