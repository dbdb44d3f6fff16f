//! The plans of these tests: the simulated tenant's own, and a short one that takes three weeks.

use jiff::{SignedDuration, Timestamp};
use tidegate::sim::{Here, Profile, ready_plan};

use super::bed::Bed;

/// When a paced daemon with [`short`] begins.
pub(super) const SHORT_BEGIN: &str = "2027-01-04T08:00:00+01:00";

/// When the second stage of [`short`] starts.
pub(super) fn second_stage() -> Timestamp {
    "2027-01-18T08:00:00Z".parse().unwrap()
}

/// When a paced daemon with [`ready`] begins.
pub(super) const READY_BEGIN: &str = "2026-12-10T08:00:00+01:00";

/// Writes the tenant's own plan: four stages in eight weeks.
pub(super) fn ready(bed: &Bed) -> String {
    let (state, secret) = (bed.state(), bed.path("secret"));
    let here = Here {
        url: bed.url(),
        ca_file: None,
        state_dir: state.to_str().unwrap(),
        secret_file: secret.to_str().unwrap(),
        pilot: jiff::civil::date(2027, 1, 11),
    };
    let plan = ready_plan(&bed.tenant(), here);
    bed.write("plan.toml", &plan);
    plan
}

/// A tenant in which everybody can be enforced on time.
pub(super) fn orderly(users: usize) -> Profile {
    Profile { users, not_allowed: 0.0, missing_rows: 0.0, floor: SignedDuration::from_hours(48), ..Profile::default() }
}

/// Writes a plan of two stages in three weeks. `more` stands before its stages.
pub(super) fn short(bed: &Bed, more: &str) -> String {
    let plan = format!(
        r#"
[tenant]
id = "contoso.example"
time_zone = "Europe/Berlin"
graph_url = "{url}"
login_url = "{url}"
[credentials]
client_id = "6f6f6f6f-0000-4000-8000-000000000001"
secret_file = "secret"
[state]
dir = "state"
[enforcement]
kind = "conditional-access"
group = "MFA Enforced"
policy = "Require MFA"
[people]
break_glass = ["bg1@contoso.example", "bg2@contoso.example"]
exempt_group = "MFA Exempt"
[calendar]
windows = [{{ days = "mon-sun", from = "06:00", to = "22:00" }}]
[notices]
from = ["it-security@contoso.example"]
before = ["3d", "1d"]
min_notice = "2d"
renotice = "1d"
helpdesk = "https://help.contoso.example"
[observe]
registration = "6h"
sign_ins = "6h"
max_age = "2d"
{more}
[[stage]]
name = "pilot"
people = [{{ group = "MFA Pilot" }}]
start = "2027-01-11T09:00:00"
late_by = "6h"
soak = "1d"
[[stage]]
name = "everyone"
people = [{{ everyone_else = true }}]
start = "2027-01-18T09:00:00"
late_by = "6h"
soak = "1d"
"#,
        url = bed.url()
    );
    bed.write("plan.toml", &plan);
    plan
}
