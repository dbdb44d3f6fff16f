//! The process dies at every commit and every write of each way, and of its rollback: the end is where it is without a death.

use tidegate::sim::memory::Crash;

use super::migrations::{from_defaults, from_per_user};
use super::rollouts::{defaults, managed, per_user};
use super::what_if::checked;
use super::{Death, Rollout};

/// A commit (or a write) at which nothing happens any more ends the series.
fn everywhere(make: fn() -> Rollout, step: usize) {
    let mut whole = make();
    whole.run("2027-02-01T12:00:00Z", None, None);
    let (enforced, commits) = (whole.picture(), u64::try_from(whole.records().len()).unwrap());
    whole.rollback("pilot", "2027-02-02T12:00:00Z", None);
    let undone = whole.picture();
    let mut deaths = 0;
    for n in (1..=commits).step_by(step) {
        let few = u32::try_from(n).unwrap();
        for death in [Death::Commit(Crash::Before(n)), Death::Commit(Crash::After(n)), Death::Write(few)] {
            let mut rollout = make();
            rollout.run("2027-02-01T12:00:00Z", None, Some(death));
            deaths += rollout.deaths;
            assert_eq!(rollout.picture(), enforced, "{death:?}");
            assert_eq!((rollout.disagreements(), rollout.phases()), (Vec::new(), vec!["done", "done"]), "{death:?}");
            rollout.rollback("pilot", "2027-02-02T12:00:00Z", Some(death));
            assert_eq!(rollout.picture(), undone, "rolling back: {death:?}");
            assert_eq!(rollout.phases(), ["rolled-back", "rolled-back"], "{death:?}");
            assert_eq!(rollout.world.tenant().violations(), [], "{death:?}");
        }
    }
    println!("{deaths} deaths, all end alike");
    assert!(deaths > 10, "{deaths}");
}

#[test]
fn of_a_managed_policy() {
    everywhere(managed, 2);
}

#[test]
fn of_a_managed_policy_that_what_if_is_asked_about() {
    everywhere(|| checked(managed()), 5);
}

#[test]
fn of_per_user_states() {
    everywhere(per_user, 2);
}

#[test]
fn of_security_defaults() {
    everywhere(defaults, 2);
}

#[test]
fn of_the_way_from_per_user_states() {
    everywhere(from_per_user, 3);
}

#[test]
fn of_the_way_from_security_defaults() {
    everywhere(from_defaults, 2);
}
