//! `pause` and `unpause`: through the socket of the running daemon; a pause without a daemon is a file.

use super::args::{Common, Pause, Unpause};
use super::{Exit, Failure, place, runtime};
use crate::admin::{AdminError, Request, ask, pause_file};
use crate::engine::command::What;
use crate::say;

pub(super) fn pause(common: &Common, verb: &Pause) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    match send(&loaded.settings.socket, What::Pause { why: verb.reason.clone() }) {
        Err(AdminError::NoDaemon(_)) => {
            let path = pause_file::path(&loaded.settings.state_dir);
            std::fs::write(&path, &verb.reason).map_err(|error| {
                Failure::new(Exit::State, format!("{}: the pause file cannot be written: {error}", path.display()))
            })?;
            say!("no daemon is running; the pause file {} stops the next one, remove it to go on", path.display());
            Ok(Exit::Done)
        }
        answer => tell(answer),
    }
}

pub(super) fn unpause(common: &Common, verb: &Unpause) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    tell(send(&loaded.settings.socket, What::Unpause { allow_start: verb.allow_start }))
}

fn send(socket: &std::path::Path, what: What) -> Result<String, AdminError> {
    match runtime() {
        Ok(runtime) => runtime.block_on(ask(socket, &Request::Command(what))),
        Err(failure) => Err(AdminError::Refused(failure.says)),
    }
}

fn tell(answer: Result<String, AdminError>) -> Result<Exit, Failure> {
    match answer {
        Ok(says) => {
            say!("{says}");
            Ok(Exit::Done)
        }
        Err(error) => Err(Failure::because(Exit::Failed, &error)),
    }
}
