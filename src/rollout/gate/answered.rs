//! What an address or a command of the plan's answers about a gate.

use jiff::Timestamp;

use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;

/// An answer that could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// What it says.
    pub says: Says,
    /// When it was so, as whoever answers says; when they were asked, if they do not.
    pub as_of: Option<Timestamp>,
}

/// What it says.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// A value, which the gate's threshold judges.
    Value {
        /// The value.
        value: f64,
        /// What it rests on.
        sample: u32,
    },
    /// A verdict of its own.
    Judged {
        /// The verdict.
        verdict: Judgement,
        /// Why.
        why: Option<String>,
    },
}

/// A verdict that somebody else may give. That there is no data is for us to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is well.
    Pass,
    /// It is not.
    Fail,
    /// It cannot be told yet.
    Inconclusive,
}

/// Forgets what was answered about gates that a new plan asks otherwise.
pub fn forget_answers(observed: &mut Observed, old: Option<&Plan>, new: &Plan) {
    let same = old.into_iter().flat_map(|old| &old.gates).filter(|gate| new.gates.contains(gate));
    let same: Vec<&str> = same.map(|gate| gate.name.as_str()).collect();
    observed.gates.retain(|name, _| same.contains(&name.as_str()));
}
