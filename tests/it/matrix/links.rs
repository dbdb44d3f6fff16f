//! `@odata.nextLink`: to other hosts, in circles, and things that are no links. `honeypot` shows what leaves; here it must not matter.

use serde_json::{Value, json};

use super::row::{
    ALWAYS, BEGIN, DIRECTORY, MEMBERS, PILOT, REGISTRATION, Row, SIGN_INS, TRANSITIVE, done, fault, row, set, with_body,
};

const SAME: &str = "https://simulated.invalid/v1.0/users?$select=id,preferredLanguage&$top=999";

/// What stands there, and what it is.
fn links() -> Vec<(&'static str, Value)> {
    [
        ("to another host", "https://evil.example/v1.0/users?$skiptoken=x"),
        ("to plain http", "http://simulated.invalid/v1.0/users?$skiptoken=x"),
        ("to another port", "https://simulated.invalid:8443/v1.0/users?$skiptoken=x"),
        ("with our host as a user name", "https://simulated.invalid@evil.example/v1.0/users"),
        ("with our host as a user name and a backslash", "https://simulated.invalid\\@evil.example/v1.0/users"),
        ("with a user name", "https://user:word@simulated.invalid/v1.0/users"),
        ("to a host that begins with ours", "https://simulated.invalid.evil.example/v1.0/users"),
        ("above the version", "https://simulated.invalid/v1.0/../admin"),
        ("to another version", "https://simulated.invalid/v2.0/users"),
        ("relative", "/v1.0/users?$skiptoken=x"),
        ("without a scheme", "//evil.example/v1.0/users"),
        ("empty", ""),
        ("with a line break", "https://simulated.invalid/v1.0/users\r\nX: y"),
        ("that the service itself refuses", "https://simulated.invalid/v1.0/users?$skiptoken=garbage"),
        ("that leads nowhere", "https://simulated.invalid/v1.0/no/such/thing"),
    ]
    .map(|(name, link)| (name, json!(link)))
    .into_iter()
    .chain([("that is a number", json!(7)), ("that is a list", json!([SAME])), ("that is null", Value::Null)])
    .collect()
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let at = "/@odata.nextLink";
    for (name, link) in links() {
        for (kind, path, when) in [
            ("the directory", DIRECTORY, BEGIN),
            ("the registration report", REGISTRATION, PILOT),
            ("the group's members", MEMBERS, PILOT),
        ] {
            rows.push(row(format!("{kind}: a nextLink {name}")).at(when, done(path, 2, set(at, link.clone()))));
        }
    }
    let empty = json!({ "value": [], at.trim_start_matches('/'): SAME }).to_string();
    rows.extend([
        row("the directory: an empty page with a nextLink").at(BEGIN, fault(DIRECTORY, 1, with_body(200, &empty))),
        row("the directory: a nextLink to itself, for a while").at(BEGIN, done(DIRECTORY, 8, set(at, SAME))),
        row("the directory: a nextLink to itself, for good")
            .at(BEGIN, done(DIRECTORY, ALWAYS, set(at, SAME)))
            .held("in a circle"),
        row("the directory: a nextLink to another host, for good")
            .at(BEGIN, done(DIRECTORY, ALWAYS, set(at, "https://evil.example/v1.0/users")))
            .held("leads elsewhere"),
        row("a group's people: a nextLink to another host, for a while")
            .at(BEGIN, done(TRANSITIVE, 3, set(at, "https://evil.example/v1.0/groups"))),
        row("the sign-in log: a nextLink to another host, for a while")
            .at(PILOT, done(SIGN_INS, 3, set(at, "https://evil.example/v1.0/auditLogs/signIns"))),
        row("the directory: a deltaLink to another host")
            .at(BEGIN, done(DIRECTORY, ALWAYS, set("/@odata.deltaLink", "https://evil.example/"))),
    ]);
    rows
}
