//! `person`: one screen that answers a call. From the journal and the tenant, or from what the state folder knows alone.
//!
//! Changes nothing. Invariant: what could not be read is named, and never taken for a no.

mod live;
mod screen;
mod show;

use jiff::Timestamp;

use super::args::{Common, Person};
use super::{Exit, Failure, place, who};
use crate::clock::Clock;
use crate::config::Whereabouts;
use crate::engine::status::Status;
use crate::rollout::id::ObjectId;
use crate::rollout::ledger::Ledger;
use crate::say;
use crate::store::kept::Earlier;
use crate::store::{names, status};

use live::Live;
use screen::Screen;

pub(super) fn person(common: &Common, verb: &Person) -> Result<Exit, Failure> {
    let Whereabouts { state_dir, zone, tenant, .. } = place::find(common, &verb.place);
    let earlier = Earlier::begin(&state_dir);
    let names = names::read(&state_dir);
    // Who is meant may only be known once the tenant was asked; records are few beside the people in them.
    let mut records = Vec::new();
    let state = who::replayed(&state_dir, |record| records.push(record))?;
    let tenant = state.plan.as_ref().map_or(tenant, |accepted| accepted.plan.tenant.clone());
    let now = Clock::system().now().max(state.at.unwrap_or(Timestamp::MIN));
    let (observed, roll) = earlier.of(&state, now);
    let known = verb.who.parse().ok().or_else(|| who::among(&tenant, &names, &verb.who));
    let known: Option<ObjectId> = known.or_else(|| roll.named(crate::rollout::id::NameHash::new(&tenant, &verb.who).key()));
    let exempt = state.plan.as_ref().and_then(|accepted| accepted.plan.people.exempt_group.clone());
    let live = if verb.offline {
        Live::unread("the tenant was not asked, as you wished")
    } else {
        live::look(common, (&verb.who, known), roll, exempt.as_deref(), now)
    };
    let id = known.or(live.id).ok_or_else(|| {
        let missing = live.missing.first().map(|why| format!(" ({why})")).unwrap_or_default();
        let says = format!("nobody is known as `{}`{missing}; check how it is written, or give an object id", verb.who);
        Failure::new(Exit::Usage, says)
    })?;
    let mut ledger = Ledger::new(id);
    for record in &records {
        ledger.take(record);
    }
    let published: Option<Status> = status::read(&state_dir).ok().flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let screen = Screen::new(id, names.get(&id).cloned(), (&state, now), &ledger, (observed, live), published.as_ref())?;
    if common.json {
        say!("{}", serde_json::to_string(&screen).unwrap_or_default());
    } else {
        say!("{}", show::text(&screen, &zone).trim_end());
    }
    Ok(Exit::Done)
}
