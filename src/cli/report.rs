//! `report`: what came of a stage so far, or the week, as operators get it by mail.
//!
//! Sends nothing and works from the journal, with or without a daemon; what was read of the tenant is what a daemon kept.

use jiff::{SignedDuration, Timestamp};

use super::args::{Common, Report};
use super::standing::stand_seeing;
use super::{Exit, Failure};
use crate::letter::memo;
use crate::rollout::condition::{Conditions, Ground};
use crate::rollout::diary::Diary;
use crate::rollout::digest;
use crate::say;

pub(super) fn report(common: &Common, verb: &Report) -> Result<Exit, Failure> {
    let mut diary = Diary::default();
    let stand = stand_seeing(common, &verb.place, |record| diary.see(record))?;
    let revision = stand.plan.revision();
    let ground = Ground {
        plan: &stand.plan,
        state: &stand.state,
        observed: &stand.observed,
        now: stand.now,
        revision: &revision,
        booted: Timestamp::MIN,
        // Nothing is decided on it.
        fresh_within: SignedDuration::MAX,
        conditions: Conditions::all(),
    };
    let (page, json) = if let Some(name) = &verb.stage {
        let Some((_, stage)) = stand.state.stage(name) else {
            stand.has(Some(name))?;
            return Err(Failure::new(Exit::Failed, format!("nothing has been journalled of `{name}` yet")));
        };
        let facts = digest::stage_end(&ground, &diary, stage);
        (digest::stage_page(&ground, &facts), serde_json::to_string(&facts))
    } else {
        let facts = digest::week(&ground, &diary);
        (digest::week_page(&ground, &facts), serde_json::to_string(&facts))
    };
    if common.json {
        say!("{}", json.unwrap_or_default());
        return Ok(Exit::Done);
    }
    let letter = memo::write(&page);
    say!("{}\n\n{}", letter.subject, letter.text.trim_end());
    Ok(Exit::Done)
}
