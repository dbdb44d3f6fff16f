//! Values of rows, for filters and for bodies: written straight into the text, since listings are large and asked for often.

use jiff::Timestamp;

/// A property's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(i64),
    Text(&'a str),
    Owned(String),
    Time(Timestamp),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

impl<'a> Value<'a> {
    /// The text, or null.
    pub(super) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    /// A list of texts.
    pub(super) fn texts(texts: &[&'a str]) -> Self {
        Self::List(texts.iter().map(|text| Self::Text(text)).collect())
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Text(text) => quote(out, text),
            Self::Owned(text) => quote(out, text),
            Self::Time(at) => quote(out, &at.to_string()),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (i, (name, value)) in members.iter().enumerate() {
                    member(out, if i == 0 { First::Yes } else { First::No }, name);
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// Whether a member is the first of its object.
#[derive(Clone, Copy)]
pub(super) enum First {
    Yes,
    No,
}

/// Writes `"name":`, after a comma unless it is the first.
pub(super) fn member(out: &mut String, first: First, name: &str) {
    if matches!(first, First::No) {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

/// Writes `text` as a JSON string.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    // Counting has no way out of the loop, and so runs over many bytes at once.
    let plain = text.bytes().filter(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')).count() == 0;
    if plain {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                c if c < ' ' => {
                    out.push_str("\\u00");
                    let digit = |n: u32| char::from_digit(n, 16).unwrap_or('0');
                    out.extend([digit(u32::from(c) >> 4), digit(u32::from(c) & 15)]);
                }
                c => out.push(c),
            }
        }
    }
    out.push('"');
}

/// Something with properties.
pub(super) trait Row {
    /// The property's value; `None` when the type has no such property.
    fn property(&self, name: &str) -> Option<Value<'_>>;
}

/// Writes the object with these properties; those it does not have are left out. `kind` becomes `@odata.type`.
pub(super) fn write_row(out: &mut String, row: &dyn Row, kind: Option<&str>, properties: &[String]) {
    out.push('{');
    let mut first = First::Yes;
    if let Some(kind) = kind {
        member(out, first, "@odata.type");
        quote(out, kind);
        first = First::No;
    }
    for name in properties {
        if let Some(value) = row.property(name) {
            member(out, first, name);
            value.write(out);
            first = First::No;
        }
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_survives_the_way_to_a_parser_and_back() {
        for text in ["plain", "a \"quoted\" \\ name", "line\nbreak\ttab\u{1}", "J\u{f6}rg \u{1f600}", ""] {
            let mut out = String::new();
            quote(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
