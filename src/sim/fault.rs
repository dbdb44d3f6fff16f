//! What goes wrong between the tenant and its clients: scripted, or at random by the seed.
//!
//! A fault comes instead of the call, or afterwards: then what was asked is done and only the answer is spoilt.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use super::amend::Amendment;
use super::chance::{Kind, Stream};
use super::reply::{Body, Refusal, Reply};

/// A scripted fault. Also holds for the members of a batch, where nothing can be lost or cut alone: such a member has 504.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method; any when it is missing.
    #[serde(default)]
    pub method: Option<String>,
    /// A part of the path, version included; `*` stands for any text. With a `?`, the path ends there, and what follows is a part of
    /// the query, decoded: `/users?` is the listing of users and nobody's mails.
    pub path: String,
    /// How many calls meet it.
    #[serde(default = "once")]
    pub times: u32,
    /// How many calls pass before.
    #[serde(default)]
    pub skip: u32,
    /// Whether the call is done.
    #[serde(default)]
    pub effect: Effect,
    /// What happens.
    pub what: Misfortune,
}

const fn once() -> u32 {
    1
}

/// Whether what was asked is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is not done.
    #[default]
    Instead,
    /// It is done first.
    Afterwards,
}

/// What happens to an answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Misfortune {
    /// This answer.
    Status {
        /// The status.
        status: u16,
        /// Headers, `retry-after` for example.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body; without one, the envelope of an error.
        #[serde(default)]
        body: Option<String>,
    },
    /// The connection breaks.
    Lost,
    /// A page for people, with status 200, as a proxy might send it.
    Html,
    /// The body ends in the middle; what was asked is always done.
    Cut,
    /// A listing is empty; what was asked is always done.
    EmptyListing,
    /// The connection breaks in the middle of the body; what was asked is always done.
    BrokenOff,
    /// The body comes in drops, so many milliseconds apart; what was asked is always done.
    Slow(u64),
    /// A byte-order mark stands before the body; what was asked is always done.
    Marked,
    /// The answer has further headers; what was asked is always done.
    Headers(BTreeMap<String, String>),
    /// A place of the answer is otherwise; what was asked is always done.
    Amended(Amendment),
}

/// How an answer leaves, where it does not leave whole and at once. A server keeps to it; to whoever is in the same process the
/// answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The connection breaks in the middle of the body.
    BrokenOff,
    /// The body comes in drops, so many milliseconds apart.
    Slow(u64),
}

impl Misfortune {
    /// An answer with this status.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::Status { status, headers: BTreeMap::new(), body: None }
    }

    /// The answer that comes instead of one.
    pub(super) fn reply(&self, now: Timestamp) -> Reply {
        self.clone().spoil(Reply::empty(StatusCode::OK), now)
    }

    /// What becomes of an answer.
    pub(super) fn spoil(self, reply: Reply, now: Timestamp) -> Reply {
        match self {
            Self::Status { status, headers, body } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let id = "94fb3b52-452a-4535-a601-69e0a90e3aa2";
                let (code, message) = match status {
                    StatusCode::TOO_MANY_REQUESTS => ("TooManyRequests", "Please retry again later."),
                    StatusCode::UNAUTHORIZED => {
                        ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
                    }
                    StatusCode::FORBIDDEN => {
                        ("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
                    }
                    _ => ("UnknownError", ""),
                };
                let mut reply = Refusal::new(status, code, message).into_reply(now, id, id);
                if let Some(body) = body {
                    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
                    reply.body = if is_json { Body::Json(body.into()) } else { Body::Text(body.into()) };
                }
                reply.headers.extend(named(headers));
                reply
            }
            Self::Html => {
                let mut reply = Reply::empty(StatusCode::OK);
                reply.headers.push((HeaderName::from_static("content-type"), "text/html".to_owned()));
                reply.body = Body::Text(Bytes::from_static(b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"));
                reply
            }
            Self::Cut => {
                let body = match reply.body {
                    Body::None => Body::Json(Bytes::from_static(b"{\"")),
                    Body::Json(body) => Body::Json(body.slice(..body.len() / 2)),
                    Body::Text(body) => Body::Text(body.slice(..body.len() / 2)),
                };
                Reply { body, ..reply }
            }
            Self::EmptyListing => Reply::ok("{\"value\":[]}"),
            Self::Marked => {
                let marked = |body: Bytes| -> Bytes { [b"\xef\xbb\xbf", body.as_ref()].concat().into() };
                let body = match reply.body {
                    Body::None => Body::None,
                    Body::Json(body) => Body::Json(marked(body)),
                    Body::Text(body) => Body::Text(marked(body)),
                };
                Reply { body, ..reply }
            }
            Self::Headers(headers) => {
                let mut reply = reply;
                reply.headers.extend(named(headers));
                reply
            }
            Self::Amended(amendment) => match &reply.body {
                Body::Json(body) => Reply { body: Body::Json(amendment.apply(body)), ..reply },
                _ => reply,
            },
            Self::Lost | Self::BrokenOff | Self::Slow(_) => reply,
        }
    }

    /// How the answer leaves, where it does not leave whole and at once.
    pub(super) const fn delivery(&self) -> Option<Delivery> {
        match self {
            Self::BrokenOff => Some(Delivery::BrokenOff),
            Self::Slow(millis) => Some(Delivery::Slow(*millis)),
            _ => None,
        }
    }

    /// As it meets one member of a batch, which can be neither lost nor cut alone.
    pub(super) fn of_a_member(self) -> Self {
        match self {
            Self::Lost | Self::Cut | Self::BrokenOff | Self::Slow(_) | Self::Marked => Self::status(504),
            other => other,
        }
    }

    const fn is_always_afterwards(&self) -> bool {
        !matches!(self, Self::Status { .. } | Self::Lost | Self::Html)
    }
}

fn named(headers: BTreeMap<String, String>) -> impl Iterator<Item = (HeaderName, String)> {
    headers.into_iter().filter_map(|(name, value)| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value)))
}

impl std::fmt::Display for Misfortune {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status { status, headers, .. } => {
                write!(f, "a {status}")?;
                headers.iter().try_for_each(|(name, value)| write!(f, " with {name} {value}"))
            }
            Self::Lost => f.write_str("a broken connection"),
            Self::Html => f.write_str("a page for people"),
            Self::Cut => f.write_str("a body that ends in the middle"),
            Self::EmptyListing => f.write_str("an empty listing"),
            Self::BrokenOff => f.write_str("a connection that breaks in the middle of the body"),
            Self::Slow(millis) => write!(f, "a body that comes in drops, {millis} ms apart"),
            Self::Marked => f.write_str("a byte-order mark before the body"),
            Self::Headers(headers) => write!(f, "{} further headers", headers.len()),
            Self::Amended(amendment) => write!(f, "an answer with another {}", amendment.at),
        }
    }
}

/// The faults that are due.
#[derive(Debug)]
pub(super) struct Faults {
    scripted: Vec<Fault>,
    rate: f64,
    chance: Stream,
}

impl Faults {
    pub(super) fn new(seed: u64, rate: f64) -> Self {
        Self { scripted: Vec::new(), rate, chance: Stream::new(seed, Kind::Faults) }
    }

    pub(super) fn script(&mut self, fault: Fault) {
        self.scripted.push(fault);
    }

    /// Scripted faults that no call has met yet, or not as often as they wait for.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.scripted.iter().filter(|fault| fault.times > 0)
    }

    /// Nothing that was scripted comes any more.
    pub(super) fn forget(&mut self) {
        self.scripted.clear();
    }

    pub(super) const fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// What this call meets. `query` is asked for only when a fault asks for a part of it.
    pub(super) fn meet(&mut self, method: &Method, path: &str, query: impl Fn() -> String) -> Option<(Misfortune, Effect)> {
        let scripted = self.scripted.iter_mut().find(|fault| fault.times > 0 && fault.concerns(method, path, &query));
        if let Some(fault) = scripted {
            if fault.skip > 0 {
                fault.skip -= 1;
                return None;
            }
            fault.times -= 1;
            let effect = if fault.what.is_always_afterwards() { Effect::Afterwards } else { fault.effect };
            return Some((fault.what.clone(), effect));
        }
        if self.rate == 0.0 || !self.chance.happens(self.rate) {
            return None;
        }
        let throttled = Misfortune::Status {
            status: 429,
            headers: BTreeMap::from([("Retry-After".to_owned(), "2.128".to_owned())]),
            body: None,
        };
        Some(match self.chance.below(9) {
            0 => (Misfortune::status(503), Effect::Instead),
            1 => (Misfortune::status(503), Effect::Afterwards),
            2 => (Misfortune::status(504), Effect::Afterwards),
            3 => (Misfortune::Lost, Effect::Instead),
            4 => (Misfortune::Lost, Effect::Afterwards),
            5 => (throttled, Effect::Instead),
            6 => (Misfortune::status(401), Effect::Instead),
            7 => (Misfortune::Html, Effect::Afterwards),
            _ => (Misfortune::Cut, Effect::Afterwards),
        })
    }
}

impl Fault {
    fn concerns(&self, method: &Method, path: &str, query: impl Fn() -> String) -> bool {
        let right_method = self.method.as_deref().is_none_or(|wanted| method.as_str().eq_ignore_ascii_case(wanted));
        let (wanted, options) = self.path.split_once('?').map_or((self.path.as_str(), None), |(path, query)| (path, Some(query)));
        let (front, last) = wanted.rsplit_once('*').unwrap_or(("", wanted));
        let mut rest = Some(path);
        for part in front.split('*') {
            rest = rest.and_then(|rest| rest.find(part).and_then(|at| rest.get(at + part.len()..)));
        }
        let right_path = rest.is_some_and(|rest| if options.is_some() { rest.ends_with(last) } else { rest.contains(last) });
        right_method && right_path && options.is_none_or(|part| query().contains(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripted_fault_meets_the_calls_that_it_names() {
        let fault =
            r#"{"method":"PATCH","path":"/groups/*","times":2,"skip":1,"effect":"afterwards","what":{"status":{"status":503}}}"#;
        let mut faults = Faults::new(1, 0.0);
        faults.script(serde_json::from_str(fault).unwrap());
        let met: Vec<bool> = (0..5).map(|_| faults.meet(&Method::PATCH, "/v1.0/groups/g", String::new).is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
        assert!(faults.meet(&Method::GET, "/v1.0/groups/g", String::new).is_none());
    }

    #[test]
    fn a_fault_may_name_the_end_of_a_path_and_a_part_of_the_query() {
        for (path, asked, query, met) in [
            ("/users", "/v1.0/users/u/sendMail", "", true),
            ("/users?", "/v1.0/users/u/sendMail", "", false),
            ("/users?", "/v1.0/users", "$top=5", true),
            ("/users?id in", "/v1.0/users", "$filter=id in ('a')", true),
            ("/users?id in", "/v1.0/users", "$top=5", false),
            ("/groups/*/members?", "/v1.0/groups/g/members", "$top=5", true),
            ("/groups/*/members?", "/v1.0/groups/g/members/$ref", "", false),
            ("/groups/*?", "/v1.0/groups/g", "", true),
        ] {
            let fault =
                Fault { method: None, path: path.to_owned(), times: 1, skip: 0, effect: Effect::Instead, what: Misfortune::Lost };
            assert_eq!(fault.concerns(&Method::GET, asked, || query.to_owned()), met, "{path} {asked}?{query}");
        }
    }

    #[test]
    fn random_faults_come_at_their_rate() {
        let mut faults = Faults::new(1, 0.1);
        let met = (0..2_000).filter(|_| faults.meet(&Method::GET, "/", String::new).is_some()).count();
        assert!((150..250).contains(&met), "{met}");
    }
}
