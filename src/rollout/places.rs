//! Finds the place of an object id in an array: four bytes for each slot, the ids stay where they are.
//!
//! Does not hold ids. The bits of a slot that no place needs hold some of the id's hash, so that hardly another's id is ever looked at.
//! Invariant: a place is found by the id that the caller's array has at it; places are never taken out.

use super::id::ObjectId;

/// Places by object id: open addressing, at most four fifths full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    slots: Vec<u32>,
    used: usize,
}

/// What a slot without a place holds; an array never gets this long.
const FREE: u32 = u32::MAX;

/// Where an id is looked for first, and what its slot holds beside the place.
#[derive(Clone, Copy)]
struct Hashed {
    slot: usize,
    tag: u32,
}

impl Places {
    /// None yet, with room for so many.
    pub(super) fn with_room(places: usize) -> Self {
        Self { slots: vec![FREE; places + places / 4 + 1], used: 0 }
    }

    /// The place of an id. `at` says which id stands at a place.
    pub(super) fn find(&self, id: ObjectId, at: impl Fn(u32) -> Option<ObjectId>) -> Option<u32> {
        let Hashed { mut slot, tag } = self.hashed(id);
        let places = self.place_bits();
        loop {
            match self.slots.get(slot).copied() {
                None | Some(FREE) => return None,
                Some(held) if held & !places == tag && at(held & places) == Some(id) => return Some(held & places),
                Some(_) => slot = self.after(slot),
            }
        }
    }

    /// The place of an id; `next`, the one after the last, when it has none yet.
    pub(super) fn enter(&mut self, id: ObjectId, next: u32, at: impl Fn(u32) -> Option<ObjectId>) -> u32 {
        if (self.used + 1) * 5 > self.slots.len() * 4 {
            self.grow(&at);
        }
        let Hashed { mut slot, tag } = self.hashed(id);
        let places = self.place_bits();
        loop {
            match self.slots.get_mut(slot) {
                None => return next,
                Some(free) if *free == FREE => {
                    *free = tag | next;
                    self.used += 1;
                    return next;
                }
                Some(held) if *held & !places == tag && at(*held & places) == Some(id) => return *held & places,
                Some(_) => slot = self.after(slot),
            }
        }
    }

    fn grow(&mut self, at: &impl Fn(u32) -> Option<ObjectId>) {
        let size = self.slots.len() * 3 / 2 + 16;
        // Where which id stands is asked of the array, so the old slots need not stay meanwhile.
        self.slots = Vec::new();
        self.slots.resize(size, FREE);
        for (place, _) in (0_u32..).zip(0..self.used) {
            if let Some(id) = at(place) {
                self.put(id, place);
            }
        }
    }

    fn put(&mut self, id: ObjectId, place: u32) {
        let Hashed { mut slot, tag } = self.hashed(id);
        while self.slots.get(slot).is_some_and(|held| *held != FREE) {
            slot = self.after(slot);
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = tag | place;
        }
    }

    /// The bits that places need. There are more slots than places, so none of these has all of them.
    fn place_bits(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX).checked_next_power_of_two().map_or(u32::MAX, |size| size - 1)
    }

    /// Object ids are random numbers mostly; the multiplication spreads those that are not.
    fn hashed(&self, id: ObjectId) -> Hashed {
        let [high, low] = [id.bits() >> 64, id.bits() & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(0));
        let spread = (high ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slot = usize::try_from((u128::from(spread) * self.slots.len() as u128) >> 64).unwrap_or(0);
        // The upper bits choose the slot, the middle ones are left.
        let tag = u32::try_from(spread >> 8 & u64::from(u32::MAX)).unwrap_or(0) & !self.place_bits();
        Hashed { slot, tag }
    }

    const fn after(&self, slot: usize) -> usize {
        if slot + 1 < self.slots.len() { slot + 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_is_found_at_its_place_and_no_other_id(ids in proptest::collection::hash_set(any::<u128>(), 0..600), others in proptest::collection::vec(any::<u128>(), 0..20)) {
            let ids: Vec<_> = ids.into_iter().map(ObjectId::from_bits).collect();
            let at = |place: u32| ids.get(place as usize).copied();
            let mut places = Places::default();
            for (place, id) in (0_u32..).zip(&ids) {
                prop_assert_eq!(places.find(*id, at), None);
                prop_assert_eq!(places.enter(*id, place, at), place);
            }
            for (place, id) in (0_u32..).zip(&ids) {
                prop_assert_eq!(places.find(*id, at), Some(place));
                prop_assert_eq!(places.enter(*id, u32::MAX, at), place);
            }
            for other in others.into_iter().map(ObjectId::from_bits).filter(|other| !ids.contains(other)) {
                prop_assert_eq!(places.find(other, at), None);
            }
        }
    }

    #[test]
    fn ids_that_count_up_do_not_crowd() {
        let ids: Vec<_> = (0..100_000).map(ObjectId::from_bits).collect();
        let asked = std::cell::Cell::new(0_usize);
        let at = |place: u32| {
            asked.set(asked.get() + 1);
            ids.get(place as usize).copied()
        };
        let mut places = Places::default();
        for (place, id) in (0_u32..).zip(&ids) {
            places.enter(*id, place, at);
        }
        asked.set(0);
        assert!(ids.iter().all(|id| places.find(*id, at).is_some()));
        assert!(asked.get() < 400_000, "{} looks for 100,000 people", asked.get());
    }
}
