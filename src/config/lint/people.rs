//! Selectors against each other and against the break-glass accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lint, stage_key};
use crate::config::places::{Path, Places, Step, key};
use crate::rollout::id::PersonRef;
use crate::rollout::plan::{Licence, Selector, Unseen};

pub(super) fn lint(lint: &mut Lint<'_>) {
    break_glass(lint);
    everyone_else(lint);
    excluded(lint);
    overlaps(lint);
    unseen(lint);
}

/// When people last signed in is only known with a licence.
fn unseen(lint: &mut Lint<'_>) {
    if lint.plan.exceptions.unseen == Unseen::Absent && lint.plan.access.licence == Licence::None {
        let remedy = "write `unseen = \"enforce\"`, and list whoever is known to be away in `absent`";
        lint.error(
            &key!["exceptions", "unseen"],
            "without a P1 licence the tenant does not say when people last signed in",
            remedy,
        );
    }
}

fn break_glass(lint: &mut Lint<'_>) {
    let accounts: BTreeSet<PersonRef> = lint.plan.people.break_glass.iter().copied().collect();
    if accounts.len() < 2 {
        let message = format!("names {} different account{}", accounts.len(), if accounts.len() == 1 { "" } else { "s" });
        lint.error(&key!["people", "break_glass"], message, "name at least two: one alone can be lost");
    }
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        for (at, selector) in stage.include.iter().enumerate() {
            let named = people(selector).iter().filter(|person| accounts.contains(person)).count();
            if named > 0 {
                let message = format!("names {named} break-glass account{}", if named == 1 { "" } else { "s" });
                lint.warn(&included(lint.places, index, at), message, "take them out: they are never enforced");
            }
        }
    }
}

/// `everyone_else` leaves nobody for later stages.
fn everyone_else(lint: &mut Lint<'_>) {
    let last = lint.plan.stages.len().saturating_sub(1);
    for (index, stage) in lint.plan.stages.iter().enumerate().filter(|(index, _)| *index < last) {
        if let Some(at) = stage.include.iter().position(|selector| *selector == Selector::EveryoneElse) {
            let path = included(lint.places, index, at);
            lint.error(&path, "leaves nobody for the stages after this one", "move it to the last stage");
        }
    }
}

fn excluded(lint: &mut Lint<'_>) {
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        for (at, selector) in stage.exclude.iter().enumerate() {
            if matches!(selector, Selector::Percent { .. } | Selector::ReadyFirst(_) | Selector::EveryoneElse) {
                let mut path = stage_key(index, "people");
                path.extend([Step::from("exclude"), Step::from(at)]);
                lint.error(&path, "cannot be excluded: it means the remainder", "exclude `users`, `csv`, `group` or `filter`");
            }
        }
    }
}

/// A person belongs to the first stage that selects them.
fn overlaps(lint: &mut Lint<'_>) {
    let mut first_by_person: BTreeMap<PersonRef, usize> = BTreeMap::new();
    let mut first_by_source: BTreeMap<String, usize> = BTreeMap::new();
    for (index, stage) in lint.plan.stages.iter().enumerate() {
        for (at, selector) in stage.include.iter().enumerate() {
            let source = match selector {
                Selector::Group(group) => Some(format!("group {}", group.to_lowercase())),
                Selector::Filter(filter) => Some(format!("filter {filter}")),
                Selector::Csv { path, .. } => Some(format!("csv {path}")),
                _ => None,
            };
            let path = included(lint.places, index, at);
            let earlier = source.and_then(|source| first_by_source.insert(source, index)).and_then(|at| lint.plan.stages.get(at));
            if let Some(earlier) = earlier {
                let message = format!("selects the same people as stage `{}`", earlier.name);
                lint.warn(&path, message, "take it out: a person belongs to the first stage that selects them");
                continue;
            }
            let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
            for person in people(selector) {
                let first = *first_by_person.entry(*person).or_insert(index);
                if first != index {
                    *shared.entry(first).or_default() += 1;
                }
            }
            for (first, count) in shared {
                let Some(earlier) = lint.plan.stages.get(first) else { continue };
                let message =
                    format!("names {count} {} of stage `{}` too", if count == 1 { "person" } else { "people" }, earlier.name);
                lint.warn(&path, message, "take them out of one: a person belongs to the first stage that selects them");
            }
        }
    }
}

fn people(selector: &Selector) -> &[PersonRef] {
    match selector {
        Selector::Users(people) | Selector::Csv { people, .. } => people,
        _ => &[],
    }
}

/// The path of an included selector, in either way to write it.
fn included(places: &Places, stage: usize, at: usize) -> Path {
    let mut path = stage_key(stage, "people");
    let mut include = path.clone();
    include.push(Step::from("include"));
    if places.is_written(&include) {
        path = include;
    }
    path.push(Step::from(at));
    path
}
