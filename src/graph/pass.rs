//! Temporary Access Passes: what the tenant's policy allows, and issuing one.
//!
//! Decides nothing about who deserves one. Invariants: nothing is sent that policy, permissions or a directory role of the person speak
//! against; a lost answer is not repeated; the pass leaves this file as a secret and goes into no message.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::answer::{Verdict, classify};
use super::request::look::{ISSUES_PASSES, Look};
use super::request::{Mutation, Read};
use super::transport::{Failure, Unread, later, unwelcome};
use super::{Graph, page};
use crate::engine::command::PassOrder;
use crate::engine::leave::Leave;
use crate::engine::port::{Answer, Assist, NotIssued, Pass};
use crate::rollout::event::Uses;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Toggle, Trouble, TroubleKind};

/// The older, broader permission that serves as well.
const BROADER: &str = "UserAuthenticationMethod.ReadWrite.All";

/// Most groups that one question may name (Microsoft's limit).
const GROUPS: usize = 20;

/// The service takes no others (Microsoft's limits).
const LIFETIMES: std::ops::RangeInclusive<u32> = 10..=43_200;

/// What the methods policy says about passes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Policy {
    enabled: bool,
    lifetimes: std::ops::RangeInclusive<u32>,
    default: u32,
    /// Whether every pass may be used once only.
    once: bool,
    /// Everybody, or the people of these groups.
    include: Option<Vec<ObjectId>>,
    exclude: Vec<ObjectId>,
}

impl Assist for Graph {
    fn issue<'a>(&'a self, order: &'a PassOrder) -> Answer<'a, Result<Pass, NotIssued>> {
        Box::pin(self.issue_pass(*order))
    }
}

impl Graph {
    async fn issue_pass(&self, order: PassOrder) -> Result<Pass, NotIssued> {
        let granted = self.granted().await;
        if granted.is_some_and(|granted| !granted.iter().any(|role| role == ISSUES_PASSES || role == BROADER)) {
            let why = format!(
                "the app lacks the permission {ISSUES_PASSES}; grant it with admin consent, and accept it in the plan's tenant.accept_permissions"
            );
            return Err(NotIssued::Refused(why));
        }
        let policy = self.pass_policy().await.map_err(unread)?;
        let (minutes, once) = settle(&policy, order).map_err(NotIssued::Refused)?;
        self.is_meant(&policy, order.person).await?;
        self.holds_no_role(order.person).await?;
        self.order(order.person, minutes, once).await
    }

    async fn pass_policy(&self) -> Result<Policy, Trouble> {
        let call = Read::Look(Look::PassPolicy).call();
        let parse = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
        let gone = || "the tenant knows no Temporary Access Passes; this cloud may not have them".to_owned();
        self.transport.read(&call, parse).await.map(|row| understand(&row)).map_err(|unread| unread.trouble(gone))
    }

    /// Whether the policy is about the person.
    async fn is_meant(&self, policy: &Policy, person: ObjectId) -> Result<(), NotIssued> {
        let refused = |why: &str| Err(NotIssued::Refused(why.to_owned()));
        if let Some(groups) = &policy.include
            && !self.is_in_any(person, groups).await.map_err(unread)?
        {
            return refused("the policy for Temporary Access Passes does not include this person; add them to one of its groups");
        }
        if self.is_in_any(person, &policy.exclude).await.map_err(unread)? {
            return refused("the policy for Temporary Access Passes excludes this person");
        }
        Ok(())
    }

    async fn is_in_any(&self, person: ObjectId, groups: &[ObjectId]) -> Result<bool, Trouble> {
        for some in groups.chunks(GROUPS) {
            let call = Read::Look(Look::GroupsOf(person, some.to_vec())).call();
            let parse = |body: &[u8]| Some(serde_json::from_slice::<Value>(body).ok()?.get("value")?.as_array()?.len());
            let gone = || "the account does not exist any more".to_owned();
            if self.transport.read(&call, parse).await.map_err(|unread| unread.trouble(gone))? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A pass of an administrator would make an administrator of whoever has it. Roles that somebody may only activate are not seen.
    async fn holds_no_role(&self, person: ObjectId) -> Result<(), NotIssued> {
        let (mut holders, mut groups) = (Vec::new(), Vec::new());
        let take = |row: Value| {
            let id: Option<ObjectId> = row.get("principalId").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let kind = row.pointer("/principal/@odata.type").and_then(Value::as_str);
            let list = if kind == Some("#microsoft.graph.group") { &mut groups } else { &mut holders };
            list.extend(id);
        };
        let gone = || "the tenant does not know directory roles; check tenant.graph_url".to_owned();
        let call = Read::Look(Look::Roles).call();
        page::each(&self.transport, &call, take).await.map_err(|unread: Unread| self::unread(unread.trouble(gone)))?;
        groups.sort_unstable();
        groups.dedup();
        if holders.contains(&person) || self.is_in_any(person, &groups).await.map_err(unread)? {
            let why = "this person holds a directory role, and a pass would hand it on; an administrator issues theirs in the Entra admin center";
            return Err(NotIssued::Refused(why.to_owned()));
        }
        Ok(())
    }

    async fn order(&self, person: ObjectId, minutes: u32, once: Toggle) -> Result<Pass, NotIssued> {
        let call = Mutation::IssuePass { person, minutes, once }.call(self.transport.endpoints.graph_root());
        self.transport.gates.pass(call.bucket(), 1).await;
        let reply = match self.transport.deliver(&Leave::default(), &call).await {
            Err(Failure::NotSent(trouble)) => return Err(NotIssued::NotSent(trouble.why)),
            Err(Failure::Lost(_)) => return Err(NotIssued::Unknown),
            Ok(reply) => reply,
        };
        match classify(&call, &reply) {
            Verdict::Ok => read(&reply.body).ok_or(NotIssued::Unknown),
            Verdict::Refused(refusal) => Err(NotIssued::Refused(refusal.why)),
            Verdict::Reauthenticate => Err(NotIssued::NotSent(unwelcome(&call).why)),
            Verdict::Retry { kind, .. } => Err(NotIssued::NotSent(later(&call, reply.status, kind).why)),
            Verdict::Gone | Verdict::AlreadySo => Err(NotIssued::Refused("the account does not exist any more".to_owned())),
            Verdict::Unknown => Err(NotIssued::Unknown),
        }
    }
}

fn unread(trouble: Trouble) -> NotIssued {
    match trouble.kind {
        TroubleKind::Refused | TroubleKind::Unusable => NotIssued::Refused(trouble.why),
        TroubleKind::Unreachable | TroubleKind::Throttled => NotIssued::NotSent(trouble.why),
    }
}

/// The policy, read so that what it does not say is refused.
fn understand(row: &Value) -> Policy {
    let number = |name: &str| row.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let targets = |name: &str| -> Vec<&str> {
        let list = row.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|target| target.get("id").and_then(Value::as_str)).collect()
    };
    let ids = |names: &[&str]| names.iter().filter_map(|id| id.parse().ok()).collect();
    let include = targets("includeTargets");
    let (least, most) = (number("minimumLifetimeInMinutes").unwrap_or(60), number("maximumLifetimeInMinutes").unwrap_or(480));
    Policy {
        enabled: row.get("state").and_then(Value::as_str).is_some_and(|state| state.eq_ignore_ascii_case("enabled")),
        lifetimes: least.max(*LIFETIMES.start())..=most.min(*LIFETIMES.end()),
        default: number("defaultLifetimeInMinutes").unwrap_or(least),
        once: row.get("isUsableOnce").and_then(Value::as_bool).unwrap_or(true),
        include: (!include.contains(&"all_users")).then(|| ids(&include)),
        exclude: ids(&targets("excludeTargets")),
    }
}

/// How long, and how often, an order counts under the policy; or why not.
fn settle(policy: &Policy, order: PassOrder) -> Result<(u32, Toggle), String> {
    if !policy.enabled {
        return Err(
            "the tenant's methods policy has Temporary Access Passes off; turn them on in the Entra admin center".to_owned()
        );
    }
    let minutes = order.minutes.unwrap_or(policy.default);
    if !policy.lifetimes.contains(&minutes) {
        let (least, most) = (policy.lifetimes.start(), policy.lifetimes.end());
        return Err(format!(
            "the tenant's methods policy allows {least} to {most} minutes, not {minutes}; say --minutes accordingly"
        ));
    }
    let once = policy.once || order.uses == Uses::Once;
    Ok((minutes, if once { Toggle::On } else { Toggle::Off }))
}

/// The pass of an answer.
fn read(body: &[u8]) -> Option<Pass> {
    let row: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let from: Timestamp = text("startDateTime").or_else(|| text("createdDateTime"))?.parse().ok()?;
    let minutes = row.get("lifetimeInMinutes").and_then(Value::as_u64).and_then(|minutes| u32::try_from(minutes).ok())?;
    let once = row.get("isUsableOnce").and_then(Value::as_bool) == Some(true);
    let code = SecretString::from(text("temporaryAccessPass").filter(|code| !code.is_empty())?.to_owned());
    Some(Pass { code, minutes, from, uses: if once { Uses::Once } else { Uses::AsPolicy } })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::graph::script::{Script, Seen, answer, id, lost};

    const MADE: &str = "made-up-pass";

    fn order(minutes: Option<u32>) -> PassOrder {
        PassOrder { person: id(7), minutes, uses: Uses::AsPolicy }
    }

    fn policy() -> Value {
        json!({"state": "enabled", "defaultLifetimeInMinutes": 60, "minimumLifetimeInMinutes": 60, "maximumLifetimeInMinutes": 480,
            "isUsableOnce": false, "includeTargets": [{"targetType": "group", "id": "all_users"}], "excludeTargets": []})
    }

    fn made() -> Value {
        json!({"temporaryAccessPass": MADE, "startDateTime": "2027-01-11T08:00:00Z", "lifetimeInMinutes": 60, "isUsableOnce": false})
    }

    fn respond(seen: &Seen, policy: &Value) -> crate::graph::script::Scripted {
        if seen.is("POST", "/temporaryAccessPassMethods") {
            answer(201, &made())
        } else if seen.is("GET", "/authenticationMethodConfigurations/") {
            answer(200, policy)
        } else if seen.is("POST", "/checkMemberGroups") {
            let asked = seen.body["groupIds"].as_array().unwrap().clone();
            answer(200, &json!({"value": asked.into_iter().filter(|group| *group == id(1).to_string()).collect::<Vec<_>>()}))
        } else {
            let row =
                |n, kind: &str| json!({"principalId": id(n), "principal": {"@odata.type": format!("#microsoft.graph.{kind}")}});
            answer(200, &json!({"value": [row(8, "user"), row(2, "group"), row(9, "servicePrincipal")]}))
        }
    }

    #[tokio::test]
    async fn a_pass_is_issued_as_the_policy_allows_and_shows_nowhere() {
        let script = Script::with_tokens(|seen| respond(seen, &policy()));
        let (graph, _) = script.graph();
        let pass = graph.issue(&order(None)).await.unwrap();
        assert_eq!((pass.code.expose_secret(), pass.minutes), (MADE, 60));
        assert!(!format!("{pass:?}").contains(MADE));
        let seen = script.seen();
        let sent = seen.iter().find(|seen| seen.is("POST", "/temporaryAccessPassMethods")).unwrap();
        assert_eq!(sent.body, json!({"lifetimeInMinutes": 60, "isUsableOnce": false}));
        assert!(sent.uri.contains(&format!("/v1.0/users/{}/", id(7))));
    }

    #[tokio::test]
    async fn nothing_is_sent_that_the_policy_or_a_role_speaks_against() {
        let with = |member: &str, value: Value| {
            let mut policy = policy();
            policy[member] = value;
            policy
        };
        let groups = |n: u128| json!([{"targetType": "group", "id": id(n)}]);
        for (policy, order, says) in [
            (with("state", json!("disabled")), order(None), "off"),
            (policy(), order(Some(30)), "60 to 480"),
            (policy(), order(Some(481)), "60 to 480"),
            (with("includeTargets", groups(5)), order(None), "does not include"),
            (with("excludeTargets", groups(1)), order(None), "excludes"),
            (policy(), PassOrder { person: id(8), ..order(None) }, "directory role"),
            (json!({}), order(None), "off"),
        ] {
            let shown = policy.clone();
            let script = Script::with_tokens(move |seen| respond(seen, &policy));
            let (graph, _) = script.graph();
            let refused = graph.issue(&order).await.unwrap_err();
            assert!(matches!(&refused, NotIssued::Refused(why) if why.contains(says)), "{shown}: {refused:?}");
            assert!(!script.seen().iter().any(|seen| seen.is("POST", "/temporaryAccessPassMethods")));
        }
        let script = Script::with_tokens(move |seen| respond(seen, &with("includeTargets", groups(1))));
        assert!(script.graph().0.issue(&order(None)).await.is_ok(), "a member of an included group");
    }

    #[tokio::test]
    async fn an_order_is_sent_once_whatever_becomes_of_it() {
        for (reply, expected) in [
            (503, NotIssued::Unknown),
            (0, NotIssued::Unknown),
            (201, NotIssued::Unknown),
            (404, NotIssued::Refused("the account does not exist any more".to_owned())),
        ] {
            let script = Script::with_tokens(move |seen| match (seen.is("POST", "/temporaryAccessPassMethods"), reply) {
                (false, _) => respond(seen, &policy()),
                (true, 0) => lost(),
                (true, status) => answer(status, &json!({})),
            });
            let (graph, _) = script.graph();
            assert_eq!(graph.issue(&order(None)).await.unwrap_err(), expected, "{reply}");
            assert_eq!(script.seen().iter().filter(|seen| seen.is("POST", "/temporaryAccessPassMethods")).count(), 1);
        }
    }
}
