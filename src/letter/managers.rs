//! The list that a manager gets by mail: which of their people are not ready yet.
//!
//! It is no notice, has no kind and promises nothing. Does not decide who is on it. Invariants: names are data and never template, markup
//! or header; a list names its own people and nobody else's.

use std::sync::LazyLock;

use jiff::Timestamp;
use minijinja::{Environment, Value};

use super::handouts::Unwritten;
use super::handouts::lists::{Named, readiness};
use super::markup::{Block, Item, Span, Voice};
use super::texts::FALLBACK;
use super::{Letter, Style, clean, dates, engine, html, markup, plain};
use crate::rollout::observed::Readiness;

/// More people are counted, and not named.
pub const MOST: usize = 300;

/// Where the people stand in the text.
const PEOPLE: &str = "{{ people }}\n";

/// The built-in texts: subject, an empty line and the body.
const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("built_in/en/managers.md")), ("de", include_str!("built_in/de/managers.md"))];

/// Read once. Bodies are markup; see [`engine`].
static READ: LazyLock<Result<Environment<'static>, String>> = LazyLock::new(|| {
    let mut templates = engine::environment();
    for (language, text) in BUILT_IN {
        let (subject, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let (before, after) = body.split_once(PEOPLE).unwrap_or((body, ""));
        for (part, text) in [("subject", subject), ("before.body", before), ("after.body", after)] {
            templates.add_template_owned(name(language, part), text).map_err(|error| engine::says(&error))?;
        }
    }
    Ok(templates)
});

/// What a list says, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The manager's display name as the tenant holds it.
    pub display: Option<&'a str>,
    /// The manager's preferred language, as `de-CH`.
    pub language: Option<&'a str>,
    /// The instant that the people were told.
    pub instant: Timestamp,
    /// The plan's zone (IANA), in which the date is written.
    pub time_zone: &'a str,
    /// How to get help.
    pub helpdesk: &'a str,
    /// The people, in the order in which they are named, with what each could do.
    pub people: &'a [(Named, Readiness)],
}

/// Writes the list to one manager.
pub fn write(page: &Page<'_>, style: &Style) -> Result<Letter, Unwritten> {
    let language = language(page.language, style);
    let unwritten = |why: String| Unwritten::because(why);
    let written = dates::write(page.instant, page.time_zone, language).map_err(|error| unwritten(error.to_string()))?;
    let facts = Value::from_pairs([
        ("name", Value::from(page.display.and_then(clean::name))),
        ("count", Value::from(page.people.len())),
        ("day", Value::from(written.day)),
        ("date", Value::from(written.date)),
        ("date_utc", Value::from(written.date_utc)),
        ("helpdesk", Value::from(clean::line(page.helpdesk))),
    ]);
    let templates = READ.as_ref().map_err(|why| unwritten(why.clone()))?;
    let render = |part: &str| {
        let rendered = templates.get_template(&name(language, part)).and_then(|template| template.render(facts.clone()));
        rendered.map_err(|error| unwritten(engine::says(&error)))
    };
    let read = |part: &str| markup::read(&render(part)?).map_err(|what| unwritten(format!("the text holds {what}")));
    let subject = clean::line(&render("subject")?);
    let mut blocks = read("before.body")?;
    blocks.push(people(page.people, language));
    blocks.extend(read("after.body")?);
    let text = plain::write(&blocks);
    let html = html::write(language, &subject, &blocks);
    Ok(Letter { language: language.to_owned(), subject, text, html })
}

/// The people as a block of text, which is markup nowhere.
fn people(people: &[(Named, Readiness)], language: &str) -> Block {
    let item = |text: String| -> Item { (None, vec![Span::Text(Voice::Plain, text)]) };
    let named = people.iter().take(MOST);
    let mut items: Vec<Item> =
        named.map(|(who, able)| item(format!("{} ({}): {}", who.name(), who.account(), readiness(*able, language)))).collect();
    if let Some(more) = people.len().checked_sub(MOST).filter(|more| *more > 0) {
        items.push(item(if language == "de" { format!("und {more} weitere") } else { format!("and {more} more") }));
    }
    Block::List(items)
}

/// The manager's own language, or the plan's, or English.
fn language(wanted: Option<&str>, style: &Style) -> &'static str {
    let wishes = [wanted.unwrap_or_default(), style.language.as_str()];
    let built_in = |wish: &str| {
        let wish = wish.trim().to_lowercase().replace('_', "-");
        BUILT_IN.iter().map(|(language, _)| *language).find(|language| wish.split('-').next() == Some(language))
    };
    wishes.into_iter().find_map(built_in).unwrap_or(FALLBACK)
}

/// The name of a part in the engine.
fn name(language: &str, part: &str) -> String {
    format!("{language}.managers.{part}")
}
