//! What the journal knows of one person. There may be a million of them, so it is packed.

use jiff::Timestamp;
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::event::Slot;
pub use super::everybody::{All, Changing, People};
use super::id::ObjectId;
use super::observed::PerUser;
use super::stamp::Stamp;

mod slots;

pub use slots::MOST_REMINDERS;
use slots::{EXEMPT, WITHDRAWN, slot_bit};

/// The place of a person in [`People`].
pub type PersonIx = u32;

/// Which group of people a person belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// The stage with this place in the plan's order.
    Stage(u16),
    /// The tail.
    Tail,
}

/// How far the enforcement of a person has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforced {
    /// Not begun.
    No,
    /// An intent is on disk; its outcome is not.
    Intended(u64),
    /// The outcome is unknown; reading back settles it.
    Unknown(u64),
    /// The tenant took the write, at this instant.
    Accepted(Timestamp),
    /// Two agreeing reads showed it, at this instant.
    Verified(Timestamp),
    /// The tenant refused, at this instant.
    Refused(Timestamp),
    /// The account does not exist any more; known since this instant.
    Gone(Timestamp),
    /// An intent to release is on disk and its outcome is not known.
    Releasing(u64),
    /// The tenant refused to release them, at this instant; MFA is still required of them.
    Kept(Timestamp),
    /// Released, at this instant.
    Released(Timestamp),
}

/// [`Enforced`] without its number; the numbers here are what checkpoints hold, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    No = 0,
    Intended = 1,
    Unknown = 2,
    Accepted = 3,
    Verified = 4,
    Refused = 5,
    Gone = 6,
    Releasing = 7,
    Kept = 8,
    Released = 9,
}

const STANDS: [Stand; 10] = [
    Stand::No,
    Stand::Intended,
    Stand::Unknown,
    Stand::Accepted,
    Stand::Verified,
    Stand::Refused,
    Stand::Gone,
    Stand::Releasing,
    Stand::Kept,
    Stand::Released,
];

/// One person of a roster or of the tail, in 52 bytes; instants in whole seconds, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonState {
    /// Object id.
    pub id: ObjectId,
    first_told: Stamp,
    promise: Stamp,
    promise_told: Stamp,
    tail_told: Stamp,
    refused_at: Stamp,
    /// When it came so far; of an intent its number, as far as that fits (the batches know it exactly).
    enforced_at: Stamp,
    enforced_since: Stamp,
    /// Stage or tail.
    home: u16,
    /// Slots that are used up: bit 0 the announcement, bit n the n-th reminder.
    slots: u16,
    refused_times: u8,
    /// Ambiguous sends in a row that named `promise`.
    pub doubts: u8,
    stand: Stand,
    /// [`Marks`] in one byte: removed by hand, ours, in three bits what became of the own state, and whether a letter was handed over.
    marks: u8,
}

/// What is marked at a person beside where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Somebody else took the person out of the group after we had put them in.
    pub removed_by_hand: bool,
    /// Whether it was our write by which MFA is required of the person.
    pub ours: bool,
    /// Whether the date in force was told by a letter that was handed over: no mail reaches the person.
    pub handed: bool,
    /// What became of the person's own MFA state where people move on from it.
    pub retired: Retired,
}

/// What became of a person's own MFA state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retired {
    /// Nothing.
    #[default]
    No,
    /// It was this; whether it is disabled now is not known.
    Intended(PerUser),
    /// It was this, and is disabled now by us.
    Done(PerUser),
}

impl Retired {
    /// The before-image.
    #[must_use]
    pub const fn before(self) -> Option<PerUser> {
        match self {
            Self::No => None,
            Self::Intended(before) | Self::Done(before) => Some(before),
        }
    }

    /// Every value; its place is what checkpoints hold, and never changes.
    const ALL: [Self; 7] = [
        Self::No,
        Self::Intended(PerUser::Disabled),
        Self::Intended(PerUser::Enabled),
        Self::Intended(PerUser::Enforced),
        Self::Done(PerUser::Disabled),
        Self::Done(PerUser::Enabled),
        Self::Done(PerUser::Enforced),
    ];

    fn number(self) -> u8 {
        (0..).zip(Self::ALL).find(|(_, known)| *known == self).map_or(0, |(number, _)| number)
    }
}

/// Where [`Marks`] stand in their byte: three bits from the third one on, and the sixth.
const RETIRED: u8 = 0b111;
const HANDED: u8 = 1 << 5;

/// Bytes of a [`PersonState::row`].
pub const ROW: usize = 52;

/// The tail among the numbers of homes; a plan has far fewer stages.
const TAIL: u16 = u16::MAX;

impl PersonState {
    pub(super) fn new(id: ObjectId, home: Home) -> Self {
        let mut person = Self {
            id,
            first_told: Stamp::NONE,
            promise: Stamp::NONE,
            promise_told: Stamp::NONE,
            tail_told: Stamp::NONE,
            refused_at: Stamp::NONE,
            enforced_at: Stamp::NONE,
            enforced_since: Stamp::NONE,
            home: TAIL,
            slots: 0,
            refused_times: 0,
            doubts: 0,
            stand: Stand::No,
            marks: 0,
        };
        person.move_to(home);
        person
    }

    /// The same of somebody else.
    pub(super) const fn of(self, id: ObjectId) -> Self {
        Self { id, ..self }
    }

    /// The person in bytes that mean the same everywhere.
    #[must_use]
    pub fn row(&self) -> [u8; ROW] {
        let [home, slots] = [self.home, self.slots].map(u16::to_be_bytes);
        let mut row = [0; ROW];
        let bytes = self.id.bits().to_be_bytes().into_iter().chain(self.stamps().into_iter().flat_map(Stamp::bytes));
        let small = [self.refused_times, self.doubts, self.stand as u8, self.marks];
        let bytes = bytes.chain(home).chain(slots).chain(small);
        row.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        row
    }

    /// The person of a row; none when it is not one.
    #[must_use]
    pub fn of_row(row: &[u8; ROW]) -> Option<Self> {
        let (id, rest) = row.split_first_chunk::<16>()?;
        let mut person = Self::new(ObjectId::from_bits(u128::from_be_bytes(*id)), Home::Tail);
        let (stamps, rest) = rest.split_first_chunk::<28>()?;
        for (stamp, bytes) in person.stamps_mut().into_iter().zip(stamps.as_chunks::<4>().0) {
            *stamp = Stamp::of_bytes(*bytes);
        }
        let [home, home_low, slots, slots_low, refused_times, doubts, stand, marks] = *rest else { return None };
        person.home = u16::from_be_bytes([home, home_low]);
        person.slots = u16::from_be_bytes([slots, slots_low]);
        (person.refused_times, person.doubts) = (refused_times, doubts);
        person.stand = STANDS.into_iter().find(|known| *known as u8 == stand)?;
        person.marks = marks;
        let known = marks >> 6 == 0 && usize::from(marks >> 2 & RETIRED) < Retired::ALL.len();
        known.then_some(person)
    }

    /// What is marked.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let retired = Retired::ALL.get(usize::from(self.marks >> 2 & RETIRED)).copied().unwrap_or_default();
        Marks { removed_by_hand: self.marks & 1 == 1, ours: self.marks & 2 == 2, handed: self.marks & HANDED == HANDED, retired }
    }

    /// Changes what is marked.
    pub fn change(&mut self, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.marks();
        change(&mut marks);
        let handed = if marks.handed { HANDED } else { 0 };
        self.marks = u8::from(marks.removed_by_hand) | u8::from(marks.ours) << 1 | marks.retired.number() << 2 | handed;
    }

    const fn stamps(&self) -> [Stamp; 7] {
        [self.first_told, self.promise, self.promise_told, self.tail_told, self.refused_at, self.enforced_at, self.enforced_since]
    }

    const fn stamps_mut(&mut self) -> [&mut Stamp; 7] {
        [
            &mut self.first_told,
            &mut self.promise,
            &mut self.promise_told,
            &mut self.tail_told,
            &mut self.refused_at,
            &mut self.enforced_at,
            &mut self.enforced_since,
        ]
    }

    /// Stage or tail.
    #[must_use]
    pub const fn home(&self) -> Home {
        if self.home == TAIL { Home::Tail } else { Home::Stage(self.home) }
    }

    /// Moves the person to another stage, or to the tail.
    pub const fn move_to(&mut self, home: Home) {
        self.home = match home {
            Home::Stage(ix) => ix,
            Home::Tail => TAIL,
        };
    }

    /// When the first notice was accepted by the mail service.
    #[must_use]
    pub fn first_told(&self) -> Option<Timestamp> {
        self.first_told.get()
    }

    /// The latest instant ever told, by an accepted or an ambiguous send. It only moves later.
    #[must_use]
    pub fn promise(&self) -> Option<Timestamp> {
        self.promise.get()
    }

    /// Whether `promise` is this instant.
    #[must_use]
    pub fn is_promised(&self, instant: Timestamp) -> bool {
        self.promise == Stamp::of(instant)
    }

    /// When an accepted notice first named `promise`.
    #[must_use]
    pub fn promise_told(&self) -> Option<Timestamp> {
        self.promise_told.get()
    }

    /// When the tail's own notice was accepted; none again when the date that it named passed while something protected the person.
    #[must_use]
    pub fn tail_told(&self) -> Option<Timestamp> {
        self.tail_told.get()
    }

    /// When the mail service last refused the person's address, and how often in a row.
    #[must_use]
    pub fn refused(&self) -> Option<(Timestamp, u8)> {
        self.refused_at.get().map(|at| (at, self.refused_times))
    }

    /// How far the enforcement has come.
    #[must_use]
    pub fn enforced(&self) -> Enforced {
        match self.stand {
            Stand::No => Enforced::No,
            Stand::Intended => Enforced::Intended(self.enforced_at.number()),
            Stand::Unknown => Enforced::Unknown(self.enforced_at.number()),
            Stand::Accepted => Enforced::Accepted(self.enforced_at.instant()),
            Stand::Verified => Enforced::Verified(self.enforced_at.instant()),
            Stand::Refused => Enforced::Refused(self.enforced_at.instant()),
            Stand::Gone => Enforced::Gone(self.enforced_at.instant()),
            Stand::Releasing => Enforced::Releasing(self.enforced_at.number()),
            Stand::Kept => Enforced::Kept(self.enforced_at.instant()),
            Stand::Released => Enforced::Released(self.enforced_at.instant()),
        }
    }

    /// When the write that holds was accepted; being read back does not move it.
    #[must_use]
    pub fn enforced_since(&self) -> Option<Timestamp> {
        self.enforced_since.get()
    }

    /// Takes in a send that the mail service accepted at `at`.
    pub fn told(&mut self, at: Timestamp, slot: Slot, instant: Timestamp) {
        let named = Stamp::of(instant);
        self.first_told.get_or_insert(at);
        if slot.names_a_date() {
            if self.home() == Home::Tail {
                self.tail_told.get_or_insert(at);
            }
            self.slots &= !WITHDRAWN;
        }
        if self.promise < named || self.promise == named && self.promise_told.get().is_none() {
            (self.promise, self.promise_told) = (named, Stamp::of(at));
            self.change(|marks| marks.handed = false); // a letter with this date would have counted
        }
        if matches!(slot, Slot::Correction | Slot::Deferred) {
            self.forget_reminders(); // they count anew from the new date
        }
        self.use_slot(slot);
        self.doubts = 0;
        self.refused_at = Stamp::NONE;
    }

    /// Takes in a letter that was handed over at `at`.
    pub fn handed(&mut self, at: Timestamp, slot: Slot, instant: Timestamp) {
        self.told(at, slot, instant);
        self.change(|marks| marks.handed = true);
    }

    /// Takes in a send of which nobody knows whether it arrived: it raises the promise and satisfies nothing.
    pub fn perhaps_told(&mut self, slot: Slot, instant: Timestamp) {
        let named = Stamp::of(instant);
        if self.promise < named {
            self.promise = named;
            self.promise_told = Stamp::NONE;
            // A new date of a stage is a new notice; the tail's date moves on with every try.
            if self.home() != Home::Tail {
                self.doubts = 0;
            }
        }
        if slot.is_sent_once() {
            self.use_slot(slot);
        } else {
            self.doubts = self.doubts.saturating_add(1);
        }
    }

    /// Takes in that the mail service refused the person's address.
    pub fn refuse(&mut self, at: Timestamp, slot: Slot) {
        self.refused_times = self.refused().map_or(0, |(_, times)| times).saturating_add(1);
        self.refused_at = Stamp::of(at);
        self.use_slot(slot);
    }

    /// Takes in that an accepted notice came back. Which one is not asked: from now on none counts as accepted.
    pub fn bounce(&mut self, at: Timestamp) {
        (self.first_told, self.promise_told, self.tail_told) = (Stamp::NONE, Stamp::NONE, Stamp::NONE);
        self.slots &= WITHDRAWN;
        self.change(|marks| marks.handed = false);
        self.refuse(at, Slot::Correction);
    }

    /// The stage has a new date: whether notices of the old one arrived counts no more.
    pub fn begin_again(&mut self) {
        self.doubts = 0;
        self.refused_at = Stamp::NONE;
        if self.stand == Stand::Released {
            self.mark(Enforced::No);
        }
    }

    /// From now on the person waits for a date of the tail. An account that is back after a deletion starts anew.
    pub fn begin_tail(&mut self) {
        self.doubts = 0;
        self.tail_told = Stamp::NONE;
        self.change(|marks| marks.handed = false);
        self.forget_reminders();
        if self.stand == Stand::Gone {
            self.mark(Enforced::No);
            self.change(|marks| marks.ours = false);
        }
    }

    /// The person asked for it at `at`: the one exception from a promise that only moves later.
    pub fn volunteer(&mut self, at: Timestamp) {
        (self.promise, self.promise_told) = (Stamp::of(at), Stamp::NONE);
    }

    /// The note on an exemption is sent again.
    pub const fn begin_exemption(&mut self) {
        self.slots &= !EXEMPT;
    }

    const fn forget_reminders(&mut self) {
        self.slots &= 1 | WITHDRAWN;
    }

    /// Whether the slot is used up.
    #[must_use]
    pub fn has_used(&self, slot: Slot) -> bool {
        slot_bit(slot).is_some_and(|bit| self.slots & bit != 0)
    }

    /// Uses up a slot.
    pub fn use_slot(&mut self, slot: Slot) {
        self.slots |= slot_bit(slot).unwrap_or(0);
    }

    /// Whether MFA is required of the person by us, as far as an accepted write tells.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        matches!(self.stand, Stand::Accepted | Stand::Verified | Stand::Kept)
    }

    /// Whether a rollback has something to undo: our own write, as far as it is known to stand.
    #[must_use]
    pub fn is_to_be_released(&self) -> bool {
        let marks = self.marks();
        marks.ours && self.is_enforced() && !marks.removed_by_hand
    }

    /// Takes in how far the enforcement has come.
    pub fn mark(&mut self, enforced: Enforced) {
        (self.stand, self.enforced_at) = match enforced {
            Enforced::No => (Stand::No, Stamp::NONE),
            Enforced::Intended(seq) => (Stand::Intended, Stamp::of_number(seq)),
            Enforced::Unknown(seq) => (Stand::Unknown, Stamp::of_number(seq)),
            Enforced::Accepted(at) => (Stand::Accepted, Stamp::of(at)),
            Enforced::Verified(at) => (Stand::Verified, Stamp::of(at)),
            Enforced::Refused(at) => (Stand::Refused, Stamp::of(at)),
            Enforced::Gone(at) => (Stand::Gone, Stamp::of(at)),
            Enforced::Releasing(seq) => (Stand::Releasing, Stamp::of_number(seq)),
            Enforced::Kept(at) => (Stand::Kept, Stamp::of(at)),
            Enforced::Released(at) => (Stand::Released, Stamp::of(at)),
        };
        match enforced {
            Enforced::Accepted(at) | Enforced::Verified(at) => self.enforced_since.get_or_insert(at),
            Enforced::Releasing(_) | Enforced::Kept(_) => {}
            Enforced::Released(_) => {
                self.enforced_since = Stamp::NONE;
                self.change(|marks| (marks.ours, marks.retired) = (false, Retired::No));
            }
            _ => self.enforced_since = Stamp::NONE,
        }
    }

    /// Takes in that a release came to nothing: MFA is required of the person as before.
    pub fn not_released(&mut self, at: Timestamp) {
        (self.stand, self.enforced_at) = (Stand::Accepted, Stamp::of(self.enforced_since().unwrap_or(at)));
    }

    /// Whether they are still to be enforced, and nothing is under way.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.enforced(), Enforced::No | Enforced::Refused(_))
    }

    /// Whether nothing more is to be done for the person in their stage.
    #[must_use]
    pub const fn is_processed(&self) -> bool {
        matches!(self.stand, Stand::Accepted | Stand::Verified | Stand::Gone)
    }
}

/// As readers see it.
impl Serialize for PersonState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut person = serializer.serialize_struct("PersonState", 12)?;
        person.serialize_field("id", &self.id)?;
        person.serialize_field("home", &self.home())?;
        person.serialize_field("first_told", &self.first_told())?;
        person.serialize_field("promise", &self.promise())?;
        person.serialize_field("promise_told", &self.promise_told())?;
        person.serialize_field("tail_told", &self.tail_told())?;
        person.serialize_field("slots", &self.slots)?;
        person.serialize_field("doubts", &self.doubts)?;
        person.serialize_field("refused", &self.refused())?;
        person.serialize_field("enforced", &self.enforced())?;
        person.serialize_field("enforced_since", &self.enforced_since())?;
        person.serialize_field("removed_by_hand", &self.marks().removed_by_hand)?;
        person.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One send: accepted or ambiguous, its slot, and the instant it names in days.
    fn send() -> impl Strategy<Value = (bool, u8, i64)> {
        (any::<bool>(), 0_u8..4, 0_i64..40)
    }

    proptest! {
        #[test]
        fn a_promise_only_moves_later_and_only_an_accepted_send_counts(sends in proptest::collection::vec(send(), 0..12)) {
            let day = |n: i64| Timestamp::from_second(1_800_000_000 + n * 86_400).unwrap();
            let mut person = PersonState::new(ObjectId::from_bits(1), Home::Stage(0));
            let mut latest = None;
            let mut first = None;
            for (n, (accepted, slot, instant)) in (0..).zip(sends) {
                let at = day(n);
                let slot = match slot { 0 => Slot::Announcement, 3 => Slot::Correction, n => Slot::Reminder(n) };
                if accepted {
                    person.told(at, slot, day(instant));
                    first = first.or(Some(at));
                } else {
                    person.perhaps_told(slot, day(instant));
                }
                latest = latest.max(Some(day(instant)));
                prop_assert_eq!(person.promise(), latest, "the latest instant ever told");
                prop_assert_eq!(person.first_told(), first, "the first accepted send");
                prop_assert!(person.promise_told().is_none_or(|told| Some(told) >= first), "the promise was not told before anything was");
            }
        }
    }

    #[test]
    fn a_million_people_fit() {
        assert_eq!(size_of::<PersonState>(), 52);
    }

    #[test]
    fn a_slot_is_used_once_and_a_correction_opens_the_reminders_again() {
        let at = |n: i64| Timestamp::from_second(1_800_000_000 + n).unwrap();
        let mut person = PersonState::new(ObjectId::from_bits(1), Home::Stage(0));
        person.told(at(0), Slot::Announcement, at(100));
        person.told(at(1), Slot::Reminder(1), at(100));
        assert!(person.has_used(Slot::Announcement) && person.has_used(Slot::Reminder(1)) && !person.has_used(Slot::Reminder(2)));
        person.told(at(2), Slot::Correction, at(200));
        assert!(person.has_used(Slot::Announcement) && !person.has_used(Slot::Reminder(1)));
        assert_eq!((person.promise(), person.promise_told(), person.first_told()), (Some(at(200)), Some(at(2)), Some(at(0))));
    }

    #[test]
    fn somebody_is_enforced_since_the_write_was_accepted_however_often_it_is_read_back() {
        let at = |n: i64| Timestamp::from_second(1_800_000_000 + n).unwrap();
        let mut person = PersonState::new(ObjectId::from_bits(1), Home::Stage(0));
        for (enforced, since) in [
            (Enforced::Intended(7), None),
            (Enforced::Accepted(at(1)), Some(at(1))),
            (Enforced::Verified(at(90)), Some(at(1))),
            (Enforced::No, None),
            (Enforced::Accepted(at(200)), Some(at(200))),
            (Enforced::Gone(at(300)), None),
        ] {
            person.mark(enforced);
            assert_eq!((person.enforced(), person.enforced_since()), (enforced, since));
        }
    }

    #[test]
    fn an_ambiguous_send_raises_the_promise_and_satisfies_nothing() {
        let at = |n: i64| Timestamp::from_second(1_800_000_000 + n).unwrap();
        let mut person = PersonState::new(ObjectId::from_bits(1), Home::Stage(0));
        person.perhaps_told(Slot::Announcement, at(100));
        assert_eq!((person.promise(), person.promise_told(), person.first_told(), person.doubts), (Some(at(100)), None, None, 1));
        person.told(at(5), Slot::Announcement, at(100));
        assert_eq!((person.promise_told(), person.first_told(), person.doubts), (Some(at(5)), Some(at(5)), 0));
    }
}
