//! `$batch`: answers of members that are missing, doubled, shuffled, or not what they should be.

use serde_json::{Value, json};
use tidegate::sim::{How, Misfortune};

use super::row::{
    BATCH, BIND, EVERYONE, MAIL, PEOPLE, Row, TOLD, amended, done, error, fault, row, set, status, with_body, with_header,
};

/// When everyone starts, the next two envelopes come back like this: a question about people, and binds.
fn envelope(name: &str, what: Misfortune) -> Row {
    row(format!("an envelope of binds: {name}")).at(EVERYONE, done(BATCH, 2, what))
}

fn mails(name: &str, what: Misfortune) -> Row {
    row(format!("an envelope of mails: {name}")).at(TOLD, done(BATCH, 1, what))
}

fn everyone(name: &str, path: &str, times: u32, what: Misfortune) -> Row {
    row(format!("inside an envelope: {name}")).at(EVERYONE, fault(path, times, what))
}

pub(super) fn rows() -> Vec<Row> {
    let after = |seconds: &str| with_header(429, "Retry-After", seconds);
    let first = "/responses/0";
    vec![
        envelope("the first answer is missing", amended(first, How::Remove)),
        envelope("every answer is missing", set("/responses", json!([]))),
        envelope("every answer comes twice", amended("/responses", How::Double)),
        envelope("the answers come in another order", amended("/responses", How::Reverse)),
        envelope("ids come as numbers", amended("/responses/*/id", How::AsNumber)),
        envelope("ids are missing", amended("/responses/*/id", How::Remove)),
        envelope("an id is another one's", set("/responses/0/id", "1")),
        envelope("an id is nobody's", set("/responses/0/id", "77")),
        envelope("every id is the same", set("/responses/*/id", "0")),
        envelope("statuses come as text", amended("/responses/*/status", How::AsText)),
        envelope("statuses are missing", amended("/responses/*/status", How::Remove)),
        envelope("statuses are null", set("/responses/*/status", Value::Null)),
        envelope("a status is 0", set("/responses/0/status", 0)),
        envelope("a status is 70000", set("/responses/0/status", 70_000)),
        envelope("a status is 204.5", set("/responses/0/status", 204.5)),
        envelope("headers are null", set("/responses/*/headers", Value::Null)),
        envelope("headers are a list", set("/responses/*/headers", json!([{ "Retry-After": 3 }]))),
        envelope("bodies are missing", amended("/responses/*/body", How::Remove)),
        envelope("bodies are texts", set("/responses/*/body", "PGh0bWw+")),
        envelope("unknown members everywhere", set("/responses/*/surprise", json!({ "a": [1] }))),
        envelope("a member is null", set(first, Value::Null)),
        envelope("a member is a text", set(first, "204")),
        envelope("the list is null", set("/responses", Value::Null)),
        envelope("the list is an object", set("/responses", json!({ "0": { "status": 204 } }))),
        envelope("the list has another name", with_body(200, r#"{"value":[]}"#)),
        envelope("a nextLink beside the answers", set("/@odata.nextLink", "https://evil.example/v1.0/$batch")),
        envelope("every member 504 though it was done", set("/responses/*/status", 504)),
        envelope("every member 424 though it was done", set("/responses/*/status", 424)),
        everyone("429 for one member", BIND, 1, after("2.5")),
        everyone("429 for every member, the longest wait not the last", BIND, 2, after("3"))
            .at(EVERYONE, fault(BIND, 1, after("90")))
            .at(EVERYONE, fault(BIND, 1, after("1"))),
        everyone("429 with a header in odd letters", BIND, 2, status(429))
            .at(EVERYONE, done(BATCH, 2, set("/responses/*/headers", json!({ "rEtRy-AfTeR": 7 })))),
        everyone("429 with Retry-After 0", BIND, 4, after("0")),
        everyone("429 with a negative Retry-After", BIND, 4, after("-5")),
        everyone("429 without any header", BIND, 4, status(429)),
        everyone("429 for the question about people", PEOPLE, 5, after("1.5")),
        everyone("424 for the whole batch", BIND, 4, status(424)),
        everyone("the envelope itself is 424", BATCH, 3, status(424)),
        everyone("the envelope itself is 400", BATCH, 2, error(400, "BadRequest", "Invalid batch payload format.")),
        everyone("401 once", BIND, 1, status(401)),
        everyone("401 again and again", BIND, 6, status(401)),
        everyone("401 for the question about people", PEOPLE, 2, status(401)),
        everyone("403 once", BIND, 1, error(403, "", "You do not have the required permissions to access this item.")),
        everyone("403 for the question about people", PEOPLE, 1, status(403)),
        everyone("404 for the question about people", PEOPLE, 2, status(404)),
        everyone("503 for more than five at once", BIND, 5, status(503)),
        everyone("HTML as a member's body", PEOPLE, 2, Misfortune::Html),
        everyone("a member's page is null", PEOPLE, 2, with_body(200, "null")),
        everyone("a member's page has no value", PEOPLE, 2, with_body(200, "{}")),
        everyone("a member's page is empty, once", PEOPLE, 1, Misfortune::EmptyListing),
        row("inside an envelope: 504 though it was done").at(EVERYONE, done(BIND, 3, status(504))),
        row("inside an envelope: a member's page leads to another host")
            .at(EVERYONE, done(PEOPLE, 1, set("/@odata.nextLink", "https://evil.example/v1.0/users"))),
        row("inside an envelope: a member's page leads to itself").at(
            EVERYONE,
            done(PEOPLE, 1, set("/@odata.nextLink", "https://simulated.invalid/v1.0/users?$top=1&$filter=id%20in%20('x')")),
        ),
        mails("an answer is missing", amended(first, How::Remove)),
        mails("every answer comes twice", amended("/responses", How::Double)),
        mails("ids come as numbers", amended("/responses/*/id", How::AsNumber)),
        mails("the whole answer is lost", Misfortune::Lost),
        mails("the whole answer is HTML", Misfortune::Html),
        row("an envelope of mails: two of four are throttled").at(TOLD, fault(MAIL, 2, after("1.5"))),
        row("an envelope of mails: one is taken and answered 503").at(TOLD, done(MAIL, 1, status(503))),
        row("an envelope of mails: the envelope itself is throttled").at(TOLD, fault(BATCH, 3, after("12.5"))),
    ]
}
