//! The registration report and the sign-in log: late, stale, doubled, huge, and rows that say nothing.

use serde_json::{Value, json};
use tidegate::sim::{Change, How, Misfortune};

use super::row::{ALWAYS, BEGIN, PILOT, REGISTRATION, Row, SIGN_INS, amended, change, done, error, fault, row, set, with_body};
use super::stage::people;

fn report(name: &str, times: u32, what: Misfortune) -> Row {
    row(format!("the registration report: {name}")).at(PILOT, done(REGISTRATION, times, what))
}

fn log(name: &str, what: Misfortune) -> Row {
    row(format!("the sign-in log: {name}")).at(PILOT, done(SIGN_INS, ALWAYS, what))
}

pub(super) fn rows() -> Vec<Row> {
    let stranger = |n: u32| format!("00000000-1111-4222-8333-{n:012}");
    let rows_of_strangers: Vec<Value> = (0..20_000)
        .map(|n| json!({ "id": stranger(n), "isMfaCapable": false, "isMfaRegistered": true, "lastUpdatedDateTime": "2027-01-18T07:00:00Z" }))
        .collect();
    let huge = json!({ "value": rows_of_strangers }).to_string();
    let unsupported = || error(400, "Request_UnsupportedQuery", "The query option '$select' is not supported.");
    vec![
        report("half of the rows are missing, for a while", 3, amended("/value", How::Halve)),
        report("it is empty, once", 1, Misfortune::EmptyListing),
        report("every row comes twice", ALWAYS, amended("/value", How::Double)),
        report("two rows disagree about one person, for a while", 3, set("/value/0/id", people().pilot.to_string())),
        report("another order", ALWAYS, amended("/value", How::Reverse)),
        report("20,000 rows of strangers, once", 1, with_body(200, &huge)),
        report("a row without an id", ALWAYS, amended("/value/0/id", How::Remove)),
        report("a row that is null", ALWAYS, set("/value/0", Value::Null)),
        report("a row that is a text", ALWAYS, set("/value/0", "row")),
        report("isMfaCapable is null, for a while", 2, set("/value/*/isMfaCapable", Value::Null)),
        report("isMfaCapable comes as text, for a while", 2, amended("/value/*/isMfaCapable", How::AsText)),
        report("isMfaRegistered is missing, for a while", 2, amended("/value/*/isMfaRegistered", How::Remove)),
        report("unknown methods and fields", ALWAYS, set("/value/*/methodsRegistered", json!(["telepathy", null, 7]))),
        report("user types that nobody knows", ALWAYS, set("/value/*/userType", "unknownFutureValue")),
        report("refreshed in the year 2099", 2, set("/value/*/lastUpdatedDateTime", "2099-01-01T00:00:00Z")),
        report("its time has seven digits and no end", 2, set("/value/*/lastUpdatedDateTime", "2027-01-18T07:00:00.0000000")),
        report("its time is no time, for a while", 2, set("/value/*/lastUpdatedDateTime", "soon")),
        report("its time is missing, for a while", 2, amended("/value/*/lastUpdatedDateTime", How::Remove)),
        report("$select is refused once", 1, unsupported()),
        row("the registration report: $select is never taken")
            .at(BEGIN, fault("/userRegistrationDetails?$select", ALWAYS, unsupported())),
        row("the registration report: it is not refreshed for a day")
            .at("2027-01-17T08:00:00Z", change(Change::StaleReport(true)))
            .at("2027-01-18T06:00:00Z", change(Change::StaleReport(false))),
        row("the registration report: it is never refreshed again")
            .at("2027-01-16T08:00:00Z", change(Change::StaleReport(true)))
            .held("registered"),
        row("the registration report: it is empty for good")
            .at(BEGIN, done(REGISTRATION, ALWAYS, Misfortune::EmptyListing))
            .held("registered"),
        row("the sign-in log: it is empty, for a while").at(PILOT, done(SIGN_INS, 3, Misfortune::EmptyListing)),
        row("the sign-in log: it is empty for good")
            .at(PILOT, done(SIGN_INS, ALWAYS, Misfortune::EmptyListing))
            .held_at("2027-01-20T12:00:00Z", "inconclusive"),
        log("every attempt comes twice", amended("/value", How::Double)),
        log("attempts come in another order", amended("/value", How::Reverse)),
        log("half of it is missing", amended("/value", How::Halve)),
        log("attempts without an id", amended("/value/0/id", How::Remove)),
        log("attempts of strangers", set("/value/0/userId", stranger(1))),
        log("attempts of nobody", set("/value/0/userId", Value::Null)),
        log("a status that is null", set("/value/0/status", Value::Null)),
        log("codes come as text", amended("/value/*/status/errorCode", How::AsText)),
        log("a code that nobody knows", set("/value/0/status/errorCode", 999_999_999)),
        log("a time that is no time", set("/value/0/createdDateTime", "yesterday")),
        log("a time in the year 2099", set("/value/0/createdDateTime", "2099-01-01T00:00:00Z")),
        log("a row that is null", set("/value/0", Value::Null)),
        log("policies are not shown", amended("/value/*/appliedConditionalAccessPolicies", How::Remove)),
        row("the sign-in log: $select is never taken").at(BEGIN, fault("/signIns?$select", ALWAYS, unsupported())),
        row("the sign-in log: the filter is refused, for a while").at(PILOT, fault(SIGN_INS, 4, error(400, "BadRequest", ""))),
    ]
}
