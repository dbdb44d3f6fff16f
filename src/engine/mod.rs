//! The only runner and the only writer: observe, decide, commit, act, publish, sleep (DESIGN §2).

pub mod command;
pub mod port;
