//! What shows on a socket only: bodies that break off or come in drops, encodings that are none, headers without end.

use std::collections::BTreeMap;

use tidegate::sim::Misfortune;

use super::row::{
    BATCH, BEGIN, BIND, DIRECTORY, EVERYONE, MAIL, MEMBERS, PEOPLE, PILOT, POLICY, REGISTRATION, Row, TOKEN, TOLD, done, fault,
    row, status, with_body, with_header,
};

/// Longer than the patience of the client that the rows are played with.
const TOO_SLOW: Misfortune = Misfortune::Slow(1_500);

fn encoded(encoding: &str) -> Misfortune {
    Misfortune::Headers([("Content-Encoding".to_owned(), encoding.to_owned())].into())
}

pub(super) fn rows() -> Vec<Row> {
    let many: BTreeMap<String, String> = (0..300).map(|n| (format!("x-ms-surprise-{n}"), "y".repeat(300))).collect();
    let mut rows = vec![
        row("the first page comes in quick drops").at(BEGIN, done("/v1.0/", 1, Misfortune::Slow(1))),
        row("every body comes in quick drops for a while").at(PILOT, done("/v1.0/", 20, Misfortune::Slow(1))),
        row("the token comes in slow drops").at(BEGIN, done(TOKEN, 1, TOO_SLOW)),
        row("the token's body breaks off").at(BEGIN, done(TOKEN, 2, Misfortune::BrokenOff)),
        row("JSON that is called gzip").at(BEGIN, done(DIRECTORY, 2, encoded("gzip"))),
        row("JSON that is called brotli").at(BEGIN, done(DIRECTORY, 2, encoded("br"))),
        row("a bind is done and its answer called gzip").at(EVERYONE, done(BATCH, 2, encoded("gzip"))),
        row("three hundred headers").at(PILOT, done("/v1.0/", 4, Misfortune::Headers(many))),
        row("a redirect to another host")
            .at(BEGIN, fault(DIRECTORY, 3, with_header(307, "Location", "http://127.0.0.2:9/v1.0/users"))),
        row("a redirect to https").at(BEGIN, fault(DIRECTORY, 3, with_header(301, "Location", "https://127.0.0.1/v1.0/users"))),
        row("a captive portal").at(PILOT, fault("/v1.0/", 6, Misfortune::Html)),
        row("204 to everything for a while").at(PILOT, fault("/v1.0/", 6, with_body(204, ""))),
        row("304 to the policy").at(PILOT, fault(POLICY, 3, status(304))),
        row("the connection breaks before a bind").at(PILOT, fault(BIND, 1, Misfortune::Lost)),
        row("the connection breaks after a bind").at(PILOT, done(BIND, 1, Misfortune::Lost)),
        row("the connection breaks after an envelope of binds").at(EVERYONE, done(BATCH, 2, Misfortune::Lost)),
    ];
    let kinds = [
        ("the directory", DIRECTORY, BEGIN),
        ("the registration report", REGISTRATION, PILOT),
        ("the group's members", MEMBERS, PILOT),
        ("the people of a batch", PEOPLE, PILOT),
        ("an envelope of binds", BATCH, EVERYONE),
        ("an envelope of mails", BATCH, TOLD),
    ];
    for (kind, path, at) in kinds {
        rows.push(row(format!("{kind}: the body breaks off")).at(at, done(path, 2, Misfortune::BrokenOff)));
        rows.push(row(format!("{kind}: the body comes in slow drops")).at(at, done(path, 1, TOO_SLOW)));
    }
    rows.push(row("a mail: the answer is lost").at(TOLD, done(MAIL, 2, Misfortune::Lost)));
    for row in &mut rows {
        row.name.insert_str(0, "over a socket: ");
    }
    rows.into_iter().map(Row::over_a_socket).collect()
}
