//! The ways to require MFA of people, over [`crate::graph`]. The first: a group that a Conditional Access policy includes.
//!
//! Does not decide whom or when. Invariants: a policy or group that anybody could doubt is refused with a sentence of its own; people
//! are only ever added, never taken out.

mod adding;
mod conditional_access;
mod fitness;
mod policy;

#[cfg(test)]
mod tests;

pub use conditional_access::ConditionalAccess;
