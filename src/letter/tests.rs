//! Tests of letters: languages, kinds, and what each of them says.

use super::*;
use crate::rollout::plan::Format;

fn texts(style: Style) -> Texts {
    Texts::built_in(style).unwrap()
}

fn facts<'a>(display: Option<&'a str>, language: Option<&'a str>, kind: Kind) -> Facts<'a> {
    Facts {
        display,
        language,
        kind,
        instant: "2027-01-11T08:00:00Z".parse().unwrap(),
        time_zone: "Europe/Berlin",
        helpdesk: "https://help.contoso.example, ext. 4242",
        grace: 0,
    }
}

#[test]
fn each_person_gets_the_closest_language() {
    let style = |language: &str| Style { language: language.to_owned(), ..Style::default() };
    for (preferred, plan, greeting) in [
        (None, "en", "Hello"),
        (Some("de-AT"), "en", "Guten Tag"),
        (Some("DE"), "en", "Guten Tag"),
        (Some("de_CH"), "en", "Guten Tag"),
        (Some("de-Latn-CH"), "en", "Guten Tag"),
        (Some("en-US"), "de", "Hello"),
        (Some("fr-FR"), "en", "Hello"),
        (Some("fr-FR"), "de", "Guten Tag"),
        (None, "de-CH", "Guten Tag"),
        (Some("fr"), "it", "Hello"),
        (Some(""), "de", "Guten Tag"),
    ] {
        let letter = texts(style(plan)).write(&facts(Some("Zoë"), preferred, Kind::Announcement)).unwrap();
        assert!(letter.text.starts_with(&format!("{greeting} Zoë,\n")), "{preferred:?} {plan}: {}", letter.text);
    }
}

#[test]
fn a_kind_without_a_text_in_a_language_is_told_in_the_next_one() {
    let mut texts = texts(Style { language: "de".to_owned(), ..Style::default() });
    let source = Source { subject: "Sujet {{ day }}".to_owned(), body: "Bonjour {{ name or 'vous' }}: {{ date }}".to_owned() };
    texts.set("fr", Kind::Announcement, &source).unwrap();
    let letter = texts.write(&facts(None, Some("fr-CA"), Kind::Announcement)).unwrap();
    assert_eq!((letter.subject.as_str(), letter.language.as_str()), ("Sujet 2027-01-11", "fr"));
    assert_eq!(letter.text, "Bonjour vous: 2027-01-11, 09:00 (Europe/Berlin, UTC+01:00)\n");
    let letter = texts.write(&facts(None, Some("fr-CA"), Kind::Withdrawn)).unwrap();
    assert_eq!(letter.language, "de");
}

#[test]
fn every_built_in_text_passes_the_check_of_operators_texts() {
    let style = Style { verify: Some("https://intranet.contoso.example/mfa".to_owned()), ..Style::default() };
    for style in [Style::default(), style] {
        let given = Given { helpdesk: "https://help.contoso.example, ext. 4242", time_zone: "Europe/Berlin", style: &style };
        for (language, kind, source) in super::texts::built_in() {
            assert_eq!(check(language, &[kind], &source, &given), [], "{language} {kind}");
        }
    }
}

#[test]
fn there_is_a_built_in_text_of_every_kind() {
    let texts = texts(Style::default());
    assert_eq!(texts.languages().into_iter().collect::<Vec<_>>(), ["de", "en"]);
    assert!(Kind::ALL.iter().all(|kind| texts.has("en", *kind) && texts.has("de", *kind)));
}

#[test]
fn the_built_in_texts_say_all_that_people_need() {
    let texts = texts(Style { verify: Some("https://intranet.contoso.example/mfa".to_owned()), ..Style::default() });
    for language in ["en", "de"] {
        for kind in Kind::ALL {
            let letter = texts.write(&facts(None, Some(language), kind)).unwrap();
            for part in ["2027", "09:00", "Europe/Berlin", "ext. 4242"] {
                assert!(letter.text.contains(part) && letter.html.contains(part), "{language} {kind}: {part}");
            }
            assert_eq!(letter.text.contains("08:00") && letter.text.contains("UTC\n"), kind.has_date(), "{language} {kind}");
            let addresses = letter.text.matches("https://").count();
            assert!(!letter.text.contains("http://") && (1..=2).contains(&addresses), "only the plan's own addresses");
            assert!(!letter.subject.contains('\n') && letter.subject.len() < 100, "{}", letter.subject);
            assert_eq!(letter.subject.contains("2027"), kind != Kind::Volunteered, "{}", letter.subject);
        }
        // The subjects of Microsoft's guide.
        let announcement = texts.write(&facts(None, Some(language), Kind::Announcement)).unwrap().text;
        let subjects = match language {
            "en" => [
                "Why",
                "How to register",
                "How to sign in afterwards",
                "How to change your method",
                "What to do with a new phone",
            ],
            _ => [
                "Warum",
                "So registrieren Sie sich",
                "So melden Sie sich danach an",
                "So ändern Sie Ihre Methode",
                "Was Sie bei einem neuen Telefon tun",
            ],
        };
        for subject in subjects {
            assert!(announcement.contains(&format!("\n\n{subject}\n")), "{language}: {subject}\n{announcement}");
        }
        assert!(announcement.contains("aka.ms/mysecurityinfo") && announcement.contains("intranet.contoso.example/mfa"));
    }
}

#[test]
fn under_security_defaults_the_mail_says_what_counts_and_how_long_it_may_be_put_off() {
    let texts = texts(Style::default());
    for (language, app, days) in
        [("en", "Microsoft Authenticator app", "14 days"), ("de", "App Microsoft Authenticator", "14 Tage")]
    {
        // Whoever is ready, or is told that nothing is required, puts nothing off.
        for kind in
            Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Ready | Kind::Withdrawn | Kind::Exempt | Kind::Released))
        {
            let each = facts(None, Some(language), kind);
            let wide = texts.write(&Facts { grace: 14, ..each.clone() }).unwrap().text;
            assert!(wide.contains(app) && wide.contains(days), "{kind}: {wide}");
            let each = texts.write(&each).unwrap().text;
            assert!(!each.contains(app) && !each.contains(days), "{kind}: {each}");
            for text in [wide, each] {
                assert!(!text.contains("{%") && !text.contains("\n\n\n") && !text.contains("**"), "{kind}: {text}");
            }
        }
    }
}

#[test]
fn a_test_says_that_it_is_one_wherever_it_is_read() {
    let letter = texts(Style::default()).write_test(&facts(None, None, Kind::Announcement)).unwrap();
    let mark = "[Test, nothing is required of you]";
    assert!(letter.subject.starts_with(mark) && letter.text.starts_with(mark), "{letter:?}");
    assert!(letter.html.contains(&format!("<title>{mark}")) && letter.html.contains(&format!("\">{mark}")), "{}", letter.html);
}

#[test]
fn a_text_cannot_make_a_name_more_than_a_name() {
    let mut texts = texts(Style { format: Format::Text, ..Style::default() });
    for body in [
        "{{ name|safe }} {{ date }}",
        "{{ name|e }} {{ date }}",
        "{{ name|escape }} {{ date }}",
        "{% set a %}{{ name }}{% endset %}{{ a }} {{ date }}",
        "{% filter upper %}{{ name }}{% endfilter %} {{ date }}",
        "# {{ name }} {{ date }}",
        "- {{ name }}\n\n**{{ name }}** {{ date }}",
    ] {
        let source = Source { subject: "{{ name }}".to_owned(), body: body.to_owned() };
        texts.set("fr", Kind::Announcement, &source).unwrap();
        let name = "<b>**x**</b> [a](//b) <script>";
        // A filter for another markup may be refused, which is as good.
        let Ok(letter) = texts.write(&facts(Some(name), Some("fr"), Kind::Announcement)) else {
            assert!(body.contains("|e"), "{body}");
            continue;
        };
        let inner = letter.html.split_once("</h1>").unwrap().1.to_lowercase();
        for tag in ["<b>", "<script", "<a ", "<strong>x", "<em>"] {
            assert!(!inner.contains(tag), "{body}: {tag} in {inner}");
        }
    }
}

#[test]
fn a_letter_without_its_date_is_not_written() {
    let mut texts = texts(Style::default());
    let source = |body: &str| Source { subject: "Sujet".to_owned(), body: body.to_owned() };
    texts.set("fr", Kind::Announcement, &source("{{ day }}")).unwrap();
    let error = texts.write(&facts(None, Some("fr"), Kind::Announcement)).unwrap_err();
    assert!(matches!(error, TextError::NoDate { .. }), "{error}");
    texts.set("fr", Kind::Withdrawn, &source("soon")).unwrap();
    assert!(texts.write(&facts(None, Some("fr"), Kind::Withdrawn)).is_ok(), "no date is in force");
    texts.set("fr", Kind::Announcement, &source("{{ date }} {{ dat }}")).unwrap();
    let error = texts.write(&facts(None, Some("fr"), Kind::Announcement)).unwrap_err();
    assert!(matches!(error, TextError::Template { part: Part::Body, line: Some(1), .. }), "{error}");
}
