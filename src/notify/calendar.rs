//! Calendar files: of a notice one entry at the instant from which MFA is required, of the helpdesk an entry for each date (RFC 5545; as
//! RFC 5546 publishes it, where somebody speaks for all entries).
//!
//! Pure. Invariants: a person has one entry, whatever they are told later: the same UID, and a SEQUENCE that only grows, so that
//! a calendar takes a later file for a newer date of the same entry; what others wrote never begins a line of its own.

use jiff::{SignedDuration, Timestamp};

use crate::rollout::id::ObjectId;

/// Longest line, in bytes without its end (RFC 5545, 3.1).
const LINE: usize = 75;

/// The entry marks a moment; calendars show one without a length badly.
const LENGTH: SignedDuration = SignedDuration::from_mins(15);

/// Whether an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Confirmed,
    /// Calendars take it out.
    Cancelled,
}

/// What the entry says.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The same for every version of the entry.
    pub uid: ObjectId,
    /// Higher than that of each earlier file.
    pub sequence: u64,
    /// When it is written.
    pub at: Timestamp,
    /// The moment that it is about.
    pub instant: Timestamp,
    /// Whether it stands, or is taken out.
    pub status: Status,
    /// Address of the mailbox that speaks for the rollout; an entry that is published to others must have one.
    pub organizer: Option<&'a str>,
    /// One line.
    pub summary: &'a str,
    /// The whole text.
    pub description: &'a str,
}

/// The file, with the line ends that the format asks for.
#[must_use]
pub fn write(entries: &[Entry<'_>]) -> String {
    let mut lines = vec!["BEGIN:VCALENDAR".to_owned(), "VERSION:2.0".to_owned(), "PRODID:-//Tidegate//Tidegate//EN".to_owned()];
    if entries.iter().all(|entry| entry.organizer.is_some()) {
        let gone = entries.iter().all(|entry| entry.status == Status::Cancelled);
        lines.push(format!("METHOD:{}", if gone { "CANCEL" } else { "PUBLISH" }));
    }
    for entry in entries {
        lines.extend(lines_of(entry));
    }
    lines.push("END:VCALENDAR".to_owned());
    lines.iter().map(|line| folded(line)).collect()
}

fn lines_of(entry: &Entry<'_>) -> Vec<String> {
    let end = entry.instant.checked_add(LENGTH).unwrap_or(entry.instant);
    // An INTEGER of the format has 31 bits.
    let sequence = entry.sequence.min(i32::MAX.unsigned_abs().into());
    let status = match entry.status {
        Status::Confirmed => "CONFIRMED",
        Status::Cancelled => "CANCELLED",
    };
    let mut lines = vec![
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}", entry.uid),
        format!("SEQUENCE:{sequence}"),
        format!("DTSTAMP:{}", utc(entry.at)),
        format!("DTSTART:{}", utc(entry.instant)),
        format!("DTEND:{}", utc(end)),
    ];
    lines.extend(entry.organizer.map(|organizer| format!("ORGANIZER:mailto:{}", address(organizer))));
    lines.extend([
        format!("SUMMARY:{}", text(entry.summary)),
        format!("DESCRIPTION:{}", text(entry.description)),
        // It takes nobody's time: the person stays free.
        "TRANSP:TRANSPARENT".to_owned(),
        format!("STATUS:{status}"),
        "END:VEVENT".to_owned(),
    ]);
    lines
}

/// A DATE-TIME in UTC, to the second.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A TEXT: its marks escaped, its line ends written out, other controls left out.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for letter in text.trim_end().chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\\' | ';' | ',' => out.extend(['\\', letter]),
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out
}

/// An address as a part of a URI: what could end the value is left out.
fn address(address: &str) -> String {
    address.chars().filter(|letter| !letter.is_control() && !letter.is_whitespace() && !"\"<>".contains(*letter)).collect()
}

/// A line and its end; a long one goes on in lines that begin with a space. Letters stay whole.
fn folded(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + line.len() / LINE * 3 + 2);
    let mut bytes = 0;
    for letter in line.chars() {
        if bytes + letter.len_utf8() > LINE {
            out.push_str("\r\n ");
            bytes = 1;
        }
        out.push(letter);
        bytes += letter.len_utf8();
    }
    out.push_str("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry<'a>(summary: &'a str, description: &'a str) -> Entry<'a> {
        Entry {
            uid: ObjectId::from_bits(0x6ea9_1a8d_e32e_41a1_b7bd_d2d1_85ee_d0e0),
            sequence: 12,
            at: "2026-12-12T07:30:05.25Z".parse().unwrap(),
            instant: "2027-01-11T08:00:00Z".parse().unwrap(),
            status: Status::Confirmed,
            organizer: Some("it-security@contoso.example"),
            summary,
            description,
        }
    }

    /// The lines as a reader puts them together again.
    fn unfolded(file: &str) -> Vec<String> {
        file.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_file_is_as_it_was() {
        let told = "Guten Tag Zoë; Müller, \\ Söhne,\n\nab 11. Januar 2027, 09:00 Uhr (Europe/Berlin, UTC+01:00) braucht Ihr Konto MFA.\n";
        let file = write(&[entry("Ihre Anmeldung braucht ab 11. Januar 2027 einen zweiten Schritt", told)]);
        let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/notice.ics");
        assert_eq!(file, std::fs::read_to_string(&kept).unwrap_or_default(), "{} differs", kept.display());
    }

    #[test]
    fn an_entry_that_does_not_stand_is_taken_out() {
        let file = write(&[Entry { status: Status::Cancelled, ..entry("s", "d") }]);
        let lines = unfolded(&file);
        assert!(["METHOD:CANCEL", "STATUS:CANCELLED"].iter().all(|line| lines.contains(&(*line).to_owned())), "{file}");
    }

    #[test]
    fn the_largest_sequence_is_one_that_calendars_read() {
        let file = write(&[Entry { sequence: u64::MAX, ..entry("s", "d") }]);
        assert!(unfolded(&file).contains(&"SEQUENCE:2147483647".to_owned()), "{file}");
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_notice_the_file_has_the_same_lines(
            summary in "\\PC{0,80}", description in "(?s).{0,400}", organizer in "(?s).{0,40}",
        ) {
            let file = write(&[Entry { organizer: Some(&organizer), ..entry(&summary, &description) }]);
            prop_assert!(file.split_terminator("\r\n").all(|line| line.len() <= LINE && !line.contains(['\r', '\n'])));
            let lines = unfolded(&file);
            let names: Vec<_> = lines.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
            let plain = unfolded(&write(&[entry("s", "d")]));
            let expected: Vec<_> = plain.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
            prop_assert_eq!(names, expected);
        }
    }
}
