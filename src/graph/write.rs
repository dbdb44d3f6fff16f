//! Carrying out mutations: what the tenant throttles is sent again as it was, within bounds; nothing else is repeated.
//!
//! Does not judge refusals. Invariant: a mutation whose answer was lost is `Unknown` and is not sent again here.

use jiff::SignedDuration;

use super::answer::Verdict;
use super::batch::together;
use super::request::Mutation;
use super::throttle::Bucket;
use super::transport::{Transport, later, unwelcome};
use super::wait::{PATIENCE, WRITE_PATIENCE};
use crate::rollout::observed::{Trouble, TroubleKind};

/// What became of a mutation: `Ok`, `AlreadySo`, `Gone`, `Refused` or `Unknown`, or why it was not carried out and can be tried again.
pub(crate) type Carried = Result<Verdict, Trouble>;

/// Carries out mutations of one kind (at most [`super::batch::MEMBERS`]) together. One result per mutation, in order.
pub(crate) async fn carry_out(transport: &Transport, mutations: &[Mutation]) -> Vec<Carried> {
    let calls: Vec<_> = mutations.iter().map(|mutation| mutation.call(transport.endpoints.graph_root())).collect();
    let mut results: Vec<Option<Carried>> = vec![None; calls.len()];
    let mut waited = SignedDuration::ZERO;
    let mut refreshed = false;
    for attempt in 1.. {
        let open: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.is_none()).map(|(at, _)| at).collect();
        let open_calls: Vec<_> = open.iter().filter_map(|at| calls.get(*at)).cloned().collect();
        let Some(first) = open_calls.first() else { break };
        let patience = if first.bucket() == Bucket::Writes { WRITE_PATIENCE } else { PATIENCE };
        if waited.saturating_add(transport.gates.shut_for(first.bucket())) > patience {
            give_up(&mut results, &later(first, 429, TroubleKind::Throttled));
            break;
        }
        transport.gates.pass(first.bucket(), u32::try_from(open_calls.len()).unwrap_or(u32::MAX)).await;

        // The longest wait that an answer asks for, and the trouble of those who have to wait.
        let mut longest: Option<(SignedDuration, Trouble)> = None;
        let mut unauthorised = false;
        let outcomes = together(transport, &open_calls).await;
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
            transport.shut(first, wait);
            if waited.saturating_add(wait) > patience {
                give_up(&mut results, &trouble);
                break;
            }
            waited = waited.saturating_add(wait);
            transport.clock.sleep(wait).await;
        }
    }
    results.into_iter().map(|result| result.unwrap_or(Ok(Verdict::Unknown))).collect()
}

/// All that is still open was refused for now: nothing of it was done.
fn give_up(results: &mut [Option<Carried>], trouble: &Trouble) {
    results.iter_mut().filter(|result| result.is_none()).for_each(|result| *result = Some(Err(trouble.clone())));
}
