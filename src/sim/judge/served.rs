//! What the tenant told the app: the registration report and the policy, as they came over the wire.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::Value;

use super::rule::Reached;
use crate::rollout::id::ObjectId;
use crate::sim::tenant::{Fate, Tenant};

/// What a row of the registration report said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// `isMfaCapable`.
    Capable,
    /// Registered, but not capable.
    NotAllowed,
    /// Neither.
    Nothing,
    /// Something is missing in it.
    Unclear,
}

/// What was served in this life of the process.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// The last report that came whole: when its reading began, and its rows.
    pub(super) report: Option<(Timestamp, BTreeMap<ObjectId, Row>)>,
    reading: Option<(Timestamp, BTreeMap<ObjectId, Row>)>,
    /// The policy as it was when it was last served.
    pub(super) policy: Option<String>,
}

impl Served {
    pub(super) fn take(&mut self, now: Timestamp, request: &Request<Bytes>, fate: &Fate, tenant: &Tenant, reached: &mut Reached) {
        let Fate::Answer(response) = fate else {
            reached.count("lost answers");
            return;
        };
        if response.status() == 429 {
            let bare = !response.headers().contains_key("retry-after");
            reached.count(if bare { "429 without Retry-After" } else { "429 with Retry-After" });
        }
        if request.method() != Method::GET || response.status() != 200 {
            return;
        }
        let path = request.uri().path();
        if path.ends_with("/userRegistrationDetails") {
            if let Ok(body) = serde_json::from_slice::<Value>(response.body()) {
                self.page(now, request.uri().query().unwrap_or_default(), &body);
            }
        } else if path.contains("/conditionalAccess/policies/") && serde_json::from_slice::<Value>(response.body()).is_ok() {
            self.policy = Some(tenant.policy_text().0);
        }
    }

    fn page(&mut self, now: Timestamp, query: &str, body: &Value) {
        let Some(rows) = body.get("value").and_then(Value::as_array) else { return };
        if !query.contains("skiptoken") || self.reading.is_none() {
            self.reading = Some((now, BTreeMap::new()));
        }
        let Some((_, known)) = &mut self.reading else { return };
        for row in rows {
            let is = |name: &str| row.get(name).and_then(Value::as_bool);
            let said = match (is("isMfaCapable"), is("isMfaRegistered")) {
                (Some(true), _) => Row::Capable,
                (Some(false), Some(true)) => Row::NotAllowed,
                (Some(false), Some(false)) => Row::Nothing,
                _ => Row::Unclear,
            };
            if let Some(id) = row.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()) {
                known.insert(id, said);
            }
        }
        if body.get("@odata.nextLink").is_none() {
            self.report = self.reading.take();
        }
    }
}
