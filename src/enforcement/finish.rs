//! The finish: the policy about everybody but the exempt, in place of the one about a group. Offered and verified; a human, or a run
//! that manages the policy, performs it.
//!
//! Pure. Invariant: what is offered are whole conditions, in which nothing but the people differs; whoever the policy excludes
//! stays excluded.

use serde_json::{Value, json};

use super::policy::{excluded_groups, excluded_users, list};
use crate::rollout::id::ObjectId;

/// Whom the policy must leave out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside<'a> {
    /// The exempt group.
    pub(crate) exempt: Option<ObjectId>,
    /// Break-glass and synchronisation accounts.
    pub(crate) accounts: &'a [ObjectId],
    pub(crate) guests: Guests,
}

/// Whether guests are in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guests {
    In,
    Out,
}

/// All kinds of guests, as the tenant writes them.
const KINDS: &str =
    "internalGuest,b2bCollaborationGuest,b2bCollaborationMember,b2bDirectConnectUser,otherExternalUser,serviceProvider";

/// The whole conditions that the policy has after the finish.
pub(crate) fn offer(policy: &Value, outside: Outside<'_>) -> Value {
    let mut conditions = policy.get("conditions").cloned().filter(Value::is_object).unwrap_or_else(|| json!({}));
    let mut users = excluded_users(policy);
    users.extend(outside.accounts);
    let mut groups = excluded_groups(policy);
    groups.extend(outside.exempt);
    let texts = |mut ids: Vec<ObjectId>| {
        ids.sort_unstable();
        ids.dedup();
        ids.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let guests = match outside.guests {
        Guests::In => Value::Null,
        Guests::Out => json!({
            "guestOrExternalUserTypes": KINDS,
            "externalTenants": {
                "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants",
                "membershipKind": "all",
            },
        }),
    };
    conditions["users"] = json!({
        "includeUsers": ["All"],
        "includeGroups": [],
        "includeRoles": [],
        "includeGuestsOrExternalUsers": null,
        "excludeUsers": texts(users),
        "excludeGroups": texts(groups),
        "excludeRoles": list(policy, "/conditions/users/excludeRoles").collect::<Vec<_>>(),
        "excludeGuestsOrExternalUsers": guests,
    });
    conditions
}

/// Whom the policy leaves out beside those whom it must, in sentences: whoever was excluded before stays so.
pub(crate) fn beside(policy: &Value, outside: Outside<'_>) -> Vec<String> {
    let users = list(policy, "/conditions/users/excludeUsers");
    let users: Vec<&str> = users.filter(|user| !user.parse().is_ok_and(|id| outside.accounts.contains(&id))).collect();
    let groups = excluded_groups(policy).into_iter().filter(|group| Some(*group) != outside.exempt);
    let groups: Vec<String> = groups.map(|group| group.to_string()).collect();
    let roles: Vec<&str> = list(policy, "/conditions/users/excludeRoles").collect();
    let says = |what: &str, ids: Vec<&str>| (!ids.is_empty()).then(|| format!("{what} {}", ids.join(", ")));
    let groups = groups.iter().map(String::as_str).collect();
    [says("the accounts", users), says("the groups", groups), says("the roles", roles)].into_iter().flatten().collect()
}

/// What the policy lacks to be the finish; empty when it is.
pub(crate) fn lacks(policy: &Value, outside: Outside<'_>) -> Vec<String> {
    let mut lacks = Vec::new();
    if !list(policy, "/conditions/users/includeUsers").any(|user| user.eq_ignore_ascii_case("All")) {
        lacks.push("the policy does not include all users".to_owned());
    }
    let excluded = excluded_users(policy);
    let exposed = outside.accounts.iter().filter(|account| !excluded.contains(account)).count();
    if exposed > 0 {
        lacks.push(format!("the policy does not exclude {exposed} of the accounts that must never use it"));
    }
    let groups = excluded_groups(policy);
    if outside.exempt.is_some_and(|exempt| !groups.contains(&exempt)) {
        lacks.push("the policy does not exclude the exempt group".to_owned());
    }
    let without = policy
        .pointer("/conditions/users/excludeGuestsOrExternalUsers/guestOrExternalUserTypes")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let missing = KINDS.split(',').any(|kind| !without.split(',').any(|known| known.trim().eq_ignore_ascii_case(kind)));
    if outside.guests == Guests::Out && missing {
        lacks.push("the policy does not exclude guests of every kind".to_owned());
    }
    lacks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> ObjectId {
        ObjectId::from_bits(n)
    }

    #[test]
    fn the_offer_changes_nothing_but_the_people_and_is_the_finish() {
        let policy = json!({"id": id(9), "state": "enabled", "conditions": {
            "clientAppTypes": ["all"], "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]},
            "applications": {"includeApplications": ["All"]},
            "users": {"includeGroups": [id(1)], "excludeUsers": [id(2), "GuestsOrExternalUsers"], "excludeGroups": [id(3)],
                "excludeRoles": ["r"]}}});
        let accounts = [id(2), id(5)];
        for guests in [Guests::In, Guests::Out] {
            let outside = Outside { exempt: Some(id(4)), accounts: &accounts, guests };
            assert!(lacks(&policy, outside).len() >= 3, "{:?}", lacks(&policy, outside));
            let conditions = offer(&policy, outside);
            let users = &conditions["users"];
            assert_eq!((&users["includeUsers"], &users["includeGroups"]), (&json!(["All"]), &json!([])));
            assert_eq!(users["excludeUsers"], json!([id(2).to_string(), id(5).to_string()]));
            assert_eq!(users["excludeGroups"], json!([id(3).to_string(), id(4).to_string()]));
            assert_eq!(users["excludeRoles"], json!(["r"]));
            for same in ["clientAppTypes", "locations", "applications"] {
                assert_eq!(conditions[same], policy["conditions"][same]);
            }
            let mut after = policy.clone();
            after["conditions"] = conditions;
            assert_eq!(lacks(&after, outside), Vec::<String>::new());
            assert_eq!(offer(&after, outside), after["conditions"], "the same once more");
        }
    }

    #[test]
    fn a_policy_that_cannot_be_read_lacks_everything() {
        let outside = Outside { exempt: None, accounts: &[], guests: Guests::In };
        assert_eq!(lacks(&json!(null), outside).len(), 1);
        assert_eq!(offer(&json!(null), outside)["users"]["includeUsers"], json!(["All"]));
    }
}
