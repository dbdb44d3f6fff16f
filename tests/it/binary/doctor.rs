//! `doctor` over HTTP: nothing in a clean tenant, each planted problem under its own id, and what cannot be read is said.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate::sim::{Effect, Fault, Foreign, Misfortune, Planted, Profile, Quotas};

use super::bed::{Bed, Ended};
use super::plans;

/// What each planted problem is found as; nothing else may be found with it.
const FOUND: &[(Planted, &[&str])] = &[
    (Planted::AdminExempt, &["admins-out-of-scope"]),
    (Planted::AdminUnregistered, &["admins-not-registered", "collides-other-policy"]),
    (Planted::BreakGlassDisabled, &["break-glass-disabled"]),
    (Planted::BreakGlassDomain, &["break-glass-domain"]),
    (Planted::BreakGlassExposed, &["break-glass-not-excluded"]),
    (Planted::BreakGlassNoAdmin, &["break-glass-no-admin"]),
    (Planted::BreakGlassSynced, &["break-glass-synced"]),
    (Planted::BreakGlassUntried, &["break-glass-untried"]),
    (Planted::DangerousPermission, &["permission-dangerous"]),
    (Planted::Dormant, &["dormant-accounts"]),
    (Planted::ExcessivePermissions, &["permission-excessive", "permission-unneeded"]),
    (Planted::FederatedAccept, &["federated-mfa-accepted", "federation-first"]),
    (Planted::FederatedEnforce, &["federated-mfa-enforced", "federation-first"]),
    (Planted::FederatedUnset, &["federated-mfa-unset", "federation-first"]),
    (Planted::LapsedLicence, &["licence-lapsing"]),
    (Planted::LegacyClients, &["legacy-sign-ins"]),
    (Planted::NoMethods, &["methods-none"]),
    (Planted::NoLicence, &["licence-missing", "not-checked"]),
    (Planted::OldOffice, &["legacy-sign-ins", "modern-authentication"]),
    (Planted::OpenMailboxes, &["dormant-accounts", "mailbox-sign-in-open", "people-without-licence"]),
    (Planted::OlderMethods, &["methods-migration"]),
    (Planted::PassOff, &["temporary-access-pass-off"]),
    (Planted::PeopleWithoutMail, &["people-without-mail"]),
    (Planted::PolicyReportsOnly, &["policy-unfit"]),
    (Planted::PromptOff, &["registration-prompt-off"]),
    (Planted::ServiceAccounts, &["service-like-accounts"]),
    (Planted::SyncStalled, &["sync-stalled", "sync-vpn-nps"]),
    (Planted::SyncExposed, &["sync-account-not-excluded"]),
    (Planted::TooFewPermissions, &["mail-permission-missing", "not-checked", "permission-missing"]),
    (Planted::UnfitGroup, &["not-checked", "target-unusable"]),
    (Planted::UnlicensedPeople, &["people-without-licence"]),
    (Planted::WeakMethods, &["methods-weak-only"]),
];

fn bed(planted: Vec<Planted>) -> Bed {
    ready(Profile { planted, ..plans::orderly(200) })
}

fn findings(ended: &Ended) -> Vec<Value> {
    let body: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", ended.out, ended.log));
    body["findings"].as_array().unwrap().clone()
}

fn ids(findings: &[Value]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding["id"].as_str().unwrap()).collect()
}

#[test]
fn a_clean_tenant_has_no_finding() {
    let bed = bed(Vec::new());
    let ended = bed.run(&["doctor", "--json", "--strict"]).with(0);
    assert_eq!(findings(&ended), Vec::<Value>::new());
    assert!(bed.run(&["doctor"]).with(0).out.starts_with("nothing found"));
}

#[test]
fn each_planted_problem_is_found_and_nothing_else() {
    assert_eq!(FOUND.len(), Planted::EACH.len());
    at_once(FOUND, |(kind, expected)| {
        let bed = bed(vec![*kind]);
        let ended = bed.run(&["doctor", "--json"]);
        let findings = findings(&ended);
        assert_eq!(ids(&findings), expected.iter().copied().collect(), "{kind:?}");
        let blocks = findings.iter().any(|finding| finding["severity"] == "error");
        assert_eq!(ended.code, Some(if blocks { 5 } else { 0 }), "{kind:?}");
        for finding in &findings {
            let texts = ["title", "why", "remedy"].iter().all(|key| finding[key].as_str().is_some_and(|text| !text.is_empty()));
            assert!(texts && finding["count"].as_u64().is_some_and(|count| count > 0), "{finding}");
            assert!(page().contains(&format!("`{}`", finding["id"].as_str().unwrap())), "OPERATIONS.md lacks {}", finding["id"]);
        }
    });
}

/// Does it for each, several at once: a look waits most of its time for the tenant's quotas.
fn at_once<T: Sync>(rows: &[T], check: impl Fn(&T) + Sync) {
    for rows in rows.chunks(8) {
        std::thread::scope(|scope| {
            for row in rows {
                scope.spawn(|| check(row));
            }
        });
    }
}

#[test]
fn a_bad_tenant_has_all_of_them_at_once() {
    let together = Planted::together();
    let bed = bed(together.clone());
    let ended = bed.run(&["doctor", "--json"]).with(5);
    let findings = findings(&ended);
    let found = ids(&findings);
    let expected: BTreeSet<&str> =
        FOUND.iter().filter(|(kind, _)| together.contains(kind)).flat_map(|(_, ids)| ids.iter().copied()).collect();
    assert!(found.len() >= 20, "{found:?}");
    assert_eq!(found, expected);
    let text = bed.run(&["doctor", "--show", "1"]).with(5).out;
    assert!(text.contains("who: ") && text.contains(" more"), "{text}");
}

/// What somebody else made is found as, and whether it blocks.
const COLLIDES: &[(Foreign, &str, i32)] = &[
    (Foreign::AllUsers, "collides-other-policy", 5),
    (Foreign::SecondGroup, "collides-other-policy", 5),
    (Foreign::ManagedOn, "collides-managed-policy", 5),
    (Foreign::ManagedSoon, "collides-managed-policy", 0),
    (Foreign::Twin, "collides-twin", 0),
];

#[test]
fn what_requires_mfa_beside_the_plan_is_found_with_whose_date_it_makes_false() {
    at_once(COLLIDES, |(foreign, id, code)| {
        let bed = ready(Profile { foreign: vec![*foreign], ..plans::orderly(60) });
        let ended = bed.run(&["doctor", "--json"]).with(*code);
        let findings = findings(&ended);
        assert_eq!(ids(&findings), BTreeSet::from([*id]), "{foreign:?}");
        assert!(page().contains(&format!("`{id}`")), "OPERATIONS.md lacks {id}");
    });
    let bed = ready(Profile { security_defaults: true, ..plans::orderly(60) });
    let ended = bed.run(&["doctor", "--json"]).with(5);
    assert!(ids(&findings(&ended)).contains("collides-security-defaults"), "{}", ended.out);
    assert!(page().contains("`collides-security-defaults`") && page().contains("`collides-same-group`"));
}

fn ready(profile: Profile) -> Bed {
    let quotas = Quotas { writes: 0, units: 0, policies: 0, reports: 0, mails: 0, recipients: 0 };
    let bed = Bed::new(Profile { quotas, ..profile });
    plans::ready(&bed);
    bed
}

#[test]
fn what_cannot_be_read_is_said_and_stops_nothing() {
    let paths = [
        "/domains",
        "/organization",
        "/subscribedSkus",
        "/policies/authenticationMethodsPolicy",
        "/beta/auditLogs/signIns",
        "/v1.0/auditLogs/signIns",
        "/userRegistrationDetails",
        "/roleAssignments",
        "/conditionalAccess/policies",
    ];
    let rows: Vec<_> =
        paths.map(|path| (path, Misfortune::status(403))).into_iter().chain([("/domains", Misfortune::Html)]).collect();
    at_once(&rows, |(path, what)| {
        let bed = bed(Vec::new());
        let (path, what) = ((*path).to_owned(), what.clone());
        bed.tenant().fault(Fault { method: None, path: path.clone(), times: 100, skip: 0, effect: Effect::Instead, what });
        let ended = bed.run(&["doctor", "--json"]).with(0);
        let findings = findings(&ended);
        assert_eq!(ids(&findings), BTreeSet::from(["not-checked"]), "{path}: {findings:?}");
    });
}

#[test]
fn without_a_token_there_is_nothing_to_say() {
    let bed = bed(Vec::new());
    bed.write("secret", "another");
    let ended = bed.run(&["doctor"]).with(4);
    assert!(ended.says().contains("secret"), "{}", ended.says());
}

#[test]
fn the_consent_needs_no_tenant() {
    let bed = bed(Vec::new());
    let ended = bed.run(&["doctor", "--consent", "--json"]).with(0);
    let consent: Value = serde_json::from_str(&ended.out).unwrap();
    let access = consent["requiredResourceAccess"][0]["resourceAccess"].as_array().unwrap();
    assert!(
        access.iter().any(|role| role["id"] == "dbaae8cf-10b5-4b86-a4a1-f871c94c6695" && role["type"] == "Role"),
        "{consent}"
    );
    assert_eq!(consent["requiredResourceAccess"][0]["resourceAppId"], "00000003-0000-0000-c000-000000000000");
    assert!(bed.run(&["doctor", "--consent"]).with(0).out.contains("GroupMember.ReadWrite.All"));
    assert_eq!(bed.tenant().requests(), 0);
}

fn page() -> &'static str {
    include_str!("../../../docs/OPERATIONS.md")
}
