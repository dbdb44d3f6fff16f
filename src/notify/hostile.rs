//! 500 hostile display names: none of them makes markup, a link, a header or a formula anywhere in what people get.

use jiff::Timestamp;

use super::calendar::{self, Entry};
use crate::letter::handouts::lists::Named;
use crate::letter::managers::{self, Page};
use crate::letter::{Facts, Kind, Style, Texts};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Readiness;

/// What hostile names are made of.
const PARTS: [&str; 48] = [
    "<script>alert(1)</script>",
    "</td></tr></table>",
    "<img src=x onerror=alert(1)>",
    "<a href=\"http://evil.example\">here</a>",
    "\" onmouseover=\"x",
    "' style='x",
    "<!--",
    "-->",
    "]]>",
    "&lt;b&gt;",
    "&#x3c;",
    "&amp",
    "**bold**",
    "__bold__",
    "_gentle_",
    "# head",
    "> quote",
    "- item",
    "1. item",
    "[a](http://evil.example)",
    "![a](http://evil.example/p.png)",
    "<http://evil.example>",
    "[a]: http://evil.example",
    "`code`",
    "    code",
    "```",
    "~~~",
    "***",
    "===",
    "\\",
    "\\\n",
    "{{ 7*7 }}",
    "{% for x in range(10) %}x{% endfor %}",
    "{# #}",
    "${7*7}",
    "\r\nBcc: x@evil.example",
    "\nSubject: other\n\nbody",
    "\r\nEND:VEVENT\r\nBEGIN:VEVENT",
    "\u{2028}X-Tidegate-Instant: 2020-01-01T00:00:00Z",
    "=cmd|' /C calc'!A0",
    "+SUM(1)",
    "@SUM(1)",
    "\u{202e}gpj.exe\u{202c}",
    "\u{200b}\u{200d}\u{feff}\u{2066}",
    "www.evil.example",
    "שלום عالم",
    "👩🏽‍🚀🏳️‍🌈",
    "Ẓ̌á̲l͔̝̞̄̑g̣̗͈̬ỏ̫",
];

/// A name that no text holds by itself.
const MARK: &str = "Qzqzq";

/// Names from a seed, by a generator of the simplest kind.
pub(super) fn names() -> Vec<String> {
    let mut seed: u64 = 2_027;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let mut names: Vec<String> = PARTS.iter().map(|part| (*part).to_owned()).collect();
    names.extend(["x".repeat(10_000), "\u{0}\u{1}\u{7f}".to_owned(), " ".repeat(300), "<".repeat(300)]);
    while names.len() < 500 {
        let parts: Vec<&str> = (0..=draw(4)).map(|_| PARTS[draw(PARTS.len())]).collect();
        names.push(parts.join(["", " ", "\n", "a", "\t"][draw(5)]));
    }
    names
}

fn facts<'a>(name: &'a str, language: &'a str, kind: Kind) -> Facts<'a> {
    Facts {
        display: Some(name),
        language: Some(language),
        kind,
        instant: Timestamp::UNIX_EPOCH,
        time_zone: "Europe/Berlin",
        helpdesk: "ext. 4242",
        grace: 0,
    }
}

fn calendar_file(summary: &str, description: &str) -> String {
    let (uid, at) = (ObjectId::from_bits(1), Timestamp::UNIX_EPOCH);
    let file = calendar::write(&[Entry {
        uid,
        sequence: 1,
        at,
        instant: at,
        status: calendar::Status::Confirmed,
        organizer: Some("it@x.example"),
        summary,
        description,
    }]);
    file.replace("\r\n ", "")
}

/// A name as it stands in a page.
fn escaped(name: &str) -> String {
    name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[test]
fn a_name_changes_nothing_but_the_name() {
    let mut texts = Texts::built_in(Style::default()).unwrap();
    // One that puts the name wherever it could do harm.
    let body =
        "{{ name }}\n\n# {{ name }}\n\n- {{ name }}\n- **{{ name }}**\n\n> {{ name }}\n{{ name }}\n\n{{ date }} *{{ name }}*\n";
    let source = crate::letter::Source { subject: "{{ name }}: {{ name }}".to_owned(), body: body.to_owned() };
    texts.set("fr", Kind::Announcement, &source).unwrap();
    let names = names();
    assert_eq!(names.len(), 500);
    let mut shown = 0;
    for (language, kind) in [("en", Kind::Announcement), ("de", Kind::Started), ("fr", Kind::Announcement)] {
        let plain = texts.write(&facts(MARK, language, kind)).unwrap();
        let plain_file = calendar_file(&plain.subject, &plain.text);
        for name in &names {
            let Ok(letter) = texts.write(&facts(name, language, kind)) else {
                assert_eq!(language, "fr", "only a text that asks for a name does without a letter");
                continue;
            };
            let file = calendar_file(&letter.subject, &letter.text);
            // The name as it is shown, from the one place where each text has it first.
            let (before, _) = plain.text.split_once(MARK).unwrap();
            let rest = letter.text.strip_prefix(before).unwrap_or("");
            let end = if language == "fr" { "\n" } else { ",\n" };
            let clean = rest.split_once(end).map_or("", |(name, _)| name);
            if clean.is_empty() || !letter.text.starts_with(before) {
                // Nothing was left of it: the same letter as to somebody without a name.
                assert!(letter == texts.write(&Facts { display: None, ..facts("", language, kind) }).unwrap());
                continue;
            }
            shown += 1;
            assert_eq!(letter.text, plain.text.replace(MARK, clean), "{name:?}");
            assert_eq!(letter.subject, plain.subject.replace(MARK, clean), "{name:?}");
            assert_eq!(letter.html, plain.html.replace(MARK, &escaped(clean)), "{name:?}");
            assert_eq!(file.lines().count(), plain_file.lines().count(), "{name:?}");
            assert!(clean.chars().count() <= 64 && !clean.starts_with(['=', '+', '-', '@', '|', ' ']), "{clean:?}");
            assert!(!clean.contains("://") && !clean.contains("www.e") && !clean.contains("x@e"), "{clean:?}");
            let hidden =
                |c: char| c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || ('\u{2028}'..='\u{202e}').contains(&c);
            assert!(!clean.contains(hidden), "{clean:?}");
        }
    }
    assert!(shown > 1_400, "{shown} names were shown");
}

#[test]
fn a_name_on_a_list_for_a_manager_is_a_name_and_nothing_else() {
    let list = |name: &str| {
        let account = Some("user1@contoso.example".to_owned());
        let people = [(Named { id: ObjectId::from_bits(1), display: Some(name.to_owned()), account }, Readiness::Unregistered)];
        let page = Page {
            display: Some(name),
            language: Some("en"),
            instant: Timestamp::UNIX_EPOCH,
            time_zone: "Europe/Berlin",
            helpdesk: "ext. 4242",
            people: &people,
        };
        managers::write(&page, &Style::default()).unwrap()
    };
    let plain = list(MARK);
    for name in names() {
        let letter = list(&name);
        assert_eq!(letter.subject, plain.subject, "{name:?}");
        assert_eq!(letter.html.matches('<').count(), plain.html.matches('<').count(), "{name:?}");
        assert_eq!(letter.text.lines().count(), plain.text.lines().count(), "{name:?}");
        assert!(!letter.text.contains("://") && !letter.text.contains("www.e"), "{name:?}");
        assert!(!letter.text.contains(|c: char| c.is_control() && c != '\n'), "{name:?}");
    }
}
