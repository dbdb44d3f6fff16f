//! What is published for readers that have no daemon: the report, the journal's head, and when it was written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::port::Tenant;
use crate::rollout::report::Report;

/// The content of `status.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program that wrote it.
    pub program: String,
    /// Process id of the daemon.
    pub pid: u32,
    /// On the wall's clock (UTC), whatever the engine's clock shows.
    pub written_at: Timestamp,
    /// Number of the last record.
    pub seq: u64,
    /// Hash of the last record, in hex.
    pub head: String,
    /// Requests to the tenant since the start.
    pub requests: u64,
    /// What an operator should look at in time; stands against nothing.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The report; its `at` is on the engine's clock.
    pub report: Report,
}

impl Status {
    /// The status as of now.
    #[must_use]
    pub fn new(report: &Report, seq: u64, head: String, tenant: &dyn Tenant) -> Self {
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            written_at: crate::clock::Clock::system().now(),
            seq,
            head,
            requests: tenant.requests(),
            warnings: tenant.warnings(),
            report: report.clone(),
        }
    }
}
