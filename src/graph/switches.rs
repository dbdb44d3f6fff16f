//! The switches as they are: security defaults, per-user states, authentication strengths, and what policies would do.
//!
//! Does not judge or change. Invariant: a state that is not known is said to be unknown, never guessed.

use jiff::SignedDuration;
use serde_json::Value;

use super::answer::Verdict;
use super::batch::{MEMBERS, together};
use super::page;
use super::request::{Call, Question, Read, per_user_named};
use super::transport::{Transport, later, unwelcome};
use super::wait::PATIENCE;
use crate::engine::leave::Leave;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{PerUser, Toggle};
use crate::rollout::observed::{Trouble, TroubleKind};

/// Whether security defaults are on.
pub(crate) async fn security_defaults(transport: &Transport) -> Result<Toggle, Trouble> {
    let parse = |body: &[u8]| {
        let on = serde_json::from_slice::<Value>(body).ok()?.get("isEnabled")?.as_bool()?;
        Some(if on { Toggle::On } else { Toggle::Off })
    };
    let gone = || "the tenant does not know security defaults; check tenant.graph_url".to_owned();
    transport.read(&Read::Switch(Question::SecurityDefaults).call(), parse).await.map_err(|unread| unread.trouble(gone))
}

/// The authentication strengths, as the tenant wrote them.
pub(crate) async fn strengths(transport: &Transport) -> Result<Vec<Value>, Trouble> {
    let gone = || "the tenant does not know authentication strengths; its cloud may not have them".to_owned();
    all(transport, &Read::Switch(Question::Strengths).call(), gone).await
}

/// Every policy, as the tenant wrote it, with whether it would apply to a person who signs in to an app (`policyApplies`; a policy in
/// report-only mode applies, too) and why not (`analysisReasons`).
pub(crate) async fn what_if(transport: &Transport, person: ObjectId, app: ObjectId) -> Result<Vec<Value>, Trouble> {
    let gone = || format!("the tenant cannot say which policies apply to {person}; check that the person exists");
    all(transport, &Read::Switch(Question::WhatIf { person, app }).call(), gone).await
}

/// Every Conditional Access policy, as the tenant wrote it.
pub(crate) async fn policies(transport: &Transport) -> Result<Vec<Value>, Trouble> {
    let gone = || "the tenant does not know Conditional Access policies; check tenant.graph_url".to_owned();
    all(transport, &Read::Policies.call(), gone).await
}

async fn all(transport: &Transport, call: &Call, gone: impl FnOnce() -> String) -> Result<Vec<Value>, Trouble> {
    let mut rows = Vec::new();
    page::each(transport, call, |row: Value| rows.push(row)).await.map_err(|unread| unread.trouble(gone))?;
    Ok(rows)
}

/// These people's states of per-user MFA, in the order asked; a state that is not known is `None`, and who does not exist is missing.
pub(crate) async fn per_user(transport: &Transport, people: &[ObjectId]) -> Result<Vec<(ObjectId, Option<PerUser>)>, Trouble> {
    let mut states = Vec::with_capacity(people.len());
    for people in people.chunks(MEMBERS) {
        let calls: Vec<_> = people.iter().map(|person| Read::Switch(Question::PerUser(*person)).call()).collect();
        let bodies = some(transport, &calls).await?;
        let known = people.iter().zip(bodies).filter_map(|(person, body)| Some((*person, state(&body?))));
        states.extend(known);
    }
    Ok(states)
}

fn state(body: &Value) -> Option<PerUser> {
    per_user_named(body.get("perUserMfaState")?.as_str()?)
}

/// Reads several objects in one envelope, in order, `None` for one that does not exist; asks again for those that were throttled or
/// not answered.
async fn some(transport: &Transport, calls: &[Call]) -> Result<Vec<Option<Value>>, Trouble> {
    let mut bodies: Vec<Option<Option<Value>>> = vec![None; calls.len()];
    let mut waited = SignedDuration::ZERO;
    let mut refreshed = false;
    for attempt in 1.. {
        let open: Vec<usize> = bodies.iter().enumerate().filter(|(_, body)| body.is_none()).map(|(at, _)| at).collect();
        let batch: Vec<&Call> = open.iter().filter_map(|at| calls.get(*at)).collect();
        let Some(first) = batch.first().copied() else { break };
        transport.gates.pass(first.bucket(), u32::try_from(batch.len()).unwrap_or(u32::MAX)).await;
        let mut longest: Option<(SignedDuration, Trouble)> = None;
        let mut unauthorised = false;
        for (at, outcome) in open.iter().zip(together(transport, &Leave::default(), &batch).await) {
            let (trouble, after) = match outcome {
                Err(trouble) if trouble.kind == TroubleKind::Refused => return Err(trouble),
                Err(trouble) => (trouble, None),
                Ok((Verdict::Refused(refusal), _)) => return Err(refusal.trouble()),
                Ok((Verdict::Reauthenticate, _)) if refreshed => return Err(unwelcome(first)),
                Ok((Verdict::Reauthenticate, _)) => {
                    unauthorised = true;
                    continue;
                }
                Ok((Verdict::Retry { after, kind }, reply)) => (later(first, reply.status, kind), after),
                Ok((Verdict::AlreadySo | Verdict::Unknown, reply)) => {
                    (later(first, reply.status, TroubleKind::Unreachable), None)
                }
                Ok((verdict, reply)) => {
                    let body = if verdict == Verdict::Gone { Some(None) } else { read(&reply.body).map(Some) };
                    match (body, bodies.get_mut(*at)) {
                        (Some(body), Some(place)) => {
                            *place = Some(body);
                            continue;
                        }
                        _ => (later(first, reply.status, TroubleKind::Unreachable), None),
                    }
                }
            };
            let pause = transport.wait(first, attempt, after);
            if longest.as_ref().is_none_or(|(longest, _)| *longest < pause) {
                longest = Some((pause, trouble));
            }
        }
        if unauthorised {
            refreshed = true;
            transport.refresh().await;
        }
        if let Some((pause, trouble)) = longest {
            waited = waited.saturating_add(pause);
            if attempt >= 6 || waited > PATIENCE {
                return Err(trouble);
            }
            if trouble.kind == TroubleKind::Throttled {
                transport.shut(first, pause);
            }
            transport.clock.sleep(pause).await;
        }
    }
    Ok(bodies.into_iter().map(Option::flatten).collect())
}

fn read(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(Value::is_object)
}
