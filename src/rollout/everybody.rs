//! Everybody whom the journal knows, in the order in which they came, found by object id.
//!
//! Kept in chunks that are shared with whoever looks at a moment of the state, such as the checkpoint: a chunk is copied when it
//! changes while somebody still looks at it. Invariant: a place is given once and never changes hands.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::chunk::Chunk;
use super::id::ObjectId;
use super::person::{Home, PersonIx, PersonState};
use super::places::Places;

/// Everybody.
#[derive(Clone, Debug, Default)]
pub struct People {
    chunks: Vec<Arc<Chunk>>,
    places: Arc<Places>,
}

impl PartialEq for People {
    /// The places follow from who stands where.
    fn eq(&self, other: &Self) -> bool {
        self.chunks == other.chunks
    }
}

/// Everybody as they are at one moment; cheap to keep, whatever changes afterwards.
#[derive(Clone, Copy, Debug)]
pub struct All<'a>(&'a [Arc<Chunk>]);

impl<'a> All<'a> {
    /// Each person, in order.
    pub fn iter(self) -> impl Iterator<Item = PersonState> + 'a {
        self.0.iter().flat_map(|chunk| chunk.iter())
    }

    /// All that is known of anybody, far fewer than people: once for many who are alike, and without their ids.
    pub fn alike(self) -> impl Iterator<Item = &'a PersonState> {
        self.0.iter().flat_map(|chunk| chunk.alike())
    }

    /// How many they are.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.split_last().map_or(0, |(last, full)| full.len() * Chunk::MOST + last.len())
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// A person who may be changed; what became of them is kept when this goes.
pub struct Changing<'a> {
    chunk: &'a mut Arc<Chunk>,
    within: usize,
    person: PersonState,
}

impl Deref for Changing<'_> {
    type Target = PersonState;

    fn deref(&self) -> &PersonState {
        &self.person
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut PersonState {
        &mut self.person
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        if self.chunk.at(self.within) != Some(self.person) {
            Arc::make_mut(self.chunk).put(self.within, self.person);
        }
    }
}

impl People {
    /// Everybody.
    #[must_use]
    pub fn all(&self) -> All<'_> {
        All(&self.chunks)
    }

    /// Changes each of them, in order.
    pub fn change_all(&mut self, mut change: impl FnMut(&mut PersonState)) {
        for chunk in &mut self.chunks {
            for within in 0..chunk.len() {
                if let Some(person) = chunk.at(within) {
                    change(&mut Changing { chunk, within, person });
                }
            }
        }
    }

    /// The person at a place.
    #[must_use]
    pub fn at(&self, ix: PersonIx) -> Option<PersonState> {
        let (chunk, within) = split(ix);
        self.chunks.get(chunk)?.at(within)
    }

    /// The place of the person with an id.
    #[must_use]
    pub fn place(&self, id: ObjectId) -> Option<PersonIx> {
        self.places.find(id, |ix| id_at(&self.chunks, ix))
    }

    /// The person with an id.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<PersonState> {
        self.at(self.place(id)?)
    }

    /// The person with an id, to be changed.
    pub fn get_mut(&mut self, id: ObjectId) -> Option<Changing<'_>> {
        let (chunk, within) = split(self.place(id)?);
        let chunk = self.chunks.get_mut(chunk)?;
        let person = chunk.at(within)?;
        Some(Changing { chunk, within, person })
    }

    /// Nobody yet, with room for so many.
    #[must_use]
    pub fn with_room(people: usize) -> Self {
        Self { chunks: Vec::with_capacity(people.div_ceil(Chunk::MOST)), places: Arc::new(Places::with_room(people)) }
    }

    /// Adds a person, or moves a known one to another home; the place.
    pub fn settle_in(&mut self, id: ObjectId, home: Home) -> PersonIx {
        if let Some(ix) = self.place(id) {
            if let Some(mut person) = self.get_mut(id) {
                person.move_to(home);
            }
            return ix;
        }
        self.push(PersonState::new(id, home))
    }

    /// Adds a person as they were kept; the place. Somebody who is there already stays as they are.
    pub fn push(&mut self, person: PersonState) -> PersonIx {
        let next = PersonIx::try_from(self.all().len()).unwrap_or(PersonIx::MAX);
        let ix = Arc::make_mut(&mut self.places).enter(person.id, next, |ix| id_at(&self.chunks, ix));
        if ix != next {
            return ix;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.is_full()) {
            self.chunks.push(Arc::new(Chunk::with_room()));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            Arc::make_mut(chunk).push(person);
        }
        ix
    }
}

const fn split(ix: PersonIx) -> (usize, usize) {
    (ix as usize / Chunk::MOST, ix as usize % Chunk::MOST)
}

fn id_at(chunks: &[Arc<Chunk>], ix: PersonIx) -> Option<ObjectId> {
    let (chunk, within) = split(ix);
    chunks.get(chunk)?.id(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_somebody_keeps_does_not_change() {
        let id = |n: u128| ObjectId::from_bits(n * 0x9E37_79B9_7F4A_7C15);
        let mut people = People::default();
        for n in 0..1_000 {
            assert_eq!(u128::from(people.settle_in(id(n), Home::Stage(0))), n);
        }
        let kept = people.clone();
        for n in 0..1_000 {
            assert_eq!(u128::from(people.settle_in(id(n), Home::Tail)), n, "a place is given once");
        }
        people.settle_in(id(1_000), Home::Tail);
        assert_eq!((kept.all().len(), people.all().len()), (1_000, 1_001));
        assert!(kept.all().iter().all(|person| person.home() == Home::Stage(0)));
        assert!(people.all().iter().all(|person| person.home() == Home::Tail));
        assert_eq!((kept.place(id(1_000)), people.place(id(1_000))), (None, Some(1_000)));
        assert_eq!(people.get(id(300)), people.at(300));
    }
}
