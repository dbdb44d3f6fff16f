//! How people react: to a mail by registering sooner or later, to a sign-in that requires MFA by registering there and then.

use jiff::{SignedDuration, Timestamp};

use super::attempt::key;
use super::chance::{Kind, draw, unit, within};
use super::moment::{after, waking};
use super::person::{Habit, Person};
use super::profile::Profile;

/// How long people take after a mail that moves them.
const DAYS: SignedDuration = SignedDuration::from_hours(5 * 24);
/// From when on the day counts as near.
const NEAR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A mail that names `instant` reaches the person at `now`.
pub(super) fn told(person: &mut Person, profile: &Profile, now: Timestamp, instant: Option<Timestamp>) {
    person.methods.mails += 1;
    if person.methods.own.is_some_and(|at| at <= now) {
        return;
    }
    let low = key(person);
    if let Some(behaviour) = &profile.behaviour {
        // The announcement decides; what comes later is part of it already.
        if let Some(instant) = instant.filter(|_| person.methods.mails == 1) {
            person.methods.own = behaviour.registers(low, &behaviour.dates(now, instant));
        }
        return;
    }
    let chance = draw(profile.seed, Kind::Reaction, &[low, u64::from(person.methods.mails)]);
    let left = instant.map(|instant| instant.duration_since(now)).filter(SignedDuration::is_positive);
    let soon = |most: SignedDuration| {
        let most = left.map_or(most, |left| most.min(left * 4 / 5));
        waking(after(now, within(chance, most)))
    };
    let own = match person.methods.habit {
        Habit::Early => Some(soon(SignedDuration::from_hours(48))),
        Habit::Prompted(number) if person.methods.mails >= number || left.is_some_and(|left| left <= NEAR) => Some(soon(DAYS)),
        Habit::LastDay => instant.map(|instant| after(instant, -SignedDuration::from_secs_f64(600.0 + 10_000.0 * unit(chance)))),
        _ => None,
    };
    // nobody waits longer because of a second mail, except who waits for the last day
    let sooner = match (person.methods.own, own) {
        (Some(before), Some(new)) if person.methods.habit != Habit::LastDay => Some(before.min(new)),
        (before, new) => new.or(before),
    };
    person.methods.own = sooner.map(|at| at.max(now));
}

#[cfg(test)]
mod tests {
    use super::super::people::found;
    use super::super::person::Ability;
    use super::*;

    #[test]
    fn most_register_after_the_mails_and_some_never_do() {
        let start: Timestamp = "2027-01-04T09:00:00Z".parse().unwrap();
        let instant = after(start, SignedDuration::from_hours(30 * 24));
        let mut people = found(&Profile { users: 1_000, ..Profile::default() });
        people.retain(|person| person.kind == super::super::person::Kind::Ordinary);
        let capable = |people: &[Person], at| {
            people.iter().filter(|p| p.methods.at(at) == Ability::Capable).count() as f64 / people.len() as f64
        };
        let mut shares = vec![capable(&people, start)];
        for days in [30, 14, 7, 1] {
            let now = after(instant, SignedDuration::from_hours(-days * 24));
            people
                .iter_mut()
                .filter(|person| person.methods.at(now) == Ability::Nothing)
                .for_each(|p| told(p, &Profile::default(), now, Some(instant)));
            shares.push(capable(&people, after(now, SignedDuration::from_hours(6 * 24)).min(instant)));
        }
        assert!(shares.is_sorted(), "{shares:?}");
        assert!(shares[0] < 0.45 && shares[1] > 0.6 && shares[4] > 0.93 && shares[4] < 0.985, "{shares:?}");
    }
}
