//! What is written to each operator of a memo.
//!
//! Does not send. Invariants: addresses come from the plan's file and are in no journal; a memo carries none of the headers of a notice,
//! and one that says what it is.

use std::collections::BTreeMap;

use crate::engine::port::{Memo, NoticeOutcome};
use crate::graph::request::Message;
use crate::letter;
use crate::rollout::id::ObjectId;
use crate::rollout::plan::addressee;

use super::written::{Writer, because, content, notice_id};

/// The header that holds a memo's id.
pub(super) const MEMO: &str = "x-tidegate-memo";

/// The addresses of operators, by what stands for them in the plan.
#[derive(Clone, Debug, Default)]
pub struct Addresses(BTreeMap<ObjectId, String>);

impl Addresses {
    /// These addresses, in the plan of this tenant (`tenant.id`).
    #[must_use]
    pub fn new(tenant: &str, addresses: &[String]) -> Self {
        Self(addresses.iter().map(|address| (addressee(tenant, address), address.clone())).collect())
    }
}

impl Writer {
    /// A mail for each operator; who gets none, and why, is in the outcome.
    pub(super) fn write_memo(&self, memo: &Memo, outcome: &mut NoticeOutcome) -> Vec<(ObjectId, Message)> {
        let letter = letter::memo::write(&memo.page);
        let format = self.texts.borrow().format();
        let mut ready = Vec::with_capacity(memo.to.len());
        for id in &memo.to {
            let Some(to) = self.operators.0.get(id) else {
                let why = "an address of reports.to is not known to this process; it counts from the next start on";
                because(&mut outcome.not_sent, why, [*id]);
                continue;
            };
            let header = notice_id(self.graph.key(), &format!("memo {}", memo.intent), *id);
            let message = Message {
                to: to.clone(),
                subject: letter.subject.clone(),
                body: content(letter.clone(), format),
                headers: vec![(MEMO, header.to_string())],
                calendar_file: None,
            };
            ready.push((*id, message));
        }
        ready
    }
}
