//! Judging memos to operators: called for by a record, intended before they leave, taken once for each operator, in doubt twice at most.
//!
//! A memo is no notice: nothing here counts as one.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{Ledger, of, split};
use super::rule::Reached;
use crate::rollout::digest::Subject;
use crate::rollout::event::{Event, Record};
use crate::rollout::id::ObjectId;

/// What the journal says of memos.
#[derive(Debug, Default)]
pub(super) struct Memos {
    /// Records that called for one.
    called: Vec<u64>,
    /// Weeks that were reported.
    weeks: BTreeSet<Subject>,
    /// Memos that were intended: about what, and to whom.
    open: BTreeMap<u64, (u64, Vec<ObjectId>)>,
    /// Whether it was taken, and how often nobody knew, by record and operator.
    fates: BTreeMap<(u64, ObjectId), (bool, u32)>,
}

impl Ledger {
    /// Takes a record about memos in; what is wrong with it.
    pub(super) fn take_memo(&mut self, record: &Record, reached: &mut Reached) -> Vec<String> {
        let mut wrong = Vec::new();
        let memos = &mut self.memos;
        match &record.event {
            Event::AlertRaised { .. } | Event::AlertEnded { .. } => {
                memos.called.push(record.seq);
                reached.count("alerts");
            }
            Event::Reported { about, .. } => {
                memos.called.push(record.seq);
                if matches!(about, Subject::Week(_)) && !memos.weeks.insert(about.clone()) {
                    wrong.push("a week is reported twice".to_owned());
                }
                reached.count("reports");
            }
            Event::MemoIntent { about, to, .. } => {
                if !memos.called.contains(about) {
                    wrong.push(format!("a memo about record {about}, which called for none"));
                }
                for id in to {
                    let (taken, doubts) = memos.fates.get(&(*about, *id)).copied().unwrap_or_default();
                    if taken || doubts > 1 {
                        wrong.push(format!("the memo about record {about} is sent again to {id}"));
                    }
                }
                memos.open.insert(record.seq, (*about, to.clone()));
            }
            Event::MemoOutcome { intent, accepted, refused, unknown, not_sent } => {
                let Some((about, to)) = memos.open.remove(intent) else {
                    return vec![format!("there is no intent {intent} of a memo")];
                };
                wrong.extend(split(&to, &[accepted.clone(), of(refused), unknown.clone(), of(not_sent)]));
                for id in accepted {
                    memos.fates.entry((about, *id)).or_default().0 = true;
                }
                for id in unknown {
                    memos.fates.entry((about, *id)).or_default().1 += 1;
                }
                reached.add("memos accepted", accepted.len() as u64);
                reached.add("memos unknown", unknown.len() as u64);
            }
            _ => {}
        }
        wrong
    }
}
