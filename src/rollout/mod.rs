//! The pure core: what may be done to whom, when, and why not. No I/O, no async, no clock, no randomness, no logging.

pub mod event;
pub mod hold;
pub mod id;
pub mod observed;
pub mod plan;
pub mod schedule;
pub mod stage;
