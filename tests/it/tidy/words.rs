//! One word for each thing: the words of the design, and no second one in code, comments, messages or pages.

use super::source::is_name;
use super::{Fault, Rule};

/// Second words, and the first.
const SECOND: &[(&[&str], &str)] = &[
    (&["wave", "waves"], "stage"),
    (&["campaign", "campaigns"], "rollout, or notice"),
    (&["cohort", "cohorts"], "roster"),
    (&["halt", "halts", "halted", "halting"], "hold"),
];

/// Second words of more than one word: as a noun, a freeze is a blackout; a roster is frozen.
const PHRASES: &[(&str, &str)] =
    &[("change freeze", "blackout"), ("freeze window", "blackout"), ("a freeze", "blackout"), ("the freeze", "blackout")];

/// Parts of names in code that say nothing.
const EMPTY: &[&str] = &["Manager", "Helper", "Helpers", "helper", "helpers", "utils", "Utils"];

/// Microsoft's own names, which we must write.
const FOREIGN: &[&str] = &["authenticationMethodsRegistrationCampaign"];

const RULE: &str = "one word for each thing";

pub(super) const RULES: &[Rule] = &[Rule {
    name: RULE,
    promise: "the words of the design and no second ones; no names that say nothing.",
    check: |tree| {
        let sources = tree.src().map(|file| (file.path.as_str(), file.text.as_str()));
        let pages = tree.pages.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        let spoken = sources.chain(pages).flat_map(|(path, text)| second_words(path, text));
        let named = tree.src().flat_map(|file| empty_names(&file.path, &file.code));
        spoken.chain(named).collect()
    },
}];

fn second_words(path: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut own = line.to_owned();
        for foreign in FOREIGN {
            own = own.replace(foreign, "");
        }
        let words: Vec<String> = words(&own).map(str::to_lowercase).collect();
        for (seconds, first) in SECOND {
            for word in words.iter().filter(|word| seconds.contains(&word.as_str())) {
                faults.push(fault(path, number, format!("`{word}`: the word is {first}")));
            }
        }
        for pair in words.windows(2).map(|pair| pair.join(" ")) {
            let first = PHRASES.iter().find(|(phrase, _)| *phrase == pair);
            faults.extend(first.map(|(_, first)| fault(path, number, format!("`{pair}`: the word is {first}"))));
        }
    }
    faults
}

fn empty_names(path: &str, code: &str) -> Vec<Fault> {
    let lines = code.lines().enumerate();
    lines
        .flat_map(|(number, line)| {
            let empty = words(line).filter(|word| EMPTY.contains(word));
            empty.map(move |word| fault(path, number, format!("`{word}` says nothing: name what it does"))).collect::<Vec<_>>()
        })
        .collect()
}

fn fault(path: &str, number: usize, what: String) -> Fault {
    Fault { path: path.to_owned(), line: number + 1, rule: RULE, what }
}

/// The words of a line; names are taken apart at `_` and at capitals.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_name(c) || c == '_').flat_map(|name| {
        let mut cuts: Vec<usize> = vec![0];
        let mut before = ' ';
        for (at, c) in name.char_indices() {
            if c.is_uppercase() && before.is_lowercase() {
                cuts.push(at);
            }
            before = c;
        }
        cuts.push(name.len());
        cuts.windows(2).filter_map(|cut| name.get(cut[0]..cut[1])).filter(|word| !word.is_empty()).collect::<Vec<_>>()
    })
}

#[test]
fn names_are_taken_apart() {
    assert_eq!(
        words("let waveCount = first_wave(HelperX, wavelength);").collect::<Vec<_>>().join(" "),
        "let wave Count first wave Helper X wavelength"
    );
}
