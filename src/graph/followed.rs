//! The directory between full readings: the last one, kept up to date by what changed.
//!
//! Does not read who holds roles. Invariants: everything is read at least once a [`FULL`], and whenever a round of changes is not whole; a
//! round that fails leaves nothing behind. Costs a byte a person, and nothing to those who read once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::delta::{self, Changes, Link, Odd, Removed};
use super::names::Names;
use super::people::{self, ChangedRow};
use super::request::Read;
use super::transport::Transport;
use crate::rollout::observed::{Directory, Trouble};

/// Everything is read at least this often.
const FULL: SignedDuration = SignedDuration::from_hours(24);

/// What is known from earlier readings.
#[derive(Debug, Default)]
pub(super) enum Followed {
    /// Nothing was read yet.
    #[default]
    Never,
    /// Everything was read once, without a link: whoever reads once needs none.
    Once,
    /// The last reading, when everything was read, and where the next round begins.
    Kept { directory: Directory, full: Timestamp, link: Link },
}

impl Followed {
    /// Everybody, as cheaply as possible.
    pub(super) async fn directory(&mut self, transport: &Transport, names: &Names, key: &str) -> Result<Directory, Trouble> {
        let now = transport.clock.now();
        if let Self::Kept { directory, full, link } = self {
            if now >= *full && now.duration_since(*full) < FULL {
                match round(transport, names, key, link, directory).await {
                    Ok(next) => {
                        *link = next;
                        return Ok(directory.clone());
                    }
                    Err(Odd::Later(trouble)) => return Err(trouble),
                    Err(Odd::Lost(why)) => {
                        tracing::info!(reason = %why, "changes of the directory cannot be followed; everybody is read anew");
                        *self = Self::Once;
                    }
                }
            }
        }
        self.full(transport, names, key, now).await
    }

    async fn full(&mut self, transport: &Transport, names: &Names, key: &str, now: Timestamp) -> Result<Directory, Trouble> {
        let link = match self {
            Self::Never => None,
            Self::Once | Self::Kept { .. } => delta::latest(transport, &Read::UsersLatest).await,
        };
        let read = people::all(transport, names, key).await?;
        if let Self::Kept { directory, .. } = self {
            compare(directory, &read);
        }
        *self = match link {
            Some(link) => Self::Kept { directory: read.clone(), full: now, link },
            None => Self::Once,
        };
        Ok(read)
    }
}

/// Follows one round, and merges it when it is whole.
async fn round(transport: &Transport, names: &Names, key: &str, link: &Link, directory: &mut Directory) -> Result<Link, Odd> {
    let mut changes = Changes::new();
    let mut take = |row: ChangedRow| match (row.removed, row.row.id()) {
        (_, None) => changes.spoil("a row has no readable id"),
        (Removed::Unclear, _) => changes.spoil("a row says in an unknown way that somebody was removed"),
        (Removed::Yes, Some(id)) => changes.put(id, None),
        // A name and a state are always there; without them only parts of the row were sent.
        (Removed::No, Some(_)) if !row.row.is_whole() => changes.spoil("a row is not whole"),
        (Removed::No, Some(id)) => changes.put(id, people::person(row.row, key)),
    };
    let next = delta::follow(transport, &Read::UsersLatest, link, &mut take).await?;
    let changes = changes.sound()?;
    let (mut here, mut gone) = (Vec::new(), 0_usize);
    for (id, change) in changes {
        match change {
            Some(known) => here.push(known),
            None => gone += usize::from(directory.remove(id)),
        }
    }
    // In the order of ids, so that places on the roll do not depend on how a set is laid out.
    here.sort_by_key(|(person, _)| person.id);
    here.iter().for_each(|(person, _)| directory.put(person));
    tracing::debug!(people.changed = here.len(), people.gone = gone, "changes of the directory were followed");
    names.add(here.into_iter().map(|(person, name)| (person.id, person.name, name)));
    Ok(next)
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
