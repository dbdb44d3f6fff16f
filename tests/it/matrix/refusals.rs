//! Statuses that no page of the documentation promises, redirects, and headers that mean little.

use tidegate::sim::Misfortune;

use super::row::{
    ALWAYS, BEGIN, BIND, DIRECTORY, EVERYONE, GROUP, MEMBERS, PILOT, POLICY, REGISTRATION, ROLES, Row, done, error, fault, row,
    status, with_body, with_header,
};

fn headers(name: &str, value: &str) -> Misfortune {
    Misfortune::Headers([(name.to_owned(), value.to_owned())].into())
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for code in [201, 204, 206, 400, 404, 405, 410, 412, 418, 423, 451, 501, 505, 507, 599, 799] {
        rows.push(row(format!("the directory: {code}, four times")).at(BEGIN, fault(DIRECTORY, 4, status(code))));
    }
    for code in [300, 301, 302, 303, 307, 308] {
        let away = |path: &str| with_header(code, "Location", &format!("https://evil.example{path}"));
        rows.push(row(format!("the directory: a {code} to another host")).at(BEGIN, fault(DIRECTORY, 3, away("/v1.0/users"))));
        rows.push(row(format!("a bind: a {code} to another host")).at(PILOT, fault(BIND, 3, away("/v1.0/groups/g"))));
    }
    let nested = format!("{}{{}}{}", r#"{"error":{"code":"a","innerError":"#.repeat(60), "}}".repeat(60));
    let premium = error(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Neither tenant is B2C");
    rows.extend([
        row("a redirect to the same host")
            .at(BEGIN, fault(DIRECTORY, 2, with_header(302, "Location", "https://simulated.invalid/v1.0/users"))),
        row("a redirect without a Location").at(BEGIN, fault(DIRECTORY, 2, status(302))),
        row("a redirect for good").at(PILOT, fault(POLICY, ALWAYS, status(302))).held("redirect"),
        row("an error whose code is empty")
            .at(PILOT, fault(POLICY, 3, error(403, "", "You do not have the required permissions"))),
        row("an error that is nested sixty deep").at(PILOT, fault(BIND, 2, with_body(400, &nested))),
        row("an error that is a text").at(PILOT, fault(BIND, 2, with_body(400, r#"{"error":"invalid"}"#))),
        row("an error that is a list").at(PILOT, fault(BIND, 2, with_body(403, "[]"))),
        row("404 for the policy, for a while").at(PILOT, fault(POLICY, 4, status(404))),
        row("404 for the policy, for good").at(PILOT, fault(POLICY, ALWAYS, status(404))).held("does not exist"),
        row("404 for the group, for a while").at(PILOT, fault(GROUP, 4, status(404))),
        row("404 for the group, for good").at(PILOT, fault(GROUP, ALWAYS, status(404))).held("does not exist"),
        row("404 for the group's members, for a while").at(PILOT, fault(MEMBERS, 4, status(404))),
        row("404 for roles").at(BEGIN, fault(ROLES, 3, status(404))),
        row("no licence for the registration report, for a while").at(PILOT, fault(REGISTRATION, 3, premium.clone())),
        row("no licence for the registration report, from the start")
            .at(BEGIN, fault(REGISTRATION, ALWAYS, premium))
            .held("userRegistrationDetails"),
        row("503 to everything for an hour").at("2027-01-18T09:30:00Z", fault("/v1.0/", 120, status(503))),
        row("429 to everything for a while").at(PILOT, fault("/v1.0/", 40, with_header(429, "Retry-After", "20.5"))),
        row("nothing answers for a while").at(EVERYONE, fault("/v1.0/", 40, Misfortune::Lost)),
        row("nothing answers from the start, for a while").at(BEGIN, fault("/", 40, Misfortune::Lost)),
        row("the Date header is an hour ahead")
            .at(BEGIN, done("/v1.0/", ALWAYS, headers("Date", "Mon, 18 Jan 2027 09:00:00 GMT"))),
        row("the Date header is no date").at(BEGIN, done("/v1.0/", ALWAYS, headers("Date", "yesterday"))),
        row("the throttle limit is nearly reached, always")
            .at(BEGIN, done("/v1.0/", ALWAYS, headers("x-ms-throttle-limit-percentage", "0.95"))),
        row("the throttle limit is exceeded without a 429")
            .at(PILOT, done("/v1.0/", ALWAYS, headers("x-ms-throttle-limit-percentage", "1.7"))),
        row("the throttle limit is no number")
            .at(PILOT, done("/v1.0/", ALWAYS, headers("x-ms-throttle-limit-percentage", "NaN"))),
        row("Retry-After in a 200").at(PILOT, done("/v1.0/", ALWAYS, headers("Retry-After", "3600"))),
        row("good JSON called HTML").at(PILOT, done("/v1.0/", ALWAYS, headers("Content-Type", "text/html"))),
        row("good JSON of another charset")
            .at(PILOT, done("/v1.0/", ALWAYS, headers("Content-Type", "application/json;charset=utf-16"))),
        row("a Location in a 200").at(PILOT, done("/v1.0/", ALWAYS, headers("Location", "https://evil.example/v1.0/"))),
        row("a Link and a Refresh in a 200").at(PILOT, done("/v1.0/", ALWAYS, headers("Refresh", "0;url=https://evil.example/"))),
        row("a header of 60,000 characters").at(PILOT, done("/v1.0/", 200, headers("x-ms-ags-diagnostic", &"x".repeat(60_000)))),
    ]);
    rows
}
