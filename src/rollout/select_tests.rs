//! Whatever stages select and whoever is protected: everybody is counted once, and belongs to the first stage that selects them; a
//! journal read again, record by record or through a checkpoint at any place, gives the same state.

use proptest::prelude::*;

use super::id::PersonRef;
use super::observed::Person;
use super::person::Home;
use super::plan::Selector;
use super::report::report;
use super::sample::{Perfect, id, plan, stage};
use super::select::{is_within_share, protection};
use super::state::State;

const STARTS: [&str; 3] = ["2027-01-11T09:00:00", "2027-01-13T09:00:00", "2027-01-25T09:00:00"];

/// People of the directory; the first two are the break-glass accounts.
const PEOPLE: u128 = 40;

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        proptest::collection::vec(1..=PEOPLE, 1..12)
            .prop_map(|people| Selector::Users(people.into_iter().map(|n| PersonRef::Id(id(n))).collect())),
        (0.05_f64..0.9).prop_map(|share| Selector::Percent { share, salt: "salt".to_owned() }),
        Just(Selector::EveryoneElse),
    ]
}

/// Whether an account is enabled, if the tenant says so, and whether it is a guest.
fn account() -> impl Strategy<Value = (Option<bool>, bool)> {
    let enabled = prop_oneof![8 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    (enabled, prop_oneof![9 => Just(false), 1 => Just(true)])
}

fn takes(selector: &Selector, person: &Person) -> bool {
    match selector {
        Selector::Users(people) => people.contains(&PersonRef::Id(person.id)),
        Selector::Percent { share, salt } => is_within_share(salt, person.id, *share),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everybody_is_counted_once_and_belongs_to_the_first_stage_that_selects_them(
        selectors in proptest::collection::vec(selector(), 3),
        accounts in proptest::collection::vec(account(), PEOPLE as usize),
        cut in 0_usize..1_000,
    ) {
        let mut plan = plan();
        plan.stages =
            (0..).zip(&selectors).zip(STARTS).map(|((n, select), start)| stage(&format!("s{n}"), start, select.clone())).collect();
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.people = (1..=PEOPLE).zip(accounts).map(|(n, (enabled, guest))| Person { enabled, guest, ..super::sample::person(n) }).collect();
        world.run("2027-01-19T00:00:00Z");

        let report = world.with_ground(|ground| report(ground, ground.now));
        prop_assert_eq!(u128::from(report.total), PEOPLE);
        prop_assert_eq!(u128::from(report.people.values().sum::<u32>()), PEOPLE, "{:?}", report.people);
        for told in &report.stages {
            prop_assert_eq!(told.situations.values().sum::<u32>(), told.people);
            prop_assert_eq!(report.people.get(&format!("in {}", told.name)).copied().unwrap_or(0), told.people);
        }
        for person in &world.people {
            let out = world.with_ground(|ground| protection(ground.plan, ground.observed, person)).is_some();
            let frozen = |n: &usize| world.state.stages[*n].is_frozen();
            let first = (0..selectors.len()).filter(frozen).find(|n| takes(&selectors[*n], person)).filter(|_| !out);
            let home = world.state.people.get(person.id).map(|person| person.home());
            let expected = first.map(|n| Home::Stage(u16::try_from(n).unwrap()));
            prop_assert_eq!(home, expected, "{:?}", person);
        }

        let cut = cut % world.records.len();
        let mut again = State::default();
        for (n, record) in world.records.iter().enumerate() {
            if n == cut {
                // As a checkpoint keeps it: the people in rows, the rest as JSON.
                let rows: Vec<_> = again.people.all().iter().map(|person| person.row()).collect();
                again = serde_json::from_slice(&serde_json::to_vec(&again).unwrap()).unwrap();
                for row in &rows {
                    again.people.push(crate::rollout::person::PersonState::of_row(row).unwrap());
                }
            }
            again.apply(record).unwrap();
        }
        prop_assert_eq!(again, world.state);
    }
}
