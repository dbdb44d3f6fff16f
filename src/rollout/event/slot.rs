//! Which notice of a person a record is about.

use serde::{Deserialize, Serialize};

/// Which notice of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The announcement: the largest value of `before`.
    Announcement,
    /// The n-th value of `before`, from 1.
    Reminder(u8),
    /// A new date after an old one was told.
    Correction,
    /// To people who are capable already, in place of the first reminder.
    Ready,
    /// The date that was told does not hold any more, and no other one is known yet.
    Withdrawn,
    /// The person's own later date, at their request.
    Deferred,
    /// That nothing is required of the person before an instant.
    Exempt,
    /// From now on, at the person's own request.
    Volunteered,
    /// MFA, which was required by the date told before, is not required any more.
    Released,
}

impl Slot {
    /// The word for people; a reminder's number stands behind it.
    #[must_use]
    pub fn says(self) -> String {
        match self {
            Self::Announcement => "announcement".to_owned(),
            Self::Reminder(n) => format!("reminder {n}"),
            Self::Correction => "correction".to_owned(),
            Self::Ready => "note to ready people".to_owned(),
            Self::Withdrawn => "withdrawal of the date".to_owned(),
            Self::Deferred => "deferred date".to_owned(),
            Self::Exempt => "note on an exemption".to_owned(),
            Self::Volunteered => "note to volunteers".to_owned(),
            Self::Released => "note on a release".to_owned(),
        }
    }

    /// Whether it names an instant from which MFA is required; the others say that it is not, or not yet.
    #[must_use]
    pub const fn names_a_date(self) -> bool {
        !matches!(self, Self::Withdrawn | Self::Exempt | Self::Released)
    }

    /// Whether an ambiguous send of it is never repeated: it may be missed without harm, or has done its work when it may have arrived.
    #[must_use]
    pub const fn is_sent_once(self) -> bool {
        matches!(self, Self::Reminder(_) | Self::Ready | Self::Withdrawn | Self::Exempt | Self::Released)
    }
}
