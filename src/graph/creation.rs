//! Making a group or a policy: the tenant's answer names what was made.
//!
//! Does not look for what exists already. Invariant: an order whose answer was lost is not sent again; the caller must look.

use jiff::SignedDuration;
use serde_json::Value;

use super::answer::{Verdict, classify};
use super::people::id;
use super::request::Mutation;
use super::transport::{Failure, Transport, later, unwelcome};
use super::wait::PATIENCE;
use crate::engine::leave::Leave;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;

/// Why nothing is known to have been made.
#[derive(Clone, Debug)]
pub(crate) enum NotMade {
    /// Nothing was made: the tenant refused, or could not be asked.
    Refused {
        /// The status of the refusal; 0 when there was none.
        status: u16,
        trouble: Trouble,
    },
    /// Nobody knows; a look into the tenant tells.
    Unknown,
}

/// Carries out the making of one object, and gives back its id.
pub(crate) async fn make(transport: &Transport, mutation: &Mutation) -> Result<ObjectId, NotMade> {
    let call = mutation.call(transport.endpoints.graph_root());
    let refused = |status, trouble| Err(NotMade::Refused { status, trouble });
    let mut waited = SignedDuration::ZERO;
    for attempt in 1.. {
        transport.gates.pass(call.bucket(), 1).await;
        let reply = match transport.deliver(&Leave::default(), &call).await {
            Err(Failure::NotSent(trouble)) => return refused(0, trouble),
            Err(Failure::Lost(_)) => return Err(NotMade::Unknown),
            Ok(reply) => reply,
        };
        match classify(&call, &reply) {
            Verdict::Ok => {
                return serde_json::from_slice::<Value>(&reply.body).ok().and_then(|made| id(&made)).ok_or(NotMade::Unknown);
            }
            Verdict::Refused(refusal) => return refused(refusal.status, refusal.trouble()),
            Verdict::Reauthenticate => return refused(reply.status, unwelcome(&call)),
            Verdict::Retry { after, kind } => {
                let wait = transport.wait(&call, attempt, after);
                waited = waited.saturating_add(wait);
                if waited > PATIENCE {
                    return refused(reply.status, later(&call, reply.status, kind));
                }
                transport.shut(&call, wait);
                transport.clock.sleep(wait).await;
            }
            Verdict::AlreadySo | Verdict::Gone => {
                let why = format!("the tenant refused {} {} ({})", call.method(), call.template(), reply.status);
                return refused(reply.status, super::groups::unusable(why));
            }
            Verdict::Unknown => return Err(NotMade::Unknown),
        }
    }
    Err(NotMade::Unknown)
}
