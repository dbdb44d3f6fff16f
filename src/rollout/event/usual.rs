//! What a record means where it leaves something out.

use crate::rollout::hold::{Blocks, Scope};
use crate::rollout::state::PAUSED;

pub(super) fn is_rollout(scope: &Scope) -> bool {
    *scope == Scope::Rollout
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(super) fn is_forward(blocks: &Blocks) -> bool {
    *blocks == Blocks::Forward
}

/// The hold of a record from before others could be ended.
pub(super) fn pause() -> String {
    PAUSED.to_owned()
}

pub(super) fn is_pause(hold: &str) -> bool {
    hold == PAUSED
}
