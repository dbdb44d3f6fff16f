//! The timeline of a rollout: its records as lines for people, notices and batches summed up per instant.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::show::instant;
use crate::rollout::event::{By, Event, Record, Slot, Switched};
use crate::rollout::gate::Yes;
use crate::rollout::hold::Scope;
use crate::rollout::state::{PAUSED, TAIL};

/// Lines for records, as they come. The same records give the same lines.
pub(crate) struct Timeline {
    zone: TimeZone,
    stage_of: BTreeMap<u64, (String, Slot)>,
    batch_of: BTreeMap<u64, String>,
    sums: BTreeMap<String, Sum>,
}

#[derive(Default)]
struct Sum {
    at: Option<Timestamp>,
    counts: BTreeMap<&'static str, usize>,
}

impl Timeline {
    pub(crate) const fn new(zone: TimeZone) -> Self {
        Self { zone, stage_of: BTreeMap::new(), batch_of: BTreeMap::new(), sums: BTreeMap::new() }
    }

    /// The lines that a record calls for: those of sums that it ends, then its own.
    pub(crate) fn lines(&mut self, record: &Record) -> Vec<String> {
        let mut lines = Vec::new();
        if self.sums.values().any(|sum| sum.at.is_some_and(|at| at != record.at)) {
            lines.extend(self.flush());
        }
        let says = match &record.event {
            Event::PlanAccepted { revision, plan, .. } => {
                Some(format!("plan {} comes into force, {} stages", revision.get(..12).unwrap_or_default(), plan.stages.len()))
            }
            Event::RosterFrozen { stage, people, out } => {
                let out: usize = out.iter().map(|because| because.people.len()).sum();
                Some(format!("{stage}: roster frozen, {} people, {out} out", people.len()))
            }
            Event::StageMoved { stage, to, why, .. } => Some(format!("{stage}: {} ({why})", to.as_str())),
            // Every day; only what came is news.
            Event::Counted { stage, reading, start, .. } if record.at >= *start => {
                Some(format!("{stage}: {} of {} people are ready on the date", reading.capable, reading.known))
            }
            Event::HoldPlaced { hold } => Some(format!("hold {}: {}", hold.id, hold.why)),
            Event::HoldCleared { id, .. } => Some(format!("hold {id} ended")),
            Event::Carried { stage, people, why } if stage == TAIL => {
                Some(format!("{stage}: {} people need another date ({why})", people.len()))
            }
            Event::Carried { stage, people, why } => Some(format!("{stage}: {} people moved to the tail ({why})", people.len())),
            Event::Left { people } => Some(format!("{} enforced people left", people.len())),
            Event::ForeignChange { added, removed } => {
                Some(format!("somebody else changed the group: {} added, {} removed", added.len(), removed.len()))
            }
            Event::GateRead { stage, gate, evidence } => {
                let verdict = evidence.verdict;
                let share = |value: f64| {
                    if evidence.measure.is_share() { format!("{:.1} %", value * 100.0) } else { format!("{value}") }
                };
                let value = evidence.value.map_or_else(|| "-".to_owned(), share);
                Some(match &evidence.why {
                    Some(why) => format!("{stage}: gate {gate} reads {verdict:?} ({why})"),
                    None => format!("{stage}: gate {gate} reads {verdict:?}, {value} of {} people", evidence.sample),
                })
            }
            Event::Confirmed { stage, gate, says, why } => {
                let says = if *says == Yes::Yes { "yes" } else { "no" };
                Some(format!("{stage}: {} answers gate {gate} with {says} ({why})", record.actor))
            }
            Event::ContactsCounted { contacts, .. } => {
                let of = contacts.stage.as_ref().map_or("the helpdesk", |stage| stage.as_str());
                Some(format!("{of}: {} contacts counted since {}", contacts.count, contacts.since))
            }
            Event::ReleaseOutcome { intent, released, already, gone, unknown, .. } => {
                let stage = if unknown.is_empty() { self.batch_of.remove(intent) } else { self.batch_of.get(intent).cloned() };
                let sum = self.sum(record.at, format!("{}: batches released", stage.unwrap_or_default()));
                let counts =
                    [("released", released.len()), ("already", already.len()), ("gone", gone.len()), ("unknown", unknown.len())];
                for (word, count) in counts {
                    *sum.counts.entry(word).or_default() += count;
                }
                None
            }
            Event::RetireOutcome { retired, unknown, .. } => {
                let sum = self.sum(record.at, "own MFA states retired".to_owned());
                *sum.counts.entry("people").or_default() += retired.len();
                *sum.counts.entry("unknown").or_default() += unknown.len();
                None
            }
            Event::SwitchIntent { stage, switch, undoes, .. } => {
                let undoing = if undoes.is_some() { " (undoing)" } else { "" };
                Some(format!("{stage}: switching {}{undoing}", switch.says()))
            }
            Event::SwitchOutcome { switched, .. } => Some(match switched {
                Switched::Done => "switched".to_owned(),
                Switched::Unknown => "no answer came to the switch; it is read back".to_owned(),
                Switched::Absent => "the switch did not come about".to_owned(),
                Switched::Refused(why) => format!("the tenant refuses the switch: {why}"),
                Switched::NotSent(why) => format!("the switch never left: {why}"),
            }),
            Event::FinishAsked { .. } => Some("the finish was asked for".to_owned()),
            Event::FinishDropped { why } => Some(format!("the finish was not begun: {why}")),
            Event::SwitchesDone { stage, gap_ms } => Some(match gap_ms {
                Some(gap) => {
                    let seconds = *gap as f64 / 1_000.0;
                    format!("{stage}: everything is switched; for {seconds:.1} s nothing required MFA in between")
                }
                None => format!("{stage}: everything is switched"),
            }),
            Event::Rebooked { stage, start, why } => Some(format!("{stage}: rebooked for {} ({why})", start.civil)),
            Event::ExceptionMade { people, what, why, .. } => Some(format!("{} people: {} ({why})", people.len(), what.says())),
            Event::ExceptionEnded { people, why, .. } => Some(format!("{} people: the exception ended ({why})", people.len())),
            Event::Handed { stage, slot, instant, people, why } => Some(format!(
                "{stage}: {} that names {instant} handed over as a letter to {} people ({why})",
                slot.says(),
                people.len()
            )),
            Event::Bounced { people } => {
                let people: usize = people.iter().map(|because| because.people.len()).sum();
                Some(format!("notices to {people} people came back"))
            }
            Event::Paused { why, scope: Scope::Stage(stage), .. } => Some(format!("{stage}: paused: {why}")),
            Event::Paused { why, scope: Scope::Person(_), .. } => Some(format!("1 person is paused: {why}")),
            Event::Paused { why, .. } => Some(format!("paused: {why}")),
            Event::Unpaused { hold, .. } if hold == PAUSED => Some("the pause is over".to_owned()),
            Event::Unpaused { hold, .. } => Some(format!("hold ended by an operator: {hold}")),
            Event::Overridden { stage, why, .. } => Some(format!("{stage}: passed by an operator ({why})")),
            Event::Approved { .. } => Some(format!("{} approves", record.actor)),
            Event::Rejected { why, .. } => Some(format!("{} rejects the plan: {why}", record.actor)),
            Event::Aborted { why, .. } => Some(format!("the rollout was aborted: {why}")),
            Event::TailRollback { why } => Some(format!("tail: rolling back ({why})")),
            Event::TailRolledBack => Some("tail: rolled back".to_owned()),
            Event::NoticeIntent { stage, slot, .. } => {
                self.stage_of.insert(record.seq, (stage.clone(), *slot));
                None
            }
            Event::NoticeOutcome { intent, accepted, refused, unknown, not_sent } => {
                if let Some((stage, slot)) = self.stage_of.remove(intent) {
                    let sum = self.sum(record.at, format!("{stage}: {} sent", slot.says()));
                    let because =
                        |reasons: &[crate::rollout::event::Because]| reasons.iter().map(|b| b.people.len()).sum::<usize>();
                    for (word, count) in [
                        ("accepted", accepted.len()),
                        ("refused", because(refused)),
                        ("unknown", unknown.len()),
                        ("not sent", because(not_sent)),
                    ] {
                        *sum.counts.entry(word).or_default() += count;
                    }
                }
                None
            }
            Event::ListsDrawn { stage, lists, alone, .. } => {
                let people: usize = lists.iter().map(|list| list.people.len()).sum();
                Some(format!("{stage}: {people} people are on the lists of {} managers, {} on none", lists.len(), alone.len()))
            }
            Event::ListOutcome { intent, accepted, refused, unknown, not_sent } => {
                let stage = self.batch_of.remove(intent).unwrap_or_default();
                let sum = self.sum(record.at, format!("{stage}: lists sent to managers"));
                let because = |reasons: &[crate::rollout::event::Because]| reasons.iter().map(|b| b.people.len()).sum::<usize>();
                for (word, count) in [
                    ("accepted", accepted.len()),
                    ("refused", because(refused)),
                    ("unknown", unknown.len()),
                    ("not sent", because(not_sent)),
                ] {
                    *sum.counts.entry(word).or_default() += count;
                }
                None
            }
            Event::EnforceIntent { stage, .. } | Event::ReleaseIntent { stage, .. } | Event::ListIntent { stage, .. } => {
                self.batch_of.insert(record.seq, stage.clone());
                None
            }
            Event::Started { .. } => Some("the engine starts".to_owned()),
            Event::Settled { intent, landed, absent } => {
                let stage = self.batch_of.get(intent).cloned().unwrap_or_default();
                Some(format!("{stage}: read back, {} had landed, {} had not", landed.len(), absent.len()))
            }
            Event::EnforceOutcome { intent, enforced, already, gone, unknown, .. } => {
                let stage = if unknown.is_empty() { self.batch_of.remove(intent) } else { self.batch_of.get(intent).cloned() };
                if let Some(stage) = stage {
                    let what = if record.by == By::Recovery { "batches left open" } else { "batches handed out" };
                    let sum = self.sum(record.at, format!("{stage}: {what}"));
                    for (word, count) in [
                        ("enforced", enforced.len()),
                        ("already", already.len()),
                        ("gone", gone.len()),
                        ("unknown", unknown.len()),
                    ] {
                        *sum.counts.entry(word).or_default() += count;
                    }
                }
                None
            }
            _ => None,
        };
        if let Some(says) = says {
            // What was summed up happened before.
            lines.extend(self.flush());
            lines.push(format!("{}  {says}", instant(record.at, &self.zone)));
        }
        lines
    }

    /// The lines of what is still being summed up.
    pub(crate) fn flush(&mut self) -> Vec<String> {
        let sums = std::mem::take(&mut self.sums);
        sums.into_iter()
            .filter_map(|(says, sum)| {
                let counts: Vec<_> = sum.counts.iter().filter(|(_, n)| **n > 0).map(|(word, n)| format!("{n} {word}")).collect();
                Some(format!("{}  {says}: {}", instant(sum.at?, &self.zone), counts.join(", ")))
            })
            .collect()
    }

    fn sum(&mut self, at: Timestamp, says: String) -> &mut Sum {
        let sum = self.sums.entry(says).or_default();
        sum.at = Some(at);
        sum
    }
}
