//! The texts of notices from outside: the built-in ones as they were, and bad ones that `check` refuses.
//!
//! `UPDATE_EXPECTED=1 cargo test letters` writes the files anew: read the difference before you commit it.

use std::path::{Path, PathBuf};

use tidegate::config::{self, Severity};
use tidegate::letter::{Facts, Kind, Style, Texts};

/// Compares with a file, or writes it.
fn agree(file: &Path, found: &str) {
    if config::environment().any(|(name, _)| name == "UPDATE_EXPECTED") {
        std::fs::write(file, found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(file).unwrap_or_default(), "{}", file.display());
}

#[test]
fn the_built_in_letters_are_as_they_were() {
    let folder = Path::new("tests/fixtures/letters");
    let style = Style { verify: Some("https://intranet.contoso.example/mfa".to_owned()), ..Style::default() };
    let texts = Texts::built_in(style).unwrap();
    for language in texts.languages() {
        for kind in Kind::ALL {
            let facts = Facts {
                display: Some("Zoë <Müller>"),
                language: Some(language),
                kind,
                instant: "2027-01-11T08:00:00Z".parse().unwrap(),
                time_zone: "Europe/Berlin",
                helpdesk: "https://help.contoso.example/mfa, ext. 4242",
                grace: 0,
            };
            let letter = texts.write(&facts).unwrap();
            agree(&folder.join(format!("{language}-{kind}.txt")), &format!("{}\n\n{}", letter.subject, letter.text));
            if kind == Kind::Announcement {
                agree(&folder.join(format!("{language}-{kind}.html")), &letter.html);
            }
        }
    }
}

#[test]
fn the_lists_for_managers_are_as_they_were() {
    use tidegate::letter::handouts::lists::Named;
    use tidegate::letter::managers::{MOST, Page, write};
    use tidegate::rollout::id::ObjectId;
    use tidegate::rollout::observed::Readiness;

    let folder = Path::new("tests/fixtures/letters");
    let named = |n: usize, name: &str| {
        let account = Some(format!("user{n}@contoso.example"));
        Named { id: ObjectId::from_bits(n as u128), display: Some(name.to_owned()), account }
    };
    let few = [(named(1, "Ada"), Readiness::Unregistered), (named(2, "Zoë <Müller>"), Readiness::RegisteredNotAllowed)];
    let many: Vec<_> = (0..MOST + 12).map(|n| (named(n, "Ada"), Readiness::Unregistered)).collect();
    for (wanted, style, language) in [("en-GB", "de", "en"), ("de_CH", "en", "de"), ("fr", "de-AT", "de"), ("fr", "it", "en")] {
        let style = Style { language: style.to_owned(), ..Style::default() };
        let page = Page {
            display: Some("Grace [x](http://evil)"),
            language: Some(wanted),
            instant: "2027-01-11T08:00:00Z".parse().unwrap(),
            time_zone: "Europe/Berlin",
            helpdesk: "https://help.contoso.example/mfa, ext. 4242",
            people: &few,
        };
        let letter = write(&page, &style).unwrap();
        assert_eq!(letter.language, language);
        agree(&folder.join(format!("{language}-managers.txt")), &format!("{}\n\n{}", letter.subject, letter.text));
        agree(&folder.join(format!("{language}-managers.html")), &letter.html);
        let long = write(&Page { people: &many, ..page }, &style).unwrap();
        assert_eq!(long.text.matches("@contoso.example").count(), MOST);
        assert!(long.subject.contains("312") && long.text.contains(" 12 "), "{}", long.text);
    }
}

#[test]
fn the_memos_to_operators_are_as_they_were() {
    use tidegate::letter::memo::write;
    use tidegate::rollout::page::{Page, Part};

    let folder = Path::new("tests/fixtures/letters");
    let page = Page {
        subject: "MFA rollout: stage <pilot>\r\nwaits".to_owned(),
        parts: vec![
            Part::Heading("What **waits**".to_owned()),
            Part::Text("Something stands against <b>it</b>.".to_owned()),
            Part::Box("It ends with: `tidegate unpause 'gate:pilot:people get in' --ack 1a2b`".to_owned()),
            Part::List(vec!["What: [x](http://evil)".to_owned(), "For: 12 people".to_owned()]),
        ],
    };
    let letter = write(&page);
    assert!(
        !letter.subject.contains(['\r', '\n']) && !letter.html.contains("<b>") && !letter.html.contains("<a "),
        "{}",
        letter.html
    );
    agree(&folder.join("memo.txt"), &format!("{}\n\n{}", letter.subject, letter.text));
    agree(&folder.join("memo.html"), &letter.html);
}

/// The problems of the one plan with the texts of `folder`.
fn problems(folder: &str) -> Vec<config::Problem> {
    let plan = Path::new("tests/fixtures/broken-texts/plan.toml");
    let variable = ("TIDEGATE_NOTICES__TEMPLATES".to_owned(), folder.to_owned());
    match config::load(plan, [variable]) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems.0,
    }
}

#[test]
fn each_bad_text_is_refused_with_file_line_reason_and_remedy() {
    let root = Path::new("tests/fixtures/broken-texts");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(folders.len() >= 25, "{} folders", folders.len());
    for folder in folders {
        let problems = problems(&folder.file_name().unwrap().to_string_lossy());
        let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert!(!errors.is_empty(), "{} is not refused", folder.display());
        // A name of a file has no line; everything inside of one has.
        let of_the_name = folder.ends_with("23-no-language") || folder.ends_with("25-nothing");
        assert!(errors.iter().all(|problem| of_the_name || problem.line.is_some()), "{}: {errors:?}", folder.display());
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        agree(&folder.join("expected"), &format!("{}\n", lines.join("\n")));
    }
}
