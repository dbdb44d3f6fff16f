//! Each rule, shown to fail: bad source is planted, and the rule must name its file and line.

use super::source::{File, Tree};
use super::{faults, rules};

/// A file of good manners.
fn good() -> Tree {
    plant("src/rollout/a.rs", "//! Good.\n\nuse std::fmt;\n\n/// Says it.\npub fn f() -> fmt::Error {\n    fmt::Error\n}\n")
}

fn plant(path: &str, text: &str) -> Tree {
    let cargo = "[dependencies]\ntokio = \"1\" # the runtime\nserde_json = \"1\" # the format\n\n[dev-dependencies]\n".to_owned();
    match path.rsplit('.').next() {
        Some("rs") => Tree::new(vec![File::new(path, text.to_owned())], cargo, Vec::new()),
        Some("toml") => Tree::new(Vec::new(), text.to_owned(), Vec::new()),
        _ => Tree::new(Vec::new(), cargo, vec![(path.to_owned(), text.to_owned())]),
    }
}

/// Rule, file, text behind the first line `//! x`, line of the fault.
const PLANTED: &[(&str, &str, &str, usize)] = &[
    ("one clock", "src/store/a.rs", "let t = Timestamp::now();", 2),
    ("one clock", "src/graph/a.rs", "\nlet t = start.elapsed();", 3),
    ("one reader of the environment", "src/cli/a.rs", "let v = std::env::var_os(name);", 2),
    ("one reader of the environment", "src/notify/a.rs", "let z = TimeZone::system();", 2),
    ("one printer", "src/store/a.rs", "println!();", 2),
    ("one printer", "src/engine/a.rs", "let out = std::io::stdout();", 2),
    ("one HTTP client", "src/notify/a.rs", "let c = reqwest::Client::new();", 2),
    ("one HTTP client", "src/graph/wire.rs", "Client::builder();\nClient::builder();", 3),
    ("one send", "src/graph/users.rs", "request.send().await?;", 2),
    ("one send", "src/graph/wire.rs", "a.send();\nb.send();", 3),
    ("one writer", "src/admin/a.rs", "journal.append(record);", 2),
    ("one writer", "src/notify/a.rs", "store.save(state);", 2),
    ("nothing silenced", "tests/it/a.rs", "#[allow(dead_code)]", 2),
    ("nothing silenced", "src/sim/a.rs", "#[cfg_attr(test, allow(dead_code))]", 2),
    ("no panics", "src/sim/a.rs", "let x = y.unwrap();", 2),
    ("no panics", "src/sim/a.rs", "let x = y.expect(\"is there\");", 2),
    ("no panics", "src/cli/a.rs", "#[cfg(test)]\nmod tests {}\nfn f() { panic!(\"no\") }", 4),
    ("no condition is switched off", "src/engine/a.rs", "condition::without(Rule::Promise)", 2),
    ("the core is pure", "src/rollout/a.rs", "use tokio::sync::watch;", 2),
    ("the core is pure", "src/rollout/a.rs", "fn f() { serde_json::to_vec(&x) }", 2),
    ("the core is pure", "src/rollout/a.rs", "use std::{fmt,\n    fs};", 3),
    ("the core is pure", "src/rollout/a.rs", "async fn f() {}", 2),
    ("who may use whom", "src/graph/a.rs", "use crate::store::Journal;", 2),
    ("who may use whom", "src/admin/a.rs", "use crate::{engine::port,\n    notify::Texts};", 3),
    ("who may use whom", "src/rollout/gate/a.rs", "use super::super::super::engine::port;", 2),
    ("who may use whom", "src/store/mod.rs", "use super::sim;", 2),
    ("who may use whom", "src/engine/a.rs", "fn f() -> crate::admin::Command {}", 2),
    ("who may use whom", "src/main.rs", "use tidegate::engine::Engine;", 2),
    ("who may use whom", "src/extra/mod.rs", "", 1),
    ("one word for each thing", "src/engine/a.rs", "// the second wave", 2),
    ("one word for each thing", "src/engine/a.rs", "let s = \"a change freeze\";", 2),
    ("one word for each thing", "src/engine/a.rs", "struct StageManager;", 2),
    ("one word for each thing", "docs/A.md", "it will halt.", 2),
];

#[test]
fn every_planted_fault_is_found_at_its_line() {
    for (rule, path, text, line) in PLANTED {
        let found = faults(&plant(path, &format!("//! x\n{text}\n")));
        let hit = found.iter().find(|fault| fault.rule == *rule && fault.path == *path && fault.line == *line);
        assert!(hit.is_some(), "{rule} did not see {path}: {text}");
    }
}

#[test]
fn files_that_are_too_long_or_say_nothing_are_found() {
    let lines = |count: usize| format!("//! x\n{}", "// y\n".repeat(count - 1));
    for (rule, path, text) in [
        ("short files", "tests/it/a.rs", lines(601)),
        ("short files", "src/cli/a.rs", lines(180)),
        ("files say what they are", "src/cli/a.rs", "fn f() {}\n".to_owned()),
        ("every dependency has a reason", "Cargo.toml", "[dependencies]\ntokio = \"1\"\n".to_owned()),
        ("every dependency has a reason", "Cargo.toml", "[dev-dependencies]\ninsta = \"1\" #\n".to_owned()),
    ] {
        assert!(faults(&plant(path, &text)).iter().any(|fault| fault.rule == rule), "{rule} did not see {path}");
    }
    assert!(faults(&plant("tests/it/a.rs", &lines(600))).is_empty());
}

#[test]
fn what_is_allowed_is_not_found() {
    let harmless = [
        ("src/clock.rs", "Timestamp::now()"),
        ("src/config/a.rs", "std::env::vars()"),
        ("src/cli/a.rs", "println!()"),
        ("src/cli/a.rs", "use crate::{engine, graph, sim};"),
        ("src/graph/wire.rs", "Client::builder(); a.send()"),
        ("src/graph/a.rs", "all.append(&mut more); headers.append(name, value); tx.send(x)"),
        ("src/enforcement/a.rs", "use crate::graph::Graph;"),
        ("src/rollout/plan.rs", "serde_json::to_vec(self)"),
        ("src/rollout/a.rs", "use super::plan::Plan;"),
        ("src/rollout/gate/a.rs", "use super::super::plan::Plan; // tokio::sync, panic!, now()"),
        ("src/rollout/a.rs", "#[cfg(test)]\nmod tests { use crate::sim::Tenant; fn f() { x.unwrap() } }"),
        ("src/store/a_tests.rs", "x.unwrap()"),
        ("src/sim/a.rs", "condition::without(Rule::Promise); parser.expect(Token::End)"),
        ("src/graph/a.rs", "\"authenticationMethodsRegistrationCampaign\""),
    ];
    for (path, text) in harmless {
        let found: Vec<String> = faults(&plant(path, &format!("//! x\n{text}\n"))).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    assert!(faults(&good()).is_empty());
}

#[test]
fn a_file_that_is_declared_for_tests_only_may_do_what_tests_may() {
    let parent = |text: &str| File::new("src/store/mod.rs", format!("//! x\n{text}\n"));
    let file = |path| File::new(path, "//! x\nx.unwrap()\n".to_owned());
    for (declared, path, count) in [
        ("#[cfg(test)]\npub(crate) mod script;", "src/store/script.rs", 0),
        ("#[cfg(test)]\nmod script;", "src/store/script/a.rs", 0),
        ("#[cfg(test)]\nmod script;", "src/store/scripts.rs", 1),
        ("mod script;", "src/store/script.rs", 1),
    ] {
        let tree = Tree::new(vec![parent(declared), file(path)], String::new(), Vec::new());
        assert_eq!(faults(&tree).len(), count, "{declared} {path}");
    }
}

#[test]
fn a_macro_belongs_to_the_module_that_defines_it() {
    let say = File::new("src/cli/show.rs", "//! x\nmacro_rules! say { () => {} }\n".to_owned());
    for (path, count) in [("src/cli/a.rs", 0), ("src/store/a.rs", 1)] {
        let user = File::new(path, "//! x\nuse crate::say;\n".to_owned());
        let source = File::new(say.path.as_str(), say.text.clone());
        assert_eq!(faults(&Tree::new(vec![source, user], String::new(), Vec::new())).len(), count, "{path}");
    }
}

#[test]
fn every_rule_has_a_planted_fault() {
    let elsewhere = ["short files", "files say what they are", "every dependency has a reason"];
    for rule in rules().map(|rule| rule.name) {
        assert!(elsewhere.contains(&rule) || PLANTED.iter().any(|(name, ..)| *name == rule), "{rule}");
    }
}
