//! `setup` against a tenant that has nothing of what the plan names: shown first, made only with consent, reused the next time.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use tidegate::clock::Clock;
use tidegate::sim::{Change, Effect, Fault, Foreign, Misfortune, Moment, Pass, Profile};

use super::bed::{Bed, lock};
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

/// Every request that makes something, from now on.
#[derive(Clone, Default)]
struct Making(Arc<Mutex<Vec<String>>>);

impl Making {
    fn of(bed: &Bed) -> Self {
        let making = Self::default();
        let seen = making.clone();
        bed.watch(move |moment, request| {
            let path = request.uri().path();
            if moment == Moment::Before && request.method() != http::Method::GET && path.starts_with("/v1.0/") {
                assert!(path == "/v1.0/groups" || path == "/v1.0/identity/conditionalAccess/policies", "{path}");
                lock(&seen.0).push(format!("{path} {}", String::from_utf8_lossy(request.body())));
            }
            Pass::On
        });
        making
    }

    fn count(&self) -> usize {
        lock(&self.0).len()
    }
}

#[test]
fn what_is_missing_is_shown_made_with_consent_and_reused() {
    let (bed, plan) = bed(plans::orderly(40));
    let made = Making::of(&bed);
    let asked = bed.run(&["setup"]).with(2);
    assert!(asked.says().contains("no terminal"), "{}", asked.says());
    assert!(asked.out.contains("\"displayName\": \"MFA Rollout\"") && asked.out.contains("enabledForReporting"), "{}", asked.out);
    assert_eq!((made.count(), bed.tenant().group_id(GROUP)), (0, None), "nobody agreed");

    let done = bed.run(&["setup", "--yes", "--strength", "phishing-resistant"]).with(0);
    assert_eq!(made.count(), 3, "{}", done.out);
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
    assert_eq!(made.count(), 3, "nothing twice");
    let now = Clock::system().now();
    let tenant = bed.tenant();
    assert!(tenant.ordinary_people().iter().all(|person| tenant.ways(*person, now).is_empty()));
    assert_eq!(tenant.violations(), []);
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    let (bed, _) = bed(plans::orderly(40));
    let made = Making::of(&bed);
    let path = "/v1.0/groups".to_owned();
    let method = Some("POST".to_owned());
    let fault = Fault { method, path, times: 1, skip: 0, effect: Effect::Afterwards, what: Misfortune::Lost };
    bed.tenant().fault(fault);
    let done = bed.run(&["setup", "--yes", "--json"]).with(0);
    assert_eq!(made.count(), 3, "{:#?}", lock(&made.0));
    let body: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(body["group"], bed.tenant().group_id(GROUP).unwrap().to_string());
    assert_eq!(body["sent"].as_array().unwrap().len(), 3, "{body}");
    assert!(bed.run(&["setup"]).with(0).out.contains("is there"));
}

#[test]
fn what_stands_in_the_way_is_said_before_anything_is_made() {
    // A policy of the name that is about other people; Microsoft's own; a strength that is none; and no permission.
    let (bed, plan) = bed(Profile { foreign: vec![Foreign::AllUsers, Foreign::ManagedSoon], ..plans::orderly(40) });
    let made = Making::of(&bed);
    let shown = bed.run(&["setup"]).with(2);
    assert!(shown.out.contains("may turn it on by itself") && shown.out.contains("everybody but"), "{}", shown.out);
    assert!(bed.run(&["setup", "--strength", "some"]).with(2).says().contains("phishing-resistant"));
    let unknown = "99999999-9999-4999-8999-999999999999";
    assert!(bed.run(&["setup", "--yes", "--strength", unknown]).with(5).says().contains("no authentication strength"));
    bed.write("plan.toml", &plan.replace(POLICY, "Require MFA"));
    assert!(bed.run(&["setup", "--yes"]).with(5).says().contains("the policy is about others"));
    bed.write("plan.toml", &plan.replace(GROUP, "All Sales"));
    assert!(bed.run(&["setup", "--yes"]).with(5).says().contains("is dynamic"));
    assert_eq!(made.count(), 0);

    let poor = Bed::new(plans::orderly(40));
    let plan = plan.replace(bed.url(), poor.url());
    poor.write("plan.toml", &plan);
    let says = poor.run(&["setup", "--yes"]).with(4);
    assert!(says.says().contains("Group.Create and Policy.ReadWrite.ConditionalAccess"), "{}", says.says());
}

#[test]
fn the_finish_is_shown_and_verified_and_never_sent() {
    let (bed, _) = bed(plans::orderly(40));
    let plan = plans::short(&bed, "");
    let made = Making::of(&bed);
    let early = bed.run(&["finish"]).with(5);
    assert!(early.out.contains("people in scope are not enforced"), "{}", early.out);
    assert!(early.out.contains("whether every stage is done is not known"), "{}", early.out);
    assert!(early.out.contains("left out: the exempt group"), "{}", early.out);
    assert!(early.out.contains("PATCH /v1.0/identity/conditionalAccess/policies/"), "{}", early.out);
    assert_eq!(made.count(), 0);
    let now = Clock::system().now();
    let people = bed.tenant().ordinary_people();
    for person in people {
        let change = Change::AddMember { group: "MFA Enforced".to_owned(), person: person.to_string() };
        bed.tenant().change(now, change).unwrap();
    }
    let says = bed.run(&["finish", "--apply", "--yes"]).with(3);
    assert!(says.says().contains("manage_policy"), "{}", says.says());
    let shown = bed.run(&["finish", "--json"]).with(5);
    let body: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(body["body"]["conditions"]["users"]["includeUsers"][0], "All", "{plan}\n{body}");
    assert_eq!((&body["verified"], &body["not_enforced"]), (&false.into(), &serde_json::json!([])));
    let excluded = body["body"]["conditions"]["users"]["excludeUsers"].as_array().unwrap().len();
    assert_eq!(excluded, 3, "two break-glass accounts and the synchronisation account");
}

#[test]
fn a_what_if_shows_what_applies_to_a_person() {
    let bed = Bed::new(Profile { foreign: vec![Foreign::AllUsers, Foreign::Twin], ..plans::orderly(40) });
    plans::short(&bed, "");
    let somebody = bed.tenant().ordinary_people()[0].to_string();
    let shown = bed.run(&["what-if", "bg1@contoso.example", &somebody]).with(0);
    assert!(shown.out.contains("bg1@contoso.example") && shown.out.contains("no policies apply"), "{}", shown.out);
    assert!(shown.out.contains("`MFA for all users`: enabled, requires MFA"), "{}", shown.out);
    assert_eq!(shown.out.matches("`Require MFA` does not apply: users").count(), 2, "{}", shown.out);
    assert_eq!(bed.run(&["what-if", "nobody@contoso.example"]).with(1).says(), "nobody is called `nobody@contoso.example`");
}

#[test]
fn a_running_daemon_performs_the_finish_that_was_shown() {
    let more = ["Policy.ReadWrite.ConditionalAccess", "Application.Read.All"].map(str::to_owned);
    let mut profile = plans::orderly(40);
    profile.roles.extend(more);
    // The clock of the command is another one than the run's.
    profile.quotas.policies = 0;
    let bed = Bed::new(Profile { policy_delay: SignedDuration::ZERO, ..profile });
    let plan = plans::short(&bed, "");
    bed.write("plan.toml", &plan.replace("policy = \"Require MFA\"", "policy = \"Require MFA\"\nmanage_policy = true"));
    bed.run_max(plans::SHORT_BEGIN).with(0);
    let says = bed.run(&["finish", "--apply", "--yes"]).with(5);
    assert!(says.says().contains("no daemon"), "{}", says.says());
    let before = bed.tenant().policy_bodies();
    let mut daemon = bed.start(&["run", "--pace", "1", "--start-at", "2027-02-15T10:00:00Z"]);
    daemon.logs(|line| line.contains("commands are taken"));
    let ended = bed.run(&["finish", "--apply", "--yes"]).with(0);
    assert!(ended.out.contains("verified: the policy"), "{}", ended.out);
    assert_ne!(bed.tenant().policy_bodies(), before);
    assert!(bed.run(&["finish"]).with(0).out.contains("this is the finish"));
    bed.daemon().signal("TERM");
    daemon.ends();
}
