//! How unmet conditions look on a terminal: what waits, for whom, since when, until when at the latest, and what ends it.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use crate::cli::show::instant;
use crate::rollout::hold::Owner;
use crate::rollout::unmet::{Latest, Unmet};

/// The conditions, one paragraph each.
pub(super) fn of(unmet: &[Unmet], zone: &TimeZone) -> String {
    if unmet.is_empty() {
        return "waits for nothing".to_owned();
    }
    let mut out = String::new();
    for (n, one) in (1..).zip(unmet) {
        let _ = writeln!(out, "{n}. {}", one.what);
        let _ = writeln!(out, "   for: {} ({})", one.whom, owner(one.owner));
        if let Some(since) = one.since {
            let _ = writeln!(out, "   since: {}", instant(since, zone));
        }
        if let Some(earliest) = one.earliest {
            let _ = writeln!(out, "   at the earliest: {}", instant(earliest, zone));
        }
        match &one.latest {
            Some(Latest { at, then }) => {
                let _ = writeln!(out, "   at the latest: {}; then {then}", instant(*at, zone));
            }
            None => out.push_str("   at the latest: no limit\n"),
        }
        let _ = writeln!(out, "   ends with: {}", one.ends);
    }
    out
}

const fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Operator => "up to an operator",
        Owner::Gate => "up to a gate",
        Owner::Schedule => "up to the schedule",
        Owner::Tenant => "up to the tenant",
        Owner::Plan => "up to the plan",
        Owner::System => "up to this host",
    }
}

#[cfg(test)]
#[path = "waits_tests.rs"]
mod tests;
