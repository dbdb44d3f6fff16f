//! The tenant's own judge: it sees mails and memberships, knows nothing of any plan, and notes what breaks a promise.
//!
//! It shares no code with what it judges. Changes by other people are not judged, only what an app does.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::person::{Account, Kind};
use crate::rollout::id::ObjectId;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// Which rule.
    pub rule: Rule,
    /// Whose promise; none where the notice is meant.
    pub person: Option<ObjectId>,
    /// What was seen.
    pub seen: String,
}

/// A rule that an app must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Nobody is enforced before the latest instant that a mail to them named.
    NotBeforeTold,
    /// Nobody is enforced without a mail that names an instant.
    Told,
    /// Nobody is enforced sooner after the first mail than the floor.
    ToldInTime,
    /// Break-glass accounts are never enforced.
    BreakGlass,
    /// Synchronisation accounts are never enforced.
    SyncAccount,
    /// Guests are never enforced.
    Guest,
    /// Rooms and shared mailboxes are never enforced.
    Resource,
    /// Disabled accounts are never enforced.
    Disabled,
    /// Exempt people are never enforced.
    Exempt,
    /// Nobody is deleted.
    Deletion,
    /// No notice is sent twice.
    NoticeOnce,
}

/// A mail that the tenant took for somebody, or a letter that its helpdesk handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub person: ObjectId,
    /// The instant that it names.
    pub instant: Option<Timestamp>,
    /// The notice's id.
    pub notice: Option<String>,
    /// Its subject.
    pub subject: String,
}

/// A list for managers that the tenant took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct List {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub manager: ObjectId,
    /// The list's id.
    pub list: String,
}

/// A mail that the tenant took for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoMail {
    /// When.
    pub at: Timestamp,
    /// To which address.
    pub to: String,
    /// The memo's id.
    pub memo: String,
    /// Its subject.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// A write that made people members of the enforcement group, or ended that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Write {
    /// When.
    pub at: Timestamp,
    /// Whom.
    pub people: Vec<ObjectId>,
}

#[derive(Debug)]
pub(super) struct Oracle {
    floor: SignedDuration,
    grace: SignedDuration,
    told: HashMap<ObjectId, Told>,
    /// Since when who asked for it themselves.
    volunteers: HashMap<ObjectId, Timestamp>,
    notices: HashSet<String>,
    mails: Vec<Mail>,
    letters: Vec<Mail>,
    lists: Vec<List>,
    memos: Vec<MemoMail>,
    writes: Vec<Write>,
    releases: Vec<Write>,
    violations: Vec<Violation>,
}

/// What somebody was told.
#[derive(Clone, Copy, Debug)]
struct Told {
    first: Timestamp,
    latest_instant: Timestamp,
}

impl Oracle {
    pub(super) fn new(floor: SignedDuration, grace: SignedDuration) -> Self {
        Self {
            floor,
            grace,
            told: HashMap::new(),
            volunteers: HashMap::new(),
            notices: HashSet::new(),
            mails: Vec::new(),
            letters: Vec::new(),
            lists: Vec::new(),
            memos: Vec::new(),
            writes: Vec::new(),
            releases: Vec::new(),
            violations: Vec::new(),
        }
    }

    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(super) fn mails(&self) -> &[Mail] {
        &self.mails
    }

    /// Letters that the helpdesk handed over.
    pub(super) fn letters(&self) -> &[Mail] {
        &self.letters
    }

    /// The helpdesk handed a letter over.
    pub(super) fn letter(&mut self, now: Timestamp, person: ObjectId, instant: Timestamp) {
        self.names(now, person, instant);
        let subject = "a letter".to_owned();
        self.letters.push(Mail { at: now, person, instant: Some(instant), notice: None, subject });
    }

    pub(super) fn lists(&self) -> &[List] {
        &self.lists
    }

    /// A list was taken for a manager: it tells nobody anything.
    pub(super) fn list(&mut self, at: Timestamp, manager: ObjectId, list: &str) {
        self.lists.push(List { at, manager, list: list.to_owned() });
    }

    pub(super) fn memos(&self) -> &[MemoMail] {
        &self.memos
    }

    /// A mail was taken for operators: it tells nobody a date.
    pub(super) fn memo(&mut self, memo: MemoMail) {
        self.memos.push(memo);
    }

    pub(super) fn writes(&self) -> &[Write] {
        &self.writes
    }

    pub(super) fn releases(&self) -> &[Write] {
        &self.releases
    }

    /// A mail was taken for somebody.
    pub(super) fn mail(&mut self, mail: Mail) {
        if let Some(instant) = mail.instant {
            self.names(mail.at, mail.person, instant);
        }
        self.mail_lost(mail);
    }

    fn names(&mut self, now: Timestamp, person: ObjectId, instant: Timestamp) {
        let told = self.told.entry(person).or_insert(Told { first: now, latest_instant: instant });
        told.latest_instant = told.latest_instant.max(instant);
    }

    /// A mail was taken for somebody and comes back: it told them nothing.
    pub(super) fn mail_lost(&mut self, mail: Mail) {
        if let Some(notice) = &mail.notice {
            let is_new = self.notices.insert(notice.clone());
            if !is_new {
                self.note(mail.at, Rule::NoticeOnce, Some(mail.person), format!("the notice {notice} came again"));
            }
        }
        self.mails.push(mail);
    }

    /// Somebody asked for it: from now on it is theirs to be enforced, once a mail says so.
    pub(super) fn volunteer(&mut self, now: Timestamp, person: ObjectId) {
        self.volunteers.insert(person, now);
        self.told.remove(&person);
    }

    /// An app is about to make somebody a member of the enforcement group; `exempt` says since when they are exempt.
    pub(super) fn enforcing(
        &mut self,
        now: Timestamp,
        person: ObjectId,
        account: Option<(Kind, Account, Timestamp)>,
        exempt: Option<Timestamp>,
    ) {
        match self.told.get(&person).copied() {
            None => self.note(now, Rule::Told, Some(person), "no mail named an instant".to_owned()),
            Some(Told { first, latest_instant }) => {
                if now < latest_instant {
                    self.note(now, Rule::NotBeforeTold, Some(person), format!("a mail named {latest_instant}"));
                }
                if now.duration_since(first) < self.floor && !self.volunteers.contains_key(&person) {
                    self.note(now, Rule::ToldInTime, Some(person), format!("the first mail came at {first}"));
                }
            }
        }
        let kind = account.map(|(kind, ..)| kind);
        let rule = match kind {
            Some(Kind::BreakGlass) => Some(Rule::BreakGlass),
            Some(Kind::Sync) => Some(Rule::SyncAccount),
            Some(Kind::Guest) => Some(Rule::Guest),
            Some(Kind::Resource) => Some(Rule::Resource),
            Some(Kind::Ordinary) | None => None,
        };
        if let Some(rule) = rule {
            self.note(now, rule, Some(person), "the account is protected".to_owned());
        }
        // an app cannot know what changed a moment ago
        let grace = self.grace;
        let is_known = |since: Timestamp| now.duration_since(since) > grace;
        if let Some((_, Account::Disabled, since)) = account.filter(|(_, _, since)| is_known(*since)) {
            self.note(now, Rule::Disabled, Some(person), format!("disabled since {since}"));
        }
        if let Some(since) = exempt.filter(|since| is_known(*since)) {
            self.note(now, Rule::Exempt, Some(person), format!("exempt since {since}"));
        }
    }

    /// An app made them members of the enforcement group.
    pub(super) fn note_write(&mut self, now: Timestamp, people: Vec<ObjectId>) {
        self.writes.push(Write { at: now, people });
    }

    /// An app ended the membership of somebody in the enforcement group.
    pub(super) fn note_release(&mut self, now: Timestamp, person: ObjectId) {
        self.releases.push(Write { at: now, people: vec![person] });
    }

    /// An app asked for a deletion, whether or not it was allowed.
    pub(super) fn deletion(&mut self, now: Timestamp, member: &str) {
        self.note(now, Rule::Deletion, member.parse().ok(), "a DELETE of a member lacked its /$ref".to_owned());
    }

    fn note(&mut self, at: Timestamp, rule: Rule, person: Option<ObjectId>, seen: String) {
        self.violations.push(Violation { at, rule, person, seen });
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::change::Change;
    use super::super::moment::after;
    use super::super::person::Kind;
    use super::super::probe::{Probe, calm};
    use super::super::tenant::{ENFORCED_GROUP, EXEMPT_GROUP};
    use super::Rule;

    /// The rules that enforcing `person` breaks `hours` after a mail that names the instant 48 hours later.
    fn broken(probe: &mut Probe, person: &str, hours: i64) -> Vec<Rule> {
        let instant = after(probe.now, SignedDuration::from_hours(48));
        assert_eq!(probe.notify(person, instant, "n1").0, 202);
        probe.pass(SignedDuration::from_hours(hours));
        let before = probe.tenant.violations().len();
        assert_eq!(probe.bind(ENFORCED_GROUP, &[person.to_owned()]).0, 204);
        probe.tenant.violations()[before..].iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn who_was_told_in_time_may_be_enforced_at_the_instant() {
        for (hours, expected) in [(48, vec![]), (47, vec![Rule::NotBeforeTold]), (3, vec![Rule::NotBeforeTold, Rule::ToldInTime])]
        {
            let mut probe = Probe::new(calm(60));
            let person = probe.people(1).remove(0);
            assert_eq!(broken(&mut probe, &person, hours), expected, "{hours}");
        }
    }

    #[test]
    fn nobody_untold_and_nobody_told_twice() {
        let mut probe = Probe::new(calm(60));
        let people = probe.people(2);
        probe.bind(ENFORCED_GROUP, &people[..1]);
        let now = probe.now;
        probe.notify(&people[1], now, "same");
        probe.notify(&people[1], now, "same");
        let rules: Vec<Rule> = probe.tenant.violations().iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, [Rule::Told, Rule::NoticeOnce]);
    }

    #[test]
    fn protected_accounts_are_never_enforced() {
        for (kind, rule) in [(Kind::BreakGlass, Rule::BreakGlass), (Kind::Sync, Rule::SyncAccount)] {
            let mut probe = Probe::new(calm(60));
            let person = probe.somebody(kind);
            probe.bind(ENFORCED_GROUP, &[person]);
            assert!(probe.tenant.violations().iter().any(|violation| violation.rule == rule));
        }
        let mut probe = Probe::new(calm(60));
        let guest = probe.somebody(Kind::Guest);
        assert_eq!(broken(&mut probe, &guest, 48), [Rule::Guest]);
    }

    #[test]
    fn a_change_counts_once_the_app_could_know() {
        for (change, rule) in [
            (Change::DisableUser as fn(String) -> Change, Rule::Disabled),
            (Change::Exempt as fn(String) -> Change, Rule::Exempt),
        ] {
            for (minutes, expected) in [(10, vec![]), (20, vec![rule])] {
                let mut probe = Probe::new(calm(60));
                let person = probe.people(1).remove(0);
                let at = after(probe.now, SignedDuration::from_mins(48 * 60 - minutes));
                probe.tenant.change_at(at, change(person.clone()));
                assert_eq!(broken(&mut probe, &person, 48), expected, "{minutes} min");
            }
        }
    }

    #[test]
    fn what_people_do_by_hand_is_not_judged() {
        let mut probe = Probe::new(calm(60));
        let person = probe.people(1).remove(0);
        let by_hand = Change::AddMember { group: ENFORCED_GROUP.to_owned(), person };
        probe.tenant.change(probe.now, by_hand).unwrap();
        let others = probe.people(2);
        assert_eq!(probe.bind(EXEMPT_GROUP, &others).0, 204, "another group");
        assert_eq!(probe.tenant.violations(), []);
    }
}
