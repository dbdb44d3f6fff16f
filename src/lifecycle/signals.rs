//! Signals as one stream of what they mean. They carry no input: the loop looks for itself what has changed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::StreamExt as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: finish the batch in flight and end.
    Stop,
    /// SIGHUP: read the plan again.
    Reload,
    /// SIGUSR1: write the status to the log.
    Dump,
}

/// The signals of this process, from the moment it listens.
pub struct Signals(signal_hook_tokio::Signals);

impl Signals {
    /// Begins to listen; inside a tokio runtime.
    ///
    /// From now on the first SIGTERM or SIGINT is a [`Signal::Stop`]; any further one ends the process at once, with the
    /// exit code 143 or 130 (128 and the signal's number), even when nothing reads this stream.
    pub fn listen() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the signal that sets the flag does not see it set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1]).map(Self)
    }

    /// The next signal. Equal ones that arrive before they are read may come as one. Dropping the wait loses none.
    pub async fn next(&mut self) -> Signal {
        loop {
            match self.0.next().await {
                Some(SIGTERM | SIGINT) => return Signal::Stop,
                Some(SIGHUP) => return Signal::Reload,
                Some(SIGUSR1) => return Signal::Dump,
                Some(_) => {}
                // The stream ends only when its handle closes it, and there is no handle.
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::low_level::raise;

    use super::*;

    #[tokio::test]
    async fn each_signal_says_what_it_asks_for() {
        let mut signals = Signals::listen().unwrap();
        // One SIGTERM only: the second would end the tests.
        for (number, meaning) in [(SIGHUP, Signal::Reload), (SIGUSR1, Signal::Dump), (SIGTERM, Signal::Stop)] {
            raise(number).unwrap();
            assert_eq!(signals.next().await, meaning);
        }
    }
}
