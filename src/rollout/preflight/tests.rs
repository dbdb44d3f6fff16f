//! Each judge finds what is wrong, under its own id, and nothing in a clean tenant.

use jiff::{SignedDuration, Timestamp};

use super::facts::{Account, Activity, Behaviour, Domain, Exclusions, Facts, Legacy, Methods, Organization, Premium, SignIn};
use super::{Finding, Ground, Lack, Severity, judge, permissions};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{
    BreakGlass, Directory, Observed, Person, Policy, Reach, Readiness, Reading, Registration, Safety, Source, Trouble,
    TroubleKind,
};
use crate::rollout::plan::{Enforcement, Licence, Plan};
use crate::rollout::sample::{id, person, plan};

const NOW: &str = "2027-01-04T08:00:00Z";

/// Two break-glass accounts (1, 2), a synchronisation account (3), people (4 to 9) of whom the first is administrator.
struct World {
    plan: Plan,
    observed: Observed,
    facts: Facts,
    scope: Vec<ObjectId>,
    stages: Vec<(String, Lack)>,
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn days_ago(days: i64) -> Option<Timestamp> {
    Some(now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap())
}

fn source<T>(value: T) -> Source<T> {
    Source { last: Some(Reading { as_of: now(), value }), ..Source::default() }
}

fn trouble(kind: TroubleKind) -> Trouble {
    Trouble { kind, why: "somebody is in the way".to_owned() }
}

fn clean() -> World {
    let plan = plan();
    let mut directory: Directory = (1..10).map(person).collect();
    directory.sync_accounts = vec![id(3)];
    let account = |n: usize| BreakGlass {
        reference: plan.people.break_glass[n - 1],
        id: Some(id(n as u128)),
        enabled: true,
        excluded: true,
    };
    let policy = Policy { problems: Vec::new(), fingerprint: String::new(), takes: crate::rollout::observed::Takes::AnyMethod };
    let observed = Observed {
        directory: source(directory),
        registration: source((4..10).map(|n| (id(n), Readiness::Capable)).collect::<Registration>()),
        safety: source(Safety {
            policy,
            break_glass: vec![account(1), account(2)],
            modes: Vec::new(),
            defaults: None,
            reach: None,
        }),
        ..Observed::default()
    };
    let domain = Domain { name: "contoso.example".to_owned(), initial: true, ..Domain::default() };
    let seen = |n| Activity { person: id(n), interactive: days_ago(20), other: days_ago(1), created: days_ago(400) };
    let facts = Facts {
        granted: Some(permissions::needed(&plan).iter().map(|need| need.permission.to_owned()).collect()),
        organization: Ok(Organization::default()),
        premium: Ok(Premium { enabled: 1, lapsing: 0 }),
        domains: Ok(vec![domain]),
        methods: Ok(Methods {
            enabled: ["MicrosoftAuthenticator", "TemporaryAccessPass"].map(str::to_owned).to_vec(),
            migrated: Some(true),
            prompt: Some("enabled".to_owned()),
        }),
        licensed: Ok((4..10).map(id).collect()),
        unlicensed: Ok(vec![id(1), id(2), id(3)]),
        activity: Ok((1..10).map(seen).collect()),
        legacy: Ok(Legacy::default()),
        admins: Ok(vec![id(1), id(2), id(4)]),
        break_glass: Ok([1, 2].map(|n| Account { id: id(n), synced: false, domain: "contoso.example".to_owned() }).to_vec()),
        exclusions: Ok(Exclusions { people: vec![id(1), id(2), id(3)], roles: Vec::new() }),
        clock_skew: Some(SignedDuration::from_secs(2)),
    };
    World { plan, observed, facts, scope: (4..10).map(id).collect(), stages: Vec::new() }
}

impl World {
    fn findings(&self) -> Vec<Finding> {
        let Self { plan, observed, facts, scope, stages } = self;
        judge(&Ground { plan, observed, facts, scope, stages, reach: Reach::Group, now: now() })
    }

    fn ids(&self) -> Vec<&'static str> {
        self.findings().iter().map(|finding| finding.id).collect()
    }

    fn safety(&mut self) -> &mut Safety {
        &mut self.observed.safety.last.as_mut().unwrap().value
    }

    fn directory(&mut self) -> &mut Directory {
        &mut self.observed.directory.last.as_mut().unwrap().value
    }

    fn federate(&mut self, behaviour: Behaviour) {
        let sign_in = SignIn::Federated(behaviour);
        let domain = Domain { name: "f.example".to_owned(), initial: false, sign_in, people: vec![id(5)] };
        self.facts.domains.as_mut().unwrap().push(domain);
    }

    fn seen(&mut self, n: usize) -> &mut Activity {
        &mut self.facts.activity.as_mut().unwrap()[n - 1]
    }
}

type Spoil = fn(&mut World);

#[test]
fn a_clean_tenant_has_no_finding() {
    assert_eq!(clean().ids(), Vec::<&str>::new());
}

#[test]
fn each_problem_has_its_own_finding() {
    let table: &[(&[&str], Spoil)] = &[
        (&["licence-missing"], |w| w.facts.premium = Ok(Premium::default())),
        (&["licence-lapsing"], |w| w.facts.premium = Ok(Premium { enabled: 0, lapsing: 1 })),
        (&["people-without-licence"], |w| w.facts.licensed.as_mut().unwrap().truncate(5)),
        (&["federated-mfa-unset", "federation-first"], |w| w.federate(Behaviour::Unset)),
        (&["federated-mfa-unset", "federation-first"], |w| w.federate(Behaviour::Other("new".to_owned()))),
        (&["federated-mfa-enforced", "federation-first"], |w| w.federate(Behaviour::Enforce)),
        (&["federation-first", "federated-mfa-accepted"], |w| w.federate(Behaviour::Accept)),
        (&["federation-first", "federated-mfa-rejected"], |w| w.federate(Behaviour::Reject)),
        (&["sync-vpn-nps"], |w| w.facts.organization = Ok(Organization { synced: true, last_sync: days_ago(0) })),
        (&["sync-stalled", "sync-vpn-nps"], |w| w.facts.organization = Ok(Organization { synced: true, last_sync: days_ago(2) })),
        (&["legacy-sign-ins"], |w| w.facts.legacy.as_mut().unwrap().uses = vec![(id(5), "IMAP4")]),
        (&[], |w| w.facts.legacy.as_mut().unwrap().uses = vec![(id(1), "IMAP4")]),
        (&["legacy-sign-ins", "modern-authentication"], |w| {
            w.facts.legacy.as_mut().unwrap().uses = vec![(id(5), "Other clients")];
        }),
        (&["not-checked"], |w| w.facts.legacy.as_mut().unwrap().without_programs = Some("no beta".to_owned())),
        (&["service-like-accounts"], |w| w.seen(5).interactive = None),
        (&["legacy-sign-ins", "service-like-accounts"], |w| {
            *w.seen(5) = Activity { person: id(5), interactive: days_ago(100), other: None, created: None };
            w.facts.legacy.as_mut().unwrap().uses = vec![(id(5), "POP3")];
        }),
        (&["dormant-accounts"], |w| {
            *w.seen(5) = Activity { person: id(5), interactive: None, other: None, created: days_ago(200) }
        }),
        (&[], |w| *w.seen(5) = Activity { person: id(5), interactive: None, other: None, created: days_ago(2) }),
        (&["methods-none"], |w| w.facts.methods.as_mut().unwrap().enabled = vec!["TemporaryAccessPass".to_owned()]),
        (&["methods-weak-only"], |w| w.facts.methods.as_mut().unwrap().enabled[0] = "Sms".to_owned()),
        (&["methods-migration"], |w| w.facts.methods.as_mut().unwrap().migrated = Some(false)),
        (&["temporary-access-pass-off"], |w| w.facts.methods.as_mut().unwrap().enabled.truncate(1)),
        (&["registration-prompt-off"], |w| w.facts.methods.as_mut().unwrap().prompt = None),
        (&["registration-prompt-default"], |w| w.facts.methods.as_mut().unwrap().prompt = Some("default".to_owned())),
        (&["break-glass-missing"], |w| w.safety().break_glass[0].id = None),
        (&["break-glass-disabled"], |w| w.safety().break_glass[0].enabled = false),
        (&["break-glass-not-excluded"], |w| w.safety().break_glass[0].excluded = false),
        (&["break-glass-synced"], |w| w.facts.break_glass.as_mut().unwrap()[0].synced = true),
        (&["break-glass-domain"], |w| {
            w.facts.domains.as_mut().unwrap().push(Domain { name: "own.example".to_owned(), ..Domain::default() });
            w.facts.break_glass.as_mut().unwrap()[0].domain = "own.example".to_owned();
        }),
        (&["break-glass-federated", "federation-first", "federated-mfa-rejected"], |w| {
            w.federate(Behaviour::Reject);
            w.facts.break_glass.as_mut().unwrap()[0].domain = "f.example".to_owned();
        }),
        (&["break-glass-untried"], |w| w.seen(1).interactive = days_ago(91)),
        (&["break-glass-no-admin"], |w| w.facts.admins.as_mut().unwrap().retain(|admin| *admin != id(1))),
        (&["people-unreadable"], |w| w.directory().unreadable = 1),
        (&["guests-in-scope"], |w| w.directory().put(&Person { guest: true, ..person(6) })),
        (&["people-without-mail"], |w| w.directory().put(&Person { mail: false, ..person(6) })),
        (&["mailbox-sign-in-open", "service-like-accounts"], |w| {
            w.facts.unlicensed.as_mut().unwrap().push(id(6));
            w.seen(6).interactive = None;
        }),
        (&["admins-out-of-scope"], |w| w.scope.retain(|person| *person != id(4))),
        (&["admins-not-registered"], |w| {
            let rows = (4..10).map(|n| (id(n), if n == 4 { Readiness::Unregistered } else { Readiness::Capable }));
            w.observed.registration = source(rows.collect());
        }),
        (&["sync-account-not-excluded"], |w| w.facts.exclusions.as_mut().unwrap().people.truncate(2)),
        (&["target-unusable"], |w| w.observed.target.trouble = Some(trouble(TroubleKind::Unusable))),
        (&["not-checked"], |w| w.observed.target.trouble = Some(trouble(TroubleKind::Unreachable))),
        (&["selection-unusable"], |w| {
            let source = Source { trouble: Some(trouble(TroubleKind::Unusable)), ..Source::default() };
            w.observed.selections.insert("group:x".to_owned(), source);
        }),
        (&["policy-unfit"], |w| w.safety().policy.problems.push("the policy is Off".to_owned())),
        (&["policy-unfit"], |w| w.safety().reach = Some(Reach::Everybody)),
        (&[], |w| w.safety().reach = Some(Reach::Group)),
        (&["stage-empty"], |w| w.stages.push(("pilot".to_owned(), Lack::Empty(3)))),
        (&["not-checked"], |w| w.stages.push(("pilot".to_owned(), Lack::Unknown("unread".to_owned())))),
        (&["clock-skew"], |w| w.facts.clock_skew = Some(SignedDuration::from_mins(-6))),
        (&["permissions-unknown"], |w| w.facts.granted = None),
    ];
    for (expected, spoil) in table {
        let mut world = clean();
        spoil(&mut world);
        assert_eq!(&world.ids(), expected);
    }
}

#[test]
fn a_fact_that_is_not_known_is_said() {
    let table: &[Spoil] = &[
        |w| w.facts.organization = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.premium = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.domains = Err(trouble(TroubleKind::Throttled)),
        |w| w.facts.methods = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.licensed = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.unlicensed = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.activity = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.legacy = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.admins = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.break_glass = Err(trouble(TroubleKind::Refused)),
        |w| w.facts.exclusions = Err(trouble(TroubleKind::Refused)),
    ];
    for spoil in table {
        let mut world = clean();
        spoil(&mut world);
        assert_eq!(world.ids(), ["not-checked"]);
    }
}

#[test]
fn without_a_licence_the_log_is_not_missed() {
    let mut world = clean();
    world.plan.access.licence = Licence::None;
    world.facts.granted = Some(permissions::needed(&world.plan).iter().map(|need| need.permission.to_owned()).collect());
    world.facts.premium = Ok(Premium::default());
    world.facts.activity = Err(trouble(TroubleKind::Refused));
    world.facts.legacy = Err(trouble(TroubleKind::Refused));
    assert_eq!(world.ids(), ["sign-ins-unseen"]);
    world.facts.premium = Ok(Premium { enabled: 1, lapsing: 0 });
    assert_eq!(world.ids(), ["licence-unused", "sign-ins-unseen"]);
}

#[test]
fn under_security_defaults_only_two_methods_count() {
    let mut world = clean();
    world.plan.enforcement = serde_json::from_str::<Enforcement>(r#"{"kind":"security-defaults","turn_off":[]}"#).unwrap();
    world.facts.granted = Some(permissions::needed(&world.plan).iter().map(|need| need.permission.to_owned()).collect());
    assert_eq!(world.ids(), Vec::<&str>::new());
    world.facts.methods.as_mut().unwrap().enabled[0] = "Fido2".to_owned();
    assert_eq!(world.ids(), ["methods-not-for-defaults"]);
}

#[test]
fn errors_come_first() {
    let mut world = clean();
    world.facts.clock_skew = Some(SignedDuration::from_hours(1));
    world.federate(Behaviour::Accept);
    let order: Vec<Severity> = world.findings().iter().map(|finding| finding.severity).collect();
    assert_eq!(order, [Severity::Error, Severity::Warning, Severity::Note]);
}
