//! `rebook`, and what is asked for one person: `defer`, `exempt`, `volunteer`, `absent`, `back`, `bounced`. All through the socket.

use super::args::{Bounced, Common, Dated, Place, Rebook, Single};
use super::pause::{send, tell};
use super::{Exit, Failure, place, who};
use crate::engine::command::{Asked, Exception, What};
use crate::rollout::id::ObjectId;

pub(super) fn rebook(common: &Common, verb: &Rebook) -> Result<Exit, Failure> {
    let socket = place::find(common, &verb.place).socket;
    let what = What::Rebook { stage: verb.stage.clone(), start: verb.start, why: verb.reason.clone() };
    tell(common, send(&socket, what))
}

pub(super) fn defer(common: &Common, verb: &Dated) -> Result<Exit, Failure> {
    until(common, verb, |until| Exception::Defer { until })
}

pub(super) fn exempt(common: &Common, verb: &Dated) -> Result<Exit, Failure> {
    until(common, verb, |until| Exception::Exempt { until })
}

fn until(common: &Common, verb: &Dated, what: impl Fn(jiff::civil::DateTime) -> Exception) -> Result<Exit, Failure> {
    let Some(until) = verb.until else {
        let (socket, person) = found(common, &verb.single.place, &verb.single.person)?;
        return tell(common, send(&socket, What::EndException { person, why: verb.single.reason.clone() }));
    };
    single(common, &verb.single, what(until))
}

pub(super) fn single(common: &Common, verb: &Single, what: Exception) -> Result<Exit, Failure> {
    let (socket, person) = found(common, &verb.place, &verb.person)?;
    let asked = Asked { person, what, why: verb.reason.clone(), owner: verb.owner.clone() };
    tell(common, send(&socket, What::Except(asked)))
}

pub(super) fn bounced(common: &Common, verb: &Bounced) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let known = |name: &String| who::known(&found.tenant, &found.state_dir, name).ok_or_else(|| unknown(name));
    let people = verb.people.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    tell(common, send(&found.socket, What::Bounced { people, why: verb.reason.clone() }))
}

fn found(common: &Common, where_it_is: &Place, name: &str) -> Result<(std::path::PathBuf, ObjectId), Failure> {
    let found = place::find(common, where_it_is);
    let person = who::known(&found.tenant, &found.state_dir, name).ok_or_else(|| unknown(name))?;
    Ok((found.socket, person))
}

fn unknown(name: &str) -> Failure {
    let says = format!("`{name}` is nobody whom the running daemon has read; give an object id, or correct the name");
    Failure::new(Exit::Usage, says)
}
