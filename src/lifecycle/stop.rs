//! Stopping: first softly (no new batch, the one in flight finishes), then hard (waits are cut off).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A stop that everybody can wait for. Clones are one and the same.
#[derive(Clone, Debug)]
pub struct Stop {
    soft: CancellationToken,
    hard: CancellationToken,
    grace: Duration,
}

impl Stop {
    /// Real time between the soft and the hard stop. systemd's `TimeoutStopSec` must be longer.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// A stop nobody has asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_grace(Self::GRACE)
    }

    fn with_grace(grace: Duration) -> Self {
        Self { soft: CancellationToken::new(), hard: CancellationToken::new(), grace }
    }

    /// Asks for the soft stop now and for the hard one when the grace has passed. Asking again changes nothing.
    ///
    /// Inside a tokio runtime.
    pub fn begin(&self) {
        if self.soft.is_cancelled() {
            return;
        }
        self.soft.cancel();
        let (hard, grace) = (self.hard.clone(), self.grace);
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            hard.cancel();
        });
    }

    /// Cancelled when nothing new may begin.
    #[must_use]
    pub const fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when nobody may wait any longer: what has no answer then is an outcome `unknown`.
    #[must_use]
    pub const fn hard(&self) -> &CancellationToken {
        &self.hard
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hard_stop_follows_the_soft_one_after_the_grace() {
        let stop = Stop::with_grace(Duration::from_millis(20));
        assert!(!stop.soft().is_cancelled());
        stop.begin();
        stop.clone().begin();
        assert!(stop.soft().is_cancelled() && !stop.hard().is_cancelled());
        stop.hard().cancelled().await;
    }
}
