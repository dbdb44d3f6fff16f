//! Lists of people in CSV files: one person per line, in a known column or the first.
//!
//! Judges each line by a given function. Invariant: a list is taken whole or refused with line and column of every fault.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::{self, FileError};
use super::problem::Problem;
use super::value::Wrong;
use crate::rollout::id::PersonRef;

/// Headers of the column that names a person, best first; compared without case, spaces, `_` and `-`.
const COLUMNS: [&str; 6] = ["userprincipalname", "upn", "objectid", "id", "email", "mail"];
/// After so many faults a list is not the list that was meant.
const MOST_FAULTS: usize = 20;

/// Why a list is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// It cannot be read at all.
    File(FileError),
    /// These lines are wrong.
    Lines(Vec<Problem>),
}

/// The people of the list, and warnings about those who are in it twice.
pub(super) fn read(
    file: &Path,
    person: impl Fn(&str) -> Result<PersonRef, Wrong>,
) -> Result<(Vec<PersonRef>, Vec<Problem>), Refused> {
    let text = files::text(file, files::LIST).map_err(Refused::File)?;
    parse(&file.display().to_string(), &text, person)
}

fn parse(
    file: &str,
    text: &str,
    person: impl Fn(&str) -> Result<PersonRef, Wrong>,
) -> Result<(Vec<PersonRef>, Vec<Problem>), Refused> {
    let mut faults = blank_lines(file, text);
    let first_line = text.lines().next().unwrap_or_default();
    let delimiter = if first_line.contains(';') && !first_line.contains(',') { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut column = 0;
    let mut seen = BTreeMap::new();
    let (mut people, mut warnings) = (Vec::new(), Vec::new());
    for (index, record) in reader.records().enumerate() {
        let Ok(record) = record else {
            faults.push(Problem::file(file, "is not CSV", "write one person a line").at(index + 1, 1));
            break;
        };
        let line = line_of(text, &record);
        if index == 0
            && let Some(header) = header(&record)
        {
            column = header;
            continue;
        }
        if record.iter().all(|field| field.trim().is_empty()) {
            // A blank line has been reported; one of separators only has not.
            if record.len() > 1 {
                faults.push(Problem::file(file, "empty line", "take the line out").at(line, 1));
            }
            continue;
        }
        let field = record.get(column).unwrap_or_default();
        let place = 1 + record.iter().take(column).map(|field| field.chars().count() + 1).sum::<usize>();
        match person(field.trim()) {
            Ok(person) => match seen.insert(person, line) {
                None => people.push(person),
                Some(earlier) => {
                    let message = format!("is in this list already, in line {earlier}");
                    warnings.push(Problem::file(file, message, "take one of the two out").at(line, place).warning());
                }
            },
            Err(_) if record.len() <= column => {
                let message = format!("has no column {}, where people stand", column + 1);
                faults.push(Problem::file(file, message, "complete the line or take it out").at(line, 1));
            }
            Err(wrong) => faults.push(Problem::file(file, wrong.message, wrong.remedy).at(line, place)),
        }
    }
    if people.is_empty() && faults.is_empty() {
        faults.push(Problem::file(file, "holds nobody", "write one user principal name or object id a line").at(1, 1));
    }
    if faults.is_empty() {
        return Ok((people, warnings));
    }
    faults.sort_by_key(|fault| (fault.line, fault.column));
    let more = faults.len().saturating_sub(MOST_FAULTS);
    faults.truncate(MOST_FAULTS);
    if more > 0 {
        faults.push(Problem::file(file, format!("{more} more lines are wrong"), "is this the right file?"));
    }
    Err(Refused::Lines(faults))
}

fn blank_lines(file: &str, text: &str) -> Vec<Problem> {
    let blank = text.lines().enumerate().filter(|(_, line)| line.trim().is_empty());
    blank.map(|(index, _)| Problem::file(file, "empty line", "take the line out").at(index + 1, 1)).collect()
}

/// The line of a record; the reader's position may lie before line ends that it skips.
pub(super) fn line_of(text: &str, record: &csv::StringRecord) -> usize {
    let Some(position) = record.position() else { return 1 };
    let start = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let skipped = start.chars().take_while(|c| ['\r', '\n'].contains(c)).filter(|c| *c == '\n').count();
    usize::try_from(position.line()).unwrap_or(usize::MAX).saturating_add(skipped)
}

/// The column that names a person, when this record is a header.
fn header(record: &csv::StringRecord) -> Option<usize> {
    let plain =
        |field: &str| field.chars().filter(|c| !c.is_whitespace() && !['_', '-'].contains(c)).collect::<String>().to_lowercase();
    let fields: Vec<String> = record.iter().map(plain).collect();
    COLUMNS.iter().find_map(|known| fields.iter().position(|field| field == known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(text: &str) -> Result<PersonRef, Wrong> {
        if text.contains('@') { Ok(PersonRef::new("t", text)) } else { Err(Wrong::new("no name", "write one")) }
    }

    #[test]
    fn people_are_found_in_their_column() {
        let table = [
            ("a@x\nb@x\n", 2),
            ("upn\na@x\n", 1),
            ("Name,User Principal Name\nAnn,a@x\n\"B, Bo\",b@x\n", 2),
            ("Name;UPN\r\nAnn;a@x\r\n", 1),
            ("a@x,Ann\nb@x,Bo", 2),
        ];
        for (text, count) in table {
            let (people, warnings) = parse("l.csv", text, person).unwrap();
            assert_eq!((people.len(), warnings.len()), (count, 0), "{text}");
        }
    }

    #[test]
    fn faults_have_line_and_column() {
        let table = [
            ("a@x\nbob\n", "l.csv:2:1: no name; write one"),
            ("name,upn\nAnn,a@x\nBo,bob\n", "l.csv:3:4: no name; write one"),
            ("a@x\n\nb@x\n", "l.csv:2:1: empty line; take the line out"),
            ("name,upn\nAnn\n", "l.csv:2:1: has no column 2, where people stand; complete the line or take it out"),
            ("a@x\r\nbob\r\n", "l.csv:2:1: no name; write one"),
            ("\n\nbob\n", "l.csv:1:1: empty line; take the line out"),
            ("upn\n", "l.csv:1:1: holds nobody; write one user principal name or object id a line"),
            ("", "l.csv:1:1: holds nobody; write one user principal name or object id a line"),
        ];
        for (text, expected) in table {
            let Err(Refused::Lines(faults)) = parse("l.csv", text, person) else { unreachable!("{text}") };
            assert_eq!(faults.first().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn lines_are_counted_over_blank_and_quoted_ones() {
        let text = "name,upn\r\n\"B\nBo\",b@x\r\n\r\n\r\nCy,cy\r\n";
        let Err(Refused::Lines(faults)) = parse("l.csv", text, person) else { unreachable!() };
        assert_eq!(faults.iter().map(|fault| fault.line.unwrap()).collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn someone_named_twice_is_a_warning() {
        let (people, warnings) = parse("l.csv", "a@x\nA@X\n", person).unwrap();
        assert_eq!(people.len(), 1);
        assert_eq!(
            warnings.first().unwrap().to_string(),
            "l.csv:2:1: warning: is in this list already, in line 1; take one of the two out"
        );
    }
}
