//! A small tenant and a small plan, for rollouts that are written down step by step.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use tidegate::rollout::id::PersonRef;
use tidegate::rollout::observed::Toggle;
use tidegate::rollout::plan::{
    Access, Calendar, Channel, Codes, Enforcement, Exceptions, Format, Limits, Notices, Observe, People, Plan, Reports, Selector,
    Stage, Start, Tail, Unregistered, Via,
};
use tidegate::rollout::schedule;
use tidegate::sim::{
    Act, Death, DeathAt, Deed, ENFORCED_GROUP, EXEMPT_GROUP, Effect, Fault, Misfortune, POLICY, Profile, Quotas, Script, Tenant,
    When,
};

pub(crate) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub(crate) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A tenant whose people all have a row in the report, without quotas and random faults.
pub(crate) fn tenant(users: usize) -> Tenant {
    let quotas = Quotas { writes: 0, units: 0, policies: 0, reports: 0, ..Quotas::default() };
    Tenant::new(Profile {
        users,
        quotas,
        missing_rows: 0.0,
        not_allowed: 0.0,
        empty_pages: 0.0,
        token_lifetime: hours(24 * 365),
        ..Profile::default()
    })
}

pub(crate) fn start(civil: &str, zone: &str) -> Start {
    let civil: DateTime = civil.parse().unwrap();
    let instant = schedule::resolve(civil, &schedule::zone(zone).unwrap()).unwrap();
    Start { civil, instant, tzdb: schedule::tzdb_version().to_owned() }
}

pub(crate) fn stage(name: &str, civil: &str, include: Vec<Selector>) -> Stage {
    Stage {
        name: name.to_owned(),
        include,
        exclude: Vec::new(),
        start: start(civil, "Europe/Berlin"),
        late_by: hours(4),
        finish_by: hours(48),
        min_notice: None,
        soak: hours(24),
        unregistered: Unregistered::Enforce,
        expect: None,
    }
}

/// The first `n` ordinary people who are in no group that matters.
pub(crate) fn some(tenant: &Tenant, n: usize) -> Selector {
    Selector::Users(tenant.ordinary_people().into_iter().rev().take(n).map(PersonRef::Id).collect())
}

pub(crate) fn plan(tenant: &Tenant, stages: Vec<Stage>) -> Plan {
    let domain = tenant.profile().domain.clone();
    let named = |name: &str| PersonRef::new(&domain, &format!("{name}@{domain}"));
    Plan {
        time_zone: "Europe/Berlin".to_owned(),
        enforcement: Enforcement::ConditionalAccess {
            group: ENFORCED_GROUP.to_owned(),
            policy: POLICY.to_owned(),
            manage_policy: false,
            leaves: None,
        },
        people: People {
            break_glass: vec![named("bg1"), named("bg2")],
            exempt_group: Some(EXEMPT_GROUP.to_owned()),
            include_guests: false,
            max_foreign: 5,
        },
        limits: Limits {
            canary: 5,
            canary_wait: hours(2),
            caps: Vec::new(),
            start_late: hours(0),
            auto_rollback: Toggle::Off,
            max_hold: hours(24),
        },
        approvals_needed: 0,
        approvals_valid: hours(90 * 24),
        calendar: Calendar { windows: Vec::new(), blackouts: Vec::new() },
        notices: Notices {
            from: vec![named("it-security")],
            channel: vec![Channel::Mail],
            before: vec![hours(7 * 24), hours(24)],
            min_notice: hours(3 * 24),
            renotice: hours(2 * 24),
            helpdesk: "extension 4242".to_owned(),
            templates: None,
            windows: Vec::new(),
            zones: Vec::new(),
            calendar_file: Toggle::On,
            format: Format::Html,
            language: "en".to_owned(),
            verify: None,
            via: Via::Graph,
            bounces: Toggle::Off,
            managers: None,
        },
        observe: Observe {
            registration: hours(1),
            sign_ins: hours(2),
            members: hours(2),
            directory: hours(6),
            max_age: hours(12),
            mfa_failure_codes: vec![500_121],
            codes: Codes::default(),
            gates: minutes(10),
        },
        gates: Vec::new(),
        stages,
        tail: Tail { grace: hours(7 * 24) },
        exceptions: Exceptions::default(),
        access: Access::default(),
        what_if: Toggle::Off,
        reports: Reports::default(),
        tenant: domain,
    }
}

/// A rollout of the plan in which nothing happens yet.
pub(crate) fn script(tenant: &Tenant, plan: Plan, begin: &str, end: &str) -> Script {
    let (begin, end) = (at(begin), at(end));
    Script { profile: tenant.profile().clone(), plan, begin, calm: end, end, acts: Vec::new(), deaths: Vec::new() }
}

pub(crate) fn act(script: &mut Script, when: When, deed: Deed) {
    script.acts.push(Act { when, deed });
}

pub(crate) fn death(script: &mut Script, at: DeathAt, down: SignedDuration) {
    script.deaths.push(Death { at, down, back: SignedDuration::ZERO });
}

/// The next `times` requests to `path` are answered with this status, and are not done.
pub(crate) fn refused(path: &str, times: u32, status: u16, retry_after: Option<&str>) -> Deed {
    let headers = retry_after.map(|after| ("Retry-After".to_owned(), after.to_owned())).into_iter().collect();
    let what = Misfortune::Status { status, headers, body: None };
    Deed::Fault(Fault { method: None, path: path.to_owned(), times, skip: 0, effect: Effect::Instead, what })
}
