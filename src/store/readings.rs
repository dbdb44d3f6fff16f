//! `<state>/readings`: what was read of the tenant, so that a start need not read everything again before its first write.
//!
//! A cache: it is sealed with a hash, and whatever is wrong with it, nothing was kept. Nothing in it counts for longer than it would
//! have without the restart, since every reading keeps the instant at which it was read. Policy and break-glass accounts are not in
//! it: they are always read anew. Written beside the journal by a thread of its own, never waited for, not durable: a lost one costs
//! a reading.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::folder;
use super::squeeze::{MOST_ROOM, squeeze, stretch};
use crate::rollout::id::{NameKey, ObjectId};
use crate::rollout::observed::{
    Client, Directory, IdSet, Observed, Reading, Registration, Roll, SelectionKey, SignIn, Source, Target,
};

/// Its name in the state folder.
const NAME: &str = "readings";

/// The version of its bytes.
const FORM: u32 = 1;

/// Bytes of the hash in front.
const SEAL: usize = 32;

/// An id and a name of the roll.
const ROLL_ROW: usize = 24;

/// Person, second, nanosecond and code of an attempt to sign in.
const ATTEMPT_ROW: usize = 36;

/// Rows that are squeezed together.
const TOGETHER: usize = 512;

/// For whom the readings hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The plan's `tenant.id`.
    pub tenant: String,
    /// What the enforcement names; members are those of its group.
    pub target: Option<Target>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    form: u32,
    about: About,
    people: usize,
    directory: Vec<Listed>,
    registration: Vec<Listed>,
    members: Vec<Listed>,
    selections: BTreeMap<SelectionKey, Vec<Listed>>,
    sign_ins: Vec<Listed>,
}

/// One reading; its rows follow the header in the order of the header's members.
#[derive(Serialize, Deserialize)]
struct Listed {
    as_of: Timestamp,
    asked: Timestamp,
    rows: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sync_accounts: Vec<ObjectId>,
    #[serde(default)]
    unreadable: u32,
    #[serde(default)]
    refreshed: Option<Timestamp>,
}

/// Writes what was read. Replaces what was kept before, in one step.
pub fn write(state: &Path, about: About, observed: &Observed) -> io::Result<()> {
    let temporary = folder::temporary(state, NAME);
    let file = folder::file_options().write(true).create(true).truncate(true).open(&temporary)?;
    let mut out = Sealed { file: BufWriter::new(file), hash: Sha256::new() };
    out.file.write_all(&[0; SEAL])?;
    let roll = roll_of(observed);
    let members = over(&roll, &observed.members);
    let selections: BTreeMap<_, _> = observed.selections.iter().map(|(key, source)| (key, over(&roll, source))).collect();
    let header = Header {
        form: FORM,
        about,
        people: roll.len(),
        directory: listed(&observed.directory, |reading, listed| {
            listed.rows = reading.rows().len();
            listed.sync_accounts.clone_from(&reading.sync_accounts);
            listed.unreadable = reading.unreadable;
        }),
        registration: listed(&observed.registration, |reading, listed| {
            listed.rows = reading.rows().len();
            listed.refreshed = reading.refreshed;
        }),
        members: listed(&members, |reading, listed| listed.rows = reading.bits().len()),
        selections: selections
            .iter()
            .map(|(key, source)| ((*key).clone(), listed(source, |reading, listed| listed.rows = reading.bits().len())))
            .collect(),
        sign_ins: listed(&observed.sign_ins, |reading, listed| listed.rows = reading.len()),
    };
    let json = serde_json::to_vec(&header)?;
    out.write_all(&u64::try_from(json.len()).unwrap_or(u64::MAX).to_be_bytes())?;
    out.write_all(&json)?;
    put(&mut out, (0..header.people).map(|place| roll_row(&roll, place)))?;
    for reading in both(&observed.directory) {
        put(&mut out, reading.value.rows().iter().map(|row| [*row]))?;
    }
    for reading in both(&observed.registration) {
        put(&mut out, reading.value.rows().iter().map(|row| [*row]))?;
    }
    for reading in both(&members).chain(selections.values().flat_map(both)) {
        put(&mut out, reading.value.bits().iter().map(|word| word.to_be_bytes()))?;
    }
    for reading in both(&observed.sign_ins) {
        put(&mut out, reading.value.iter().map(attempt_row))?;
    }
    let Sealed { mut file, hash } = out;
    io::Seek::seek(&mut file, io::SeekFrom::Start(0))?;
    file.write_all(&hash.finalize())?;
    file.flush()?;
    fs::rename(temporary, state.join(NAME))
}

/// The roll over which the readings lie.
fn roll_of(observed: &Observed) -> Arc<Roll> {
    observed.directory.last.as_ref().map(|reading| Arc::clone(reading.value.roll())).unwrap_or_default()
}

/// Readings of people over this roll: over another one the same bits would mean others, so that those are not kept.
fn over(roll: &Arc<Roll>, source: &Source<IdSet>) -> Source<IdSet> {
    let lies = |reading: &&Reading<IdSet>| Arc::ptr_eq(reading.value.roll(), roll);
    let last = source.last.as_ref().filter(lies).cloned();
    let earlier = last.as_ref().and(source.earlier.as_ref()).filter(lies).cloned();
    Source { asked: source.asked.filter(|_| last.is_some()), last, earlier, ..Source::default() }
}

fn both<T>(source: &Source<T>) -> impl Iterator<Item = &Reading<T>> {
    source.last.iter().chain(&source.earlier)
}

fn listed<T>(source: &Source<T>, fill: impl Fn(&T, &mut Listed)) -> Vec<Listed> {
    let list = |reading: &Reading<T>| {
        let asked = source.asked.unwrap_or(reading.as_of);
        let mut listed =
            Listed { as_of: reading.as_of, asked, rows: 0, sync_accounts: Vec::new(), unreadable: 0, refreshed: None };
        fill(&reading.value, &mut listed);
        listed
    };
    both(source).map(list).collect()
}

struct Sealed<W> {
    file: W,
    hash: Sha256,
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn put<const N: usize>(out: &mut impl Write, mut rows: impl Iterator<Item = [u8; N]>) -> io::Result<()> {
    let (mut together, mut squeezed) = (Vec::with_capacity(TOGETHER), Vec::new());
    loop {
        together.clear();
        together.extend(rows.by_ref().take(TOGETHER));
        if together.is_empty() {
            return Ok(());
        }
        squeezed.clear();
        squeeze(&together, &mut squeezed);
        out.write_all(&u32::try_from(squeezed.len()).unwrap_or(u32::MAX).to_be_bytes())?;
        out.write_all(&squeezed)?;
    }
}

fn roll_row(roll: &Roll, place: usize) -> [u8; ROLL_ROW] {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    let id = roll.at(place).unwrap_or_default().bits().to_be_bytes();
    let mut row = [0; ROLL_ROW];
    row.iter_mut().zip(id.into_iter().chain(roll.name(place).bytes())).for_each(|(to, from)| *to = from);
    row
}

/// Beside the nanosecond, whose bits end below: the client cannot do MFA. Rows from before that was kept do not have it.
const LEGACY: i32 = 1 << 30;

fn attempt_row(attempt: &SignIn) -> [u8; ATTEMPT_ROW] {
    let person = attempt.person.bits().to_be_bytes().into_iter();
    let legacy = if attempt.client == Client::Legacy { LEGACY } else { 0 };
    let (second, nanosecond) = (attempt.at.as_second(), attempt.at.subsec_nanosecond().max(0));
    let at = second.to_be_bytes().into_iter().chain((nanosecond | legacy).to_be_bytes());
    let mut row = [0; ATTEMPT_ROW];
    row.iter_mut().zip(person.chain(at).chain(attempt.code.to_be_bytes())).for_each(|(to, from)| *to = from);
    row
}

fn attempt_of(row: &[u8; ATTEMPT_ROW]) -> Option<SignIn> {
    let (person, rest) = row.split_first_chunk::<16>()?;
    let (second, rest) = rest.split_first_chunk::<8>()?;
    let (nanosecond, rest) = rest.split_first_chunk::<4>()?;
    let nanosecond = i32::from_be_bytes(*nanosecond);
    let legacy = nanosecond >= 0 && nanosecond & LEGACY != 0;
    let (client, nanosecond) = if legacy { (Client::Legacy, nanosecond & !LEGACY) } else { (Client::Modern, nanosecond) };
    let at = Timestamp::new(i64::from_be_bytes(*second), nanosecond).ok()?;
    let code = i64::from_be_bytes(*rest.first_chunk::<8>()?);
    Some(SignIn { id: String::new(), person: ObjectId::from_bits(u128::from_be_bytes(*person)), at, code, client })
}

/// What was kept, whoever it is of.
pub struct Earlier {
    about: About,
    observed: Observed,
    roll: Arc<Roll>,
}

/// What was kept in the state folder; nothing when it is in any doubt.
#[must_use]
pub fn read(state: &Path) -> Option<Earlier> {
    let path = state.join(NAME);
    // Verified as a whole, then read row by row: nobody holds all of it.
    if !is_whole(&path).unwrap_or(false) {
        return None;
    }
    let parsed = File::open(&path).and_then(|file| parse(BufReader::new(file)));
    parsed.inspect_err(|error| tracing::debug!(error = %error, "what was read before is not used; it is read again")).ok()
}

impl Earlier {
    /// What counts for a rollout, and the roll over which it lies; nothing when it is of another tenant.
    ///
    /// Members come back only for the target that they are of. What seems to have been read after `now` was read by another clock.
    #[must_use]
    pub fn of(self, about: &About, now: Timestamp) -> (Observed, Arc<Roll>) {
        let Self { about: kept, observed, roll } = self;
        if kept.tenant != about.tenant {
            return <_>::default();
        }
        let members = if kept.target == about.target { observed.members } else { Source::default() };
        let observed = Observed {
            directory: until(observed.directory, now),
            selections: observed.selections.into_iter().map(|(key, source)| (key, until(source, now))).collect(),
            registration: until(observed.registration, now),
            sign_ins: until(observed.sign_ins, now),
            members: until(members, now),
            ..Observed::default()
        };
        (observed, roll)
    }
}

fn until<T>(source: Source<T>, now: Timestamp) -> Source<T> {
    let is_past = |reading: &Reading<T>| reading.as_of <= now;
    if source.asked.is_none_or(|asked| asked > now) || !source.last.as_ref().is_some_and(is_past) {
        return Source::default();
    }
    Source { earlier: source.earlier.filter(is_past), ..source }
}

fn is_whole(path: &Path) -> io::Result<bool> {
    let mut file = BufReader::new(File::open(path)?);
    let mut seal = [0; SEAL];
    file.read_exact(&mut seal)?;
    let mut read = Sealed { file: io::sink(), hash: Sha256::new() };
    io::copy(&mut file, &mut read)?;
    Ok(read.hash.finalize().as_slice() == seal)
}

fn parse(mut file: BufReader<File>) -> io::Result<Earlier> {
    file.seek_relative(i64::try_from(SEAL).unwrap_or(0))?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut json = Vec::new();
    file.by_ref().take(u64::from_be_bytes(length)).read_to_end(&mut json)?;
    let header: Header = serde_json::from_slice(&json)?;
    if header.form != FORM {
        return Err(other("it is of another version of the program"));
    }
    let mut rows = Rows(file);
    // With a little room for those who have come since.
    let mut roll = Roll::with_room((header.people + header.people / 16).min(MOST_ROOM));
    let mut is_once = true;
    rows.each::<ROLL_ROW>(header.people, |row| {
        if let Some((id, name)) = row.split_first_chunk::<16>() {
            let name = name.first_chunk::<8>().map(NameKey::from).unwrap_or_default();
            is_once &= roll.push(ObjectId::from_bits(u128::from_be_bytes(*id)), name);
        }
    })?;
    if !is_once {
        return Err(other("somebody is in it twice"));
    }
    let roll = Arc::new(roll);
    let directory = rows.source(&header.directory, |rows: Vec<[u8; 1]>, listed| {
        let mut directory = Directory::of_rows(Arc::clone(&roll), rows.into_iter().flatten().collect());
        directory.unreadable = listed.unreadable;
        directory.sync_accounts.clone_from(&listed.sync_accounts);
        directory
    })?;
    let registration = rows.source(&header.registration, |rows: Vec<[u8; 1]>, listed| {
        let mut registration = Registration::of_rows(Arc::clone(&roll), rows.into_iter().flatten().collect());
        registration.refreshed = listed.refreshed;
        registration
    })?;
    let set =
        |rows: Vec<[u8; 8]>, _: &Listed| IdSet::of_bits(Arc::clone(&roll), rows.into_iter().map(u64::from_be_bytes).collect());
    let members = rows.source(&header.members, set)?;
    let mut selections = BTreeMap::new();
    for (key, listed) in &header.selections {
        selections.insert(key.clone(), rows.source(listed, set)?);
    }
    let sign_ins =
        rows.source(&header.sign_ins, |rows: Vec<[u8; ATTEMPT_ROW]>, _| rows.iter().filter_map(attempt_of).collect())?;
    let observed = Observed { directory, selections, registration, sign_ins, members, ..Observed::default() };
    Ok(Earlier { about: header.about, observed, roll })
}

fn other(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// The rows that are left to be read.
struct Rows(BufReader<File>);

impl Rows {
    fn each<const N: usize>(&mut self, count: usize, mut take: impl FnMut(&[u8; N])) -> io::Result<()> {
        let (mut left, mut squeezed) = (count, Vec::new());
        while left > 0 {
            let mut length = [0; 4];
            self.0.read_exact(&mut length)?;
            squeezed.clear();
            self.0.by_ref().take(u32::from_be_bytes(length).into()).read_to_end(&mut squeezed)?;
            let together = left.min(TOGETHER);
            let rows = stretch::<N>(&squeezed, together).ok_or_else(|| other("rows of it cannot be read"))?;
            rows.iter().for_each(&mut take);
            left -= together;
        }
        Ok(())
    }

    fn source<T, const N: usize>(
        &mut self,
        listed: &[Listed],
        make: impl Fn(Vec<[u8; N]>, &Listed) -> T,
    ) -> io::Result<Source<T>> {
        let mut source = Source::default();
        for (nth, listed) in listed.iter().enumerate() {
            let mut rows = Vec::with_capacity(listed.rows.min(MOST_ROOM));
            self.each(listed.rows, |row| rows.push(*row))?;
            let reading = Some(Reading { as_of: listed.as_of, value: make(rows, listed) });
            if nth == 0 {
                source.asked = Some(listed.asked);
                source.last = reading;
            } else {
                source.earlier = reading;
            }
        }
        Ok(source)
    }
}

#[cfg(test)]
#[path = "readings_tests.rs"]
mod tests;
