//! `/$batch`: up to 20 calls, answered in any order; each counts for itself, and a child of a failed one fails with 424.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::call::Call;
use super::fault::Effect;
use super::json::quote;
use super::reply::{Answer, Body, Refusal, Reply};
use super::tenant::Tenant;

/// Most calls of a batch.
const CALLS: usize = 20;
/// Calls to one mailbox service that it takes at once.
const MAILS: usize = 4;

#[derive(Deserialize)]
struct Envelope {
    requests: Vec<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    body: Option<Value>,
    #[serde(default, alias = "depends_on")]
    depends_on: Vec<String>,
}

impl Tenant {
    pub(super) fn batch(&mut self, now: Timestamp, roles: &[String], call: &Call) -> Answer {
        if call.method != Method::POST {
            return Err(Refusal::not_allowed());
        }
        let envelope: Envelope =
            serde_json::from_value(call.json()?).map_err(|_| Refusal::bad("BadRequest", "Invalid batch payload format."))?;
        let requests = envelope.requests;
        if requests.len() > CALLS {
            return Err(Refusal::bad("MaximumValueExceeded", "Number of batch request steps exceeds the maximum value of 20."));
        }
        let mut statuses: HashMap<String, StatusCode> = HashMap::new();
        let (mut answers, mut mails) = (Vec::with_capacity(requests.len()), 0);
        for request in &requests {
            let id = request.id.to_lowercase();
            if id.is_empty() || statuses.contains_key(&id) {
                return Err(Refusal::bad(
                    "BadRequest",
                    format!("The id '{}' is missing or used twice in the batch.", request.id),
                ));
            }
            statuses.insert(id, StatusCode::OK);
        }
        statuses.clear();
        for request in &requests {
            let failed = |parent: &String| statuses.get(&parent.to_lowercase()).is_none_or(|status| !status.is_success());
            let is_mail = request.url.ends_with("/sendMail") && request.depends_on.is_empty();
            mails += usize::from(is_mail);
            let reply = if request.depends_on.iter().any(failed) {
                let why = "The request depends on one that failed.";
                self.refuse(Refusal::new(StatusCode::FAILED_DEPENDENCY, "FailedDependency", why), now, &call.headers)
            } else if is_mail && mails > MAILS {
                let mut refusal = Refusal::throttled(Some(1.5));
                (refusal.code, refusal.message) =
                    ("ApplicationThrottled", "Application is over its MailboxConcurrency limit.".to_owned());
                self.refuse(refusal, now, &call.headers)
            } else {
                self.batched(now, roles, call, request)
            };
            statuses.insert(request.id.to_lowercase(), reply.status);
            answers.push(written(&request.id, &reply));
        }
        // the order is nobody's promise
        for last in (1..answers.len()).rev() {
            let other = self.shuffle.below(last + 1);
            answers.swap(last, other);
        }
        Ok(Reply::ok(format!("{{\"responses\":[{}]}}", answers.join(","))))
    }

    fn batched(&mut self, now: Timestamp, roles: &[String], outer: &Call, request: &Request) -> Reply {
        let answer = inner(outer, request).map(|call| {
            let path = format!("/{}/{}", call.version, call.segments.join("/"));
            let fault = self.faults.meet(&call.method, &path, || call.query());
            let fault = fault.map(|(misfortune, effect)| (misfortune.of_a_member(), effect));
            if let Some((misfortune, Effect::Instead)) = &fault {
                return misfortune.reply(now);
            }
            let reply = self.single(now, roles, &call);
            let reply = reply.unwrap_or_else(|refusal| self.refuse(refusal, now, &outer.headers));
            match fault {
                Some((misfortune, _)) => misfortune.spoil(reply, now),
                None => reply,
            }
        });
        answer.unwrap_or_else(|refusal| self.refuse(refusal, now, &outer.headers))
    }
}

/// The member as a call of its own; its address may be relative or absolute.
fn inner(outer: &Call, request: &Request) -> Result<Call, Refusal> {
    let bad = |why: &str| Refusal::bad("BadRequest", why);
    let rest = request.url.strip_prefix(&outer.root).unwrap_or(&request.url).trim_start_matches('/');
    let rest = rest.strip_prefix(&format!("{}/", outer.version)).unwrap_or(rest);
    let uri: Uri =
        format!("/{}/{}", outer.version, rest.replace(' ', "%20")).parse().map_err(|_| bad("Invalid URL in the batch."))?;
    let method: Method = request.method.parse().map_err(|_| bad("Invalid method in the batch."))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    let body = match &request.body {
        Some(body) if headers.contains_key("content-type") => Bytes::from(body.to_string()),
        Some(_) => return Err(bad("Write request id does not contain Content-Type header or body.")),
        None => Bytes::new(),
    };
    Call::new(method, outer.root.clone(), &uri, headers, body).ok_or_else(|| bad("Invalid URL in the batch."))
}

/// One answer inside the envelope.
fn written(id: &str, reply: &Reply) -> String {
    let mut out = String::from("{\"id\":");
    quote(&mut out, id);
    out.push_str(",\"status\":");
    out.push_str(reply.status.as_str());
    out.push_str(",\"headers\":{\"Cache-Control\":\"no-cache\"");
    for (name, value) in &reply.headers {
        // names of headers vary in case from one service behind the API to the next
        let name = if name.as_str() == "retry-after" { "Retry-After" } else { name.as_str() };
        out.push(',');
        quote(&mut out, name);
        out.push(':');
        quote(&mut out, value);
    }
    match &reply.body {
        Body::None => out.push_str("}}"),
        Body::Json(body) => {
            out.push_str(",\"Content-Type\":\"application/json\"},\"body\":");
            out.push_str(&String::from_utf8_lossy(body));
            out.push('}');
        }
        Body::Text(body) => {
            out.push_str(",\"Content-Type\":\"text/plain\"},\"body\":");
            quote(&mut out, &String::from_utf8_lossy(body));
            out.push('}');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fault::{Effect, Fault, Misfortune};
    use super::super::probe::{Probe, calm};
    use super::super::tenant::ENFORCED_GROUP;

    fn statuses(body: &Value) -> Vec<(String, u64)> {
        let rows = body["responses"].as_array().unwrap().iter();
        let mut statuses: Vec<_> =
            rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row["status"].as_u64().unwrap())).collect();
        statuses.sort();
        statuses
    }

    #[test]
    fn members_are_answered_each_for_itself() {
        let mut probe = Probe::new(calm(60));
        let (group, person) = (probe.group(ENFORCED_GROUP), probe.people(1).remove(0));
        let bind = json!({ "members@odata.bind": [format!("https://graph.microsoft.com/v1.0/directoryObjects/{person}")] });
        let headers = json!({ "content-type": "application/json" });
        let requests = json!([
            { "id": "a", "method": "PATCH", "url": format!("/groups/{group}"), "headers": headers, "body": bind },
            { "id": "b", "method": "PATCH", "url": format!("http://127.0.0.1:9/v1.0/groups/{group}"), "headers": headers, "body": bind },
            { "id": "c", "method": "GET", "url": "users/bg1@contoso.example?$select=id", "dependsOn": ["b"] },
            { "id": "d", "method": "GET", "url": "/users?$top=1&$filter=department eq 'Finance'" },
            { "id": "e", "method": "PATCH", "url": format!("/groups/{group}"), "body": bind },
        ]);
        let (status, body) = probe.post("/$batch", json!({ "requests": requests }));
        assert_eq!(status, 200);
        let expected = [("a", 204), ("b", 400), ("c", 424), ("d", 200), ("e", 400)].map(|(id, status)| (id.to_owned(), status));
        assert_eq!(statuses(&body), expected);
    }

    #[test]
    fn what_is_no_batch_is_refused_whole() {
        let mut probe = Probe::new(calm(60));
        let get = |id: usize| json!({ "id": id.to_string(), "method": "GET", "url": "/users?$top=1" });
        let twice = json!([{ "id": "x", "method": "GET", "url": "/users" }, { "id": "X", "method": "GET", "url": "/users" }]);
        for requests in [twice, Value::Array((0..21).map(get).collect()), json!("no")] {
            assert_eq!(probe.post("/$batch", json!({ "requests": requests })).0, 400);
        }
    }

    #[test]
    fn a_fault_meets_members_one_by_one() {
        let mut probe = Probe::new(calm(60));
        let what = Misfortune::Status { status: 429, headers: [("Retry-After".to_owned(), "2.5".to_owned())].into(), body: None };
        probe.tenant.fault(Fault { method: None, path: "/users".to_owned(), times: 1, skip: 0, effect: Effect::Instead, what });
        let get = |id: usize| json!({ "id": id.to_string(), "method": "GET", "url": "/users?$top=1" });
        let (_, body) = probe.post("/$batch", json!({ "requests": (0..3).map(get).collect::<Vec<_>>() }));
        let throttled: Vec<&Value> = body["responses"].as_array().unwrap().iter().filter(|row| row["status"] == 429).collect();
        assert_eq!(throttled.len(), 1);
        assert_eq!(throttled[0]["headers"]["Retry-After"], "2.5");
    }
}
