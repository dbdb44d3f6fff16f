//! What a conditional-access plan stands on: the enforcement group, the exempt group and the policy. Looked for, and made where missing.
//!
//! Makes nothing by itself: a human saw the draft and agreed. Invariant: what exists is reused only when it fits, never changed; the
//! policy is made in report-only mode and excludes the break-glass accounts, so that nothing made here requires anything.

use jiff::SignedDuration;
use serde_json::Value;

use super::collisions::{Collision, Facts, Own, collisions};
use super::{break_glass, fitness, policy, strength};
use crate::graph::Graph;
use crate::graph::creation::NotMade;
use crate::graph::request::{Mutation, NewGroup, NewPolicy, Require};
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{Trouble, TroubleKind};

/// What a plan names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) group: &'a str,
    pub(crate) exempt_group: Option<&'a str>,
    pub(crate) policy: &'a str,
    pub(crate) break_glass: &'a [PersonRef],
    pub(crate) require: Require,
}

/// A thing that the plan names: there already, or to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// As the plan names it.
    pub(crate) name: String,
    /// Its id, when it exists.
    pub(crate) id: Option<ObjectId>,
}

/// What there is and what is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) group: Piece,
    pub(crate) exempt: Option<Piece>,
    pub(crate) policy: Piece,
    /// What is wrong with what exists, so that nothing can be made of it.
    pub(crate) obstacles: Vec<String>,
    /// What else in the tenant collides with the plan.
    pub(crate) collisions: Vec<Collision>,
    break_glass: Vec<ObjectId>,
    require: Require,
}

/// Ids of what the plan stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) group: ObjectId,
    pub(crate) exempt: Option<ObjectId>,
    pub(crate) policy: ObjectId,
}

/// How long something that was made may be unknown to the tenant's replicas.
const FRESH: SignedDuration = SignedDuration::from_mins(2);
/// Between two looks for it.
const LOOK: SignedDuration = SignedDuration::from_secs(3);

/// Looks what is there. Changes nothing.
pub(crate) async fn draft(graph: &Graph, named: Named<'_>) -> Result<Draft, Trouble> {
    let mut obstacles = Vec::new();
    let break_glass = existing(graph, named.break_glass, &mut obstacles).await?;
    let group = find_group(graph, named.group, &mut obstacles, Fit::Writable).await?;
    let exempt = match named.exempt_group {
        Some(name) => Some(find_group(graph, name, &mut obstacles, Fit::Any).await?),
        None => None,
    };
    if let Require::Strength(id) = named.require {
        obstacles.extend(unfit_strength(graph, id).await?);
    }
    let policies = graph.policies().await?;
    let found = find_policy(&policies, named.policy, &mut obstacles);
    if let Some(found) = found {
        let excluded = break_glass::excluded(graph, found, &break_glass).await?;
        obstacles.extend(misfit(found, group.id, &excluded, &break_glass));
    }
    let policy = Piece { name: named.policy.to_owned(), id: found.and_then(id) };
    let own = match (group.id, policy.id) {
        (Some(group), Some(policy)) => Own::Policy { group, policy },
        (group, policy) => Own::Policy { group: group.unwrap_or_default(), policy: policy.unwrap_or_default() },
    };
    let security_defaults = Some(graph.security_defaults().await?);
    let collisions = collisions(&Facts { policies: &policies, security_defaults, per_user: &[], own });
    Ok(Draft { group, exempt, policy, obstacles, collisions, break_glass, require: named.require })
}

/// Which groups fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// Those into which people can be put.
    Writable,
    /// All.
    Any,
}

async fn find_group(graph: &Graph, name: &str, obstacles: &mut Vec<String>, fit: Fit) -> Result<Piece, Trouble> {
    let found = if let Ok(id) = name.parse() {
        match graph.group(id).await {
            Ok(group) => vec![group],
            Err(trouble) if trouble.kind == TroubleKind::Unusable => {
                obstacles.push(format!("{}; put the name of the group to be made into the plan", trouble.why));
                Vec::new()
            }
            Err(trouble) => return Err(trouble),
        }
    } else {
        let (found, similar) = graph.groups_named(name).await?;
        if found.is_empty() && similar > 0 {
            obstacles.push(format!(
                "a group is named `{name}` but for upper and lower case; write it as the tenant does, or take another name"
            ));
        }
        found
    };
    if found.len() > 1 {
        obstacles
            .push(format!("{} groups are named `{name}`; put the object id of the one that is meant into the plan", found.len()));
    }
    let group = found.first();
    obstacles.extend(group.and_then(fitness::problem).filter(|_| fit == Fit::Writable));
    Ok(Piece { name: name.to_owned(), id: group.map(|group| group.id) })
}

/// Ids of the break-glass accounts that exist.
async fn existing(graph: &Graph, references: &[PersonRef], obstacles: &mut Vec<String>) -> Result<Vec<ObjectId>, Trouble> {
    let mut ids = Vec::with_capacity(references.len());
    for reference in references {
        ids.extend(graph.person_id(*reference).await?);
    }
    let people = graph.people(&ids).await?;
    ids.retain(|id| people.iter().any(|person| person.id == *id));
    let missing = references.len().saturating_sub(ids.len());
    if missing > 0 {
        let why = format!("{missing} of {} break-glass accounts do not exist; correct people.break_glass", references.len());
        obstacles.push(why);
    }
    Ok(ids)
}

/// Why a strength does not fit. Microsoft's own are not asked about: reading strengths takes a permission of its own.
async fn unfit_strength(graph: &Graph, id: ObjectId) -> Result<Option<String>, Trouble> {
    if strength::BUILT_IN.iter().any(|known| known.parse() == Ok(id)) {
        return Ok(None);
    }
    let strengths = graph.strengths().await?;
    Ok(match strengths.iter().find(|strength| self::id(strength) == Some(id)) {
        Some(found) => strength::problem(found),
        None => Some(format!("there is no authentication strength with the id {id}; correct --strength")),
    })
}

fn find_policy<'a>(policies: &'a [Value], name: &str, obstacles: &mut Vec<String>) -> Option<&'a Value> {
    let wanted: Option<ObjectId> = name.parse().ok();
    let is_meant = |policy: &&Value| match wanted {
        Some(wanted) => id(policy) == Some(wanted),
        None => policy.get("displayName").and_then(Value::as_str) == Some(name),
    };
    let found: Vec<&Value> = policies.iter().filter(is_meant).collect();
    match found.as_slice() {
        [] if wanted.is_some() => {
            obstacles
                .push(format!("the policy {name} does not exist; put the name of the policy to be made into enforcement.policy"));
            None
        }
        [] => None,
        [one] => Some(one),
        several => {
            obstacles.push(format!(
                "{} Conditional Access policies are named `{name}`; put the id of the one that is meant into enforcement.policy",
                several.len()
            ));
            None
        }
    }
}

/// Why a policy that exists does not fit; its mode apart.
fn misfit(found: &Value, group: Option<ObjectId>, excluded: &[ObjectId], break_glass: &[ObjectId]) -> Vec<String> {
    let Some(group) = group else {
        let why = "the policy exists and the enforcement group does not, so that the policy is about others; name another policy";
        return vec![why.to_owned()];
    };
    let mut problems = policy::problems_besides_mode(found, group);
    let exposed = break_glass.iter().filter(|account| !excluded.contains(account)).count();
    if exposed > 0 {
        problems.push(format!("the policy does not exclude {exposed} of {} break-glass accounts", break_glass.len()));
    }
    problems.into_iter().map(|problem| format!("the policy that exists does not fit: {problem}")).collect()
}

fn id(value: &Value) -> Option<ObjectId> {
    value.get("id")?.as_str()?.parse().ok()
}

impl Draft {
    /// Everything that will be sent, in order: what it is, and its body. Ids that are not known yet are said in words.
    pub(crate) fn requests(&self) -> Vec<(&'static str, Value)> {
        let mut requests = Vec::new();
        let groups = [(Some(&self.group), ENFORCEMENT), (self.exempt.as_ref(), EXEMPT)];
        for (piece, about) in groups.into_iter().filter_map(|(piece, about)| piece.map(|piece| (piece, about))) {
            if piece.id.is_none() {
                requests.push(("POST /v1.0/groups", new_group(piece, about).body()));
            }
        }
        if self.policy.id.is_none() {
            // Stand-ins that no object has, replaced by words below.
            let (group, exempt) = (ObjectId::from_bits(u128::MAX), ObjectId::from_bits(u128::MAX - 1));
            let made = Made {
                group: self.group.id.unwrap_or(group),
                exempt: self.exempt.as_ref().map(|piece| piece.id.unwrap_or(exempt)),
                policy: ObjectId::default(),
            };
            let mut body = self.new_policy(made).body();
            say_instead(&mut body, group, "(the id of the enforcement group, made above)");
            say_instead(&mut body, exempt, "(the id of the exempt group, made above)");
            requests.push(("POST /v1.0/identity/conditionalAccess/policies", body));
        }
        requests
    }

    /// The application permissions that making this takes, each with another that would do.
    pub(crate) fn permissions(&self) -> Vec<[&'static str; 2]> {
        let makes_group = self.group.id.is_none() || self.exempt.as_ref().is_some_and(|piece| piece.id.is_none());
        let mut needed = Vec::new();
        if makes_group {
            needed.push(["Group.Create", "Group.ReadWrite.All"]);
        }
        if self.policy.id.is_none() {
            needed.push(["Policy.ReadWrite.ConditionalAccess"; 2]);
        }
        needed
    }

    /// Whether security defaults are on beside the plan.
    pub(crate) fn has_security_defaults(&self) -> bool {
        self.collisions.iter().any(|collision| collision.kind == super::collisions::Kind::SecurityDefaults)
    }

    fn new_policy(&self, made: Made) -> NewPolicy {
        NewPolicy {
            name: self.policy.name.clone(),
            group: made.group,
            without_groups: made.exempt.into_iter().collect(),
            without_people: self.break_glass.clone(),
            require: self.require,
        }
    }
}

const ENFORCEMENT: &str = "People of whom MFA is required. Tidegate puts them in, stage by stage; do not change it by hand.";
const EXEMPT: &str = "People of whom MFA is not required. Keep it small.";

fn new_group(piece: &Piece, about: &str) -> NewGroup {
    NewGroup { name: piece.name.clone(), about: about.to_owned() }
}

fn say_instead(body: &mut Value, id: ObjectId, words: &str) {
    let users = body.pointer_mut("/conditions/users").and_then(Value::as_object_mut);
    let lists = users.into_iter().flat_map(|users| users.values_mut()).filter_map(Value::as_array_mut).flatten();
    for entry in lists.filter(|entry| entry.as_str() == Some(&id.to_string())) {
        *entry = words.into();
    }
}

/// Makes what is missing, in order, and verifies it. What was made stays when a later step fails; another run reuses it.
pub(crate) async fn make(graph: &Graph, draft: &Draft, mut told: impl FnMut(String)) -> Result<Made, Trouble> {
    let group = make_group(graph, &draft.group, ENFORCEMENT, &mut told).await?;
    let exempt = match &draft.exempt {
        Some(piece) => Some(make_group(graph, piece, EXEMPT, &mut told).await?),
        None => None,
    };
    let made = Made { group, exempt, policy: draft.policy.id.unwrap_or_default() };
    if draft.policy.id.is_some() {
        return Ok(made);
    }
    let mutation = Mutation::CreatePolicy(draft.new_policy(made));
    let began = graph.clock().now();
    let policy = loop {
        match graph.make(&mutation).await {
            Ok(policy) => break policy,
            // A group that was made just now may not be known where policies are kept.
            Err(NotMade::Refused { status: 400, .. })
                if !draft.has_security_defaults()
                    && graph.clock().now().duration_since(began) < FRESH
                    && draft.makes_groups() =>
            {
                graph.clock().sleep(LOOK).await;
            }
            Err(NotMade::Refused { trouble, .. }) => return Err(trouble),
            Err(NotMade::Unknown) => break appears(graph, &draft.policy.name, Thing::Policy).await?,
        }
    };
    told(format!("made the policy {policy} in report-only mode"));
    verify(graph, draft, Made { policy, ..made }).await
}

impl Draft {
    fn makes_groups(&self) -> bool {
        self.group.id.is_none() || self.exempt.as_ref().is_some_and(|piece| piece.id.is_none())
    }
}

async fn make_group(graph: &Graph, piece: &Piece, about: &str, told: &mut impl FnMut(String)) -> Result<ObjectId, Trouble> {
    if let Some(id) = piece.id {
        return Ok(id);
    }
    let id = match graph.make(&Mutation::CreateGroup(new_group(piece, about))).await {
        Ok(id) => id,
        Err(NotMade::Refused { trouble, .. }) => return Err(trouble),
        Err(NotMade::Unknown) => appears(graph, &piece.name, Thing::Group).await?,
    };
    told(format!("made the group {id} (`{}`)", piece.name));
    let began = graph.clock().now();
    loop {
        match graph.group(id).await {
            Ok(_) => return Ok(id),
            Err(trouble) if trouble.kind == TroubleKind::Unusable && graph.clock().now().duration_since(began) < FRESH => {
                graph.clock().sleep(LOOK).await;
            }
            Err(trouble) => return Err(trouble),
        }
    }
}

/// Reads the policy back: it must be what was asked for.
async fn verify(graph: &Graph, draft: &Draft, made: Made) -> Result<Made, Trouble> {
    let began = graph.clock().now();
    loop {
        match graph.policy(made.policy).await {
            Ok(read) => {
                let problems = misfit(&read, Some(made.group), &policy::excluded_users(&read), &draft.break_glass);
                return if problems.is_empty() {
                    Ok(made)
                } else {
                    Err(Trouble { kind: TroubleKind::Unusable, why: problems.join("; ") })
                };
            }
            Err(trouble) if trouble.kind == TroubleKind::Unusable && graph.clock().now().duration_since(began) < FRESH => {
                graph.clock().sleep(LOOK).await;
            }
            Err(trouble) => return Err(trouble),
        }
    }
}

#[derive(Clone, Copy)]
enum Thing {
    Group,
    Policy,
}

/// The answer was lost: waits until what was asked for appears under its name, which nothing had before.
async fn appears(graph: &Graph, name: &str, thing: Thing) -> Result<ObjectId, Trouble> {
    let began = graph.clock().now();
    while graph.clock().now().duration_since(began) < FRESH {
        graph.clock().sleep(LOOK).await;
        let found: Vec<ObjectId> = match thing {
            Thing::Group => graph.groups_named(name).await?.0.into_iter().map(|group| group.id).collect(),
            Thing::Policy => {
                let policies = graph.policies().await?;
                let named = policies.iter().filter(|policy| policy.get("displayName").and_then(Value::as_str) == Some(name));
                named.filter_map(id).collect()
            }
        };
        if let [one] = found.as_slice() {
            return Ok(*one);
        }
    }
    let why = format!(
        "the answer was lost, and `{name}` has not appeared for {} minutes: look for it in the tenant, and run this again; what is there by \
         then is reused",
        FRESH.as_mins()
    );
    Err(Trouble { kind: TroubleKind::Unreachable, why })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;
    use crate::graph::script::{Script, Seen, answer, id as oid, lost};

    fn named(break_glass: &[PersonRef]) -> Named<'_> {
        Named { group: "MFA", exempt_group: Some("Not MFA"), policy: "Require MFA", break_glass, require: Require::Mfa }
    }

    /// A tenant with nothing in it; what is made is kept and shown.
    fn empty_tenant() -> Arc<Script> {
        let made: Mutex<Vec<Value>> = Mutex::default();
        Script::with_tokens(move |seen: &Seen| {
            let mut made = made.lock().unwrap();
            let find = |made: &[Value]| made.iter().find(|made| seen.uri.contains(made["id"].as_str().unwrap())).cloned();
            if seen.method == "POST" {
                let mut body = seen.body.clone();
                body["id"] = json!(oid(100 + made.len() as u128));
                made.push(body.clone());
                return answer(201, &body);
            }
            if seen.uri.contains("/users?") {
                return answer(200, &json!({"value": [{"id": oid(1)}, {"id": oid(2)}]}));
            }
            if seen.uri.contains("identitySecurityDefaults") {
                return answer(200, &json!({"isEnabled": true}));
            }
            match find(&made) {
                Some(body) => answer(200, &body),
                None => answer(200, &json!({"value": []})),
            }
        })
    }

    #[tokio::test]
    async fn what_is_shown_is_what_is_sent_and_the_policy_only_reports() {
        let script = empty_tenant();
        let (graph, _) = script.graph();
        let accounts = [PersonRef::Id(oid(1)), PersonRef::Id(oid(2))];
        let draft = draft(&graph, named(&accounts)).await.unwrap();
        assert_eq!(draft.obstacles, Vec::<String>::new());
        assert!(draft.has_security_defaults());
        assert_eq!(draft.permissions().len(), 2);
        let shown = draft.requests();
        assert_eq!(script.seen().iter().filter(|seen| seen.method != "GET").count(), 0, "a look changes nothing");
        let mut told = Vec::new();
        let made = make(&graph, &draft, |line| told.push(line)).await.unwrap();
        assert_eq!(told.len(), 3, "{told:?}");
        let sent: Vec<Seen> = script.seen().into_iter().filter(|seen| seen.method != "GET").collect();
        assert_eq!(sent.len(), shown.len());
        for (sent, (_, shown)) in sent.iter().zip(&shown) {
            let mut shown = shown.to_string();
            shown = shown.replace("(the id of the enforcement group, made above)", &made.group.to_string());
            shown = shown.replace("(the id of the exempt group, made above)", &made.exempt.unwrap().to_string());
            assert_eq!(sent.body.to_string(), shown);
        }
        let policy = &sent[2].body;
        assert_eq!(policy["state"], "enabledForReportingButNotEnforced");
        assert_eq!(policy["conditions"]["users"]["excludeUsers"], json!([oid(1).to_string(), oid(2).to_string()]));

        let again = super::draft(&graph, Named { group: &made.group.to_string(), ..named(&accounts) }).await;
        assert_eq!(again.unwrap().group.id, Some(made.group));
    }

    #[tokio::test]
    async fn what_was_made_although_the_answer_was_lost_is_found_and_nothing_is_made_twice() {
        for is_made in [true, false] {
            let script = Script::with_tokens(move |seen: &Seen| match seen.method.as_str() {
                "POST" => lost(),
                _ if is_made => answer(200, &json!({"value": [{"id": oid(7), "displayName": "MFA", "securityEnabled": true}]})),
                _ => answer(200, &json!({"value": []})),
            });
            let (graph, _) = script.graph();
            let piece = Piece { name: "MFA".to_owned(), id: None };
            let made = match graph.make(&Mutation::CreateGroup(new_group(&piece, ""))).await {
                Err(NotMade::Unknown) => appears(&graph, "MFA", Thing::Group).await,
                other => panic!("{other:?}"),
            };
            assert_eq!(made.as_ref().ok(), is_made.then_some(&oid(7)));
            assert_eq!(script.seen().iter().filter(|seen| seen.method == "POST").count(), 1);
        }
    }

    #[test]
    fn a_policy_that_exists_is_reused_only_when_it_fits() {
        let fitting = NewPolicy {
            name: "Require MFA".to_owned(),
            group: oid(5),
            without_groups: vec![oid(6)],
            without_people: vec![oid(1), oid(2)],
            require: Require::Mfa,
        };
        let accounts = [oid(1), oid(2)];
        let fit = |policy: &NewPolicy, group| {
            let body = policy.body();
            misfit(&body, group, &policy::excluded_users(&body), &accounts)
        };
        assert_eq!(fit(&fitting, Some(oid(5))), Vec::<String>::new());
        for (policy, group, word) in [
            (fitting.clone(), None, "name another policy"),
            (fitting.clone(), Some(oid(7)), "does not include the enforcement group"),
            (NewPolicy { without_people: vec![oid(1)], ..fitting.clone() }, Some(oid(5)), "1 of 2 break-glass"),
        ] {
            let found = fit(&policy, group);
            assert!(found.len() == 1 && found[0].contains(word), "{word}: {found:?}");
        }
    }
}

#[cfg(test)]
#[path = "setup_tests.rs"]
mod examples;
