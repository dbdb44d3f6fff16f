//! `$filter`: parsed once, asked of many rows. Text compares without case, as the directory does.
//!
//! Which operators a property allows is the resource's own affair ([`Filter::uses`] tells it); `gt` and `lt` are read so that
//! they can be refused.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::filter_text::{Word, words};
use super::json::{Row, Value};
use super::reply::Refusal;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Compare { path: String, how: How, with: Literal },
    In { path: String, any_of: Vec<Literal> },
    Begins { path: String, with: String },
    Ends { path: String, with: String },
    Any { path: String, holds: Box<Self> },
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Eq,
    Ne,
    Ge,
    Le,
    Gt,
    Lt,
}

/// A value written in a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Time(Timestamp),
}

impl Filter {
    /// Reads a filter.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let words = words(text).map_err(|at| invalid(&format!("syntax error at position {at} in '{text}'.")))?;
        let mut reader = Reader { words: words.into_iter().peekable(), inside: None };
        let filter = reader.either().ok_or_else(|| invalid(&format!("the expression '{text}' is not understood.")))?;
        if reader.words.next().is_some() {
            return Err(invalid(&format!("the expression '{text}' goes on after its end.")));
        }
        Ok(filter)
    }

    /// Whether the row is meant. A property that the row lacks is null.
    pub(super) fn holds(&self, row: &dyn Row) -> bool {
        let get = |path: &str| property(row, path);
        match self {
            Self::Compare { path, how, with } => compare(&get(path), *how, with),
            Self::In { path, any_of } => {
                let value = get(path);
                any_of.iter().any(|literal| compare(&value, How::Eq, literal))
            }
            Self::Begins { path, with } => folded(&get(path)).is_some_and(|text| text.starts_with(with)),
            Self::Ends { path, with } => folded(&get(path)).is_some_and(|text| text.ends_with(with)),
            Self::Any { path, holds } => match get(path) {
                Value::List(items) => items.iter().any(|item| holds.holds(&Item(item))),
                _ => false,
            },
            Self::And(a, b) => a.holds(row) && b.holds(row),
            Self::Or(a, b) => a.holds(row) || b.holds(row),
            Self::Not(inner) => !inner.holds(row),
        }
    }

    /// The ids among which a row must be, where the filter asks for nothing else; so that nobody else need be looked at.
    pub(super) fn ids(&self) -> Option<impl Iterator<Item = &str>> {
        let Self::In { path, any_of } = self else { return None };
        let texts =
            any_of.iter().filter_map(|literal| if let Literal::Text(text) = literal { Some(text.as_str()) } else { None });
        (path == "id").then_some(texts)
    }

    /// Whether only the index of advanced queries answers it.
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::Compare { path, how, .. } => *how == How::Ne || path.ends_with("/$count"),
            Self::In { .. } | Self::Begins { .. } => false,
            Self::Ends { .. } | Self::Not(_) => true,
            Self::Any { holds, .. } => holds.is_advanced(),
            Self::And(a, b) | Self::Or(a, b) => a.is_advanced() || b.is_advanced(),
        }
    }

    /// Calls `see` with every property and what is asked of it (`eq`, `in`, `startsWith`, `any` …).
    pub(super) fn uses(&self, see: &mut dyn FnMut(&str, &'static str)) {
        match self {
            Self::Compare { path, how, .. } => see(path, how.name()),
            Self::In { path, .. } => see(path, "in"),
            Self::Begins { path, .. } => see(path, "startsWith"),
            Self::Ends { path, .. } => see(path, "endsWith"),
            Self::Any { path, .. } => see(path, "any"),
            Self::And(a, b) | Self::Or(a, b) => {
                a.uses(see);
                b.uses(see);
            }
            Self::Not(inner) => inner.uses(see),
        }
    }

    /// Whether no row is meant whose `path` is `text`. Says no when in doubt.
    pub(super) fn excludes(&self, path: &str, text: &str) -> bool {
        match self {
            Self::And(a, b) => a.excludes(path, text) || b.excludes(path, text),
            Self::Or(a, b) => a.excludes(path, text) && b.excludes(path, text),
            Self::Compare { path: known, how: How::Eq, with: Literal::Text(with) } => {
                known == path && !with.eq_ignore_ascii_case(text)
            }
            _ => false,
        }
    }

    /// The instants between which `path` must lie, as far as the outermost `and`s say.
    pub(super) fn span(&self, path: &str) -> (Timestamp, Timestamp) {
        match self {
            Self::And(a, b) => {
                let (a, b) = (a.span(path), b.span(path));
                (a.0.max(b.0), a.1.min(b.1))
            }
            Self::Compare { path: known, how, with: Literal::Time(at) } if known == path => match how {
                How::Eq => (*at, *at),
                How::Ge => (*at, Timestamp::MAX),
                How::Le => (Timestamp::MIN, *at),
                How::Ne | How::Gt | How::Lt => (Timestamp::MIN, Timestamp::MAX),
            },
            _ => (Timestamp::MIN, Timestamp::MAX),
        }
    }
}

impl How {
    const ALL: [Self; 6] = [Self::Eq, Self::Ne, Self::Ge, Self::Le, Self::Gt, Self::Lt];

    const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Ge => "ge",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Lt => "lt",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.name() == name)
    }
}

fn invalid(why: &str) -> Refusal {
    Refusal::bad("BadRequest", format!("Invalid filter clause: {why}"))
}

/// The element of a list, as a row: its members, or under the empty name itself.
struct Item<'a>(&'a Value<'a>);

impl Row for Item<'_> {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        match self.0 {
            Value::Object(members) => members.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
            value if name.is_empty() => Some(value.clone()),
            _ => None,
        }
    }
}

fn property<'a>(row: &'a dyn Row, path: &str) -> Value<'a> {
    if let Some(list) = path.strip_suffix("/$count") {
        return match row.property(list) {
            Some(Value::List(items)) => Value::Number(i64::try_from(items.len()).unwrap_or(i64::MAX)),
            _ => Value::Number(0),
        };
    }
    match path.split_once('/') {
        None => row.property(path).unwrap_or(Value::Null),
        Some((outer, inner)) => match row.property(outer) {
            Some(Value::Object(members)) => {
                members.into_iter().find(|(known, _)| *known == inner).map_or(Value::Null, |(_, value)| value)
            }
            _ => Value::Null,
        },
    }
}

fn folded(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_lowercase()),
        Value::Owned(text) => Some(text.to_lowercase()),
        _ => None,
    }
}

fn compare(value: &Value<'_>, how: How, with: &Literal) -> bool {
    let order = match (value, with) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(a), Literal::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Literal::Number(b)) => Some(a.cmp(b)),
        (Value::Time(a), Literal::Time(b)) => Some(a.cmp(b)),
        (Value::Text(a), Literal::Text(b)) if a.eq_ignore_ascii_case(b) => Some(Ordering::Equal),
        (Value::Text(_) | Value::Owned(_), Literal::Text(b)) => folded(value).map(|a| a.cmp(b)),
        _ => None,
    };
    match how {
        How::Eq => order == Some(Ordering::Equal),
        How::Ne => order != Some(Ordering::Equal),
        How::Ge => order.is_some_and(Ordering::is_ge),
        How::Le => order.is_some_and(Ordering::is_le),
        How::Gt => order.is_some_and(Ordering::is_gt),
        How::Lt => order.is_some_and(Ordering::is_lt),
    }
}

struct Reader {
    words: std::iter::Peekable<std::vec::IntoIter<Word>>,
    /// The variable of the `any` that is being read.
    inside: Option<String>,
}

impl Reader {
    fn either(&mut self) -> Option<Filter> {
        let mut filter = self.both()?;
        while self.keyword("or").is_some() {
            filter = Filter::Or(Box::new(filter), Box::new(self.both()?));
        }
        Some(filter)
    }

    fn both(&mut self) -> Option<Filter> {
        let mut filter = self.single()?;
        while self.keyword("and").is_some() {
            filter = Filter::And(Box::new(filter), Box::new(self.single()?));
        }
        Some(filter)
    }

    fn single(&mut self) -> Option<Filter> {
        if self.keyword("not").is_some() {
            return Some(Filter::Not(Box::new(self.single()?)));
        }
        if self.take(&Word::Open).is_some() {
            let filter = self.either()?;
            self.take(&Word::Close)?;
            return Some(filter);
        }
        let name = self.name()?;
        if self.words.peek() == Some(&Word::Open) {
            return self.function(&name);
        }
        let path = self.path(name);
        let how = self.name()?;
        if how == "in" {
            self.take(&Word::Open)?;
            let mut any_of = vec![self.literal()?];
            while self.take(&Word::Comma).is_some() {
                any_of.push(self.literal()?);
            }
            self.take(&Word::Close)?;
            return Some(Filter::In { path, any_of });
        }
        Some(Filter::Compare { path, how: How::named(&how)?, with: self.literal()? })
    }

    fn function(&mut self, name: &str) -> Option<Filter> {
        self.take(&Word::Open)?;
        let filter = if let Some(path) = name.strip_suffix("/any") {
            let variable = self.name()?;
            self.take(&Word::Colon)?;
            self.inside = Some(variable);
            let holds = Box::new(self.either()?);
            self.inside = None;
            Filter::Any { path: path.to_owned(), holds }
        } else {
            let path = self.name()?;
            let path = self.path(path);
            self.take(&Word::Comma)?;
            let Literal::Text(with) = self.literal()? else { return None };
            match name.to_ascii_lowercase().as_str() {
                "startswith" => Filter::Begins { path, with },
                "endswith" => Filter::Ends { path, with },
                _ => return None,
            }
        };
        self.take(&Word::Close)?;
        Some(filter)
    }

    /// Inside an `any`, `u/skuId` means `skuId` of the element and `u` the element.
    fn path(&self, name: String) -> String {
        let Some(rest) = self.inside.as_ref().and_then(|variable| name.strip_prefix(variable.as_str())) else { return name };
        rest.trim_start_matches('/').to_owned()
    }

    /// A literal; text is folded, as it is only ever compared.
    fn literal(&mut self) -> Option<Literal> {
        Some(match self.words.next()? {
            Word::Text(text) => Literal::Text(text.to_lowercase()),
            Word::Number(number) => Literal::Number(number),
            Word::Time(at) => Literal::Time(at),
            Word::Name(name) => match name.as_str() {
                "null" => Literal::Null,
                "true" => Literal::Bool(true),
                "false" => Literal::Bool(false),
                // a GUID stands without quotes
                _ => Literal::Text(name.to_lowercase()),
            },
            _ => return None,
        })
    }

    fn name(&mut self) -> Option<String> {
        match self.words.next()? {
            Word::Name(name) => Some(name),
            _ => None,
        }
    }

    fn take(&mut self, word: &Word) -> Option<Word> {
        self.words.next_if(|next| next == word)
    }

    fn keyword(&mut self, name: &str) -> Option<Word> {
        self.words.next_if(|next| matches!(next, Word::Name(known) if known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sample;

    impl Row for Sample {
        fn property(&self, name: &str) -> Option<Value<'_>> {
            Some(match name {
                "department" => Value::Text("Finance"),
                "enabled" => Value::Bool(true),
                "city" | "gone" => Value::Null,
                "at" => Value::Time("2027-01-11T08:00:00Z".parse().unwrap()),
                "status" => Value::Object(vec![("errorCode", Value::Number(50_126))]),
                "methods" => Value::texts(&["push", "mobilePhone"]),
                "licences" => {
                    Value::List(vec![Value::Object(vec![("skuId", Value::Text("c7df2760-2c81-4ef7-b578-5b5392b571df"))])])
                }
                _ => return None,
            })
        }
    }

    #[test]
    fn filters_mean_what_they_say() {
        let table = [
            ("department eq 'finance'", true),
            ("department ne 'Finance'", false),
            ("department in ('Sales', 'FINANCE')", true),
            ("startsWith(department,'fin') and enabled eq true", true),
            ("endsWith(department,'ance')", true),
            ("not(department eq 'Finance')", false),
            ("not department eq 'Finance' or enabled eq true", true),
            ("enabled eq false or (city eq null and department le 'G')", true),
            ("city eq 'Rome'", false),
            ("city ne 'Rome'", true),
            ("at ge 2027-01-11T08:00:00Z and at le 2027-01-11T08:00:00.0Z", true),
            ("at ge 2027-01-11T08:00:01Z", false),
            ("status/errorCode eq 50126", true),
            ("methods/any(x:x eq 'push')", true),
            ("methods/any(x:x eq 'email')", false),
            ("licences/any(u:u/skuId eq c7df2760-2c81-4ef7-b578-5b5392b571df)", true),
            ("licences/$count eq 0", false),
            ("licences/$count ne 0", true),
            // `and` binds before `or`
            ("enabled eq true or enabled eq true and enabled eq false", true),
        ];
        for (text, expected) in table {
            assert_eq!(Filter::read(text).unwrap().holds(&Sample), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "department", "department eq", "department like 'x'", "(a eq 'b'", "a eq 'b' c", "has(a,'b')", "a in ()"]
        {
            let refusal = Filter::read(text).unwrap_err();
            assert_eq!((refusal.status.as_u16(), refusal.code), (400, "BadRequest"), "{text}");
        }
    }

    #[test]
    fn advanced_filters_are_known_and_spans_are_found() {
        for (text, advanced) in [
            ("a eq 'b'", false),
            ("a in ('b')", false),
            ("a ne 'b'", true),
            ("a eq 'b' and not(c eq 'd')", true),
            ("endsWith(a,'b')", true),
            ("a/$count eq 0", true),
        ] {
            assert_eq!(Filter::read(text).unwrap().is_advanced(), advanced, "{text}");
        }
        let filter = Filter::read("at ge 2027-01-01T00:00:00Z and (x eq 'y') and at le 2027-01-02T00:00:00Z").unwrap();
        assert_eq!(filter.span("at"), ("2027-01-01T00:00:00Z".parse().unwrap(), "2027-01-02T00:00:00Z".parse().unwrap()));
    }
}
