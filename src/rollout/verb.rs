//! What an operator may say of a stage in each phase: the one table. What is not in it is refused, with what is.

use super::stage::PhaseName;
use super::state::{StageState, State};

/// What is said of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Let it start though its time has passed.
    StartLate,
    /// Give it a new start.
    Rebook,
    /// Close it; its people move to the tail.
    Skip,
    /// Close it; nothing is required of its people.
    Cancel,
    /// Undo it.
    Rollback,
    /// Pass one gate of it, or one hold on it.
    Override,
    /// Let it rest.
    Pause,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::StartLate, Self::Rebook, Self::Skip, Self::Cancel, Self::Rollback, Self::Override, Self::Pause];

    /// The word of the command.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartLate => "start-late",
            Self::Rebook => "rebook",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
            Self::Rollback => "rollback",
            Self::Override => "override",
            Self::Pause => "pause",
        }
    }

    /// The phases in which it may be said.
    #[must_use]
    pub const fn phases(self) -> &'static [PhaseName] {
        use PhaseName::{Announced, Announcing, Done, Enforcing, Missed, RolledBack, RollingBack, Scheduled, Soaking};
        match self {
            Self::StartLate => &[Missed],
            Self::Rebook => &[Missed, RolledBack],
            Self::Skip | Self::Cancel => &[Scheduled, Announcing, Announced, Missed, RolledBack],
            Self::Rollback => &[Enforcing, Soaking, Done],
            Self::Override => &[Announced, Enforcing, Soaking],
            Self::Pause => &[Scheduled, Announcing, Announced, Enforcing, Soaking, Missed, RollingBack, RolledBack],
        }
    }

    /// Whether it may be said of a stage in that phase.
    #[must_use]
    pub fn may(self, phase: PhaseName) -> bool {
        self.phases().contains(&phase)
    }
}

/// The stage of that name and its place, where the verb may be said of it now.
///
/// # Errors
/// Why not, with what may be said: a sentence for the operator.
pub fn may<'a>(state: &'a State, name: &str, verb: Verb) -> Result<(u16, &'a StageState), String> {
    let Some((ix, stage)) = state.stage(name) else {
        let names: Vec<_> = state.stages.iter().map(|stage| format!("`{}`", stage.name)).collect();
        return Err(format!("there is no stage `{name}`; the stages are {}", names.join(", ")));
    };
    let phase = stage.phase.name();
    if verb.may(phase) {
        return Ok((ix, stage));
    }
    let may: Vec<_> = Verb::ALL.iter().filter(|verb| verb.may(phase)).map(|verb| format!("`{}`", verb.as_str())).collect();
    let may = if may.is_empty() { "nothing".to_owned() } else { may.join(", ") };
    let when: Vec<_> = verb.phases().iter().map(|phase| phase.as_str()).collect();
    Err(format!(
        "stage `{name}` is {}; `{}` is for a stage that is {}; what may be said of it now: {may}",
        phase.as_str(),
        verb.as_str(),
        when.join(", ")
    ))
}

/// That a command says why it is given.
///
/// # Errors
/// When it does not.
pub fn reason(verb: &str, why: &str) -> Result<(), String> {
    if why.trim().is_empty() { Err(format!("`{verb}` needs a reason; say why with --reason")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_said_in_each_phase_is_this() {
        let line = |phase: &PhaseName| {
            let may: Vec<_> = Verb::ALL.iter().filter(|verb| verb.may(*phase)).map(|verb| verb.as_str()).collect();
            format!("{}: {}", phase.as_str(), may.join(", "))
        };
        let table: Vec<_> = PhaseName::ALL.iter().map(line).collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        scheduled: skip, cancel, pause
        announcing: skip, cancel, pause
        announced: skip, cancel, override, pause
        enforcing: rollback, override, pause
        soaking: rollback, override, pause
        done: rollback
        missed: start-late, rebook, skip, cancel, pause
        rolling-back: pause
        rolled-back: rebook, skip, cancel, pause
        closed: 
        ");
    }

    #[test]
    fn what_may_be_said_leads_along_an_edge_of_the_machine() {
        use PhaseName::{Closed, Enforcing, RollingBack, Scheduled};
        let leads = |verb| match verb {
            Verb::StartLate => Some(Enforcing),
            Verb::Rebook => Some(Scheduled),
            Verb::Skip | Verb::Cancel => Some(Closed),
            Verb::Rollback => Some(RollingBack),
            Verb::Override | Verb::Pause => None,
        };
        for verb in Verb::ALL {
            for phase in PhaseName::ALL {
                let Some(to) = leads(verb) else { continue };
                assert_eq!(
                    verb.may(phase),
                    phase.may_become(to) && (verb != Verb::StartLate || phase == PhaseName::Missed),
                    "{verb:?} {phase:?}"
                );
            }
        }
    }
}
