//! A list of notices that came back, as an operator supplies it: `person,at` and, if known, `why`.
//!
//! Matches nothing and asks no tenant. Invariant: a list is taken whole or refused with line and column of every fault; reasons are one
//! line without addresses, because they go into the journal.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::calendar;
use super::csv_list::line_of;
use super::files;
use super::people::is_principal_name;
use super::problem::{Problem, Problems};
use super::value;
use crate::rollout::id::{ObjectId, PersonRef};

/// Longest reason that is kept, in characters.
const WHY: usize = 200;
/// After so many faults a list is not the list that was meant.
const MOST_FAULTS: usize = 20;

/// One notice that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BouncedLine {
    /// Whose.
    pub person: PersonRef,
    /// When it came back.
    pub at: Timestamp,
    /// Why, as far as somebody knows.
    pub why: Option<String>,
    /// The line of the list.
    pub line: usize,
}

/// Reads the list at `file`, for the plan of `tenant` whose zone is `zone`. Blocks on the file system.
pub fn bounced(file: &Path, tenant: &str, zone: &TimeZone) -> Result<Vec<BouncedLine>, Problems> {
    let name = file.display().to_string();
    let text = files::text(file, files::LIST)
        .map_err(|error| Problem::file(&name, format!("cannot be read: {error}"), "name a readable file"))?;
    parse(&name, &text, tenant, zone)
}

fn parse(file: &str, text: &str, tenant: &str, zone: &TimeZone) -> Result<Vec<BouncedLine>, Problems> {
    const HEADER: &str = "begin with a line `person,at` or `person,at,why`";
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|_| Problem::file(file, "is not CSV", HEADER).at(1, 1))?;
    let names: Vec<String> = header.iter().map(str::to_lowercase).collect();
    let column = |name: &str| names.iter().position(|known| known == name);
    let (Some(person), Some(at)) = (column("person"), column("at")) else {
        return Err(Problem::file(file, "lacks the column `person` or `at`", HEADER).at(1, 1).into());
    };
    let why = column("why");
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let Ok(record) = record else {
            faults.push(Problem::file(file, "is not CSV", "write one notice a line"));
            break;
        };
        let line = line_of(text, &record);
        let field = |column: usize| record.get(column).unwrap_or_default();
        let place = |column: usize| 1 + record.iter().take(column).map(|field| field.chars().count() + 1).sum::<usize>();
        let who = field(person);
        if who.parse::<ObjectId>().is_err() && !is_principal_name(who) {
            let remedy = "write one such as \"ann@contoso.com\"";
            faults.push(Problem::file(file, "is neither an object id nor a user principal name", remedy).at(line, place(person)));
            continue;
        }
        match value::when(field(at)).map(|when| calendar::beginning(when, zone)) {
            Ok(Some(instant)) => {
                lines.push(BouncedLine {
                    person: PersonRef::new(tenant, who),
                    at: instant,
                    why: why.map(field).and_then(reason),
                    line,
                });
            }
            Ok(None) => {
                faults.push(Problem::file(file, "is no time", "write one such as \"2027-01-11T09:00:00\"").at(line, place(at)));
            }
            Err(wrong) => faults.push(Problem::file(file, wrong.message, wrong.remedy).at(line, place(at))),
        }
    }
    if lines.is_empty() && faults.is_empty() {
        faults.push(Problem::file(file, "holds nothing", "write one notice a line").at(1, 1));
    }
    if faults.is_empty() {
        return Ok(lines);
    }
    let more = faults.len().saturating_sub(MOST_FAULTS);
    faults.truncate(MOST_FAULTS);
    if more > 0 {
        faults.push(Problem::file(file, format!("{more} more lines are wrong"), "is this the right file?"));
    }
    Err(Problems(faults))
}

/// One line without controls, and without words that may be an address.
fn reason(text: &str) -> Option<String> {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().map(|word| if word.contains('@') { "(address)" } else { word }).collect();
    let line: String = words.join(" ").chars().take(WHY).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<BouncedLine>, String> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        parse("b.csv", text, "contoso.com", &zone).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_list_is_read_in_any_order_of_its_columns() {
        let ann = PersonRef::new("contoso.com", "ann@contoso.com");
        let at: Timestamp = "2027-01-11T08:00:00Z".parse().unwrap();
        let line = |why: Option<&str>| BouncedLine { person: ann, at, why: why.map(str::to_owned), line: 2 };
        for (text, why) in [
            ("person,at\nAnn@contoso.com,2027-01-11T08:00:00Z\n", None),
            ("At;Person;Why\r\n2027-01-11T09:00:00; ann@contoso.com ;mailbox full\r\n", Some("mailbox full")),
            ("person,at,why\nann@contoso.com,2027-01-11T09:00:00+01:00,\n", None),
            (
                "person,at,why\nann@contoso.com,2027-01-11T08:00:00Z,\"550 5.1.1 <ann@contoso.com>: no\nsuch\"\n",
                Some("550 5.1.1 (address) no such"),
            ),
        ] {
            assert_eq!(read(text), Ok(vec![line(why)]), "{text}");
        }
        assert_eq!(
            read("person,at\n0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9,2027-01-11\n").unwrap()[0].at.to_string(),
            "2027-01-10T23:00:00Z"
        );
    }

    #[test]
    fn a_fault_is_named_with_its_place() {
        for (text, expected) in [
            ("upn,at\na@b,2027-01-11\n", "b.csv:1:1: lacks the column"),
            ("", "b.csv:1:1: lacks the column"),
            ("person,at\n", "b.csv:1:1: holds nothing"),
            ("person,at\nann,2027-01-11\n", "b.csv:2:1: is neither an object id"),
            ("person,at\nann@contoso.com,11.01.2027\n", "b.csv:2:17: `11.01.2027` is not a date"),
            ("person,at\nann@contoso.com\n", "b.csv:2:17: `` is not a date"),
            ("person,at\r\nann@contoso.com,2027-01-11\r\nann,2027-01-11\r\n", "b.csv:3:1: is neither an object id"),
        ] {
            let problems = read(text).unwrap_err();
            assert!(problems.starts_with(expected), "{text}: {problems}");
        }
        let many = format!("person,at\n{}", "x,y\n".repeat(100));
        assert_eq!(read(&many).unwrap_err().lines().count(), MOST_FAULTS + 1);
    }
}
