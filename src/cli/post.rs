//! `confirm` and `contacts`: what people say for gates. Through the socket.

use super::args::{Common, Confirm, Contacts};
use super::pause::{send, tell};
use super::{Exit, Failure, place};
use crate::engine::command::What;
use crate::rollout::gate::Yes;

pub(super) fn confirm(common: &Common, verb: &Confirm) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let says = if verb.no { Yes::No } else { Yes::Yes };
    let (gate, stage, why) = (verb.gate.clone(), verb.stage.clone(), verb.reason.clone());
    tell(common, send(&found.socket, &verb.terms, What::Confirm { gate, stage, says, why }))
}

pub(super) fn contacts(common: &Common, verb: &Contacts) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let (count, stage, since, why) = (verb.count, verb.stage.clone(), verb.since, verb.reason.clone());
    tell(common, send(&found.socket, &verb.terms, What::Contacts { count, stage, since, why }))
}
