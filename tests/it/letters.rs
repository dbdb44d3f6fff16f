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
