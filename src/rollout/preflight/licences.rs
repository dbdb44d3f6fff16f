//! Licences: of the tenant, and of everybody in scope.

use super::{Finding, Ground, Severity, known};
use crate::rollout::plan::Licence;

/// What is to be said about licences.
pub(super) fn judge(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let Some(premium) = known(&ground.facts.premium, "the licences of the tenant", findings) else { return };
    let none = premium.enabled + premium.lapsing == 0;
    if ground.plan.access.licence == Licence::None {
        if !none {
            findings.push(Finding::new(
                Severity::Note,
                "licence-unused",
                "the tenant has Microsoft Entra ID P1, and the plan says that it has not",
                "readiness is read from each person's own methods, which takes much longer than the report, and sign-ins are not looked at",
                "write `licence = \"p1\"` in [tenant] if everybody in scope is licensed",
            ));
        }
        return;
    }
    if none {
        findings.push(Finding::new(
            Severity::Error,
            "licence-missing",
            "the tenant has no licence of Microsoft Entra ID P1 or P2",
            "without one there is no Conditional Access, no registration report and no sign-in log",
            "buy one for everybody in scope; or enforce by security-defaults and write `licence = \"none\"` in [tenant]",
        ));
        return;
    }
    if premium.enabled == 0 {
        findings.push(Finding::new(
            Severity::Warning,
            "licence-lapsing",
            "every licence of Microsoft Entra ID P1 or P2 has lapsed and is in its grace period",
            "when that ends Conditional Access cannot be changed any more, and the report and the log end",
            "renew the subscription before the first stage",
        ));
    }
    let Some(licensed) = known(&ground.facts.licensed, "who holds a licence of Microsoft Entra ID P1", findings) else {
        return;
    };
    let without: Vec<_> = ground.scope.iter().copied().filter(|id| licensed.binary_search(id).is_err()).collect();
    // Guests are covered by licences of the tenant's own people.
    let without = ground.members(without);
    findings.extend(Finding::about(
        without,
        Severity::Warning,
        "people-without-licence",
        ("person in scope has no licence of Microsoft Entra ID P1", "people in scope have no licence of Microsoft Entra ID P1"),
        "Microsoft asks for one for everybody whom a Conditional Access policy covers",
        "assign one to each, or leave these people out of the stages",
    ));
}
