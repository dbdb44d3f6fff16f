//! Hand-outs: letters to print for people whom no mail reaches, a poster, and a page for the intranet. Self-contained HTML.
//!
//! Does not decide who gets one, and sends nothing. Invariants: whatever others wrote is escaped by the template engine; nothing is
//! loaded from anywhere, which the page itself forbids; poster and page hold no personal data.

use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::{clean, dates};

pub mod lists;

/// One letter.
#[derive(Clone, Debug)]
pub struct Addressee {
    /// Display name as the tenant holds it: foreign text.
    pub display: Option<String>,
    /// User principal name.
    pub account: Option<String>,
    /// Preferred language, as `de-DE`.
    pub language: Option<String>,
    /// From when on MFA is required of them.
    pub instant: Timestamp,
}

/// One date of the poster and the page.
#[derive(Clone, Debug)]
pub struct Dated {
    /// The stage's name.
    pub name: String,
    /// Its start in force.
    pub instant: Timestamp,
    /// Whether that date still stands.
    pub standing: Standing,
}

/// Whether a date stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is ahead, or under way.
    Holds,
    /// It has come, and the stage is over.
    Over,
    /// The stage does not happen at this date.
    Off,
}

/// What all hand-outs share.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The plan's zone (IANA).
    pub time_zone: &'a str,
    /// How to get help.
    pub helpdesk: &'a str,
    /// The language of whoever has none of their own: `en` or `de`.
    pub language: &'a str,
    /// When they are made.
    pub now: Timestamp,
}

/// A hand-out that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hand-out cannot be written: {0}")]
pub struct Unwritten(String);

impl Unwritten {
    /// For this reason.
    pub(super) const fn because(why: String) -> Self {
        Self(why)
    }
}

const TEMPLATES: [(&str, &str); 13] = [
    ("frame.html", include_str!("frame.html")),
    ("letter.en.html", include_str!("letter.en.html")),
    ("letter.de.html", include_str!("letter.de.html")),
    ("poster.en.html", include_str!("poster.en.html")),
    ("poster.de.html", include_str!("poster.de.html")),
    ("page.en.html", include_str!("page.en.html")),
    ("page.de.html", include_str!("page.de.html")),
    ("dates.en.html", include_str!("dates.en.html")),
    ("dates.de.html", include_str!("dates.de.html")),
    ("list.en.html", include_str!("list.en.html")),
    ("list.de.html", include_str!("list.de.html")),
    ("index.en.html", include_str!("index.en.html")),
    ("index.de.html", include_str!("index.de.html")),
];

/// Letters, one sheet each.
pub fn letters(setting: Setting<'_>, people: &[Addressee]) -> Result<String, Unwritten> {
    let press = Press::new(setting)?;
    let mut sheets = String::new();
    for person in people {
        let language = language(person.language.as_deref().unwrap_or(setting.language));
        let written = press.date(person.instant, language)?;
        let facts = Value::from_pairs([
            ("name", Value::from(person.display.as_deref().and_then(clean::name))),
            ("account", Value::from(person.account.as_deref().map(clean::line))),
            ("day", Value::from(written.day)),
            ("date", Value::from(written.date)),
            ("date_utc", Value::from(written.date_utc)),
            ("helpdesk", Value::from(setting.helpdesk)),
        ]);
        sheets.push_str(&press.render(&format!("letter.{language}.html"), facts)?);
        sheets.push('\n');
    }
    let title = if press.language == "de" { "Briefe zum Aushändigen" } else { "Letters to hand over" };
    press.framed("letters", title, sheets)
}

/// A poster with each date and what to do.
pub fn poster(setting: Setting<'_>, dates: &[Dated]) -> Result<String, Unwritten> {
    let ahead: Vec<Dated> = dates.iter().filter(|dated| dated.standing == Standing::Holds).cloned().collect();
    let title =
        if language(setting.language) == "de" { "Anmelden mit einem zweiten Schritt" } else { "Signing in with a second step" };
    sheet(setting, "poster", title, &ahead)
}

/// A page by which everybody can check what their mail says.
pub fn page(setting: Setting<'_>, dates: &[Dated]) -> Result<String, Unwritten> {
    let title = if language(setting.language) == "de" {
        "Termine der mehrstufigen Anmeldung"
    } else {
        "Dates of multi-factor authentication"
    };
    sheet(setting, "page", title, dates)
}

fn sheet(setting: Setting<'_>, kind: &str, title: &str, dates: &[Dated]) -> Result<String, Unwritten> {
    let press = Press::new(setting)?;
    let mut rows = Vec::new();
    for dated in dates {
        let state = match dated.standing {
            Standing::Holds => "holds",
            Standing::Over => "over",
            Standing::Off => "off",
        };
        let date = press.date(dated.instant, press.language)?.date;
        let pairs = [("name", Value::from(clean::line(&dated.name))), ("date", Value::from(date)), ("state", Value::from(state))];
        rows.push(Value::from_pairs(pairs));
    }
    let table = press.render(&format!("dates.{}.html", press.language), Value::from_pairs([("rows", Value::from(rows))]))?;
    let facts = Value::from_pairs([
        ("dates", Value::from_safe_string(table)),
        ("helpdesk", Value::from(setting.helpdesk)),
        ("as_of", Value::from(press.date(setting.now, press.language)?.date)),
    ]);
    let content = press.render(&format!("{kind}.{}.html", press.language), facts)?;
    press.framed(kind, title, content)
}

/// The templates, ready.
struct Press<'a> {
    templates: Environment<'static>,
    setting: Setting<'a>,
    language: &'static str,
}

impl<'a> Press<'a> {
    fn new(setting: Setting<'a>) -> Result<Self, Unwritten> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        for (name, source) in TEMPLATES {
            templates.add_template(name, source).map_err(|error| Unwritten(error.to_string()))?;
        }
        Ok(Self { templates, setting, language: language(setting.language) })
    }

    fn date(&self, instant: Timestamp, language: &str) -> Result<dates::Written, Unwritten> {
        dates::write(instant, self.setting.time_zone, language).map_err(|error| Unwritten(error.to_string()))
    }

    fn render(&self, name: &str, facts: Value) -> Result<String, Unwritten> {
        let template = self.templates.get_template(name);
        template.and_then(|template| template.render(facts)).map_err(|error| Unwritten(error.to_string()))
    }

    fn framed(&self, kind: &str, title: &str, content: String) -> Result<String, Unwritten> {
        let facts = Value::from_pairs([
            ("language", Value::from(self.language)),
            ("kind", Value::from(kind)),
            ("title", Value::from(title)),
            ("style", Value::from_safe_string(include_str!("style.css").to_owned())),
            ("content", Value::from_safe_string(content)),
        ]);
        self.render("frame.html", facts)
    }
}

/// The closest language that there is.
fn language(wanted: &str) -> &'static str {
    let base = wanted.split(['-', '_']).next().unwrap_or_default();
    if base.eq_ignore_ascii_case("de") { "de" } else { "en" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting<'static> = Setting {
        time_zone: "Europe/Berlin",
        helpdesk: "ext. 1 & <help@contoso.example>",
        language: "en",
        now: Timestamp::UNIX_EPOCH,
    };

    fn instant() -> Timestamp {
        "2027-01-11T08:00:00Z".parse().unwrap()
    }

    fn to(display: &str, language: &str) -> Addressee {
        let (display, language) = (Some(display.to_owned()), Some(language.to_owned()));
        Addressee { display, account: Some("ada@contoso.example".to_owned()), language, instant: instant() }
    }

    #[test]
    fn each_letter_is_in_its_readers_language_and_names_the_instant_in_the_zone() {
        let html = letters(SETTING, &[to("Ada", "en-GB"), to("Zoë", "de-CH"), to("Jean", "fr")]).unwrap();
        assert_eq!(html.matches("class=\"sheet\"").count(), 3);
        assert_eq!(html.matches("<section class=\"sheet\" lang=\"de\">").count(), 1);
        for says in [
            "Hello Ada,",
            "Guten Tag Zoë,",
            "Monday, 11 January 2027, at 09:00 (Europe&#x2f;Berlin, UTC+01:00)",
            "Montag, 11. Januar 2027, um 09:00 Uhr",
            "ada@contoso.example",
            "ext. 1 &amp; &lt;help@contoso.example&gt;",
            "Signature of the receiver",
        ] {
            assert!(html.contains(says), "{says}: {html}");
        }
    }

    #[test]
    fn hostile_names_are_only_text() {
        let plain = letters(SETTING, &[to("Ada", "en")]).unwrap();
        let tags = |html: &str| html.matches('<').count();
        for name in [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "{{ 7 * 7 }}{% raw %}",
            "a\r\n<style>*{display:none}</style>",
            "\u{202e}</section></main>",
            "&lt;b&gt;",
        ] {
            let person = Addressee { account: Some(name.to_owned()), ..to(name, "en") };
            let html = letters(SETTING, &[person]).unwrap();
            assert_eq!(tags(&html), tags(&plain), "{name:?}");
            assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}') && !html.contains(">49<"));
            let dated = Dated { name: name.to_owned(), instant: instant(), standing: Standing::Holds };
            let rows = |name: &str| vec![Dated { name: name.to_owned(), ..dated.clone() }];
            for make in [poster, page] {
                assert_eq!(tags(&make(SETTING, &rows(name)).unwrap()), tags(&make(SETTING, &rows("pilot")).unwrap()), "{name:?}");
            }
        }
    }

    #[test]
    fn the_poster_shows_what_is_ahead_and_the_page_everything() {
        let dated = |name: &str, standing| Dated { name: name.to_owned(), instant: instant(), standing };
        let dates = [dated("pilot", Standing::Over), dated("sales", Standing::Holds), dated("plant", Standing::Off)];
        for (language, done, other) in [("en", "(done)", "a new one is told"), ("de", "(erledigt)", "ein neuer wird mitgeteilt")]
        {
            let setting = Setting { language, ..SETTING };
            let (poster, page) = (poster(setting, &dates).unwrap(), page(setting, &dates).unwrap());
            assert!(poster.contains("sales") && !poster.contains("pilot") && !poster.contains("plant"), "{poster}");
            assert!(page.contains("pilot") && page.contains("plant") && page.contains(done) && page.contains(other), "{page}");
            for html in [poster, page] {
                assert!(html.contains(&format!("<html lang=\"{language}\">")) && html.contains("aka.ms/mysecurityinfo"));
                assert!(!html.contains("http://") && !html.contains("https://"), "nothing is loaded from anywhere");
            }
        }
    }
}
