//! The ledger of one person: every notice, the instant that it named, and what became of it.
//!
//! Made from the records of the journal, in their order. Invariant: a notice is in it once, from its intent on; without an outcome
//! nobody knows what became of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::event::{Because, Event, Record, Slot};
use super::id::ObjectId;

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Which.
    pub slot: Slot,
    /// The stage for which it was sent, or `tail`.
    pub stage: String,
    /// The instant that it named.
    pub instant: Timestamp,
    /// When it was about to be sent.
    pub sent_at: Timestamp,
    /// How it travelled.
    pub channel: &'static str,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Its outcome is not in the journal yet.
    Open,
    /// The mail service took it.
    Accepted,
    /// A letter that somebody says was handed over.
    HandedOver,
    /// Nobody knows whether it arrived.
    Ambiguous,
    /// The mail service refused it, or there is no address.
    Refused(String),
    /// It never left.
    NotSent(String),
    /// It had been taken or handed over, and one of those that were came back: none counts.
    Bounced(String),
}

impl Fate {
    /// The words for people.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Open => "under way".to_owned(),
            Self::Accepted => "accepted".to_owned(),
            Self::HandedOver => "handed over".to_owned(),
            Self::Ambiguous => "ambiguous: whether it arrived is not known".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
            Self::NotSent(why) => format!("not sent: {why}"),
            Self::Bounced(why) => format!("bounced, and counts no more: {why}"),
        }
    }
}

/// The ledger of one person.
#[derive(Clone, Debug)]
pub struct Ledger {
    person: ObjectId,
    notices: BTreeMap<u64, Told>,
}

impl Ledger {
    /// An empty one.
    #[must_use]
    pub const fn new(person: ObjectId) -> Self {
        Self { person, notices: BTreeMap::new() }
    }

    /// Takes in a record; those that are about others change nothing.
    pub fn take(&mut self, record: &Record) {
        match &record.event {
            Event::NoticeIntent { stage, slot, instant, people, .. } if people.contains(&self.person) => {
                let told = Told {
                    slot: *slot,
                    stage: stage.clone(),
                    instant: *instant,
                    sent_at: record.at,
                    channel: "mail",
                    fate: Fate::Open,
                };
                self.notices.insert(record.seq, told);
            }
            Event::NoticeOutcome { intent, accepted, refused, unknown, not_sent } => {
                let Some(told) = self.notices.get_mut(intent) else { return };
                let why = |reasons: &[Because]| {
                    reasons.iter().find(|because| because.people.contains(&self.person)).map(|because| because.why.clone())
                };
                told.fate = if accepted.contains(&self.person) {
                    Fate::Accepted
                } else if unknown.contains(&self.person) {
                    Fate::Ambiguous
                } else if let Some(why) = why(refused) {
                    Fate::Refused(why)
                } else if let Some(why) = why(not_sent) {
                    Fate::NotSent(why)
                } else {
                    Fate::Ambiguous
                };
            }
            Event::Handed { stage, slot, instant, people, .. } if people.contains(&self.person) => {
                let told = Told {
                    slot: *slot,
                    stage: stage.clone(),
                    instant: *instant,
                    sent_at: record.at,
                    channel: "letter",
                    fate: Fate::HandedOver,
                };
                self.notices.insert(record.seq, told);
            }
            // Which of them it was is not told.
            Event::Bounced { people } => {
                let Some(because) = people.iter().find(|because| because.people.contains(&self.person)) else { return };
                for told in self.notices.values_mut().filter(|told| matches!(told.fate, Fate::Accepted | Fate::HandedOver)) {
                    told.fate = Fate::Bounced(because.why.clone());
                }
            }
            _ => {}
        }
    }

    /// The notices, oldest first.
    pub fn notices(&self) -> impl Iterator<Item = &Told> {
        self.notices.values()
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{By, VERSION};
    use super::*;

    fn record(seq: u64, event: Event) -> Record {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        Record { seq, at, v: VERSION, by: By::Schedule, actor: "tidegate".into(), event }
    }

    #[test]
    fn a_letter_is_in_the_ledger_of_who_got_it_until_it_is_taken_back() {
        let (me, other) = (ObjectId::from_bits(1), ObjectId::from_bits(2));
        let instant = Timestamp::from_second(1_801_000_000).unwrap();
        let slot = Slot::Announcement;
        let letter = |people| Event::Handed { stage: "tail".into(), slot, instant, people, why: "by hand".into() };
        let mut ledger = Ledger::new(me);
        ledger.take(&record(7, letter(vec![other])));
        assert_eq!(ledger.notices().count(), 0);
        ledger.take(&record(8, letter(vec![me])));
        let told: Vec<_> = ledger.notices().map(|told| (told.instant, told.channel, told.fate.says())).collect();
        assert_eq!(told, [(instant, "letter", "handed over".to_owned())]);
        let because = vec![Because { why: "it lay in the pigeonhole".into(), people: vec![me] }];
        ledger.take(&record(9, Event::Bounced { people: because }));
        assert!(ledger.notices().all(|told| matches!(told.fate, Fate::Bounced(_))));
    }

    #[test]
    fn a_notice_is_in_the_ledger_once_with_what_became_of_it() {
        type Lists = (Vec<ObjectId>, Vec<Because>, Vec<ObjectId>, Vec<Because>);
        let (me, other) = (ObjectId::from_bits(1), ObjectId::from_bits(2));
        let because = |why: &str, person| vec![Because { why: why.to_owned(), people: vec![person] }];
        let cases: [(Option<Lists>, Fate); 6] = [
            (None, Fate::Open),
            (Some((vec![me, other], vec![], vec![], vec![])), Fate::Accepted),
            (Some((vec![other], vec![], vec![me], vec![])), Fate::Ambiguous),
            (Some((vec![other], because("no address", me), vec![], vec![])), Fate::Refused("no address".into())),
            (Some((vec![], because("no address", other), vec![], because("throttled", me))), Fate::NotSent("throttled".into())),
            (Some((vec![other], vec![], vec![], vec![])), Fate::Ambiguous),
        ];
        for (lists, fate) in cases {
            let mut ledger = Ledger::new(me);
            let instant = Timestamp::from_second(1_801_000_000).unwrap();
            let intent = |people| Event::NoticeIntent {
                stage: "pilot".into(),
                slot: Slot::Announcement,
                instant,
                people,
                from: Vec::new(),
            };
            ledger.take(&record(7, intent(vec![me, other])));
            ledger.take(&record(8, intent(vec![other])));
            if let Some((accepted, refused, unknown, not_sent)) = lists {
                ledger.take(&record(9, Event::NoticeOutcome { intent: 7, accepted, refused, unknown, not_sent }));
            }
            let told: Vec<_> = ledger.notices().collect();
            assert_eq!(told.len(), 1);
            assert_eq!((told[0].instant, &told[0].fate), (instant, &fate));
            ledger.take(&record(10, Event::Bounced { people: because("no such mailbox", me) }));
            let after = ledger.notices().next().map(|told| told.fate.clone());
            let bounced = Fate::Bounced("no such mailbox".to_owned());
            assert_eq!(after, Some(if fate == Fate::Accepted { bounced } else { fate }));
        }
    }
}
