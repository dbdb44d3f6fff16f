//! `handed`: an operator says that letters with a date were handed over; the running daemon counts them as notices.
//!
//! Decides nothing. Invariant: a list is taken whole; when somebody of it is not known, nothing is sent.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, civil};

use super::args::{Common, Place, Terms};
use super::pause::{send, tell};
use super::{Exit, Failure, place, who};
use crate::config::{self, Whereabouts};
use crate::engine::command::What;
use crate::rollout::id::{NameHash, ObjectId, PersonRef};
use crate::rollout::schedule;
use crate::store::names;

#[derive(Debug, clap::Args)]
pub(super) struct Handed {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    terms: Terms,
    /// Object ids or user principal names.
    #[arg(value_name = "PERSON", required_unless_present = "file", conflicts_with = "file")]
    people: Vec<String>,
    /// A CSV file of people, in their place.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The date that is printed on the letters: RFC 3339, or as 2027-01-18T09:00 in the plan's zone.
    #[arg(long, value_name = "DATE")]
    date: String,
    /// Who handed them over, and how; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    reason: String,
}

pub(super) fn handed(common: &Common, verb: &Handed) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let people = match &verb.file {
        Some(file) => listed(&found, file)?,
        None => verb.people.iter().map(|name| named(&found, name)).collect::<Result<_, _>>()?,
    };
    let date = date(common, &verb.date)?;
    tell(common, send(&found.socket, &verb.terms, What::Handed { people, date, why: verb.reason.clone() }))
}

fn named(found: &Whereabouts, name: &str) -> Result<ObjectId, Failure> {
    who::known(&found.tenant, &found.state_dir, name).ok_or_else(|| {
        let says = format!("`{name}` is nobody whom the running daemon has read; give an object id, or correct the name");
        Failure::new(Exit::Usage, says)
    })
}

fn listed(found: &Whereabouts, file: &Path) -> Result<Vec<ObjectId>, Failure> {
    let people = config::people_of(file, &found.tenant)
        .map_err(|problems| Failure::new(Exit::Usage, format!("the list is not valid\n{problems}")))?;
    let names = names::read(&found.state_dir);
    let by_hash: HashMap<_, _> = names.iter().map(|(id, name)| (NameHash::new(&found.tenant, name), *id)).collect();
    let known = |person: &PersonRef| match person {
        PersonRef::Id(id) => Some(*id),
        PersonRef::Name(name) => by_hash.get(name).copied(),
    };
    let ids: Vec<ObjectId> = people.iter().filter_map(known).collect();
    let unknown = people.len().saturating_sub(ids.len());
    if unknown == 0 {
        return Ok(ids);
    }
    let (file, all) = (file.display(), people.len());
    let says = format!("{file}: nothing was sent: {unknown} of {all} people are nobody whom the running daemon has read");
    Err(Failure::new(Exit::Usage, says))
}

fn date(common: &Common, text: &str) -> Result<Timestamp, Failure> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let wrong = |why: String| Failure::new(Exit::Usage, format!("--date {text}: {why}"));
    let civil: civil::DateTime = text.parse().map_err(|_| wrong("write 2027-01-18T09:00, or 2027-01-18T08:00:00Z".to_owned()))?;
    schedule::resolve(civil, &place::zone_of(&place::load(common)?)).map_err(|gap| wrong(gap.to_string()))
}
