//! The pure core: what may be done to whom, when, and why not. No I/O, no async, no clock, no randomness, no logging.

pub mod apply;
#[cfg(test)]
mod apply_tests;
pub mod change;
pub mod condition;
pub mod decide;
#[cfg(test)]
mod decide_tests;
pub mod event;
pub mod gate;
#[cfg(test)]
mod gate_tests;
pub mod guard;
pub mod hold;
pub mod holds;
pub mod id;
pub mod limit;
pub mod moves;
pub mod need;
pub mod observed;
pub mod person;
pub mod plan;
pub mod preflight;
pub mod report;
#[cfg(test)]
pub(crate) mod sample;
pub mod schedule;
pub mod select;
#[cfg(test)]
mod select_tests;
pub mod settle;
pub mod stage;
pub mod state;
pub mod tail;
pub mod told;
pub mod tranche;
