//! Every condition is needed: with one of them switched off, the judge finds a broken promise within 500 seeds.

use std::sync::Mutex;

use tidegate::cli::simulate::first_broken;
use tidegate::rollout::condition::{Condition, Conditions, ENFORCE};
use tidegate::sim::dice;
use tidegate::sim::judge::{Breach, Rule};

const SEEDS: u64 = 500;

/// The rules of which at least one must catch it.
fn rules(condition: Condition) -> &'static [Rule] {
    match condition {
        Condition::Revision => &[Rule::Calendar, Rule::Cap, Rule::Readiness, Rule::Revision],
        Condition::Approval => &[Rule::Approval],
        Condition::Clock => &[Rule::Clock],
        Condition::Hold => &[Rule::Hold],
        Condition::Policy => &[Rule::Policy],
        Condition::BreakGlass => &[Rule::BreakGlass],
        Condition::Calendar => &[Rule::Calendar],
        Condition::Limit => &[Rule::Cap],
        Condition::Promise => &[Rule::Early, Rule::Untold],
        Condition::Floor => &[Rule::Floor, Rule::Renotice],
        Condition::Protection => &[Rule::Protected],
        Condition::Readiness => &[Rule::Readiness],
    }
}

#[test]
fn without_any_one_condition_the_judge_finds_a_broken_promise() {
    let open = Mutex::new(ENFORCE.to_vec());
    let missed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(condition) = open.lock().unwrap().pop() else { return };
            // A breach of the rule that this condition stands for, by a write and not by a mail alone.
            let caught = |breach: &Breach| rules(condition).contains(&breach.rule) && !breach.seen.starts_with("a mail left");
            // Nobody but an operator approves or rejects; to all else they are in the way.
            let throw = if condition == Condition::Approval { dice::throw } else { dice::without_operators };
            match first_broken(throw, Conditions::without(condition), SEEDS, caught).unwrap() {
                Some((seed, breach)) => println!("| {condition:?} | {seed} | {:?} | {} |", breach.rule, breach.seen),
                None => missed.lock().unwrap().push(condition),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "the judge did not miss {missed:?} within {SEEDS} seeds");
}
