//! A memo to operators as a letter: plain text and HTML, in English.
//!
//! Decides no word. Invariant: what a page holds is text and never markup.

use super::markup::{Block, Span, Voice};
use super::{Letter, html, plain};
use crate::rollout::page::{Page, Part};

const LANGUAGE: &str = "en";

/// Writes a page.
#[must_use]
pub fn write(page: &Page) -> Letter {
    let spoken = |voice, text: &str| vec![Span::Text(voice, text.to_owned())];
    let block = |part: &Part| match part {
        Part::Heading(text) => Block::Heading(spoken(Voice::Plain, text)),
        Part::Text(text) => Block::Paragraph(spoken(Voice::Plain, text)),
        Part::Box(text) => Block::Boxed(vec![spoken(Voice::Strong, text)]),
        Part::List(lines) => Block::List(lines.iter().map(|line| (None, spoken(Voice::Plain, line))).collect()),
    };
    let blocks: Vec<Block> = page.parts.iter().map(block).collect();
    let subject = super::clean::line(&page.subject);
    let text = plain::write(&blocks);
    let html = html::write(LANGUAGE, &subject, &blocks);
    Letter { language: LANGUAGE.to_owned(), subject, text, html }
}
