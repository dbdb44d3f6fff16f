//! The directory between full readings: the last one, kept up to date by what changed.
//!
//! Does not read who holds roles. Invariants: everything is read at least once a [`FULL`], and whenever a round of changes is not whole; a
//! round that fails leaves nothing behind. Costs a byte a person, and nothing to those who read once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::delta::{self, Changes, Link, Odd, Removed};
use super::names::Names;
use super::people::{self, ChangedRow, Known};
use super::request::Read;
use super::transport::Transport;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Directory, Person, Trouble};

/// Everything is read at least this often.
const FULL: SignedDuration = SignedDuration::from_hours(24);

/// More people than this whose rows are not whole cost as much to read one by one as everybody.
const AGAIN: usize = 1_000;

/// What is known from earlier readings.
#[derive(Debug, Default)]
pub(super) enum Followed {
    /// Nothing was read yet.
    #[default]
    Never,
    /// So many people were read, without a link: whoever reads once needs none, and a reading that lost people is no ground to stand on.
    Once(usize),
    /// The last reading, when everything was read, and where the next round begins.
    Kept { directory: Directory, full: Timestamp, link: Link },
}

/// What a round says of a person.
#[derive(PartialEq)]
enum Change {
    Here(Known),
    Gone,
    /// Something changed, and the row does not say everything.
    Unclear,
}

impl Followed {
    /// Everybody, as cheaply as possible.
    pub(super) async fn directory(&mut self, transport: &Transport, names: &Names, key: &str) -> Result<Directory, Trouble> {
        let now = transport.clock.now();
        if let Self::Kept { directory, full, link } = self
            && now >= *full
            && now.duration_since(*full) < FULL
        {
            match round(transport, names, key, link, directory).await {
                Ok(next) => {
                    *link = next;
                    return Ok(directory.clone());
                }
                Err(Odd::Later(trouble)) => return Err(trouble),
                Err(Odd::Lost(why)) => {
                    tracing::info!(reason = %why, "changes of the directory cannot be followed; everybody is read anew");
                    *self = Self::Once(directory.len());
                }
            }
        }
        self.full(transport, names, key, now).await
    }

    async fn full(&mut self, transport: &Transport, names: &Names, key: &str, now: Timestamp) -> Result<Directory, Trouble> {
        let link = match self {
            Self::Never => None,
            Self::Once(_) | Self::Kept { .. } => delta::latest(transport, &Read::UsersLatest).await,
        };
        let read = people::all(transport, names, key).await?;
        let before = match self {
            Self::Never => 0,
            Self::Once(people) => *people,
            Self::Kept { directory, .. } => {
                compare(directory, &read);
                directory.len()
            }
        };
        // A listing that lost many is believed when a second one says the same: following it would only repeat it.
        *self = match link {
            Some(link) if !are_many(before.saturating_sub(read.len()), before) => {
                Self::Kept { directory: read.clone(), full: now, link }
            }
            _ => Self::Once(read.len()),
        };
        Ok(read)
    }
}

/// Whether so many of so many people do not just leave between two readings: more than one in a hundred, and more than five.
const fn are_many(gone: usize, of: usize) -> bool {
    gone > 5 && gone.saturating_mul(100) > of
}

/// Follows one round, and merges it when it is whole.
async fn round(transport: &Transport, names: &Names, key: &str, link: &Link, directory: &mut Directory) -> Result<Link, Odd> {
    let mut changes = Changes::new();
    let mut take = |row: ChangedRow| match (row.removed, row.id()) {
        (_, None) => changes.spoil("a row has no readable id"),
        (Removed::Unclear, _) => changes.spoil("a row says in an unknown way that somebody was removed"),
        (Removed::Yes, Some(id)) => changes.put(id, Change::Gone),
        (Removed::No, Some(id)) => changes.put(id, row.whole(key).map_or(Change::Unclear, Change::Here)),
    };
    let next = delta::follow(transport, &Read::UsersLatest, link, &mut take).await?;
    let (mut here, mut gone, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
    for (id, change) in changes.sound()? {
        match change {
            Change::Here(known) => here.push(known),
            Change::Gone if directory.person(id).is_some() => gone.push(id),
            Change::Gone => {}
            Change::Unclear => unclear.push(id),
        }
    }
    if are_many(gone.len(), directory.len()) {
        return Err(Odd::Lost("more people are gone than leave from one reading to the next".to_owned()));
    }
    let read = again(transport, names, key, &unclear).await?;
    // In the order of ids, so that places on the roll do not depend on how a set is laid out.
    here.sort_by_key(|(person, _)| person.id);
    for person in here.iter().map(|(person, _)| person).chain(&read) {
        directory.put(person);
    }
    for id in &gone {
        directory.remove(*id);
    }
    let changed = here.len() + read.len();
    tracing::debug!(people.changed = changed, people.gone = gone.len(), "changes of the directory were followed");
    names.add(here.into_iter().map(|(person, name)| (person.id, person.name, name)));
    Ok(next)
}

/// The people whose rows did not say everything, as they are now.
async fn again(transport: &Transport, names: &Names, key: &str, unclear: &[ObjectId]) -> Result<Vec<Person>, Odd> {
    if unclear.len() > AGAIN {
        return Err(Odd::Lost("too many rows are not whole".to_owned()));
    }
    let read = people::named(transport, names, key, unclear).await.map_err(Odd::from)?;
    if read.len() < unclear.len() {
        return Err(Odd::Lost("somebody who changed cannot be found".to_owned()));
    }
    Ok(read)
}

/// Says when what was followed differs from what a full reading says. Changes of the meantime are among it.
fn compare(followed: &Directory, read: &Directory) {
    if !Arc::ptr_eq(followed.roll(), read.roll()) {
        return;
    }
    let longest = followed.rows().len().max(read.rows().len());
    let at = |rows: &[u8], place: usize| rows.get(place).copied().unwrap_or(0);
    let differ = (0..longest).filter(|place| at(followed.rows(), *place) != at(read.rows(), *place)).count();
    if differ > 0 {
        tracing::info!(
            people.differ = differ,
            people.followed = followed.len(),
            people.read = read.len(),
            "a full reading of the directory differs from what was followed since the last one; the full one counts"
        );
    }
}

#[cfg(test)]
#[path = "followed_tests.rs"]
mod tests;
