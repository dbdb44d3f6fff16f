//! The roll: every object id that was ever read of the tenant, each at a place of its own. Readings say by place what they know, so
//! that a reading of a million people takes bits or bytes, and a new one does not double what is kept.
//!
//! Shared by those who read and those who decide. Invariant: a place is given once and never changes hands; only the name at it may.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::id::{NameKey, ObjectId};
use super::places::Places;

/// Ids in the order in which they were first seen.
#[derive(Debug, Default)]
pub struct Roll(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: Vec<ObjectId>,
    names: Vec<NameKey>,
    places: Places,
}

impl Known {
    fn at(&self, place: u32) -> Option<ObjectId> {
        self.ids.get(place as usize).copied()
    }

    fn find(&self, id: ObjectId) -> Option<u32> {
        self.places.find(id, |place| self.at(place))
    }
}

impl Roll {
    /// Nobody yet, with room for so many.
    #[must_use]
    pub fn with_room(ids: usize) -> Self {
        let known = Known { ids: Vec::with_capacity(ids), names: Vec::with_capacity(ids), places: Places::with_room(ids) };
        Self(RwLock::new(known))
    }

    /// Adds an id and a name as they were kept, while nobody else has the roll; whether the id is new.
    pub fn push(&mut self, id: ObjectId, name: NameKey) -> bool {
        let Known { ids, names, places } = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        if places.enter(id, next, |place| ids.get(place as usize).copied()) != next {
            return false;
        }
        ids.push(id);
        names.push(name);
        true
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of an id, when it was ever seen.
    #[must_use]
    pub fn find(&self, id: ObjectId) -> Option<u32> {
        self.read().find(id)
    }

    /// The place of an id, from now on.
    pub fn enter(&self, id: ObjectId) -> u32 {
        if let Some(place) = self.find(id) {
            return place;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Known { ids, names, places } = &mut *known;
        let next = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let place = places.enter(id, next, |place| ids.get(place as usize).copied());
        if place == next {
            ids.push(id);
            names.push(NameKey::default());
        }
        place
    }

    /// The place of an id from now on, with the name that the person has now.
    pub fn enter_named(&self, id: ObjectId, name: NameKey) -> u32 {
        let place = self.enter(id);
        if self.name(place) != name {
            self.rename(place, name);
        }
        place
    }

    /// The id at a place.
    #[must_use]
    pub fn at(&self, place: u32) -> Option<ObjectId> {
        self.read().at(place)
    }

    /// The name of the person at a place; of whom none is known, one that nobody has.
    #[must_use]
    pub fn name(&self, place: u32) -> NameKey {
        self.read().names.get(place as usize).copied().unwrap_or_default()
    }

    fn rename(&self, place: u32, name: NameKey) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known.names.get_mut(place as usize) {
            *at = name;
        }
    }

    /// The person who has a name.
    #[must_use]
    pub fn named(&self, name: NameKey) -> Option<ObjectId> {
        let known = self.read();
        let place = known.names.iter().position(|known| *known == name && name != NameKey::default())?;
        known.ids.get(place).copied()
    }

    /// Forgets the names of those whom a reading of everybody does not show; others may have got them.
    pub fn forget_names(&self, is_there: impl Fn(u32) -> bool) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (place, name) in (0_u32..).zip(&mut known.names) {
            if !is_there(place) {
                *name = NameKey::default();
            }
        }
    }

    /// How many ids are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().ids.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Some of the ids of a roll: one bit each.
#[derive(Clone, Debug, Default)]
pub struct IdSet {
    roll: Arc<Roll>,
    bits: Vec<u64>,
    len: usize,
}

impl IdSet {
    /// None of a roll.
    #[must_use]
    pub const fn new(roll: Arc<Roll>) -> Self {
        Self { roll, bits: Vec::new(), len: 0 }
    }

    /// Whether an id is among them.
    #[must_use]
    pub fn contains(&self, id: ObjectId) -> bool {
        self.roll.find(id).is_some_and(|place| self.holds(place))
    }

    /// The roll over which it lies.
    #[must_use]
    pub const fn roll(&self) -> &Arc<Roll> {
        &self.roll
    }

    /// One bit for each place.
    #[must_use]
    pub fn bits(&self) -> &[u64] {
        &self.bits
    }

    /// The ids whose places have a bit.
    #[must_use]
    pub fn of_bits(roll: Arc<Roll>, bits: Vec<u64>) -> Self {
        let len = bits.iter().map(|word| word.count_ones() as usize).sum();
        Self { roll, bits, len }
    }

    fn holds(&self, place: u32) -> bool {
        self.bits.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Adds an id; whether it is new.
    pub fn insert(&mut self, id: ObjectId) -> bool {
        let place = self.roll.enter(id);
        let word = place as usize / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let new = !self.holds(place);
        if let Some(word) = self.bits.get_mut(word).filter(|_| new) {
            *word |= 1 << (place % 64);
            self.len += 1;
        }
        new
    }

    /// Takes an id out; whether it was there.
    pub fn remove(&mut self, id: ObjectId) -> bool {
        let Some(place) = self.roll.find(id).filter(|place| self.holds(*place)) else { return false };
        if let Some(word) = self.bits.get_mut(place as usize / 64) {
            *word &= !(1 << (place % 64));
            self.len -= 1;
        }
        true
    }

    /// How many they are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Each of them, in the order of the roll.
    pub fn iter(&self) -> impl Iterator<Item = ObjectId> {
        let places = (0_u32..).zip(&self.bits).filter(|(_, word)| **word != 0);
        places.flat_map(|(n, _)| n * 64..n * 64 + 64).filter(|place| self.holds(*place)).filter_map(|place| self.roll.at(place))
    }

    /// Each of them, ascending.
    #[must_use]
    pub fn ascending(&self) -> Vec<ObjectId> {
        let mut ids = Vec::with_capacity(self.len);
        ids.extend(self.iter());
        ids.sort_unstable();
        ids
    }
}

impl FromIterator<ObjectId> for IdSet {
    fn from_iter<I: IntoIterator<Item = ObjectId>>(ids: I) -> Self {
        let mut set = Self::default();
        set.extend(ids);
        set
    }
}

impl Extend<ObjectId> for IdSet {
    fn extend<I: IntoIterator<Item = ObjectId>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id);
        }
    }
}

impl PartialEq for IdSet {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().all(|id| other.contains(id))
    }
}

impl Eq for IdSet {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_of_a_roll_is_a_set(deeds in proptest::collection::vec((any::<bool>(), 0_u128..300), 0..400)) {
            let roll = Arc::<Roll>::default();
            let mut other = IdSet::new(Arc::clone(&roll));
            let (mut set, mut model) = (IdSet::new(roll), BTreeSet::new());
            for (adds, n) in deeds {
                let id = ObjectId::from_bits(n * 0x9E37_79B9);
                other.insert(id);
                if adds {
                    prop_assert_eq!(set.insert(id), model.insert(id));
                } else {
                    prop_assert_eq!(set.remove(id), model.remove(&id));
                }
                prop_assert_eq!(set.contains(id), model.contains(&id));
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert_eq!(set.ascending(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(&set, &model.into_iter().collect::<IdSet>());
        }
    }

    #[test]
    fn a_name_belongs_to_whom_the_last_reading_showed() {
        let name = |text| super::super::id::NameHash::new("t", text).key();
        let id = ObjectId::from_bits;
        let roll = Roll::default();
        let (first, second) = (roll.enter_named(id(1), name("a@x")), roll.enter_named(id(2), name("b@x")));
        assert_eq!(roll.named(name("b@x")), Some(id(2)));
        assert_eq!(roll.enter_named(id(1), name("c@x")), first);
        assert_eq!((roll.named(name("a@x")), roll.named(name("c@x"))), (None, Some(id(1))));
        roll.forget_names(|place| place == second);
        assert_eq!((roll.named(name("c@x")), roll.named(name("b@x"))), (None, Some(id(2))));
        assert_eq!(roll.named(NameKey::default()), None);
        assert_eq!(roll.len(), 2);
    }
}
