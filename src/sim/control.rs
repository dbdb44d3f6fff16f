//! The tenant's own controls, for tests and demonstrations: `POST /_sim/fault`, `POST /_sim/change`, `GET /_sim/state`.
//!
//! A server answers them on loopback only.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::change::Change;
use super::fault::Fault;
use super::oracle::{Mail, Write};
use super::person::Ability;
use super::reply::Reply;
use super::route::Depth;
use super::tenant::Tenant;

/// Where the controls begin.
pub(super) const PREFIX: &str = "/_sim/";

/// A change, now or when its time comes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Order {
    At { at: Timestamp, change: Change },
    Now(Change),
}

impl Tenant {
    /// Scripts a fault.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.script(fault);
    }

    /// From now on no call meets a fault, scripted or random.
    pub fn end_faults(&mut self) {
        self.faults.forget();
        self.faults.set_rate(0.0);
    }

    /// Mails that the tenant took for its people, in order.
    #[must_use]
    pub fn mails(&self) -> &[Mail] {
        self.oracle.mails()
    }

    /// Writes by which an app made people members of the enforcement group, in order.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        self.oracle.writes()
    }

    /// The state, as `GET /_sim/state` shows it.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> Value {
        let people = self.people.iter().filter(|person| person.exists());
        let capable = people.clone().filter(|person| person.methods.at(now) == Ability::Capable).count();
        let members = self.groups.iter().map(|group| {
            let ids = self.member_ids(group, Depth::Direct, now, None);
            (group.name.clone(), ids.into_iter().map(|id| Value::String(id.to_string())).collect())
        });
        json!({
            "now": now.to_string(),
            "requests": self.requests(),
            "users": people.count(),
            "capable": capable,
            "members": members.collect::<Map<String, Value>>(),
            "mails": self.mails(),
            "writes": self.writes(),
            "violations": self.violations(),
        })
    }

    /// The answer to a control; `None` when the request is none.
    pub(super) fn control(&mut self, now: Timestamp, request: &Request<Bytes>) -> Option<Reply> {
        let name = request.uri().path().strip_prefix(PREFIX)?;
        let done = match (request.method(), name) {
            (&Method::GET, "state") => Ok(self.state(now)),
            (&Method::POST, "fault") => self.take_fault(request.body()),
            (&Method::POST, "change") => self.take_change(now, request.body()),
            _ => Err("there is no such control".to_owned()),
        };
        Some(match done {
            Ok(body) => Reply::value(&body),
            Err(why) => Reply::json(StatusCode::BAD_REQUEST, json!({ "why": why }).to_string()),
        })
    }

    fn take_fault(&mut self, body: &[u8]) -> Result<Value, String> {
        let fault = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        self.fault(fault);
        Ok(json!({}))
    }

    fn take_change(&mut self, now: Timestamp, body: &[u8]) -> Result<Value, String> {
        match serde_json::from_slice(body).map_err(|error| error.to_string())? {
            Order::Now(change) => self.change(now, change).map_err(|error| error.to_string())?,
            Order::At { at, change } => self.change_at(at, change),
        }
        Ok(json!({}))
    }
}
