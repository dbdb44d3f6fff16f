//! Rules on whole files: their length, their first line, and the reasons in Cargo.toml.

use super::source::Tree;
use super::{Fault, Rule};

/// Lines of the longest file.
const LONGEST: usize = 600;
/// The median of the product's files stays below so many lines.
const MEDIAN: usize = 180;

const LENGTH: &str = "short files";
const FIRST_LINE: &str = "files say what they are";
const REASONS: &str = "every dependency has a reason";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: LENGTH,
        promise: "no file above 600 lines, tests included; the median of the product's files below 180.",
        check: long,
    },
    Rule { name: FIRST_LINE, promise: "every file begins with `//!`.", check: unexplained },
    Rule { name: REASONS, promise: "every dependency line of Cargo.toml ends in a comment that says why.", check: unreasoned },
];

fn long(tree: &Tree) -> Vec<Fault> {
    let fault = |path: &str, what| Fault { path: path.to_owned(), line: 1, rule: LENGTH, what };
    let too_long = tree.files.iter().filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > LONGEST).then(|| fault(&file.path, format!("{lines} lines, more than {LONGEST}: one idea per file")))
    });
    let mut lengths: Vec<usize> = tree.src().map(|file| file.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    let median = (median >= MEDIAN).then(|| fault("src", format!("the median is {median} lines, not below {MEDIAN}")));
    too_long.chain(median).collect()
}

fn unexplained(tree: &Tree) -> Vec<Fault> {
    let silent = tree.files.iter().filter(|file| !file.text.starts_with("//! "));
    silent
        .map(|file| Fault {
            path: file.path.clone(),
            line: 1,
            rule: FIRST_LINE,
            what: "begin with `//!`: purpose, what it does not do, the invariant".to_owned(),
        })
        .collect()
}

fn unreasoned(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut inside = false;
    for (number, line) in tree.cargo.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
        } else if inside && line.contains('=') && !line.starts_with('#') {
            let reason = line.rsplit_once('#').map(|(_, reason)| reason.trim()).unwrap_or_default();
            if reason.len() < 5 {
                faults.push(Fault {
                    path: "Cargo.toml".to_owned(),
                    line: number + 1,
                    rule: REASONS,
                    what: format!("`{}` has no reason behind `#`", line.split('=').next().unwrap_or_default().trim()),
                });
            }
        }
    }
    faults
}
