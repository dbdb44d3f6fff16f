//! How notices look: the keys of `[notices]` about format, language, and where a notice can be checked or tried.
//!
//! Reads no text of a notice. Invariant: an address to look something up at is https, and no page to sign in to.

use url::Url;

use super::read::{Reported, Section};
use super::value::Wrong;
use crate::letter::{Style, Texts, sign_in_page};
use crate::rollout::plan::Format;

/// `format`.
pub(super) fn format(table: &Section<'_>) -> Option<Format> {
    table.get("format").and_then(|node| node.word(&[("html", Format::Html), ("text", Format::Text)]))
}

/// `language`.
pub(super) fn language(table: &Section<'_>) -> Option<String> {
    table.get("language").and_then(|node| {
        let language = node.text()?.to_lowercase();
        let texts = Texts::built_in(Style::default()).ok();
        let built_in = texts.as_ref().is_some_and(|texts| texts.languages().contains(language.as_str()));
        // Whether an operator's file serves it is seen when they are read; a language without any text would be English for everybody.
        if !built_in && table.get("templates").is_none() {
            node.error(
                format!("there is no text in `{language}`"),
                "write \"en\" or \"de\", or name a folder with a file of this language in `templates`",
            );
            return None;
        }
        Some(language)
    })
}

/// `verify`.
pub(super) fn verify(table: &Section<'_>) -> Result<Option<String>, Reported> {
    table.optional("verify", |node| node.parsed(page))
}

/// `test_to`.
pub(super) fn test_to(table: &Section<'_>) -> Option<Vec<String>> {
    table.get("test_to")?.each(|node| node.parsed(address))
}

/// A mail address.
pub(super) fn address(text: &str) -> Result<String, Wrong> {
    let is_address = text.rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
    if is_address && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(text.to_lowercase());
    }
    Err(Wrong::new(format!("`{text}` is no mail address"), "write one such as \"you@contoso.com\""))
}

/// A page that people may look something up at.
fn page(text: &str) -> Result<String, Wrong> {
    let remedy = "write the https address of a page of yours that shows the dates, such as \"https://intranet.contoso.com/mfa\"";
    let url = Url::parse(text).map_err(|error| Wrong::new(format!("is no address: {error}"), remedy))?;
    if url.scheme() != "https" || url.host_str().is_none() || !url.username().is_empty() || text.contains(char::is_whitespace) {
        return Err(Wrong::new("is no https address of a page", remedy));
    }
    match sign_in_page(text) {
        Some(page) => Err(Wrong::new(format!("is a page to sign in to: `{page}`"), remedy)),
        None => Ok(text.to_owned()),
    }
}
