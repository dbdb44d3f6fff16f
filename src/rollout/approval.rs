//! Approvals of a revision: by people other than its author, for a while, of exactly what they looked at (DESIGN §6).
//!
//! Invariant: an edit voids them, since they name the revision; and a revision that somebody rejected is never approved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::state::{Accepted, State};
use super::verb::reason;

/// One approval of the revision in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub who: String,
    /// Until when it counts.
    pub until: Timestamp,
}

/// Digits of a revision that name it.
const DIGITS: usize = 8;

/// The record that approves the revision in force.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn approve(state: &State, now: Timestamp, who: &str, revision: &str, why: String) -> Result<Event, String> {
    let accepted = named(state, revision)?;
    reason("approve", &why)?;
    let needed = accepted.plan.approvals_needed;
    if needed == 0 {
        return Err("the plan asks for no approvals (approvals.needed = 0)".to_owned());
    }
    if accepted.author == who {
        return Err(format!("`{who}` put this revision in force; {needed} other people must approve it"));
    }
    if state.rejected.contains(&accepted.revision) {
        return Err("this revision was rejected; change the plan, and have the new revision approved".to_owned());
    }
    if let Some(approval) = valid(state, now).find(|approval| approval.who == who) {
        return Err(format!("`{who}` has approved it already, until {}", approval.until));
    }
    let until = now.checked_add(accepted.plan.approvals_valid).unwrap_or(Timestamp::MAX);
    Ok(Event::Approved { revision: accepted.revision.clone(), until, why })
}

/// The record that rejects the revision in force: its approvals are void.
///
/// # Errors
/// As [`approve`].
pub fn reject(state: &State, revision: &str, why: String) -> Result<Event, String> {
    let accepted = named(state, revision)?;
    reason("reject", &why)?;
    if state.rejected.contains(&accepted.revision) {
        return Err("this revision was rejected already".to_owned());
    }
    Ok(Event::Rejected { revision: accepted.revision.clone(), why })
}

/// Why the revision in force lacks approvals, and who may give them.
#[must_use]
pub fn lacks(state: &State, now: Timestamp) -> Option<String> {
    let accepted = state.plan.as_ref()?;
    if state.rejected.contains(&accepted.revision) {
        return Some(
            "the plan in force was rejected; change it, and have the new revision approved where approvals are asked for"
                .to_owned(),
        );
    }
    let needed = usize::try_from(accepted.plan.approvals_needed).unwrap_or(usize::MAX);
    let by: Vec<_> = valid(state, now).map(|approval| format!("`{}`", approval.who)).collect();
    if by.len() >= needed {
        return None;
    }
    let has = if by.is_empty() { "none".to_owned() } else { format!("those of {}", by.join(", ")) };
    let author = if accepted.author.is_empty() { String::new() } else { format!(" other than `{}`", accepted.author) };
    let shown: String = accepted.revision.chars().take(12).collect();
    Some(format!("the plan needs {needed} approvals of people{author} and has {has}; `tidegate approve {shown}` gives one"))
}

/// The approvals that count at `now`.
pub fn valid(state: &State, now: Timestamp) -> impl Iterator<Item = &Approval> {
    state.approvals.iter().filter(move |approval| now < approval.until)
}

fn named<'a>(state: &'a State, revision: &str) -> Result<&'a Accepted, String> {
    let accepted = state.plan.as_ref().ok_or_else(|| "no plan is in force yet".to_owned())?;
    let shown: String = accepted.revision.chars().take(12).collect();
    if revision.len() < DIGITS || !accepted.revision.starts_with(&revision.to_lowercase()) {
        return Err(format!(
            "the plan in force is revision {shown}, not `{revision}`; look at it, then name it with at least {DIGITS} digits"
        ));
    }
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::event::By;
    use crate::rollout::sample::{Perfect, days, plan};

    fn world(needed: u32) -> (Perfect, String) {
        let plan = crate::rollout::plan::Plan { approvals_needed: needed, approvals_valid: days(5), ..plan() };
        let revision = plan.revision();
        (Perfect::new(plan, "2027-01-01T08:00:00Z"), revision)
    }

    fn approves(world: &mut Perfect, who: &str, revision: &str) -> Result<(), String> {
        let event = approve(&world.state, world.now, who, revision, "read it".to_owned())?;
        world.commit_as(By::Operator, who, vec![event]);
        Ok(())
    }

    #[test]
    fn two_people_other_than_the_author_approve_exactly_what_is_in_force() {
        let (mut world, revision) = world(2);
        let short = &revision[..12];
        assert!(approves(&mut world, "ada", "0123456789").unwrap_err().contains(short), "another revision");
        assert!(approves(&mut world, "ada", &revision[..7]).unwrap_err().contains("8 digits"));
        assert!(approves(&mut world, "test", short).unwrap_err().contains("other people"), "the author");
        assert!(lacks(&world.state, world.now).unwrap().contains("2 approvals of people other than `test` and has none"));
        approves(&mut world, "ada", short).unwrap();
        assert!(approves(&mut world, "ada", short).unwrap_err().contains("already"), "the same person twice");
        assert!(lacks(&world.state, world.now).unwrap().contains("`ada`"));
        approves(&mut world, "grace", &revision.to_uppercase()).unwrap();
        assert_eq!(lacks(&world.state, world.now), None);
    }

    #[test]
    fn approvals_expire_and_an_edit_or_a_rejection_voids_them() {
        let (mut world, revision) = world(1);
        approves(&mut world, "ada", &revision).unwrap();
        let now = world.now;
        assert_eq!(lacks(&world.state, now + days(4)), None);
        assert!(lacks(&world.state, now + days(5)).is_some(), "half-open");
        let event = reject(&world.state, &revision, "a doubt".to_owned()).unwrap();
        world.commit_as(By::Operator, "ada", vec![event]);
        assert!(lacks(&world.state, now).unwrap().contains("rejected"));
        assert!(approves(&mut world, "grace", &revision).unwrap_err().contains("rejected"));
        let plan = crate::rollout::plan::Plan { approvals_needed: 1, ..plan() };
        let edited = plan.revision();
        world.commit_as(
            By::Plan,
            "grace",
            vec![Event::PlanAccepted { revision: edited.clone(), plan: Box::new(plan), why: String::new() }],
        );
        assert!(lacks(&world.state, now).unwrap().contains("and has none"));
        assert!(approves(&mut world, "grace", &edited).unwrap_err().contains("put this revision in force"));
        approves(&mut world, "ada", &edited).unwrap();
        assert_eq!(lacks(&world.state, now), None);
    }

    #[test]
    fn nobody_is_told_and_nobody_enforced_before_the_approvals_and_all_goes_on_with_them() {
        let (mut world, revision) = world(1);
        world.run("2027-01-05T08:00:00Z");
        assert!(world.state.holds.contains_key("approval"));
        assert_eq!(world.moves(), Vec::<String>::new());
        approves(&mut world, "ada", &revision).unwrap();
        world.run("2027-01-06T08:00:00Z");
        assert!(!world.state.holds.contains_key("approval"));
        assert!(world.moves().iter().any(|moved| moved.contains("pilot: announcing -> announced")), "{:?}", world.moves());
        world.run("2027-01-20T08:00:00Z");
        assert!(world.state.holds.contains_key("approval"), "it has expired");
        assert!(world.members.is_empty(), "the pilot's start came after that");
    }
}
