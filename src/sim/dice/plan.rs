//! A random plan that a reader of plans would take: dates in order and inside windows, notices that can be kept.

use jiff::civil::{self, Date, DateTime, Time, date, time};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{Dice, hours};
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::Toggle;
use crate::rollout::plan::{
    Access, Amount, Asking, Blackout, Bound, Calendar, Cap, Channel, Codes, Enforcement, Exceptions, Format, Gate, GateAt,
    Limits, Measure, Notices, Observe, People, Plan, ReaderZone, Reports, Selector, Stage, Start, Tail, Unregistered, Via,
    Window, addressee,
};
use crate::rollout::schedule;
use crate::sim::moment::after;
use crate::sim::people::DEPARTMENTS;
use crate::sim::tenant::{ENFORCED_GROUP, EXEMPT_GROUP, PILOT_GROUP, POLICY, Tenant};

/// A plan and when its daemon is first started.
pub(super) struct Drawn {
    pub(super) plan: Plan,
    pub(super) begin: Timestamp,
}

/// Nights on which a clock is put forward or back, and a time that it shows twice or just after the gap.
const NIGHTS: [(&str, Date, Time); 4] = [
    ("Europe/Berlin", date(2027, 10, 31), time(2, 30, 0, 0)),
    ("Europe/Berlin", date(2027, 3, 28), time(3, 0, 0, 0)),
    ("America/New_York", date(2027, 11, 7), time(1, 15, 0, 0)),
    ("Australia/Lord_Howe", date(2027, 4, 4), time(1, 45, 0, 0)),
];

pub(super) fn draw(dice: &mut Dice, tenant: &Tenant) -> Drawn {
    let night = if dice.happens(0.12) { NIGHTS.get(dice.between(0, 3)).copied() } else { None };
    let time_zone = night.map_or_else(|| dice.of(&["Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata"]), |night| night.0);
    let windows = if night.is_some() || dice.happens(0.5) { Vec::new() } else { windows(dice) };
    let before = dice.0.pick(&[&[72, 24][..], &[96][..], &[120, 48, 12][..], &[168, 72, 24][..]]).copied().unwrap_or(&[72]);
    let before: Vec<SignedDuration> = before.iter().map(|wait| hours(*wait)).collect();
    let stages = stages(dice, tenant, time_zone, night, &windows);
    let first = stages.first().map_or(Timestamp::UNIX_EPOCH, |stage| stage.start.instant);
    let min_notice = hours(dice.of(&[24, 36, 48]));
    let late_by = stages.first().map_or(SignedDuration::ZERO, |stage| stage.late_by);
    let ahead = before.first().copied().unwrap_or_default();
    // Now and then the daemon is started late: still in time for the latest start, but not for the start.
    let begin = if dice.happens(0.15) {
        after(after(first, -min_notice), dice.within(late_by))
    } else {
        after(first, -(ahead + hours(2) + dice.within(hours(6))))
    };
    let blackouts = if dice.happens(0.3) { vec![blackout(dice, &stages)] } else { Vec::new() };
    let gates = gates(dice);
    let plan = Plan {
        tenant: tenant.profile().domain.clone(),
        time_zone: time_zone.to_owned(),
        enforcement: Enforcement::ConditionalAccess {
            group: ENFORCED_GROUP.to_owned(),
            policy: POLICY.to_owned(),
            manage_policy: false,
            leaves: None,
        },
        people: People {
            break_glass: ["bg1", "bg2"].map(|name| reference(tenant, name)).to_vec(),
            exempt_group: Some(EXEMPT_GROUP.to_owned()),
            include_guests: false,
            max_foreign: dice.of(&[1, 3, 5]),
        },
        limits: Limits {
            canary: dice.of(&[1, 3, 5]),
            canary_wait: hours(dice.of(&[1, 2])),
            caps: caps(dice),
            start_late: SignedDuration::ZERO,
            auto_rollback: Toggle::Off,
            max_hold: hours(24),
        },
        approvals_needed: 0,
        approvals_valid: hours(90 * 24),
        calendar: Calendar { windows, blackouts },
        notices: Notices {
            from: vec![reference(tenant, "it-security")],
            channel: vec![Channel::Mail],
            before,
            min_notice,
            renotice: hours(dice.of(&[12, 24, 48])),
            helpdesk: "extension 4242".to_owned(),
            templates: None,
            windows: notice_windows(dice),
            zones: notice_zones(dice),
            calendar_file: Toggle::On,
            format: Format::Html,
            language: "en".to_owned(),
            verify: None,
            via: Via::Graph,
            bounces: if dice.happens(0.5) { Toggle::On } else { Toggle::Off },
            // Not drawn, so that no other draw is another one for it.
            managers: tenant.profile().seed.is_multiple_of(3).then(|| hours(36)),
        },
        observe: Observe {
            registration: hours(dice.of(&[2, 4])),
            sign_ins: hours(dice.of(&[2, 4])),
            members: hours(dice.of(&[3, 6])),
            directory: hours(8),
            max_age: hours(12),
            mfa_failure_codes: vec![500_121, 50_074],
            codes: Codes::default(),
            gates: SignedDuration::from_mins(10),
        },
        gates,
        stages,
        tail: Tail { grace: hours(dice.of(&[24, 48, 72])) },
        exceptions: Exceptions::default(),
        access: Access::default(),
        what_if: Toggle::Off,
        // Without a throw, so that older seeds stay what they were.
        reports: Reports { to: operators(tenant), ..Reports::default() },
    };
    Drawn { plan, begin }
}

/// Now and then there are operators to be told.
fn operators(tenant: &Tenant) -> Vec<ObjectId> {
    let address = |name: &str| addressee(&tenant.profile().domain, &format!("{name}@contoso.example"));
    if tenant.profile().seed % 3 == 1 { vec![address("operators"), address("nobody-knows")] } else { Vec::new() }
}

fn reference(tenant: &Tenant, name: &str) -> PersonRef {
    let domain = &tenant.profile().domain;
    PersonRef::new(domain, &format!("{name}@{domain}"))
}

fn windows(dice: &mut Dice) -> Vec<Window> {
    let (from, to) = dice.0.pick(&[(8, 18), (9, 13), (7, 22)]).copied().unwrap_or((8, 18));
    vec![Window { days: dice.of(&[0b1_1111, 0b1111, 0b111_1111]), from: time(from, 0, 0, 0), to: Some(time(to, 0, 0, 0)) }]
}

/// When notices leave; mostly at any time.
fn notice_windows(dice: &mut Dice) -> Vec<Window> {
    if dice.happens(0.4) { windows(dice) } else { Vec::new() }
}

/// Now and then readers elsewhere.
fn notice_zones(dice: &mut Dice) -> Vec<ReaderZone> {
    let zone = |zone: &str, country: &str| ReaderZone {
        zone: zone.to_owned(),
        people: Selector::Filter(format!("usageLocation eq '{country}'")),
    };
    let both = [zone("America/New_York", "US"), zone("Asia/Kolkata", "IN")];
    if dice.happens(0.3) { both.to_vec() } else { Vec::new() }
}

fn caps(dice: &mut Dice) -> Vec<Cap> {
    let few = Cap { amount: Amount::People(dice.of(&[4, 8, 12])), per: hours(dice.of(&[1, 2])) };
    let share = Cap { amount: Amount::Share(dice.of(&[0.2, 0.4])), per: hours(dice.of(&[6, 12])) };
    match dice.between(0, 4) {
        0 => vec![few],
        1 => vec![share],
        2 => vec![few, share],
        _ => Vec::new(),
    }
}

/// A blackout some hours after the start of a stage, when it may still be under way.
fn blackout(dice: &mut Dice, stages: &[Stage]) -> Blackout {
    let stage = dice.0.pick(stages).map_or(Timestamp::UNIX_EPOCH, |stage| stage.start.instant);
    let from = after(stage, hours(1) + dice.within(hours(6)));
    Blackout { from, to: after(from, hours(dice.of(&[3, 12]))), why: "year-end".to_owned() }
}

fn gates(dice: &mut Dice) -> Vec<Gate> {
    let gate = |name: &str, measure, at, bound| Gate {
        name: name.to_owned(),
        measure,
        at,
        bound,
        min_sample: 2,
        max_age: hours(12),
        stages: Vec::new(),
        asking: Asking::default(),
    };
    let mut gates = Vec::new();
    if dice.happens(0.25) {
        gates.push(gate("registered", Measure::RegisteredShare, GateAt::Start, Bound::AtLeast(dice.of(&[0.1, 0.3]))));
    }
    if dice.happens(0.25) {
        gates.push(gate("get in", Measure::MfaFailureShare, GateAt::During, Bound::AtMost(dice.of(&[0.3, 0.6]))));
    }
    if dice.happens(0.1) {
        gates.push(gate("registered at last", Measure::RegisteredShare, GateAt::Exit, Bound::AtLeast(0.2)));
    }
    gates
}

fn stages(dice: &mut Dice, tenant: &Tenant, zone: &str, night: Option<(&str, Date, Time)>, windows: &[Window]) -> Vec<Stage> {
    let count = dice.between(2, 4);
    let mut selectors = Selectors { people: tenant.ordinary_people().into_iter().map(PersonRef::Id).collect() };
    let mut day = date(2027, 1, 11).saturating_add(i64::try_from(dice.between(0, 300)).unwrap_or(0).days());
    if let Some((_, on, _)) = night {
        // The second stage starts in that night.
        day = on.saturating_sub(3.days());
    }
    let mut stages = Vec::new();
    for n in 0..count {
        let mut start = opening(&mut day, windows, dice);
        if let Some((_, on, at)) = night.filter(|_| n == 1) {
            start = on.to_datetime(at);
            day = on;
        }
        let last = n + 1 == count;
        let (include, exclude) = selectors.draw(dice, tenant, n, last);
        stages.push(Stage {
            name: format!("stage {}", n + 1),
            include,
            exclude,
            start: resolve(start, zone),
            late_by: hours(dice.of(&[3, 6, 8])),
            finish_by: hours(dice.of(&[6, 12, 30])),
            min_notice: dice.happens(0.2).then(|| hours(24)),
            soak: hours(dice.of(&[4, 8, 16])),
            unregistered: if dice.happens(0.4) { Unregistered::Wait } else { Unregistered::Enforce },
            expect: None,
        });
        let gap = if night.is_some() { 3 } else { dice.between(3, 5) };
        day = day.saturating_add(i64::try_from(gap).unwrap_or(3).days());
    }
    stages
}

/// A time at which a window is open, on `day` or later.
fn opening(day: &mut Date, windows: &[Window], dice: &mut Dice) -> DateTime {
    let open = |day: &Date| {
        let bit = 1 << day.weekday().to_monday_zero_offset();
        windows.is_empty() || windows.iter().any(|window| window.days & bit != 0)
    };
    while !open(day) {
        *day = day.saturating_add(1.day());
    }
    let hour = if windows.is_empty() { dice.of(&[0, 6, 9, 14, 22]) } else { dice.of(&[9, 10, 11]) };
    day.to_datetime(civil::Time::constant(hour, 0, 0, 0))
}

pub(super) fn resolve(civil: DateTime, zone: &str) -> Start {
    let zone = schedule::zone(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    // The dates above are none that a clock skips; should one be, the next day is none.
    let (civil, instant) = schedule::resolve(civil, &zone).map_or_else(
        |gap| (gap.after, schedule::resolve(gap.after, &zone).unwrap_or(Timestamp::UNIX_EPOCH)),
        |instant| (civil, instant),
    );
    Start { civil, instant, tzdb: schedule::tzdb_version().to_owned() }
}

/// People who are not named by a list yet.
struct Selectors {
    people: Vec<PersonRef>,
}

impl Selectors {
    fn some(&mut self, dice: &mut Dice) -> Vec<PersonRef> {
        let many = dice.between(4, 24).min(self.people.len());
        self.people.split_off(self.people.len() - many)
    }

    fn draw(&mut self, dice: &mut Dice, tenant: &Tenant, n: usize, last: bool) -> (Vec<Selector>, Vec<Selector>) {
        if last {
            return (vec![Selector::EveryoneElse], Vec::new());
        }
        let mut include = vec![match (n, dice.between(0, 5)) {
            (0, 0 | 1) => Selector::Group(PILOT_GROUP.to_owned()),
            (_, 0 | 2) => Selector::Users(self.some(dice)),
            (_, 1) => Selector::Csv { path: "people.csv".to_owned(), people: self.some(dice) },
            (_, 3) => Selector::Filter(format!("department eq '{}'", dice.of(&DEPARTMENTS))),
            (_, 4) => Selector::Percent { share: dice.of(&[0.2, 0.4]), salt: tenant.id().to_string() },
            _ => Selector::ReadyFirst(dice.of(&[5, 10, 20])),
        }];
        if dice.happens(0.3) {
            include.push(Selector::Group("Project Tide".to_owned()));
        }
        let exclude = if dice.happens(0.3) { vec![Selector::Group("Administrators".to_owned())] } else { Vec::new() };
        (include, exclude)
    }
}
