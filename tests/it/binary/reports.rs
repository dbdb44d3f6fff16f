//! What operators read: reports by mail and by command, the line of what is expected, and what a rollback answers.

use serde_json::Value;
use tidegate::rollout::event::Event;

use super::bed::Bed;
use super::plans;

#[test]
fn what_came_of_a_stage_and_the_week_are_printed_from_the_journal_and_were_mailed() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "[reports]\nto = [\"mfa-team@elsewhere.example\"]\ndigest = \"Sun 20:00\"");
    bed.run_max(plans::SHORT_BEGIN).with(0);
    let mailed = bed.tenant().memos().to_vec();
    let about = |part: &str| mailed.iter().filter(|mail| mail.subject.contains(part)).count();
    assert_eq!((about("stage pilot is done"), about("the week to") > 0), (1, true), "{mailed:?}");
    assert!(mailed.iter().all(|mail| mail.to == "mfa-team@elsewhere.example"), "{mailed:?}");
    let due = bed.journal().into_iter().filter(|record| matches!(record.event, Event::Reported { .. })).count();
    assert_eq!(due, mailed.len(), "each once");

    // Nobody answers any more, and no daemon runs.
    bed.write("plan.toml", &plan.replace(bed.url(), "http://127.0.0.1:9"));
    let text = bed.run(&["report", "pilot"]).with(0).out;
    for part in ["stage pilot is done", "Time\n- announced: ", "People\n- ", "asked for MFA and not passed: ", "Holds\n"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let facts: Value = serde_json::from_str(&bed.run(&["--json", "report", "pilot"]).with(0).out).unwrap();
    assert_eq!((facts["phase"].as_str(), &facts["enforced"]), (Some("done"), &facts["people"]), "{facts}");
    for args in [&["report"][..], &["report", "--week"]] {
        let text = bed.run(args).with(0).out;
        assert!(text.contains("the week to ") && text.contains("The next 7 days"), "{text}");
    }
    let facts: Value = serde_json::from_str(&bed.run(&["--json", "report", "--week"]).with(0).out).unwrap();
    assert_eq!(facts["stages"][0]["stage"], "pilot", "{facts}");
    assert!(bed.run(&["report", "nowhere"]).with(2).says().contains("the plan has the stages"));
    bed.run(&["report", "pilot", "--week"]).with(2);
}
