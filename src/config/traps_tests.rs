//! Traps of other rollout systems that lie in how settings are read: each test tells one in a sentence, and fails where this program
//! falls into it, too. The others stand in `rollout`.

use super::problem::{Problems, Severity};
use super::{Loaded, load};

const PLAN: &str = r#"
[tenant]
id = "contoso.com"
time_zone = "Europe/Berlin"

[credentials]
client_id = "6f6f6f6f-0000-4000-8000-000000000001"
managed_identity = true

[enforcement]
kind = "conditional-access"
group = "MFA Enforced"
policy = "Require MFA"

[people]
break_glass = ["bg1@contoso.com", "bg2@contoso.com"]

[notices]
from = ["it@contoso.com"]
helpdesk = "ext. 4242"

[limits]
canary = 5

[[stage]]
name = "pilot"
people = [{ group = "MFA Pilot" }]
start = "2027-01-11T09:00:00"
soak = "2d"

[[stage]]
name = "everyone"
people = [{ everyone_else = true }]
start = "2027-03-08T09:00:00"

[[gate]]
name = "get in"
measure = "mfa_failure_share"
at = "during"
at_most = 0.1
min_sample = 3
fails = "2 of 3"
max_age = "5h"
"#;

fn read(text: &str) -> Result<Loaded, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, std::iter::empty())
}

/// Every line is written otherwise, and refused under that key.
fn each_is_refused(lines: &[(&str, &str, &str)]) {
    let loaded = read(PLAN).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.plan.gates.len(), 1);
    let mut taken = Vec::new();
    for (line, written, key) in lines {
        assert_eq!(PLAN.matches(line).count(), 1, "{line}");
        let problems = read(&PLAN.replace(line, written)).err();
        let errors = problems.iter().flat_map(|found| &found.0).filter(|problem| problem.severity == Severity::Error);
        if !errors.into_iter().any(|problem| problem.key == *key) {
            taken.push(written);
        }
    }
    assert!(taken.is_empty(), "{taken:?}");
}

/// hawkBit takes an error condition that it cannot parse for one that is never met, so that there is no emergency stop.
#[test]
fn hawkbit_an_error_condition_that_does_not_parse_is_no_emergency_stop() {
    each_is_refused(&[
        ("fails = \"2 of 3\"", "fails = \"two of three\"", "gate.get in.fails"),
        ("at_most = 0.1", "at_most = \"a tenth\"", "gate.get in.at_most"),
        ("at_most = 0.1", "at_moist = 0.1", "gate.get in.at_moist"),
        ("measure = \"mfa_failure_share\"", "measure = \"failures\"", "gate.get in.measure"),
        ("at = \"during\"", "at = \"always\"", "gate.get in.at"),
    ]);
}

/// Flagger corrects settings that cannot be, and says so to nobody.
#[test]
fn flagger_a_setting_that_cannot_be_is_corrected_silently() {
    each_is_refused(&[
        ("at_most = 0.1", "at_most = 7.0", "gate.get in.at_most"),
        ("at_most = 0.1", "at_most = -0.1", "gate.get in.at_most"),
        ("min_sample = 3", "min_sample = 0", "gate.get in.min_sample"),
        ("fails = \"2 of 3\"", "fails = \"3 of 2\"", "gate.get in.fails"),
        ("max_age = \"5h\"", "max_age = \"0h\"", "gate.get in.max_age"),
        ("canary = 5", "canary = 0", "limits.canary"),
        ("soak = \"2d\"", "soak = \"-2d\"", "stage.pilot.soak"),
    ]);
}
