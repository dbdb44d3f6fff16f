//! The guard table: for every phase and every event of a stage, which conditions must hold. `UPDATE_EXPECTED=1` writes the file anew.
//!
//! Nothing of it is written by hand: a stage is brought to the instant at which it would move, or to a phase in which an operator may
//! say something, then one condition at a time is taken away. What changes the outcome is a guard and stands in the table with the
//! reason that is given; a guard that is taken out of the code leaves it.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::guards_parts::{CONDITIONS, Case, Change, SUBJECT, Taken, says};
use crate::config;
use crate::rollout::closing::skip;
use crate::rollout::event::Record;
use crate::rollout::hold::{Blocks, Scope};
use crate::rollout::observed::Toggle;
use crate::rollout::release::{Extent, begin as roll_back};
use crate::rollout::sample::hours;
use crate::rollout::stage::PhaseName;
use crate::rollout::verb::Verb;

/// A move that a stage makes by itself: whence, whereto, and how a world comes to the instant before it.
struct Move {
    from: PhaseName,
    to: PhaseName,
    how: &'static str,
    comes: fn() -> Case,
}

const fn by_itself(from: PhaseName, to: PhaseName, how: &'static str, comes: fn() -> Case) -> Move {
    Move { from, to, how, comes }
}

use PhaseName::{Announced, Announcing, Closed, Done, Enforcing, Missed, RolledBack, RollingBack, Scheduled, Soaking};

const MOVES: [Move; 11] = [
    by_itself(Scheduled, Announcing, "its announcement is due", || Case::new().before(Scheduled, Announcing)),
    by_itself(Scheduled, Missed, "nobody ran until the notice was too short", || {
        Case::new().run("2027-01-17T12:00:00Z").asleep("2027-01-24T12:00:00Z").before(Scheduled, Missed)
    }),
    by_itself(Announcing, Announced, "everybody is told", || Case::new().before(Announcing, Announced)),
    by_itself(Announcing, Missed, "nobody ran until the notice was too short", || {
        Case::new().entering(Announcing).asleep("2027-01-24T12:00:00Z").before(Announcing, Missed)
    }),
    by_itself(Announced, Enforcing, "its start has come", || Case::new().before(Announced, Enforcing)),
    by_itself(Announced, Missed, "nobody ran until its latest start was over", || {
        Case::new().entering(Announced).asleep("2027-01-25T13:00:00Z").before(Announced, Missed)
    }),
    by_itself(Announced, Missed, "it was paused over its start", || {
        let mut case = Case::new().run("2027-01-25T07:00:00Z");
        case.pauses(Scope::Stage(SUBJECT.to_owned()), Blocks::Forward);
        let mut case = case.run("2027-01-25T08:30:00Z");
        case.unpauses(&format!("paused:{SUBJECT}"));
        case.before(Announced, Missed)
    }),
    by_itself(Enforcing, Soaking, "everybody is processed", || Case::new().before(Enforcing, Soaking)),
    by_itself(Enforcing, RollingBack, "a gate fails and the plan has it rolled back", || {
        Case::of(|plan| plan.limits.auto_rollback = Toggle::On).entering(Enforcing).hurt().before(Enforcing, RollingBack)
    }),
    by_itself(Soaking, Done, "it has soaked", || Case::new().before(Soaking, Done)),
    by_itself(RollingBack, RolledBack, "everybody is released", || rolling_back().before(RollingBack, RolledBack)),
];

fn rolling_back() -> Case {
    let mut case = Case::new().entering(Soaking);
    let events = roll_back(&case.world.state, SUBJECT, Extent::AndBehind, "too many calls").unwrap();
    case.says(events);
    case
}

/// A stage that has just come into that phase.
fn in_phase(phase: PhaseName) -> Case {
    match phase {
        Scheduled => Case::new().run("2027-01-12T12:00:00Z"),
        Missed => Case::of(|plan| plan.limits.start_late = hours(2))
            .run("2027-01-25T07:00:00Z")
            .asleep("2027-01-25T12:30:00Z")
            .entering(Missed),
        RollingBack => rolling_back(),
        RolledBack => rolling_back().entering(RolledBack),
        Closed => {
            let mut case = Case::new().run("2027-01-12T12:00:00Z");
            let events = skip(&case.world.state, SUBJECT, "no need").unwrap();
            case.says(events);
            case
        }
        phase => Case::new().entering(phase),
    }
}

#[test]
fn every_phase_and_event_has_these_guards() {
    let mut table = String::new();
    for phase in PhaseName::ALL {
        let _ = writeln!(table, "{}", phase.as_str());
        let whole = in_phase(phase);
        assert_eq!(whole.phase(), phase);
        by_itself_table(&mut table, phase, &whole);
        for verb in Verb::ALL {
            verb_table(&mut table, phase, verb, &whole);
        }
        table.push('\n');
    }
    let pairs = table.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")).count();
    assert!(pairs >= PhaseName::ALL.len() * (1 + Verb::ALL.len()), "{pairs} pairs");
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/guards.txt");
    if config::variable("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = |(now, before): (&str, &str)| (now != before).then(|| format!("now:    {now}\nbefore: {before}\n"));
    let first = table.lines().zip(kept.lines()).find_map(differs).unwrap_or_default();
    assert!(kept == table, "{} differs; UPDATE_EXPECTED=1 writes it anew. First:\n{first}", file.display());
}

/// What moves a stage by itself, and what keeps it.
fn by_itself_table(table: &mut String, phase: PhaseName, resting: &Case) {
    let mut any = false;
    for Move { to, how, comes, .. } in MOVES.iter().filter(|one| one.from == phase) {
        any = true;
        let whole = comes();
        let Taken::Moves(became, _) = whole.taken() else { panic!("{phase:?} -> {to:?}: {:?}", whole.taken()) };
        assert_eq!(became, *to, "{phase:?}: {how}");
        let _ = writeln!(table, "  by itself -> {} ({how}), unless:", to.as_str());
        let base = whole.unmet();
        conditions(table, |change| {
            let mut case = whole.clone();
            change(&mut case);
            match case.taken() {
                Taken::Moves(became, _) if became == *to => None,
                Taken::Moves(became, why) => Some(format!("-> {}: {why}", became.as_str())),
                Taken::Stays(act) => Some(case.unmet().into_iter().find(|what| !base.contains(what)).unwrap_or(act)),
            }
        });
    }
    if !any {
        let before = resting.world.records.len();
        let case = resting.clone().run("2027-05-01T12:00:00Z");
        let moved = |record: &Record| says(&record.event).is_some();
        assert!(!case.world.records[before..].iter().any(moved), "{phase:?} moves by itself: {:?}", case.world.moves());
        let _ = writeln!(table, "  by itself: nothing, for months");
    }
}

/// What may be said, and what refuses it.
fn verb_table(table: &mut String, phase: PhaseName, verb: Verb, whole: &Case) {
    let word = verb.as_str();
    match whole.told(verb, "a test") {
        Err(why) => {
            assert!(!verb.may(phase), "{word} in {phase:?}: {why}");
            let _ = writeln!(table, "  {word}: illegal: {why}");
        }
        Ok(comes_to) => {
            assert!(verb.may(phase), "{word} in {phase:?} is taken");
            let _ = writeln!(table, "  {word} -> {comes_to}, unless:");
            if let Err(why) = whole.told(verb, " ") {
                let _ = writeln!(table, "    no reason is given: {why}");
            }
            conditions(table, |change| {
                let mut case = whole.clone();
                change(&mut case);
                match case.told(verb, "a test") {
                    Ok(other) if other == comes_to => None,
                    Ok(other) => Some(format!("-> {other}")),
                    Err(why) => Some(why),
                }
            });
        }
    }
}

/// A line for each condition that changes the outcome.
fn conditions(table: &mut String, outcome: impl Fn(Change) -> Option<String>) {
    let mut others = 0;
    for (name, change) in CONDITIONS {
        match outcome(change) {
            Some(result) => {
                let _ = writeln!(table, "    {name}: {result}");
            }
            None => others += 1,
        }
    }
    let _ = writeln!(table, "    ({others} other conditions change nothing)");
}

#[test]
fn every_edge_is_taken_by_itself_or_by_a_command() {
    let led = |verb: Verb| match verb {
        Verb::StartLate => Some(Enforcing),
        Verb::Rebook => Some(Scheduled),
        Verb::Skip | Verb::Cancel => Some(Closed),
        Verb::Rollback => Some(RollingBack),
        Verb::Override | Verb::Pause => None,
    };
    for from in PhaseName::ALL {
        for to in from.successors() {
            let by_itself = MOVES.iter().any(|one| one.from == from && one.to == *to);
            let by_command = Verb::ALL.iter().any(|verb| verb.may(from) && led(*verb) == Some(*to));
            assert!(by_itself || by_command || (from, *to) == (Soaking, RollingBack), "{from:?} -> {to:?} has no row");
        }
    }
}
