//! Foreign text for a mail: display names as the tenant holds them.
//!
//! Pure. Invariant: what comes out is one line of at most [`LONGEST`] characters that can neither start a header or a formula, turn the
//! reading direction, nor be taken for an address by a client that makes links of what looks like one.

/// Longest name that is shown, in characters.
const LONGEST: usize = 64;

/// What begins a formula, where a text ends up in a table.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '|', '\''];

/// A name fit for one line of a mail; `None` when nothing is left.
pub(super) fn name(text: &str) -> Option<String> {
    let line = line(text);
    let line = line.trim_start_matches(|c: char| FORMULA.contains(&c) || c == ' ');
    let line: String = unlinked(line).chars().take(LONGEST).collect();
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

/// One line: for subjects, and for values of the plan.
pub(super) fn line(text: &str) -> String {
    let kept: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !hidden(*c)).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same text with a space wherever an address would go on: `Dr.Who` becomes `Dr. Who`.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        out.push(c);
        let goes_on = letters.peek().is_some_and(|next| !next.is_whitespace());
        if goes_on && matches!(c, '.' | ':' | '@' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}') {
            out.push(' ');
        }
    }
    out
}

/// Controls, marks of direction, characters without width, and those that this program and its libraries keep for themselves.
pub(super) fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_harmless_line() {
        for (text, shown) in [
            ("Zoë Müller-Łukasz", Some("Zoë Müller-Łukasz")),
            ("a\r\nBcc: x@y", Some("a Bcc: x@ y")),
            ("\u{202e}gpj.exe\u{202c}", Some("gpj. exe")),
            ("  two \t words ", Some("two words")),
            ("a\u{200b}b\u{0}c\u{feff}", Some("abc")),
            ("\u{2066}\u{2069}\n", None),
            ("", None),
            ("<script>alert(1)</script>{{7*7}}", Some("<script>alert(1)</script>{{7*7}}")),
            ("=cmd|' /C calc'!A0", Some("cmd|' /C calc'!A0")),
            ("+- @SUM(1)", Some("SUM(1)")),
            ("see www.evil.example", Some("see www. evil. example")),
            ("[a](http://evil)", Some("[a](http: //evil)")),
            ("Dr. Ann O'Neil, Ph.D.", Some("Dr. Ann O'Neil, Ph. D.")),
        ] {
            assert_eq!(name(text).as_deref(), shown, "{text:?}");
        }
        assert_eq!(name(&"x".repeat(500)).unwrap().len(), LONGEST);
    }
}
