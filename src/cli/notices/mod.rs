//! `notices`: what people are told.

mod preview;

use super::args::{Common, Notices, NoticesVerb};
use super::{Exit, Failure};

pub(super) fn notices(common: &Common, verb: &Notices) -> Result<Exit, Failure> {
    match &verb.verb {
        NoticesVerb::Preview(verb) => preview::preview(common, verb),
    }
}
