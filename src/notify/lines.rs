//! The pace of each sending mailbox: no mail leaves within a minute of the thirtieth before it.
//!
//! How many are handed over is decided from the journal (`rollout::sending`), by the instant of the intent. Sending takes time beyond
//! it; what is waited here is only that. Nothing is kept over a restart.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::rollout::id::ObjectId;
use crate::rollout::sending::A_MINUTE;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// When the mailboxes sent their latest mails, by mailbox.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<HashMap<ObjectId, VecDeque<Timestamp>>>);

impl Lines {
    /// Waits until a mail may leave each of these mailboxes.
    pub(super) async fn wait(&self, clock: &Clock, from: impl Iterator<Item = ObjectId>) {
        clock.sleep_until(self.opens(clock.now(), from)).await;
    }

    /// The mailboxes sent a mail each.
    pub(super) fn sent(&self, at: Timestamp, from: impl Iterator<Item = ObjectId>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for mailbox in from {
            let line = lines.entry(mailbox).or_default();
            line.push_back(at);
            if line.len() > most() {
                line.pop_front();
            }
        }
    }

    fn opens(&self, now: Timestamp, from: impl Iterator<Item = ObjectId>) -> Timestamp {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: HashMap<ObjectId, usize> = HashMap::new();
        from.for_each(|mailbox| *wanted.entry(mailbox).or_default() += 1);
        let opens = wanted.into_iter().filter_map(|(mailbox, mails)| {
            let line = lines.get(&mailbox)?;
            let nth = (line.len() + mails).checked_sub(most() + 1)?;
            line.get(nth)?.checked_add(MINUTE).ok()
        });
        opens.max().map_or(now, |opens| opens.max(now))
    }
}

fn most() -> usize {
    usize::try_from(A_MINUTE).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thirty_first_mail_of_a_mailbox_waits_for_a_minute_after_the_first() {
        let lines = Lines::default();
        let start: Timestamp = "2027-01-11T08:00:00Z".parse().unwrap();
        let second = |n: i64| start + SignedDuration::from_secs(n);
        let (one, two) = (ObjectId::from_bits(1), ObjectId::from_bits(2));
        for n in 0..30 {
            assert_eq!(lines.opens(second(n), [one].into_iter()), second(n), "{n}");
            lines.sent(second(n), [one].into_iter());
        }
        assert_eq!(lines.opens(second(30), [one, two].into_iter()), second(60));
        assert_eq!(lines.opens(second(30), [one, one, one, two].into_iter()), second(62), "three have to leave");
        assert_eq!(lines.opens(second(30), [two].into_iter()), second(30), "another mailbox has its own pace");
        assert_eq!(lines.opens(second(90), [one, one].into_iter()), second(90));
    }
}
