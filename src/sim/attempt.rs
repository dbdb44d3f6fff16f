//! Who signs in when, and what comes of it: computed for the days that are asked for, never kept for long.
//!
//! The times follow from the seed, the person and the day; the outcome from whether MFA was required then and could be passed.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::chance::{Kind as Chance, draw, unit, within};
use super::moment::{after, day, is_working, start_of};
use super::person::{Ability, Account, Kind, Person};
use super::planted::Presence;
use super::tenant::Tenant;

/// Days whose times are kept.
const KEPT: usize = 40;

/// One time at which somebody signs in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) at: Timestamp,
    /// The person's place in the directory.
    pub(super) person: usize,
}

/// The times of some days, so that they are computed once.
#[derive(Debug, Default)]
pub(super) struct Calendar(BTreeMap<i64, Arc<[Slot]>>);

impl Calendar {
    /// Forgets all, since somebody joined.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// The times of a day, in order.
    fn of(&mut self, day: i64, seed: u64, people: &[Person]) -> Arc<[Slot]> {
        if let Some(slots) = self.0.get(&day) {
            return Arc::clone(slots);
        }
        let everybody = people.iter().enumerate();
        let mut slots: Vec<Slot> = everybody
            .flat_map(|(person, who)| times(seed, who, day).into_iter().flatten().map(move |at| Slot { at, person }))
            .collect();
        slots.sort_by_key(|slot| (slot.at, slot.person));
        if self.0.len() >= KEPT {
            self.0.pop_first();
        }
        let slots: Arc<[Slot]> = slots.into();
        self.0.insert(day, Arc::clone(&slots));
        slots
    }
}

/// The times at which the person signs in on that day.
fn times(seed: u64, person: &Person, day: i64) -> [Option<Timestamp>; 2] {
    let is_there = matches!(person.kind, Kind::Ordinary | Kind::Guest) && person.quirks.presence == Presence::Usual;
    if !is_working(day) || !is_there {
        return [None, None];
    }
    let key = key(person);
    let roll = |n| draw(seed, Chance::Presence, &[key, day.cast_unsigned(), n]);
    if unit(roll(0)) > 0.88 {
        return [None, None];
    }
    let hours = SignedDuration::from_hours;
    let first = after(start_of(day), hours(6) + within(roll(1), hours(5)));
    let second = (unit(roll(2)) < 0.4).then(|| after(first, hours(3) + within(roll(3), hours(3))));
    [Some(first), second]
}

/// 64 bits that are the person's own.
pub(super) fn key(person: &Person) -> u64 {
    u64::try_from(person.id.bits() & u128::from(u64::MAX)).unwrap_or(0)
}

/// When the next sign-in after `now` would have made the person register, if MFA is required then.
pub(super) fn next_sign_in(seed: u64, person: &Person, now: Timestamp) -> Option<Timestamp> {
    let today = day(now);
    let times = (today..today + 60).flat_map(|day| times(seed, person, day).into_iter().flatten());
    times.into_iter().find(|at| *at > now).map(|at| after(at, SignedDuration::from_mins(3)))
}

/// When somebody last signed in before `now`, within the last 30 days.
pub(super) fn last_sign_in(seed: u64, person: &Person, now: Timestamp) -> Option<Timestamp> {
    let today = day(now);
    let mut times = (today - 30..=today).rev().flat_map(|day| times(seed, person, day).into_iter().rev().flatten());
    let is_there = |at: Timestamp| person.away.is_none_or(|(from, to)| at < from || at >= to);
    times.find(|at| *at <= now && *at >= person.created && person.is_enabled() && is_there(*at))
}

/// An attempt to sign in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) at: Timestamp,
    pub(super) person: usize,
    /// Microsoft's code; 0 is success.
    pub(super) code: i64,
    /// Whether the policy asked for MFA.
    pub(super) required: bool,
    /// The client, as the log names it.
    pub(super) client: &'static str,
    /// Who makes it.
    pub(super) by: By,
}

/// Attempts of which clients are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clients {
    /// Any.
    All,
    /// Those that cannot do MFA.
    Old,
}

/// Who makes an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The person.
    Person,
    /// A program of theirs.
    Program,
}

impl Tenant {
    /// Attempts between `from` and `to` (both included) of that day that the log shows at `now`, newest first.
    pub(super) fn attempts(&mut self, on: i64, from: Timestamp, to: Timestamp, now: Timestamp, of: Clients) -> Vec<Attempt> {
        // Nobody need be looked at for what browsers do.
        let slots = match of {
            Clients::All => self.calendar.of(on, self.profile.seed, &self.people),
            Clients::Old => Arc::default(),
        };
        // an attempt may follow its slot by some minutes
        let from_slot = after(from, SignedDuration::from_mins(-10));
        let begin = slots.partition_point(|slot| slot.at < from_slot);
        let slots = slots.iter().skip(begin).take_while(|slot| slot.at <= to);
        let attempts = slots.flat_map(|slot| self.outcome(*slot).into_iter().flatten());
        let attempts = attempts.chain(self.old_clients(on));
        let seen = |attempt: &Attempt| attempt.at >= from && attempt.at <= to && self.arrival(attempt) <= now;
        let mut attempts: Vec<Attempt> = attempts.filter(seen).collect();
        attempts.sort_by_key(|attempt| std::cmp::Reverse((attempt.at, attempt.person)));
        attempts
    }

    /// What comes of a sign-in.
    fn outcome(&self, slot: Slot) -> [Option<Attempt>; 2] {
        let Some(person) = self.people.get(slot.person) else { return [None, None] };
        if person.away.is_some_and(|(from, to)| from <= slot.at && slot.at < to) {
            return [None, None];
        }
        let is_disabled = person.account == Account::Disabled && person.account_since <= slot.at;
        if is_disabled || person.created > slot.at || person.deleted.is_some_and(|deleted| deleted <= slot.at) {
            return [None, None];
        }
        let required = self.is_required(person, slot.at);
        let chance = unit(draw(self.profile.seed, Chance::Outcome, &[key(person), slot.at.as_second().cast_unsigned()]));
        let attempt = |wait, code| {
            let at = after(slot.at, SignedDuration::from_secs(wait));
            Some(Attempt { at, person: slot.person, code, required, client: "Browser", by: By::Person })
        };
        match (required, person.methods.at(slot.at)) {
            // asked to register, and did
            (true, Ability::Nothing | Ability::NotAllowed) => [attempt(0, 50_072), attempt(240, 0)],
            (true, Ability::Capable) if chance < self.profile.mfa_failures => [attempt(0, 500_121), attempt(90, 0)],
            // a mistyped password
            (false, _) if chance < 0.02 => [attempt(0, 50_126), attempt(40, 0)],
            _ => [attempt(0, 0), None],
        }
    }

    /// Old clients ask for mail every morning; those of phones do it by themselves.
    fn old_clients(&self, on: i64) -> impl Iterator<Item = Attempt> {
        self.people.iter().enumerate().filter_map(move |(place, person)| {
            let client = person.quirks.legacy.filter(|_| person.is_enabled())?;
            let at = after(start_of(on), SignedDuration::from_secs(27_000 + i64::try_from(key(person) % 1_800).unwrap_or(0)));
            let by = if client == "Exchange ActiveSync" { By::Program } else { By::Person };
            // Where MFA is required they are refused: they cannot do it.
            let required = self.is_required(person, at);
            Some(Attempt { at, person: place, code: if required { 53_003 } else { 0 }, required, client, by })
        })
    }

    /// When the log shows an attempt: most within minutes.
    fn arrival(&self, attempt: &Attempt) -> Timestamp {
        let roll =
            |n| draw(self.profile.seed, Chance::Arrival, &[attempt.person as u64, attempt.at.as_second().cast_unsigned(), n]);
        let most = match unit(roll(0)) {
            chance if chance < 0.95 => 2,
            chance if chance < 0.99 => 5,
            _ => 30,
        };
        after(attempt.at, within(roll(1), SignedDuration::from_mins(most)))
    }
}
