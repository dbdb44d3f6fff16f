//! Which notices somebody has had, as bits.

use crate::rollout::event::Slot;

/// The most reminders that a plan may have: the bits above are those of other notices.
pub const MOST_REMINDERS: u8 = 12;

pub(super) const READY: u16 = 1 << 13;
pub(super) const WITHDRAWN: u16 = 1 << 14;
pub(super) const EXEMPT: u16 = 1 << 15;

pub(super) fn slot_bit(slot: Slot) -> Option<u16> {
    match slot {
        Slot::Announcement => Some(1),
        Slot::Reminder(n) => 1_u16.checked_shl(u32::from(n.min(MOST_REMINDERS))),
        Slot::Ready => Some(READY),
        // Either says that nothing is required any more of what was told.
        Slot::Withdrawn | Slot::Released => Some(WITHDRAWN),
        Slot::Exempt => Some(EXEMPT),
        Slot::Correction | Slot::Deferred | Slot::Volunteered => None,
    }
}
