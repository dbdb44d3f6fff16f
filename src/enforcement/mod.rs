//! The ways to require MFA of people, over [`crate::graph`]: a group that a Conditional Access policy includes, each person's own
//! state, or security defaults for everybody.
//!
//! Does not decide whom or when. Invariants: a policy or group that anybody could doubt is refused with a sentence of its own; nobody
//! is deleted, and nobody is released but by [`crate::engine::port::Enforce::release`].

mod adding;
mod break_glass;
pub(crate) mod collisions;
mod conditional_access;
mod enforcer;
pub(crate) mod finish;
mod fitness;
mod per_user;
mod policy;
mod releasing;
pub(crate) mod setup;
mod strength;
mod switching;

#[cfg(test)]
mod tests;

pub use enforcer::Enforcer;

/// Whether a policy, as the tenant wrote it, grants access for MFA.
pub(crate) fn requires_mfa(policy: &serde_json::Value) -> bool {
    policy::asks_for_mfa(policy)
}
