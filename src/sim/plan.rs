//! A plan for the simulated tenant, ready to run: pilot by group, a department, the ready ones, everyone.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::json::quote;
use super::person::Kind;
use super::tenant::{ENFORCED_GROUP, EXEMPT_GROUP, PILOT_GROUP, POLICY, Tenant};

/// Where a plan is to work.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// The tenant's address, without `/v1.0`; tokens come from there too.
    pub url: &'a str,
    /// The file of the authority by which the tenant's certificate is known, when it is served over TLS.
    pub ca_file: Option<&'a str>,
    /// The daemon's state folder.
    pub state_dir: &'a str,
    /// The file that holds [`super::SECRET`].
    pub secret_file: &'a str,
    /// The day on which the pilot starts; the first announcement comes 30 days before. A Monday suits best.
    pub pilot: Date,
}

/// The text of a plan for `tenant`, in TOML.
#[must_use]
pub fn ready_plan(tenant: &Tenant, here: Here<'_>) -> String {
    let domain = &tenant.profile().domain;
    let people = tenant.people.iter().filter(|person| person.kind == Kind::Ordinary).count();
    let start = |after: Span| format!("{}T09:00:00", here.pilot.saturating_add(after));
    let break_glass = |which| {
        let mut accounts = tenant.people.iter().filter(|person| person.kind == Kind::BreakGlass);
        accounts.nth(which).map_or("", |person| person.upn.as_str())
    };
    let text = |text: &str| {
        let mut quoted = String::new();
        quote(&mut quoted, text);
        quoted
    };
    format!(
        r#"# A plan for a simulated tenant. Its secret file must hold `simulated-secret`.
# Begin before {begin}: tidegate run --pace max --start-at {begin}T08:00:00+01:00

[tenant]
id        = {id}
time_zone = "Europe/Berlin"
graph_url = {url}
login_url = {url}
{ca_file}
[credentials]
client_id   = "6f6f6f6f-0000-4000-8000-000000000001"
secret_file = {secret}

[state]
dir = {state}

[enforcement]
kind   = "conditional-access"
group  = "{ENFORCED_GROUP}"
policy = "{POLICY}"

[people]
break_glass  = [{bg1}, {bg2}]
exempt_group = "{EXEMPT_GROUP}"

[limits]
canary = 5
caps   = [{{ people = 500, per = "1h" }}, {{ people = 2000, per = "1d" }}]

[calendar]
windows = [{{ days = "mon-thu", from = "08:30", to = "15:00" }}]

[notices]
from       = [{from}]
channel    = ["mail"]
before     = ["30d", "14d", "7d", "1d"]
min_notice = "14d"
helpdesk   = "https://help.{domain}/mfa, ext. 4242"

[[gate]]
name       = "registered"
measure    = "registered_share"
at         = "start"
at_least   = 0.80
min_sample = 3

[[gate]]
name       = "sign-in failures"
measure    = "mfa_failure_share"
at         = "during"
at_most    = 0.25
min_sample = 3

[[stage]]
name    = "pilot"
people  = [{{ group = "{PILOT_GROUP}" }}]
start   = "{pilot}"
late_by = "4h"
soak    = "5d"

[[stage]]
name   = "finance"
people = [{{ filter = "department eq 'Finance'" }}]
start  = "{finance}"
soak   = "3d"

[[stage]]
name   = "ready"
people = [{{ ready_first = {ready} }}]
start  = "{ready_start}"
soak   = "3d"

[[stage]]
name   = "everyone"
people = [{{ everyone_else = true }}]
start  = "{everyone}"
soak   = "5d"
"#,
        begin = here.pilot.saturating_sub(32.days()),
        id = text(domain),
        url = text(here.url),
        ca_file = here.ca_file.map_or_else(String::new, |file| format!("ca_file   = {}\n", text(file))),
        secret = text(here.secret_file),
        state = text(here.state_dir),
        bg1 = text(break_glass(0)),
        bg2 = text(break_glass(1)),
        from = text(&format!("it-security@{domain}")),
        pilot = start(0.days()),
        finance = start(2.weeks()),
        ready = (people / 4).max(1),
        ready_start = start(4.weeks()),
        everyone = start(6.weeks()),
    )
}

#[cfg(test)]
mod tests {
    use super::super::probe::calm;
    use super::*;

    #[test]
    fn the_plan_is_toml_with_its_stages_in_order() {
        let here = Here {
            url: "https://127.0.0.1:9",
            ca_file: Some("ca.pem"),
            state_dir: "/tmp/a \"b\"",
            secret_file: "s",
            pilot: jiff::civil::date(2027, 1, 11),
        };
        let plan = ready_plan(&Tenant::new(calm(60)), here);
        let plan: toml_edit::DocumentMut = plan.parse().unwrap();
        assert_eq!(plan["state"]["dir"].as_str(), Some("/tmp/a \"b\""));
        assert_eq!(plan["tenant"]["ca_file"].as_str(), Some("ca.pem"));
        let stages = plan["stage"].as_array_of_tables().unwrap();
        let starts: Vec<&str> = stages.iter().map(|stage| stage["start"].as_str().unwrap()).collect();
        assert_eq!(starts, ["2027-01-11T09:00:00", "2027-01-25T09:00:00", "2027-02-08T09:00:00", "2027-02-22T09:00:00"]);
    }
}
