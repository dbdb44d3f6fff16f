//! The operator's door to the running daemon: a Unix socket, one JSON line in, one JSON line out.
//!
//! It decides nothing: a command goes to the engine with the name of its caller, as the kernel gives it, and the status is the
//! one that the engine published last. Whoever may open the socket may command; there is no other authority.

mod caller;
mod client;
mod error;
pub mod pause_file;
mod protocol;
mod server;
mod socket;

pub use caller::login_name;
pub use client::{ask, ask_for_pass};
pub use error::AdminError;
pub use protocol::{Request, Shown};
pub use server::serve;
pub use socket::bind;
