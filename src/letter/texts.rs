//! The texts of notices by language and kind, built in or the operator's, and the letters that are written from them.
//!
//! Does not send, and does not judge an operator's text: that is `check`'s. Invariant: a letter about a date in force names it, or it is
//! not written.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use minijinja::{Environment, Value};

use crate::rollout::plan::Format;

use super::{Kind, Part, clean, dates, engine, html, markup, plain};

/// The language for everybody whose own is not there, and in which there is a text of every kind.
pub(super) const FALLBACK: &str = "en";

/// What stands before the subject of a letter that is only looked at.
const TEST: &str = "[Test, nothing is required of you]";

/// The built-in texts: language, kind, and the subject, an empty line and the body.
const BUILT_IN: [(&str, Kind, &str); 20] = [
    ("en", Kind::Announcement, include_str!("built_in/en/announcement.md")),
    ("en", Kind::Reminder, include_str!("built_in/en/reminder.md")),
    ("en", Kind::Correction, include_str!("built_in/en/correction.md")),
    ("en", Kind::Started, include_str!("built_in/en/started.md")),
    ("en", Kind::Ready, include_str!("built_in/en/ready.md")),
    ("en", Kind::Withdrawn, include_str!("built_in/en/withdrawn.md")),
    ("en", Kind::Released, include_str!("built_in/en/released.md")),
    ("en", Kind::Deferred, include_str!("built_in/en/deferred.md")),
    ("en", Kind::Exempt, include_str!("built_in/en/exempt.md")),
    ("en", Kind::Volunteered, include_str!("built_in/en/volunteered.md")),
    ("de", Kind::Announcement, include_str!("built_in/de/announcement.md")),
    ("de", Kind::Reminder, include_str!("built_in/de/reminder.md")),
    ("de", Kind::Correction, include_str!("built_in/de/correction.md")),
    ("de", Kind::Started, include_str!("built_in/de/started.md")),
    ("de", Kind::Ready, include_str!("built_in/de/ready.md")),
    ("de", Kind::Withdrawn, include_str!("built_in/de/withdrawn.md")),
    ("de", Kind::Released, include_str!("built_in/de/released.md")),
    ("de", Kind::Deferred, include_str!("built_in/de/deferred.md")),
    ("de", Kind::Exempt, include_str!("built_in/de/exempt.md")),
    ("de", Kind::Volunteered, include_str!("built_in/de/volunteered.md")),
];

/// Read once: simulations begin thousands of times.
static READ: LazyLock<Result<Templates, TextError>> = LazyLock::new(|| {
    let mut templates = Templates { engine: engine::environment(), there: BTreeSet::new() };
    for (language, kind, source) in built_in() {
        templates.add(language, kind, &source)?;
    }
    Ok(templates)
});

/// The built-in texts.
pub(super) fn built_in() -> impl Iterator<Item = (&'static str, Kind, Source)> {
    BUILT_IN.into_iter().map(|(language, kind, text)| {
        let (subject, body) = text.split_once("\n\n").unwrap_or((text, ""));
        (language, kind, Source { subject: subject.trim().to_owned(), body: body.to_owned() })
    })
}

/// Why a letter cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It cannot be read as a template, or prints what there is not.
    #[error("the {part} of the `{kind}` in `{language}` is no usable template: {why}")]
    Template {
        /// Which part of it.
        part: Part,
        /// The language.
        language: String,
        /// The kind.
        kind: Kind,
        /// The line of that part.
        line: Option<usize>,
        /// What the template engine says.
        why: String,
    },
    /// It holds what a letter may not hold.
    #[error("the body of the `{kind}` in `{language}` holds {what}")]
    Markup {
        /// The language.
        language: String,
        /// The kind.
        kind: Kind,
        /// What.
        what: markup::Refused,
    },
    /// It would not tell people what matters.
    #[error("the body of the `{kind}` in `{language}` does not name the date; write {{{{ date }}}} into it")]
    NoDate {
        /// The language.
        language: String,
        /// The kind.
        kind: Kind,
    },
    /// Empty subject.
    #[error("the subject of the `{kind}` in `{language}` is empty")]
    NoSubject {
        /// The language.
        language: String,
        /// The kind.
        kind: Kind,
    },
    /// The plan's zone is not in the zone data.
    #[error("the date cannot be written: {0}")]
    Date(String),
    /// There is no text at all.
    #[error("there is no text for a `{0}`")]
    Missing(Kind),
}

/// A text as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// One line, a template.
    pub subject: String,
    /// A template that makes light markup.
    pub body: String,
}

/// What all letters have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// The language of people whose own is not there.
    pub language: String,
    /// Where people can look up that a letter is genuine.
    pub verify: Option<String>,
    /// Which part of a letter a mail holds.
    pub format: Format,
}

impl Default for Style {
    fn default() -> Self {
        Self { language: FALLBACK.to_owned(), verify: None, format: Format::Html }
    }
}

/// What a letter says, and to whom.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The person's display name as the tenant holds it.
    pub display: Option<&'a str>,
    /// The person's preferred language, as `de-CH`.
    pub language: Option<&'a str>,
    /// Which notice it is.
    pub kind: Kind,
    /// The instant it is about.
    pub instant: Timestamp,
    /// The plan's zone (IANA), in which the date is written.
    pub time_zone: &'a str,
    /// How to get help.
    pub helpdesk: &'a str,
    /// Days for which Microsoft lets people without a method put it off.
    pub grace: u8,
}

/// A finished letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The language that it is written in.
    pub language: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as a page of HTML.
    pub html: String,
}

/// All texts.
#[derive(Clone)]
pub struct Texts {
    templates: Templates,
    style: Style,
}

#[derive(Clone)]
struct Templates {
    engine: Environment<'static>,
    there: BTreeSet<(String, Kind)>,
}

impl Texts {
    /// The built-in texts in English and German.
    pub fn built_in(style: Style) -> Result<Self, TextError> {
        Ok(Self { templates: READ.clone()?, style })
    }

    /// Sets or replaces the text of a language, such as `fr`, for a kind.
    pub fn set(&mut self, language: &str, kind: Kind, source: &Source) -> Result<(), TextError> {
        self.templates.add(&tag(language), kind, source)
    }

    /// What all letters have in common.
    #[must_use]
    pub const fn style(&self) -> &Style {
        &self.style
    }

    /// Which part of a letter a mail holds.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.style.format
    }

    /// The languages that have a text of some kind.
    #[must_use]
    pub fn languages(&self) -> BTreeSet<&str> {
        self.templates.there.iter().map(|(language, _)| language.as_str()).collect()
    }

    /// Whether a language has a text of its own for a kind.
    #[must_use]
    pub fn has(&self, language: &str, kind: Kind) -> bool {
        self.templates.there.contains(&(tag(language), kind))
    }

    /// Writes the letter to one person.
    pub fn write(&self, facts: &Facts<'_>) -> Result<Letter, TextError> {
        let draft = self.draft(facts)?;
        let subject = self.line(&draft)?;
        self.compose(&draft, subject)
    }

    /// The same letter for looking at: its subject says so.
    pub fn write_test(&self, facts: &Facts<'_>) -> Result<Letter, TextError> {
        let draft = self.draft(facts)?;
        let subject = format!("{TEST} {}", self.line(&draft)?);
        let letter = self.compose(&draft, subject)?;
        Ok(Letter { text: format!("{TEST}\n\n{}", letter.text), ..letter })
    }

    /// Only the subject.
    pub fn subject(&self, facts: &Facts<'_>) -> Result<String, TextError> {
        self.line(&self.draft(facts)?)
    }

    /// Everything that is known before anything is written.
    fn draft(&self, facts: &Facts<'_>) -> Result<Draft, TextError> {
        let kind = facts.kind;
        let language = self.language(facts.language, kind).ok_or(TextError::Missing(kind))?;
        let written =
            dates::write(facts.instant, facts.time_zone, &language).map_err(|error| TextError::Date(error.to_string()))?;
        let names = Value::from_pairs([
            ("name", Value::from(facts.display.and_then(clean::name))),
            ("day", Value::from(written.day.as_str())),
            ("date", Value::from(written.date.as_str())),
            ("date_utc", Value::from(written.date_utc.as_str())),
            ("zone", Value::from(facts.time_zone)),
            ("helpdesk", Value::from(clean::line(facts.helpdesk))),
            ("kind", Value::from(kind.word())),
            ("grace", Value::from(facts.grace)),
            ("verify", Value::from(self.style.verify.as_deref().map(clean::line))),
        ]);
        Ok(Draft { language, kind, date: written.date, names })
    }

    fn line(&self, draft: &Draft) -> Result<String, TextError> {
        let subject = clean::line(&self.render(draft, Part::Subject)?);
        if subject.is_empty() {
            return Err(TextError::NoSubject { language: draft.language.clone(), kind: draft.kind });
        }
        Ok(subject)
    }

    fn compose(&self, draft: &Draft, subject: String) -> Result<Letter, TextError> {
        let (language, kind) = (draft.language.clone(), draft.kind);
        let blocks = match markup::read(&self.render(draft, Part::Body)?) {
            Ok(blocks) => blocks,
            Err(what) => return Err(TextError::Markup { language, kind, what }),
        };
        let text = plain::write(&blocks);
        if kind.has_date() && !text.contains(&draft.date) {
            return Err(TextError::NoDate { language, kind });
        }
        let html = html::write(&language, &subject, &blocks);
        Ok(Letter { language, subject, text, html })
    }

    fn render(&self, draft: &Draft, part: Part) -> Result<String, TextError> {
        let template = self.templates.engine.get_template(&engine::name(&draft.language, draft.kind, part));
        template.and_then(|template| template.render(draft.names.clone())).map_err(|error| TextError::Template {
            part,
            language: draft.language.clone(),
            kind: draft.kind,
            line: error.line(),
            why: engine::says(&error),
        })
    }

    /// The closest language that has a text of this kind: `de-CH`, then `de`, then the plan's, then English.
    fn language(&self, preferred: Option<&str>, kind: Kind) -> Option<String> {
        let wishes = [preferred.unwrap_or_default(), &self.style.language, FALLBACK].map(tag);
        let chain = wishes.iter().flat_map(|wish| {
            std::iter::successors(Some(wish.as_str()), |longer| longer.rsplit_once('-').map(|(shorter, _)| shorter))
        });
        chain.map(str::to_owned).find(|language| self.templates.there.contains(&(language.clone(), kind)))
    }
}

/// One letter on its way.
struct Draft {
    language: String,
    kind: Kind,
    date: String,
    names: Value,
}

impl Templates {
    fn add(&mut self, language: &str, kind: Kind, source: &Source) -> Result<(), TextError> {
        for (part, text) in [(Part::Subject, &source.subject), (Part::Body, &source.body)] {
            let added = self.engine.add_template_owned(engine::name(language, kind, part), text.clone());
            let language = language.to_owned();
            added.map_err(|error| TextError::Template { part, language, kind, line: error.line(), why: engine::says(&error) })?;
        }
        self.there.insert((language.to_owned(), kind));
        Ok(())
    }
}

/// A language as it is compared: `de_CH` is `de-ch`.
fn tag(language: &str) -> String {
    language.trim().to_lowercase().replace('_', "-")
}
