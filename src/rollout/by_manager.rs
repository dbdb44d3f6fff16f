//! Who is not ready yet, by manager: the list that a manager gets of their own people.
//!
//! Pure. Sends nothing. Invariant: nobody is on two lists, and whoever has no manager is on the list of nobody.

use std::collections::BTreeMap;

use super::id::ObjectId;
use super::observed::{Readiness, Registration};
use super::state::State;

/// People of a stage, or of every stage, of whom MFA is not required yet and who could not pass it, ascending.
#[must_use]
pub fn unready(state: &State, registration: Option<&Registration>, stage: Option<&str>) -> Vec<ObjectId> {
    let ready = |id| registration.is_some_and(|read| read.of(id) == Readiness::Capable);
    let people = state.people.all().iter();
    let mut unready: Vec<_> = people
        .filter(|person| stage.is_none_or(|name| state.home_name(person.home()) == name))
        .filter(|person| !person.is_processed() && !person.is_enforced() && !ready(person.id))
        .map(|person| person.id)
        .collect();
    unready.sort_unstable();
    unready
}

/// The lists: each manager with their people, and last those who have none.
#[must_use]
pub fn by_manager(people: &[ObjectId], managers: &[(ObjectId, Option<ObjectId>)]) -> Vec<(Option<ObjectId>, Vec<ObjectId>)> {
    let known: BTreeMap<ObjectId, Option<ObjectId>> = managers.iter().copied().collect();
    let mut lists: BTreeMap<ObjectId, Vec<ObjectId>> = BTreeMap::new();
    let mut nobody = Vec::new();
    for person in people {
        match known.get(person).copied().flatten() {
            Some(manager) => lists.entry(manager).or_default().push(*person),
            None => nobody.push(*person),
        }
    }
    let lists = lists.into_iter().map(|(manager, people)| (Some(manager), people));
    lists.chain((!nobody.is_empty()).then_some((None, nobody))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_is_on_the_list_of_their_manager_or_of_nobody() {
        let id = ObjectId::from_bits;
        let managers =
            [(id(1), Some(id(90))), (id(2), None), (id(3), Some(id(80))), (id(4), Some(id(90))), (id(9), Some(id(80)))];
        let lists = by_manager(&[1, 2, 3, 4, 5].map(id), &managers);
        let expected = [(Some(id(80)), vec![id(3)]), (Some(id(90)), vec![id(1), id(4)]), (None, vec![id(2), id(5)])];
        assert_eq!(lists, expected);
        assert!(by_manager(&[], &managers).is_empty());
    }
}
