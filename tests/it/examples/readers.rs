//! The ways in which the product reads listings: each gives back what it took of the rows, one text a row.

use serde_json::{Value, json};
use tidegate::engine::port::{Enforce, Tenant as _};
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::observed::{Readiness, Target, Trouble};
use tidegate::rollout::plan::Enforcement;

use super::canned::{NOTHING, Tenant, unanswered, wait};

/// A listing: where it is asked for, which member tells its rows apart, and how it is read.
pub(super) struct Listing {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) path: &'static str,
    pub(super) key: &'static str,
    pub(super) read: fn(&Tenant) -> Result<Vec<String>, Trouble>,
}

pub(super) const LISTINGS: [Listing; 12] = [
    Listing { name: "the directory", file: "users-list.200.response.json", path: "/users?", key: "id", read: directory },
    Listing {
        name: "people by a filter",
        file: "users-list-by-assigned-license.200.response.json",
        path: "/users?",
        key: "id",
        read: filter,
    },
    Listing { name: "people of a batch", file: "users-list.200.response.json", path: "/users?", key: "id", read: people },
    Listing {
        name: "the group's members",
        file: "group-members-list.200.response.json",
        path: "/members?",
        key: "id",
        read: members,
    },
    Listing {
        name: "a group's people",
        file: "group-transitivemembers.200.response.json",
        path: "/transitiveMembers?",
        key: "id",
        read: transitive,
    },
    Listing {
        name: "role holders",
        file: "roleassignments-globaladmin-expand-principal.200.response.json",
        path: "/roleAssignments?",
        key: "principalId",
        read: roles,
    },
    Listing {
        name: "the registration report",
        file: "userregistrationdetails-list.200.response.json",
        path: "/userRegistrationDetails?",
        key: "id",
        read: registration,
    },
    Listing {
        name: "the sign-in log",
        file: "signins-list.200.response.json",
        path: "/signIns?$top=999",
        key: "id",
        read: sign_ins,
    },
    Listing {
        name: "the sign-in log of beta",
        file: "signins-list-beta-failure-50126.200.response.json",
        path: "/signIns?$top=999",
        key: "id",
        read: sign_ins,
    },
    Listing {
        name: "policies by name",
        file: "ca-policies-list.200.response.json",
        path: "/conditionalAccess/policies",
        key: "displayName",
        read: policies,
    },
    Listing {
        name: "the policy that was made",
        file: "ca-policy-create-mfa-group.201.response.json",
        path: "/conditionalAccess/policies",
        key: "displayName",
        read: policies,
    },
    Listing {
        name: "groups by name",
        file: "group-create-security.201.response.json",
        path: "/groups?",
        key: "displayName",
        read: groups,
    },
];

fn texts(ids: impl Iterator<Item = ObjectId>) -> Vec<String> {
    ids.map(|id| id.to_string()).collect()
}

fn directory(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    let directory = wait(tenant.graph.directory())?;
    Ok(directory.iter().map(|person| person.id.to_string()).collect())
}

fn filter(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    Ok(texts(wait(tenant.graph.filtered_people("assignedLicenses/any()"))?.iter()))
}

fn people(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    // Whoever was not asked for is left out, so everybody is asked for whom a listing shows.
    let known = wait(tenant.graph.directory())?;
    let ids: Vec<ObjectId> = known.iter().map(|person| person.id).collect();
    let now = wait(tenant.graph.people_now(&ids))?;
    Ok(now.iter().map(|person| person.id.to_string()).collect())
}

fn members(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    Ok(texts(wait(tenant.enforce.members(target(), &[]))?.iter()))
}

fn transitive(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    Ok(texts(wait(tenant.graph.group_people(GROUP))?.iter()))
}

fn roles(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    Ok(texts(wait(tenant.graph.directory())?.sync_accounts.iter().copied()))
}

/// The people of the example, and the one whose row a test adds.
const REPORTED: [&str; 4] = [
    "86462606-fde0-4fc4-9e0c-a20eb73e54c6",
    "c6ad1942-4afa-47f8-8d48-afb5d8d69d2f",
    "c8096958-797c-44fa-8fde-a6fb62567cf0",
    "00000000-1111-4222-8333-444444444444",
];

fn registration(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    let report = wait(tenant.graph.registration())?;
    let known = |id: &&str| id.parse().is_ok_and(|id| report.of(id) != Readiness::Unknown);
    Ok(REPORTED.into_iter().filter(known).map(str::to_owned).collect())
}

fn sign_ins(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    let attempts = wait(tenant.graph.sign_ins("2020-01-01T00:00:00Z".parse().unwrap()))?;
    Ok(attempts.into_iter().map(|attempt| attempt.id).collect())
}

/// The names that are looked for: those of the examples, and the one of the row that a test adds.
const NAMES: [&str; 5] = ["SimplePolicy1", "SimplePolicy2", "Access to EXO requires MFA", "Operations group", "another"];

fn policies(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    named(|name| {
        let enforcement = Enforcement::ConditionalAccess {
            group: GROUP.to_owned(),
            policy: name.to_owned(),
            manage_policy: false,
            leaves: None,
        };
        wait(tenant.enforce.resolve(&enforcement)).map(drop)
    })
}

fn groups(tenant: &Tenant) -> Result<Vec<String>, Trouble> {
    named(|name| wait(tenant.graph.group_people(name)).map(drop))
}

/// The names that are found; another trouble than "not found" is one.
fn named(find: impl Fn(&str) -> Result<(), Trouble>) -> Result<Vec<String>, Trouble> {
    let mut found = Vec::new();
    for name in NAMES {
        match find(name) {
            Ok(()) => found.push(name.to_owned()),
            Err(trouble) if trouble.why.starts_with("no ") => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(found)
}

pub(super) const GROUP: &str = "02bd9fd6-8f93-4758-87c3-1fb73740a315";
pub(super) const POLICY: &str = "7359d0e0-d8a9-4afa-8a93-e23e099d7be8";

/// The enforcement whose target `target` is.
pub(super) fn by_policy() -> Enforcement {
    Enforcement::ConditionalAccess { group: GROUP.to_owned(), policy: POLICY.to_owned(), manage_policy: false, leaves: None }
}

pub(super) fn target() -> Target {
    Target::Group { group: GROUP.parse().unwrap(), policy: POLICY.parse().unwrap() }
}

impl Listing {
    /// What is taken of a body, or why nothing is.
    pub(super) fn of(&self, body: &Value) -> Result<Vec<String>, String> {
        let (path, body) = (self.path, body.to_string());
        let group = json!({ "id": GROUP, "displayName": "g", "securityEnabled": true, "mailEnabled": false }).to_string();
        let tenant = Tenant::new(move |(_, asked, _)| {
            if asked.contains("skiptoken") {
                (200, None, NOTHING.to_owned())
            } else if asked.contains(path) {
                (200, None, body.clone())
            } else if asked.contains(GROUP) && !asked.contains("embers") {
                (200, None, group.clone())
            } else {
                unanswered()
            }
        });
        (self.read)(&tenant).map_err(|trouble| trouble.why)
    }

    /// The example as a listing of at least two rows, each with a key of its own.
    pub(super) fn page(&self, example: &Value) -> Value {
        let mut page = if example.get("value").is_some() { example.clone() } else { json!({ "value": [example] }) };
        let key = if self.key == "displayName" { "another" } else { "00000000-1111-4222-8333-444444444444" };
        let rows = page["value"].as_array_mut().unwrap();
        let mut more = rows[0].clone();
        more[self.key] = json!(key);
        rows.push(more);
        page
    }
}
