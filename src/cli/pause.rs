//! `pause` and `unpause`: through the socket of the running daemon; a pause without a daemon is a file.

use super::args::{Common, Pause, Terms, Unpause};
use super::exit::chain;
use super::{Exit, Failure, place, runtime, who};
use crate::admin::{AdminError, Request, ask, pause_file};
use crate::engine::command::{FILE_IS_FORWARD, Order, What};
use crate::rollout::hold::{Blocks, Scope};
use crate::rollout::pause::Ending;
use crate::say;

pub(super) fn pause(common: &Common, verb: &Pause) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let why = verb.why.clone().or_else(|| verb.reason.clone()).unwrap_or_default();
    let scope = match (&verb.stage, &verb.person) {
        (Some(stage), _) => Scope::Stage(stage.clone()),
        (None, Some(name)) => {
            let person = who::known(&found.tenant, &found.state_dir, name).ok_or_else(|| super::except::unknown(name))?;
            Scope::Person(person)
        }
        (None, None) => Scope::Rollout,
    };
    let blocks = if verb.all { Blocks::All } else { Blocks::Forward };
    let whole = scope == Scope::Rollout;
    let what = What::Pause { why: why.clone(), scope, blocks, until: verb.until };
    match send(&found.socket, &verb.terms, what) {
        Err(error) if whole && error.is_undecided() => {
            let says = by_file(&found.state_dir, &why, &error)?;
            if blocks == Blocks::All {
                return Err(Failure::new(Exit::Failed, format!("{says}; {FILE_IS_FORWARD}")));
            }
            tell(common, Ok(says))
        }
        Err(error @ AdminError::NoDaemon(_)) => {
            let says = format!("{error}; without one only the whole rollout can be paused: leave --stage and --person out");
            Err(Failure::new(Exit::Failed, says))
        }
        answer => tell(common, answer),
    }
}

/// Pauses by the file, since no daemon did.
fn by_file(state: &std::path::Path, why: &str, undecided: &AdminError) -> Result<String, Failure> {
    let path = pause_file::path(state);
    pause_file::make(state, why).map_err(|error| {
        let says = format!("{}: the pause file cannot be made: {error}; without it nothing is paused", path.display());
        Failure::new(Exit::State, says)
    })?;
    let file = path.display();
    Ok(if matches!(undecided, AdminError::NoDaemon(_)) {
        format!("no daemon is running; the pause file {file} stops the next one, remove it to go on")
    } else {
        let why = chain(undecided);
        format!("the daemon did not confirm ({why}); the pause file {file} stops it and the next one, remove it to go on")
    })
}

pub(super) fn unpause(common: &Common, verb: &Unpause) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let Unpause { hold, ack, allow_start, reason, .. } = verb;
    let ending = Ending { hold: hold.clone(), ack: ack.clone(), allow_start: *allow_start, why: reason.clone() };
    let answer = send(&found.socket, &verb.terms, What::Unpause(ending));
    // The file pauses by itself, whatever the daemon answers.
    if let Ok(Some(_)) = pause_file::read(&found.state_dir) {
        let file = pause_file::path(&found.state_dir);
        let answered = answer.unwrap_or_else(|error| chain(&error));
        let says = format!("the pause file {} still pauses; remove it to go on (the daemon: {answered})", file.display());
        return Err(Failure::new(Exit::Blocked, says));
    }
    tell(common, answer)
}

pub(super) fn send(socket: &std::path::Path, terms: &Terms, what: What) -> Result<String, AdminError> {
    let request = Request::Command(order(terms, what));
    match runtime() {
        Ok(runtime) => runtime.block_on(ask(socket, &request)),
        Err(failure) => Err(AdminError::Refused(failure.says)),
    }
}

pub(super) fn order(terms: &Terms, what: What) -> Order {
    Order { what, if_revision: terms.if_revision.clone(), key: terms.key.clone() }
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
