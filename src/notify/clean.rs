//! Foreign text for a plain mail: display names as the tenant holds them.
//!
//! Pure. Invariant: what comes out is one line of at most [`LONGEST`] characters that can neither start a header nor turn the reading
//! direction.

/// Longest name that is shown, in characters.
const LONGEST: usize = 64;

/// A name fit for one line of a mail; `None` when nothing is left.
pub(super) fn name(text: &str) -> Option<String> {
    let kept: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !hidden(*c)).collect();
    let words: Vec<_> = kept.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(LONGEST).collect();
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

/// One line: for subjects.
pub(super) fn line(text: &str) -> String {
    let kept: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !hidden(*c)).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Controls, marks of direction, and characters without width.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_harmless_line() {
        for (text, shown) in [
            ("Zoë Müller-Łukasz", Some("Zoë Müller-Łukasz")),
            ("a\r\nBcc: x@y", Some("a Bcc: x@y")),
            ("\u{202e}gpj.exe\u{202c}", Some("gpj.exe")),
            ("  two \t words ", Some("two words")),
            ("a\u{200b}b\u{0}c\u{feff}", Some("abc")),
            ("\u{2066}\u{2069}\n", None),
            ("", None),
            ("<script>alert(1)</script>{{7*7}}", Some("<script>alert(1)</script>{{7*7}}")),
        ] {
            assert_eq!(name(text).as_deref(), shown, "{text:?}");
        }
        assert_eq!(name(&"x".repeat(500)).unwrap().len(), LONGEST);
    }
}
