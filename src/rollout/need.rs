//! What to ask the tenant, and how old an answer may be. Pure: readings come back as values.

use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::event::Deed;
use super::exception::Excepted;
use super::gate::LOG_REACH;
use super::limit::backoff;
use super::observed::{SelectionKey, Source};
use super::person::{Enforced, Home, PersonState};
use super::plan::{GateAt, Licence, Reads};
use super::select::{every_selection, exempt_key};
use super::settle::unsettled_since;
use super::state::{Phase, StageState, Stands};
use super::told::{announce_at, open_reminder};
use super::what_if;

/// A question to the tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// Resolve the names of the enforcement.
    Target,
    /// The whole directory.
    Directory,
    /// A group's people or a filter's.
    Selection(SelectionKey),
    /// Policy and break-glass accounts.
    Safety,
    /// Of whom the enforcement requires MFA.
    Members,
    /// Own MFA states of people under the policy.
    PerUser,
    /// What else requires MFA.
    Collisions,
    /// What-If about accounts that the policy must leave alone.
    Spared,
    /// What-If about a few people of the stage under way.
    Reached,
    /// The registration report.
    Registration,
    /// The sign-in log since an instant.
    SignIns(Timestamp),
    /// When everybody last signed in.
    LastSeen,
    /// Notices that came back since an instant.
    Bounces(Timestamp),
    /// What answers a gate outside the tenant, by the gate's name.
    Gate(String),
    /// Who manages the people of a stage who are not ready; with the instant that its lists name.
    Managers(String, Timestamp),
}

/// A question, and when it is to be asked next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub ask: Ask,
    /// When; now or earlier means now.
    pub due: Timestamp,
}

/// A failing source is asked again at the latest after this.
const MOST_BACKOFF: SignedDuration = SignedDuration::from_mins(10);

/// Members are read again this soon while something waits to be read back.
const READ_BACK: SignedDuration = SignedDuration::from_secs(90);

/// What else requires MFA is looked for at most this often: policies are made and changed by hand, and seldom.
pub const COLLISIONS: SignedDuration = SignedDuration::from_hours(1);

/// The tenant's switches are read again this soon while one is on its way.
const SWITCH_BACK: SignedDuration = SignedDuration::from_secs(20);

/// How far a reading of the log looks back behind the last one: most attempts come within half an hour, late and aggregated
/// ones within two, so that the first look of each hour is the longer one.
#[must_use]
pub fn sign_in_overlap(last: Timestamp, now: Timestamp) -> SignedDuration {
    let hour = |at: Timestamp| at.as_second().div_euclid(3_600);
    if hour(last) == hour(now) { SignedDuration::from_mins(30) } else { SignedDuration::from_hours(2) }
}

/// Everything that must be known, with the instant at which it is to be read next.
#[must_use]
pub fn needs(ground: &Ground<'_>) -> Vec<Need> {
    let observed = ground.observed;
    let observe = &ground.plan.observe;
    let soon = is_near(ground);
    let mut needs = Vec::new();
    let mut need = |ask: Ask, due: Timestamp| needs.push(Need { ask, due });
    let revision = ground.state.plan.as_ref().map(|accepted| &accepted.revision);
    if ground.state.target.is_none() || ground.state.target_revision.as_ref() != revision {
        need(Ask::Target, due(ground, &observed.target, SignedDuration::from_hours(1)));
    }
    let people_every =
        if soon { observe.directory.min(observe.max_age.checked_div(2).unwrap_or(observe.max_age)) } else { observe.directory };
    let hands_out = ground.state.stages.iter().any(|stage| matches!(stage.phase, Phase::Enforcing { .. }));
    // A life that begins amid handing out asks first what the next batch waits for; the rest is known from before, and follows it.
    let first = if hands_out && observed.safety.asked.is_none() { plus(ground.now, READ_BACK) } else { Timestamp::MIN };
    let unless_known = |is_known: bool| if is_known { first } else { Timestamp::MIN };
    need(Ask::Directory, due(ground, &observed.directory, people_every).max(unless_known(observed.directory.last.is_some())));
    let never = Source::default();
    let exempt = exempt_key(ground.plan);
    for key in every_selection(ground.plan) {
        let source = observed.selections.get(&key).unwrap_or(&never);
        let guards = hands_out && exempt.as_ref() == Some(&key);
        // The guard goes by no reading of an earlier life.
        let again = if guards && source.asked.is_none_or(|asked| asked < ground.booted) { ground.now } else { Timestamp::MAX };
        need(Ask::Selection(key), due(ground, source, people_every).min(again));
    }
    let registration = due(ground, &observed.registration, registration_every(ground));
    need(Ask::Registration, registration.max(unless_known(observed.registration.last.is_some())));
    if ground.state.target.is_some() {
        let safety_every = if soon { observe.members } else { observe.members.max(SignedDuration::from_hours(6)) };
        need(Ask::Safety, due(ground, &observed.safety, safety_every).min(after_switch(ground)));
        let members = due(ground, &observed.members, members_every(ground));
        need(Ask::Members, members.max(unless_known(observed.members.last.is_some())));
        need(Ask::Collisions, due(ground, &observed.collisions, safety_every.max(COLLISIONS)).max(first));
        for (ask, due) in [(Ask::Spared, what_if::start_due(ground)), (Ask::Reached, what_if::canary_due(ground))] {
            if let Some(due) = due {
                need(ask, due);
            }
        }
        if super::retire::of_interest(ground) {
            let open = ground.state.batches.values().any(|batch| batch.deed == Deed::Retire);
            let every = if open { READ_BACK.min(observe.members) } else { observe.members };
            need(Ask::PerUser, due(ground, &observed.per_user, every).min(after_verified(ground)));
        }
    }
    // Without a licence there is no log.
    if let Some(since) = enforced_since(ground).filter(|_| ground.plan.access.licence == Licence::P1) {
        let last = observed.sign_ins.last.as_ref().map(|reading| reading.as_of);
        let overlap = last.map(|last| sign_in_overlap(last, ground.now));
        let from =
            last.zip(overlap).and_then(|(last, overlap)| last.checked_sub(overlap).ok()).map_or(since, |from| from.max(since));
        let sign_ins = due(ground, &observed.sign_ins, observe.sign_ins);
        need(Ask::SignIns(from), sign_ins.max(unless_known(observed.sign_ins.last.is_some())));
    }
    if let Some(due) = super::unseen::asked(ground) {
        need(Ask::LastSeen, due);
    }
    if let Some((from, due)) = super::bounces::asked(ground) {
        need(Ask::Bounces(from), due.max(first));
    }
    for (gate, due) in super::gate::outside(ground) {
        need(Ask::Gate(gate), due);
    }
    if let Some((stage, instant, due)) = super::lists::asked(ground) {
        need(Ask::Managers(stage, instant), due.max(first));
    }
    needs
}

/// When a source is to be read next: when its reading has become too old; a failing source, whenever its back-off is over.
pub(super) fn due<T>(ground: &Ground<'_>, source: &Source<T>, every: SignedDuration) -> Timestamp {
    // From when it was asked: a report that is old by itself is not read more often for that.
    let read = source.last.as_ref().and(source.asked);
    let stale = read.map_or(ground.now, |asked| plus(asked, every));
    let again = source.asked.filter(|_| source.failures > 0).map(|asked| plus(asked, backoff(source.failures, MOST_BACKOFF)));
    again.unwrap_or(stale)
}

/// A switch, done or not known to be, is read back soon: at once, and again while the reading does not show it.
fn after_switch(ground: &Ground<'_>) -> Timestamp {
    let last =
        ground.state.thrown.iter().filter(|thrown| thrown.stage_is_on_its_way(ground.state)).map(|thrown| match thrown.stands {
            Stands::Done(at) | Stands::Refused(at) => at,
            _ => thrown.at,
        });
    let Some(last) = last.max() else { return Timestamp::MAX };
    let source = &ground.observed.safety;
    match source.asked {
        Some(asked) if source.failures > 0 => plus(asked, backoff(source.failures, MOST_BACKOFF)),
        Some(asked) if asked > last => plus(asked, SWITCH_BACK),
        // A reading of the very same instant tells nothing: a paced clock stands still meanwhile.
        Some(asked) if asked == last => plus(asked, SignedDuration::from_secs(1)),
        _ => ground.now,
    }
}

/// People whom a reading showed under the policy after their own states were last read.
fn after_verified(ground: &Ground<'_>) -> Timestamp {
    let source = &ground.observed.per_user;
    if source.failures > 0 {
        return Timestamp::MAX;
    }
    let newest = ground.state.people.all().alike().filter_map(|person| match person.enforced() {
        Enforced::Verified(at) => Some(at),
        _ => None,
    });
    newest.max().filter(|at| source.asked.is_none_or(|asked| asked < *at)).map_or(Timestamp::MAX, |_| ground.now)
}

fn plus(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A reading is due now.
#[must_use]
pub fn is_due(need: &Need, now: Timestamp) -> bool {
    need.due <= now
}

/// Whether readings must be as fresh as the plan asks: a stage starts or announces within its `max_age`, is under way, or tells.
fn is_near(ground: &Ground<'_>) -> bool {
    let margin = ground.plan.observe.max_age;
    let soon = |at: Timestamp| at.duration_since(ground.now) <= margin;
    let stage_is_near = |stage: &StageState| match stage.phase {
        Phase::Scheduled => soon(announce_at(ground, stage)),
        Phase::Announcing | Phase::Enforcing { .. } => true,
        Phase::Announced => {
            let reminders =
                ground.plan.notices.before.iter().skip(1).filter_map(|wait| stage.start.instant.checked_sub(*wait).ok());
            let reminder_soon = reminders.into_iter().any(|at| at >= ground.now && soon(at));
            let reminding = open_reminder(&ground.plan.notices.before, stage.start.instant, ground.now)
                .is_some_and(|(_, opened)| ground.now.duration_since(opened) <= margin);
            soon(stage.start.instant) || reminder_soon || reminding
        }
        _ => false,
    };
    // Who waits in the tail for a method of their own may wait long, and is looked at in passing.
    let tail_is_near = |person: &PersonState| {
        person.home() == Home::Tail && !person.is_processed() && person.promise().is_some_and(|at| at >= ground.now && soon(at))
    };
    ground.state.stages.iter().any(stage_is_near) || ground.state.people.all().alike().any(tail_is_near)
}

/// How often the registration report is read: as the plan asks around the instants at which something depends on it, every two hours
/// while a stage waits for its last people, and else often enough never to be older than `max_age`.
fn registration_every(ground: &Ground<'_>) -> SignedDuration {
    let observe = &ground.plan.observe;
    let margin = observe.registration.saturating_mul(2);
    let around = |at: Timestamp| at.duration_since(ground.now).abs() <= margin;
    let shorter = |stage: &StageState| {
        let start = stage.start.instant;
        let reminders = || ground.plan.notices.before.iter().skip(1).filter_map(|wait| start.checked_sub(*wait).ok());
        match stage.phase {
            Phase::Scheduled => around(announce_at(ground, stage)).then_some(observe.registration),
            Phase::Announcing => Some(observe.registration),
            Phase::Announced => (around(start) || start <= ground.now || reminders().any(around)).then_some(observe.registration),
            Phase::Enforcing { .. } if around(stage.since) => Some(observe.registration),
            Phase::Enforcing { .. } => Some(observe.registration.max(SignedDuration::from_hours(2))),
            _ => None,
        }
    };
    let tail = ground
        .state
        .people
        .all()
        .alike()
        .any(|person| person.home() == Home::Tail && !person.is_processed() && person.promise().is_some_and(around));
    let asked = ground.state.stages.iter().filter_map(shorter).chain(tail.then_some(observe.registration)).min();
    let gated = |stage: &StageState| {
        matches!(stage.phase, Phase::Soaking { .. })
            && ground.plan.gates.iter().any(|gate| gate.at != GateAt::Start && gate.measure.reads() == Reads::Registration)
    };
    if ground.state.stages.iter().any(gated) {
        return observe.registration;
    }
    // A reading takes a while, and a failed one is tried again: an hour of slack before it would be too old.
    let rest = observe.max_age.saturating_sub(SignedDuration::from_hours(1)).max(observe.registration);
    asked.unwrap_or(rest).min(rest)
}

/// How often members are read: soon after something was written and is not read back yet, less often the longer that takes.
fn members_every(ground: &Ground<'_>) -> SignedDuration {
    let often = ground.plan.observe.members;
    // A large group takes long to read, and more of it is on its way at any time.
    let size = ground.observed.members.last.as_ref().map_or(0, |reading| reading.value.len() / 1_000);
    let read_back = READ_BACK.saturating_add(SignedDuration::from_secs(i64::try_from(size).unwrap_or(i64::MAX)));
    // After a restart the looking begins anew.
    let Some(since) = unsettled_since(ground).map(|since| since.max(ground.booted)) else { return often };
    match ground.now.duration_since(since).as_mins() {
        ..=15 => read_back.min(often),
        16..=60 => SignedDuration::from_mins(10).max(read_back).min(often),
        _ => often,
    }
}

/// Since when people of stages under way, and of the tail, are enforced; sign-ins before do not matter.
fn enforced_since(ground: &Ground<'_>) -> Option<Timestamp> {
    let under_way = ground.state.stages.iter().filter_map(|stage| match &stage.phase {
        Phase::Enforcing { canary: Some(at) } => Some(*at),
        Phase::Soaking { .. } => Some(stage.start.instant),
        _ => None,
    });
    // Whoever is away is back with the first sign-in.
    let absent = ground.state.exceptions.values().filter(|exception| exception.what == Excepted::Absent);
    let reach = ground.now.checked_sub(LOG_REACH).unwrap_or(Timestamp::MIN);
    let absent = absent.map(|exception| exception.since.max(reach)).min();
    // Whom a reminder after the start may be due.
    let after = ground.plan.notices.before.iter().copied().min().filter(|wait| !wait.is_positive());
    let reminds = |stage: &&StageState| {
        let due = after.and_then(|wait| stage.start.instant.checked_sub(wait).ok());
        stage.phase == Phase::Done && due.is_some_and(|due| ground.now.duration_since(due) < super::told::LATE)
    };
    let reminded = ground.state.stages.iter().filter(reminds).map(|stage| stage.start.instant);
    under_way.chain(super::tail::sign_ins_since(ground)).chain(absent).chain(reminded).min()
}
