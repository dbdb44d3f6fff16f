//! `status`: what the daemon published last, and how old that is. Needs no daemon.

use std::path::Path;

use super::args::{Common, Status};
use super::show::{Colours, report};
use super::{Exit, Failure, place};
use crate::clock::Clock;
use crate::config::Whereabouts;
use crate::engine::status::Status as Published;
use crate::{say, store};

pub(super) fn status(common: &Common, verb: &Status) -> Result<Exit, Failure> {
    let Whereabouts { state_dir: state, zone, .. } = place::find(common, &verb.place);
    let mut shown = None;
    loop {
        let published = read(&state)?;
        if shown.as_ref() != Some(&published) {
            if common.json {
                say!("{}", serde_json::to_string(&published).unwrap_or_default());
            } else {
                say!("{}", age(&published));
                for warning in &published.warnings {
                    say!("warning: {warning}");
                }
                say!("{}", report(&published.report, &zone, Colours::of_stdout()).trim_end());
            }
            shown = Some(published);
        }
        if !verb.watch {
            return Ok(Exit::Done);
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// The status that lies in the state folder.
pub(super) fn read(state: &Path) -> Result<Published, Failure> {
    let bytes = store::status::read(state)
        .map_err(|error| Failure::new(Exit::State, format!("{}: the status cannot be read: {error}", state.display())))?
        .ok_or_else(|| {
            let says = format!("{}: nothing has been published yet; start `tidegate run`", state.display());
            Failure::new(Exit::Failed, says)
        })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(Exit::Failed, format!("{}: the status is not readable ({error}); the journal is the truth", state.display()))
    })
}

fn age(published: &Published) -> String {
    let wall = Clock::system().now().duration_since(published.written_at).as_secs().max(0);
    let running = Path::new("/proc").join(published.pid.to_string()).exists();
    let daemon = if running { "the daemon is running" } else { "no daemon is running" };
    format!("{daemon}; published {wall} s ago, at record {}, {} requests", published.seq, published.requests)
}
