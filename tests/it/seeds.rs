//! Random rollouts: nothing that must never happen happens in any of them, and everything that they are made for does.

use tidegate::cli::simulate::run;
use tidegate::rollout::condition::Conditions;

const SEEDS: u64 = 500;

/// What the rollouts are made for; a rollout generator that no longer reaches one of these proves less than it says.
const MUST_HAPPEN: &[&str] = &[
    "429 without Retry-After",
    "abort",
    "absentees",
    "absentees returned",
    "approve",
    "automatic rollbacks",
    "cancel",
    "commands refused",
    "confirm",
    "contacts",
    "crashes",
    "crashes between write and outcome",
    "earlier dates refused",
    "gates failed",
    "holds cleared",
    "holds placed",
    "leavers",
    "lists accepted",
    "lists unknown",
    "lost answers",
    "mails unknown",
    "missed stages",
    "notices that came back",
    "overdue starts",
    "override",
    "partial batches",
    "pause",
    "pauses",
    "people added by hand",
    "people carried to the tail",
    "people deferred",
    "people enforced",
    "people exempted",
    "people released",
    "people removed by hand",
    "people taken back",
    "plans rejected",
    "recovered batches",
    "rollback",
    "rollouts done",
    "skip",
    "slips corrected",
    "stages closed",
    "stages rebooked",
    "stages rolled back",
    "stale reports",
    "start-late",
    "starts in a DST night",
    "unknown outcomes",
    "unknown outcomes settled",
    "unpause",
    "volunteers",
];

#[test]
fn no_random_rollout_breaks_a_promise_and_each_thing_that_can_go_wrong_does() {
    let seeds = run(1, SEEDS, Conditions::all(), || ()).unwrap();
    println!("{SEEDS} seeds, {} violations, sometimes-events: {}", seeds.violations(), seeds.reached);
    let broken: String = seeds
        .broken
        .iter()
        .flat_map(|(seed, breaches)| breaches.iter().map(move |breach| format!("seed {seed}: {breach}\n")))
        .collect();
    assert!(broken.is_empty(), "`tidegate simulate --first SEED --seeds 1` shows each again:\n{broken}");
    let missed: Vec<_> = MUST_HAPPEN.iter().filter(|what| seeds.reached.times(what) == 0).collect();
    assert!(missed.is_empty(), "never happened in {SEEDS} seeds: {missed:?}");
}
