//! The loop: turn, and sleep until something may be otherwise.

use jiff::{SignedDuration, Timestamp};

use super::step::{Engine, EngineError, Step};
use super::wake::Alarm;
use crate::rollout::event::{By, Event};
use crate::rollout::report::{Standing, needs_human};

/// When the loop ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Only when it is stopped.
    Stopped,
    /// When the last stage is Done or Closed, or only a human can move it.
    Done,
    /// As `Done`, or at this instant.
    Instant(Timestamp),
}

/// How the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was stopped.
    Stopped,
    /// Every stage is over.
    Done,
    /// Only a human can move it; why.
    NeedsHuman(String),
    /// The given instant came.
    Reached,
}

impl Engine {
    /// Runs until the end. `progress` is called after each turn (the watchdog of a service manager is fed there).
    pub async fn run(&mut self, until: Until, mut progress: impl FnMut(&Self)) -> Result<Ending, EngineError> {
        let mut alarm = if self.clock.is_paced() { None } else { Alarm::new().await.map_err(warn).ok() };
        let ending = loop {
            let step = self.step().await?;
            progress(self);
            match step {
                Step::Stopping => break Ending::Stopped,
                Step::Acted => {}
                Step::Idle(wake_at) => {
                    if let Some(ending) = self.ends(until) {
                        break ending;
                    }
                    self.sleep(alarm.as_mut(), wake_at).await?;
                }
            }
        };
        self.end_assisting().await?;
        let why = match &ending {
            Ending::Stopped => "stopped by a signal",
            Ending::Done => "every stage is over",
            Ending::NeedsHuman(_) => "only a human can move it",
            Ending::Reached => "the given instant came",
        };
        self.record(By::Operator, &[Event::Stopped { why: why.to_owned() }])?;
        self.checkpoint();
        self.keep(SignedDuration::ZERO);
        Ok(ending)
    }

    fn ends(&self, until: Until) -> Option<Ending> {
        if until == Until::Stopped {
            return None;
        }
        let reports = self.reports();
        let report = reports.borrow().clone()?;
        if report.standing == Standing::Finished {
            return Some(Ending::Done);
        }
        if let Some(why) = needs_human(&report) {
            return Some(Ending::NeedsHuman(why));
        }
        matches!(until, Until::Instant(at) if self.clock.now() >= at).then_some(Ending::Reached)
    }

    /// Sleeps until `wake_at`, a heartbeat or an input; an input is taken at once.
    async fn sleep(&mut self, alarm: Option<&mut Alarm>, wake_at: Timestamp) -> Result<(), EngineError> {
        let clock = self.clock.clone();
        let (mut landed, mut issued) = (None, None);
        let input = if let Some(alarm) = alarm {
            alarm.set(clock.now(), wake_at).await;
            tokio::select! {
                () = alarm.ring() => None,
                Some(ended) = self.assisting.next() => {
                    issued = Some(ended);
                    None
                }
                answer = self.beside.next() => {
                    landed = answer;
                    None
                }
                input = self.inputs.recv(), if !self.inputs.is_closed() => input,
            }
        } else {
            tokio::select! {
                biased;
                input = self.inputs.recv(), if !self.inputs.is_closed() => input,
                answer = self.beside.next() => {
                    landed = answer;
                    None
                }
                Some(ended) = self.assisting.next() => {
                    issued = Some(ended);
                    None
                }
                () = clock.sleep_until(wake_at) => None,
            }
        };
        if let Some(ended) = issued {
            self.take_issued(ended)?;
        }
        if let Some(landed) = landed {
            self.take_answer(landed);
        }
        input.map_or(Ok(()), |input| self.take_input(input))
    }
}

fn warn(error: impl std::fmt::Display) {
    tracing::warn!(error = %error, "the scheduler cannot start; the engine sleeps by its own clock");
}
