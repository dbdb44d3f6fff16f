//! A small client for the tests of the endpoints: a token, and calls at a time that the test sets.

use bytes::Bytes;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::moment::after;
use super::person::Kind;
use super::profile::{Profile, Quotas};
use super::tenant::{Fate, Tenant};

pub(super) struct Probe {
    pub(super) tenant: Tenant,
    pub(super) now: Timestamp,
    token: String,
}

/// A small tenant without quotas, faults and empty pages.
pub(super) fn calm(users: usize) -> Profile {
    let quotas = Quotas { writes: 0, units: 0, policies: 0, reports: 0, mails: 0, recipients: 0 };
    let lifetime = SignedDuration::from_hours(24 * 365);
    Profile { users, quotas, empty_pages: 0.0, missing_rows: 0.0, token_lifetime: lifetime, ..Profile::default() }
}

impl Probe {
    pub(super) fn new(profile: Profile) -> Self {
        let now = "2027-01-11T08:00:00Z".parse().unwrap();
        let mut probe = Self { tenant: Tenant::new(profile), now, token: String::new() };
        let form = "grant_type=client_credentials&client_id=6f6f6f6f-0000-4000-8000-000000000001&scope=https%3A%2F%2Fg%2F.default&client_secret=simulated-secret";
        let path = "/contoso.example/oauth2/v2.0/token";
        let request = Request::post(format!("http://127.0.0.1:9{path}")).body(Bytes::from_static(form.as_bytes())).unwrap();
        let (status, body) = probe.send(&request);
        assert_eq!(status, 200, "{body}");
        probe.token = body["access_token"].as_str().unwrap().to_owned();
        probe
    }

    pub(super) fn pass(&mut self, time: SignedDuration) {
        self.now = after(self.now, time);
    }

    /// Sends a request as it is.
    pub(super) fn send(&mut self, request: &Request<Bytes>) -> (u16, Value) {
        let Fate::Answer(response) = self.tenant.answer(self.now, request) else { return (0, Value::Null) };
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        let mut body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if let (Some(wait), Some(members)) = (response.headers().get("retry-after"), body.as_object_mut()) {
            members.insert("retry-after".to_owned(), wait.to_str().unwrap().into());
        }
        (response.status().as_u16(), body)
    }

    /// Calls a path below the version, or a whole link.
    pub(super) fn call(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> (u16, Value) {
        let path = path.replace(' ', "%20");
        let uri = if path.starts_with("http") { path } else { format!("http://127.0.0.1:9/v1.0{path}") };
        let mut request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        self.send(&request.body(body).unwrap())
    }

    pub(super) fn get(&mut self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, &[], None)
    }

    pub(super) fn post(&mut self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, &[], Some(body))
    }

    /// Every row of a listing, over all pages.
    pub(super) fn all(&mut self, path: &str) -> Vec<Value> {
        let (mut rows, mut next) = (Vec::new(), path.to_owned());
        loop {
            let (status, mut body) = self.get(&next);
            assert_eq!(status, 200, "{body}");
            rows.append(body["value"].as_array_mut().unwrap());
            match body["@odata.nextLink"].as_str() {
                Some(link) => next = link.to_owned(),
                None => return rows,
            }
        }
    }

    /// The id of the group with this name.
    pub(super) fn group(&self, name: &str) -> String {
        self.tenant.group_named(name).unwrap().id_text.clone()
    }

    /// Ids of ordinary people who may be enforced.
    pub(super) fn people(&self, count: usize) -> Vec<String> {
        let candidates = self.tenant.candidates(self.now);
        candidates.iter().take(count).map(|name| self.tenant.person(name).unwrap().id_text.clone()).collect()
    }

    /// The id of somebody of this kind.
    pub(super) fn somebody(&self, kind: Kind) -> String {
        self.tenant.people.iter().find(|person| person.kind == kind).unwrap().id_text.clone()
    }

    pub(super) fn bind(&mut self, group: &str, ids: &[String]) -> (u16, Value) {
        let references: Vec<String> = ids.iter().map(|id| format!("http://127.0.0.1:9/v1.0/directoryObjects/{id}")).collect();
        let group = self.group(group);
        self.call(Method::PATCH, &format!("/groups/{group}"), &[], Some(json!({ "members@odata.bind": references })))
    }

    /// Mails a notice that names `instant`.
    pub(super) fn notify(&mut self, id: &str, instant: Timestamp, notice: &str) -> (u16, Value) {
        let address = self.tenant.person(id).unwrap().mail.clone();
        let message = json!({
            "subject": "s",
            "body": { "contentType": "Text", "content": "c" },
            "toRecipients": [{ "emailAddress": { "address": address } }],
            "internetMessageHeaders": [
                { "name": "x-tidegate-instant", "value": instant.to_string() },
                { "name": "x-tidegate-notice", "value": notice },
            ],
        });
        self.post("/users/it-security@contoso.example/sendMail", json!({ "message": message, "saveToSentItems": false }))
    }
}
