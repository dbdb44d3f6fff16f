//! The light markup of texts, a small part of CommonMark: paragraphs, `## headings`, lists, a `> box` for what matters most, `**strong**`
//! and `*gentle*` words. Read into blocks, which every output is written from.
//!
//! Knows no output. Invariants: there is no way to write a link, a picture, code or HTML; what [`literal`] wrote is read as the text that
//! it was.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// A part of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Heading(Line),
    Paragraph(Line),
    /// What matters most, in paragraphs.
    Boxed(Vec<Line>),
    List(Vec<Item>),
}

/// An item of a list, with its number where the list has numbers.
pub(super) type Item = (Option<u64>, Line);

/// Text of one paragraph.
pub(super) type Line = Vec<Span>;

/// A run of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Text(Voice, String),
    /// A new line that the text asks for.
    Break,
}

/// How a run is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Plain,
    Strong,
    Gentle,
}

/// What a text may not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A tag or a comment.
    #[error("HTML")]
    Html,
    /// A link, however it is written.
    #[error("a link")]
    Link,
    /// A picture.
    #[error("a picture")]
    Picture,
    /// Backquotes, or a line that begins with four spaces.
    #[error("code: backquotes, or a line that begins with four spaces")]
    Code,
    /// A list or a box inside of another.
    #[error("a list or a box inside of another")]
    Nested,
}

/// Text that stands for itself inside of markup.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(if c.is_control() || c.is_whitespace() { ' ' } else { c });
    }
    out
}

/// Reads marked text.
pub(super) fn read(text: &str) -> Result<Vec<Block>, Refused> {
    let mut page = Page::default();
    for event in Parser::new_ext(text, Options::empty()) {
        page.take(event)?;
    }
    Ok(page.blocks)
}

/// The blocks so far, and what is open.
#[derive(Default)]
struct Page {
    blocks: Vec<Block>,
    line: Line,
    strong: usize,
    gentle: usize,
    boxed: Option<Vec<Line>>,
    /// The number of the next item, and the items.
    list: Option<(Option<u64>, Vec<Item>)>,
    item: Option<Line>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) -> Result<(), Refused> {
        match event {
            Event::Text(text) => self.text(&text),
            // The lines of a box stay lines: they are few, and each says one thing.
            Event::SoftBreak if self.boxed.is_some() => self.line.push(Span::Break),
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.line.push(Span::Break),
            Event::Start(tag) => return self.start(&tag),
            Event::End(end) => self.end(end),
            Event::Rule => {}
            Event::Code(_) => return Err(Refused::Code),
            _ => return Err(Refused::Html),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let voice = match (self.strong, self.gentle) {
            (0, 0) => Voice::Plain,
            (0, _) => Voice::Gentle,
            _ => Voice::Strong,
        };
        let text = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        match self.line.last_mut() {
            Some(Span::Text(same, before)) if *same == voice => before.extend(text),
            _ => self.line.push(Span::Text(voice, text.collect())),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) -> Result<(), Refused> {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } => {}
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.gentle += 1,
            Tag::BlockQuote(_) | Tag::List(_) if self.boxed.is_some() || self.list.is_some() => return Err(Refused::Nested),
            Tag::BlockQuote(_) => self.boxed = Some(Vec::new()),
            Tag::List(first) => self.list = Some((*first, Vec::new())),
            Tag::Item => self.item = Some(Line::new()),
            Tag::Link { .. } => return Err(Refused::Link),
            Tag::Image { .. } => return Err(Refused::Picture),
            Tag::CodeBlock(_) => return Err(Refused::Code),
            _ => return Err(Refused::Html),
        }
        Ok(())
    }

    fn end(&mut self, end: pulldown_cmark::TagEnd) {
        use pulldown_cmark::TagEnd;
        match end {
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.gentle = self.gentle.saturating_sub(1),
            TagEnd::Paragraph => self.close(Block::Paragraph),
            TagEnd::Heading(_) => self.close(Block::Heading),
            TagEnd::BlockQuote(_) => self.blocks.extend(self.boxed.take().map(Block::Boxed)),
            TagEnd::Item => {
                let mut item = self.item.take().unwrap_or_default();
                item.append(&mut self.line);
                if let Some((next, items)) = &mut self.list {
                    items.push((*next, item));
                    *next = next.map(|number| number.saturating_add(1));
                }
            }
            TagEnd::List(_) => self.blocks.extend(self.list.take().map(|(_, items)| Block::List(items))),
            _ => {}
        }
    }

    /// Puts the open line where it belongs.
    fn close(&mut self, block: fn(Line) -> Block) {
        let line = std::mem::take(&mut self.line);
        match (&mut self.item, &mut self.boxed) {
            (Some(item), _) => {
                if !item.is_empty() {
                    item.push(Span::Break);
                }
                item.extend(line);
            }
            (None, Some(boxed)) => boxed.push(line),
            (None, None) => self.blocks.push(block(line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Line {
        vec![Span::Text(Voice::Plain, text.to_owned())]
    }

    #[test]
    fn markup_is_read_as_blocks() {
        let text = "Hello,\nall\n\n## Why\n\n> **now**\n> then\n\n1. one\n2. *two*\n\n- a\n";
        let strong = vec![Span::Text(Voice::Strong, "now".to_owned())];
        let gentle = vec![Span::Text(Voice::Gentle, "two".to_owned())];
        let blocks = vec![
            Block::Paragraph(plain("Hello, all")),
            Block::Heading(plain("Why")),
            Block::Boxed(vec![[strong, vec![Span::Break], plain("then")].concat()]),
            Block::List(vec![(Some(1), plain("one")), (Some(2), gentle)]),
            Block::List(vec![(None, plain("a"))]),
        ];
        assert_eq!(read(text), Ok(blocks));
    }

    #[test]
    fn what_is_no_light_markup_is_refused() {
        for (text, refused) in [
            ("a <b>b</b>", Refused::Html),
            ("<div>\nb\n</div>", Refused::Html),
            ("[a](http://b.example)", Refused::Link),
            ("<http://b.example>", Refused::Link),
            ("[a]\n\n[a]: http://b.example", Refused::Link),
            ("![a](b.png)", Refused::Picture),
            ("    code", Refused::Code),
            ("`code`", Refused::Code),
            ("> - a", Refused::Nested),
            ("- a\n  - b", Refused::Nested),
        ] {
            assert_eq!(read(text), Err(refused), "{text}");
        }
    }

    proptest! {
        #[test]
        fn literal_text_is_read_as_it_was(text in "\\PC{1,80}") {
            let wanted: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assume!(!wanted.is_empty());
            let blocks = read(&format!("Hello {}, welcome", literal(&wanted))).unwrap();
            prop_assert_eq!(blocks, vec![Block::Paragraph(plain(&format!("Hello {wanted}, welcome")))]);
            // At the very beginning, too.
            let blocks = read(&literal(&wanted)).unwrap();
            prop_assert_eq!(blocks, vec![Block::Paragraph(plain(&wanted))]);
        }
    }
}
