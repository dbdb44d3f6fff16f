//! Everybody whom the journal knows, in the order in which they came, found by object id.
//!
//! Kept in chunks that are shared with whoever looks at a moment of the state, such as the checkpoint: a chunk is copied when it
//! changes while somebody still looks at it. Invariant: a place is given once and never changes hands.

use std::sync::Arc;

use super::id::ObjectId;
use super::person::{Home, PersonIx, PersonState};
use super::places::Places;

/// People in one chunk.
const CHUNK: usize = 128;

type Chunk = Arc<Vec<PersonState>>;

/// Everybody.
#[derive(Clone, Debug, Default)]
pub struct People {
    chunks: Vec<Chunk>,
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
pub struct All<'a>(&'a [Chunk]);

impl<'a> All<'a> {
    /// Each person, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a PersonState> {
        self.0.iter().flat_map(|chunk| chunk.iter())
    }

    /// How many they are.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.split_last().map_or(0, |(last, full)| full.len() * CHUNK + last.len())
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl People {
    /// Everybody.
    #[must_use]
    pub fn all(&self) -> All<'_> {
        All(&self.chunks)
    }

    /// Everybody, to be changed.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut PersonState> {
        self.chunks.iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut())
    }

    /// The person at a place.
    #[must_use]
    pub fn at(&self, ix: PersonIx) -> Option<&PersonState> {
        at(&self.chunks, ix)
    }

    /// The place of the person with an id.
    #[must_use]
    pub fn place(&self, id: ObjectId) -> Option<PersonIx> {
        self.places.find(id, |ix| at(&self.chunks, ix).map(|person| person.id))
    }

    /// The person with an id.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<&PersonState> {
        self.at(self.place(id)?)
    }

    /// The person with an id, to be changed.
    pub fn get_mut(&mut self, id: ObjectId) -> Option<&mut PersonState> {
        let (chunk, within) = split(self.place(id)?);
        Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(within)
    }

    /// Nobody yet, with room for so many.
    #[must_use]
    pub fn with_room(people: usize) -> Self {
        Self { chunks: Vec::with_capacity(people.div_ceil(CHUNK)), places: Arc::new(Places::with_room(people)) }
    }

    /// Adds a person, or moves a known one to another home; the place.
    pub fn settle_in(&mut self, id: ObjectId, home: Home) -> PersonIx {
        if let Some(ix) = self.place(id) {
            if let Some(person) = self.get_mut(id) {
                person.move_to(home);
            }
            return ix;
        }
        self.push(PersonState::new(id, home))
    }

    /// Adds a person as they were kept; the place. Somebody who is there already stays as they are.
    pub fn push(&mut self, person: PersonState) -> PersonIx {
        if let Some(ix) = self.place(person.id) {
            return ix;
        }
        let ix = PersonIx::try_from(self.all().len()).unwrap_or(PersonIx::MAX);
        if let Some(chunk) = self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Arc::make_mut(chunk).push(person);
        } else {
            let mut chunk = Vec::with_capacity(CHUNK);
            chunk.push(person);
            self.chunks.push(Arc::new(chunk));
        }
        Arc::make_mut(&mut self.places).insert(person.id, ix, |ix| at(&self.chunks, ix).map(|person| person.id));
        ix
    }
}

const fn split(ix: PersonIx) -> (usize, usize) {
    (ix as usize / CHUNK, ix as usize % CHUNK)
}

fn at(chunks: &[Chunk], ix: PersonIx) -> Option<&PersonState> {
    let (chunk, within) = split(ix);
    chunks.get(chunk)?.get(within)
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
