//! The process among others: signals, the service manager, and stopping in order.
//!
//! It decides nothing about the rollout: a signal wakes the engine's loop, and a soft stop lets the batch in flight finish.
//! A second SIGTERM or SIGINT always ends the process at once.

mod signals;
mod stop;
mod systemd;

pub use signals::{Signal, Signals};
pub use stop::Stop;
pub use systemd::{Pulse, feed_watchdog, ready, reloading, status, stopping};
