//! Decide: plan, state, readings and an instant in; what to record, what to do and when to wake out (DESIGN §2).
//!
//! Same input, same output. Records come first: while facts move the state, nothing is done to anybody. Only when nothing is left to
//! record are notices sent, and only then people enforced.

use jiff::{SignedDuration, Timestamp};

use super::condition::{Condition, Ground, NOTICE, TAKEN_BACK};
use super::event::{Before, By, Event};
use super::hold::Hold;
use super::holds::called_for;
use super::limit::frees_at;
use super::need::{Ask, Need, needs};
use super::person::{Enforced, Home};
use super::state::Phase;
use super::told::{Due, announce_at, latest_start, mail_retry_at, notice_deadline, refusal_wait, retry_at};
use super::tranche::{REFUSED_WAIT, Tranche};
use super::{
    alert, counts, digest, exception, finish, hold, hours, lists, memo, moves, pause, release, retire, schedule, sending, settle,
    switch, tail, told, tranche, waited_for,
};

/// What to do now.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Commit these records, then decide again.
    Record(By, Vec<Event>),
    /// Send these notices.
    Notify(Due),
    /// Send these lists to managers.
    List(lists::Due),
    /// Tell operators.
    Memo(Box<memo::Due>),
    /// Hand these batches to the wire.
    Enforce(Tranche),
    /// Release these people.
    Release(Tranche),
    /// Throw this switch.
    Switch(switch::Next),
    /// Make the policy one about everybody but the exempt.
    Finish,
    /// End these people's own MFA states.
    Retire(Vec<Before>),
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do; `None`: nothing before `wake_at`.
    pub action: Option<Action>,
    /// When to look again at the latest, a reading included.
    pub wake_at: Timestamp,
    /// What to read of the tenant, and when.
    pub needs: Vec<Need>,
}

/// Nothing waits longer than this for the next look.
const LONGEST_SLEEP: SignedDuration = SignedDuration::from_hours(24);

/// Decides.
#[must_use]
pub fn decide(ground: &Ground<'_>) -> Decision {
    let action = act(ground);
    let needs = needs(ground);
    let wake_at = wake_at(ground, &needs);
    Decision { action, wake_at, needs }
}

fn act(ground: &Ground<'_>) -> Option<Action> {
    let settled = settle::settle(ground);
    if !settled.is_empty() {
        return Some(Action::Record(By::Recovery, settled));
    }
    let holds = holds(ground);
    if !holds.is_empty() {
        return Some(Action::Record(By::Gate, holds));
    }
    let counted = counts::due(ground);
    if !counted.is_empty() {
        return Some(Action::Record(By::Schedule, counted));
    }
    let moved = moves::next(ground);
    if !moved.is_empty() {
        return Some(Action::Record(By::Schedule, moved));
    }
    let alerts = alert::records(ground);
    if !alerts.is_empty() {
        return Some(Action::Record(By::Gate, alerts));
    }
    let reports = digest::records(ground);
    if !reports.is_empty() {
        return Some(Action::Record(By::Schedule, reports));
    }
    // What was begun is undone or ended before anything new begins.
    if let Some(next) = switch::next(ground) {
        return Some(Action::Switch(next));
    }
    if let Some(tranche) = release::next(ground) {
        return Some(Action::Release(tranche));
    }
    if ground.state.finish_asked.is_some() && ground.state.stops_all(Home::Tail).is_none() {
        return Some(Action::Finish);
    }
    // Operators hear at once of what waits for them; a memo that failed once keeps nothing else waiting.
    if let Some(due) = memo::due(ground, |waiting| waiting.memo.is_urgent() && waiting.tries == 0) {
        return Some(Action::Memo(Box::new(due)));
    }
    act_further(ground).or_else(|| memo::due(ground, |_| true).map(|due| Action::Memo(Box::new(due))))
}

/// What is done once nothing is begun or waits for a human unsaid.
fn act_further(ground: &Ground<'_>) -> Option<Action> {
    if finish::stands(ground.state) {
        // MFA is required of everybody already: no date that could still be told would be true.
        return None;
    }
    let asks = |table: &[Condition]| table.iter().all(|c| ground.refuses_rollout(*c).is_none());
    let due = asks(TAKEN_BACK).then(|| told::taken_back(ground)).flatten();
    if let Some(due) = due.or_else(|| asks(NOTICE).then(|| told::due(ground)).flatten()) {
        return Some(Action::Notify(due));
    }
    tranche::next(ground)
        .map(Action::Enforce)
        .or_else(|| retire::next(ground).map(Action::Retire))
        // A courtesy: it keeps nothing else waiting.
        .or_else(|| if ground.state.is_aborted() { None } else { courtesy(ground) })
}

fn courtesy(ground: &Ground<'_>) -> Option<Action> {
    lists::drawn(ground).map(|drawn| Action::Record(By::Schedule, vec![drawn])).or_else(|| lists::due(ground).map(Action::List))
}

/// The difference between the holds that the facts call for and those in force.
fn holds(ground: &Ground<'_>) -> Vec<Event> {
    let called = called_for(ground);
    let mut events = Vec::new();
    for held in ground.state.holds.values().filter(|held| held.clears == hold::Clears::Itself) {
        if !called.contains_key(&held.id) {
            events.push(Event::HoldCleared { id: held.id.clone(), why: "its cause is gone".to_owned() });
        }
    }
    for (id, hold) in called {
        match ground.state.holds.get(&id) {
            None => events.push(Event::HoldPlaced { hold }),
            Some(held) if differs(held, &hold) => events.push(Event::HoldPlaced { hold: Hold { since: held.since, ..hold } }),
            Some(_) => {}
        }
    }
    events.extend(pause::expired(ground.state, ground.now));
    if ground.conditions.has(Condition::Hold) {
        events.extend(waited_for::records(ground));
    }
    events
}

/// Whether a hold in force must be placed anew, to say what is true now. Sentences of the schedule, of gates and of the system
/// contain instants and counts that go on by themselves; they stay as they were when the hold was placed.
fn differs(held: &Hold, called: &Hold) -> bool {
    let steady = matches!(called.owner, hold::Owner::Plan | hold::Owner::Tenant | hold::Owner::Operator);
    let same = (held.blocks, held.clears, &held.scope, held.owner) == (called.blocks, called.clears, &called.scope, called.owner);
    !same || steady && held.why != called.why
}

/// The next instant at which something could be otherwise than now.
fn wake_at(ground: &Ground<'_>, needs: &[Need]) -> Timestamp {
    let now = ground.now;
    let plus = |at: Timestamp, wait: SignedDuration| at.checked_add(wait).unwrap_or(Timestamp::MAX);
    let tick = SignedDuration::from_secs(1);
    let mut instants = Soonest { now, next: Timestamp::MAX };
    instants.extend(needs.iter().map(|need| need.due));
    let mut enforcing = false;
    for (ix, stage) in (0_u16..).zip(&ground.state.stages) {
        let start = stage.start.instant;
        let planned = ground.plan.stages.get(usize::from(ix));
        match &stage.phase {
            Phase::Scheduled => instants.extend([announce_at(ground, stage), plus(notice_deadline(ground, ix, stage), tick)]),
            Phase::Announcing => {
                let renotice = start.checked_sub(ground.plan.notices.renotice).unwrap_or(start);
                instants.extend([plus(notice_deadline(ground, ix, stage), tick), plus(renotice, tick)]);
            }
            Phase::Announced => {
                instants.extend([start, plus(latest_start(ground, ix, stage), tick)]);
                instants.extend(ground.plan.notices.before.iter().skip(1).filter_map(|wait| start.checked_sub(*wait).ok()));
                enforcing |= start <= now;
            }
            Phase::Enforcing { canary } => {
                instants.extend(planned.map(|planned| stage.finishes(planned.finish_by)));
                instants.extend(canary.map(|at| plus(at, ground.plan.limits.canary_wait)));
                let promises =
                    stage.roster.iter().filter_map(|place| ground.state.people.at(*place)).filter(|p| !p.is_processed());
                instants.extend(
                    promises.filter_map(|person| person.first_told()).map(|told| plus(told, ground.floor(Home::Stage(ix)))),
                );
                enforcing = true;
            }
            Phase::Soaking { healthy, until } => {
                let left = planned.map(|planned| planned.soak.saturating_sub(*healthy)).unwrap_or_default();
                instants.extend([plus(*until, left), plus(*until, SignedDuration::from_hours(1))]);
            }
            _ => {}
        }
    }
    instants.extend(ground.state.holds.values().filter_map(|hold| hold.until));
    instants.extend(ground.state.approvals.iter().map(|approval| approval.until));
    instants.extend(ground.state.overrides.iter().map(|over| over.until));
    instants.extend(ground.state.tail_canary.map(|at| plus(at, ground.plan.limits.canary_wait)));
    let waits = |id| ground.state.people.get(id).is_some_and(|person| !person.is_processed());
    for (_, exception) in ground.state.exceptions.iter().filter(|(id, _)| waits(**id)) {
        instants.extend(tail::instants(ground, exception));
        enforcing = true;
    }
    let over = ground.state.stages.iter().all(|stage| stage.phase.name().is_over());
    for person in ground.state.people.all().iter() {
        if let Enforced::Refused(at) | Enforced::Kept(at) = person.enforced() {
            instants.see(plus(at, REFUSED_WAIT));
        }
        if person.home() == Home::Tail && !person.is_processed() {
            if let Some(promise) = person.promise() {
                let before = ground.plan.notices.before.iter().chain(&exception::BEFORE_EXEMPTION_ENDS);
                instants.extend(before.filter_map(|wait| promise.checked_sub(*wait).ok()));
                instants.extend([promise, plus(promise, tail::SLACK)]);
            }
            instants.extend(person.refused().map(|(at, times)| plus(at, refusal_wait(times))));
            enforcing |= over;
        }
    }
    if enforcing {
        if let Some(zone) = schedule::zone(&ground.plan.time_zone) {
            instants.extend(schedule::next_open(&ground.plan.calendar, &zone, now));
            instants.extend(schedule::closes(&ground.plan.calendar, &zone, now));
        }
        instants.extend(frees_at(&ground.plan.limits.caps, &ground.state.handed, ground.in_scope(), now));
    }
    instants.extend(mail_retry_at(ground.state.mail_trouble));
    instants.extend(hours::opens(ground));
    instants.extend(sending::frees_at(ground.state, now));
    instants.extend(lists::instants(ground));
    instants.extend(counts::instants(ground));
    instants.extend(alert::instants(ground));
    instants.extend(digest::instants(ground));
    instants.extend(memo::instants(ground));
    instants.extend(waited_for::instants(ground));
    instants.extend(retry_at(ground.state.wire_trouble));
    instants.extend(retry_at(ground.state.retire_trouble));
    instants.extend(switch::retry_at(ground.state));
    // In the middle of a switch nobody may have MFA: what became due while something else was read is not left until later.
    if switch::is_open(ground.state) && needs.iter().any(|need| need.ask == Ask::Safety && need.due <= now) {
        instants.see(plus(now, tick));
    }
    instants.next.min(plus(now, LONGEST_SLEEP))
}

/// The soonest of the instants that are still to come; a million people have several each, and none is kept.
struct Soonest {
    now: Timestamp,
    next: Timestamp,
}

impl Soonest {
    fn see(&mut self, at: Timestamp) {
        if at > self.now {
            self.next = self.next.min(at);
        }
    }
}

impl Extend<Timestamp> for Soonest {
    fn extend<I: IntoIterator<Item = Timestamp>>(&mut self, instants: I) {
        instants.into_iter().for_each(|at| self.see(at));
    }
}
