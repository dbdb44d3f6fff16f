//! People counted by what the sign-in log shows of them.
//!
//! Reads nothing and judges nothing. The log holds each person's latest attempt with each code, which is enough to say whether there was
//! one since an instant. Invariant: only attempts since the person was enforced count, and none from before the gate's window.

use jiff::{SignedDuration, Timestamp};

use crate::rollout::event::Counted;
use crate::rollout::exception;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Client, Observed, SignIn};
use crate::rollout::person::{Enforced, PersonState};
use crate::rollout::plan::{Asking, Gate, GateAt, Observe, Plan};
use crate::rollout::select::protection;
use crate::rollout::state::State;

/// The log, and from when on it counts.
#[derive(Clone, Copy)]
pub(super) struct Attempts<'a> {
    /// Ascending by person.
    log: &'a [SignIn],
    observe: &'a Observe,
    from: Timestamp,
}

/// People who are not enforced are compared over this long, unless the gate has a window of its own: the same day.
pub(super) const SAME_DAY: SignedDuration = SignedDuration::from_hours(24);

/// So many people who are not enforced are looked at. Object ids are random, so that the first ones are as good as any.
const CONTROL: usize = 2_000;

impl<'a> Attempts<'a> {
    pub(super) fn new(log: &'a [SignIn], observe: &'a Observe, gate: &Gate, now: Timestamp) -> Self {
        let Asking { window, versus, .. } = &gate.asking;
        let window = window.or(versus.map(|_| SAME_DAY));
        let from = window.map_or(Timestamp::MIN, |window| now.checked_sub(window).unwrap_or(Timestamp::MIN));
        Self { log, observe, from }
    }

    /// Attempts of an enforced person since then.
    fn of(self, person: &PersonState) -> Option<impl Iterator<Item = &'a SignIn> + Clone + use<'a>> {
        Some(self.since(person.id, person.enforced_since()?.max(self.from)))
    }

    fn since(self, person: ObjectId, since: Timestamp) -> impl Iterator<Item = &'a SignIn> + Clone + use<'a> {
        let at = self.log.partition_point(|attempt| attempt.person < person);
        let theirs = self.log.get(at..).unwrap_or_default();
        theirs.iter().take_while(move |attempt| attempt.person == person).filter(move |attempt| attempt.at >= since)
    }

    /// Who tried and never passed MFA, among those who tried.
    pub(super) fn mfa_failures(self, people: impl Iterator<Item = PersonState>) -> Counted {
        let tried = people.filter_map(|person| self.fails(self.of(&person)?));
        tried.fold(Counted::default(), Counted::with)
    }

    /// Whether somebody who tried never passed; none of who did not try.
    fn fails(self, mut attempts: impl Iterator<Item = &'a SignIn> + Clone) -> Option<bool> {
        let passed = attempts.clone().any(|attempt| attempt.code == 0);
        let refused = attempts.any(|attempt| self.observe.mfa_failure_codes.contains(&attempt.code));
        (passed || refused).then_some(!passed)
    }

    /// Whose latest attempt met a locked account, among those who tried.
    pub(super) fn lockouts(self, people: impl Iterator<Item = PersonState>) -> Counted {
        let codes = &self.observe.codes;
        let tried = people.filter_map(|person| {
            let tries = self.of(&person)?.filter(|attempt| !codes.step.contains(&attempt.code));
            let latest = tries.max_by_key(|attempt| (attempt.at, codes.lockout.contains(&attempt.code)))?;
            Some(codes.lockout.contains(&latest.code))
        });
        tried.fold(Counted::default(), Counted::with)
    }

    /// Who got in, among all of whom MFA is required: whoever is silent is no success.
    pub(super) fn verified(self, people: impl Iterator<Item = PersonState>) -> Counted {
        let enforced = people.filter(PersonState::is_enforced);
        let passed = enforced.map(|person| self.of(&person).is_some_and(|mut theirs| theirs.any(|attempt| attempt.code == 0)));
        passed.fold(Counted::default(), Counted::with)
    }

    /// Of whom an old client was refused, among those who tried.
    pub(super) fn legacy_blocks(self, people: impl Iterator<Item = PersonState>) -> Counted {
        let codes = &self.observe.codes;
        let tried = people.filter_map(|person| {
            let theirs = self.of(&person)?;
            let blocked = theirs.clone().any(|attempt| attempt.client == Client::Legacy && codes.legacy.contains(&attempt.code));
            let tried = blocked || theirs.clone().any(|attempt| !codes.step.contains(&attempt.code));
            tried.then_some(blocked)
        });
        tried.fold(Counted::default(), Counted::with)
    }

    /// The same as [`Attempts::mfa_failures`] of people who are not enforced yet, but may be.
    pub(super) fn not_enforced(self, plan: &Plan, state: &State, observed: &Observed) -> Counted {
        let Some(directory) = observed.directory.last.as_ref().map(|reading| &reading.value) else { return Counted::default() };
        let may = |person: ObjectId| directory.person(person).is_some_and(|row| protection(plan, observed, &row).is_none());
        let people = self.log.chunk_by(|one, other| one.person == other.person).filter_map(<[SignIn]>::first);
        let tried = people.filter(|attempt| is_control(state, attempt.person) && may(attempt.person)).take(CONTROL);
        tried.filter_map(|attempt| self.fails(self.since(attempt.person, self.from))).fold(Counted::default(), Counted::with)
    }
}

/// Whether somebody is one of those with whom enforced people are compared: not enforced and not excepted, in a roster or in none yet.
#[must_use]
pub fn is_control(state: &State, person: ObjectId) -> bool {
    let waits = state.people.get(person).is_none_or(|person| person.enforced() == Enforced::No);
    waits && exception::of(&state.exceptions, person).is_none()
}

/// How far back the log must show people who are not enforced; none where no gate asks for them.
#[must_use]
pub fn control_span(plan: &Plan) -> Option<SignedDuration> {
    let compares = plan.gates.iter().filter(|gate| gate.asking.versus.is_some() && gate.at != GateAt::Start);
    compares.map(|gate| gate.asking.window.unwrap_or(SAME_DAY)).max()
}

/// Leaves of the attempts of people who are not enforced those of the last `span`, and of so many people; ascending by person.
pub fn forget_control(state: &State, log: &mut Vec<SignIn>, now: Timestamp, span: SignedDuration) {
    let (mut people, mut last) = (0_usize, None);
    log.retain(|attempt| {
        if !is_control(state, attempt.person) {
            return true;
        }
        if now.duration_since(attempt.at) > span {
            return false;
        }
        if last != Some(attempt.person) {
            last = Some(attempt.person);
            people += 1;
        }
        people <= CONTROL
    });
}
