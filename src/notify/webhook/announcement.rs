//! What a channel is told of the rollout, gathered from the journal's records.
//!
//! Pure. Names nobody: counts only. Invariants: nothing here counts as a person's notice; the same records give the same announcements
//! with the same ids, but for where a run of reminders is cut.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::rollout::alert::Alert;
use crate::rollout::digest::Subject;
use crate::rollout::event::{Event, Record, Slot};
use crate::rollout::hold::Scope;
use crate::rollout::stage::PhaseName;
use crate::rollout::state::{PAUSED, TAIL, paused_hold_id};
use crate::rollout::unmet::another_date;

/// Notices of one kind that follow each other so closely are one announcement.
const QUIET: SignedDuration = SignedDuration::from_mins(10);

/// Something that a channel is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// What it is about: `announcing`, `told`, `reminders`, `corrections`, `withdrawn`, `rebooked`, `bounced`, `started`, `enforced`,
    /// `done`, `missed`, `rolling_back`, `rolled_back`, `closed`, `hold`, `hold_cleared`, `paused`, `unpaused`, `aborted`,
    /// `report`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The stage, where it is about one.
    pub stage: Option<String>,
    /// When, on the engine's clock.
    pub at: Timestamp,
    /// Number of the journal's record that it follows from.
    pub seq: u64,
    /// Number of the first such record; up to the one before it, nothing is left to be told.
    #[serde(skip)]
    pub first: u64,
    /// One sentence, or a few.
    pub says: String,
    /// The command, the person or the event that ends it, where it waits for a human.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// People, by what they are counted for.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Makes announcements of records, in their order.
#[derive(Default)]
pub struct Gatherer {
    zone: Option<TimeZone>,
    rosters: BTreeMap<String, u64>,
    /// Notices on their way, by their intent.
    intents: BTreeMap<u64, Told>,
    /// Stage and instant of announcements that began.
    begun: Vec<(String, Timestamp)>,
    /// What became of each stage's announcement.
    told: BTreeMap<String, [u64; 3]>,
    /// Reminders and corrections that are still being added up.
    open: Vec<Run>,
    /// Ids of alerts that a channel was told of.
    alerts: Vec<String>,
}

/// What a group of notices says.
#[derive(Clone, PartialEq)]
struct Told {
    stage: String,
    slot: Slot,
    instant: Timestamp,
}

struct Run {
    told: Told,
    first: u64,
    last: u64,
    at: Timestamp,
    accepted: u64,
    others: u64,
}

impl Gatherer {
    /// What a record adds.
    pub fn see(&mut self, record: &Record) -> Vec<Announcement> {
        let mut out = self.due(record.at);
        let new = |kind, stage: Option<&str>, says: String| Announcement {
            kind,
            stage: stage.map(str::to_owned),
            at: record.at,
            seq: record.seq,
            first: record.seq,
            says,
            ends: None,
            counts: BTreeMap::new(),
        };
        match &record.event {
            Event::PlanAccepted { plan, .. } => self.zone = crate::rollout::schedule::zone(&plan.time_zone),
            Event::RosterFrozen { stage, people, .. } => {
                self.rosters.insert(stage.clone(), people.len() as u64);
            }
            Event::NoticeIntent { stage, slot, instant, .. } if stage != TAIL && is_of_stage(*slot) => {
                let told = Told { stage: stage.clone(), slot: *slot, instant: *instant };
                self.intents.insert(record.seq, told);
                let mark = (stage.clone(), *instant);
                if *slot == Slot::Announcement && !self.begun.contains(&mark) {
                    self.begun.push(mark);
                    let people = self.rosters.get(stage).copied().unwrap_or(0);
                    let says = format!(
                        "Stage {stage}: {} being told. MFA is required of them from {}.",
                        are(people),
                        self.date(*instant)
                    );
                    let mut begins = new("announcing", Some(stage), says);
                    begins.counts.insert("people", people);
                    out.push(begins);
                }
            }
            Event::NoticeOutcome { intent, accepted, refused, unknown, not_sent } => {
                let Some(told) = self.intents.remove(intent) else { return out };
                let count =
                    |list: &[crate::rollout::event::Because]| list.iter().map(|because| because.people.len() as u64).sum::<u64>();
                let (taken, refused) = (accepted.len() as u64, count(refused));
                let others = refused + unknown.len() as u64 + count(not_sent);
                if told.slot == Slot::Announcement {
                    let sums = self.told.entry(told.stage).or_default();
                    *sums = [sums[0] + taken, sums[1] + refused, sums[2] + unknown.len() as u64];
                } else {
                    self.add(told, record, taken, others);
                }
            }
            Event::StageMoved { stage, to, why, .. } => {
                if let Some((kind, says)) = self.moved(stage, *to, why) {
                    out.extend(self.close(|run| run.told.stage == *stage));
                    let mut moved = new(kind, Some(stage), says);
                    moved.ends = matches!(to, PhaseName::Missed | PhaseName::RolledBack).then(|| another_date(stage));
                    if *to == PhaseName::Announced {
                        let [accepted, refused, unknown] = self.told.remove(stage).unwrap_or_default();
                        moved.counts.extend([("accepted", accepted), ("refused", refused), ("unknown", unknown)]);
                        moved.says = format!("{} {accepted} mails were accepted, {refused} refused.", moved.says);
                    }
                    out.push(moved);
                }
            }
            // A pause, and a stage that is missed or rolled back, are told by their own records.
            Event::AlertRaised { alert } if !is_told_otherwise(&alert.id) => {
                self.alerts.push(alert.id.clone());
                let mut held = new("hold", alert.stage.as_deref(), self.held(alert));
                held.ends = Some(alert.unmet.ends.clone());
                out.push(held);
            }
            Event::AlertEnded { id } if self.alerts.contains(id) => {
                self.alerts.retain(|known| known != id);
                out.push(new("hold_cleared", None, format!("No longer held ({id}).")));
            }
            Event::Reported { about, says } => {
                let stage = if let Subject::Stage(stage) = about { Some(stage.as_str()) } else { None };
                out.push(new("report", stage, says.clone()));
            }
            Event::Rebooked { stage, start, why } => {
                let says = format!("Stage {stage} is to start on {}: {why}", self.date(start.instant));
                out.push(new("rebooked", Some(stage), says));
            }
            Event::Bounced { people } => {
                let count = people.iter().map(|because| because.people.len() as u64).sum();
                let mut bounced = new("bounced", None, format!("{count} notices came back; they count as none."));
                bounced.counts.insert("people", count);
                out.push(bounced);
            }
            Event::Paused { why, scope, .. } => {
                let stage = if let Scope::Stage(stage) = scope { Some(stage.as_str()) } else { None };
                let mut paused = new("paused", stage, format!("Paused: {why}"));
                paused.ends = Some(match scope {
                    Scope::Person(_) => "an operator who says `tidegate unpause HOLD`, as `tidegate status` names it".to_owned(),
                    scope => format!("an operator who says `tidegate unpause {}`", paused_hold_id(scope)),
                });
                out.push(paused);
            }
            Event::Unpaused { hold, .. } => {
                self.alerts.retain(|known| known != hold);
                let says = if hold == PAUSED { "The pause is over.".to_owned() } else { format!("No longer held ({hold}).") };
                out.push(new("unpaused", None, says));
            }
            Event::Aborted { why, .. } => out.push(new("aborted", None, format!("The rollout was aborted: {why}"))),
            _ => {}
        }
        out
    }

    /// What is whole by now: runs of notices to which none was added for a while.
    pub fn due(&mut self, now: Timestamp) -> Vec<Announcement> {
        self.close(|run| now.duration_since(run.at) >= QUIET)
    }

    /// The record before which everything was told, when `seen` is the one that was seen last.
    #[must_use]
    pub fn settled(&self, seen: u64) -> u64 {
        self.open.iter().map(|run| run.first.saturating_sub(1)).min().unwrap_or(seen).min(seen)
    }

    fn add(&mut self, told: Told, record: &Record, accepted: u64, others: u64) {
        if let Some(run) = self.open.iter_mut().find(|run| run.told == told) {
            (run.last, run.at) = (record.seq, record.at);
            run.accepted += accepted;
            run.others += others;
        } else {
            self.open.push(Run { told, first: record.seq, last: record.seq, at: record.at, accepted, others });
        }
    }

    fn close(&mut self, which: impl Fn(&Run) -> bool) -> Vec<Announcement> {
        let (closed, open) = std::mem::take(&mut self.open).into_iter().partition(which);
        self.open = open;
        let say = |run: Run| {
            let Told { stage, slot, instant } = run.told;
            let (people, date) = (run.accepted, self.date(instant));
            let (kind, says) = match slot {
                Slot::Correction => ("corrections", format!("Stage {stage}: {people} people were told a new date: {date}.")),
                Slot::Withdrawn => {
                    ("withdrawn", format!("Stage {stage}: {people} people were told that {date} does not hold any more."))
                }
                _ => (
                    "reminders",
                    format!("Stage {stage}: {people} people were reminded that MFA is required of them from {date}."),
                ),
            };
            let counts = BTreeMap::from([("accepted", run.accepted), ("others", run.others)]);
            Announcement { kind, stage: Some(stage), at: run.at, seq: run.last, first: run.first, says, ends: None, counts }
        };
        Vec::from_iter(closed).into_iter().map(say).collect()
    }

    fn moved(&self, stage: &str, to: PhaseName, why: &str) -> Option<(&'static str, String)> {
        let people = self.rosters.get(stage).copied().unwrap_or(0);
        Some(match to {
            PhaseName::Announced => ("told", format!("Stage {stage}: everybody who can be told was told.")),
            PhaseName::Enforcing => {
                ("started", format!("Stage {stage} has started: MFA is now being required of its {people} people."))
            }
            PhaseName::Soaking => ("enforced", format!("Stage {stage}: everybody is processed; the stage is being watched.")),
            PhaseName::Done => ("done", format!("Stage {stage} is done.")),
            PhaseName::Missed => ("missed", format!("Stage {stage} does not start on the date that was announced: {why}")),
            PhaseName::RollingBack => ("rolling_back", format!("Stage {stage} is being rolled back: {why}")),
            PhaseName::RolledBack => {
                ("rolled_back", format!("Stage {stage} is rolled back: MFA is no longer required of its people by the rollout."))
            }
            PhaseName::Closed => ("closed", format!("Stage {stage} is closed: {why}")),
            PhaseName::Scheduled | PhaseName::Announcing => return None,
        })
    }

    /// That something waits for a human: what, for whom, until when, and what ends it.
    fn held(&self, alert: &Alert) -> String {
        let unmet = &alert.unmet;
        let latest =
            unmet.latest.as_ref().map(|latest| format!(" At the latest: {}; then {}.", self.date(latest.at), latest.then));
        let (id, what, whom, latest) = (&alert.id, &unmet.what, &unmet.whom, latest.unwrap_or_default());
        format!("Held until somebody decides ({id}): {what}. For: {whom}.{latest} Ends with: {}.", unmet.ends)
    }

    /// A date in the plan's zone.
    fn date(&self, at: Timestamp) -> String {
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        let name = zone.iana_name().unwrap_or("UTC").to_owned();
        format!("{} ({name})", at.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M"))
    }
}

fn are(people: u64) -> String {
    if people == 1 { "1 person is".to_owned() } else { format!("{people} people are") }
}

/// Notices about single persons' own dates are theirs.
const fn is_of_stage(slot: Slot) -> bool {
    matches!(slot, Slot::Announcement | Slot::Reminder(_) | Slot::Correction | Slot::Ready | Slot::Withdrawn)
}

/// Whether another record than the alert's own tells of it.
fn is_told_otherwise(alert: &str) -> bool {
    let kind = alert.split_once(':').map_or(alert, |(kind, _)| kind);
    [PAUSED, PhaseName::Missed.as_str(), PhaseName::RolledBack.as_str()].contains(&kind)
}
