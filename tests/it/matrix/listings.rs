//! Pages: rows that are odd, doubled, missing or at odds with each other, and replicas that lag.

use serde_json::{Value, json};
use tidegate::sim::{Change, ENFORCED_GROUP, How, Misfortune, PILOT_GROUP};

use super::row::{
    ALWAYS, BEGIN, DIRECTORY, EVERYONE, GROUP, GROUPS, MEMBERS, PEOPLE, PILOT, POLICIES, ROLES, Row, TRANSITIVE, amended, change,
    done, fault, row, set, with_body,
};

/// Between the pilot's canary and its other people.
const BETWEEN: &str = "2027-01-18T08:30:00Z";

fn directory(name: &str, what: Misfortune) -> Row {
    row(format!("the directory: {name}")).at(EVERYONE, done(DIRECTORY, 1, what.clone())).at(PILOT, done(DIRECTORY, 1, what))
}

fn directories(name: &str, times: u32, what: Misfortune) -> Row {
    row(format!("the directory: {name}")).at(PILOT, done(DIRECTORY, times, what))
}

fn people(name: &str, times: u32, what: Misfortune) -> Row {
    row(format!("the people of a batch: {name}")).at(PILOT, done(PEOPLE, times, what))
}

fn members(name: &str, times: u32, what: Misfortune) -> Row {
    row(format!("the group's members: {name}")).at(BETWEEN, done(MEMBERS, times, what))
}

fn group(name: &str, at: &str, value: impl Into<Value>, says: &'static str) -> Row {
    row(format!("the group {name} mid-way")).at(BETWEEN, done(GROUP, ALWAYS, set(at, value))).held(says)
}

pub(super) fn rows() -> Vec<Row> {
    let stranger = "00000000-1111-4222-8333-444444444444";
    let no_value = [
        ("no value", amended("/value", How::Remove)),
        ("the value is null", set("/value", Value::Null)),
        ("the value is an object", set("/value", json!({ "0": {} }))),
        ("the page is a list", set("", json!([]))),
        ("the page is null", with_body(200, "null")),
        ("two pages after another in one body", with_body(200, r#"{"value":[]}{"value":[]}"#)),
    ];
    let mut rows = Vec::new();
    for (name, what) in no_value {
        rows.push(directory(name, what.clone()));
        rows.push(people(name, 2, what.clone()));
        rows.push(members(name, 2, what));
    }
    rows.extend([
        directory("half of it is missing, once", amended("/value", How::Halve)),
        directory("it is empty, once", Misfortune::EmptyListing),
        directory("every row comes twice", amended("/value", How::Double)),
        directory("another order", amended("/value", How::Reverse)),
        directory("a row without an id", amended("/value/20/id", How::Remove)),
        directory("a row whose id is null", set("/value/20/id", Value::Null)),
        directory("a row whose id is a number", set("/value/20/id", 7)),
        directory("a row whose id is too short", set("/value/20/id", "87d349ed-44d7-43e1-9a83-5f2406dee5b")),
        directory("a row that is null", set("/value/20", Value::Null)),
        directory("a row that is a list", set("/value/20", json!([1, { "id": 2 }]))),
        directory("a row of a stranger", set("/value/20", json!({ "id": stranger }))),
        directory("a row that is named as another", set("/value/20/userPrincipalName", "bg1@contoso.example")),
        directory("names are null", set("/value/*/displayName", Value::Null)),
        directory("languages are objects", set("/value/*/preferredLanguage", json!({ "a": "de" }))),
        directory("types that nobody knows", set("/value/*/surprise", json!([[["deep"]]]))),
        directory("unknown fields of another context", set("/@odata.surprise", json!({ "a": null }))),
        directory("names of ten thousand characters", set("/value/*/displayName", "n".repeat(10_000))),
        people("one row is missing", 1, amended("/value/0", How::Remove)),
        people("nobody comes back, once", 1, Misfortune::EmptyListing),
        people("nobody comes back, three times", 3, Misfortune::EmptyListing),
        people("one row is missing, for a while", 6, amended("/value/0", How::Remove)),
        people("every row comes twice", 4, amended("/value", How::Double)),
        people("rows of a stranger", 4, set("/value/0/id", stranger)),
        people("accountEnabled is null", 2, set("/value/*/accountEnabled", Value::Null)),
        people("accountEnabled comes as text", 2, amended("/value/*/accountEnabled", How::AsText)),
        people("userType is null", 4, set("/value/*/userType", Value::Null)),
        people("mail is null", 2, set("/value/*/mail", Value::Null)),
        members("half of them are missing, once", 1, amended("/value", How::Halve)),
        members("it is empty, once", 1, Misfortune::EmptyListing),
        members("half of them are missing, three times", 3, amended("/value", How::Halve)),
        members("it is empty, three times", 3, Misfortune::EmptyListing),
        members("half of them are missing, for good", ALWAYS, amended("/value", How::Halve)).misled("changed by somebody else"),
        members("it is empty, for good", ALWAYS, Misfortune::EmptyListing).misled("changed by somebody else"),
        directories("half of it is missing, three times", 3, amended("/value", How::Halve)),
        members("every row comes twice", 4, amended("/value", How::Double)),
        members("another order", 4, amended("/value", How::Reverse)),
        members("a row without an id", 1, amended("/value/0/id", How::Remove)),
        members("a row that is null", 1, set("/value/0", Value::Null)),
        members("rows without a type", 4, amended("/value/*/@odata.type", How::Remove)),
        members("a type that nobody knows, once", 1, set("/value/0/@odata.type", "#microsoft.graph.agentUser")),
        members("a device among them", 4, set("/value/99", json!({ "@odata.type": "#microsoft.graph.device", "id": stranger }))),
        row("the group's members: replicas lag 30 seconds").at(BEGIN, change(Change::ReadLag(30))),
        row("the group's members: replicas lag 10 minutes, for a day")
            .at(PILOT, change(Change::ReadLag(600)))
            .at("2027-01-19T08:00:00Z", change(Change::ReadLag(0))),
        row("the group's members: replicas lag while binds are answered 504")
            .at(BEGIN, change(Change::ReadLag(45)))
            .at(PILOT, done(super::row::BIND, 2, super::row::status(504))),
        row("groups by name: a second one of the same name, from the start")
            .at(BEGIN, change(Change::AddGroup(PILOT_GROUP.to_owned())))
            .held("2 groups are named"),
        row("groups by name: a second enforcement group mid-way")
            .at(BETWEEN, change(Change::AddGroup(ENFORCED_GROUP.to_owned()))),
        row("groups by name: the same row twice").at(BEGIN, done(GROUPS, 4, amended("/value", How::Double))),
        row("groups by name: rows that are null").at(BEGIN, done(GROUPS, 3, set("/value/0", Value::Null))),
        row("groups by name: names in another case").at(BEGIN, done(GROUPS, 3, set("/value/0/displayName", "mfa ENFORCED"))),
        row("groups by name: nobody found, for a while").at(BEGIN, fault(GROUPS, 4, Misfortune::EmptyListing)),
        row("a group's people: nobody, once").at(BEGIN, done(TRANSITIVE, 1, Misfortune::EmptyListing)),
        row("a group's people: every row twice").at(BEGIN, done(TRANSITIVE, 6, amended("/value", How::Double))),
        row("a group's people: a row without an id").at(BEGIN, done(TRANSITIVE, 1, set("/value/99", json!({ "id": null })))),
        row("roles: rows that are null").at(BEGIN, done(ROLES, 4, set("/value/9", Value::Null))),
        row("roles: every row twice").at(BEGIN, done(ROLES, 4, amended("/value", How::Double))),
        row("roles: principals are missing").at(BEGIN, done(ROLES, ALWAYS, amended("/value/*/principal", How::Remove))),
        row("policies: every row twice").at(BEGIN, done(POLICIES, 1, amended("/value", How::Double))),
        row("policies: a row that is null").at(BEGIN, done(POLICIES, 1, set("/value/99", Value::Null))),
        row("policies: rows without a name, for a while")
            .at(BEGIN, done(POLICIES, 3, amended("/value/*/displayName", How::Remove))),
        group("turns dynamic", "/groupTypes", json!(["DynamicMembership"]), "rule"),
        group("turns synchronised", "/onPremisesSyncEnabled", true, "on-premises"),
        group("turns mail-enabled", "/mailEnabled", true, "mail"),
        group("turns role-assignable", "/isAssignableToRole", true, "role"),
        group("is no security group", "/securityEnabled", Value::Null, "security"),
        row("the group's types are null").at(PILOT, done(GROUP, ALWAYS, set("/groupTypes", Value::Null))),
        row("the group's types are unknown").at(PILOT, done(GROUP, ALWAYS, set("/groupTypes", json!(["Surprise", 7, null])))),
        row("the group has another id, for a while").at(PILOT, done(GROUP, 3, set("/id", stranger))),
    ]);
    rows
}
