//! Which notice a text is for, and what a text of that kind may rest on.
//!
//! Does not decide which of them a person gets. Invariant: each kind has one word, which templates, files and commands share.

use std::fmt;

use jiff::Timestamp;

use crate::rollout::event::Slot;

/// Which notice a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The first that names the date.
    Announcement,
    /// The same date again, to people who are not capable yet.
    Reminder,
    /// Another date in place of the one told before.
    Correction,
    /// A reminder after the date, to people who have not signed in since.
    Started,
    /// To people who are capable already: nothing to do. Only who knows that their method counts may send it: with no grace period, and no
    /// strength asked for.
    Ready,
    /// The date told does not hold any more, and a new one will be told in time. The instant of such a letter is the one that was told.
    Withdrawn,
    /// The person's own new date, at their request.
    Deferred,
    /// Not required of this person until the date; before that a fresh notice comes.
    Exempt,
    /// From the date on, which is now, at the person's own request.
    Volunteered,
    /// Not required any more of a person of whom it was. The instant of such a letter is the date that was told.
    Released,
}

impl Kind {
    /// All of them, in the order of their lives.
    pub const ALL: [Self; 10] = [
        Self::Announcement,
        Self::Reminder,
        Self::Correction,
        Self::Started,
        Self::Ready,
        Self::Withdrawn,
        Self::Deferred,
        Self::Exempt,
        Self::Volunteered,
        Self::Released,
    ];

    /// The kind of a notice that names `instant` and is sent at `at`.
    #[must_use]
    pub fn of(slot: Slot, instant: Timestamp, at: Timestamp) -> Self {
        match slot {
            Slot::Announcement => Self::Announcement,
            Slot::Reminder(_) if instant <= at => Self::Started,
            Slot::Reminder(_) => Self::Reminder,
            Slot::Correction => Self::Correction,
            Slot::Ready => Self::Ready,
            Slot::Withdrawn => Self::Withdrawn,
            Slot::Deferred => Self::Deferred,
            Slot::Exempt => Self::Exempt,
            Slot::Volunteered => Self::Volunteered,
            Slot::Released => Self::Released,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Announcement => "announcement",
            Self::Reminder => "reminder",
            Self::Correction => "correction",
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Withdrawn => "withdrawn",
            Self::Deferred => "deferred",
            Self::Exempt => "exempt",
            Self::Volunteered => "volunteered",
            Self::Released => "released",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether the instant of such a letter is in force, so that the letter must name it.
    #[must_use]
    pub const fn has_date(self) -> bool {
        !matches!(self, Self::Withdrawn | Self::Released)
    }

    /// Whether a language's one common text, which says that MFA is required from the date on, is true of such a letter. The others
    /// need words of their own.
    #[must_use]
    pub const fn is_common(self) -> bool {
        matches!(self, Self::Announcement | Self::Reminder | Self::Correction | Self::Deferred)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.word()), Some(kind));
        }
        assert_eq!(Kind::named("Announcement"), None);
    }
}
