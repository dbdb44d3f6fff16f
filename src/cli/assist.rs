//! `assist`: a Temporary Access Pass for somebody who cannot register otherwise, through the running daemon, which journals it first.
//!
//! The pass is printed once, on the terminal, and kept nowhere.

use secrecy::ExposeSecret as _;

use super::args::{Assist, Common};
use super::show::instant;
use super::{Exit, Failure, place, runtime, who};
use crate::admin::{Request, Shown, ask_for_pass};
use crate::engine::command::{PassOrder, What};
use crate::rollout::event::Uses;
use crate::say;

pub(super) fn assist(common: &Common, verb: &Assist) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let person = who::known(&found.tenant, &found.state_dir, &verb.who).ok_or_else(|| {
        let says = format!("nobody is known as `{}`; give an object id, or a name that a running daemon has read", verb.who);
        Failure::new(Exit::Usage, says)
    })?;
    if verb.reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "--reason: say why; the journal keeps it"));
    }
    let uses = if verb.once { Uses::Once } else { Uses::AsPolicy };
    let order = PassOrder { person, minutes: verb.minutes, uses };
    let request = Request::Command(super::pause::order(&verb.terms, What::Assist { order, why: verb.reason.clone() }));
    let Shown { says, code, minutes, from, uses } =
        runtime()?.block_on(ask_for_pass(&found.socket, &request)).map_err(|error| Failure::because(Exit::Failed, &error))?;
    let code = code.expose_secret();
    if common.json {
        say!("{}", serde_json::json!({ "says": says, "pass": code, "minutes": minutes, "from": from, "uses": uses }));
        return Ok(Exit::Done);
    }
    let often = match uses {
        Uses::Once => "once",
        Uses::AsPolicy => "as often as needed",
    };
    say!("{says}");
    say!("\n    {code}\n");
    say!("It counts for {minutes} minutes from {}, {often}, and is shown only here.", instant(from, &found.zone));
    say!("They sign in at aka.ms/mysecurityinfo with it in place of the password, and add a method there.");
    say!("Read it out only to somebody whom you know, or whose identity you have checked.");
    Ok(Exit::Done)
}
