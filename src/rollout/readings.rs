//! The two readings that say something of everybody: the directory and the registration report, a byte a person over a roll.
//!
//! Do not read anything themselves. Invariant: who has no byte is not in the directory, and has no known readiness.

use std::sync::Arc;

use jiff::Timestamp;

use super::id::ObjectId;
use super::observed::{Person, Readiness};
use super::roll::Roll;

/// The whole directory of people.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    roll: Arc<Roll>,
    /// By place: what [`packed`] makes of a person; 0 is nobody.
    rows: Vec<u8>,
    len: usize,
    /// Rows whose id could not be read.
    pub unreadable: u32,
    /// Holders of the directory synchronisation role, ascending.
    pub sync_accounts: Vec<ObjectId>,
}

impl Directory {
    /// An empty directory over a roll.
    #[must_use]
    pub fn new(roll: Arc<Roll>) -> Self {
        Self { roll, ..Self::default() }
    }

    /// By place what is known of each.
    #[must_use]
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// The roll over which it lies.
    #[must_use]
    pub const fn roll(&self) -> &Arc<Roll> {
        &self.roll
    }

    /// The directory that had these rows.
    #[must_use]
    pub fn of_rows(roll: Arc<Roll>, rows: Vec<u8>) -> Self {
        let len = rows.iter().map(|row| usize::from(*row != 0)).sum();
        Self { roll, rows, len, ..Self::default() }
    }

    /// Takes in a row; a later row of a person replaces the earlier one.
    pub fn put(&mut self, person: &Person) {
        let place = self.roll.enter_named(person.id, person.name);
        let before = replace(&mut self.rows, place, |_| packed(person));
        self.len += usize::from(before == 0);
    }

    /// Takes a person out; whether they were there.
    pub fn remove(&mut self, id: ObjectId) -> bool {
        let place = self.roll.find(id);
        let row = place.and_then(|place| self.rows.get_mut(place as usize)).filter(|row| **row != 0);
        let Some(row) = row else { return false };
        *row = 0;
        self.len -= 1;
        true
    }

    /// Says that everybody was put in: whoever is not here has no name any more.
    pub fn complete(&self) {
        self.roll.forget_names(|place| self.rows.get(place as usize).is_some_and(|row| *row != 0));
    }

    /// The person with the id.
    #[must_use]
    pub fn person(&self, id: ObjectId) -> Option<Person> {
        self.at(id, self.roll.find(id)?)
    }

    fn at(&self, id: ObjectId, place: u32) -> Option<Person> {
        let row = self.rows.get(place as usize).copied().filter(|row| *row != 0)?;
        let enabled = match row >> 1 & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        };
        Some(Person { id, name: self.roll.name(place), enabled, guest: row & 8 != 0, mail: row & 16 != 0 })
    }

    /// Everybody, in the order of the roll.
    pub fn iter(&self) -> impl Iterator<Item = Person> {
        let places = (0_u32..).zip(&self.rows).filter(|(_, row)| **row != 0);
        places.filter_map(|(place, _)| self.at(self.roll.at(place)?, place))
    }

    /// How many people it lists.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it lists nobody.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes in rows that were read just now for `asked` (ascending rows); who was asked for and is missing is gone.
    pub fn refresh(&mut self, asked: &[ObjectId], rows: &[Person]) {
        for id in asked {
            match rows.binary_search_by_key(id, |person| person.id).ok().and_then(|at| rows.get(at)) {
                Some(row) => self.put(row),
                None => drop(self.remove(*id)),
            }
        }
    }
}

impl FromIterator<Person> for Directory {
    fn from_iter<I: IntoIterator<Item = Person>>(people: I) -> Self {
        let mut directory = Self::default();
        for person in people {
            directory.put(&person);
        }
        directory
    }
}

/// Bit 0: here. Bits 1 and 2: not enabled, enabled. Bit 3: a guest. Bit 4: has mail.
fn packed(person: &Person) -> u8 {
    let enabled = match person.enabled {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    };
    1 | enabled << 1 | u8::from(person.guest) << 3 | u8::from(person.mail) << 4
}

/// Replaces the byte at a place; the byte before.
fn replace(rows: &mut Vec<u8>, place: u32, by: impl Fn(u8) -> u8) -> u8 {
    let place = place as usize;
    if rows.len() <= place {
        rows.resize(place + 1, 0);
    }
    let Some(row) = rows.get_mut(place) else { return 0 };
    std::mem::replace(row, by(*row))
}

/// The registration report.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    roll: Arc<Roll>,
    /// By place: a row's readiness, counted from 1; 0 is no row.
    rows: Vec<u8>,
    /// How many people have a row.
    len: usize,
    /// When the report was last refreshed by the service (its newest `lastUpdatedDateTime`), if it says so.
    pub refreshed: Option<Timestamp>,
}

impl Registration {
    /// An empty report over a roll.
    #[must_use]
    pub fn new(roll: Arc<Roll>) -> Self {
        Self { roll, ..Self::default() }
    }

    /// By place what is known of each.
    #[must_use]
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// The report that had these rows.
    #[must_use]
    pub fn of_rows(roll: Arc<Roll>, rows: Vec<u8>) -> Self {
        let len = rows.iter().map(|row| usize::from(*row != 0)).sum();
        Self { roll, rows, len, refreshed: None }
    }

    /// Takes in a row. Two rows of a person that disagree say nothing.
    pub fn put(&mut self, person: ObjectId, readiness: Readiness) {
        let new = code(readiness);
        let row = |before| if before == 0 || before == new { new } else { UNKNOWN };
        let before = replace(&mut self.rows, self.roll.enter(person), row);
        self.len += usize::from(before == 0);
    }

    /// The readiness of a person; who has no row is `Unknown`.
    #[must_use]
    pub fn of(&self, person: ObjectId) -> Readiness {
        let place = self.roll.find(person);
        match place.and_then(|place| self.rows.get(place as usize)) {
            Some(1) => Readiness::Capable,
            Some(2) => Readiness::RegisteredNotAllowed,
            Some(3) => Readiness::Unregistered,
            _ => Readiness::Unknown,
        }
    }

    /// How many people have a row.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// How many people have a row that says this.
    #[must_use]
    pub fn count(&self, readiness: Readiness) -> usize {
        self.rows.iter().map(|row| usize::from(*row == code(readiness))).sum()
    }

    /// Whether nobody has one.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

const UNKNOWN: u8 = 4;

const fn code(readiness: Readiness) -> u8 {
    match readiness {
        Readiness::Capable => 1,
        Readiness::RegisteredNotAllowed => 2,
        Readiness::Unregistered => 3,
        Readiness::Unknown => UNKNOWN,
    }
}

impl FromIterator<(ObjectId, Readiness)> for Registration {
    fn from_iter<I: IntoIterator<Item = (ObjectId, Readiness)>>(rows: I) -> Self {
        let mut registration = Self::default();
        for (person, readiness) in rows {
            registration.put(person, readiness);
        }
        registration
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::id::NameHash;

    fn id(n: u128) -> ObjectId {
        ObjectId::from_bits(n)
    }

    #[test]
    fn a_row_comes_out_of_the_directory_as_it_went_in() {
        let mut directory = Directory::default();
        let mut people = Vec::new();
        for enabled in [None, Some(false), Some(true)] {
            for (guest, mail) in [(false, false), (true, false), (false, true), (true, true)] {
                let n = people.len() as u128;
                people.push(Person { id: id(n), name: NameHash::new("t", &n.to_string()).key(), enabled, guest, mail });
            }
        }
        for person in &people {
            directory.put(person);
        }
        assert_eq!(directory.iter().collect::<Vec<_>>(), people);
        let newer = Person { enabled: None, guest: true, ..people[5] };
        directory.refresh(&[id(5), id(6), id(70)], &[newer]);
        assert_eq!((directory.person(id(5)), directory.person(id(6)), directory.person(id(70))), (Some(newer), None, None));
        assert_eq!((directory.len(), directory.iter().count()), (people.len() - 1, people.len() - 1));
    }

    #[test]
    fn two_rows_that_disagree_say_nothing() {
        let rows = [
            (id(1), Readiness::Capable),
            (id(2), Readiness::Capable),
            (id(1), Readiness::Unregistered),
            (id(2), Readiness::Capable),
            (id(1), Readiness::Capable),
            (id(3), Readiness::RegisteredNotAllowed),
        ];
        let registration: Registration = rows.into_iter().collect();
        let of = |n| registration.of(id(n));
        assert_eq!(
            [of(1), of(2), of(3), of(4)],
            [Readiness::Unknown, Readiness::Capable, Readiness::RegisteredNotAllowed, Readiness::Unknown]
        );
        assert_eq!(registration.len(), 3);
    }
}
