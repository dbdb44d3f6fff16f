//! The texts of notices: subject and body per language, built in or the operator's.
//!
//! Plain text, never HTML. Does not send. Invariant: a text that does not name the date, or does not render for every kind of notice,
//! is refused when it is loaded, so that no mail goes out without its date.

use std::collections::BTreeSet;

use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::{clean, dates};
use crate::rollout::event::Slot;

/// The language for everybody whose own is not there.
const FALLBACK: &str = "en";

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It cannot be read as a template, or uses a name that there is not.
    #[error("the {part} in `{language}` is no usable template: {why}")]
    Template {
        /// `subject` or `body`.
        part: &'static str,
        /// The language.
        language: String,
        /// What the template engine says.
        why: String,
    },
    /// It would tell people nothing.
    #[error("the body in `{language}` does not name the date; write {{{{ date }}}} into it")]
    NoDate {
        /// The language.
        language: String,
    },
    /// Empty subject.
    #[error("the subject in `{language}` is empty")]
    NoSubject {
        /// The language.
        language: String,
    },
    /// The plan's zone is not in the zone data.
    #[error("the date cannot be written: {0}")]
    Date(String),
}

/// Subject and body per language.
pub struct Texts {
    templates: Environment<'static>,
    languages: BTreeSet<String>,
}

/// What a text may say.
#[derive(Clone, Debug)]
pub(super) struct Facts<'a> {
    pub(super) display: Option<&'a str>,
    pub(super) language: Option<&'a str>,
    pub(super) slot: Slot,
    pub(super) instant: Timestamp,
    pub(super) time_zone: &'a str,
    pub(super) helpdesk: &'a str,
    /// Days for which Microsoft lets people without a method put it off.
    pub(super) grace: u8,
}

/// A finished text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) body: String,
}

impl Texts {
    /// These texts: language, subject and body each. English must be among them.
    pub fn new<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Result<Self, TextError> {
        let mut all = Self::built_in()?;
        texts.into_iter().try_for_each(|(language, subject, body)| all.set(language, subject, body))?;
        Ok(all)
    }

    /// The built-in texts in English and German.
    pub fn built_in() -> Result<Self, TextError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|_| AutoEscape::None);
        let mut texts = Self { templates, languages: BTreeSet::new() };
        texts.set("en", include_str!("templates/en.subject.txt"), include_str!("templates/en.body.txt"))?;
        texts.set("de", include_str!("templates/de.subject.txt"), include_str!("templates/de.body.txt"))?;
        Ok(texts)
    }

    /// Sets or replaces the text of a language, such as `fr`. Names for templates: `name` (may be none), `day`, `date`, `date_utc`,
    /// `zone`, `helpdesk`, `kind` (`announcement`, `reminder` or `correction`), and `grace` (days, 0 but under security defaults).
    pub fn set(&mut self, language: &str, subject: &str, body: &str) -> Result<(), TextError> {
        let language = language.to_lowercase();
        for (part, source) in [("subject", subject), ("body", body)] {
            let added = self.templates.add_template_owned(format!("{language}.{part}"), source.to_owned());
            added.map_err(|error| TextError::Template { part, language: language.clone(), why: error.to_string() })?;
        }
        self.languages.insert(language.clone());
        let instant = Timestamp::UNIX_EPOCH;
        for slot in [Slot::Announcement, Slot::Reminder(1), Slot::Correction] {
            for (display, grace) in [(None, 0), (Some("Robin Example"), 14)] {
                let facts = Facts {
                    display,
                    language: Some(&language),
                    slot,
                    instant,
                    time_zone: "UTC",
                    helpdesk: "the help desk, ext. 1",
                    grace,
                };
                self.write(&facts)?;
            }
        }
        Ok(())
    }

    /// Writes the text for one person.
    pub(super) fn write(&self, facts: &Facts<'_>) -> Result<Letter, TextError> {
        let language = self.language(facts.language);
        let written =
            dates::write(facts.instant, facts.time_zone, &language).map_err(|error| TextError::Date(error.to_string()))?;
        let kind = match facts.slot {
            Slot::Announcement => "announcement",
            Slot::Reminder(_) => "reminder",
            Slot::Correction => "correction",
            Slot::Ready => "ready",
            Slot::Withdrawn => "withdrawn",
            Slot::Deferred => "deferred",
            Slot::Exempt => "exempt",
            Slot::Volunteered => "volunteered",
        };
        let names = Value::from_pairs([
            ("name", Value::from(facts.display.and_then(clean::name))),
            ("day", Value::from(written.day.as_str())),
            ("date", Value::from(written.date.as_str())),
            ("date_utc", Value::from(written.date_utc.as_str())),
            ("zone", Value::from(facts.time_zone)),
            ("helpdesk", Value::from(facts.helpdesk)),
            ("kind", Value::from(kind)),
            ("grace", Value::from(facts.grace)),
        ]);
        let render = |part: &'static str| {
            let template = self.templates.get_template(&format!("{language}.{part}"));
            template.and_then(|template| template.render(names.clone())).map_err(|error| TextError::Template {
                part,
                language: language.clone(),
                why: error.to_string(),
            })
        };
        let (subject, body) = (clean::line(&render("subject")?), render("body")?);
        if subject.is_empty() {
            return Err(TextError::NoSubject { language });
        }
        if !body.contains(&written.date) {
            return Err(TextError::NoDate { language });
        }
        Ok(Letter { subject, body })
    }

    /// The closest language there is: `de-CH`, then `de`, then English.
    fn language(&self, preferred: Option<&str>) -> String {
        let preferred = preferred.unwrap_or(FALLBACK).to_lowercase();
        let base = preferred.split(['-', '_']).next().unwrap_or(FALLBACK);
        [preferred.as_str(), base].into_iter().find(|language| self.languages.contains(*language)).unwrap_or(FALLBACK).to_owned()
    }
}
