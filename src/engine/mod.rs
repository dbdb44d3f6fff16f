//! The only runner and the only writer: observe, decide, commit, act, publish, sleep (DESIGN §2).
//!
//! The engine owns the ports it needs. Timer, command, reload and start-up do the same thing: wake the loop.

mod assist;
mod beside;
pub mod command;
mod except;
mod execute;
mod hand;
#[cfg(test)]
mod hand_tests;
pub mod input;
mod intake;
pub mod leave;
mod lists;
mod log;
mod memos;
mod observe;
mod orders;
pub mod port;
mod run;
pub mod status;
mod step;
#[cfg(test)]
mod step_tests;
pub mod survey;
mod undo;
pub mod wake;

pub use run::{Ending, Until};
pub use step::{Engine, EngineError, Parts, Step};
