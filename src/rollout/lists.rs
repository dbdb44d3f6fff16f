//! Lists for managers: when a stage's are due, who is on whose, and which are to be sent now.
//!
//! Pure. A list is a courtesy and no notice: it tells nobody a date who was not told it, and counts for nobody. Invariants: each manager is
//! sent one list for a stage and an instant, and none again after a doubt; on it are people who were told that instant and whom the report
//! shows without a method that counts; it keeps no notice and no batch waiting.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::by_manager::by_manager;
use super::condition::{Ground, NOTICE};
use super::event::{Event, List};
use super::exception::of;
use super::finish;
use super::hours::Now;
use super::id::ObjectId;
use super::limit::backoff;
use super::observed::{Managers, Observed, Readiness, Reading};
use super::person::{Home, PersonIx, PersonState};
use super::select::protection;
use super::sending::{self, A_DAY};
use super::state::{Phase, StageState, State};
use super::switch::is_tenant_wide;
use super::told::mail_retry_at;

/// Lists in one group.
pub const GROUP: usize = 20;

/// So often a list is tried that did not leave or was refused.
pub const MOST_TRIES: u8 = 3;

/// How long after the first try the second comes; the third comes twice as long after that.
const AGAIN: SignedDuration = SignedDuration::from_hours(3);

/// Who manages whom is asked again at the latest after this.
const MOST_BACKOFF: SignedDuration = SignedDuration::from_hours(6);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The lists of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    /// The instant that they name.
    pub instant: Timestamp,
    /// Those that were not sent yet, by manager.
    pub waits: BTreeMap<ObjectId, Waiting>,
    /// How many the mail service took.
    pub sent: u32,
    /// Of how many nobody knows.
    pub unknown: u32,
    /// How many were given up.
    pub lost: u32,
    /// How many people are on none.
    pub alone: u32,
}

/// A list that was not sent yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Who was not ready when it was drawn.
    #[serde(with = "super::runs")]
    pub people: Vec<PersonIx>,
    /// How often it was tried.
    pub tries: u8,
    /// When last.
    pub tried: Option<Timestamp>,
}

impl Waiting {
    /// When it may be tried.
    fn again(&self) -> Option<Timestamp> {
        self.tried.and_then(|tried| tried.checked_add(AGAIN.saturating_mul(i32::from(self.tries))).ok())
    }
}

/// Lists on their way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListBatch {
    /// The stage.
    pub stage: String,
    /// To whom.
    pub managers: Vec<ObjectId>,
}

/// Lists to be sent now: one to each manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The stage.
    pub stage: String,
    /// The instant that they name.
    pub instant: Timestamp,
    /// At most [`GROUP`], and at most what leaves within a minute.
    pub lists: Vec<Theirs>,
    /// The mailboxes that send them in turn; none where none of the plan's exists.
    pub from: Vec<ObjectId>,
}

/// A manager, and who of their people is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    /// The manager.
    pub manager: ObjectId,
    /// Their people, with what each could do.
    pub people: Vec<(ObjectId, Readiness)>,
}

/// Stages whose lists are due, each with the instant that they name and the one at which they fell due.
fn open<'a>(ground: &Ground<'a>) -> impl Iterator<Item = (&'a StageState, Timestamp)> {
    let now = ground.now;
    planned(ground)
        .filter(move |(_, instant, opened)| *opened <= now && now < *instant)
        .map(|(stage, instant, _)| (stage, instant))
}

/// Stages whose people have all been told, each with the instant that its lists name and the one at which they fall due.
fn planned<'a>(ground: &Ground<'a>) -> impl Iterator<Item = (&'a StageState, Timestamp, Timestamp)> {
    let (state, before, wide) = (ground.state, ground.plan.notices.managers, is_tenant_wide(ground.plan));
    (0_u16..).zip(&state.stages).filter_map(move |(ix, stage)| {
        let told = stage.phase == Phase::Announced || wide && matches!(stage.phase, Phase::Soaking { .. } | Phase::Done);
        let instant = state.named_instant(ix).filter(|_| told)?;
        Some((stage, instant, instant.checked_sub(before?).ok()?))
    })
}

/// Whether a courtesy may leave now: no notice waits for the mail service.
fn may_leave(ground: &Ground<'_>) -> bool {
    NOTICE.iter().all(|condition| ground.refuses_rollout(*condition).is_none())
        && !finish::stands(ground.state)
        && mail_retry_at(ground.state.mail_trouble).is_none_or(|at| ground.now >= at)
}

/// What somebody could do, if the report shows that it is not enough.
fn unready(ground: &Ground<'_>, person: &PersonState, instant: Timestamp) -> Option<Readiness> {
    let told = person.is_promised(instant) && person.promise_told().is_some();
    let theirs = matches!(person.home(), Home::Stage(_)) && of(&ground.state.exceptions, person.id).is_none();
    if !told || !theirs || person.is_processed() || person.is_enforced() {
        return None;
    }
    let report = ground.observed.registration.fresh(ground.now, ground.plan.observe.max_age)?;
    let readiness = report.value.of(person.id);
    let row = || ground.observed.directory.last.as_ref()?.value.person(person.id);
    let comes = || row().is_some_and(|row| protection(ground.plan, ground.observed, &row).is_none());
    (matches!(readiness, Readiness::Unregistered | Readiness::RegisteredNotAllowed) && comes()).then_some(readiness)
}

fn unready_of<'a>(ground: &Ground<'a>, stage: &'a StageState, instant: Timestamp) -> impl Iterator<Item = PersonState> {
    let ground = *ground;
    let people = stage.roster.iter().filter_map(move |place| ground.state.people.at(*place));
    people.filter(move |person| unready(&ground, person, instant).is_some())
}

/// The open stages whose lists are not drawn yet, while the report says who is ready.
fn undrawn<'a>(ground: &Ground<'a>) -> impl Iterator<Item = (&'a StageState, Timestamp)> {
    let is_known = ground.observed.registration.fresh(ground.now, ground.plan.observe.max_age).is_some();
    let may = is_known && ground.plan.notices.managers.is_some() && may_leave(ground);
    let state = ground.state;
    let drawn = move |stage: &StageState, instant| state.lists.get(&stage.name).is_some_and(|lists| lists.instant == instant);
    open(ground).filter(move |(stage, instant)| may && !drawn(stage, *instant))
}

/// The stage whose managers are asked for, with the instant that its lists name and when that is due.
pub(super) fn asked(ground: &Ground<'_>) -> Option<(String, Timestamp, Timestamp)> {
    let (stage, instant) = undrawn(ground).find(|(stage, instant)| {
        read(ground.observed, stage, *instant).is_none() && unready_of(ground, stage, *instant).next().is_some()
    })?;
    let source = &ground.observed.managers;
    let again = source.asked.filter(|_| source.failures > 0);
    let due =
        again.map_or(ground.now, |asked| asked.checked_add(backoff(source.failures, MOST_BACKOFF)).unwrap_or(Timestamp::MAX));
    Some((stage.name.clone(), instant, due))
}

fn read<'a>(observed: &'a Observed, stage: &StageState, instant: Timestamp) -> Option<&'a Reading<Managers>> {
    observed.managers.last.as_ref().filter(|read| read.value.stage == stage.name && read.value.instant == instant)
}

/// The people whose managers are asked for: those of the stage whom the report shows without a method that counts.
#[must_use]
pub fn asked_about(state: &State, observed: &Observed, stage: &str) -> Vec<ObjectId> {
    let report = observed.registration.last.as_ref().map(|reading| &reading.value);
    let is_unready = |person: &PersonState| {
        let readiness = report.map_or(Readiness::Unknown, |report| report.of(person.id));
        !person.is_processed() && matches!(readiness, Readiness::Unregistered | Readiness::RegisteredNotAllowed)
    };
    let roster = state.stage(stage).map_or(&[][..], |(_, stage)| stage.roster.as_slice());
    roster.iter().filter_map(|place| state.people.at(*place)).filter(is_unready).map(|person| person.id).collect()
}

/// The record that draws the lists of a stage, once it is known who manages its people. Who manages, but cannot be written to, gets none.
#[must_use]
pub fn drawn(ground: &Ground<'_>) -> Option<Event> {
    undrawn(ground).find_map(|(stage, instant)| {
        let people: Vec<ObjectId> = unready_of(ground, stage, instant).map(|person| person.id).collect();
        let managers = match read(ground.observed, stage, instant) {
            Some(read) => read.value.of.as_slice(),
            // Nobody is asked about nobody.
            None if people.is_empty() => &[],
            None => return None,
        };
        let directory = ground.observed.directory.last.as_ref().map(|reading| &reading.value)?;
        let is_reached = |id: ObjectId| directory.person(id).is_some_and(|manager| manager.mail && manager.enabled == Some(true));
        let reached: Vec<_> = managers.iter().map(|(person, manager)| (*person, manager.filter(|id| is_reached(*id)))).collect();
        let (mut lists, mut alone) = (Vec::new(), Vec::new());
        for (manager, people) in by_manager(&people, &reached) {
            match manager {
                Some(manager) => lists.push(List { manager, people }),
                None => alone = people,
            }
        }
        Some(Event::ListsDrawn { stage: stage.name.clone(), instant, lists, alone })
    })
}

/// The next group of lists to send, if any.
#[must_use]
pub fn due(ground: &Ground<'_>) -> Option<Due> {
    if ground.state.lists.is_empty() || !may_leave(ground) {
        return None;
    }
    let hours = Now::new(ground, || 0);
    let on_their_way: BTreeSet<_> = ground.state.lists_out.values().flat_map(|batch| &batch.managers).collect();
    open(ground).find_map(|(stage, instant)| {
        let lists = ground.state.lists.get(&stage.name).filter(|lists| lists.instant == instant)?;
        let theirs = |(manager, waiting): (&ObjectId, &Waiting)| {
            let people = waiting.people.iter().filter_map(|place| ground.state.people.at(*place));
            let people: Vec<_> = people.filter_map(|person| Some((person.id, unready(ground, &person, instant)?))).collect();
            (!people.is_empty()).then_some(Theirs { manager: *manager, people })
        };
        let waits = lists.waits.iter().filter(|(manager, _)| !on_their_way.contains(manager) && !hours.are_closed(**manager));
        let ready = waits.filter(|(_, waiting)| waiting.again().is_none_or(|again| ground.now >= again));
        let mut lists: Vec<Theirs> = ready.filter_map(theirs).take(GROUP).collect();
        if lists.is_empty() {
            return None;
        }
        let (from, most) = sending::turn(ground, GROUP)?;
        if !has_to_spare(ground, &from) {
            return None;
        }
        lists.truncate(most);
        Some(Due { stage: stage.name.clone(), instant, lists, from })
    })
}

/// Whether these mailboxes have sent less than half of what each may in a day: the other half is for notices.
fn has_to_spare(ground: &Ground<'_>, from: &[ObjectId]) -> bool {
    from.iter().all(|mailbox| {
        let handed = ground.state.mailed.get(mailbox).map_or(&[][..], Vec::as_slice);
        let today = handed.iter().filter(|(at, _)| ground.now.duration_since(*at) < DAY);
        today.fold(0_u32, |sum, (_, mails)| sum.saturating_add(*mails)) < A_DAY / 2
    })
}

/// Instants at which lists fall due, or are tried again.
pub(super) fn instants(ground: &Ground<'_>) -> impl Iterator<Item = Timestamp> {
    let again = ground.state.lists.values().flat_map(|lists| lists.waits.values()).filter_map(Waiting::again);
    planned(ground).map(|(.., opens)| opens).chain(again)
}

/// Where the lists of a stage stand, as a sentence; none where the plan asks for none and none was ever drawn.
#[must_use]
pub fn says(ground: &Ground<'_>, stage: &StageState) -> Option<String> {
    let Some(lists) = ground.state.lists.get(&stage.name) else {
        let opens = planned(ground).find(|(known, ..)| known.name == stage.name).map(|(.., opens)| opens)?;
        return (ground.now < opens).then(|| format!("managers get the lists of their people at {opens}"));
    };
    let counts = [
        (lists.sent, "sent"),
        (if ground.now < lists.instant { u32::try_from(lists.waits.len()).unwrap_or(u32::MAX) } else { 0 }, "not sent yet"),
        (lists.unknown, "in doubt"),
        (lists.lost, "given up"),
    ];
    let counts: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    let alone = if lists.alone > 0 { format!("; {} people are on none", lists.alone) } else { String::new() };
    Some(format!("lists to managers for {}: {counts}{alone}", lists.instant))
}
