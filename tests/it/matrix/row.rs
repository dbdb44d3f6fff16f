//! One row: a name, what happens when, and what must be so at the end beyond the agreement of the three views.

use serde_json::Value;
use tidegate::rollout::id::ObjectId;
use tidegate::sim::{Act, Amendment, Change, Deed, Effect, Fault, How, Misfortune, When};

use crate::small;

/// The daemon starts.
pub(super) const BEGIN: &str = "2027-01-15T06:00:00Z";
/// The pilot is announced.
pub(super) const TOLD: &str = "2027-01-15T07:59:00Z";
/// The pilot starts.
pub(super) const PILOT: &str = "2027-01-18T07:59:00Z";
/// Everyone starts: a canary, and two hours later two binds in one envelope.
pub(super) const EVERYONE: &str = "2027-01-21T07:59:00Z";
/// Both stages are over in fair weather.
pub(super) const OVER: &str = "2027-01-26T12:00:00Z";

/// Where Graph is asked for what.
pub(super) const TOKEN: &str = "/oauth2/v2.0/token";
pub(super) const DIRECTORY: &str = "/v1.0/users?preferredLanguage&$top=999";
/// Changes of the directory. Twelve hours after the start a link is asked for, and from then on every other call follows one.
pub(super) const CHANGES: &str = "/v1.0/users/delta";
pub(super) const FILTER: &str = "/v1.0/users?department";
pub(super) const PEOPLE: &str = "/v1.0/users?id in";
pub(super) const GROUPS: &str = "/v1.0/groups?";
pub(super) const GROUP: &str = "/v1.0/groups/*?displayName";
pub(super) const MEMBERS: &str = "/v1.0/groups/*/members?";
pub(super) const TRANSITIVE: &str = "/v1.0/groups/*/transitiveMembers?";
pub(super) const ROLES: &str = "/roleAssignments?";
pub(super) const POLICIES: &str = "/conditionalAccess/policies?";
pub(super) const POLICY: &str = "/conditionalAccess/policies/";
pub(super) const REGISTRATION: &str = "/userRegistrationDetails?";
pub(super) const SIGN_INS: &str = "/auditLogs/signIns?";
pub(super) const BATCH: &str = "/v1.0/$batch";
pub(super) const BIND: &str = "PATCH /v1.0/groups/";
pub(super) const MAIL: &str = "POST /sendMail";

/// A row of the matrix.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) acts: Vec<Act>,
    pub(super) until: &'static str,
    pub(super) end: End,
    pub(super) over: Over,
}

/// Over what the client reaches the tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Within the process.
    Nothing,
    /// A socket, with the real HTTP client.
    Socket,
}

/// What must be so at the end.
pub(super) enum End {
    /// Both stages are over, and exactly those are members who are in fair weather.
    Fair,
    /// Both stages are over; of those who are members in fair weather this person is none, and their outcome is this word.
    But(ObjectId, &'static str),
    /// Graph tells an untruth for good, so that the views cannot agree; the rollout is held, and says this.
    Misled(&'static str),
    /// The rollout stands still: of the report's holds and reasons one says this.
    Held(&'static str),
}

/// A row in which nothing happens yet, and which ends as in fair weather.
pub(super) fn row(name: impl Into<String>) -> Row {
    Row { name: name.into(), acts: Vec::new(), until: OVER, end: End::Fair, over: Over::Nothing }
}

impl Row {
    /// Something happens at an instant.
    pub(super) fn at(mut self, at: &str, deed: Deed) -> Self {
        self.acts.push(Act { when: When::At(small::at(at)), deed });
        self
    }

    /// Something happens then.
    pub(super) fn when(mut self, when: When, deed: Deed) -> Self {
        self.acts.push(Act { when, deed });
        self
    }

    /// It is played over a socket.
    pub(super) fn over_a_socket(self) -> Self {
        Self { over: Over::Socket, ..self }
    }

    /// The rollout is held, and says this; it is looked at a while after the pilot's start.
    pub(super) fn held(self, says: &'static str) -> Self {
        self.held_at("2027-01-19T12:00:00Z", says)
    }

    pub(super) fn held_at(self, until: &'static str, says: &'static str) -> Self {
        Self { until, end: End::Held(says), ..self }
    }

    pub(super) fn misled(self, says: &'static str) -> Self {
        Self { until: "2027-01-19T12:00:00Z", end: End::Misled(says), ..self }
    }

    pub(super) fn but(self, person: ObjectId, word: &'static str) -> Self {
        Self { end: End::But(person, word), ..self }
    }
}

/// The next `times` requests to `path`, which may begin with a method, meet `what`.
pub(super) fn fault(path: &str, times: u32, what: Misfortune) -> Deed {
    of(path, times, 0, Effect::Instead, what)
}

/// The same, after `skip` of them.
pub(super) fn later(path: &str, skip: u32, times: u32, what: Misfortune) -> Deed {
    of(path, times, skip, Effect::Instead, what)
}

/// The same, though what they ask is done.
pub(super) fn done(path: &str, times: u32, what: Misfortune) -> Deed {
    of(path, times, 0, Effect::Afterwards, what)
}

/// The same, after `skip` of them.
pub(super) fn done_later(path: &str, skip: u32, times: u32, what: Misfortune) -> Deed {
    of(path, times, skip, Effect::Afterwards, what)
}

fn of(path: &str, times: u32, skip: u32, effect: Effect, what: Misfortune) -> Deed {
    let (method, path) = path.split_once(' ').filter(|(method, _)| !method.contains('/')).unwrap_or(("", path));
    let method = Some(method.to_owned()).filter(|method| !method.is_empty());
    Deed::Fault(Fault { method, path: path.to_owned(), times, skip, effect, what })
}

/// More often than anything is asked.
pub(super) const ALWAYS: u32 = 1_000_000;

pub(super) fn status(status: u16) -> Misfortune {
    Misfortune::status(status)
}

pub(super) fn with_header(status: u16, name: &str, value: &str) -> Misfortune {
    Misfortune::Status { status, headers: [(name.to_owned(), value.to_owned())].into(), body: None }
}

pub(super) fn with_body(status: u16, body: &str) -> Misfortune {
    Misfortune::Status { status, headers: [].into(), body: Some(body.to_owned()) }
}

/// The envelope of an error.
pub(super) fn error(status: u16, code: &str, message: &str) -> Misfortune {
    with_body(status, &serde_json::json!({ "error": { "code": code, "message": message } }).to_string())
}

pub(super) fn set(at: &str, value: impl Into<Value>) -> Misfortune {
    amended(at, How::Set(value.into()))
}

pub(super) fn amended(at: &str, how: How) -> Misfortune {
    Misfortune::Amended(Amendment { at: at.to_owned(), how })
}

pub(super) fn change(change: Change) -> Deed {
    Deed::Tenant(change)
}
