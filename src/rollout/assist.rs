//! Who may get a Temporary Access Pass through the rollout. With a pass one is that person: it is for people, and never for the accounts
//! that must work when all else fails.
//!
//! Pure. What the tenant's own policy allows, and who holds a directory role, is asked right before. Fails towards refusing.

use super::id::{ObjectId, PersonRef};
use super::observed::Observed;
use super::plan::Plan;

/// Why this person gets no pass; none when nothing that is known here speaks against it.
#[must_use]
pub fn refuses(plan: &Plan, observed: &Observed, person: ObjectId) -> Option<String> {
    let named = plan.people.break_glass.contains(&PersonRef::Id(person));
    let Some(safety) = observed.safety.last.as_ref().filter(|_| !named) else {
        return Some(if named {
            BREAK_GLASS.to_owned()
        } else {
            "the break-glass accounts have not been read yet, and none of them may get a pass; try again in a minute".to_owned()
        });
    };
    if safety.value.break_glass.iter().any(|account| account.id == Some(person)) {
        return Some(BREAK_GLASS.to_owned());
    }
    let Some(directory) = &observed.directory.last else {
        return Some("the directory has not been read yet; try again in a minute".to_owned());
    };
    if directory.value.sync_accounts.binary_search(&person).is_ok() {
        return Some("the account of the directory synchronisation gets no pass: nobody signs in with it".to_owned());
    }
    None
}

const BREAK_GLASS: &str =
    "a break-glass account gets no pass: whoever had one would be that account; register its key in the Entra admin center";

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::observed::{BreakGlass, Directory, Policy, Reading, Safety, Takes};
    use super::super::sample::plan;
    use super::*;

    fn id(n: u128) -> ObjectId {
        ObjectId::from_bits(n)
    }

    fn observed() -> Observed {
        let account = |n| BreakGlass { reference: PersonRef::Id(id(n)), id: Some(id(n)), enabled: true, excluded: true };
        let policy = Policy { problems: Vec::new(), fingerprint: String::new(), takes: Takes::AnyMethod };
        let safety = Safety { policy, break_glass: vec![account(900)], modes: Vec::new(), defaults: None, reach: None };
        let mut directory = Directory::default();
        directory.sync_accounts.push(id(800));
        let mut observed = Observed::default();
        observed.safety.last = Some(Reading { as_of: Timestamp::UNIX_EPOCH, value: safety });
        observed.directory.last = Some(Reading { as_of: Timestamp::UNIX_EPOCH, value: directory });
        observed
    }

    #[test]
    fn people_may_get_a_pass_and_accounts_of_last_resort_may_not() {
        let mut plan = plan();
        plan.people.break_glass = vec![PersonRef::Id(id(901))];
        for (person, refusal) in
            [(1_000, None), (900, Some("break-glass")), (901, Some("break-glass")), (800, Some("synchronisation"))]
        {
            let why = refuses(&plan, &observed(), id(person));
            assert_eq!(why.is_some(), refusal.is_some(), "{person}");
            assert!(refusal.is_none_or(|word| why.unwrap().contains(word)), "{person}");
        }
    }

    #[test]
    fn what_was_not_read_refuses() {
        for spoil in [(|observed| observed.safety.last = None) as fn(&mut Observed), |observed| observed.directory.last = None] {
            let mut observed = observed();
            spoil(&mut observed);
            assert!(refuses(&plan(), &observed, id(1_000)).unwrap().contains("try again"));
        }
    }
}
