//! The plan that the design shows, to its end: its stages, gates, dates and limits as they stand there.

use std::path::Path;

use tidegate::rollout::event::{Event, Verdict};
use tidegate::rollout::stage::PhaseName;
use tidegate::sim::Profile;

use super::bed::Bed;
use super::{kept, plans};

const STAGES: [&str; 4] = ["pilot", "finance", "ready", "everyone"];

/// 3 % never register. Nobody registers in the last hours, which Microsoft's report would not show in time: the start gate
/// asks for 90 % of the last stage too, and the people who are ready have stages before it.
fn profile() -> Profile {
    Profile { users: 500, seed: 3, never: 0.03, last_day: 0.0, not_allowed: 0.0, missing_rows: 0.0, ..Profile::default() }
}

#[test]
fn the_example_plan_runs_to_its_end_with_its_gates_fed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/design/example-plan.toml");
    let Ok(text) = std::fs::read_to_string(file) else { return println!("not run: shared") };
    let bed = Bed::new(profile());
    bed.write("plan.toml", &pointed_here(&text, bed.url()));
    lists_and_templates(&bed);
    bed.run_max(plans::READY_BEGIN).with(0);
    kept::promises(&bed);
    let journal = bed.journal();
    let readings = |stage: &str, gate: &str| -> Vec<_> {
        let of = journal.iter().filter_map(|record| match &record.event {
            Event::GateRead { stage: of, gate: named, evidence } if of == stage && named == gate => Some(evidence.clone()),
            _ => None,
        });
        of.collect()
    };
    // A stage of one batch after its canary is over before 20 people have signed in; one that the caps stretch is not.
    let mut judged = false;
    for stage in STAGES {
        for gate in ["registered", "sign-in failures"] {
            let read = readings(stage, gate);
            let told = |verdict| read.iter().filter(|evidence| evidence.verdict == verdict).count();
            println!("{stage}, {gate}: {} passed, {} failed; {:?}", told(Verdict::Pass), told(Verdict::Fail), read.last());
            assert_eq!(told(Verdict::Fail), 0, "{stage}, {gate}");
            let passed = told(Verdict::Pass) > 0;
            assert!(passed || gate != "registered", "{stage}: {read:?}");
            judged |= passed && gate == "sign-in failures";
        }
        let done = journal.iter().any(|record| {
            matches!(&record.event, Event::StageMoved { stage: moved, to, .. } if moved == stage && *to == PhaseName::Done)
        });
        assert!(done, "{stage} is not Done");
    }
    assert!(judged, "no stage had sign-ins enough for its gate");
}

/// The same plan with the simulated tenant's ids, addresses and credentials.
fn pointed_here(text: &str, url: &str) -> String {
    let mut plan = text.replace("contoso.onmicrosoft.com", "contoso.example").replace("@contoso.com", "@contoso.example");
    for (from, to) in [
        ("time_zone = ", format!("graph_url = \"{url}\"\nlogin_url = \"{url}\"\ntime_zone = ")),
        ("certificate = \"/run/credentials/tidegate.service/app.pem\"", "secret_file = \"secret\"".to_owned()),
        ("\"/var/lib/tidegate\"", "\"state\"".to_owned()),
    ] {
        assert!(plan.contains(from), "the example has no {from}");
        plan = plan.replacen(from, &to, 1);
    }
    plan
}

fn lists_and_templates(bed: &Bed) {
    let person = bed.tenant().candidates(plans::second_stage()).pop().unwrap();
    std::fs::create_dir(bed.path("lists")).unwrap();
    bed.write("lists/finance-extra.csv", &format!("upn\n{person}\n"));
    std::fs::create_dir(bed.path("templates")).unwrap();
    let template = "subject = \"MFA from {{ day }}\"\nbody = \"From {{ date }} on you need MFA. Help: {{ helpdesk }}\"\n";
    bed.write("templates/en.toml", template);
}
