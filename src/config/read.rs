//! Typed reading of merged layers: every wrong value becomes a problem, and reading goes on.
//!
//! Knows no key of the plan. Invariant: `None` means that a problem was recorded, or that nothing stands there.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use config::{Map, Value, ValueKind};

use super::places::{Path, Places, Spot, Step};
use super::problem::Problem;
use super::suggest;
use super::value::Wrong;

/// Words in keys that would hold a secret.
const SECRETS: [&str; 6] = ["secret", "password", "passwd", "token", "private_key", "api_key"];

/// Collects the problems of one file.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) places: &'a Places,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(places: &'a Places) -> Self {
        Self { places, problems: RefCell::default() }
    }

    /// The whole file's merged value.
    pub(super) fn root(&'a self, value: &'a Value) -> Node<'a> {
        Node { reader: self, path: Path::new(), value }
    }

    pub(super) fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// One value and its path.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    reader: &'a Reader<'a>,
    pub(super) path: Path,
    value: &'a Value,
}

impl<'a> Node<'a> {
    fn child(&self, step: impl Into<Step>, value: &'a Value) -> Self {
        let mut path = self.path.clone();
        path.push(step.into());
        Self { reader: self.reader, path, value }
    }

    /// Records an error at this value.
    pub(super) fn error(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.reader.push(self.reader.places.problem(&self.path, Spot::Value, message, remedy));
    }

    /// Records a warning at this value.
    pub(super) fn warn(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.reader.push(self.reader.places.problem(&self.path, Spot::Value, message, remedy).warning());
    }

    /// The key path as people write it, for problems of other files.
    pub(super) fn shown(&self) -> String {
        self.reader.places.problem(&self.path, Spot::Value, "", "").key
    }

    /// Records a problem of another file.
    pub(super) fn push(&self, problem: Problem) {
        self.reader.push(problem);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        self.error(
            format!("expected {what}, found {}", kind(self.value)),
            "change the value, or leave the key out for its default",
        );
        None
    }

    /// Text that is not blank.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.value.kind {
            ValueKind::String(text) if !text.trim().is_empty() => Some(text.trim()),
            ValueKind::String(_) => {
                self.error("is empty", "write a value, or leave the key out");
                None
            }
            _ => self.expected("text"),
        }
    }

    /// Text as it is written, with all its lines, that is not blank.
    pub(super) fn whole_text(&self) -> Option<&'a str> {
        self.text()?;
        match &self.value.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Text in a small language.
    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        parse(self.text()?).map_err(|wrong| self.error(wrong.message, wrong.remedy)).ok()
    }

    /// A duration; never negative.
    pub(super) fn duration(&self) -> Option<jiff::SignedDuration> {
        self.parsed(super::value::duration)
    }

    /// A duration above zero.
    pub(super) fn some_time(&self) -> Option<jiff::SignedDuration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            self.error("must be longer than zero", "write a duration such as \"15m\"");
            return None;
        }
        Some(duration)
    }

    /// A whole number.
    pub(super) fn whole(&self) -> Option<i64> {
        match &self.value.kind {
            ValueKind::I64(number) => Some(*number),
            ValueKind::String(text) if self.is_variable() => text.parse().ok().or_else(|| self.expected("a whole number")),
            _ => self.expected("a whole number"),
        }
    }

    /// A count in `range`.
    pub(super) fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let number = self.whole()?;
        let count = u32::try_from(number).ok().filter(|count| range.contains(count));
        if count.is_none() {
            let remedy = match *range.end() {
                u32::MAX => format!("write a whole number of at least {}", range.start()),
                end => format!("write a whole number from {} to {end}", range.start()),
            };
            self.error(format!("{number} is out of range"), remedy);
        }
        count
    }

    /// A number, or a share written with a per cent sign.
    pub(super) fn fraction(&self) -> Option<f64> {
        let number = match &self.value.kind {
            ValueKind::Float(number) => *number,
            ValueKind::I64(number @ 0..=1) => f64::from(u8::from(*number == 1)),
            ValueKind::String(text) if text.ends_with('%') => return self.parsed(super::value::share),
            ValueKind::String(text) if self.is_variable() => text.parse().ok().or_else(|| self.expected("a number"))?,
            ValueKind::I64(_) => f64::NAN,
            _ => return self.expected("a number"),
        };
        if (0.0..=1.0).contains(&number) {
            return Some(number);
        }
        self.error("is not a share", "write a number from 0 to 1, such as 0.9");
        None
    }

    /// A number that is not negative.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match &self.value.kind {
            ValueKind::Float(number) => *number,
            ValueKind::I64(number) => i32::try_from(*number).map_or(f64::NAN, f64::from),
            _ => return self.expected("a number"),
        };
        if number.is_finite() && number >= 0.0 {
            return Some(number);
        }
        self.error("is no number that can be reached", "write one of at least 0, such as 5");
        None
    }

    /// A percentage: `"10%"`, or the number 10; as 0 to 1.
    pub(super) fn percent(&self) -> Option<f64> {
        let number = match &self.value.kind {
            ValueKind::Float(number) => *number,
            ValueKind::I64(number) => i32::try_from(*number).map_or(f64::NAN, f64::from),
            _ => return self.parsed(super::value::share),
        };
        if number > 0.0 && number < 1.0 {
            self.warn(format!("means {number} %"), format!("write \"{number}%\", or \"{}%\"", number * 100.0));
        }
        super::value::percent(number).map_err(|wrong| self.error(wrong.message, wrong.remedy)).ok()
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        match &self.value.kind {
            ValueKind::Boolean(flag) => Some(*flag),
            ValueKind::String(text) if self.is_variable() => text.parse().ok().or_else(|| self.expected("true or false")),
            _ => self.expected("true or false"),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            self.error(format!("unknown word `{text}`"), suggest::remedy(text, words.iter().map(|(word, _)| *word)));
        }
        found.map(|(_, value)| *value)
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Option<Vec<Self>> {
        match &self.value.kind {
            ValueKind::Table(_) if !self.is_variable() => {
                self.error(
                    "is one table where a list of tables is expected",
                    format!("head each of them with [[{}]]", self.shown()),
                );
                None
            }
            ValueKind::Array(values) => Some(values.iter().enumerate().map(|(index, value)| self.child(index, value)).collect()),
            _ => self.expected("a list"),
        }
    }

    /// Each element read; `None` when one could not be.
    pub(super) fn each<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<T>> {
        // Read all before judging, so that every problem is found.
        let read: Vec<Option<T>> = self.list()?.iter().map(read).collect();
        read.into_iter().collect()
    }

    /// A table that may hold these keys; any other is an error.
    pub(super) fn section(&self, known: &[&'static str]) -> Section<'a> {
        let table = match &self.value.kind {
            ValueKind::Table(table) => Some(table),
            _ => self.expected("a table"),
        };
        for key in table.into_iter().flat_map(Map::keys).filter(|key| !known.contains(&key.as_str())) {
            let mut path = self.path.clone();
            path.push(Step::from(key.as_str()));
            let secret = SECRETS.iter().any(|secret| key.to_lowercase().contains(secret))
                && suggest::nearest(key, known.iter().copied()).is_none();
            let (message, remedy) = if secret {
                let remedy = "put it into a file that only tidegate can read, name the file in `credentials.secret_file`, and \
                              replace the secret: it has been in the open";
                ("a secret never stands in a plan or the environment", remedy.to_owned())
            } else {
                ("unknown key", suggest::remedy(key, known.iter().copied()))
            };
            self.push(self.reader.places.problem(&path, Spot::Key, message, remedy));
        }
        Section { node: self.clone(), table, defaults: None }
    }

    /// Whether this value is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value.kind, ValueKind::Array(_))
    }

    fn is_variable(&self) -> bool {
        self.reader.places.is_variable(&self.path)
    }
}

/// A value is wrong, and a problem says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported;

/// One table.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) node: Node<'a>,
    table: Option<&'a Map<String, Value>>,
    defaults: Option<&'a Map<String, Value>>,
}

impl<'a> Section<'a> {
    /// The same table, taking these values for keys that are left out.
    pub(super) fn or(self, defaults: &'a Map<String, Value>) -> Self {
        Self { defaults: Some(defaults), ..self }
    }

    /// The value of a key, where there is one.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        let value = self.table?.get(key).or_else(|| self.defaults?.get(key))?;
        Some(self.node.child(key, value))
    }

    /// The value of a key that has no default.
    pub(super) fn need(&self, key: &str, example: &str) -> Option<Node<'a>> {
        let found = self.get(key);
        // What is no table at all has been reported as such.
        if found.is_none() && self.table.is_some() {
            self.missing(key, example);
        }
        found
    }

    /// Records that a key is missing.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let mut path = self.node.path.clone();
        path.push(Step::from(key));
        self.node.push(self.node.reader.places.problem(&path, Spot::Key, "is missing", format!("write {example}")));
    }

    /// A key that may be left out.
    pub(super) fn optional<T>(&self, key: &str, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Result<Option<T>, Reported> {
        self.get(key).map_or(Ok(None), |node| read(&node).map(Some).ok_or(Reported))
    }
}

fn kind(value: &Value) -> &'static str {
    match value.kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::Float(_) => "a number with a point",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        _ => "a whole number",
    }
}
