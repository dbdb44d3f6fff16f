//! `letters`, `poster` and `page`: what is printed for people whom no mail reaches, and shown to everybody.
//!
//! A letter counts as no notice before somebody says that it was handed over (`handed`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::args::{Common, Letters, Sheet};
use super::standing::{Stand, folder, stand, write_private, write_public};
use super::{Exit, Failure, adapters, place, runtime};
use crate::clock::Clock;
use crate::graph::names::Name;
use crate::letter::handouts::{self, Addressee, Dated, Setting, Standing};
use crate::rollout::condition::{Conditions, Ground};
use crate::rollout::event::Slot;
use crate::rollout::handed::printed;
use crate::rollout::id::ObjectId;
use crate::rollout::person::PersonState;
use crate::rollout::stage::PhaseName;
use crate::rollout::tail::Openings;
use crate::store::names;
use crate::{say, whisper};

pub(super) fn letters(common: &Common, verb: &Letters) -> Result<Exit, Failure> {
    let stand = stand(common, &verb.place)?;
    stand.has(verb.stage.as_deref())?;
    let people = unreached(&stand, verb.stage.as_deref());
    let instants = instants(&stand, &people);
    let (dated, mut undated): (Vec<_>, Vec<_>) = people.into_iter().zip(instants).partition(|(_, at)| at.is_some());
    // Who holds a letter with the date in force needs none.
    undated.retain(|(person, _)| !person.marks().handed);
    let ids: Vec<ObjectId> = dated.iter().map(|(person, _)| person.id).collect();
    let known = read_names(common, &ids);
    let cached = names::read(&stand.state_dir);
    let to: Vec<Addressee> = dated
        .iter()
        .filter_map(|(person, at)| {
            let name = known.iter().find(|(id, _)| *id == person.id).map(|(_, name)| name.clone());
            let account = name.as_ref().map(|name| name.upn.clone()).or_else(|| cached.get(&person.id).cloned());
            let (display, language) = name.map(|name| (name.display, name.language)).unwrap_or_default();
            Some(Addressee { display, account, language, instant: (*at)? })
        })
        .collect();
    folder(&verb.to)?;
    let file = verb.to.join("letters.html");
    let html = handouts::letters(setting(&stand, verb.language.as_str()), &to);
    write_private(&file, &html.map_err(|error| Failure::because(Exit::Failed, &error))?)?;
    if common.json {
        say!("{}", serde_json::json!({ "file": file, "letters": to.len(), "without_date": undated.len() }));
        return Ok(Exit::Done);
    }
    say!("{} letters written to {}", to.len(), file.display());
    if !undated.is_empty() {
        say!("{} more people cannot be reached and have no date yet: their letters come once they have one", undated.len());
    }
    let mut dates: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for addressee in &to {
        *dates.entry(addressee.instant).or_default() += 1;
    }
    for (date, count) in dates {
        say!("{count} of them name {date}");
    }
    say!("A letter counts as a notice once you say that it was handed over: tidegate handed PERSON --date DATE --reason WHY");
    Ok(Exit::Done)
}

pub(super) fn poster(common: &Common, verb: &Sheet) -> Result<Exit, Failure> {
    sheet(common, verb, handouts::poster)
}

pub(super) fn page(common: &Common, verb: &Sheet) -> Result<Exit, Failure> {
    sheet(common, verb, handouts::page)
}

fn sheet(
    common: &Common,
    verb: &Sheet,
    make: fn(Setting<'_>, &[Dated]) -> Result<String, handouts::Unwritten>,
) -> Result<Exit, Failure> {
    let stand = stand(common, &verb.place)?;
    stand.has(verb.stage.as_deref())?;
    let dates = dates(&stand, verb.stage.as_deref());
    let html = make(setting(&stand, verb.language.as_str()), &dates).map_err(|error| Failure::because(Exit::Failed, &error))?;
    write_public(&verb.to, &html)?;
    if common.json {
        say!("{}", serde_json::json!({ "file": verb.to }));
    } else {
        say!("written to {}", verb.to.display());
    }
    Ok(Exit::Done)
}

pub(super) fn setting<'a>(stand: &'a Stand, language: &'a str) -> Setting<'a> {
    Setting { time_zone: &stand.plan.time_zone, helpdesk: &stand.plan.notices.helpdesk, language, now: stand.now }
}

/// People of a roster or of the tail whom no mail reaches, and of whom MFA is not required yet.
fn unreached(stand: &Stand, stage: Option<&str>) -> Vec<PersonState> {
    let directory = stand.observed.directory.last.as_ref().map(|reading| &reading.value);
    let mailless = |id| directory.and_then(|directory| directory.person(id)).is_some_and(|person| !person.mail);
    let people = stand.state.people.all().iter();
    people
        .filter(|person| stage.is_none_or(|name| stand.state.home_name(person.home()) == name))
        .filter(|person| !person.is_processed() && !person.is_enforced())
        .filter(|person| person.refused().is_some() || mailless(person.id))
        .collect()
}

/// What a letter to each of these people names: what a notice would name now, or else what they were told already, by mail, and still
/// holds.
fn instants(stand: &Stand, people: &[PersonState]) -> Vec<Option<Timestamp>> {
    let revision = stand.state.plan.as_ref().map_or("", |accepted| &accepted.revision);
    let ground = Ground {
        plan: &stand.plan,
        state: &stand.state,
        observed: &stand.observed,
        now: stand.now,
        revision,
        booted: Timestamp::MIN,
        fresh_within: stand.plan.observe.max_age,
        conditions: Conditions::all(),
    };
    let openings = Openings::new(&ground);
    let holds = |person: &PersonState| {
        let promise = person.promise().filter(|promise| *promise > stand.now);
        promise.filter(|_| !person.marks().handed && !person.has_used(Slot::Withdrawn))
    };
    people.iter().map(|person| printed(&ground, &openings, person).or_else(|| holds(person))).collect()
}

/// The names of these people, from the tenant; none where it cannot be asked.
fn read_names(common: &Common, ids: &[ObjectId]) -> Vec<(ObjectId, Name)> {
    if ids.is_empty() {
        return Vec::new();
    }
    let read = || -> Result<Vec<(ObjectId, Name)>, String> {
        let loaded = place::load(common).map_err(|failure| failure.says)?;
        let joined = adapters::over_http(&loaded, &Clock::system(), Arc::default()).map_err(|failure| failure.says)?;
        let runtime = runtime().map_err(|failure| failure.says)?;
        let mut known = Vec::new();
        // No more are held at once.
        for some in ids.chunks(1_000) {
            runtime.block_on(joined.graph.read_names(some)).map_err(|trouble| trouble.why)?;
            known.extend(some.iter().filter_map(|id| Some((*id, joined.graph.names().name(*id)?))));
        }
        Ok(known)
    };
    read().unwrap_or_else(|why| {
        whisper!("tidegate: names were not read ({why}); letters name accounts only");
        Vec::new()
    })
}

/// The dates of the stages as they stand.
fn dates(stand: &Stand, only: Option<&str>) -> Vec<Dated> {
    let stages = (0_u16..).zip(&stand.plan.stages).filter(|(_, stage)| only.is_none_or(|name| name == stage.name));
    stages
        .map(|(ix, stage)| {
            let known = stand.state.stages.get(usize::from(ix));
            let standing = match known.map(|known| known.phase.name()) {
                Some(PhaseName::Done) => Standing::Over,
                Some(PhaseName::Missed | PhaseName::RollingBack | PhaseName::RolledBack | PhaseName::Closed) => Standing::Off,
                _ => Standing::Holds,
            };
            let instant = known.and_then(|_| stand.state.named_instant(ix)).unwrap_or(stage.start.instant);
            Dated { name: stage.name.clone(), instant, standing }
        })
        .collect()
}
