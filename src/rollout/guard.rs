//! The guard: the last check before the wire. It lets through the ids that may pass and gives a reason for each that may not.
//!
//! It decides nothing else, reads nothing, and fails towards holding back.

use std::collections::BTreeMap;

use super::condition::{Condition, ENFORCE, Ground, NOTICE, TAKEN_BACK};
use super::event::{Because, Slot};
use super::id::ObjectId;
use super::observed::Person;
use super::person::{Enforced, Home};
use super::state::Phase;

/// What the guard says of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// May pass, in the order given.
    pub pass: Vec<ObjectId>,
    /// May not, by reason.
    pub held: Vec<Because>,
}

/// Checks a batch of people to be enforced. `people_now` are the directory's rows, read for this batch, ascending by id.
#[must_use]
pub fn enforce(ground: &Ground<'_>, home: Home, batch: &[ObjectId], people_now: &[Person]) -> Checked {
    if let Home::Stage(ix) = home
        && let Some(stage) = ground.state.stages.get(usize::from(ix))
        && matches!(stage.phase, Phase::RollingBack | Phase::RolledBack)
    {
        // A rollback may have begun since this was decided.
        let why = format!("the stage is {}", stage.phase.name().as_str());
        return Checked { pass: Vec::new(), held: vec![Because { why, people: batch.to_vec() }] };
    }
    let mut checked = check(ground, ENFORCE, home, batch, people_now);
    let allowed = usize::try_from(ground.allowance()).unwrap_or(usize::MAX);
    if checked.pass.len() > allowed {
        let over = checked.pass.split_off(allowed);
        checked.held.push(Because { why: "a limit on people per period is reached".to_owned(), people: over });
    }
    checked
}

/// Checks people to be told. The rows are those of the last reading of the directory.
#[must_use]
pub fn notice(ground: &Ground<'_>, slot: Slot, home: Home, people: &[ObjectId], people_now: &[Person]) -> Checked {
    let table = if matches!(slot, Slot::Withdrawn | Slot::Released) { TAKEN_BACK } else { NOTICE };
    check(ground, table, home, people, people_now)
}

fn check(ground: &Ground<'_>, table: &[Condition], home: Home, people: &[ObjectId], people_now: &[Person]) -> Checked {
    let all = table.iter().find_map(|c| ground.refuses_rollout(*c).or_else(|| ground.refuses_home(*c, home)));
    if let Some(why) = all {
        return Checked { pass: Vec::new(), held: vec![Because { why: why.into_owned(), people: people.to_vec() }] };
    }
    let mut checked = Checked::default();
    let mut held: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
    for id in people {
        let row = people_now.binary_search_by_key(id, |person| person.id).ok().and_then(|at| people_now.get(at));
        match table.iter().find_map(|c| ground.refuses_person(*c, home, *id, row)).or_else(|| already(ground, table, *id)) {
            None => checked.pass.push(*id),
            Some(why) => held.entry(why.into_owned()).or_default().push(*id),
        }
    }
    checked.held = held.into_iter().map(|(why, people)| Because { why, people }).collect();
    checked
}

/// Nobody is handed to the wire twice.
fn already(ground: &Ground<'_>, table: &[Condition], id: ObjectId) -> Option<super::condition::Refusal> {
    if table != ENFORCE {
        return None;
    }
    match ground.state.people.get(id).map(|person| person.enforced()) {
        Some(Enforced::No | Enforced::Refused(_)) => None,
        None => Some("in no roster".into()),
        Some(_) => Some("on its way or enforced already".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Conditions;
    use super::super::decide::{Action, decide};
    use super::super::plan::{Amount, Cap};
    use super::super::sample::{Perfect, at, hours, plan};
    use super::*;

    #[test]
    fn a_cap_that_is_reached_between_decision_and_wire_holds_the_batch_back() {
        let mut plan = plan();
        plan.limits.caps = vec![Cap { amount: Amount::People(3), per: hours(1) }];
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        let tranche = loop {
            match world.with_ground(decide).action {
                Some(Action::Enforce(tranche)) => break tranche,
                _ => assert!(world.turn(at("2027-01-12T00:00:00Z")), "it comes to a batch"),
            }
        };
        let batch = tranche.batches.first().unwrap().clone();
        let rows = world.people.clone();
        let passing = |world: &Perfect| world.with_ground(|ground| enforce(ground, tranche.home, &batch, &rows)).pass.len();
        assert_eq!(passing(&world), batch.len());
        world.state.handed.push((world.now, 2));
        assert_eq!(passing(&world), 1, "two of three were handed out meanwhile");
        world.state.handed.push((world.now, 1));
        assert_eq!(passing(&world), 0);
        world.conditions = Conditions::without(Condition::Limit);
        assert_eq!(passing(&world), batch.len(), "nothing else holds it back");
    }
}
