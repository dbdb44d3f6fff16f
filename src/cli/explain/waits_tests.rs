//! What `explain` shows in ten situations, as an operator reads it. `UPDATE_EXPECTED=1` writes the files anew.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::*;
use crate::config;
use crate::rollout::event::{By, Event};
use crate::rollout::exception::{self, Excepted, Request};
use crate::rollout::hold::{Blocks, Scope};
use crate::rollout::observed::Readiness;
use crate::rollout::plan::{Amount, Cap, Plan, Unregistered};
use crate::rollout::release::{Extent, begin};
use crate::rollout::sample::{Perfect, attempts, days, during, hours, id, plan};
use crate::rollout::unmet::{of_person, of_stage};

/// A situation: the file that holds what is shown, the plan, how it comes about, and of whom it is shown.
struct Situation {
    name: &'static str,
    plan: fn(&mut Plan),
    comes: fn(&mut Perfect),
    of: Of,
}

enum Of {
    Stage(&'static str),
    Person(u128),
}

const SITUATIONS: [Situation; 10] = [
    Situation { name: "scheduled", plan: |_| {}, comes: |world| world.run("2027-01-02T08:00:00Z"), of: Of::Stage("pilot") },
    Situation {
        name: "approvals-missing",
        plan: |plan| plan.approvals_needed = 2,
        comes: |world| world.run("2027-01-05T08:00:00Z"),
        of: Of::Stage("pilot"),
    },
    Situation {
        name: "gate-failed",
        plan: |plan| plan.gates = vec![during(2)],
        comes: |world| {
            world.run("2027-01-11T08:30:00Z");
            world.sign_ins = Some(attempts(10..=14, world.now, 500_121));
            world.run("2027-01-11T10:00:00Z");
        },
        of: Of::Stage("pilot"),
    },
    Situation {
        name: "paused-stage",
        plan: |_| {},
        comes: |world| {
            world.run("2027-01-11T07:00:00Z");
            let event = Event::Paused {
                why: "the network is being changed".to_owned(),
                scope: Scope::Stage("pilot".to_owned()),
                blocks: Blocks::Forward,
                until: Some("2027-01-11T11:00:00Z".parse().unwrap()),
            };
            world.commit(By::Operator, vec![event]);
            world.run("2027-01-11T09:00:00Z");
        },
        of: Of::Stage("pilot"),
    },
    Situation {
        name: "cap-reached",
        plan: |plan| plan.limits.caps = vec![Cap { amount: Amount::People(3), per: hours(6) }],
        comes: |world| world.run("2027-01-11T09:00:00Z"),
        of: Of::Stage("pilot"),
    },
    Situation {
        name: "missed",
        plan: |_| {},
        comes: |world| {
            world.run("2027-01-11T07:00:00Z");
            world.commit(By::Operator, vec![Event::paused("a test")]);
            world.run("2027-01-11T13:00:00Z");
        },
        of: Of::Stage("pilot"),
    },
    Situation {
        name: "rolled-back",
        plan: |_| {},
        comes: |world| {
            world.run("2027-01-11T12:00:00Z");
            let events = begin(&world.state, "pilot", Extent::AndBehind, "too many calls").unwrap();
            world.commit(By::Operator, events);
            world.run("2027-01-12T12:00:00Z");
        },
        of: Of::Stage("pilot"),
    },
    Situation {
        name: "waits-for-registration",
        plan: |plan| plan.stages.iter_mut().for_each(|stage| stage.unregistered = Unregistered::Wait),
        comes: |world| {
            world.readiness = Readiness::Unregistered;
            world.run("2027-01-11T09:00:00Z");
        },
        of: Of::Stage("pilot"),
    },
    Situation { name: "person-told", plan: |_| {}, comes: |world| world.run("2027-01-06T08:00:00Z"), of: Of::Person(10) },
    Situation {
        name: "person-exempt",
        plan: |_| {},
        comes: |world| {
            world.run("2027-01-06T08:00:00Z");
            let until = world.now + days(60);
            let request =
                Request { person: id(10), what: Excepted::Exempt { until }, why: "no phone".to_owned(), owner: "ada".to_owned() };
            let event = world.with_ground(|ground| exception::make(ground, request)).unwrap();
            world.commit(By::Operator, vec![event]);
            world.run("2027-01-07T08:00:00Z");
        },
        of: Of::Person(10),
    },
];

#[test]
fn ten_situations_are_explained() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/explain");
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let mut wrong = Vec::new();
    for Situation { name, plan: edit, comes, of: whom } in SITUATIONS {
        let mut plan = plan();
        edit(&mut plan);
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        comes(&mut world);
        let unmet = world.with_ground(|ground| match whom {
            Of::Stage(stage) => {
                let (ix, stage) = ground.state.stage(stage).unwrap();
                of_stage(ground, ix, stage)
            }
            Of::Person(person) => of_person(ground, id(person)),
        });
        // Another key of the plan is another revision, and changes nothing here.
        let revision: String = world.plan.revision().chars().take(12).collect();
        let shown = of(&unmet, &zone).replace(&revision, "REVISION");
        let file = folder.join(format!("{name}.txt"));
        if config::variable("UPDATE_EXPECTED").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &shown).unwrap();
        }
        assert!(unmet.iter().all(|one| !one.ends.is_empty() && !one.whom.is_empty()), "{name}");
        assert!(!unmet.is_empty(), "{name}");
        if std::fs::read_to_string(&file).unwrap_or_default() != shown {
            wrong.push(format!("{} differs; it is now:\n{shown}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
