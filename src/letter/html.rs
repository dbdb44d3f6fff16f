//! A letter as one page of HTML that mail clients show: nested tables, styles on the elements, nothing from elsewhere.
//!
//! Holds no script, no link, no picture and no form. Invariant: every text is escaped here, at the one place where text becomes HTML.

use super::markup::{Block, Line, Span, Voice};

const BEFORE_LANGUAGE: &str = "<!doctype html>\n<html lang=\"";
/// Clients that know dark mode take the styles of the head; all others take those of the elements.
const BEFORE_TITLE: &str = "\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
<meta name=\"format-detection\" content=\"telephone=no,date=no,address=no,email=no,url=no\">\n\
<meta name=\"color-scheme\" content=\"light dark\">\n\
<meta name=\"supported-color-schemes\" content=\"light dark\">\n\
<style>@media (prefers-color-scheme:dark){.page{background:#12161b!important}\
.sheet{background:#1d232b!important;border-color:#6db0ff #323b46 #323b46!important}.ink{color:#e6eaef!important}\
.box{background:#1c3350!important;border-color:#6db0ff!important}}\
@media (max-width:480px){.sheet-text{padding:20px 18px 22px!important}}</style>\n<title>";
const BEFORE_HEADLINE: &str = "</title>\n</head>\n<body class=\"page\" style=\"margin:0;padding:0;background:#eef1f5\">\n\
<div role=\"main\">\n\
<table role=\"presentation\" class=\"page\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"background:#eef1f5\">\n\
<tr><td align=\"center\" style=\"padding:24px 12px\">\n\
<table role=\"presentation\" class=\"sheet\" width=\"600\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
style=\"width:100%;max-width:600px;background:#ffffff;border:1px solid #d5dce4;border-top:4px solid #1b5fae;border-radius:6px\">\n\
<tr><td class=\"ink sheet-text\" align=\"left\" style=\"padding:28px 32px 32px;color:#1c2733;overflow-wrap:anywhere;word-break:break-word;\
font-family:'Segoe UI',Helvetica,Arial,sans-serif;font-size:16px;line-height:1.55\">\n\
<h1 class=\"ink\" style=\"margin:0 0 20px;font-size:22px;line-height:1.3;color:#10233a\">";
const AFTER_HEADLINE: &str = "</h1>\n";
const END: &str = "</td></tr>\n</table>\n</td></tr>\n</table>\n</div>\n</body>\n</html>\n";

const PARAGRAPH: &str = "<p style=\"margin:0 0 16px\">";
const HEADING: &str = "<h2 class=\"ink\" style=\"margin:24px 0 6px;font-size:17px;line-height:1.35;color:#10233a\">";
const BOX: &str = "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"margin:0 0 20px\">\n\
<tr><td class=\"box ink\" style=\"padding:14px 18px;background:#e8f1fb;border-left:4px solid #1b5fae;color:#10233a;\
font-size:18px;line-height:1.45\">";
const LIST: &str = " style=\"margin:0 0 16px;padding:0 0 0 26px\">\n";
const ITEM: &str = "<li style=\"margin:0 0 6px\">";

/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 5] = ["ar", "fa", "he", "ur", "yi"];

/// Writes blocks under a headline.
pub(super) fn write(language: &str, headline: &str, blocks: &[Block]) -> String {
    let mut out = String::with_capacity(8_192);
    out.push_str(BEFORE_LANGUAGE);
    escape(&mut out, language);
    if RIGHT_TO_LEFT.contains(&language.split('-').next().unwrap_or_default()) {
        out.push_str("\" dir=\"rtl");
    }
    out.push_str(BEFORE_TITLE);
    escape(&mut out, headline);
    out.push_str(BEFORE_HEADLINE);
    escape(&mut out, headline);
    out.push_str(AFTER_HEADLINE);
    for block in blocks {
        match block {
            Block::Heading(text) => element(&mut out, HEADING, text, "</h2>\n"),
            Block::Paragraph(text) => element(&mut out, PARAGRAPH, text, "</p>\n"),
            Block::Boxed(lines) => {
                out.push_str(BOX);
                for (at, text) in lines.iter().enumerate() {
                    element(&mut out, if at > 0 { "<br>\n" } else { "" }, text, "");
                }
                out.push_str("</td></tr>\n</table>\n");
            }
            Block::List(items) => {
                let numbered = items.first().is_some_and(|(number, _)| number.is_some());
                let (start, end) = if numbered { ("<ol", "</ol>\n") } else { ("<ul", "</ul>\n") };
                out.push_str(start);
                out.push_str(LIST);
                for (_, text) in items {
                    element(&mut out, ITEM, text, "</li>\n");
                }
                out.push_str(end);
            }
        }
    }
    out.push_str(END);
    out
}

fn element(out: &mut String, start: &str, spans: &Line, end: &str) {
    out.push_str(start);
    for span in spans {
        match span {
            Span::Break => out.push_str("<br>\n"),
            Span::Text(voice, text) => {
                let (start, end) = match voice {
                    Voice::Plain => ("", ""),
                    Voice::Strong => ("<strong>", "</strong>"),
                    Voice::Gentle => ("<em>", "</em>"),
                };
                out.push_str(start);
                escape(out, text);
                out.push_str(end);
            }
        }
    }
    out.push_str(end);
}

/// Text as text, in an element or in an attribute's double quotes.
pub(super) fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str(match after.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            _ => "&#39;",
        });
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_html_reads_is_escaped() {
        let mut out = String::new();
        escape(&mut out, "<a href=\"x\">Ö'&amp;</a>");
        assert_eq!(out, "&lt;a href=&quot;x&quot;&gt;Ö&#39;&amp;amp;&lt;/a&gt;");
    }

    #[test]
    fn a_page_says_its_language_and_direction() {
        let page = write("he", "a<b", &[]);
        assert!(page.starts_with("<!doctype html>\n<html lang=\"he\" dir=\"rtl\">"), "{page}");
        assert!(page.contains("<title>a&lt;b</title>") && page.contains(">a&lt;b</h1>"), "{page}");
        assert!(write("de-ch", "", &[]).starts_with("<!doctype html>\n<html lang=\"de-ch\">"));
    }
}
