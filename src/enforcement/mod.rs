//! The ways to require MFA of people, over [`crate::graph`]: a group that a Conditional Access policy includes, each person's own
//! state, or security defaults for everybody.
//!
//! Does not decide whom or when. Invariants: a policy or group that anybody could doubt is refused with a sentence of its own; nobody
//! is deleted, and nobody is released but by [`crate::engine::port::Enforce::release`].

mod adding;
mod break_glass;
mod colliding;
pub(crate) mod collisions;
mod conditional_access;
mod enforcer;
pub(crate) mod finish;
mod fitness;
mod foreseeing;
pub(crate) mod offering;
mod per_user;
mod policy;
mod releasing;
pub(crate) mod setup;
mod strength;
mod switching;

#[cfg(test)]
mod tests;

pub use enforcer::Enforcer;

/// The id of a policy, as the tenant wrote it.
pub(crate) fn policy_id(policy: &serde_json::Value) -> Option<crate::rollout::id::ObjectId> {
    policy::id(policy)
}

/// Whether one of these is the id or name of a policy.
pub(crate) fn is_named(policy: &serde_json::Value, names: &[String]) -> bool {
    policy::is_named(policy, names)
}

/// Whether a policy, as the tenant wrote it, grants access for MFA.
pub(crate) fn requires_mfa(policy: &serde_json::Value) -> bool {
    policy::asks_for_mfa(policy)
}

/// Why a policy about everybody would not require MFA of them always; empty when it does.
pub(crate) fn problems_for_everybody(policy: &serde_json::Value) -> Vec<String> {
    policy::problems_for_everybody(policy)
}
