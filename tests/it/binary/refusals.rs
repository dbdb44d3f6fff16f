//! What a tenant does not grant or does not have, and wrong commands: a clear message, the right exit code, nothing done to anybody.

use jiff::Timestamp;
use tidegate::rollout::event::Event;
use tidegate::sim::{Change, PILOT_GROUP, Profile};

use super::bed::Bed;
use super::plans;

/// How a plan is spoilt, what `plan` exits with, and what it and `run` say.
type Case = (&'static str, fn(&Bed, &str), i32, &'static str);

const CASES: [Case; 4] = [
    ("a wrong secret", |bed, _| bed.write("secret", "not-the-one"), 4, "the client secret is wrong; put the secret's value"),
    (
        "an unknown group",
        |bed, plan| bed.write("plan.toml", &plan.replace("MFA Enforced", "No Such Group")),
        5,
        "no group is named `No Such Group`; check the name in the plan",
    ),
    (
        "two groups of one name",
        |bed, _| add_group(bed, "MFA Enforced"),
        5,
        "2 groups are named `MFA Enforced`; put the object id of the one that is meant",
    ),
    (
        "an empty pilot",
        |bed, plan| {
            add_group(bed, "Nobody");
            bed.write("plan.toml", &plan.replace(PILOT_GROUP, "Nobody"));
        },
        5,
        "stage `pilot` selects nobody who may be enforced",
    ),
];

#[test]
fn what_the_tenant_does_not_have_is_said_by_plan_and_run_alike() {
    for (what, spoil, code, says) in CASES {
        let bed = Bed::new(plans::orderly(40));
        let plan = plans::short(&bed, "");
        spoil(&bed, &plan);
        same_words(&bed, what, code, says);
    }
}

#[test]
fn a_missing_permission_is_named_by_plan_and_run_alike() {
    for role in ["Policy.Read.All", "GroupMember.ReadWrite.All", "User.Read.All"] {
        let bed = Bed::new(without(role));
        plans::short(&bed, "");
        let says = format!("the app lacks the permission {role}; grant it with admin consent");
        same_words(&bed, role, 4, &says);
    }
}

#[test]
fn what_is_needed_later_only_holds_the_run() {
    for role in ["AuditLog.Read.All", "Mail.Send"] {
        let bed = Bed::new(without(role));
        plans::short(&bed, "");
        let ended = bed.run_max(plans::SHORT_BEGIN).with(5);
        assert!(ended.log.contains(&format!("the app lacks the permission {role}; grant it")), "{role}: {}", ended.log);
        assert!(bed.tenant().writes().is_empty(), "{role}");
        assert_eq!(bed.tenant().violations(), [], "{role}");
    }
}

#[test]
fn plan_names_what_will_be_needed_later() {
    const GATE: &str = "[[gate]]\nname = \"no lock-outs\"\nmeasure = \"mfa_failure_share\"\nat = \"exit\"\nat_most = 0.5\n";
    for (role, gate, code) in
        [("AuditLog.Read.All", "", 4), ("AuditLog.Read.All", GATE, 4), ("Mail.Send", "", 0), ("Policy.Read.All", "", 4)]
    {
        let bed = Bed::new(without(role));
        plans::short(&bed, gate);
        let ended = bed.run(&["plan"]).with(code);
        let (said, missing) = (format!("{}{}", ended.out, ended.log), format!("lacks the permission {role}"));
        let remedy = said
            .split(&missing)
            .nth(1)
            .is_some_and(|rest| rest.lines().next().is_some_and(|line| line.contains("with admin consent")));
        assert!(remedy, "{role}: {said}");
        untouched(&bed);
    }
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, GATE);
    assert!(!bed.run(&["plan"]).with(0).out.contains("warning"), "nothing is missing");
}

#[test]
fn plan_says_how_many_calls_are_expected_and_when_the_state_cannot_be_read() {
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, "");
    let ended = bed.run(&["plan"]).with(0);
    assert!(
        ended.out.contains("Graph calls expected, reads: at most ") && ended.out.contains("sign-ins: 1 a look, 4 looks a day")
    );
    let json: serde_json::Value = serde_json::from_str(&bed.run(&["plan", "--json"]).with(0).out).unwrap();
    assert_eq!(json["calls"]["stages"][0]["batches"], 1, "{json}");
    bed.write("state", "not a folder");
    assert!(bed.run(&["plan"]).with(8).says().contains(&bed.state().display().to_string()));
}

#[test]
fn wrong_usage_and_wrong_plans_are_turned_away_at_once() {
    let bed = Bed::new(plans::orderly(20));
    let plan = plans::short(&bed, "");
    for args in [&["run", "--no-such"][..], &["no-such"], &["pause"], &["run", "--pace", "0"]] {
        bed.run(args).with(2);
    }
    bed.write("plan.toml", &plan.replace("soak = ", "saok = "));
    for args in [&["run"][..], &["plan"], &["check"]] {
        let ended = bed.run(args).with(3);
        assert!(format!("{}{}", ended.out, ended.log).contains("plan.toml:"), "{args:?}: {}", ended.log);
    }
    let elsewhere: String = plan.lines().filter(|line| !line.contains("http://127")).flat_map(|line| [line, "\n"]).collect();
    bed.write("plan.toml", &elsewhere);
    let ended = bed.run(&["run", "--pace", "max"]).with(2);
    assert!(ended.says().contains("loopback"), "{}", ended.says());
    std::fs::remove_file(bed.path("plan.toml")).unwrap();
    bed.run(&["run"]).with(3);
    assert!(!bed.state().join("journal").exists(), "no state was made");
    untouched(&bed);
}

/// `plan` refuses, `run` holds and gives up as nobody helps; both say the same.
#[track_caller]
fn same_words(bed: &Bed, what: &str, code: i32, says: &str) {
    let planned = bed.run(&["plan"]).with(code);
    assert!(planned.says().contains(says), "{what}: {}", planned.says());
    let ran = bed.run_max(plans::SHORT_BEGIN).with(5);
    let held =
        bed.journal().into_iter().any(|record| matches!(record.event, Event::HoldPlaced { hold } if hold.why.contains(says)));
    assert!(ran.says().contains(says) || held, "{what}: {}", ran.says());
    untouched(bed);
}

#[track_caller]
fn untouched(bed: &Bed) {
    let tenant = bed.tenant();
    assert!(tenant.writes().is_empty() && tenant.mails().is_empty());
}

fn without(role: &str) -> Profile {
    let mut profile = plans::orderly(40);
    profile.roles.retain(|granted| granted != role);
    profile
}

fn add_group(bed: &Bed, name: &str) {
    let before: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    bed.tenant().change(before, Change::AddGroup(name.to_owned())).unwrap();
}
