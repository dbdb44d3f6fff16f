//! People as a plan points at them: names, lists and selectors.
//!
//! Asks no tenant. Invariant: the plan gets object ids and keyed hashes only; the names behind the hashes stay aside.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::csv_list;
use super::problem::{Problem, Problems};
use super::read::{Node, Section};
use super::value::Wrong;
use crate::rollout::id::{NameHash, ObjectId, PersonRef};
use crate::rollout::plan::Selector;

/// The user principal names behind keyed hashes, as written; for showing only.
pub type Names = BTreeMap<NameHash, String>;

/// Turns what is written into references, and remembers the names.
#[derive(Debug)]
pub(super) struct Register {
    tenant: String,
    folder: PathBuf,
    names: RefCell<Names>,
}

impl Register {
    /// For the plan in `folder`, of the tenant `tenant`.
    pub(super) fn new(tenant: &str, folder: PathBuf) -> Self {
        Self { tenant: tenant.to_owned(), folder, names: RefCell::default() }
    }

    pub(super) fn into_names(self) -> Names {
        self.names.into_inner()
    }

    /// The reference for an object id or user principal name.
    pub(super) fn person(&self, text: &str) -> Result<PersonRef, Wrong> {
        if text.parse::<ObjectId>().is_err() && !is_principal_name(text) {
            return Err(Wrong::new("is neither an object id nor a user principal name", "write one such as \"ann@contoso.com\""));
        }
        let person = PersonRef::new(&self.tenant, text);
        if let PersonRef::Name(name) = person {
            self.names.borrow_mut().entry(name).or_insert_with(|| text.to_owned());
        }
        Ok(person)
    }

    /// A list of people; someone named twice is a warning.
    pub(super) fn people(&self, node: &Node<'_>) -> Option<Vec<PersonRef>> {
        let seen = RefCell::new(BTreeSet::new());
        node.each(|entry| {
            let person = entry.parsed(|text| self.person(text))?;
            if !seen.borrow_mut().insert(person) {
                entry.warn("is in this list already", "take one of the two out");
            }
            Some(person)
        })
    }

    /// People in a list, or in the CSV file that is named in its place.
    pub(super) fn listed(&self, node: &Node<'_>) -> Option<Vec<PersonRef>> {
        if node.is_list() {
            return self.people(node);
        }
        match self.csv(node)? {
            Selector::Csv { people, .. } => Some(people),
            _ => None,
        }
    }

    /// `include` and `exclude` of a stage.
    pub(super) fn selectors(&self, node: &Node<'_>) -> Option<(Vec<Selector>, Vec<Selector>)> {
        if node.is_list() {
            return Some((self.included(node)?, Vec::new()));
        }
        let table = node.section(&["include", "exclude"]);
        let include = table.need("include", "`include = [{ group = \"MFA Pilot\" }]`").and_then(|list| self.included(&list));
        let exclude = table.optional("exclude", |list| list.each(|entry| self.selector(entry)));
        Some((include?, exclude.ok()?.unwrap_or_default()))
    }

    fn included(&self, node: &Node<'_>) -> Option<Vec<Selector>> {
        let selectors = node.each(|entry| self.selector(entry))?;
        if selectors.is_empty() {
            node.error("selects nobody", "write a selector such as `{ group = \"MFA Pilot\" }`");
            return None;
        }
        Some(selectors)
    }

    fn selector(&self, node: &Node<'_>) -> Option<Selector> {
        const KINDS: [&str; 7] = ["users", "csv", "group", "filter", "percent", "ready_first", "everyone_else"];
        let table = node.section(&["users", "csv", "group", "filter", "percent", "ready_first", "everyone_else", "salt"]);
        let mut found = KINDS.iter().filter_map(|kind| table.get(kind).map(|value| (*kind, value)));
        let Some((kind, value)) = found.next() else {
            node.error(
                "is no selector",
                "write one of `users`, `csv`, `group`, `filter`, `percent`, `ready_first`, `everyone_else`",
            );
            return None;
        };
        if let Some((other, second)) = found.next() {
            second.error(format!("a selector has one kind; this one has `{kind}` and `{other}`"), "write two selectors");
            return None;
        }
        if let Some(salt) = table.get("salt").filter(|_| kind != "percent") {
            salt.error("only `percent` takes a salt", "take it out");
        }
        match kind {
            "users" => self.some_users(&value),
            "csv" => self.csv(&value),
            "group" => value.text().map(|group| Selector::Group(group.to_owned())),
            "filter" => value.text().map(|filter| Selector::Filter(filter.to_owned())),
            "percent" => self.percent(&table, &value),
            "ready_first" => value.count(1..=u32::MAX).map(Selector::ReadyFirst),
            _ => {
                if value.flag()? {
                    return Some(Selector::EveryoneElse);
                }
                value.error("selects nobody", "write `everyone_else = true`, or take the selector out");
                None
            }
        }
    }

    fn some_users(&self, value: &Node<'_>) -> Option<Selector> {
        let people = self.people(value)?;
        if people.is_empty() {
            value.error("selects nobody", "name somebody, or take the selector out");
            return None;
        }
        Some(Selector::Users(people))
    }

    fn percent(&self, table: &Section<'_>, value: &Node<'_>) -> Option<Selector> {
        let share = value.percent();
        let salt = table.optional("salt", |salt| salt.text().map(str::to_owned)).ok()?;
        Some(Selector::Percent { share: share?, salt: salt.unwrap_or_else(|| self.tenant.clone()) })
    }

    fn csv(&self, node: &Node<'_>) -> Option<Selector> {
        let written = node.text()?;
        let file = self.folder.join(written);
        match csv_list::read(&file, |text| self.person(text)) {
            Ok((people, warnings)) => {
                for warning in warnings {
                    node.push(warning.key(node.shown()));
                }
                Some(Selector::Csv { path: written.to_owned(), people })
            }
            Err(csv_list::Refused::File(error)) => {
                node.error(
                    format!("cannot read the list: {error}"),
                    "the path is relative to the plan file; correct it or supply the file",
                );
                None
            }
            Err(csv_list::Refused::Lines(problems)) => {
                for problem in problems {
                    node.push(problem.key(node.shown()));
                }
                None
            }
        }
    }
}

/// The people of the CSV file at `file`, for the plan of `tenant`, whole or not at all. Blocks on the file system.
pub fn people_of(file: &Path, tenant: &str) -> Result<Vec<PersonRef>, Problems> {
    let register = Register::new(tenant, PathBuf::new());
    csv_list::read(file, |text| register.person(text)).map(|(people, _)| people).map_err(|refused| match refused {
        csv_list::Refused::File(error) => {
            let file = file.display().to_string();
            Problem::file(&file, format!("cannot be read: {error}"), "name a readable file").into()
        }
        csv_list::Refused::Lines(problems) => Problems(problems),
    })
}

pub(super) fn is_principal_name(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
    text.split_once('@').is_some_and(|(user, domain)| part(user) && part(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_hash_and_stays_aside() {
        let register = Register::new("contoso.com", PathBuf::new());
        let person = register.person("Ann@contoso.com").unwrap();
        assert_eq!(register.person("ann@CONTOSO.com"), Ok(person));
        assert!(matches!(register.person("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"), Ok(PersonRef::Id(_))));
        for wrong in ["ann", "@contoso.com", "ann@", "an n@contoso.com", "a@b@c", ""] {
            assert!(register.person(wrong).is_err(), "{wrong}");
        }
        assert_eq!(register.into_names().into_values().collect::<Vec<_>>(), ["Ann@contoso.com"]);
    }
}
