//! A crash at every single point of a rollout ends where no crash ends; and the same seed gives the same rollout.

use tidegate::cli::trial::{Outcome, of_script, of_seed};
use tidegate::rollout::condition::Conditions;
use tidegate::rollout::plan::Selector;
use tidegate::sim::{DeathAt, Script, Tenant};

use crate::small;

#[test]
fn the_same_seed_gives_the_same_rollout() {
    for seed in [3, 77] {
        let (one, other) = (of_seed(seed, Conditions::all()).unwrap(), of_seed(seed, Conditions::all()).unwrap());
        assert_eq!(one.lines, other.lines);
        assert_eq!(one.records, other.records);
    }
}

/// Two stages, a few people, nothing that goes wrong.
fn undisturbed() -> (Tenant, Script) {
    let tenant = small::tenant(30);
    let stages = vec![
        small::stage("pilot", "2027-01-18T09:00:00", vec![small::some(&tenant, 4)]),
        small::stage("everyone", "2027-01-25T09:00:00", vec![Selector::EveryoneElse]),
    ];
    let plan = small::plan(&tenant, stages);
    let script = small::script(&tenant, plan, "2027-01-11T06:00:00Z", "2027-01-28T12:00:00Z");
    (tenant, script)
}

fn with_death(at: DeathAt) -> Outcome {
    let (tenant, mut script) = undisturbed();
    small::death(&mut script, at, small::minutes(1));
    of_script(tenant, script, Conditions::all()).unwrap()
}

#[test]
fn a_crash_at_every_point_ends_where_no_crash_ends() {
    let (tenant, script) = undisturbed();
    let whole = of_script(tenant, script, Conditions::all()).unwrap();
    assert_eq!(whole.breaches, []);
    assert!(whole.members.len() > 15, "{}", whole.members.len());
    let mut crashed = 0;
    // There are fewer commits than records; a life that ends before its death simply goes on.
    for n in 1..=whole.records.len() as u64 {
        let few = u32::try_from(n).unwrap();
        let points = [
            DeathAt::BeforeCommit(n),
            DeathAt::AfterCommit(n),
            DeathAt::BeforeWrite(few),
            DeathAt::AfterWrite(few),
            DeathAt::AfterMail(few),
        ];
        for point in points {
            let outcome = with_death(point);
            crashed += outcome.reached.times("crashes");
            assert_eq!(outcome.breaches, [], "{point:?}: {:#?}", outcome.lines);
            assert_eq!(outcome.members, whole.members, "{point:?}: {:#?}", outcome.lines);
        }
    }
    println!("{crashed} crashes, each ending with the same {} people enforced", whole.members.len());
    assert!(crashed > 60, "{crashed}");
}
