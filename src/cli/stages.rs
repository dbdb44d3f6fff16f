//! What is said of a stage, of a revision, or of the whole rollout: `start-late`, `rebook`, `skip`, `cancel`, `rollback`, `override`,
//! `approve`, `reject`, `abort`. All through the socket.

use super::args::{Abort, Common, OfRevision, OfStage, Override, Rebook, Rollback};
use super::pause::{send, tell};
use super::{Exit, Failure, place};
use crate::engine::command::What;
use crate::rollout::closing;
use crate::rollout::release::Extent;

pub(super) fn start_late(common: &Common, verb: &OfStage) -> Result<Exit, Failure> {
    said(common, verb, |stage, why| What::StartLate { stage, why })
}

pub(super) fn skip(common: &Common, verb: &OfStage) -> Result<Exit, Failure> {
    said(common, verb, |stage, why| What::Skip { stage, why })
}

pub(super) fn cancel(common: &Common, verb: &OfStage) -> Result<Exit, Failure> {
    said(common, verb, |stage, why| What::Cancel { stage, why })
}

pub(super) fn rebook(common: &Common, verb: &Rebook) -> Result<Exit, Failure> {
    said(common, &verb.of, |stage, why| What::Rebook { stage, start: verb.start, why })
}

pub(super) fn rollback(common: &Common, verb: &Rollback) -> Result<Exit, Failure> {
    let extent = if verb.only { Extent::Only } else { Extent::AndBehind };
    said(common, &verb.of, |stage, why| What::Rollback { stage, extent, why })
}

pub(super) fn abort(common: &Common, verb: &Abort) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let how = if verb.revert { closing::Abort::Revert } else { closing::Abort::Keep };
    tell(common, send(&found.socket, &verb.terms, What::Abort { how, why: verb.reason.clone() }))
}

pub(super) fn of_revision(common: &Common, verb: &OfRevision, what: fn(String, String) -> What) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    tell(common, send(&found.socket, &verb.terms, what(verb.revision.clone(), verb.reason.clone())))
}

pub(super) fn pass(common: &Common, verb: &Override) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    let what = What::Override {
        what: verb.what.clone(),
        stage: verb.stage.clone(),
        evidence: verb.evidence.clone(),
        until: verb.until,
        why: verb.reason.clone(),
    };
    tell(common, send(&found.socket, &verb.terms, what))
}

fn said(common: &Common, verb: &OfStage, what: impl FnOnce(String, String) -> What) -> Result<Exit, Failure> {
    let found = place::find(common, &verb.place);
    tell(common, send(&found.socket, &verb.terms, what(verb.stage.clone(), verb.reason.clone())))
}
