//! Leave to write to the tenant: given with each order, taken back when a pause or a stop comes.
//!
//! Does not decide. Invariant: once taken back it is never given again; whoever writes asks for it right before each request leaves,
//! repeated ones too.

use tokio_util::sync::CancellationToken;

use crate::rollout::event::Event;
use crate::rollout::hold::Blocks;
use crate::rollout::stage::PhaseName;

/// Leave to send what an order asks for. Clones are taken back together.
#[derive(Clone, Debug, Default)]
pub struct Leave(CancellationToken);

impl Leave {
    /// Whether it still holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.0.is_cancelled()
    }

    /// Takes it back: nothing further leaves, and whoever waits to send gives up.
    pub fn take_back(&self) {
        self.0.cancel();
    }

    /// Waits until it is taken back.
    pub async fn taken_back(&self) {
        self.0.cancelled().await;
    }
}

/// The leave of the order under way, by direction.
#[derive(Default)]
pub(super) struct Leaves {
    forward: Leave,
    back: Leave,
}

impl Leaves {
    /// Leave for an order that requires MFA of people.
    pub(super) fn forward(&mut self) -> Leave {
        self.forward = Leave::default();
        self.forward.clone()
    }

    /// Leave for an order that undoes.
    pub(super) fn back(&mut self) -> Leave {
        self.back = Leave::default();
        self.back.clone()
    }

    /// Nothing forward leaves any more.
    pub(super) fn stop_forward(&self) {
        self.forward.take_back();
    }

    /// Nothing leaves any more.
    pub(super) fn stop(&self) {
        self.forward.take_back();
        self.back.take_back();
    }

    /// Takes back what the pauses and rollbacks among these records stop: of whatever scope, since what is left is decided anew.
    pub(super) fn heed(&self, events: &[Event]) {
        for event in events {
            match event {
                Event::Paused { blocks: Blocks::All, .. } => self.stop(),
                Event::Paused { blocks: Blocks::Forward, .. }
                | Event::StageMoved { to: PhaseName::RollingBack, .. }
                | Event::TailRollback { .. } => self.stop_forward(),
                _ => {}
            }
        }
    }
}
