//! Every way to require MFA with the real binary: a whole rollout and its rollback, each through several `kill -9`.
//!
//! The judge is the simulated tenant: of whom MFA was truly required at every instant, which mail named which moment, how each policy,
//! security defaults and each person's own state stand. A rollout without a death says what the end must be; what was before says what
//! the rollback must come to.

mod deaths;
mod seen;

use tidegate::sim::{ENFORCED_GROUP, Foreign, POLICY, PolicyState, Profile};
use tidegate::{clock::Clock, sim::Change};

use self::deaths::{Deaths, Places};
use self::seen::Seen;
use super::bed::{Bed, Ended};
use super::{kept, plans};
use crate::ways::MORE_ROLES;

/// At most so many of the requests that change something end the daemon, on the way out and on the way back.
const DEATHS: usize = 9;

/// A way, and the tenant that it starts from.
struct Case {
    name: &'static str,
    profile: Profile,
    /// The table `[enforcement]`.
    enforcement: String,
    /// What the tenant is like before.
    prepare: fn(&Bed),
    /// Other edits of the plan.
    edits: &'static [(&'static str, &'static str)],
    /// Of how many people MFA is required in the end, at least.
    at_least: usize,
    /// Whether Microsoft's order forces a gap.
    gap: bool,
}

/// Security defaults leave nobody out.
const NOBODY_OUT: &[(&str, &str)] = &[("exempt_group = \"MFA Exempt\"", "include_guests = true")];

impl Case {
    fn new(name: &'static str, enforcement: &str) -> Self {
        let mut profile = Profile { policy_delay: jiff::SignedDuration::ZERO, ..plans::orderly(60) };
        profile.roles.extend(MORE_ROLES.map(str::to_owned));
        let enforcement = format!("[enforcement]\n{enforcement}\n");
        Self { name, profile, enforcement, prepare: |_| (), edits: &[], at_least: 40, gap: false }
    }

    /// A bed with the tenant as it was before, and the plan.
    fn bed(&self) -> Bed {
        let bed = Bed::new(self.profile.clone());
        (self.prepare)(&bed);
        let plan = plans::short(&bed, "[limits]\ncanary = 2");
        let (before, rest) = plan.split_once("[enforcement]").unwrap();
        let (_, after) = rest.split_once("[people]").unwrap();
        let names = bed.tenant().policy_names();
        let quoted = |wanted: fn(&str) -> bool| {
            let names = names.iter().filter(|name| wanted(name)).map(|name| format!("{name:?}"));
            names.collect::<Vec<_>>().join(", ")
        };
        let enforcement = self.enforcement.replace("EVERY_POLICY", &quoted(|_| true));
        let plan = format!("{before}{enforcement}[people]{after}");
        let plan = self.edits.iter().fold(plan, |plan, (from, to)| plan.replace(from, to));
        bed.write("plan.toml", &plan);
        bed
    }
}

fn managed() -> String {
    format!("kind = \"conditional-access\"\ngroup = \"{ENFORCED_GROUP}\"\npolicy = \"{POLICY}\"\nmanage_policy = true")
}

/// Starts the daemon again after every death, until it ends by itself.
fn to_the_end(bed: &Bed, deaths: &Deaths) -> Ended {
    for _ in 0..40 {
        let ended = bed.run_max(plans::SHORT_BEGIN);
        if ended.code.is_some() {
            return ended;
        }
    }
    panic!("it does not come to an end: {} deaths", deaths.died());
}

/// Every change up to the last one; where there are many, equally far from each other. A death before a change brings it once more.
fn places(changes: usize) -> Vec<usize> {
    let (last, many) = (changes + 2, changes + 2 > DEATHS);
    if many { (0..DEATHS).map(|n| 1 + n * (last - 1) / (DEATHS - 1)).collect() } else { (1..=last).collect() }
}

/// The whole of it.
fn proven(case: &Case) {
    let began = Clock::monotonic();
    let whole = case.bed();
    let none = Deaths::of(&whole, Places::default());
    whole.run_max(plans::SHORT_BEGIN).with(0);
    let undisturbed = Seen::of(&whole);

    let bed = case.bed();
    let before = Seen::at_the_beginning(&bed);
    let deaths = Deaths::of(&bed, Places { changes: places(none.changes()), mail: Some(2) });
    to_the_end(&bed, &deaths).with(0);
    bed.unwatch();
    let (out, changes) = (deaths.died(), deaths.changes());
    let rolled_out = Seen::of(&bed);
    rolled_out.is(&undisturbed, "a rollout with deaths and one without");
    kept::promises(&bed);
    rolled_out.agrees_with_the_journal(&bed, case.at_least);
    let gap = rolled_out.longest_gap(&bed, &before, case.gap);

    let deaths = Deaths::of(&bed, Places { changes: places(none.changes()), mail: None });
    let mut daemon = bed.start(&["run", "--pace", "20000"]);
    daemon.logs(|line| line.contains("commands are taken"));
    // It may be killed before it could answer.
    bed.run(&["rollback", "pilot", "--reason", "a test"]);
    assert_eq!(daemon.ends().code, None, "{}: the first change of the rollback ends it", case.name);
    to_the_end(&bed, &deaths).with(5);
    bed.unwatch();
    let rolled_back = Seen::of(&bed);
    rolled_back.is(&before, "before the rollout and after its rollback");
    let back = rolled_back.gap_of_those_who_had_it(&bed, &before, case.gap);
    assert_eq!(bed.tenant().violations(), [], "{}", case.name);
    let verified = bed.run(&["journal", "verify"]).with(0);
    assert!(verified.out.contains("the chain holds"), "{}", verified.out);
    println!(
        "{}: {out} deaths in {changes} changes out, {} in {} back; longest gap {gap:#} out, {back:#} in all; {:.1} s",
        case.name,
        deaths.died(),
        deaths.changes(),
        Clock::monotonic().duration_since(began).as_secs_f64()
    );
    assert!(out >= 4 && deaths.died() >= 2, "{}: {out} and {}", case.name, deaths.died());
}

/// The policy only reports.
fn reports(bed: &Bed) {
    let state = PolicyState::EnabledForReportingButNotEnforced;
    let at = "2027-01-01T00:00:00Z".parse().unwrap();
    bed.tenant().change(at, Change::SetPolicy { policy: POLICY.to_owned(), state }).unwrap();
}

#[test]
fn conditional_access_under_a_managed_policy() {
    proven(&Case { prepare: reports, ..Case::new("conditional access", &managed()) });
}

#[test]
fn conditional_access_with_what_if_asked_about_each_stage() {
    let enforcement = format!("{}\nwhat_if = \"on\"", managed());
    proven(&Case { prepare: reports, ..Case::new("conditional access, checked", &enforcement) });
}

#[test]
fn per_user_states() {
    let mut case = Case::new("per-user", "kind = \"per-user\"");
    case.profile.per_user = 0.2;
    proven(&case);
}

#[test]
fn security_defaults() {
    let enforcement = "kind = \"security-defaults\"\nturn_off = [\"Require MFA\", \"Require MFA for admins\"]";
    proven(&Case { edits: NOBODY_OUT, gap: true, ..Case::new("security defaults", enforcement) });
}

#[test]
fn from_baseline_policies_to_security_defaults() {
    let enforcement = "kind = \"security-defaults\"\nturn_off = [EVERY_POLICY]";
    let mut case = Case::new("baseline policies to security defaults", enforcement);
    case.profile.foreign = vec![Foreign::Baseline];
    proven(&Case { edits: NOBODY_OUT, gap: true, ..case });
}

#[test]
fn from_per_user_states_to_conditional_access() {
    let enforcement =
        format!("kind = \"per-user\"\nretire_to = \"conditional-access\"\ngroup = \"{ENFORCED_GROUP}\"\npolicy = \"{POLICY}\"");
    let mut case = Case::new("per-user to conditional access", &enforcement);
    case.profile.per_user = 0.3;
    proven(&case);
}

#[test]
fn from_security_defaults_to_conditional_access() {
    let enforcement = format!("{}\nfrom = \"security-defaults\"\nswitch_after = \"everyone\"", managed());
    let mut case = Case::new("security defaults to conditional access", &enforcement);
    (case.profile.security_defaults, case.profile.never) = (true, 0.6);
    let edits = &[("{ group = \"MFA Pilot\" }", "{ ready_first = 100 }")];
    proven(&Case { edits, gap: true, ..case });
}
