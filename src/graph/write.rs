//! Carrying out mutations: what the tenant throttles is sent again as it was, within bounds; nothing else is repeated.
//!
//! Does not judge refusals. Invariants: a mutation whose answer was lost is `Unknown` and is not sent again here; what waits to be sent,
//! for the first time or again, is not sent when its leave is taken back.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::answer::Verdict;
use super::batch::{Outcome, together};
use super::crowd::Sent;
use super::pace::Cost;
use super::request::{Call, Mutation};
use super::throttle::{Bucket, Waited, later as after};
use super::transport::{Transport, later, unwelcome};
use super::wait::{PATIENCE, WRITE_PATIENCE};
use crate::clock::Clock;
use crate::engine::leave::Leave;
use crate::rollout::observed::{Trouble, TroubleKind};

/// What became of a mutation: `Ok`, `AlreadySo`, `Gone`, `Refused` or `Unknown`, or why it was not carried out and can be tried again.
pub(crate) type Carried = Result<Verdict, Trouble>;

/// Carries out mutations of one kind (at most [`super::batch::MEMBERS`]) together. One result per mutation, in order.
pub(crate) async fn carry_out(transport: &Transport, leave: &Leave, mutations: &[Mutation]) -> Vec<Carried> {
    let calls: Vec<_> = mutations.iter().map(|mutation| mutation.call(transport.endpoints.graph_root())).collect();
    let mut results: Vec<Option<Carried>> = vec![None; calls.len()];
    let Some(bucket) = calls.first().map(Call::bucket) else { return Vec::new() };
    let patience = if bucket == Bucket::Writes { WRITE_PATIENCE } else { PATIENCE };
    let mut waited = SignedDuration::ZERO;
    let mut refreshed = false;
    for attempt in 1.. {
        let open: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.is_none()).map(|(at, _)| at).collect();
        let open_calls: Vec<_> = open.iter().filter_map(|at| calls.get(*at)).collect();
        let Some(first) = open_calls.first() else { break };
        let throttled = || later(first, 429, TroubleKind::Throttled);
        if waited.saturating_add(transport.gates.shut_for(bucket)) > patience {
            give_up(&mut results, &throttled());
            break;
        }
        let links = open.iter().filter_map(|at| mutations.get(*at)).map(Mutation::links).sum();
        let opens = transport.gates.take(bucket, Cost { requests: u32::try_from(open.len()).unwrap_or(u32::MAX), links });
        if transport.gates.wait_until(opens, leave).await == Waited::LetGo {
            give_up(&mut results, &throttled());
            break;
        }

        // The longest wait that an answer asks for, and the trouble of those who have to wait.
        let mut longest: Option<(SignedDuration, Trouble)> = None;
        let mut unauthorised = false;
        let outcomes = send(transport, leave, bucket, &open_calls).await;
        for (at, outcome) in open.iter().zip(outcomes) {
            let result = match outcome {
                Err(trouble) => Err(trouble),
                Ok((Verdict::Retry { after, kind }, reply)) => {
                    let wait = transport.wait(first, attempt, after);
                    if longest.as_ref().is_none_or(|(longest, _)| *longest < wait) {
                        longest = Some((wait, later(first, if reply.status == 0 { 429 } else { reply.status }, kind)));
                    }
                    continue;
                }
                Ok((Verdict::Reauthenticate, _)) if !refreshed => {
                    unauthorised = true;
                    continue;
                }
                Ok((Verdict::Reauthenticate, _)) => Err(unwelcome(first)),
                Ok((verdict, _)) => Ok(verdict),
            };
            if let Some(place) = results.get_mut(*at) {
                *place = Some(result);
            }
        }
        if unauthorised {
            refreshed = true;
            transport.refresh().await;
        }
        if let Some((wait, trouble)) = longest {
            if bucket == Bucket::Writes && trouble.kind == TroubleKind::Throttled {
                transport.gates.refused(wait);
            } else {
                transport.shut(first, wait);
            }
            if waited.saturating_add(wait) > patience {
                give_up(&mut results, &trouble);
                break;
            }
            waited = waited.saturating_add(wait);
            let until = after(transport.clock.now(), wait);
            if transport.gates.wait_until(until, leave).await == Waited::LetGo {
                give_up(&mut results, &trouble);
                break;
            }
        }
    }
    results.into_iter().map(|result| result.unwrap_or(Ok(Verdict::Unknown))).collect()
}

/// Sends calls once, and learns from the answers how many writes the service takes.
async fn send(transport: &Transport, leave: &Leave, bucket: Bucket, calls: &[&Call]) -> Vec<Outcome> {
    if bucket != Bucket::Writes {
        return together(transport, leave, calls).await;
    }
    let (_under_way, sent) = UnderWay::begin(transport, calls.len());
    let began = Clock::monotonic();
    let outcomes = together(transport, leave, calls).await;
    let took = Clock::monotonic().duration_since(began);
    let answered = || outcomes.iter().filter_map(|outcome| outcome.as_ref().ok());
    if let Some(used) = answered().filter_map(|(_, reply)| reply.used).reduce(f64::max) {
        transport.gates.told(used);
    }
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let busy = answered().filter(|(verdict, _)| *verdict == Verdict::Unknown).count();
    let taken = answered().filter(|(verdict, _)| !matches!(verdict, Verdict::Unknown | Verdict::Retry { .. })).count();
    if busy + taken > 0 {
        let mut crowd = transport.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        crowd.timed(took);
        crowd.answered(transport.clock.now(), sent, count(taken), count(busy));
    }
    outcomes
}

/// Writes under way; no longer when it goes.
struct UnderWay<'a>(&'a Transport, u32);

impl<'a> UnderWay<'a> {
    fn begin(transport: &'a Transport, writes: usize) -> (Self, Sent) {
        let writes = u32::try_from(writes).unwrap_or(u32::MAX);
        let under_way = transport.under_way.fetch_add(writes, Ordering::Relaxed).saturating_add(writes);
        let sent = transport.crowd.lock().unwrap_or_else(PoisonError::into_inner).sent(under_way);
        (Self(transport, writes), sent)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// All that is still open was refused for now: nothing of it was done.
fn give_up(results: &mut [Option<Carried>], trouble: &Trouble) {
    results.iter_mut().filter(|result| result.is_none()).for_each(|result| *result = Some(Err(trouble.clone())));
}
