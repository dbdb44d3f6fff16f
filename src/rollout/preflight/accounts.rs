//! People who need another way than the rest: guests, mailboxes of several, those without an address, administrators, the
//! synchronisation.

use super::{Finding, Ground, Severity, known};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Readiness;
use crate::rollout::select::means;

/// What is to be said about accounts.
pub(super) fn judge(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let Some(directory) = ground.observed.directory.last.as_ref().map(|reading| &reading.value) else { return };
    if directory.unreadable > 0 {
        findings.push(Finding::new(
            Severity::Warning,
            "people-unreadable",
            format!("{} rows of the directory have no id that can be read", directory.unreadable),
            "these people are in no stage and are told nothing",
            "look for objects that are damaged, and ask Microsoft",
        ));
    }
    let in_scope = || directory.iter().filter(|person| ground.is_in_scope(person.id));
    findings.extend(Finding::about(
        in_scope().filter(|person| person.guest).map(|person| person.id).collect(),
        Severity::Note,
        "guests-in-scope",
        ("guest is in scope", "guests are in scope"),
        "a guest must register again in this tenant, unless it trusts the MFA of theirs",
        "set cross-tenant access to trust MFA of the partners' tenants, or leave guests out: `include_guests = false`",
    ));
    findings.extend(Finding::about(
        in_scope().filter(|person| !person.mail).map(|person| person.id).collect(),
        Severity::Warning,
        "people-without-mail",
        ("person in scope has no mail address", "people in scope have no mail address"),
        "nobody is enforced who was not told, and these cannot be told: they wait in the tail",
        "give each an address, or put them into the exempt group and reach them in another way",
    ));
    mailboxes(ground, findings);
    administrators(ground, findings);
    synchronisation(ground, &directory.sync_accounts, findings);
}

/// Rooms and shared mailboxes need no sign-in of their own: a mailbox without a licence that nobody signs in to by hand is
/// likely to be one.
fn mailboxes(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let Some(unlicensed) = known(&ground.facts.unlicensed, "rooms and shared mailboxes that can sign in", findings) else {
        return;
    };
    let directory = ground.observed.directory.last.as_ref().map(|reading| &reading.value);
    let has_mail = |id: &&ObjectId| directory.and_then(|directory| directory.person(**id)).is_some_and(|person| person.mail);
    let open = unlicensed.iter().filter(|id| ground.is_in_scope(**id)).filter(has_mail);
    // Whoever signs in by hand is a person, who lacks a licence.
    let open = open.filter(|id| ground.last_interactive(**id).is_none()).copied().collect();
    findings.extend(Finding::about(
        open,
        Severity::Warning,
        "mailbox-sign-in-open",
        ("mailbox without a licence can sign in", "mailboxes without a licence can sign in"),
        "rooms and shared mailboxes have nobody who could use MFA: they would be told, counted as unregistered and cut off",
        "block the sign-in of rooms and shared mailboxes; license those that are people",
    ));
}

fn administrators(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let (Ok(admins), Some(directory)) = (&ground.facts.admins, ground.observed.directory.last.as_ref()) else { return };
    let works = |id: &&ObjectId| {
        let person = directory.value.person(**id).filter(|person| person.enabled == Some(true));
        person.is_some_and(|person| !ground.plan.people.break_glass.iter().any(|reference| means(reference, &person)))
    };
    findings.extend(Finding::about(
        admins.iter().filter(works).filter(|id| !ground.is_in_scope(**id)).copied().collect(),
        Severity::Warning,
        "admins-out-of-scope",
        ("Global Administrator is in no stage", "Global Administrators are in no stage"),
        "the accounts that matter most would stay without MFA by this rollout",
        "put administrators into the first stage; only break-glass accounts stay out",
    ));
    let Some(registration) = ground.observed.registration.last.as_ref() else { return };
    let is_ready = |id: &ObjectId| registration.value.of(*id) == Readiness::Capable;
    findings.extend(Finding::about(
        admins.iter().filter(works).filter(|id| !is_ready(id)).copied().collect(),
        Severity::Warning,
        "admins-not-registered",
        ("Global Administrator could not pass MFA", "Global Administrators could not pass MFA"),
        "Microsoft requires MFA of administrators in its portals already, whatever this plan says",
        "have them register now",
    ));
}

fn synchronisation(ground: &Ground<'_>, accounts: &[ObjectId], findings: &mut Vec<Finding>) {
    let Some(exclusions) = known(&ground.facts.exclusions, "whom the policy excludes", findings) else { return };
    // Directory Synchronization Accounts.
    let role = ObjectId::from_bits(0xd29b_2b05_8046_44ba_8758_1e26_182f_cf32);
    if exclusions.roles.contains(&role) {
        return;
    }
    findings.extend(Finding::about(
        accounts.iter().filter(|id| exclusions.people.binary_search(id).is_err()).copied().collect(),
        Severity::Warning,
        "sync-account-not-excluded",
        ("synchronisation account is not excluded from the policy", "synchronisation accounts are not excluded from the policy"),
        "once the policy covers it, by a group or by the finish, the directory stops synchronising",
        "exclude the role Directory Synchronization Accounts in the policy",
    ));
}
