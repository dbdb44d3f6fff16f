//! What is asked for one person: `defer`, `exempt`, `volunteer`, `absent`, `back`, `bounced`. All through the socket.

use std::collections::HashMap;
use std::path::Path;

use super::args::{Bounced, Common, Dated, Place, Single};
use super::pause::{send, tell};
use super::{Exit, Failure, place, who};
use crate::config;
use crate::engine::command::{Asked, Exception, What};
use crate::rollout::id::{NameHash, ObjectId, PersonRef};
use crate::rollout::observed::Bounce;
use crate::store::names;

pub(super) fn defer(common: &Common, verb: &Dated) -> Result<Exit, Failure> {
    until(common, verb, |until| Exception::Defer { until })
}

pub(super) fn exempt(common: &Common, verb: &Dated) -> Result<Exit, Failure> {
    until(common, verb, |until| Exception::Exempt { until })
}

fn until(common: &Common, verb: &Dated, what: impl Fn(jiff::civil::DateTime) -> Exception) -> Result<Exit, Failure> {
    let Some(until) = verb.until else {
        let (socket, person) = found(common, &verb.single.place, &verb.single.person)?;
        return tell(common, send(&socket, &verb.single.terms, What::EndException { person, why: verb.single.reason.clone() }));
    };
    single(common, &verb.single, what(until))
}

pub(super) fn single(common: &Common, verb: &Single, what: Exception) -> Result<Exit, Failure> {
    let (socket, person) = found(common, &verb.place, &verb.person)?;
    let asked = Asked { person, what, why: verb.reason.clone(), owner: verb.owner.clone() };
    tell(common, send(&socket, &verb.terms, What::Except(asked)))
}

pub(super) fn bounced(common: &Common, verb: &Bounced) -> Result<Exit, Failure> {
    if let Some(file) = &verb.file {
        return listed(common, verb, file);
    }
    let found = place::find(common, &verb.place);
    let known = |name: &String| who::known(&found.tenant, &found.state_dir, name).ok_or_else(|| unknown(name));
    let people = verb.people.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    tell(common, send(&found.socket, &verb.terms, What::Bounced { people, why: verb.reason.clone().unwrap_or_default() }))
}

/// A list is taken whole: when somebody of it is not known, nothing is sent.
fn listed(common: &Common, verb: &Bounced, file: &Path) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let zone = place::zone_of(&place::load(common)?);
    let lines = config::bounced(file, &found.tenant, &zone)
        .map_err(|problems| Failure::new(Exit::Usage, format!("the list is not valid\n{problems}")))?;
    let names = names::read(&found.state_dir);
    let by_hash: HashMap<_, _> = names.iter().map(|(id, name)| (NameHash::new(&found.tenant, name), *id)).collect();
    let mut reports = Vec::with_capacity(lines.len());
    let mut unknown = Vec::new();
    for line in lines {
        let known = match line.person {
            PersonRef::Id(id) => Some(id),
            PersonRef::Name(name) => by_hash.get(&name).copied(),
        };
        let why = line.why.or_else(|| verb.reason.clone()).unwrap_or_else(|| "it came back".to_owned());
        match known {
            Some(person) => reports.push(Bounce { person, at: line.at, why }),
            None => unknown.push(line.line.to_string()),
        }
    }
    if !unknown.is_empty() {
        let says = format!(
            "{}: nothing was sent: whom these lines name is nobody whom the running daemon has read: {}",
            file.display(),
            unknown.join(", ")
        );
        return Err(Failure::new(Exit::Usage, says));
    }
    tell(common, send(&found.socket, &verb.terms, What::Returned(reports)))
}

fn found(common: &Common, where_it_is: &Place, name: &str) -> Result<(std::path::PathBuf, ObjectId), Failure> {
    let found = place::find(common, where_it_is);
    let person = who::known(&found.tenant, &found.state_dir, name).ok_or_else(|| unknown(name))?;
    Ok((found.socket, person))
}

pub(super) fn unknown(name: &str) -> Failure {
    let says = format!("`{name}` is nobody whom the running daemon has read; give an object id, or correct the name");
    Failure::new(Exit::Usage, says)
}
