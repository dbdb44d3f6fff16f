//! Judging a mail: whether it was intended, whether it is true, and whether it came before.

use super::Judge;
use super::ledger::Letter;
use super::rule::Rule;
use crate::rollout::event::Slot;
use crate::sim::tenant::Tenant;

impl Judge {
    /// Judges the mail at place `at` of the tenant's list.
    pub(super) fn judge_mail(&mut self, tenant: &Tenant, at: usize) {
        let (before, rest) = tenant.mails().split_at(at.min(tenant.mails().len()));
        let Some(mail) = rest.first() else { return };
        let Some(instant) = mail.instant else {
            self.breach(mail.at, Rule::Untrue, Some(mail.person), "a mail names no instant".to_owned());
            return;
        };
        let meant = |letter: &&Letter| letter.instant == instant && letter.people.contains(&mail.person);
        let Some(letter) = self.ledger.letters.values().find(meant).cloned() else {
            self.breach(mail.at, Rule::Intent, Some(mail.person), "a mail left without an open intent".to_owned());
            return;
        };
        if letter.behind {
            self.breach(mail.at, Rule::Clock, Some(mail.person), "a mail left on a clock behind the journal".to_owned());
        }
        if let Some(untrue) = letter.untrue {
            self.breach(mail.at, Rule::Untrue, Some(mail.person), untrue);
        }
        let earlier = || before.iter().filter(|earlier| earlier.person == mail.person);
        if let Some(later) = earlier()
            .filter_map(|earlier| earlier.instant)
            .max()
            .filter(|later| *later > instant && !matches!(letter.slot, Slot::Volunteered | Slot::Withdrawn | Slot::Released))
        {
            self.breach(mail.at, Rule::Untrue, Some(mail.person), format!("told {instant} after {later}"));
        }
        let told = self.ledger.told.get(&mail.person);
        if told.is_some_and(|told| told.iter().any(|told| told.slot == letter.slot && told.instant == instant)) {
            let seen = format!("an accepted {:?} for {instant} was sent again", letter.slot);
            self.breach(mail.at, Rule::Repeated, Some(mail.person), seen);
        }
        let key = (mail.person, letter.tail, letter.slot, instant);
        let times = self.sent.entry(key).or_default();
        *times += 1;
        let most = if letter.slot.is_sent_once() { 1 } else { 2 };
        if *times > most {
            let seen = format!("{:?} for {instant} was sent {times} times", letter.slot);
            self.breach(mail.at, Rule::Repeated, Some(mail.person), seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::ledger::Letter;
    use super::super::{Judge, Rule};
    use crate::rollout::event::Slot;
    use crate::rollout::sample::at;
    use crate::sim::probe::{Probe, calm};

    #[test]
    fn only_a_note_that_asks_nothing_new_of_a_person_may_name_an_instant_before_the_one_told() {
        let (later, earlier) = (at("2027-03-01T09:00:00Z"), at("2027-02-01T09:00:00Z"));
        for (slot, found) in [
            (Slot::Correction, vec![Rule::Untrue]),
            (Slot::Reminder(1), vec![Rule::Untrue]),
            (Slot::Deferred, vec![Rule::Untrue]),
            (Slot::Exempt, vec![Rule::Untrue]),
            (Slot::Volunteered, Vec::new()),
            (Slot::Withdrawn, Vec::new()),
            (Slot::Released, Vec::new()),
        ] {
            let mut probe = Probe::new(calm(40));
            let mut judge = Judge::new(SignedDuration::ZERO);
            let id = probe.people(1).remove(0);
            for (seq, (slot, instant)) in (1..).zip([(Slot::Announcement, later), (slot, earlier)]) {
                assert_eq!(probe.notify(&id, instant, "n").0, 202);
                let people = vec![probe.tenant.mails().last().unwrap().person];
                judge.ledger.letters.insert(seq, Letter { tail: false, slot, instant, people, behind: false, untrue: None });
            }
            judge.judge_mail(&probe.tenant, 0);
            judge.judge_mail(&probe.tenant, 1);
            let rules: Vec<Rule> = judge.breaches.iter().map(|breach| breach.rule).collect();
            assert_eq!(rules, found, "{slot:?}");
        }
    }
}
