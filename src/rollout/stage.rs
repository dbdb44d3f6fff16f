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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_these() {
        let line = |from: &PhaseName| {
            let to: Vec<_> = from.successors().iter().map(|to| to.as_str()).collect();
            format!("{} -> {}", from.as_str(), to.join(", "))
        };
        let table: Vec<_> = PhaseName::ALL.iter().map(line).collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        scheduled -> announcing, missed, closed
        announcing -> announced, missed, closed
        announced -> enforcing, missed, closed
        enforcing -> soaking, rolling-back
        soaking -> done, rolling-back
        done -> rolling-back
        missed -> scheduled, enforcing, closed
        rolling-back -> rolled-back
        rolled-back -> scheduled, closed
        closed -> 
        ");
    }

    #[test]
    fn nothing_that_was_told_is_forgotten_and_nothing_ends_twice() {
        for from in PhaseName::ALL {
            assert!(!from.may_become(from), "{from:?} to itself");
            let told = !matches!(from, PhaseName::Scheduled | PhaseName::Missed | PhaseName::RolledBack);
            assert!(!(told && from.may_become(PhaseName::Scheduled)), "{from:?} back to scheduled");
        }
    }
}
