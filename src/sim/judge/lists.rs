//! Judging lists for managers: drawn of people who were told, intended before they leave, sent to each manager once.
//!
//! A list is no notice: nothing here counts as one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Judge;
use super::ledger::{Ledger, of, split};
use super::rule::{Reached, Rule};
use crate::rollout::event::{Event, Record};
use crate::rollout::id::ObjectId;
use crate::sim::tenant::Tenant;

/// What the journal says of lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// The instant that the lists of each stage name, and whose list is not settled.
    drawn: BTreeMap<String, (Timestamp, BTreeSet<ObjectId>)>,
    /// Lists that were intended: stage, instant, managers.
    open: BTreeMap<u64, (String, Timestamp, Vec<ObjectId>)>,
}

impl Ledger {
    /// Takes a record about lists in; what is wrong with it.
    pub(super) fn take_list(&mut self, record: &Record, reached: &mut Reached) -> Vec<String> {
        let mut wrong = Vec::new();
        match &record.event {
            Event::ListsDrawn { stage, instant, lists, alone } => {
                let mut seen = BTreeSet::new();
                for person in lists.iter().flat_map(|list| &list.people).chain(alone) {
                    let told = self.told.get(person).is_some_and(|told| told.iter().any(|told| told.instant == *instant));
                    if !seen.insert(*person)
                        || self.homes.get(person) != Some(stage)
                        || !told
                        || self.enforced.contains_key(person)
                    {
                        wrong.push(format!("{person} is on a list of `{stage}` and does not belong there"));
                    }
                }
                if self.lists.drawn.get(stage).is_some_and(|(known, _)| known == instant) {
                    wrong.push(format!("the lists of `{stage}` for {instant} are drawn twice"));
                }
                let managers = lists.iter().map(|list| list.manager).collect();
                self.lists.drawn.insert(stage.clone(), (*instant, managers));
                reached.add("lists drawn", lists.len() as u64);
            }
            Event::ListIntent { stage, instant, managers, .. } => {
                let before = self.plan.as_ref().and_then(|plan| plan.notices.managers);
                let opens = before.and_then(|before| instant.checked_sub(before).ok());
                if opens.is_none_or(|opens| record.at < opens) || record.at >= *instant {
                    wrong.push(format!("lists of `{stage}` for {instant} leave at {}", record.at));
                }
                let waits =
                    |id: &ObjectId| self.lists.drawn.get(stage).is_some_and(|(at, all)| at == instant && all.contains(id));
                if !managers.iter().all(waits) {
                    wrong.push(format!("a list of `{stage}` is intended, and none waits"));
                }
                self.lists.open.insert(record.seq, (stage.clone(), *instant, managers.clone()));
            }
            Event::ListOutcome { intent, accepted, refused, unknown, not_sent } => {
                let Some((stage, _, managers)) = self.lists.open.remove(intent) else {
                    return vec![format!("there is no intent {intent} of lists")];
                };
                wrong.extend(split(&managers, &[accepted.clone(), of(refused), unknown.clone(), of(not_sent)]));
                if let Some((_, waits)) = self.lists.drawn.get_mut(&stage) {
                    waits.retain(|manager| !accepted.contains(manager) && !unknown.contains(manager));
                }
                reached.add("lists accepted", accepted.len() as u64);
                reached.add("lists unknown", unknown.len() as u64);
            }
            _ => {}
        }
        wrong
    }
}

impl Judge {
    /// Judges the list at place `at` of those that the tenant took.
    pub(super) fn judge_list(&mut self, tenant: &Tenant, at: usize) {
        let Some(list) = tenant.lists().get(at) else { return };
        let meant = self.ledger.lists.open.values().find(|(_, _, managers)| managers.contains(&list.manager)).cloned();
        let Some((stage, instant, _)) = meant else {
            self.breach(list.at, Rule::Intent, Some(list.manager), "a list left without an open intent".to_owned());
            return;
        };
        let times = self.listed.entry((stage.clone(), instant, list.manager)).or_default();
        *times += 1;
        if *times > 1 {
            let seen = format!("the list of `{stage}` for {instant} was sent {times} times");
            self.breach(list.at, Rule::Repeated, Some(list.manager), seen);
        }
    }
}
