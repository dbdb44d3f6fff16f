//! `pause`, `unpause` and `rollback`: through the socket of the running daemon; a pause without a daemon is a file.

use super::args::{Common, Pause, Rollback, Unpause};
use super::exit::chain;
use super::{Exit, Failure, place, runtime};
use crate::admin::{AdminError, Request, ask, pause_file};
use crate::engine::command::What;
use crate::say;

pub(super) fn pause(common: &Common, verb: &Pause) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    match send(&found.socket, What::Pause { why: verb.reason.clone() }) {
        Err(AdminError::NoDaemon(_)) => {
            let path = pause_file::path(&found.state_dir);
            std::fs::write(&path, &verb.reason).map_err(|error| {
                Failure::new(Exit::State, format!("{}: the pause file cannot be written: {error}", path.display()))
            })?;
            let says = format!("no daemon is running; the pause file {} stops the next one, remove it to go on", path.display());
            tell(common, Ok(says))
        }
        answer => tell(common, answer),
    }
}

pub(super) fn unpause(common: &Common, verb: &Unpause) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let answer = send(&found.socket, What::Unpause { allow_start: verb.allow_start });
    // The file pauses by itself, whatever the daemon answers.
    if let Ok(Some(_)) = pause_file::read(&found.state_dir) {
        let file = pause_file::path(&found.state_dir);
        let answered = answer.unwrap_or_else(|error| chain(&error));
        let says = format!("the pause file {} still pauses; remove it to go on (the daemon: {answered})", file.display());
        return Err(Failure::new(Exit::Blocked, says));
    }
    tell(common, answer)
}

pub(super) fn rollback(common: &Common, verb: &Rollback) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    tell(common, send(&found.socket, What::Rollback { stage: verb.stage.clone(), why: verb.reason.clone() }))
}

pub(super) fn send(socket: &std::path::Path, what: What) -> Result<String, AdminError> {
    match runtime() {
        Ok(runtime) => runtime.block_on(ask(socket, &Request::Command(what))),
        Err(failure) => Err(AdminError::Refused(failure.says)),
    }
}

pub(super) fn tell(common: &Common, answer: Result<String, AdminError>) -> Result<Exit, Failure> {
    match answer {
        Ok(says) => {
            if common.json {
                say!("{}", serde_json::json!({ "says": says }));
            } else {
                say!("{says}");
            }
            Ok(Exit::Done)
        }
        Err(error) => Err(Failure::because(Exit::Failed, &error)),
    }
}
