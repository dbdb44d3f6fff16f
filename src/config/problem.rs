//! One problem of a plan: where it stands, what is wrong, what to do. Rendered as a line, or as JSON.
//!
//! Does not look for problems. Invariant: a problem never holds the value of a key that may be a secret.

use std::fmt;

use serde::Serialize;

/// Whether a plan with this problem may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It may not.
    Error,
    /// It may, but a human should look.
    Warning,
}

/// One problem. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether the plan may run.
    pub severity: Severity,
    /// The file as it was named, or the environment variable.
    pub file: String,
    /// Line, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The key, such as `stage.pilot.soak`; empty when the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What was expected, or what to do.
    pub remedy: String,
}

impl Problem {
    /// An error about a whole file.
    pub(super) fn file(file: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (message, remedy) = (message.into(), remedy.into());
        Self { severity: Severity::Error, file: file.into(), line: None, column: None, key: String::new(), message, remedy }
    }

    /// The same problem at this place of its file.
    pub(super) fn at(self, line: usize, column: usize) -> Self {
        Self { line: Some(line), column: Some(column), ..self }
    }

    /// The same problem under this key.
    pub(super) fn key(self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self }
    }

    /// The same problem as a warning.
    #[must_use]
    pub fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        for place in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{place}")?;
        }
        if self.severity == Severity::Warning {
            write!(f, ": warning")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}; {}", self.message, self.remedy)
    }
}

/// All problems of a plan that may not run: at least one of them is an error. One line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_and_json() {
        let problem = Problem::file("plan.toml", "unknown key", "did you mean `soak`?").at(12, 3).key("stage.pilot.soka");
        assert_eq!(problem.to_string(), "plan.toml:12:3: stage.pilot.soka: unknown key; did you mean `soak`?");
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!((&json["severity"], &json["line"]), (&"error".into(), &12.into()));
        assert_eq!(Problem::file("a", "b", "c").warning().to_string(), "a: warning: b; c");
    }
}
