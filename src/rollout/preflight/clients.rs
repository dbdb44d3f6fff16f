//! Sign-ins: with clients that cannot do MFA, by programs, and none at all.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Ground, Severity, Who, known, unchecked};
use crate::rollout::id::ObjectId;
use crate::rollout::plan::Licence;

/// Whoever did not sign in for so long counts as away.
const AWAY: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Whatever signed in within that is in use.
const IN_USE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What Outlook 2013 and older, and other programs without modern authentication, look like in the log.
const OFFICE: [&str; 7] = [
    "Exchange Web Services",
    "MAPI",
    "MAPI over HTTP",
    "Offline Address Book",
    "Other clients",
    "Outlook Anywhere",
    "Autodiscover",
];

/// What is to be said about sign-ins.
pub(super) fn judge(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    if ground.plan.access.licence == Licence::None {
        findings.push(Finding::new(
            Severity::Note,
            "sign-ins-unseen",
            "not checked: old clients, accounts of programs, and people who never sign in",
            "without a P1 licence there is no sign-in log",
            "ask those who run mail, printers and scripts which accounts they use",
        ));
        return;
    }
    let legacy = known(&ground.facts.legacy, "sign-ins with clients that cannot do MFA", findings);
    if let Some(legacy) = legacy {
        old_clients(ground, &legacy.uses, legacy.more, findings);
        if let Some(why) = &legacy.without_programs {
            findings.push(unchecked("old clients that sign in by themselves", why));
        }
    }
    let Some(activity) = known(&ground.facts.activity, "when people last signed in", findings) else { return };
    let within = |at: Option<Timestamp>, wait| at.is_some_and(|at| ground.now.duration_since(at) <= wait);
    let uses_old =
        |id: ObjectId| legacy.is_some_and(|legacy| legacy.uses.binary_search_by(|(person, _)| person.cmp(&id)).is_ok());
    let (mut programs, mut away) = (Vec::new(), Vec::new());
    for seen in activity.iter().filter(|seen| ground.is_in_scope(seen.person)) {
        if within(seen.interactive, AWAY) {
            continue;
        }
        if within(seen.other, IN_USE) || uses_old(seen.person) {
            programs.push(seen.person);
        } else if !within(seen.other, AWAY) && !within(seen.created, AWAY) {
            away.push(seen.person);
        }
    }
    findings.extend(Finding::about(
        programs,
                Severity::Warning,
        "service-like-accounts",
        ("account in scope is used by programs only", "accounts in scope are used by programs only"),
        "nobody has signed in with them by hand for 90 days, but something does: a scanner, a script, a monitor. It cannot do MFA, and stops \
         on its date",
        "find out what each is for; replace it by an application of its own, or put the account into the exempt group until that is done",
    ));
    findings.extend(Finding::about(
        away,
        Severity::Note,
        "dormant-accounts",
        ("person in scope has not signed in for 90 days", "people in scope have not signed in for 90 days"),
        "they are told by a mail that they may not read, and count as unregistered in every gate",
        "disable the accounts of those who have left",
    ));
}

fn old_clients(ground: &Ground<'_>, uses: &[(ObjectId, &'static str)], more: bool, findings: &mut Vec<Finding>) {
    let mut people: Vec<ObjectId> = Vec::new();
    let mut by_client: BTreeMap<&str, usize> = BTreeMap::new();
    let mut office: Vec<ObjectId> = Vec::new();
    for (person, client) in uses.iter().filter(|(person, _)| ground.is_in_scope(*person)) {
        people.push(*person);
        *by_client.entry(client).or_default() += 1;
        if OFFICE.contains(client) {
            office.push(*person);
        }
    }
    people.dedup();
    office.dedup();
    if people.is_empty() {
        return;
    }
    let counts: Vec<_> = by_client.iter().map(|(client, count)| format!("{count} by {client}")).collect();
    let least = if more { "at least " } else { "" };
    let title =
        format!("{least}{} signed in with old clients in the last 30 days: {}", people_of(people.len()), counts.join(", "));
    let finding = Finding::new(
        Severity::Warning,
        "legacy-sign-ins",
        title,
        "IMAP, POP, SMTP, ActiveSync and Office 2013 or older cannot do MFA: these people lose their mail on their date",
        "move each to a client with modern authentication (Outlook for Microsoft 365, Outlook mobile), and give devices another way to send",
    );
    findings.push(finding.of(Who::People(people)));
    if !office.is_empty() {
        let finding = Finding::new(
            Severity::Warning,
            "modern-authentication",
            format!("{} seem to use Office without modern authentication", people_of(office.len())),
            "Outlook 2013 and older ask for a password only, unless they are told otherwise, and never again after the date",
            "update Office; for Office 2013 set EnableADAL and Version in the registry; see that Exchange Online has \
             OAuth2ClientProfileEnabled",
        );
        findings.push(finding.of(Who::People(office)));
    }
}

fn people_of(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}
