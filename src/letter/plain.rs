//! A letter as plain text: also what a calendar entry says.
//!
//! Breaks no lines of its own: whoever shows the text does. Invariant: every word of the letter is there.

use std::fmt::Write as _;

use super::markup::{Block, Line, Span};

/// Writes blocks.
pub(super) fn write(blocks: &[Block]) -> String {
    let mut out = String::with_capacity(2_048);
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        match block {
            Block::Paragraph(text) => line(&mut out, "", text),
            // What belongs to a heading follows it closely.
            Block::Heading(text) => {
                line(&mut out, "", text);
                continue_closely(&mut out);
            }
            Block::Boxed(lines) => {
                for text in lines {
                    line(&mut out, "    ", text);
                }
            }
            Block::List(items) => {
                for (number, text) in items {
                    match number {
                        // Writing to a text does not fail.
                        Some(number) => _ = write!(out, "{number}. "),
                        None => out.push_str("- "),
                    }
                    line(&mut out, "", text);
                }
            }
        }
    }
    out
}

/// One paragraph; each of its lines behind `indent`.
fn line(out: &mut String, indent: &str, spans: &Line) {
    out.push_str(indent);
    for span in spans {
        match span {
            Span::Text(_, text) => out.push_str(text),
            Span::Break => {
                out.push('\n');
                out.push_str(indent);
            }
        }
    }
    out.push('\n');
}

/// Takes back the line end that would separate the next block.
fn continue_closely(out: &mut String) {
    out.pop();
}

#[cfg(test)]
mod tests {
    use super::super::markup;
    use super::*;

    #[test]
    fn blocks_are_set_apart_and_headings_stand_close() {
        let blocks =
            markup::read("Hello,\n\n> **now**  \n> (soon)\n\n## Why\n\nBecause\nof **that**.\n\n1. one\n2. two\n").unwrap();
        assert_eq!(write(&blocks), "Hello,\n\n    now\n    (soon)\n\nWhy\nBecause of that.\n\n1. one\n2. two\n");
    }
}
