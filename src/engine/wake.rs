//! What wakes the loop. `tokio-cron-scheduler` only wakes: its one-shots fire up to a second early and its jobs may coincide, so
//! nothing depends on when, or how often, it fires (DESIGN §2).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use uuid::Uuid;

/// A one-shot is set this long after the instant it stands for.
const AFTER: SignedDuration = SignedDuration::from_secs(1);

/// A heartbeat every minute, in UTC, and a one-shot for the next instant that matters.
pub struct Alarm {
    scheduler: JobScheduler,
    wakes: mpsc::Receiver<()>,
    wake: mpsc::Sender<()>,
    shot: Option<(Timestamp, Uuid)>,
}

impl Alarm {
    /// Begins the heartbeat.
    ///
    /// # Errors
    /// When the scheduler cannot start.
    pub async fn new() -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let (wake, wakes) = mpsc::channel(8);
        let beat = wake.clone();
        let heartbeat = Job::new("0 * * * * *", move |_, _| {
            // A full channel means that a wake-up is waiting already.
            let _ = beat.try_send(());
        })?;
        scheduler.add(heartbeat).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, wakes, wake, shot: None })
    }

    /// Sets the one-shot for `at`; replaces the one before. `now` is the current instant.
    pub async fn set(&mut self, now: Timestamp, at: Timestamp) {
        if self.shot.is_some_and(|(set, _)| set == at) {
            return;
        }
        if let Some((_, job)) = self.shot.take() {
            // It may have fired and gone; the heartbeat comes anyway.
            let _ = self.scheduler.remove(&job).await;
        }
        let wait = Duration::try_from(at.duration_since(now).saturating_add(AFTER)).unwrap_or(Duration::from_secs(1));
        let wake = self.wake.clone();
        let job = Job::new_one_shot(wait, move |_, _| {
            let _ = wake.try_send(());
        });
        match job {
            Ok(job) => match self.scheduler.add(job).await {
                Ok(id) => self.shot = Some((at, id)),
                Err(error) => {
                    tracing::warn!(error = %error, "the one-shot could not be set; the heartbeat wakes within a minute");
                }
            },
            Err(error) => tracing::warn!(error = %error, "the one-shot could not be made; the heartbeat wakes within a minute"),
        }
    }

    /// Waits for the next wake-up.
    pub async fn ring(&mut self) {
        // The sender lives as long as the alarm, so a wake-up always comes.
        let _ = self.wakes.recv().await;
        while self.wakes.try_recv().is_ok() {}
    }
}
