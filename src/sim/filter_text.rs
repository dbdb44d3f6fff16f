//! The words of a `$filter`: text to tokens. Meaning is given in `filter`.

use jiff::Timestamp;

/// A word of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A name, a path or an operator: `department`, `status/errorCode`, `eq`.
    Name(String),
    Text(String),
    Number(i64),
    Time(Timestamp),
    Open,
    Close,
    Comma,
    Colon,
}

/// The words of `text`, or the position at which it stops making sense.
pub(super) fn words(text: &str) -> Result<Vec<Word>, usize> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        let (word, length) = match first {
            c if c.is_whitespace() => {
                rest = rest.trim_start();
                continue;
            }
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            ',' => (Word::Comma, 1),
            ':' => (Word::Colon, 1),
            '\'' => quoted(rest).ok_or(at)?,
            _ => bare(rest).ok_or(at)?,
        };
        words.push(word);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(words)
}

/// A text in single quotes, a quote in it doubled, and its length in bytes.
fn quoted(rest: &str) -> Option<(Word, usize)> {
    let mut text = String::new();
    let mut marks = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = marks.next() {
        if c != '\'' {
            text.push(c);
        } else if marks.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Some((Word::Text(text), at + 1));
        }
    }
    None
}

/// A name, a GUID, a number or an instant, and its length in bytes.
fn bare(rest: &str) -> Option<(Word, usize)> {
    let may_be_in = |c: char| c.is_alphanumeric() || "_-./$+".contains(c);
    let mut length = rest.find(|c| !may_be_in(c)).unwrap_or(rest.len());
    let begins_a_time =
        |text: &str| text.len() == 13 && text.as_bytes().get(10) == Some(&b'T') && text.starts_with(|c: char| c.is_ascii_digit());
    if rest.get(..length).is_some_and(begins_a_time) {
        length = rest.find(|c| !may_be_in(c) && c != ':').unwrap_or(rest.len());
    }
    let text = rest.get(..length).filter(|text| !text.is_empty())?;
    if begins_a_time(text.get(..13).unwrap_or_default()) {
        return text.parse().ok().map(|at| (Word::Time(at), length));
    }
    if let Ok(number) = text.parse() {
        return Some((Word::Number(number), length));
    }
    Some((Word::Name(text.to_owned()), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let text = "not(startsWith(a/b,'O''Neil')) and createdDateTime ge 2027-01-11T08:00:00.5Z and n eq -3";
        let name = |text: &str| Word::Name(text.to_owned());
        let expected = [
            name("not"),
            Word::Open,
            name("startsWith"),
            Word::Open,
            name("a/b"),
            Word::Comma,
            Word::Text("O'Neil".to_owned()),
            Word::Close,
            Word::Close,
            name("and"),
            name("createdDateTime"),
            name("ge"),
            Word::Time("2027-01-11T08:00:00.5Z".parse().unwrap()),
            name("and"),
            name("n"),
            name("eq"),
            Word::Number(-3),
        ];
        assert_eq!(words(text).unwrap(), expected);
        assert_eq!(words("u:u/skuId").unwrap(), [name("u"), Word::Colon, name("u/skuId")]);
        for (text, at) in [("a eq 'b", 5), ("a ? b", 2), ("t ge 2027-13-11T08:00:00Z", 5)] {
            assert_eq!(words(text), Err(at), "{text}");
        }
    }
}
