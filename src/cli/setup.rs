//! `setup`: makes the groups and the policy that a conditional-access plan stands on, after showing exactly what will be sent and asking.
//!
//! Never part of a run. What exists already is reused where it fits, and never changed. Ends with the lines for the plan.

use std::io::{BufRead, IsTerminal};

use serde_json::{Value, json};

use super::args::{Common, Setup};
use super::{Exit, Failure, adapters, place, runtime};
use crate::clock::Clock;
use crate::enforcement::setup::{self, Draft, Made, Named};
use crate::graph::request::Require;
use crate::rollout::observed::{Trouble, TroubleKind};
use crate::rollout::plan::Enforcement;
use crate::{say, whisper};

/// The strengths that have a name here.
const STRENGTHS: [(&str, &str); 3] = [
    ("mfa", "00000000-0000-0000-0000-000000000002"),
    ("passwordless", "00000000-0000-0000-0000-000000000003"),
    ("phishing-resistant", "00000000-0000-0000-0000-000000000004"),
];

pub(super) fn setup(common: &Common, verb: &Setup) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let Enforcement::ConditionalAccess { group, policy, manage_policy, .. } = &loaded.plan.enforcement else {
        let says = "setup makes what conditional-access stands on; this plan enforces in another way, for which there is nothing to make";
        return Err(Failure::new(Exit::Plan, says));
    };
    let require = require(verb.strength.as_deref())?;
    let people = &loaded.plan.people;
    let named = Named { group, exempt_group: people.exempt_group.as_deref(), policy, break_glass: &people.break_glass, require };
    let graph = adapters::over_http(&loaded, &Clock::system(), std::sync::Arc::default())?.graph;
    let runtime = runtime()?;
    let (draft, granted) = runtime.block_on(async { (setup::draft(&graph, named).await, graph.granted().await) });
    let draft = draft.map_err(failure)?;
    show(common, &draft);
    if !draft.obstacles.is_empty() {
        return Err(Failure::new(Exit::Blocked, draft.obstacles.join("\n")));
    }
    if draft.requests().is_empty() {
        conclude(common, &draft, None, *manage_policy);
        return Ok(Exit::Done);
    }
    let lacks = |needed: &[&'static str; 2]| {
        granted.as_ref().is_some_and(|granted| !granted.iter().any(|role| needed.contains(&role.as_str())))
    };
    let missing: Vec<&str> = draft.permissions().iter().filter(|needed| lacks(needed)).map(|needed| needed[0]).collect();
    if !missing.is_empty() {
        let says = format!(
            "the app lacks {}; grant it with admin consent, run setup, and take it away again: the rollout itself does not need it{}",
            missing.join(" and "),
            if *manage_policy { ", but for Policy.ReadWrite.ConditionalAccess with manage_policy" } else { "" }
        );
        return Err(Failure::new(Exit::Tenant, says));
    }
    if !verb.yes && !agreed()? {
        return Err(Failure::new(Exit::Blocked, "nothing was made"));
    }
    let made = runtime.block_on(setup::make(&graph, &draft, |line| whisper!("{line}"))).map_err(failure)?;
    conclude(common, &draft, Some(made), *manage_policy);
    Ok(Exit::Done)
}

fn require(strength: Option<&str>) -> Result<Require, Failure> {
    let Some(text) = strength else { return Ok(Require::Mfa) };
    let id = STRENGTHS.iter().find(|(name, _)| *name == text).map_or(text, |(_, id)| id);
    id.parse().map(Require::Strength).map_err(|_| {
        Failure::new(Exit::Usage, format!("--strength {text}: write mfa, passwordless, phishing-resistant or an object id"))
    })
}

/// What there is, and exactly what will be sent.
fn show(common: &Common, draft: &Draft) {
    if common.json {
        return;
    }
    let exempt = draft.exempt.as_ref().map(|piece| ("exempt group", piece));
    for (what, piece) in [("enforcement group", &draft.group)].into_iter().chain(exempt).chain([("policy", &draft.policy)]) {
        let found = piece.id.map_or_else(|| "is to be made".to_owned(), |id| format!("is there ({id}) and is used as it is"));
        say!("{what} `{}`: {found}", piece.name);
    }
    for collision in &draft.collisions {
        say!("note: {}", collision.why);
    }
    for (request, body) in draft.requests() {
        say!("\n{request}\n{body:#}");
    }
}

/// Asks at the terminal. Without one there is nobody to ask.
pub(super) fn agreed() -> Result<bool, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let says = "there is no terminal to ask at; read what would be sent, and run it again with --yes";
        return Err(Failure::new(Exit::Usage, says));
    }
    whisper!("\nSend this to the tenant? Type yes:");
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

/// What there is now, as lines for the plan, and what is left to do.
fn conclude(common: &Common, draft: &Draft, made: Option<Made>, manage_policy: bool) {
    let made = made.unwrap_or_else(|| Made {
        group: draft.group.id.unwrap_or_default(),
        exempt: draft.exempt.as_ref().and_then(|piece| piece.id),
        policy: draft.policy.id.unwrap_or_default(),
    });
    if common.json {
        let sent: Vec<Value> =
            draft.requests().into_iter().map(|(request, body)| json!({ "request": request, "body": body })).collect();
        let collisions: Vec<&str> = draft.collisions.iter().map(|collision| collision.why.as_str()).collect();
        let body = json!({
            "group": made.group.to_string(),
            "exempt_group": made.exempt.map(|id| id.to_string()),
            "policy": made.policy.to_string(),
            "sent": sent,
            "collisions": collisions,
        });
        say!("{body}");
        return;
    }
    say!("\nThe lines for the plan:\n");
    say!("[enforcement]\nkind   = \"conditional-access\"\ngroup  = \"{}\"\npolicy = \"{}\"", made.group, made.policy);
    if manage_policy {
        say!("manage_policy = true");
    }
    if let Some(exempt) = made.exempt {
        say!("\n[people]\nexempt_group = \"{exempt}\"");
    }
    if draft.policy.id.is_none() {
        let on = if manage_policy {
            "the run turns it on at the pilot"
        } else {
            "somebody must turn it on before the pilot starts, or set manage_policy"
        };
        say!("\nThe policy is in report-only mode and requires nothing: {on}.");
    }
    if draft.group.id.is_none() {
        say!(
            "The groups have no owner: members are changed with the app's GroupMember.ReadWrite.All. Give them an owner by hand."
        );
    }
    if draft.has_security_defaults() {
        say!("Security defaults are on: the policy cannot be turned on beside them.");
    }
}

fn failure(trouble: Trouble) -> Failure {
    let exit = if trouble.kind == TroubleKind::Unusable { Exit::Blocked } else { Exit::Tenant };
    Failure::new(exit, trouble.why)
}
