//! `setup` against a tenant that has nothing of what the plan names: shown first, made only with consent, reused the next time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use tidegate::clock::Clock;
use tidegate::sim::{Effect, Fault, Foreign, Misfortune, Moment, Pass, Profile};

use super::bed::Bed;
use super::plans;

const GROUP: &str = "MFA Rollout";
const EXEMPT: &str = "No MFA Yet";
const POLICY: &str = "Require MFA (rollout)";

/// A tenant whose app may set it up, with a plan about what it does not have.
fn bed(profile: Profile) -> (Bed, String) {
    let more = ["Group.Create", "Policy.ReadWrite.ConditionalAccess"].map(str::to_owned);
    let roles = profile.roles.iter().cloned().chain(more).collect();
    let bed = Bed::new(Profile { roles, group_delay: SignedDuration::from_secs(1), ..profile });
    let plan = plans::short(&bed, "");
    let plan = plan.replace("\"MFA Enforced\"", &format!("\"{GROUP}\"")).replace("\"MFA Exempt\"", &format!("\"{EXEMPT}\""));
    let plan = plan.replace("\"Require MFA\"", &format!("\"{POLICY}\""));
    bed.write("plan.toml", &plan);
    (bed, plan)
}

/// Counts what is made from now on.
fn count(bed: &Bed) -> Arc<AtomicUsize> {
    let made = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&made);
    bed.watch(move |moment, request| {
        let path = request.uri().path();
        if moment == Moment::Before && request.method() != http::Method::GET && path.starts_with("/v1.0/") {
            assert!(path == "/v1.0/groups" || path == "/v1.0/identity/conditionalAccess/policies", "{path}");
            seen.fetch_add(1, Ordering::Relaxed);
        }
        Pass::On
    });
    made
}

#[test]
fn what_is_missing_is_shown_made_with_consent_and_reused() {
    let (bed, plan) = bed(plans::orderly(40));
    let made = count(&bed);
    let asked = bed.run(&["setup"]).with(2);
    assert!(asked.says().contains("no terminal"), "{}", asked.says());
    assert!(asked.out.contains("\"displayName\": \"MFA Rollout\"") && asked.out.contains("enabledForReporting"), "{}", asked.out);
    assert_eq!((made.load(Ordering::Relaxed), bed.tenant().group_id(GROUP)), (0, None), "nobody agreed");

    let done = bed.run(&["setup", "--yes", "--strength", "phishing-resistant"]).with(0);
    assert_eq!(made.load(Ordering::Relaxed), 3, "{}", done.out);
    let group = bed.tenant().group_id(GROUP).unwrap();
    assert!(done.out.contains(&format!("group  = \"{group}\"")), "{}", done.out);
    let exempt = bed.tenant().group_id(EXEMPT).unwrap();
    assert!(done.out.contains(&format!("exempt_group = \"{exempt}\"")), "{}", done.out);

    // The lines are the plan's, and the policy requires nothing yet.
    let policy = done.out.lines().find_map(|line| line.strip_prefix("policy = \"")?.strip_suffix('"')).unwrap().to_owned();
    let plan = plan.replace(GROUP, &group.to_string()).replace(EXEMPT, &exempt.to_string()).replace(POLICY, &policy);
    bed.write("plan.toml", &plan);
    assert!(bed.run(&["plan"]).with(5).says().contains("report-only mode"));
    let again = bed.run(&["setup"]).with(0);
    assert!(again.out.contains("is there"), "{}", again.out);
    assert_eq!(made.load(Ordering::Relaxed), 3, "nothing twice");
    let now = Clock::system().now();
    let tenant = bed.tenant();
    assert!(tenant.ordinary_people().iter().all(|person| tenant.ways(*person, now).is_empty()));
    assert_eq!(tenant.violations(), []);
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    let (bed, _) = bed(plans::orderly(40));
    let made = count(&bed);
    let path = "/v1.0/groups".to_owned();
    let method = Some("POST".to_owned());
    let fault = Fault { method, path, times: 1, skip: 0, effect: Effect::Afterwards, what: Misfortune::Lost };
    bed.tenant().fault(fault);
    let lost = bed.run(&["setup", "--yes"]).with(4);
    assert!(lost.says().contains("nobody knows whether `MFA Rollout` was made"), "{}", lost.says());
    let again = bed.run(&["setup", "--yes", "--json"]).with(0);
    assert_eq!(made.load(Ordering::Relaxed), 3);
    let body: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(body["group"], bed.tenant().group_id(GROUP).unwrap().to_string());
    assert_eq!(body["sent"].as_array().unwrap().len(), 2, "{body}");
}

#[test]
fn what_stands_in_the_way_is_said_before_anything_is_made() {
    // A policy of the name that is about other people; Microsoft's own; a strength that is none; and no permission.
    let (bed, plan) = bed(Profile { foreign: vec![Foreign::AllUsers, Foreign::ManagedSoon], ..plans::orderly(40) });
    let made = count(&bed);
    let shown = bed.run(&["setup"]).with(2);
    assert!(shown.out.contains("may turn it on by itself") && shown.out.contains("everybody but"), "{}", shown.out);
    assert!(bed.run(&["setup", "--strength", "some"]).with(2).says().contains("phishing-resistant"));
    bed.write("plan.toml", &plan.replace(POLICY, "Require MFA"));
    assert!(bed.run(&["setup", "--yes"]).with(5).says().contains("the policy is about others"));
    bed.write("plan.toml", &plan.replace(GROUP, "All Sales"));
    assert!(bed.run(&["setup", "--yes"]).with(5).says().contains("is dynamic"));
    assert_eq!(made.load(Ordering::Relaxed), 0);

    let poor = Bed::new(plans::orderly(40));
    let plan = plan.replace(bed.url(), poor.url());
    poor.write("plan.toml", &plan);
    let says = poor.run(&["setup", "--yes"]).with(4);
    assert!(says.says().contains("Group.Create and Policy.ReadWrite.ConditionalAccess"), "{}", says.says());
}

#[test]
fn a_what_if_shows_what_applies_to_a_person() {
    let bed = Bed::new(Profile { foreign: vec![Foreign::AllUsers, Foreign::Twin], ..plans::orderly(40) });
    plans::short(&bed, "");
    let somebody = bed.tenant().ordinary_people()[0].to_string();
    let shown = bed.run(&["what-if", "bg1@contoso.example", &somebody]).with(0);
    assert!(shown.out.contains("bg1@contoso.example") && shown.out.contains("no policies apply"), "{}", shown.out);
    assert!(shown.out.contains("`MFA for all users`: enabled, requires MFA"), "{}", shown.out);
    assert_eq!(bed.run(&["what-if", "nobody@contoso.example"]).with(1).says(), "nobody is called `nobody@contoso.example`");
}
