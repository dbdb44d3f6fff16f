//! The rules of docs/ARCHITECTURE.md, enforced on the text of the source.
//!
//! One crate has no walls of its own: this test is the wall. It reads text, not types, so it can be fooled by somebody who
//! tries; it catches everybody who does not. Each rule is shown to fail on a planted piece of bad source (`planted.rs`).

mod bans;
mod imports;
mod planted;
mod shape;
mod source;
mod words;

use std::fmt;
use std::path::Path;

use source::Tree;

/// One rule: its name in every message, what it promises, and how it is checked.
struct Rule {
    name: &'static str,
    promise: &'static str,
    check: fn(&Tree) -> Vec<Fault>,
}

/// One place that breaks a rule.
#[derive(Clone)]
struct Fault {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.what)
    }
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    [bans::RULES, imports::RULES, shape::RULES, words::RULES].into_iter().flatten()
}

fn faults(tree: &Tree) -> Vec<Fault> {
    rules().flat_map(|rule| (rule.check)(tree)).collect()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_source_keeps_every_rule() {
    let tree = Tree::read(project());
    assert!(tree.files.len() > 20, "the scan found the source");
    let faults: Vec<String> = faults(&tree).iter().map(Fault::to_string).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_architecture_page_states_every_rule_and_the_table_of_imports() {
    let page = std::fs::read_to_string(project().join("docs/ARCHITECTURE.md")).unwrap();
    let rules = rules().map(|rule| format!("- **{}**: {}", rule.name, rule.promise));
    let missing: Vec<String> = rules.chain(imports::table()).filter(|line| !page.lines().any(|own| own == line)).collect();
    assert!(missing.is_empty(), "docs/ARCHITECTURE.md lacks these lines:\n{}\n", missing.join("\n"));
}
