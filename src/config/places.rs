//! Where the keys of a TOML file stand: from a key path to file, line and column, or to an environment variable.
//!
//! Reads no values for use. Invariant: a path that nobody wrote is located at the nearest part that somebody did write.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

use super::problem::{Problem, Problems};

/// A step of a key path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A key of a table.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A key path.
pub(super) type Path = Vec<Step>;

/// A key path from its steps: `key!["stage", 2, "soak"]`.
macro_rules! key {
    ($($step:expr),* $(,)?) => { [$($crate::config::places::Step::from($step)),*] };
}
pub(super) use key;

/// Which part of an entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// The name of the key.
    Key,
    /// Its value.
    Value,
}

/// A parsed TOML file with its spans, and the environment variables that lie over it.
#[derive(Clone, Debug)]
pub(super) struct Places {
    file: String,
    document: Document<String>,
    /// Dotted path to the variable's name.
    variables: BTreeMap<String, String>,
}

/// Where an entry stands, in bytes.
struct Spans {
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
}

#[derive(Clone, Copy)]
enum Node<'a> {
    Item(&'a Item),
    Table(&'a toml_edit::Table),
    Value(&'a Value),
}

impl Places {
    /// Parses `text`, which is the file `file`.
    pub(super) fn parse(file: &str, text: &str, variables: BTreeMap<String, String>) -> Result<Self, Problems> {
        match Document::parse(text.to_owned()) {
            Ok(document) => Ok(Self { file: file.to_owned(), document, variables }),
            Err(error) => {
                let (line, column) = line_column(text, error.span().map_or(0, |span| span.start));
                let message = error.message().trim().replace('\n', ", ");
                Err(Problem::file(file, format!("not valid TOML: {message}"), "correct the line").at(line, column).into())
            }
        }
    }

    /// Whether the file itself or a variable has something at this path.
    pub(super) fn is_written(&self, path: &[Step]) -> bool {
        self.variable(path).is_some() || self.find(path).is_some()
    }

    /// Whether the value at this path comes from the environment.
    pub(super) fn is_variable(&self, path: &[Step]) -> bool {
        self.variable(path).is_some()
    }

    /// An error at this path.
    pub(super) fn problem(&self, path: &[Step], spot: Spot, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        if let Some(variable) = self.variable(path) {
            return Problem::file(variable, message, remedy).key(self.render(path));
        }
        let span = (0..=path.len()).rev().find_map(|length| {
            let Spans { key, value } = self.find(path.get(..length)?)?;
            // A path that is not there is shown at the header or key of what should hold it.
            if length == path.len() && spot == Spot::Value { value.or(key) } else { key.or(value) }
        });
        let (line, column) = line_column(self.document.raw(), span.map_or(0, |span| span.start));
        Problem::file(&self.file, message, remedy).at(line, column).key(self.render(path))
    }

    /// An error in this line of the text at this path. Only a text in three quotes has lines of its own.
    pub(super) fn problem_in(
        &self,
        path: &[Step],
        line: Option<usize>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        let problem = self.problem(path, Spot::Value, message, remedy);
        let span = self.find(path).and_then(|spans| spans.value);
        let written = span.and_then(|span| self.document.raw().get(span)).unwrap_or_default();
        let quoted = ["\"\"\"", "'''"].iter().find_map(|quotes| written.strip_prefix(quotes));
        match (quoted, line, problem.line) {
            (Some(text), Some(line), Some(first)) => {
                // A line end right behind the quotes is not a part of the text.
                let skipped = usize::from(text.starts_with(['\r', '\n']));
                problem.at(first + skipped + line - 1, 1)
            }
            _ => problem,
        }
    }

    /// The path as people write it; a stage or gate by its name where it has one.
    fn render(&self, path: &[Step]) -> String {
        let mut text = String::new();
        for (depth, step) in path.iter().enumerate() {
            let dot = if text.is_empty() { "" } else { "." };
            let written = match step {
                Step::Key(key) => write!(text, "{dot}{key}"),
                Step::Index(index) => match self.name(path.get(..=depth).unwrap_or_default()) {
                    Some(name) => write!(text, "{dot}{name}"),
                    None => write!(text, "[{index}]"),
                },
            };
            // Writing to a String cannot fail.
            written.unwrap_or_default();
        }
        text
    }

    /// The `name` beside this element of a list of tables.
    fn name(&self, path: &[Step]) -> Option<&str> {
        match self.node(path)?.0 {
            Node::Table(table) => table.get("name")?.as_str().filter(|name| !name.trim().is_empty()),
            _ => None,
        }
    }

    fn variable(&self, path: &[Step]) -> Option<&String> {
        (1..=path.len()).rev().find_map(|length| {
            let keys = path.get(..length)?.iter().map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Index(_) => None,
            });
            self.variables.get(&keys.collect::<Option<Vec<_>>>()?.join("."))
        })
    }

    /// The spans of the key and of the value at this path.
    fn find(&self, path: &[Step]) -> Option<Spans> {
        let (node, key) = self.node(path)?;
        let value = match node {
            Node::Item(item) => item.span(),
            Node::Table(table) => table.span(),
            Node::Value(value) => value.span(),
        };
        Some(Spans { key, value })
    }

    fn node(&self, path: &[Step]) -> Option<(Node<'_>, Option<Range<usize>>)> {
        let mut found = (Node::Table(self.document.as_table()), None);
        for step in path {
            found = match step {
                Step::Key(name) => {
                    let table: &dyn TableLike = match found.0 {
                        Node::Item(item) => item.as_table_like()?,
                        Node::Table(table) => table,
                        Node::Value(value) => value.as_inline_table()?,
                    };
                    let (key, item) = table.get_key_value(name)?;
                    (Node::Item(item), key.span())
                }
                Step::Index(index) => match found.0 {
                    Node::Item(Item::ArrayOfTables(tables)) => (Node::Table(tables.get(*index)?), None),
                    Node::Item(item) => (Node::Value(item.as_array()?.get(*index)?), None),
                    Node::Value(value) => (Node::Value(value.as_array()?.get(*index)?), None),
                    Node::Table(_) => return None,
                },
            };
        }
        Some(found)
    }
}

/// Line and column, from 1, of a byte of `text`; columns count characters.
pub(super) fn line_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or_default().chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "[tenant]\nid = \"x\"\n\n[[stage]]\nname = \"pilot\"\npeople = [{ users = [\"a\", \"b\"] }]\n[[stage]]\nsoak = \"ä\"\n";

    #[test]
    fn a_path_is_found_where_it_stands() {
        let variables = BTreeMap::from([("notices.helpdesk".to_owned(), "TIDEGATE_NOTICES__HELPDESK".to_owned())]);
        let places = Places::parse("p.toml", TEXT, variables).unwrap();
        let table: [(&[Step], Spot, &str); 8] = [
            (&key!["tenant", "id"], Spot::Value, "p.toml:2:6: tenant.id: m; r"),
            (&key!["tenant", "id"], Spot::Key, "p.toml:2:1: tenant.id: m; r"),
            (&key!["stage", 0, "people", 0, "users", 1], Spot::Value, "p.toml:6:27: stage.pilot.people[0].users[1]: m; r"),
            (&key!["stage", 0, "start"], Spot::Value, "p.toml:4:1: stage.pilot.start: m; r"),
            (&key!["stage", 1, "soak"], Spot::Value, "p.toml:8:8: stage[1].soak: m; r"),
            (&key!["tail", "grace"], Spot::Value, "p.toml:1:1: tail.grace: m; r"),
            (&key!["tenant", "zone"], Spot::Value, "p.toml:1:2: tenant.zone: m; r"),
            (&key!["notices", "helpdesk"], Spot::Value, "TIDEGATE_NOTICES__HELPDESK: notices.helpdesk: m; r"),
        ];
        for (path, spot, expected) in table {
            assert_eq!(places.problem(path, spot, "m", "r").to_string(), expected);
        }
        assert!(places.is_written(&key!["tenant", "id"]) && !places.is_written(&key!["tenant", "zone"]));
    }

    #[test]
    fn broken_syntax_has_a_place() {
        let problem = Places::parse("p.toml", "[a]\nb = \n", BTreeMap::new()).unwrap_err().0.remove(0);
        assert_eq!((problem.line, problem.column), (Some(2), Some(5)));
    }
}
