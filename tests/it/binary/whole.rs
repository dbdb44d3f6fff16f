//! A whole rollout: from the first mail to the last stage, as fast as it goes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate::sim::Profile;

use super::bed::Bed;
use super::{kept, plans};

#[test]
fn a_whole_rollout_over_http_accounts_for_everybody() {
    let bed = Bed::new(Profile { users: 500, seed: 11, ..Profile::default() });
    let plan = plans::ready(&bed);
    bed.write("plan.toml", &format!("{plan}\n[observe]\nregistration = \"2h\"\nsign_ins = \"1h\"\n"));
    bed.run_max(plans::READY_BEGIN).with(0);
    kept::promises(&bed);

    let status: Value = serde_json::from_str(&bed.run(&["status", "--json"]).with(0).out).unwrap();
    let report = &status["report"];
    assert_eq!((&report["standing"], &report["total"]), (&"finished".into(), &500.into()));
    let people: BTreeMap<String, u64> = serde_json::from_value(report["people"].clone()).unwrap();
    assert_eq!(people.values().sum::<u64>(), 500, "{people:?}");
    let stages = report["stages"].as_array().unwrap().iter().chain([&report["tail"]]);
    let mut verified = 0;
    for stage in stages {
        let situations: BTreeMap<String, u64> = serde_json::from_value(stage["situations"].clone()).unwrap();
        assert_eq!(situations.values().sum::<u64>(), stage["people"].as_u64().unwrap(), "{stage}");
        verified += situations.get("verified").copied().unwrap_or_default();
    }
    let tenant = bed.tenant();
    let written: BTreeSet<_> = tenant.writes().iter().flat_map(|write| &write.people).collect();
    assert_eq!(written.len() as u64, verified);
    assert!(verified > 400, "{verified}");
}
