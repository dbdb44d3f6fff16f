//! The tenant's own controls, for tests and demonstrations: `POST /_sim/fault`, `POST /_sim/change`,
//! `GET /_sim/state`, `GET /_sim/members`.
//!
//! A server answers them on loopback only.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::change::Change;
use super::fault::Fault;
use super::oracle::{List, Mail, MemoMail, Write};
use super::person::Ability;
use super::reply::Reply;
use super::route::Depth;
use super::tenant::Tenant;
use crate::rollout::id::ObjectId;

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

    /// Scripted faults that still wait for calls: their paths, and for how many.
    pub fn waiting_faults(&self) -> impl Iterator<Item = (&str, u32)> {
        self.faults.waiting().map(|fault| (fault.path.as_str(), fault.times))
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

    /// The country in which somebody uses their licences, as its code.
    #[must_use]
    pub fn country(&self, person: ObjectId) -> Option<&'static str> {
        self.by_id.get(&person).and_then(|at| self.people.get(*at)).map(|person| person.whereabouts().0)
    }

    /// Letters that the tenant's helpdesk handed over, in order.
    #[must_use]
    pub fn letters(&self) -> &[Mail] {
        self.oracle.letters()
    }

    /// Mails to operators that the tenant took, in order.
    #[must_use]
    pub fn memos(&self) -> &[MemoMail] {
        self.oracle.memos()
    }

    /// Lists for managers that the tenant took, in order.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        self.oracle.lists()
    }

    /// Writes by which an app ended memberships of the enforcement group, in order.
    #[must_use]
    pub fn releases(&self) -> &[Write] {
        self.oracle.releases()
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
        json!({
            "now": now.to_string(),
            "requests": self.requests(),
            "users": people.count(),
            "capable": capable,
            "members": self.members(now),
            "switches": self.switches_at(now),
            "mails": self.mails(),
            "writes": self.writes(),
            "violations": self.violations(),
        })
    }

    /// Everybody's groups, as `GET /_sim/members` shows them: a part of the state that does not grow with what happens.
    fn members(&self, now: Timestamp) -> Map<String, Value> {
        let members = self.groups.iter().map(|group| {
            let ids = self.member_ids(group, Depth::Direct, now, None);
            (group.name.clone(), ids.into_iter().map(|id| Value::String(id.to_string())).collect())
        });
        members.collect()
    }

    /// The answer to a control; `None` when the request is none.
    pub(super) fn control(&mut self, now: Timestamp, request: &Request<Bytes>) -> Option<Reply> {
        let name = request.uri().path().strip_prefix(PREFIX)?;
        let done = match (request.method(), name) {
            (&Method::GET, "state") => Ok(self.state(now)),
            (&Method::GET, "members") => Ok(json!({ "members": self.members(now) })),
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

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::SignedDuration;

    use super::super::probe::{Probe, calm};
    use super::*;

    fn control(probe: &mut Probe, name: &str, body: Value) -> u16 {
        probe.call(Method::POST, &format!("http://h/_sim/{name}"), &[], Some(body)).0
    }

    #[test]
    fn others_change_the_tenant_now_or_later() {
        let mut probe = Probe::new(calm(60));
        let names = probe.tenant.candidates(probe.now);
        let users = |probe: &mut Probe| probe.all("/users").len();
        let later = super::super::moment::after(probe.now, SignedDuration::from_hours(1)).to_string();
        assert_eq!(control(&mut probe, "change", json!({ "delete-user": names[0] })), 200);
        assert_eq!(control(&mut probe, "change", json!({ "at": later, "change": { "join": 3 } })), 200);
        assert_eq!(users(&mut probe), 59);
        probe.pass(SignedDuration::from_hours(1));
        assert_eq!(users(&mut probe), 62);
        let rename = json!({ "rename": { "person": names[1], "display_name": "N", "upn": "new@contoso.example" } });
        assert_eq!(control(&mut probe, "change", rename), 200);
        assert_eq!(probe.get("/users/new@contoso.example").1["displayName"], "N");
        assert_eq!(probe.get(&format!("/users/{}", names[1])).0, 404);
        assert_eq!(control(&mut probe, "change", json!({ "delete-user": "nobody@x.example" })), 400);
        assert_eq!(control(&mut probe, "change", json!({ "no-such-change": 1 })), 400);
    }

    #[test]
    fn a_write_is_made_though_its_answer_is_lost() {
        let mut probe = Probe::new(calm(60));
        let people = probe.people(2);
        let fault = json!({ "method": "PATCH", "path": "/groups/", "effect": "afterwards", "what": "lost" });
        assert_eq!(control(&mut probe, "fault", fault), 200);
        assert_eq!(probe.bind("MFA Enforced", &people[..1]).0, 0, "lost");
        assert_eq!(probe.bind("MFA Enforced", &people[..1]).0, 400, "but made");
        let (_, state) = probe.call(Method::GET, "http://h/_sim/state", &[], None);
        assert_eq!(state["members"]["MFA Enforced"], json!(people[..1]));
        assert_eq!(state["writes"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn answers_are_spoilt_in_every_scripted_way() {
        let mut probe = Probe::new(calm(60));
        for (what, status, is_listing) in [
            (json!("html"), 200, false),
            (json!("cut"), 200, false),
            (json!("empty-listing"), 200, true),
            (json!({ "status": { "status": 503, "headers": { "retry-after": "7" } } }), 503, false),
        ] {
            assert_eq!(control(&mut probe, "fault", json!({ "path": "/v1.0/users", "what": what })), 200);
            let (answered, body) = probe.get("/users");
            assert_eq!((answered, body["value"].is_array()), (status, is_listing), "{what}: {body}");
            assert_eq!(probe.get("/users").0, 200, "once");
        }
    }
}
