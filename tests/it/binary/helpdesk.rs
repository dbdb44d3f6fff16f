//! What a helpdesk asks: one person's screen, with and without the tenant, and a pass that is journalled, shown once and kept nowhere.

use serde_json::Value;
use tidegate::clock::Clock;
use tidegate::rollout::event::{Event, PassFate};
use tidegate::sim::{Pass, Profile};

use jiff::ToSpan;

use super::bed::Bed;
use super::plans;

fn person(bed: &Bed, args: &[&str]) -> Value {
    let args: Vec<&str> = ["--json", "person"].into_iter().chain(args.iter().copied()).collect();
    serde_json::from_str(&bed.run(&args).with(0).out).unwrap()
}

/// Somebody who was enforced, by id.
fn enforced(bed: &Bed) -> String {
    let outcome = bed.journal().into_iter().find_map(|record| match record.event {
        Event::EnforceOutcome { enforced, .. } => enforced.first().copied(),
        _ => None,
    });
    outcome.unwrap().to_string()
}

#[test]
fn one_screen_answers_a_call_with_and_without_the_tenant() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "");
    bed.run_max(plans::SHORT_BEGIN).with(0);
    let id = enforced(&bed);

    let live = person(&bed, &[&id]);
    assert_eq!((live["situation"].as_str(), live["stage"].as_str()), (Some("verified"), Some("pilot")), "{live}");
    let told = live["told"].as_array().unwrap();
    assert!(told.iter().all(|told| told["fate"] == "accepted" && told["channel"] == "mail"), "{live}");
    assert!(told.iter().any(|told| told["slot"] == "announcement"));
    assert!(live["promise"].is_string() && live["verified_at"].is_string() && live["failures"].is_array());
    assert_eq!((live["registered"]["source"].as_str(), live["protected"].as_str()), (Some("report"), Some("no")), "{live}");
    assert_eq!(live["missing"].as_array().unwrap().len(), 0, "{live}");

    let name = live["name"].as_str().unwrap().to_owned();
    assert_eq!(person(&bed, &[&name.to_uppercase()])["id"], live["id"], "found by name, whatever its letters");
    let screen = bed.run(&["person", &id]).with(0).out;
    for word in [name.as_str(), "Promise", "MFA from", "Required   yes", "announcement", "What to do", "verified"] {
        assert!(screen.contains(word), "{word}: {screen}");
    }
    let guarded = person(&bed, &["bg1@contoso.example"]);
    assert_eq!(
        (guarded["situation"].as_str(), guarded["protected"]["by"].as_str()),
        (Some("outside"), Some("break-glass account"))
    );

    // Nobody answers any more.
    bed.write("plan.toml", &plan.replace(bed.url(), "http://127.0.0.1:9"));
    for args in [&[id.as_str()][..], &[&name], &[&id, "--offline"]] {
        let alone = person(&bed, args);
        assert_eq!(
            (&alone["id"], &alone["told"], &alone["situation"]),
            (&live["id"], &live["told"], &live["situation"]),
            "{args:?}"
        );
        let missing = alone["missing"].as_array().unwrap();
        assert!(!missing.is_empty() && alone["failures"].is_null(), "{alone}");
    }
    assert!(bed.run(&["person", "nobody@contoso.example"]).with(2).says().contains("nobody is known"));
    assert!(bed.run(&["explain", &id]).with(0).out.contains("notice accepted by the mail service"));
}

/// A daemon that lives by the system's clock, months before its first stage, over an app that may issue passes.
fn waiting(more: &[&str]) -> Bed {
    let roles = Profile::default().roles.into_iter().chain(more.iter().map(|role| (*role).to_owned())).collect();
    let bed = Bed::new(Profile { roles, ..plans::orderly(40) });
    let plan = plans::short(&bed, "");
    let first = Clock::system().now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date().saturating_add(90.days());
    let second = first.saturating_add(14.days());
    let plan = plan.replace("2027-01-11", &first.to_string()).replace("2027-01-18", &second.to_string());
    let accept = "time_zone = \"Europe/Berlin\"\naccept_permissions = [\"UserAuthMethod-TAP.ReadWrite.All\"]";
    bed.write("plan.toml", &plan.replace("time_zone = \"Europe/Berlin\"", accept));
    bed
}

#[test]
fn a_pass_is_journalled_shown_once_and_kept_nowhere() {
    let bed = waiting(&["UserAuthMethod-TAP.ReadWrite.All"]);
    let mut daemon = bed.start(&["--log", "debug", "run"]);
    daemon.logs(|line| line.contains("the tenant answered") && line.contains("conditionalAccess"));
    let name = bed.tenant().candidates(Clock::system().now()).first().unwrap().clone();
    // Names are kept once the directory was read to its end.
    let mut answer = bed.run(&["--json", "assist", &name, "--reason", "lost phone", "--minutes", "120", "--once"]);
    for _ in 0..40 {
        if answer.code == Some(0) {
            break;
        }
        daemon.logs(|line| line.contains("the tenant answered"));
        answer = bed.run(&["--json", "assist", &name, "--reason", "lost phone", "--minutes", "120", "--once"]);
    }
    let answer: Value = serde_json::from_str(&answer.with(0).out).unwrap();
    let code = answer["pass"].as_str().unwrap().to_owned();
    assert_eq!((answer["minutes"].as_u64(), answer["uses"].as_str()), (Some(120), Some("once")));

    let glass = bed.run(&["assist", "bg1@contoso.example", "--reason", "curious"]).with(1);
    assert!(glass.says().contains("break-glass"), "{}", glass.says());
    let long = bed.run(&["assist", &name, "--reason", "holiday", "--minutes", "9999"]).with(1);
    assert!(long.says().contains("60 to 480"), "{}", long.says());

    let status = std::fs::read_to_string(bed.state().join("status.json")).unwrap();
    bed.daemon().signal("TERM");
    let ended = daemon.ends().with(0);
    let journal = std::fs::read_to_string(bed.state().join("journal/000001.log")).unwrap();
    for (place, text) in [("log", &ended.log), ("journal", &journal), ("status", &status)] {
        assert!(!text.contains(&code), "the pass is in the {place}");
    }
    assert!(!ended.log.lines().any(|line| !line.contains("DEBUG") && line.contains(&name)), "no name in the log");
    let events: Vec<_> = bed.journal().into_iter().map(|record| record.event).collect();
    let asked = events.iter().position(|event| matches!(event, Event::Assisted { why, .. } if why == "lost phone")).unwrap();
    let issued = |event: &Event| matches!(event, Event::AssistOutcome { fate: PassFate::Issued { minutes: 120, .. }, .. });
    assert!(events.iter().position(issued).unwrap() > asked, "the intent comes first");
    let refused = |event: &&Event| matches!(event, Event::AssistOutcome { fate: PassFate::Refused(_), .. });
    assert_eq!(events.iter().filter(refused).count(), 1, "break-glass accounts never get as far");
    let told = bed.run(&["explain", &name]).with(0).out;
    assert!(
        told.contains("asked for a Temporary Access Pass: lost phone") && told.contains("was issued, for 120 minutes"),
        "{told}"
    );
}

#[test]
fn without_the_permission_or_a_daemon_there_is_no_pass_and_it_is_said_which() {
    let bed = waiting(&[]);
    let id = "11111111-0000-4000-8000-000000000001";
    let nobody = bed.run(&["assist", id, "--reason", "x"]).with(1);
    assert!(nobody.says().contains("tidegate run"), "{}", nobody.says());
    assert!(bed.run(&["assist", id, "--reason", " "]).with(2).says().contains("--reason"));
    let mut daemon = bed.start(&["--log", "debug", "run"]);
    daemon.logs(|line| line.contains("the tenant answered") && line.contains("conditionalAccess"));
    bed.watch(|_, request| {
        assert!(!request.uri().path().ends_with("/temporaryAccessPassMethods"), "nothing is asked that would be refused");
        Pass::On
    });
    let mut refused = bed.run(&["assist", id, "--reason", "x"]).with(1);
    while refused.says().contains("try again") {
        daemon.logs(|line| line.contains("the tenant answered"));
        refused = bed.run(&["assist", id, "--reason", "x"]).with(1);
    }
    assert!(refused.says().contains("UserAuthMethod-TAP.ReadWrite.All"), "{}", refused.says());
    bed.daemon().signal("TERM");
    daemon.ends().with(0);
}
