//! An announcement from several mailboxes under Outlook's limits: nothing is refused, it finishes when it was predicted to, and a
//! death of the process in the middle of sending leaves nobody untold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tidegate::rollout::event::{Event, Slot};
use tidegate::rollout::hours::Hours;
use tidegate::rollout::id::{ObjectId, PersonRef};
use tidegate::rollout::plan::Selector;
use tidegate::rollout::sending::finishes;
use tidegate::sim::Tenant;

use super::rollouts::BEGIN;
use super::{Death, Rollout, conditional_access, profile};
use crate::small::{self, at};

/// When the stage is announced.
const DUE: &str = "2027-01-11T08:00:00Z";

fn announced(users: usize, mailboxes: usize, death: Option<Death>) -> Rollout {
    let tenant = Tenant::new(profile(users));
    let stages = vec![small::stage("everyone", "2027-01-18T09:00:00", vec![Selector::EveryoneElse])];
    let mut plan = small::plan(&tenant, stages);
    plan.enforcement = conditional_access(false, None);
    plan.notices.from = tenant.ordinary_people().into_iter().take(mailboxes).map(PersonRef::Id).collect();
    let mut rollout = Rollout::new(tenant, plan, BEGIN);
    rollout.run("2027-01-11T12:00:00Z", None, death);
    assert_eq!(rollout.phases(), ["announced"], "{:#?}", rollout.report);
    assert_eq!(rollout.world.tenant().mails_refused(), 0, "nothing is refused");
    assert_eq!(rollout.world.tenant().violations(), [], "the tenant's own oracle");
    rollout
}

fn roster(rollout: &Rollout) -> Vec<ObjectId> {
    let frozen = |event| if let Event::RosterFrozen { people, .. } = event { Some(people) } else { None };
    rollout.records().into_iter().find_map(|record| frozen(record.event)).unwrap()
}

fn mails(rollout: &Rollout) -> BTreeMap<ObjectId, Vec<Timestamp>> {
    let mut mails: BTreeMap<_, Vec<_>> = BTreeMap::new();
    rollout.world.tenant().mails().iter().for_each(|mail| mails.entry(mail.person).or_default().push(mail.at));
    mails
}

#[test]
fn it_finishes_when_it_was_predicted_to() {
    for (users, mailboxes) in [(400, 1), (400, 3)] {
        let rollout = announced(users, mailboxes, None);
        let (people, mails) = (roster(&rollout), mails(&rollout));
        assert!(people.iter().all(|id| mails.get(id).map(Vec::len) == Some(1)));
        let last = mails.values().flatten().max().copied().unwrap();
        assert_eq!(last, finishes(people.len(), mailboxes, &[Hours::always()], at(DUE)), "{} from {mailboxes}", people.len());
        let from: BTreeSet<_> = rollout.records().into_iter().filter_map(sent_from).flatten().collect();
        assert_eq!(from.len(), mailboxes, "all of them share it");
    }
}

fn sent_from(record: tidegate::rollout::event::Record) -> Option<Vec<ObjectId>> {
    if let Event::NoticeIntent { slot: Slot::Announcement, from, .. } = record.event { Some(from) } else { None }
}

#[test]
fn a_death_in_the_middle_leaves_nobody_untold_and_repeats_only_what_is_in_doubt() {
    let mut doubts = 0;
    for n in (1..40).step_by(6) {
        let rollout = announced(200, 2, Some(Death::Mail(n)));
        assert_eq!(rollout.deaths, 1, "{n}");
        let unknown = |event| if let Event::NoticeOutcome { unknown, .. } = event { unknown } else { Vec::new() };
        let doubtful: BTreeSet<_> = rollout.records().into_iter().flat_map(|record| unknown(record.event)).collect();
        let mails = mails(&rollout);
        for person in roster(&rollout) {
            let told = mails.get(&person).map_or(0, Vec::len);
            assert!(told == 1 || told == 2 && doubtful.contains(&person), "{told} at {n}");
            doubts += usize::from(told == 2);
        }
    }
    assert!(doubts > 0, "some were in doubt");
}
