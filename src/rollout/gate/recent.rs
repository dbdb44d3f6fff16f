//! N of M: the latest readings of a gate that passed or failed.
//!
//! A reading counts once, by the instant it is of. One that says neither counts as none. Invariant: a success takes a failure's place, so
//! that failures of long ago never add up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rollout::event::Verdict;
use crate::rollout::plan::Fails;

/// The latest readings, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent(Vec<(Timestamp, Verdict)>);

impl Recent {
    /// Whether a reading is one more that counts.
    #[must_use]
    pub fn is_news(&self, as_of: Option<Timestamp>, verdict: Verdict) -> bool {
        let counts = matches!(verdict, Verdict::Pass | Verdict::Fail);
        counts && as_of.is_some_and(|at| self.0.last().is_none_or(|(last, _)| *last < at))
    }

    /// Takes a reading in.
    pub fn take(&mut self, as_of: Option<Timestamp>, verdict: Verdict) {
        if let Some(at) = as_of.filter(|_| self.is_news(as_of, verdict)) {
            self.0.push((at, verdict));
            let surplus = self.0.len().saturating_sub(usize::from(Fails::MOST));
            self.0.drain(..surplus);
        }
    }

    /// A human looked into them: none of them is counted again.
    pub fn acknowledge(&mut self) {
        self.0 = self.0.last().map(|(at, _)| (*at, Verdict::Pass)).into_iter().collect();
    }

    /// The same with one more reading.
    #[must_use]
    pub fn with(&self, as_of: Option<Timestamp>, verdict: Verdict) -> Self {
        let mut more = self.clone();
        more.take(as_of, verdict);
        more
    }

    /// How many of the latest so many failed.
    #[must_use]
    pub fn failed(&self, fails: Fails) -> usize {
        let latest = self.0.iter().rev().take(usize::from(fails.of));
        latest.filter(|(_, verdict)| *verdict == Verdict::Fail).count()
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.0.iter().all(|(_, verdict)| *verdict != Verdict::Fail)
    }
}
