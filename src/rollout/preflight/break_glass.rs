//! The break-glass accounts: whether they would let somebody in when all else fails.

use jiff::SignedDuration;

use super::facts::{Account, SignIn};
use super::{Finding, Ground, Severity, Who, known};
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::plan::Licence;

/// Who was not tried for so long is not known to work. Microsoft asks for a trial every 90 days.
const TRIED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What is to be said about the break-glass accounts.
pub(super) fn judge(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let Some(safety) = ground.observed.safety.last.as_ref().map(|reading| &reading.value) else { return };
    let missing: Vec<String> =
        safety.break_glass.iter().filter(|account| account.id.is_none()).map(|account| shown(&account.reference)).collect();
    if !missing.is_empty() {
        let finding = Finding::new(
            Severity::Error,
            "break-glass-missing",
            format!("{} break-glass accounts do not exist", missing.len()),
            "nobody is enforced while fewer than two of them work",
            "correct people.break_glass, or make the accounts",
        );
        findings.push(finding.of(Who::Things(missing)));
    }
    let those = |fails: &dyn Fn(&crate::rollout::observed::BreakGlass) -> bool| -> Vec<ObjectId> {
        safety.break_glass.iter().filter(|account| fails(account)).filter_map(|account| account.id).collect()
    };
    findings.extend(Finding::about(
        those(&|account| !account.enabled),
        Severity::Error,
        "break-glass-disabled",
        ("break-glass account is disabled", "break-glass accounts are disabled"),
        "it would let nobody in, and nobody is enforced while fewer than two of them work",
        "enable it",
    ));
    findings.extend(Finding::about(
        those(&|account| !account.excluded),
        Severity::Error,
        "break-glass-not-excluded",
        ("break-glass account is not excluded from the policy", "break-glass accounts are not excluded from the policy"),
        "what locks everybody out would lock it out as well; nobody is enforced while that is so",
        "exclude it in the policy, by name",
    ));
    details(ground, findings);
    if ground.plan.access.licence == Licence::P1 && ground.facts.activity.is_ok() {
        let untried = |id: ObjectId| ground.last_interactive(id).is_none_or(|at| ground.now.duration_since(at) > TRIED);
        findings.extend(Finding::about(
            those(&|account| account.id.is_some_and(untried)),
            Severity::Warning,
            "break-glass-untried",
            ("break-glass account was not tried for 90 days", "break-glass accounts were not tried for 90 days"),
            "an account that nobody has signed in with lately is a hope, not a way in",
            "sign in with it once, with what is in the safe, and see that an alert goes out",
        ));
    }
    if let Some(admins) = known(&ground.facts.admins, "who is Global Administrator", findings) {
        findings.extend(Finding::about(
            those(&|account| account.id.is_some_and(|id| admins.binary_search(&id).is_err())),
            Severity::Warning,
            "break-glass-no-admin",
            ("break-glass account is not Global Administrator", "break-glass accounts are not Global Administrators"),
            "whoever is let in by it could not repair anything",
            "assign the role for good, not as eligible",
        ));
    }
}

/// Where the accounts come from.
fn details(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let Some(accounts) = known(&ground.facts.break_glass, "where the break-glass accounts come from", findings) else {
        return;
    };
    let those = |fails: &dyn Fn(&Account) -> bool| -> Vec<ObjectId> {
        accounts.iter().filter(|account| fails(account)).map(|account| account.id).collect()
    };
    findings.extend(Finding::about(
        those(&|account| account.synced),
        Severity::Warning,
        "break-glass-synced",
        ("break-glass account comes from an on-premises directory", "break-glass accounts come from an on-premises directory"),
        "when that directory or its synchronisation fails, so does the account",
        "make an account that exists in the tenant only",
    ));
    let Ok(domains) = &ground.facts.domains else { return };
    let of = |account: &Account| domains.iter().find(|domain| domain.name == account.domain);
    findings.extend(Finding::about(
        those(&|account| of(account).is_some_and(|domain| domain.sign_in != SignIn::Managed)),
        Severity::Error,
        "break-glass-federated",
        (
            "break-glass account signs in at an identity provider of your own",
            "break-glass accounts sign in at an identity provider of your own",
        ),
        "when the provider fails, so does the account",
        "give it a name in the tenant's initial domain (….onmicrosoft.com)",
    ));
    findings.extend(Finding::about(
        those(&|account| of(account).is_some_and(|domain| domain.sign_in == SignIn::Managed && !domain.initial)),
        Severity::Warning,
        "break-glass-domain",
        (
            "break-glass account is not in the tenant's initial domain",
            "break-glass accounts are not in the tenant's initial domain",
        ),
        "a domain of your own can be lost or federated one day; the initial one cannot",
        "give it a name in the tenant's initial domain (….onmicrosoft.com)",
    ));
}

/// How the plan names somebody: an id, or a hash of a name that the plan file shows.
fn shown(reference: &PersonRef) -> String {
    match reference {
        PersonRef::Id(id) => id.to_string(),
        PersonRef::Name(_) => "an account that people.break_glass names".to_owned(),
    }
}
