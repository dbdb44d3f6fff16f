//! The login service, and tokens that do not count.

use tidegate::sim::{Change, How, Misfortune, When};

use super::row::{ALWAYS, PILOT, Row, TOKEN, amended, change, done, fault, row, set, status, with_body, with_header};
use super::stage::tenant;

const AN_HOUR_LATER: &str = "2027-01-18T09:00:00Z";

/// Every token is revoked when the pilot starts, so that the client needs another one; the next four requests for one meet `what`.
fn renewal(name: &str, what: Misfortune) -> Row {
    renewals(name, 4, what)
}

fn renewals(name: &str, times: u32, what: Misfortune) -> Row {
    row(format!("a new token: {name}")).at(PILOT, change(Change::RevokeTokens)).at(PILOT, done(TOKEN, times, what))
}

fn aadsts(number: u32) -> Misfortune {
    let body = serde_json::json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS{number}: It does not work.\r\nTrace ID: 0"),
        "error_codes": [number],
        "timestamp": "2027-01-18 08:00:00Z",
    });
    with_body(401, &body.to_string())
}

pub(super) fn rows() -> Vec<Row> {
    let roles = tenant().profile().roles.clone();
    let without = |gone: &str| roles.iter().filter(|role| *role != gone).cloned().collect::<Vec<_>>();
    let mut rows = vec![
        renewal("HTML", Misfortune::Html),
        renewal("429 without Retry-After", status(429)),
        renewal("503", status(503)),
        renewal("the connection breaks", Misfortune::Lost),
        renewal("the body ends in the middle", Misfortune::Cut),
        renewal("an empty 200", with_body(200, "")),
        renewal("204", with_body(204, "")),
        renewals("expires_in comes as text", 1, amended("/expires_in", How::AsText)),
        renewal("expires_in is 0", set("/expires_in", 0)),
        renewal("expires_in is negative", set("/expires_in", -3_599)),
        renewal("expires_in is null", set("/expires_in", serde_json::Value::Null)),
        renewal("expires_in is missing", amended("/expires_in", How::Remove)),
        renewal("the token is missing", amended("/access_token", How::Remove)),
        renewal("the token is empty", set("/access_token", "")),
        renewal("the token holds a line break", set("/access_token", "a\nb")),
        renewal("the token is one of another tenant", set("/access_token", "opaque")),
        renewals("the type is not Bearer", 1, set("/token_type", "pop")),
        renewal("a redirect to another host", with_header(307, "Location", "https://evil.example/token")),
        renewal("the service is busy (AADSTS90033)", aadsts(90_033)),
    ];
    let held = |name: &str, what: Misfortune, says| {
        row(format!("a new token is refused for good: {name}"))
            .at(PILOT, change(Change::RevokeTokens))
            .at(PILOT, fault(TOKEN, ALWAYS, what))
            .held(says)
    };
    rows.extend([
        held("the secret has expired", aadsts(7_000_222), "the client secret has expired"),
        held("the app is disabled", aadsts(7_000_112), "the app is disabled"),
        held("the app is gone", aadsts(700_016), "the app is not in this tenant"),
        held("a number that nobody knows", aadsts(99_999_999), "AADSTS99999999"),
        row("every token is revoked before the first write").when(When::Write(1), change(Change::RevokeTokens)),
        row("every token is revoked before an envelope").when(When::Write(4), change(Change::RevokeTokens)),
        row("valid tokens are refused for good").at(PILOT, fault("/v1.0/", ALWAYS, status(401))).held("not even a new one"),
        row("valid tokens are refused for a while").at(PILOT, fault("/v1.0/", 25, status(401))),
        row("a token is issued without roles for an hour")
            .at(PILOT, change(Change::SetRoles(Vec::new())))
            .at(PILOT, change(Change::RevokeTokens))
            .at(AN_HOUR_LATER, change(Change::SetRoles(roles.clone()))),
        row("a token is issued without roles for good")
            .at(PILOT, change(Change::SetRoles(Vec::new())))
            .at(PILOT, change(Change::RevokeTokens))
            .held("lacks the permission"),
    ]);
    for role in ["GroupMember.ReadWrite.All", "Policy.Read.All", "User.Read.All", "AuditLog.Read.All"] {
        rows.push(
            row(format!("the permission {role} is withdrawn for good"))
                .at(PILOT, change(Change::SetRoles(without(role))))
                .at(PILOT, change(Change::RevokeTokens))
                .held("lacks the permission"),
        );
        rows.push(
            row(format!("the permission {role} is withdrawn for an hour"))
                .at(PILOT, change(Change::SetRoles(without(role))))
                .at(PILOT, change(Change::RevokeTokens))
                .at(AN_HOUR_LATER, change(Change::SetRoles(roles.clone()))),
        );
    }
    rows
}
