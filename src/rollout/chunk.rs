//! Some people in few bytes: each has an id of their own, and what else is known of them is kept once for all of whom it is the same.
//! People are told by the hundred and enforced by twenty, so that hardly ten things are known of a hundred people.
//!
//! Does not find anybody. Invariant: everything kept is so of somebody.

use super::id::ObjectId;
use super::person::PersonState;

/// At most [`Chunk::MOST`] people, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    ids: Vec<ObjectId>,
    /// Where in `alike` to find what is known of the person with the same place.
    which: Vec<u8>,
    /// Without ids, each different from the others.
    alike: Vec<PersonState>,
}

impl Chunk {
    /// So many fit; a `u8` tells as many things apart, and one that is about to go.
    pub(super) const MOST: usize = 128;

    /// Nobody yet, with room for all.
    pub(super) fn with_room() -> Self {
        Self { ids: Vec::with_capacity(Self::MOST), which: Vec::with_capacity(Self::MOST), alike: Vec::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.len() >= Self::MOST
    }

    pub(super) fn id(&self, place: usize) -> Option<ObjectId> {
        self.ids.get(place).copied()
    }

    pub(super) fn at(&self, place: usize) -> Option<PersonState> {
        let (id, which) = (*self.ids.get(place)?, *self.which.get(place)?);
        self.alike.get(usize::from(which)).map(|known| known.of(id))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = PersonState> {
        let known = |which: &u8| self.alike.get(usize::from(*which));
        self.ids.iter().zip(&self.which).filter_map(move |(id, which)| known(which).map(|known| known.of(*id)))
    }

    /// What is known of anybody here, without their ids.
    pub(super) fn alike(&self) -> &[PersonState] {
        &self.alike
    }

    /// Adds a person; nothing happens when the chunk is full.
    pub(super) fn push(&mut self, person: PersonState) {
        if !self.is_full() {
            let which = self.find_or_keep(person);
            self.ids.push(person.id);
            self.which.push(which);
        }
    }

    /// Knows something else of the person at a place.
    pub(super) fn put(&mut self, place: usize, person: PersonState) {
        let now = self.find_or_keep(person);
        let Some(which) = self.which.get_mut(place) else { return };
        let was = std::mem::replace(which, now);
        if self.which.contains(&was) {
            return;
        }
        // Nobody has it any more: the last one takes its place.
        let last = u8::try_from(self.alike.len().saturating_sub(1)).unwrap_or(u8::MAX);
        if usize::from(was) < self.alike.len() {
            self.alike.swap_remove(usize::from(was));
        }
        self.which.iter_mut().filter(|which| **which == last).for_each(|which| *which = was);
    }

    fn find_or_keep(&mut self, person: PersonState) -> u8 {
        let known = person.of(ObjectId::default());
        let found = self.alike.iter().position(|other| *other == known);
        let which = found.unwrap_or_else(|| {
            self.alike.push(known);
            self.alike.len() - 1
        });
        u8::try_from(which).unwrap_or(u8::MAX)
    }
}

impl PartialEq for Chunk {
    /// In which order things are kept does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::person::{Enforced, Home};
    use super::*;

    fn person(place: usize, known: i64) -> PersonState {
        let mut person = PersonState::new(ObjectId::from_bits(place as u128), Home::Stage(0));
        if known > 0 {
            person.mark(Enforced::Accepted(Timestamp::from_second(known).unwrap()));
        }
        person
    }

    proptest! {
        #[test]
        fn a_chunk_is_a_list_of_people(known in proptest::collection::vec(0_i64..200, 0..128), changes in proptest::collection::vec((0_usize..128, 0_i64..200), 0..600)) {
            let mut model: Vec<PersonState> = known.iter().enumerate().map(|(place, known)| person(place, *known)).collect();
            let mut chunk = Chunk::with_room();
            for person in &model {
                chunk.push(*person);
            }
            for (place, known) in changes {
                if let Some(at) = model.get_mut(place) {
                    *at = person(place, known);
                    chunk.put(place, *at);
                }
            }
            prop_assert_eq!(&chunk.iter().collect::<Vec<_>>(), &model);
            prop_assert!(model.iter().enumerate().all(|(place, person)| chunk.at(place) == Some(*person)));
            let mut different: Vec<_> = model.iter().map(PersonState::enforced_since).collect();
            different.sort_unstable();
            different.dedup();
            prop_assert_eq!(chunk.alike().len(), different.len(), "nothing is kept twice or of nobody");
        }
    }

    #[test]
    fn more_than_fit_do_not_come_in() {
        let mut chunk = Chunk::with_room();
        for place in 0..=Chunk::MOST {
            chunk.push(person(place, i64::try_from(place).unwrap()));
        }
        assert!(chunk.is_full());
        assert_eq!((chunk.len(), chunk.alike().len(), chunk.at(Chunk::MOST)), (Chunk::MOST, Chunk::MOST, None));
        chunk.put(Chunk::MOST - 1, person(Chunk::MOST - 1, 7_777));
        assert_eq!(chunk.at(Chunk::MOST - 1), Some(person(Chunk::MOST - 1, 7_777)));
    }
}
