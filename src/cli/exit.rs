//! Exit codes; documented in docs/OPERATIONS.md and in the README.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something that has no code of its own.
    Failed,
    /// Wrong use of the command line.
    Usage,
    /// The plan cannot be read or is invalid.
    Plan,
    /// The tenant cannot be reached, or refuses.
    Tenant,
    /// A check, or a hold that only a human clears, stands in the way.
    Blocked,
    /// The journal is damaged.
    Journal,
    /// Another instance holds the state folder.
    Held,
    /// The state cannot be written.
    State,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Plan => 3,
            Self::Tenant => 4,
            Self::Blocked => 5,
            Self::Journal => 6,
            Self::Held => 7,
            Self::State => 8,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that ended badly: the code, and the sentences for the operator.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to say, with its causes.
    pub says: String,
}

impl Failure {
    /// A failure with a sentence.
    #[must_use]
    pub fn new(exit: Exit, says: impl Into<String>) -> Self {
        Self { exit, says: says.into() }
    }

    /// A failure with an error and its causes, in one line.
    #[must_use]
    pub fn because(exit: Exit, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { exit, says: chain(error) }
    }
}

/// An error and its causes, each once.
#[must_use]
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut says = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        says.push_str(": ");
        says.push_str(&error.to_string());
        cause = error.source();
    }
    says
}
