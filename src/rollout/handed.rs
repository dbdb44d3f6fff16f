//! Letters that were handed over to people whom no mail reaches: which date one may name, and the record that it was handed over.
//!
//! Pure. Prints nothing. Invariants: a letter counts from its record on, as an accepted mail does; it names what a mail would name then,
//! or, where the person has a date of their own, a later one that is no wish of anybody's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::condition::{Ground, NOTICE};
use super::dated;
use super::event::{Event, Slot};
use super::finish;
use super::id::ObjectId;
use super::person::{Home, PersonState};
use super::schedule;
use super::tail::Openings;
use super::told::{full_hour, notice_deadline, told_stages};

/// Between printing a letter of the tail and handing it over.
const HANDING: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A letter of the tail names a date at most so much later than the earliest that would do.
const LATEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a letter to somebody may name now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which notice it is.
    pub slot: Slot,
    /// The earliest date.
    pub earliest: Timestamp,
    /// The latest date: the same, where it is not the person's own.
    pub latest: Timestamp,
}

/// What a letter to the person may name now.
///
/// # Errors
/// Why none may: a sentence for the operator.
pub fn named(ground: &Ground<'_>, openings: &Openings, person: &PersonState) -> Result<Named, String> {
    if person.is_processed() {
        return Err("MFA is required of this person already".to_owned());
    }
    if ground.state.notices.values().any(|notice| notice.people.contains(&person.id)) {
        return Err("a mail is on its way to this person; ask again in a minute".to_owned());
    }
    match person.home() {
        Home::Stage(ix) => of_stage(ground, ix, person),
        Home::Tail => of_tail(ground, openings, person),
    }
}

/// The date for a letter that is printed now.
#[must_use]
pub fn printed(ground: &Ground<'_>, openings: &Openings, person: &PersonState) -> Option<Timestamp> {
    let Named { earliest, latest, .. } = named(ground, openings, person).ok()?;
    let zone = schedule::zone(&ground.plan.time_zone)?;
    if earliest == latest {
        return Some(earliest);
    }
    let date = schedule::next_open(&ground.plan.calendar, &zone, full_hour(earliest.checked_add(HANDING).ok()?)?)?;
    Some(if date <= latest { date } else { earliest })
}

fn of_stage(ground: &Ground<'_>, ix: u16, person: &PersonState) -> Result<Named, String> {
    let Some((_, stage, instant)) = told_stages(ground).find(|(at, ..)| *at == ix) else {
        return Err("no notice of their stage is due; `tidegate person` shows where it stands".to_owned());
    };
    if person.is_promised(instant) && person.promise_told().is_some() {
        return Err(format!("was told {instant} already"));
    }
    if let Some(promise) = person.promise().filter(|promise| *promise > instant) {
        return Err(format!("was told {promise}, which is later than their stage's date"));
    }
    let (slot, deadline) = if person.first_told().is_none() {
        (Slot::Announcement, notice_deadline(ground, ix, stage))
    } else {
        (Slot::Correction, instant.checked_sub(ground.plan.notices.renotice).unwrap_or(Timestamp::MIN))
    };
    if ground.now > deadline {
        let name = &stage.name;
        return Err(format!(
            "it is too late for {instant}: a letter had to be handed over by {deadline}; with the end of `{name}` they come to the tail and get a date of their own"
        ));
    }
    Ok(Named { slot, earliest: instant, latest: instant })
}

fn of_tail(ground: &Ground<'_>, openings: &Openings, person: &PersonState) -> Result<Named, String> {
    let zone = schedule::zone(&ground.plan.time_zone);
    let zone = zone.ok_or_else(|| format!("the time zone `{}` is not known", ground.plan.time_zone))?;
    let told = person.promise().filter(|_| person.tail_told().is_some() && person.promise_told().is_some());
    // That mails fail is why there is a letter.
    let mut by_letter = *person;
    by_letter.begin_again();
    match dated::wants(ground, &zone, openings, &by_letter) {
        Some((slot @ (Slot::Announcement | Slot::Correction), earliest)) => {
            let latest = earliest.checked_add(LATEST).unwrap_or(Timestamp::MAX);
            Ok(Named { slot, earliest, latest })
        }
        Some((Slot::Deferred, date)) => Ok(Named { slot: Slot::Deferred, earliest: date, latest: date }),
        _ => Err(match told {
            Some(told) => format!("was told {told} already"),
            None => "no date can be told yet: the stages before are not over, or something holds for them alone; `tidegate person` shows it".to_owned(),
        }),
    }
}

/// That letters were handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handing {
    /// To whom.
    pub people: Vec<ObjectId>,
    /// The date that is printed on them.
    pub date: Timestamp,
    /// The reason.
    pub why: String,
}

/// The records that this calls for: of everybody, or of nobody.
///
/// # Errors
/// Why the letter to somebody does not count: a sentence for the operator.
pub fn make(ground: &Ground<'_>, handing: &Handing) -> Result<Vec<Event>, String> {
    let Handing { people, date, why } = handing;
    if why.trim().is_empty() || people.is_empty() {
        return Err("say to whom letters were handed over, and a reason".to_owned());
    }
    if finish::stands(ground.state) {
        return Err("MFA is required of everybody already".to_owned());
    }
    if let Some(why) = NOTICE.iter().find_map(|condition| ground.refuses_rollout(*condition)) {
        return Err(format!("nobody can be told anything now: {why}"));
    }
    let openings = Openings::new(ground);
    let mut letters: BTreeMap<(Home, Slot), Vec<ObjectId>> = BTreeMap::new();
    for id in people.iter().collect::<BTreeSet<_>>() {
        let counts = counts(ground, &openings, *id, *date);
        let letter = counts.map_err(|why| format!("no letter is recorded, because of {id}: {why}"))?;
        letters.entry(letter).or_default().push(*id);
    }
    let event = |((home, slot), people): ((Home, Slot), Vec<ObjectId>)| Event::Handed {
        stage: ground.state.home_name(home).to_owned(),
        slot,
        instant: *date,
        people,
        why: why.clone(),
    };
    Ok(letters.into_iter().map(event).collect())
}

/// Whose notice a letter with this date is, and which.
fn counts(ground: &Ground<'_>, openings: &Openings, id: ObjectId, date: Timestamp) -> Result<(Home, Slot), String> {
    let Some(person) = ground.state.people.get(id) else {
        return Err("is in no stage and not in the tail".to_owned());
    };
    let row = ground.observed.directory.last.as_ref().and_then(|reading| reading.value.person(id));
    let refused = NOTICE.iter().find_map(|condition| ground.refuses_person(*condition, person.home(), id, row.as_ref()));
    if let Some(why) = refused {
        return Err(why.into_owned());
    }
    let Named { slot, earliest, latest } = named(ground, openings, &person)?;
    if date < earliest || date > latest {
        return Err(if earliest == latest {
            format!("the letter must name {earliest}, not {date}; print it anew")
        } else {
            format!("the letter must name a date between {earliest} and {latest}, not {date}; print it anew")
        });
    }
    let zone = schedule::zone(&ground.plan.time_zone);
    let opens = zone.and_then(|zone| schedule::next_open(&ground.plan.calendar, &zone, date));
    match opens {
        Some(opens) if opens == date => Ok((person.home(), slot)),
        Some(opens) => Err(format!(
            "nobody is enforced at {date} by the plan's windows and blackouts, but at {opens}; print the letter anew"
        )),
        None => Err(format!("no window opens within a year of {date}")),
    }
}
