//! What commands print and need: JSON alone where it is asked for, and no valid plan where an emergency must not wait for one.

use super::bed::Bed;
use super::plans;

#[test]
fn json_is_all_that_is_printed_when_it_is_asked_for() {
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, "");
    let table: [&[&str]; 5] =
        [&["check"], &["plan"], &["rehearse", "--users", "60"], &["demo", "--fast"], &["simulate", "--seeds", "1"]];
    for args in table {
        let ended = bed.run(&[args, &["--json"]].concat()).with(0);
        let parsed = serde_json::from_str::<serde_json::Value>(&ended.out);
        assert!(parsed.is_ok(), "{args:?}: {parsed:?}\n{}", ended.out);
    }
}

#[test]
fn a_broken_plan_stops_no_pause() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "");
    bed.run_max(plans::SHORT_BEGIN).with(0);
    for (broken, place) in [(plan.replace("soak = ", "saok = "), None), (plan.replace("[tenant]", "[tenant"), Some(bed.state()))]
    {
        bed.write("plan.toml", &broken);
        let place: Vec<String> = place.iter().flat_map(|dir| ["--state-dir".to_owned(), dir.display().to_string()]).collect();
        let file = bed.state().join("pause");
        let run = |args: &[&str]| {
            let place: Vec<&str> = place.iter().map(String::as_str).collect();
            bed.run(&[args, &place[..]].concat())
        };
        for args in [&["status"][..], &["journal", "verify"], &["journal", "show", "--last", "3"], &["explain", "pilot"]] {
            let ended = run(args).with(0);
            assert!(!ended.out.is_empty() && ended.log.contains("the plan cannot be used"), "{args:?}: {}", ended.log);
        }
        let paused = run(&["pause", "look first"]).with(0);
        assert!(paused.out.contains(&file.display().to_string()), "{}", paused.out);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "look first");
        let ended = run(&["unpause"]).with(5);
        assert!(ended.says().contains(&file.display().to_string()) && ended.says().contains("remove it"), "{}", ended.says());
        std::fs::remove_file(&file).unwrap();
        // Now it is only the daemon that is missing.
        run(&["unpause"]).with(1);
    }
}

#[test]
fn the_state_of_one_tenant_is_not_used_for_another() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "");
    bed.run_max(plans::SHORT_BEGIN).with(0);
    let requests = bed.tenant().requests();
    bed.write("plan.toml", &plan.replace("id = \"contoso.example\"", "id = \"fabrikam.example\""));
    let ended = bed.run_max(plans::SHORT_BEGIN).with(5);
    for word in ["fabrikam.example", "contoso.example", "another state folder"] {
        assert!(ended.says().contains(word), "{}", ended.says());
    }
    assert_eq!(bed.tenant().requests(), requests, "nobody was asked");
}
