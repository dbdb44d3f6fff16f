//! Every kind of request in every kind of weather: what any request may meet, four times in a row when it matters most.

use tidegate::sim::Misfortune;

use super::row::{
    BATCH, BEGIN, BIND, DIRECTORY, EVERYONE, FILTER, GROUP, GROUPS, MAIL, MEMBERS, PEOPLE, PILOT, POLICIES, POLICY, REGISTRATION,
    ROLES, Row, SIGN_INS, TOLD, TRANSITIVE, done, error, fault, row, status, with_body, with_header,
};

/// What is asked, how, and when it matters.
const KINDS: [(&str, &str, &str); 15] = [
    ("the directory", DIRECTORY, BEGIN),
    ("people by a filter", FILTER, BEGIN),
    ("groups by name", GROUPS, BEGIN),
    ("a group's people", TRANSITIVE, BEGIN),
    ("roles", ROLES, BEGIN),
    ("policies", POLICIES, BEGIN),
    ("the policy", POLICY, PILOT),
    ("the group", GROUP, PILOT),
    ("the group's members", MEMBERS, PILOT),
    ("the registration report", REGISTRATION, PILOT),
    ("the sign-in log", SIGN_INS, PILOT),
    ("the people of a batch", PEOPLE, PILOT),
    ("a bind", BIND, PILOT),
    ("an envelope", BATCH, EVERYONE),
    ("a mail", MAIL, TOLD),
];

/// What comes instead of an answer, and is not done.
fn instead() -> [(&'static str, Misfortune); 15] {
    [
        ("is answered 429 with a decimal Retry-After", with_header(429, "Retry-After", "2.128")),
        ("is answered 429 without Retry-After", status(429)),
        ("is answered 429 with an absurd Retry-After", with_header(429, "Retry-After", "864000000")),
        ("is answered 429 with a date as Retry-After", with_header(429, "Retry-After", "Wed, 20 Jan 2027 07:28:00 GMT")),
        ("is answered 429 with Retry-After 0", with_header(429, "Retry-After", "0")),
        ("is answered 401, though the token is good", status(401)),
        ("is answered 503 without a body", with_body(503, "")),
        ("is answered 503 with the HTML of a gateway", with_body(503, "<html><h1>503 Service Unavailable</h1></html>")),
        ("is answered 500 with an empty code", error(500, "", "")),
        (
            "is answered 409, a concurrency violation",
            error(409, "Directory_ConcurrencyViolation", "Error due to concurrent requests"),
        ),
        ("is answered by a captive portal", Misfortune::Html),
        ("is answered 200 with nothing in it", with_body(200, "")),
        ("is answered 200 with the envelope of an error", with_body(200, r#"{"error":{"code":"UnknownError","message":""}}"#)),
        ("is answered by a redirect to another host", with_header(302, "Location", "https://evil.example/v1.0/users")),
        ("breaks before it arrives", Misfortune::Lost),
    ]
}

/// What comes though everything was done.
fn afterwards() -> [(&'static str, Misfortune); 5] {
    [
        ("is done and answered 502", status(502)),
        ("is done and answered 504", status(504)),
        ("is done and its answer is lost", Misfortune::Lost),
        ("is done and its answer ends in the middle", Misfortune::Cut),
        ("is done and its answer begins with a byte-order mark", Misfortune::Marked),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, path, at) in KINDS {
        for (weather, what) in instead() {
            rows.push(row(format!("{kind}: {weather}")).at(at, fault(path, 4, what)));
        }
        for (weather, what) in afterwards() {
            rows.push(row(format!("{kind}: {weather}")).at(at, done(path, 4, what)));
        }
    }
    rows
}
