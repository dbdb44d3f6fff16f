//! Judges an operator's text before it is ever used: as it is written, and then filled in for every kind and every sort of person.
//!
//! Reads no file. Invariant: a text that passes can be written to everybody, and tells them the date in force, with its zone, and whom to
//! ask.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use minijinja::ErrorKind;

use super::markup::Refused;
use super::{Facts, Kind, Letter, Source, Style, TextError, Texts, VARIABLES, clean, engine, scan};

/// Longest subject, in characters: more is cut off in every list of mails.
const SUBJECT: usize = 200;
/// Longest letter, in characters of its plain text. The longest built-in one has less than 3,000.
const LETTER: usize = 10_000;
/// Longest source, in bytes.
const SOURCE: usize = 64 * 1024;

/// One of the two parts of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// One line.
    Subject,
    /// The letter itself.
    Body,
}

impl Part {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub part: Part,
    /// The line of that part, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// A variable that there is not, for who can suggest another.
    pub unknown: Option<String>,
}

/// What the plan gives to all texts.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    /// How to get help.
    pub helpdesk: &'a str,
    /// The plan's zone.
    pub time_zone: &'a str,
    /// What all letters have in common.
    pub style: &'a Style,
}

/// Everything that is wrong with a text that serves these kinds in a language.
#[must_use]
pub fn check(language: &str, kinds: &[Kind], source: &Source, given: &Given<'_>) -> Vec<Finding> {
    let own: Vec<&str> = std::iter::once(given.helpdesk).chain(given.style.verify.as_deref()).collect();
    let mut findings = Vec::new();
    for (part, text) in [(Part::Subject, &source.subject), (Part::Body, &source.body)] {
        as_written(part, text, &own, &mut findings);
    }
    // What is broken as it stands need not be filled in.
    if findings.is_empty() { filled_in(language, kinds, source, given, &own) } else { findings }
}

fn finding(part: Part, line: Option<usize>, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { part, line, message: message.into(), remedy: remedy.into(), unknown: None }
}

/// What can be seen without filling it in.
fn as_written(part: Part, text: &str, own: &[&str], findings: &mut Vec<Finding>) {
    if text.len() > SOURCE {
        findings.push(finding(part, None, format!("is longer than {SOURCE} bytes"), "shorten it: people read a page at most"));
        return;
    }
    if part == Part::Subject && text.chars().any(char::is_control) {
        findings.push(finding(part, None, "is not one line", "write the subject in one line"));
        return;
    }
    let found = scan::all(text, own);
    let reaches_out = found.iter().any(|found| found.message.contains("{%"));
    findings.extend(found.into_iter().map(|found| finding(part, Some(found.line), found.message, found.remedy)));
    let engine = engine::environment();
    match engine.template_from_str(text) {
        Err(_) if reaches_out => {}
        Err(error) => {
            let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let remedy = "close each {{ with }}, each {% with %}, and each {% if %} with {% endif %}";
            findings.push(finding(part, error.line(), format!("is not a template: {what}"), remedy));
        }
        Ok(template) => {
            let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
            for unknown in used.into_iter().filter(|name| !VARIABLES.contains(&name.as_str()) && !is_function(name)) {
                let line = text.lines().position(|line| line.contains(&unknown)).map(|at| at + 1);
                let message = format!("unknown variable `{unknown}`");
                findings.push(Finding { unknown: Some(unknown), ..finding(part, line, message, "") });
            }
        }
    }
}

/// Whether the engine has a function of this name: to it, these are variables.
fn is_function(name: &str) -> bool {
    matches!(name, "range" | "dict" | "namespace" | "debug")
}

/// A sort of person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    kind: Kind,
    display: Option<&'static str>,
    grace: u8,
}

/// What is seen when every sort of person gets the letter.
fn filled_in(language: &str, kinds: &[Kind], source: &Source, given: &Given<'_>, own: &[&str]) -> Vec<Finding> {
    let mut texts = match Texts::built_in(given.style.clone()) {
        Ok(texts) => texts,
        Err(error) => return vec![finding(Part::Body, None, error.to_string(), "this is a fault of the program: report it")],
    };
    let mut cases = Vec::new();
    for kind in kinds {
        if let Err(error) = texts.set(language, *kind, source) {
            return vec![of_error(&error, source)];
        }
        for display in [None, Some("Robin Example")] {
            cases.extend([0, 14].map(|grace| Case { kind: *kind, display, grace }));
        }
    }
    let mut found: Vec<(Finding, Vec<Case>)> = Vec::new();
    for case in &cases {
        let facts = Facts {
            display: case.display,
            language: Some(language),
            kind: case.kind,
            // With months, days and hours of two figures.
            instant: Timestamp::UNIX_EPOCH,
            time_zone: given.time_zone,
            helpdesk: given.helpdesk,
            grace: case.grace,
        };
        let findings = match texts.write(&facts) {
            Ok(letter) => of_letter(&letter, given, own),
            Err(error) => vec![of_error(&error, source)],
        };
        for finding in findings {
            match found.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, of)) => of.push(*case),
                None => found.push((finding, vec![*case])),
            }
        }
    }
    found
        .into_iter()
        .map(|(finding, of)| Finding { message: format!("{}{}", finding.message, whom(&of, &cases)), ..finding })
        .collect()
}

fn of_letter(letter: &Letter, given: &Given<'_>, own: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !letter.text.contains(&clean::line(given.helpdesk)) {
        let remedy = "write {{ helpdesk }} where people are told whom to ask";
        findings.push(finding(Part::Body, None, "does not say how to get help", remedy));
    }
    if letter.subject.chars().count() > SUBJECT {
        findings.push(finding(Part::Subject, None, format!("is longer than {SUBJECT} characters"), "shorten it"));
    }
    if letter.text.chars().count() > LETTER {
        let remedy = "shorten it: people read a page at most";
        findings.push(finding(Part::Body, None, format!("is longer than {LETTER} characters"), remedy));
    }
    // What a template puts together itself.
    for (part, text) in [(Part::Subject, &letter.subject), (Part::Body, &letter.text)] {
        if let Some(message) = text.lines().find_map(|line| scan::address(line, own)) {
            findings.push(finding(part, None, message, "notices hold no links but the plan's own"));
        }
    }
    findings
}

fn of_error(error: &TextError, source: &Source) -> Finding {
    match error {
        TextError::Template { part, line, why, .. } => {
            let none = ErrorKind::InvalidOperation.to_string();
            let message = format!("cannot be filled in: {}", why.strip_prefix(&format!("{none}: ")).unwrap_or(why));
            let remedy = match why {
                why if why == engine::TOO_MUCH => "take the loop out: a letter needs none",
                why if why.contains(engine::NOT_THERE) => "ask first, as in {% if name %} {{ name }}{% endif %}",
                _ => "correct the line",
            };
            finding(*part, *line, message, remedy)
        }
        TextError::Markup { what, .. } => {
            let marks: &[&str] = match what {
                Refused::Html => &["<"],
                Refused::Link => &["](", "<", "["],
                Refused::Picture => &["!["],
                Refused::Code => &["    ", "\t", "`", "~~~"],
                Refused::Nested => &["  - ", "  * ", "> - ", "> * ", "> 1", "- >", "  1", "  >", ">>", "> >"],
            };
            let line = source.body.lines().position(|line| marks.iter().any(|mark| line.contains(mark))).map(|at| at + 1);
            let remedy = "take it out: a text has paragraphs, ## headings, lists, a > box, **strong** and *gentle* words, each from \
                          the left edge";
            finding(Part::Body, line, format!("holds {what}"), remedy)
        }
        TextError::NoDate { .. } => {
            let line = source.body.lines().position(|line| line.contains("{{ day") || line.contains("{{ date"));
            let message = if source.body.contains("{{ day") || source.body.contains("{{ date_utc") {
                "does not name the date with its time and zone"
            } else {
                "does not name the date"
            };
            let remedy = "write {{ date }} where people are told from when on MFA is required";
            finding(Part::Body, line.map(|at| at + 1), message, remedy)
        }
        TextError::NoSubject { .. } => finding(Part::Subject, None, "is empty", "write what the letter is about"),
        TextError::Date(_) | TextError::Missing(_) => {
            finding(Part::Body, None, error.to_string(), "correct `tenant.time_zone` of the plan")
        }
    }
}

/// Whom a finding concerns, where that is not everybody.
fn whom(of: &[Case], all: &[Case]) -> String {
    let mut says = String::new();
    if of.len() == all.len() {
        return says;
    }
    let kinds = |cases: &[Case]| cases.iter().map(|case| case.kind).collect::<BTreeSet<_>>();
    if kinds(of).len() < kinds(all).len() {
        let words: Vec<String> = kinds(of).iter().map(|kind| format!("`{kind}`")).collect();
        says.extend([", in a notice of kind ", &words.join(", ")]);
    }
    for (is, text) in [
        (of.iter().all(|case| case.display.is_none()), ", to a person without a name"),
        (of.iter().all(|case| case.display.is_some()), ", to a person with a name"),
        (of.iter().all(|case| case.grace == 0), ", where there is no grace period"),
        (of.iter().all(|case| case.grace > 0), ", where there is a grace period"),
    ] {
        if is {
            says.push_str(text);
        }
    }
    says
}
