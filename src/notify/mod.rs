//! Telling people: one mail per person, in their language, with a calendar file. `written` says what stands in it, `listed` what in a list for managers, `memos` what
//! in a mail to operators; `mail` carries
//! it through Graph, `smtp` through a mail server.
//!
//! Does not decide whom, when or how often. Invariants: an accepted send is never repeated, and neither is one whose answer was lost;
//! a mail holds the receiver's own data only; the instant it names stands in its headers as well.

mod bounces;
pub mod calendar;
mod lines;
mod listed;
mod mail;
mod memos;
mod sample;
pub mod smtp;
pub mod webhook;
mod written;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lists_tests;
#[cfg(test)]
mod tests;

pub use crate::letter::{Kind, Letter, TextError, Texts};
pub use mail::Mail;
pub use memos::Addresses;
pub use sample::send as send_sample;
