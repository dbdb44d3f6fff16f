//! What records of notices mean: intents and outcomes of mails, letters that were handed over, and what came back.

use super::apply::trouble;
use super::event::{By, Event, Record};
use super::sending;
use super::state::{NoticeBatch, State};

/// Troubles in a row are counted from here on when nobody knows whether any of the latest notices arrived; no others come this far.
pub(super) const DOUBTFUL: u32 = 1_000_000;

impl State {
    /// Takes in one of these records.
    pub(super) fn take_told(&mut self, record: &Record) -> Result<(), String> {
        let at = record.at;
        match &record.event {
            Event::NoticeIntent { slot, instant, people, from, .. } => {
                sending::count(&mut self.mailed, at, from, people.len());
                let notice = NoticeBatch { at, slot: *slot, instant: *instant, people: people.clone() };
                self.notices.insert(record.seq, notice);
                Ok(())
            }
            Event::NoticeOutcome { intent, accepted, refused, unknown, not_sent } => {
                let notice = self.notices.remove(intent).ok_or_else(|| format!("there is no notice intent {intent}"))?;
                for id in accepted {
                    self.person(*id)?.told(at, notice.slot, notice.instant);
                }
                for id in unknown {
                    self.person(*id)?.perhaps_told(notice.slot, notice.instant);
                }
                for id in refused.iter().flat_map(|because| &because.people) {
                    self.person(*id)?.refuse(at, notice.slot);
                }
                let before = self.mail_trouble;
                self.mail_trouble = trouble(before, at, not_sent, accepted.is_empty());
                // What a crash left open says nothing of the mail service.
                if accepted.is_empty() && !unknown.is_empty() && record.by != By::Recovery {
                    // An ambiguous notice is tried once more only: not before whatever stands in the way had time to pass.
                    let times = before.map_or(0, |(_, times)| times).saturating_add(1);
                    self.mail_trouble = Some((at, times.max(DOUBTFUL)));
                }
                Ok(())
            }
            Event::Handed { slot, instant, people, .. } => people.iter().try_for_each(|id| {
                self.person(*id)?.handed(at, *slot, *instant);
                Ok(())
            }),
            Event::Bounced { people } => people.iter().flat_map(|because| &because.people).try_for_each(|id| {
                self.person(*id)?.bounce(at);
                Ok(())
            }),
            _ => Ok(()),
        }
    }
}
