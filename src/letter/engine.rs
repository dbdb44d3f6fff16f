//! The template engine, and what it may and may not do with a text.
//!
//! Knows no language and no kind. Invariants: whatever an expression prints is data, escaped for the markup around it; a name that there
//! is not, and a value that is not there, are errors; a text can reach no other text, no file, and no more work than a letter needs.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use super::markup;

/// What a text may use: the person's name (may be none), the day, the date in the plan's zone and in UTC, the zone, how to get help,
/// which notice it is, for how many days Microsoft lets people without a method put it off (14 under security defaults, else 0), and
/// where the date can be looked up (may be none).
pub const VARIABLES: [&str; 9] = ["name", "day", "date", "date_utc", "zone", "helpdesk", "kind", "grace", "verify"];

/// Work that one text may make: an instruction of the engine, or some bytes of output, cost one each. The longest built-in text costs
/// less than 300.
const FUEL: u64 = 10_000;

/// What is said when that is not enough.
pub(super) const TOO_MUCH: &str = "asks for more work than a letter needs: a loop without an end, or far too much text";
/// What is said of a value that is not there.
pub(super) const NOT_THERE: &str = "prints a value that is not there";

/// Templates by this ending are markup; all others are one plain line.
const BODY: &str = ".body";

/// An engine without texts.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(BODY) { AutoEscape::Custom("markup".into()) } else { AutoEscape::None }
    });
    environment.set_formatter(print);
    environment
}

/// The name of a text's part in the engine.
pub(super) fn name(language: &str, kind: super::Kind, part: super::Part) -> String {
    match part {
        super::Part::Subject => format!("{language}.{kind}.subject"),
        super::Part::Body => format!("{language}.{kind}{BODY}"),
    }
}

/// Prints a value. What the engine holds to be safe is not: a text cannot make its reader's name markup.
fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, NOT_THERE));
    }
    let written = match state.auto_escape() {
        AutoEscape::None => write!(out, "{value}"),
        _ => match value.as_str() {
            Some(text) => out.write_str(&markup::literal(text)),
            None => out.write_str(&markup::literal(&value.to_string())),
        },
    };
    written.map_err(Error::from)
}

/// What went wrong, without the line.
pub(super) fn says(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => TOO_MUCH.to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    }
}
