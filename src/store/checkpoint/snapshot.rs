//! One state in sled: a head, and the state in chunks under a key that holds its generation.
//!
//! A new generation is written and made durable, then the head is switched to it and made durable, then the old one is
//! removed: whenever the process ends, one whole generation is there. Every value is sealed with a hash over its key and
//! itself, because sled opens a damaged file without a word. Precautions for sled 0.34.7: a left-over
//! `snap.*.generating` is taken for a snapshot and is removed first; `flush` alone is no barrier against a loss of power
//! (sync_file_range), so the file is synced on a handle of our own; values are small.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Handed, Read, Saved};
use crate::rollout::event;
use crate::store::chain::Head;
use crate::store::folder;
use crate::store::form::FORM;

/// Largest value. Bytes. sled puts up to 17 into a page, and pages above 128 KiB into files that it never syncs. Each of its cache's
/// 256 parts holds one page at least.
const VALUE_LIMIT: usize = 512;

/// Length of the hash in front of every value.
const SEAL: usize = 16;

/// Most bytes of the state in one value.
const CHUNK: usize = VALUE_LIMIT - SEAL;

/// sled's page cache. Bytes.
const CACHE: u64 = 1 << 20;

/// sled's own flush, which also tidies its file. Milliseconds.
const FLUSH_EVERY: u64 = 5_000;

/// Key of the head.
const HEAD: &[u8] = b"head";

/// First byte of the key of every chunk.
const CHUNK_PREFIX: &[u8] = b"s";

/// Why a checkpoint cannot be trusted or used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Doubt {
    #[error("its files cannot be used")]
    Io(#[source] io::Error),
    #[error("sled refuses it")]
    Sled(#[source] sled::Error),
    #[error("sled panicked")]
    Panicked,
    #[error("sled took too long to open it")]
    Slow,
    #[error("its head is missing")]
    NoHead,
    #[error("its head cannot be read")]
    Head(#[source] serde_json::Error),
    #[error("another version of the program wrote it")]
    Version,
    #[error("a part of it is missing or damaged")]
    Chunk,
    #[error("{0}")]
    State(String),
}

/// What says which generation counts.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Version of this arrangement.
    form: u32,
    /// Version of the records that the state was made from.
    records: u32,
    head: Head,
    generation: u64,
    chunks: u32,
    bytes: usize,
}

/// The open database.
pub(super) struct Snapshot {
    db: sled::Db,
    /// Our own handle on sled's file, to sync it.
    file: File,
    generation: u64,
    chunks: u32,
}

impl Snapshot {
    /// Opens or creates the database in `dir`, and reads what it holds.
    pub(super) fn open<T>(dir: &Path, read: Read<T>) -> Result<(Self, Option<Saved<T>>), Doubt> {
        let existed = dir.join("db").try_exists().map_err(Doubt::Io)?;
        if existed {
            wait_until_closed(dir).map_err(Doubt::Io)?;
        }
        folder::create(dir).and_then(|()| remove_half_made_snapshots(dir)).map_err(Doubt::Io)?;
        let config = sled::Config::new().path(dir).cache_capacity(CACHE).flush_every_ms(Some(FLUSH_EVERY));
        let db = config.open().map_err(Doubt::Sled)?;
        let file = File::open(dir.join("db")).map_err(Doubt::Io)?;
        let mut snapshot = Self { db, file, generation: 0, chunks: 0 };
        if existed {
            let saved = snapshot.load(read)?;
            snapshot.sweep()?;
            return Ok((snapshot, saved));
        }
        snapshot.switch_to(&Header {
            form: FORM,
            records: event::VERSION,
            head: Head::START,
            generation: 0,
            chunks: 0,
            bytes: 0,
        })?;
        File::open(dir.join("conf")).and_then(|conf| conf.sync_all()).and_then(|()| folder::sync(dir)).map_err(Doubt::Io)?;
        Ok((snapshot, None))
    }

    /// Replaces what is saved.
    pub(super) fn save(&mut self, handed: Handed) -> Result<(), Doubt> {
        let generation = self.generation + 1;
        let mut cut = Cut { snapshot: self, generation, chunks: 0, bytes: 0, waiting: Vec::with_capacity(CHUNK), doubt: None };
        let written = (handed.write)(&mut cut).and_then(|()| cut.end());
        let Cut { chunks, bytes, doubt, .. } = cut;
        if let Some(doubt) = doubt {
            return Err(doubt);
        }
        written.map_err(Doubt::Io)?;
        self.barrier()?;
        self.switch_to(&Header { form: FORM, records: event::VERSION, head: handed.head, generation, chunks, bytes })?;
        for old in 0..self.chunks {
            self.db.remove(chunk_key(self.generation, old)).map_err(Doubt::Sled)?;
        }
        (self.generation, self.chunks) = (generation, chunks);
        Ok(())
    }

    /// Makes everything durable and closes.
    pub(super) fn close(self) -> Result<(), Doubt> {
        self.barrier()
    }

    fn load<T>(&mut self, read: Read<T>) -> Result<Option<Saved<T>>, Doubt> {
        let header = self.get(HEAD)?.ok_or(Doubt::NoHead)?;
        let header: Header = serde_json::from_slice(&header).map_err(Doubt::Head)?;
        if header.form != FORM || header.records != event::VERSION {
            return Err(Doubt::Version);
        }
        (self.generation, self.chunks) = (header.generation, header.chunks);
        if header.head == Head::START {
            return Ok(None);
        }
        let mut put = Put { snapshot: self, next: 0, bytes: 0, chunk: Vec::new(), at: 0, doubt: None };
        let state = read(header.head, &mut put);
        let Put { next, bytes, chunk, at, doubt, .. } = put;
        match (doubt, state) {
            (Some(doubt), _) => Err(doubt),
            (None, Err(why)) => Err(Doubt::State(why)),
            (None, Ok(state)) if next == header.chunks && at == chunk.len() && bytes == header.bytes => {
                Ok(Some(Saved { head: header.head, state }))
            }
            (None, Ok(_)) => Err(Doubt::Chunk),
        }
    }

    /// Removes chunks of other generations, which a crash left.
    fn sweep(&self) -> Result<(), Doubt> {
        let current = generation_key(self.generation);
        for key in self.db.scan_prefix(CHUNK_PREFIX).keys() {
            let key = key.map_err(Doubt::Sled)?;
            if !key.starts_with(&current) {
                self.db.remove(key).map_err(Doubt::Sled)?;
            }
        }
        Ok(())
    }

    fn switch_to(&self, header: &Header) -> Result<(), Doubt> {
        self.put(HEAD, &serde_json::to_vec(header).map_err(Doubt::Head)?)?;
        self.barrier()
    }

    fn put(&self, key: &[u8], content: &[u8]) -> Result<(), Doubt> {
        let value = [&seal(key, content), content].concat();
        self.db.insert(key, value).map_err(Doubt::Sled)?;
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Doubt> {
        let Some(value) = self.db.get(key).map_err(Doubt::Sled)? else { return Ok(None) };
        let (written, content) = value.split_first_chunk::<SEAL>().ok_or(Doubt::Chunk)?;
        if *written != seal(key, content) {
            return Err(Doubt::Chunk);
        }
        Ok(Some(content.to_vec()))
    }

    /// Returns when everything that was written is on the disk.
    fn barrier(&self) -> Result<(), Doubt> {
        self.db.flush().map_err(Doubt::Sled)?;
        self.file.sync_data().map_err(Doubt::Io)
    }
}

/// Cuts what is written into values of the next generation.
struct Cut<'a> {
    snapshot: &'a Snapshot,
    generation: u64,
    chunks: u32,
    bytes: usize,
    waiting: Vec<u8>,
    /// Why sled did not take a value.
    doubt: Option<Doubt>,
}

impl Cut<'_> {
    fn put(&mut self) -> io::Result<()> {
        if let Err(doubt) = self.snapshot.put(&chunk_key(self.generation, self.chunks), &self.waiting) {
            self.doubt = Some(doubt);
            return Err(io::Error::other("sled did not take it"));
        }
        self.chunks += 1;
        self.bytes += self.waiting.len();
        self.waiting.clear();
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.put() }
    }
}

impl io::Write for Cut<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() >= CHUNK {
            self.put()?;
        }
        let room = CHUNK.saturating_sub(self.waiting.len()).min(bytes.len());
        self.waiting.extend(bytes.iter().take(room));
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts the values of the current generation together again.
struct Put<'a> {
    snapshot: &'a Snapshot,
    /// Number of the next value.
    next: u32,
    /// Bytes of those before it.
    bytes: usize,
    /// The value that is being read, and how far.
    chunk: Vec<u8>,
    at: usize,
    /// Why a value cannot be trusted.
    doubt: Option<Doubt>,
}

impl Put<'_> {
    fn fetch(&self) -> Result<Vec<u8>, Doubt> {
        self.snapshot.get(&chunk_key(self.snapshot.generation, self.next))?.ok_or(Doubt::Chunk)
    }
}

impl io::Read for Put<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() && self.next < self.snapshot.chunks {
            self.chunk = self.fetch().map_err(|doubt| {
                self.doubt = Some(doubt);
                io::Error::other("a part of it cannot be read")
            })?;
            (self.next, self.at) = (self.next + 1, 0);
            self.bytes += self.chunk.len();
        }
        let mut rest = self.chunk.get(self.at..).unwrap_or_default();
        let read = rest.read(bytes)?;
        self.at += read;
        Ok(read)
    }
}

/// The beginning of SHA-256 over key and content; keys of one kind have one length, and the kinds begin differently.
fn seal(key: &[u8], content: &[u8]) -> [u8; SEAL] {
    let mut seal = [0; SEAL];
    let digest = Sha256::new().chain_update(key).chain_update(content).finalize();
    seal.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    seal
}

fn generation_key(generation: u64) -> Vec<u8> {
    [CHUNK_PREFIX, &generation.to_be_bytes()].concat()
}

fn chunk_key(generation: u64, chunk: u32) -> Vec<u8> {
    [CHUNK_PREFIX, &generation.to_be_bytes(), &chunk.to_be_bytes()].concat()
}

/// Waits for sled's lock. We hold the lock of the whole folder, so it can only be of a database that this process closed a
/// moment ago: sled lets go of its files a little after it is dropped.
fn wait_until_closed(dir: &Path) -> io::Result<()> {
    let file = File::open(dir.join("db"))?;
    file.lock()?;
    file.unlock()
}

fn remove_half_made_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
