//! What others do meanwhile, as Graph shows it: to the policy, to the break-glass accounts, to people.

use serde_json::{Value, json};
use tidegate::sim::{Change, ENFORCED_GROUP, How, POLICY as NAME, PolicyState, When};

use super::row::{ALWAYS, BIND, PILOT, POLICY, Row, amended, change, done, error, fault, row, set};
use super::stage::people;

/// Between the pilot's canary and its other people.
const BETWEEN: &str = "2027-01-18T08:30:00Z";

fn policy(name: &str, at: &str, value: impl Into<Value>, says: &'static str) -> Row {
    row(format!("the policy mid-way: {name}")).at(BETWEEN, done(POLICY, ALWAYS, set(at, value))).held(says)
}

fn held(name: &str, happens: Change, says: &'static str) -> Row {
    row(name).at(BETWEEN, change(happens)).held(says)
}

pub(super) fn rows() -> Vec<Row> {
    let people = people();
    let (one, other) = (people.pilot, people.everyone);
    let state = |state| Change::SetPolicy { policy: NAME.to_owned(), state };
    let bg = |n: u32| format!("bg{n}@contoso.example");
    let out = |person: &str| Change::RemoveMember { group: ENFORCED_GROUP.to_owned(), person: person.to_owned() };
    let put = |person: &str| Change::AddMember { group: ENFORCED_GROUP.to_owned(), person: person.to_owned() };
    let rename = Change::Rename {
        person: other.to_string(),
        display_name: "Another".to_owned(),
        upn: "another@contoso.example".to_owned(),
    };
    vec![
        held("the policy is switched off mid-way", state(PolicyState::Disabled), "the policy is Off"),
        held("the policy goes to report-only mid-way", state(PolicyState::EnabledForReportingButNotEnforced), "report-only"),
        held(
            "the policy excludes no break-glass account any more",
            Change::SetExclusions { policy: NAME.to_owned(), people: vec![] },
            "does not exclude",
        ),
        held("a break-glass account is disabled mid-way", Change::DisableUser(bg(1)), "break-glass"),
        held("a break-glass account is deleted mid-way", Change::DeleteUser(bg(2)), "break-glass"),
        policy("it includes all users", "/conditions/users/includeUsers", json!(["All"]), "includes all users"),
        policy("it does not include the group", "/conditions/users/includeGroups", json!([]), "does not include"),
        policy("it excludes nobody", "/conditions/users/excludeUsers", Value::Null, "does not exclude"),
        policy("it requires nothing", "/grantControls", Value::Null, "requires neither"),
        policy("it blocks", "/grantControls/builtInControls", json!(["block"]), "blocks access"),
        policy("a state that nobody knows", "/state", "enabledForSome", "cannot be told"),
        policy("the state is null", "/state", Value::Null, "cannot be told"),
        policy("the state is missing its type", "/state", 1, "cannot be told"),
        policy("no users at all", "/conditions/users", Value::Null, "does not include"),
        policy("no conditions at all", "/conditions", Value::Null, "does not include"),
        policy("a condition that nobody knows", "/conditions/agentIdRiskLevels", json!(["high"]), "edited"),
        policy(
            "it covers one application",
            "/conditions/applications/includeApplications",
            json!(["Office365"]),
            "all resources",
        ),
        policy("it is another one", "/id", "00000000-1111-4222-8333-444444444444", "cannot be read"),
        policy("it has no id", "/id", Value::Null, "cannot be read"),
        policy("it is a list", "", json!([]), "cannot be read"),
        row("the policy is renamed mid-way").at(BETWEEN, done(POLICY, ALWAYS, set("/displayName", "Another"))),
        row("the policy: unknown members that are null")
            .at(PILOT, done(POLICY, ALWAYS, set("/conditions/surprise", Value::Null))),
        row("the policy: optional members are missing").at(PILOT, done(POLICY, ALWAYS, amended("/sessionControls", How::Remove))),
        row("the policy: lists in another order")
            .at(PILOT, done(POLICY, ALWAYS, amended("/conditions/users/excludeUsers", How::Reverse))),
        row("the policy: another modification date")
            .at(PILOT, done(POLICY, ALWAYS, set("/modifiedDateTime", "2027-01-18T08:15:00.1234567Z"))),
        row("the policy is odd for an hour").at(PILOT, done(POLICY, 3, set("", json!([])))),
        row("somebody is deleted after they were announced")
            .at(BETWEEN, change(Change::DeleteUser(other.to_string())))
            .but(other, "waiting"),
        row("somebody is disabled just before the write").when(When::Write(1), change(Change::EnableUser(one.to_string()))),
        row("somebody is renamed mid-way").at(BETWEEN, change(rename)),
        row("somebody loses their mail address after they were told")
            .at("2027-01-20T08:00:00Z", change(Change::RemoveMail(other.to_string()))),
        row("somebody is taken out of the group by hand")
            .at("2027-01-18T14:00:00Z", change(out(&one.to_string())))
            .but(one, "released"),
        row("somebody is taken out of the group by hand and put back a day later")
            .at("2027-01-18T14:00:00Z", change(out(&one.to_string())))
            .at("2027-01-19T14:00:00Z", change(put(&one.to_string()))),
        row("somebody whom the tenant refuses is put in by hand")
            .at(PILOT, fault(BIND, ALWAYS, error(400, "Request_BadRequest", "")))
            .at("2027-01-18T12:00:00Z", change(put(&one.to_string())))
            .held("the tenant refused"),
        row("somebody is taken out of the group just before the next write")
            .when(When::Write(4), change(out(&one.to_string())))
            .but(one, "released"),
        row("security defaults are switched on and off").at(BETWEEN, change(Change::SecurityDefaults(false))),
    ]
}
