//! Changes of the directory: links that are lost or expire, rounds that are not whole, and rows that say less than they seem to.

use serde_json::{Value, json};
use tidegate::sim::{How, Misfortune};

use super::row::{
    ALWAYS, BEGIN, CHANGES, Row, amended, done, done_later, error, fault, later, row, set, status, with_body, with_header,
};

/// Every round and every link, for good; and one round only.
fn rounds(name: &str, what: &Misfortune) -> [Row; 2] {
    [
        row(format!("{name}, once")).at(BEGIN, done_later(CHANGES, 1, 1, what.clone())),
        row(format!("{name}, for good")).at(BEGIN, done(CHANGES, ALWAYS, what.clone())),
    ]
}

fn instead(name: &str, what: &Misfortune) -> [Row; 2] {
    [
        row(format!("{name}, once")).at(BEGIN, later(CHANGES, 1, 1, what.clone())),
        row(format!("{name}, for good")).at(BEGIN, fault(CHANGES, ALWAYS, what.clone())),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    let stranger = "00000000-1111-4222-8333-444444444444";
    let away = "https://evil.example/v1.0/users/delta?$deltatoken=";
    let removed = |reason: Value| json!([{ "id": stranger, "@removed": { "reason": reason } }]);
    let refusals = [
        ("users_delta_answers_410_gone", status(410)),
        ("users_delta_answers_410_gone with a Location elsewhere", with_header(410, "Location", away)),
        ("users_delta_token_expired: resyncRequired", error(410, "resyncRequired", "Resync required.")),
        ("users_delta_token_expired: syncStateNotFound", error(400, "syncStateNotFound", "Not found.")),
        ("users_delta_is_forbidden", error(403, "Authorization_RequestDenied", "Insufficient privileges.")),
        ("users_delta_is_not_there", error(404, "UnknownError", "")),
        ("users_delta_answers_501", status(501)),
        ("users_delta_answers_503", status(503)),
        ("users_delta_answers_with_a_page_of_markup", with_body(200, "<html></html>")),
        ("users_delta_is_cut", with_body(200, r#"{"value":[{"id":"#)),
    ];
    let pages = [
        ("users_delta_link_is_missing", amended("/@odata.deltaLink", How::Remove)),
        ("users_delta_link_is_null", set("/@odata.deltaLink", Value::Null)),
        ("users_delta_link_is_a_number", set("/@odata.deltaLink", 7)),
        ("users_delta_link_leads_elsewhere", set("/@odata.deltaLink", away)),
        ("users_delta_link_is_garbage", set("/@odata.deltaLink", "https://simulated.invalid/v1.0/users/delta?$deltatoken=x")),
        ("users_delta_next_link_leads_elsewhere", set("/@odata.nextLink", away)),
        ("users_delta_has_no_value", amended("/value", How::Remove)),
        ("users_delta_repeats_rows", amended("/value", How::Double)),
        ("users_delta_comes_in_another_order", amended("/value", How::Reverse)),
        ("users_delta_removes_a_stranger_who_can_be_restored", set("/value", removed(json!("changed")))),
        ("users_delta_removes_a_stranger_for_good", set("/value", removed(json!("deleted")))),
        ("users_delta_removes_for_no_reason", set("/value", removed(Value::Null))),
        ("users_delta_tells_of_a_stranger_without_properties", set("/value", json!([{ "id": stranger }]))),
        ("users_delta_has_a_row_without_an_id", set("/value", json!([{ "accountEnabled": true }]))),
        ("users_delta_has_a_row_that_is_null", set("/value", json!([null]))),
        ("users_delta_leaves_every_state_out", amended("/value/*/accountEnabled", How::Remove)),
        ("users_delta_leaves_every_mail_out", amended("/value/*/mail", How::Remove)),
    ];
    let empty = json!({ "value": [], "@odata.nextLink": "https://simulated.invalid/v1.0/users/delta" }).to_string();
    let mut rows: Vec<Row> = refusals.iter().flat_map(|(name, what)| instead(name, what)).collect();
    rows.extend(pages.iter().flat_map(|(name, what)| rounds(name, what)));
    rows.extend([
        row("users_delta_is_throttled, for a while").at(BEGIN, later(CHANGES, 1, 3, with_header(429, "Retry-After", "20"))),
        row("users_delta_page_is_empty_with_a_next_link").at(BEGIN, later(CHANGES, 1, 1, with_body(200, &empty))),
    ]);
    rows
}
