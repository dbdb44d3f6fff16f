//! The stage machine: phases, and the one table of legal edges (DESIGN §4).

use serde::{Deserialize, Serialize};

/// The phase of a stage, without its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// Instants resolved; nothing has been told.
    Scheduled,
    /// Roster frozen, notices going out.
    Announcing,
    /// Everyone was told in time, or moved to the tail.
    Announced,
    /// Batches are being applied.
    Enforcing,
    /// Everybody is processed; healthy time is being observed.
    Soaking,
    /// Soaked, with exit gates passed.
    Done,
    /// Its time passed without a start; a human must rebook it.
    Missed,
    /// Undoing our own changes.
    RollingBack,
    /// Undone and verified.
    RolledBack,
    /// Skipped or cancelled by a human.
    Closed,
}

impl PhaseName {
    /// Every phase, in the order of a stage's life.
    pub const ALL: [Self; 10] = [
        Self::Scheduled,
        Self::Announcing,
        Self::Announced,
        Self::Enforcing,
        Self::Soaking,
        Self::Done,
        Self::Missed,
        Self::RollingBack,
        Self::RolledBack,
        Self::Closed,
    ];

    /// The phases that may follow: the one table of legal edges.
    #[must_use]
    pub const fn successors(self) -> &'static [Self] {
        use PhaseName::{Announced, Announcing, Closed, Done, Enforcing, Missed, RolledBack, RollingBack, Scheduled, Soaking};
        match self {
            Scheduled => &[Announcing, Missed, Closed],
            Announcing => &[Announced, Missed, Closed],
            Announced => &[Enforcing, Missed, Closed],
            Enforcing => &[Soaking, RollingBack],
            Soaking => &[Done, RollingBack],
            Done => &[RollingBack],
            // rebook leads to Scheduled, start-late to Enforcing
            Missed => &[Scheduled, Enforcing, Closed],
            RollingBack => &[RolledBack],
            RolledBack => &[Scheduled, Closed],
            Closed => &[],
        }
    }

    /// Whether the machine has an edge from here to `to`.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        self.successors().contains(&to)
    }

    /// Whether successors may start: Done or Closed.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Closed)
    }

    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Announcing => "announcing",
            Self::Announced => "announced",
            Self::Enforcing => "enforcing",
            Self::Soaking => "soaking",
            Self::Done => "done",
            Self::Missed => "missed",
            Self::RollingBack => "rolling-back",
            Self::RolledBack => "rolled-back",
            Self::Closed => "closed",
        }
    }
}
