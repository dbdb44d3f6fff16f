//! What a text must not hold, as its author wrote it: addresses to follow, pages to sign in to, HTML, other files, hidden characters.
//!
//! Knows no template engine: what stands between its braces is left out. Invariant: a finding has its line.

use super::clean;

/// One thing that must not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) remedy: &'static str,
}

/// Where people type their password: no notice ever names one of them. `aka.ms/mysecurityinfo` is for typing, and not among them.
const SIGN_IN: [&str; 11] = [
    "login.microsoftonline",
    "login.microsoft.com",
    "login.windows.net",
    "login.live.com",
    "login.partner.microsoftonline",
    "microsoft.com/devicelogin",
    "microsoft.com/link",
    "aka.ms/devicelogin",
    "account.activedirectory",
    "office.com/login",
    "accounts.google.com",
];

/// How an address begins that a mail client turns into a link.
const ADDRESS: [&str; 5] = ["http://", "https://", "ftp://", "www.", "mailto:"];

/// Statements that would reach another text.
const OTHERS: [&str; 7] = ["include", "import", "from", "extends", "block", "macro", "call"];

const TYPED: &str = "notices hold no links, because mails that do are what people are warned of: name what people type themselves \
                     (aka.ms/mysecurityinfo), or write {{ helpdesk }} or {{ verify }}";

/// Everything in a text, line by line. The addresses within `own` are the operator's.
pub(super) fn all(text: &str, own: &[&str]) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, line) in outside(text).lines().enumerate() {
        let mut push = |message: String, remedy: &'static str| found.push(Found { line: at + 1, message, remedy });
        if let Some(message) = address(line, own) {
            push(message, TYPED);
        }
        if let Some(tag) = tag(line) {
            push(
                format!("holds HTML: `{tag}`"),
                "the program makes HTML of the light markup: **strong**, ## heading, - item, > box",
            );
        }
        if line.contains("](") {
            push("holds a link".to_owned(), TYPED);
        }
    }
    for (at, line) in text.lines().enumerate() {
        let mut push = |message: String, remedy: &'static str| found.push(Found { line: at + 1, message, remedy });
        if let Some(hidden) = line.chars().find(|c| clean::hidden(*c) && *c != '\t') {
            push(format!("holds a character that nobody sees (U+{:04X})", u32::from(hidden)), "take it out");
        }
        if let Some(word) = statement(line) {
            push(format!("holds `{{% {word} %}}`: a text reaches no other text"), "write the words into this text");
        }
    }
    found.sort_by_key(|found| found.line);
    found
}

/// An address to follow or a page to sign in to, other than those within `own`.
pub(super) fn address(line: &str, own: &[&str]) -> Option<String> {
    let lower = line.to_lowercase();
    if let Some(page) = sign_in_page(&lower).filter(|page| !own.iter().any(|own| own.to_lowercase().contains(page))) {
        return Some(format!("names a page to sign in to: `{page}`"));
    }
    let begins = ADDRESS.iter().flat_map(|begin| lower.match_indices(begin).map(|(at, _)| at));
    begins.filter_map(|at| lower.get(at..)).find_map(|rest| {
        let end = rest.find(|c: char| c.is_whitespace() || "<>()\"'`".contains(c)).unwrap_or(rest.len());
        let address = rest.get(..end)?.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let is_own = own.iter().any(|own| own.to_lowercase().contains(address));
        (!is_own).then(|| format!("holds an address to follow: `{address}`"))
    })
}

/// The page to sign in to that a text names.
#[must_use]
pub fn sign_in_page(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    SIGN_IN.into_iter().find(|page| lower.contains(page))
}

/// The beginning of the first tag or comment of HTML.
fn tag(line: &str) -> Option<String> {
    let opens = line.match_indices('<').filter_map(|(at, _)| line.get(at..));
    let tag = opens.into_iter().find(|rest| rest.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c)))?;
    let end = tag.find('>').map_or(tag.len(), |end| end + 1);
    Some(tag.chars().take(end.min(40)).collect())
}

/// A statement that would reach another text.
fn statement(line: &str) -> Option<&'static str> {
    line.split("{%").skip(1).find_map(|rest| {
        let word = rest.trim_start_matches(['-', '+']).split_whitespace().next()?;
        OTHERS.into_iter().find(|other| *other == word)
    })
}

/// The same lines, with spaces for everything between the engine's braces.
fn outside(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let close = match tag.as_bytes().get(1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => "#}",
        };
        let end = tag.find(close).map_or(tag.len(), |end| end + 2);
        out.extend(
            tag.chars().take(tag.get(..end).map_or(0, |tag| tag.chars().count())).map(|c| if c == '\n' { c } else { ' ' }),
        );
        rest = tag.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_operators_own_addresses_may_stand_in_a_text() {
        let own = ["https://help.contoso.example/mfa, ext. 4242"];
        for (line, found) in [
            ("type aka.ms/mysecurityinfo into the address line", None),
            ("Help: https://help.contoso.example/mfa.", None),
            ("Help: (HTTPS://help.contoso.example/mfa)", None),
            ("see https://evil.example/mfa, now", Some("holds an address to follow: `https://evil.example/mfa`")),
            ("see www.evil.example", Some("holds an address to follow: `www.evil.example`")),
            ("sign in at login.microsoftonline.com", Some("names a page to sign in to: `login.microsoftonline`")),
            ("https://aka.ms/mysecurityinfo", Some("holds an address to follow: `https://aka.ms/mysecurityinfo`")),
        ] {
            assert_eq!(address(line, &own).as_deref(), found, "{line}");
        }
    }

    #[test]
    fn a_finding_has_its_line() {
        let text = "Hello\n{% if grace < 3 and\n1 <a %}x{% endif %}\n<b>a</b>\n[a](b)\n{%- include 'x' %}\na\u{202e}b\n1 < 2\n";
        let found: Vec<_> = all(text, &[]).into_iter().map(|found| (found.line, found.message)).collect();
        let wanted = [
            (4, "holds HTML: `<b>`"),
            (5, "holds a link"),
            (6, "holds `{% include %}`: a text reaches no other text"),
            (7, "holds a character that nobody sees (U+202E)"),
        ];
        assert_eq!(found, wanted.map(|(line, message)| (line, message.to_owned())));
    }
}
