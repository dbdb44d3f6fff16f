//! A notice that is only looked at: one mail to an address of the operator's, which promises nobody anything.
//!
//! Does not judge the address. Invariant: it carries none of the headers of a notice, and one that says what it is.

use crate::graph::Graph;
use crate::graph::answer::Verdict;
use crate::graph::request::{Message, Mutation};
use crate::rollout::id::PersonRef;
use crate::rollout::plan::Format;

use super::Letter;
use super::written::content;

/// Nobody knows what became of it.
pub(super) const UNKNOWN: &str =
    "the mail service gave no answer that can be trusted; look into the mailbox before you try again";

/// The mail, for whichever way.
pub(super) fn message(to: &str, letter: Letter, format: Format) -> Message {
    Message {
        to: to.to_owned(),
        subject: letter.subject.clone(),
        body: content(letter, format),
        headers: vec![("x-tidegate-test", "true".to_owned())],
        calendar_file: None,
    }
}

/// Sends it through Graph, from the first of these mailboxes that exists; or says why it is not sent.
pub async fn send(graph: &Graph, from: &[PersonRef], to: &str, letter: Letter, format: Format) -> Result<(), String> {
    let mut sender = None;
    for mailbox in from {
        sender = graph.person_id(*mailbox).await.map_err(|trouble| trouble.why)?;
        if sender.is_some() {
            break;
        }
    }
    let from = sender.ok_or("none of the sending mailboxes exists in the tenant; check notices.from in the plan")?;
    let message = message(to, letter, format);
    let carried = graph.carry_out(&[Mutation::SendMail { from, message }]).await.into_iter().next();
    match carried {
        Some(Ok(Verdict::Ok)) => Ok(()),
        Some(Ok(Verdict::Refused(refusal))) => Err(refusal.why),
        Some(Err(trouble)) => Err(trouble.why),
        _ => Err(UNKNOWN.to_owned()),
    }
}
