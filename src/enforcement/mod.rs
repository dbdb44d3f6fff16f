//! The ways to require MFA of people, over [`crate::graph`]. The first: a group that a Conditional Access policy includes.
//!
//! Does not decide whom or when. Invariants: a policy or group that anybody could doubt is refused with a sentence of its own; people
//! are only ever added, never taken out.

mod adding;
pub(crate) mod collisions;
mod conditional_access;
pub(crate) mod finish;
mod fitness;
mod policy;
pub(crate) mod setup;
mod strength;

#[cfg(test)]
mod tests;

pub use conditional_access::ConditionalAccess;

/// Whether a policy, as the tenant wrote it, grants access for MFA.
pub(crate) fn requires_mfa(policy: &serde_json::Value) -> bool {
    policy::asks_for_mfa(policy)
}
