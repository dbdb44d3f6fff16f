//! `finish`: the policy about everybody but the exempt, in place of the one about a group. Shown with what stands in its way, verified
//! once it is there, and with `--apply` performed by the running daemon.
//!
//! Sends nothing to the tenant that changes it: the daemon does, which journals the before-image first. Invariant: nothing is asked of
//! the daemon but what was shown.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::args::{Common, Finish, Terms};
use super::setup::agreed;
use super::{Exit, Failure, adapters, pause, place, runtime, status};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::enforcement::finish::{Guests, Outside, beside};
use crate::enforcement::{offering, problems_for_everybody};
use crate::engine::command::What;
use crate::engine::port::{Offer, Tenant as _};
use crate::graph::Graph;
use crate::graph::groups::Depth;
use crate::rollout::hold::Owner;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Trouble, TroubleKind};
use crate::rollout::plan::{Enforcement, Plan};
use crate::rollout::stage::PhaseName;
use crate::{say, whisper};

/// How often, and for how long, the policy is looked at after the daemon was asked.
const LOOK: SignedDuration = SignedDuration::from_secs(3);
const LOOKS: u32 = 100;

/// What the daemon needs to perform it.
const PERMISSION: &str = "Policy.ReadWrite.ConditionalAccess";

/// What was read for the finish.
struct Seen {
    policy: ObjectId,
    verdict: Verdict,
    exempt: Option<ObjectId>,
    accounts: Vec<ObjectId>,
    guests: Guests,
    /// People of the exempt group.
    left_out: Vec<ObjectId>,
    /// People in scope who are not in the enforcement group.
    open: Vec<ObjectId>,
}

/// What a policy is, measured by the finish.
struct Verdict {
    offer: Offer,
    /// Why it would not require MFA always of those whom it is about.
    problems: Vec<String>,
    /// Whom it leaves out beside those whom it must.
    beside: Vec<String>,
}

impl Verdict {
    fn is_verified(&self) -> bool {
        self.offer.lacks.is_empty() && self.problems.is_empty()
    }
}

impl Seen {
    fn judge(&self, policy: &Value) -> Verdict {
        let outside = Outside { exempt: self.exempt, accounts: &self.accounts, guests: self.guests };
        judge(self.policy, policy, outside)
    }
}

fn judge(id: ObjectId, policy: &Value, outside: Outside<'_>) -> Verdict {
    Verdict {
        offer: offering::of(id, policy, outside),
        problems: problems_for_everybody(policy),
        beside: beside(policy, outside),
    }
}

pub(super) fn finish(common: &Common, verb: &Finish) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let plan = &loaded.plan;
    let Enforcement::ConditionalAccess { group, policy, manage_policy, .. } = &plan.enforcement else {
        return Err(Failure::new(Exit::Plan, "only a conditional-access plan has a finish"));
    };
    let graph = adapters::over_http(&loaded, &Clock::system(), std::sync::Arc::default())?.graph;
    let runtime = runtime()?;
    let seen = runtime.block_on(look(&graph, plan, group, policy)).map_err(failure)?;
    let verified = seen.verdict.is_verified();
    let obstacles = if verified { Vec::new() } else { obstacles(&loaded, &seen) };
    if !common.json {
        show(plan, &seen, &obstacles);
    } else if verified || !verb.apply {
        tell(&seen, &seen.verdict, &obstacles);
    }
    if verified {
        return Ok(Exit::Done);
    }
    if !verb.apply {
        if !common.json {
            let next = if *manage_policy {
                "`tidegate finish --apply` has the running daemon do it, which journals what was there before"
            } else {
                "Stop the run, make the change by hand, and run this again: the run holds when its policy includes everybody"
            };
            say!("\nNothing was sent. {next}.");
        }
        return Ok(Exit::Blocked);
    }
    if !*manage_policy {
        let says = "--apply needs `enforcement.manage_policy`: a human owns this policy, and changes it by hand";
        return Err(Failure::new(Exit::Plan, says));
    }
    if !obstacles.is_empty() {
        return Err(Failure::new(Exit::Blocked, format!("nothing was sent: {}", obstacles.join("; "))));
    }
    if runtime.block_on(graph.granted()).is_some_and(|granted| !granted.iter().any(|role| role == PERMISSION)) {
        return Err(Failure::new(Exit::Tenant, format!("the app lacks {PERMISSION}; grant it with admin consent")));
    }
    if !verb.yes && !agreed()? {
        return Err(Failure::new(Exit::Blocked, "nothing was sent"));
    }
    let shown = seen.verdict.offer.fingerprint.clone();
    let answer = pause::send(&loaded.settings.socket, &Terms::default(), What::Finish { shown });
    whisper!("{}", answer.map_err(|error| Failure::because(Exit::Blocked, &error))?);
    for _ in 0..LOOKS {
        runtime.block_on(graph.clock().sleep(LOOK));
        let policy = runtime.block_on(graph.policy(seen.policy)).map_err(failure)?;
        let verdict = seen.judge(&policy);
        if verdict.is_verified() {
            if common.json {
                tell(&seen, &verdict, &[]);
            } else {
                confirm(plan, &seen, &verdict);
            }
            return Ok(Exit::Done);
        }
    }
    let says = "the policy is not one about everybody yet; `tidegate journal show` says what became of it";
    Err(Failure::new(Exit::Blocked, says))
}

fn failure(trouble: Trouble) -> Failure {
    let exit = if trouble.kind == TroubleKind::Unusable { Exit::Blocked } else { Exit::Tenant };
    Failure::new(exit, trouble.why)
}

/// What stands in the way, in sentences: people who would be asked untold, stages that are not done, holds.
fn obstacles(loaded: &Loaded, seen: &Seen) -> Vec<String> {
    let mut obstacles = Vec::new();
    if !seen.open.is_empty() {
        obstacles.push(format!(
            "{} people in scope are not enforced ({}): MFA would be required of them at once and untold; let the tail end first",
            seen.open.len(),
            some(&seen.open)
        ));
    }
    match status::read(&loaded.settings.state_dir) {
        Ok(published) => {
            let stages = published.report.stages.iter().filter(|stage| stage.phase != Some(PhaseName::Done));
            let phase = |phase: Option<PhaseName>| phase.map_or("not begun", PhaseName::as_str);
            obstacles.extend(stages.map(|stage| format!("stage `{}` is {}", stage.name, phase(stage.phase))));
            let holds = published.report.holds.iter().filter(|hold| hold.owner != Owner::Schedule);
            obstacles.extend(holds.map(|hold| format!("hold `{}`: {}", hold.id, hold.why)));
        }
        Err(failure) => obstacles.push(format!("whether every stage is done is not known: {}", failure.says)),
    }
    obstacles
}

/// The first few ids.
fn some(people: &[ObjectId]) -> String {
    let first: Vec<String> = people.iter().take(5).map(ToString::to_string).collect();
    format!("{}{}", first.join(", "), if people.len() > first.len() { ", …" } else { "" })
}

fn request(seen: &Seen) -> String {
    format!("PATCH /v1.0/identity/conditionalAccess/policies/{}", seen.policy)
}

fn body(verdict: &Verdict) -> Value {
    let conditions: Value = serde_json::from_str(&verdict.offer.image.after).unwrap_or_default();
    json!({ "conditions": conditions })
}

fn tell(seen: &Seen, verdict: &Verdict, obstacles: &[String]) {
    let texts = |ids: &[ObjectId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let body = json!({
        "verified": verdict.is_verified(),
        "lacks": verdict.offer.lacks,
        "problems": verdict.problems,
        "in_the_way": obstacles,
        "not_enforced": texts(&seen.open),
        "exempt": texts(&seen.left_out),
        "left_out_besides": verdict.beside,
        "request": request(seen),
        "body": body(verdict),
    });
    say!("{body}");
}

fn show(plan: &Plan, seen: &Seen, obstacles: &[String]) {
    if seen.verdict.is_verified() {
        return confirm(plan, seen, &seen.verdict);
    }
    for lack in seen.verdict.offer.lacks.iter().chain(&seen.verdict.problems) {
        say!("{lack}");
    }
    whom(plan, seen, &seen.verdict);
    for obstacle in obstacles {
        say!("in the way: {obstacle}");
    }
    say!("\nThe finish would be:\n\n{}\n{:#}", request(seen), body(&seen.verdict));
}

fn confirm(plan: &Plan, seen: &Seen, verdict: &Verdict) {
    say!("verified: the policy {} is on, and requires MFA of everybody but the exempt: this is the finish", seen.policy);
    whom(plan, seen, verdict);
}

/// Whom the finish leaves out.
fn whom(plan: &Plan, seen: &Seen, verdict: &Verdict) {
    say!("left out: {} break-glass and synchronisation accounts", seen.accounts.len());
    if let Some(group) = &plan.people.exempt_group {
        let group: String = group.chars().filter(|c| !c.is_control()).collect();
        let who = if seen.left_out.is_empty() { "nobody".to_owned() } else { some(&seen.left_out) };
        say!("left out: the exempt group `{group}`, {} people now ({who})", seen.left_out.len());
    }
    for more in &verdict.beside {
        say!("left out besides, as the policy has it already: {more}");
    }
}

async fn look(graph: &Graph, plan: &Plan, group: &str, policy: &str) -> Result<Seen, Trouble> {
    let directory = graph.directory().await?;
    let group = graph.find_group(group).await?.id;
    let members: BTreeSet<ObjectId> = graph.members(group, Depth::Direct).await?.iter().collect();
    let id = graph.find_policy(policy).await?;
    let policy = graph.policy(id).await?;
    let (exempt, left_out) = match &plan.people.exempt_group {
        Some(name) => {
            let exempt = graph.find_group(name).await?.id;
            (Some(exempt), graph.members(exempt, Depth::Transitive).await?.ascending())
        }
        None => (None, Vec::new()),
    };
    let mut accounts = directory.sync_accounts.clone();
    for reference in &plan.people.break_glass {
        accounts.extend(graph.person_id(*reference).await?);
    }
    accounts.sort_unstable();
    accounts.dedup();
    let outside: BTreeSet<ObjectId> = left_out.iter().chain(&accounts).copied().collect();
    let counts = |guest: bool| !guest || plan.people.include_guests;
    let people = directory.iter().filter(|person| person.enabled != Some(false) && counts(person.guest));
    let open = people.map(|person| person.id).filter(|id| !members.contains(id) && !outside.contains(id)).collect();
    let guests = if plan.people.include_guests { Guests::In } else { Guests::Out };
    let verdict = judge(id, &policy, Outside { exempt, accounts: &accounts, guests });
    Ok(Seen { policy: id, verdict, exempt, accounts, guests, left_out, open })
}
