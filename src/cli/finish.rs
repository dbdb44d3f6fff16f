//! `finish`: offers the policy about everybody but the exempt, in place of the one about a group, and verifies it. Changes nothing.
//!
//! Refuses the offer while somebody in scope is not enforced: MFA would be required of them untold.

use std::collections::BTreeSet;

use serde_json::json;

use super::args::Common;
use super::{Exit, Failure, adapters, place, runtime};
use crate::clock::Clock;
use crate::enforcement::finish::{Guests, Outside, lacks, offer};
use crate::engine::port::Tenant as _;
use crate::graph::Graph;
use crate::graph::groups::Depth;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Trouble, TroubleKind};
use crate::rollout::plan::{Enforcement, Plan};
use crate::say;

/// What was read for the finish.
struct Seen {
    id: ObjectId,
    policy: serde_json::Value,
    exempt: Option<ObjectId>,
    accounts: Vec<ObjectId>,
    /// People in scope who are not in the enforcement group.
    open: Vec<ObjectId>,
}

pub(super) fn finish(common: &Common) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let plan = &loaded.plan;
    let Enforcement::ConditionalAccess { group, policy, .. } = &plan.enforcement else {
        return Err(Failure::new(Exit::Plan, "only a conditional-access plan has a finish"));
    };
    let graph = adapters::over_http(&loaded, &Clock::system(), std::sync::Arc::default())?.graph;
    let seen = runtime()?.block_on(look(&graph, plan, group, policy)).map_err(|trouble| {
        let exit = if trouble.kind == TroubleKind::Unusable { Exit::Blocked } else { Exit::Tenant };
        Failure::new(exit, trouble.why)
    })?;
    let guests = if plan.people.include_guests { Guests::In } else { Guests::Out };
    let outside = Outside { exempt: seen.exempt, accounts: &seen.accounts, guests };
    let lacks = lacks(&seen.policy, outside);
    let request = format!("PATCH /v1.0/identity/conditionalAccess/policies/{}", seen.id);
    let body = json!({ "conditions": offer(&seen.policy, outside) });
    if common.json {
        let open: Vec<String> = seen.open.iter().map(ToString::to_string).collect();
        say!("{}", json!({ "lacks": lacks, "not_enforced": open, "request": request, "body": body }));
    } else if lacks.is_empty() {
        say!("the policy {} is about everybody but the exempt: this is the finish", seen.id);
    } else {
        for lack in &lacks {
            say!("{lack}");
        }
        say!("\nThe finish would be:\n\n{request}\n{body:#}");
        say!("\nNothing was sent. Stop the run first: it holds when its policy includes everybody.");
    }
    if !lacks.is_empty() && !seen.open.is_empty() {
        let first: Vec<String> = seen.open.iter().take(5).map(ToString::to_string).collect();
        let says = format!(
            "{} people in scope are not enforced ({}{}): MFA would be required of them at once and untold; let the tail end first",
            seen.open.len(),
            first.join(", "),
            if seen.open.len() > first.len() { ", …" } else { "" }
        );
        return Err(Failure::new(Exit::Blocked, says));
    }
    Ok(Exit::Done)
}

async fn look(graph: &Graph, plan: &Plan, group: &str, policy: &str) -> Result<Seen, Trouble> {
    let directory = graph.directory().await?;
    let group = graph.find_group(group).await?.id;
    let members: BTreeSet<ObjectId> = graph.members(group, Depth::Transitive).await?.iter().collect();
    let id = graph.find_policy(policy).await?;
    let policy = graph.policy(id).await?;
    let (exempt, mut outside): (_, BTreeSet<ObjectId>) = match &plan.people.exempt_group {
        Some(name) => {
            let exempt = graph.find_group(name).await?.id;
            (Some(exempt), graph.members(exempt, Depth::Transitive).await?.iter().collect())
        }
        None => (None, BTreeSet::new()),
    };
    let mut accounts = directory.sync_accounts.clone();
    for reference in &plan.people.break_glass {
        accounts.extend(graph.person_id(*reference).await?);
    }
    accounts.sort_unstable();
    accounts.dedup();
    outside.extend(&accounts);
    let counts = |guest: bool| !guest || plan.people.include_guests;
    let people = directory.iter().filter(|person| person.enabled != Some(false) && counts(person.guest));
    let open = people.map(|person| person.id).filter(|id| !members.contains(id) && !outside.contains(id)).collect();
    Ok(Seen { id, policy, exempt, accounts, open })
}
