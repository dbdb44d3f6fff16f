//! What a kind of enforcement cannot keep, and stages that it names.

use super::Lint;
use crate::config::places::key;
use crate::rollout::plan::Enforcement;

pub(super) fn lint(lint: &mut Lint<'_>) {
    let plan = lint.plan;
    match &plan.enforcement {
        Enforcement::ConditionalAccess { leaves: Some(leaves), .. } => {
            let known = |name: &String| plan.stages.iter().any(|stage| stage.name == *name);
            if leaves.after.as_ref().is_some_and(|name| !known(name)) {
                let names: Vec<_> = plan.stages.iter().map(|stage| format!("`{}`", stage.name)).collect();
                let remedy = format!("write one of {}", names.join(", "));
                lint.error(&key!["enforcement", "switch_after"], "names no stage of the plan", remedy);
            }
        }
        Enforcement::ConditionalAccess { leaves: None, .. } | Enforcement::PerUser { .. } => {}
        // The switch reaches everybody at once: whoever is left out here would be asked for MFA untold.
        Enforcement::SecurityDefaults { .. } => {
            if plan.people.exempt_group.is_some() {
                let remedy = "take the key out; whoever must be exempt needs Conditional Access";
                lint.error(&key!["people", "exempt_group"], "exempts nobody: security defaults know no exceptions", remedy);
            }
            if !plan.people.include_guests {
                let remedy = "write `include_guests = true`, so that guests are told";
                lint.error(&key!["people", "include_guests"], "leaves guests out, and security defaults do not", remedy);
            }
            if !plan.limits.caps.is_empty() {
                let remedy = "take them out, so that nobody counts on them";
                lint.warn(&key!["limits", "caps"], "limit nothing: security defaults are switched for everybody at once", remedy);
            }
        }
    }
}
