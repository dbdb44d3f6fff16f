//! Lists of people who are not ready yet, one for each who manages some of them, and an index of the lists.
//!
//! Does not decide who is on which list. Invariant: a page names its own people and nobody else's.

use jiff::Timestamp;
use minijinja::Value;

use super::super::clean;
use super::{Press, Setting, Unwritten, language};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Readiness;

/// A person as a list names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Object id, for whoever has no name.
    pub id: ObjectId,
    /// Display name as the tenant holds it: foreign text.
    pub display: Option<String>,
    /// User principal name.
    pub account: Option<String>,
}

impl Named {
    /// What they are called: by their name, or else by their account, or else by their id.
    #[must_use]
    pub fn name(&self) -> String {
        let display = self.display.as_deref().and_then(clean::name);
        display.or_else(|| self.account.as_deref().map(clean::line)).unwrap_or_else(|| self.id.to_string())
    }

    /// Their account, or else their id.
    #[must_use]
    pub fn account(&self) -> String {
        self.account.as_deref().map_or_else(|| self.id.to_string(), clean::line)
    }
}

/// Somebody who is not ready yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// Who.
    pub who: Named,
    /// What they could do.
    pub readiness: Readiness,
    /// The date that they were told.
    pub told: Option<Timestamp>,
}

/// The people of one who manages them, or those whom nobody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Who gets it.
    pub to: Option<Named>,
    /// Who is on it.
    pub people: Vec<Unready>,
}

impl List {
    /// The name of its files, without the ending: nothing that others wrote.
    #[must_use]
    pub fn file(&self) -> String {
        self.to.as_ref().map_or_else(|| "without-manager".to_owned(), |to| to.id.to_string())
    }
}

/// One list as a page to print or to send.
pub fn list(setting: Setting<'_>, list: &List) -> Result<String, Unwritten> {
    let press = Press::new(setting)?;
    let mut rows = Vec::with_capacity(list.people.len());
    for person in &list.people {
        let date = person.told.map(|at| press.date(at, press.language).map(|written| written.date)).transpose()?;
        rows.push(Value::from_pairs([
            ("name", Value::from(person.who.name())),
            ("account", Value::from(person.who.account())),
            ("readiness", Value::from(readiness(person.readiness, press.language))),
            ("date", Value::from(date)),
        ]));
    }
    let facts = Value::from_pairs([
        ("manager", Value::from(list.to.as_ref().map(Named::name))),
        ("rows", Value::from(rows)),
        ("helpdesk", Value::from(setting.helpdesk)),
        ("as_of", Value::from(press.date(setting.now, press.language)?.date)),
    ]);
    let content = press.render(&format!("list.{}.html", press.language), facts)?;
    press.framed("page list", title(press.language), content)
}

/// The index of the lists, for whoever hands them out.
pub fn index(setting: Setting<'_>, lists: &[List]) -> Result<String, Unwritten> {
    let press = Press::new(setting)?;
    let row = |list: &List| {
        Value::from_pairs([
            ("file", Value::from(list.file())),
            ("manager", Value::from(list.to.as_ref().map(Named::name))),
            ("account", Value::from(list.to.as_ref().map(Named::account))),
            ("people", Value::from(list.people.len())),
        ])
    };
    let facts = Value::from_pairs([
        ("rows", Value::from(lists.iter().map(row).collect::<Vec<_>>())),
        ("people", Value::from(lists.iter().map(|list| list.people.len()).sum::<usize>())),
        ("as_of", Value::from(press.date(setting.now, press.language)?.date)),
    ]);
    let content = press.render(&format!("index.{}.html", press.language), facts)?;
    press.framed("page list", title(press.language), content)
}

/// The columns of a list as a table.
#[must_use]
pub fn columns(wanted: &str) -> [&'static str; 4] {
    match language(wanted) {
        "de" => ["Name", "Konto", "Bereitschaft", "Mitgeteilter Termin"],
        _ => ["Name", "Account", "Readiness", "Date told"],
    }
}

/// What somebody could do, in words.
#[must_use]
pub fn readiness(readiness: Readiness, wanted: &str) -> &'static str {
    match (readiness, language(wanted)) {
        (Readiness::Capable, "de") => "bereit",
        (Readiness::RegisteredNotAllowed, "de") => "hat eine Methode eingerichtet, aber keine, die zugelassen ist",
        (Readiness::Unregistered, "de") => "hat noch keine Methode eingerichtet",
        (Readiness::Unknown, "de") => "nicht bekannt",
        (Readiness::Capable, _) => "ready",
        (Readiness::RegisteredNotAllowed, _) => "has set up a method, but none that is allowed",
        (Readiness::Unregistered, _) => "has not set up a method yet",
        (Readiness::Unknown, _) => "not known",
    }
}

fn title(language: &str) -> &'static str {
    if language == "de" { "Wer noch nicht bereit ist" } else { "Who is not ready yet" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting<'static> =
        Setting { time_zone: "Europe/Berlin", helpdesk: "ext. 1 & 2", language: "en", now: Timestamp::UNIX_EPOCH };

    fn named(n: u128, name: &str) -> Named {
        Named { id: ObjectId::from_bits(n), display: Some(name.to_owned()), account: Some(format!("{n}@contoso.example")) }
    }

    fn of(to: Option<Named>, name: &str) -> List {
        let told = Some("2027-01-11T08:00:00Z".parse().unwrap());
        let first = Unready { who: named(1, name), readiness: Readiness::Unregistered, told };
        let second = Unready {
            who: Named { id: ObjectId::from_bits(2), display: None, account: None },
            readiness: Readiness::Unknown,
            told: None,
        };
        List { to, people: vec![first, second] }
    }

    #[test]
    fn a_list_says_who_is_not_ready_in_what_way_and_which_date_they_were_told() {
        for (language, says) in [
            (
                "en",
                ["People of Grace", "has not set up a method yet", "Monday, 11 January 2027, at 09:00", "none yet", "2 people"],
            ),
            (
                "de",
                ["Wer bei Grace", "hat noch keine Methode", "Montag, 11. Januar 2027, um 09:00 Uhr", "noch keiner", "2 Personen"],
            ),
        ] {
            let html = list(Setting { language, ..SETTING }, &of(Some(named(9, "Grace")), "Ada")).unwrap();
            let id = ObjectId::from_bits(2).to_string();
            let shared = ["Ada", "1@contoso.example", &id, "ext. 1 &amp; 2", &format!("<html lang=\"{language}\">")];
            for says in says.into_iter().chain(shared) {
                assert!(html.contains(says), "{says}: {html}");
            }
            assert_eq!(html.matches("scope=\"row\"").count(), 2, "a heading for each row");
            assert_eq!(html.matches("scope=\"col\"").count(), columns(language).len());
            assert!(columns(language).iter().all(|column| html.contains(&format!(">{column}</th>"))), "{html}");
            assert!(!html.contains("http://") && !html.contains("https://"), "nothing is loaded from anywhere");
        }
        let nobodys = list(SETTING, &of(None, "Ada")).unwrap();
        assert!(nobodys.contains("People without a manager") && !nobodys.contains("report to you"), "{nobodys}");
    }

    #[test]
    fn the_index_leads_to_each_list_and_names_nobody_on_them() {
        for language in ["en", "de"] {
            let lists = [of(Some(named(9, "Grace")), "Ada"), of(None, "Zoë")];
            let html = index(Setting { language, ..SETTING }, &lists).unwrap();
            for list in &lists {
                for ending in ["html", "csv"] {
                    assert!(html.contains(&format!("href=\"{}.{ending}\"", list.file())), "{html}");
                }
            }
            assert!(html.contains("Grace") && html.contains("9@contoso.example"), "{html}");
            assert!(!html.contains("Ada") && !html.contains("Zoë"), "{html}");
        }
    }

    #[test]
    fn hostile_names_are_only_text_in_lists() {
        let tags = |html: &str| html.matches('<').count();
        let plain = of(Some(named(9, "Grace")), "Ada");
        for name in ["<script>alert(1)</script>", "\"><img src=x>", "{{ 7 * 7 }}{% raw %}", "a\r\n</table>", "\u{202e}</main>"] {
            let hostile = of(Some(Named { account: Some(name.to_owned()), ..named(9, name) }), name);
            assert_eq!(tags(&list(SETTING, &hostile).unwrap()), tags(&list(SETTING, &plain).unwrap()), "{name:?}");
            let (hostile, plain) = (index(SETTING, &[hostile]).unwrap(), index(SETTING, std::slice::from_ref(&plain)).unwrap());
            assert_eq!(tags(&hostile), tags(&plain), "{name:?}");
            assert!(!hostile.contains('\u{202e}') && !hostile.contains(">49<"), "{hostile}");
        }
    }
}
