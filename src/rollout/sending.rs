//! What the sending mailboxes may send: Outlook's limits of each mailbox, counted from the journal, and how long that takes.
//!
//! Pure. Does not know who is told what. Invariant: within any minute and within any day no mailbox is handed more than the service
//! takes, however often the process dies.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::condition::Ground;
use super::hours::Hours;
use super::id::{ObjectId, PersonRef};
use super::observed::Observed;
use super::plan::Plan;
use super::state::State;

/// Messages that a mailbox sends in a minute (Microsoft's limits of Exchange Online).
pub const A_MINUTE: u32 = 30;

/// Recipients of a mailbox in a day.
pub const A_DAY: u32 = 10_000;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is older than a minute is counted in spans of so many seconds.
const SPAN: i64 = 600;

/// Nothing is predicted further ahead than so many bursts of a minute.
const MOST_BURSTS: u32 = 1_000_000;

/// When a mailbox was handed how many mails, oldest first.
pub type Handed = BTreeMap<ObjectId, Vec<(Timestamp, u32)>>;

/// Counts mails that are handed to mailboxes in turn.
pub(super) fn count(handed: &mut Handed, at: Timestamp, from: &[ObjectId], people: usize) {
    for (nth, mailbox) in from.iter().enumerate() {
        let mails = people.saturating_sub(nth).div_ceil(from.len());
        let Some(mails) = u32::try_from(mails).ok().filter(|mails| *mails > 0) else { continue };
        let list = handed.entry(*mailbox).or_default();
        list.retain(|(then, _)| at.duration_since(*then) < DAY);
        if let [.., (one, few), (two, more)] = list.as_mut_slice()
            && at.duration_since(*two) >= MINUTE
            && one.as_second().div_euclid(SPAN) == two.as_second().div_euclid(SPAN)
        {
            // The later instant stands for both: nothing is forgotten too soon.
            (*one, *few) = (*two, few.saturating_add(*more));
            list.pop();
        }
        list.push((at, mails));
    }
    handed.retain(|_, list| list.last().is_some_and(|(then, _)| at.duration_since(*then) < DAY));
}

/// How many mails were handed to a mailbox in the last minute, and in the last day.
fn used(list: &[(Timestamp, u32)], now: Timestamp) -> (u32, u32) {
    let within = |per| {
        let counted = list.iter().filter(|(at, _)| now.duration_since(*at) < per);
        counted.fold(0_u32, |sum, (_, mails)| sum.saturating_add(*mails))
    };
    (within(MINUTE), within(DAY))
}

/// How many mails a mailbox may be handed now.
fn room(list: &[(Timestamp, u32)], now: Timestamp) -> u32 {
    let (minute, day) = used(list, now);
    A_MINUTE.saturating_sub(minute).min(A_DAY.saturating_sub(day))
}

/// The plan's mailboxes that exist in the tenant, in the plan's order.
#[must_use]
pub fn mailboxes(plan: &Plan, observed: &Observed) -> Vec<ObjectId> {
    let Some(directory) = observed.directory.last.as_ref().map(|reading| &reading.value) else { return Vec::new() };
    let id = |from: &PersonRef| match from {
        PersonRef::Id(id) => Some(*id),
        PersonRef::Name(name) => directory.roll().named(name.key()),
    };
    let mut found: Vec<ObjectId> = Vec::new();
    for id in plan.notices.from.iter().filter_map(id) {
        if directory.person(id).is_some() && !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// Who sends the next group, in turn, and how many mails it may have; `None`: nobody may send now.
///
/// A mailbox that has sent less comes first. Where none of them exists the sender says so, and nothing is counted.
#[must_use]
pub fn turn(ground: &Ground<'_>, most: usize) -> Option<(Vec<ObjectId>, usize)> {
    let all = mailboxes(ground.plan, ground.observed);
    if all.is_empty() {
        return Some((all, most));
    }
    let handed = |mailbox: &ObjectId| ground.state.mailed.get(mailbox).map_or(&[][..], Vec::as_slice);
    let mut free: Vec<(u32, u32, ObjectId)> = all
        .iter()
        .map(|mailbox| (used(handed(mailbox), ground.now).1, room(handed(mailbox), ground.now), *mailbox))
        .filter(|(_, room, _)| *room > 0)
        .collect();
    free.sort_by_key(|(used, ..)| *used);
    let each = free.iter().map(|(_, room, _)| *room).min()?;
    let together = usize::try_from(each).unwrap_or(usize::MAX).saturating_mul(free.len());
    Some((free.into_iter().map(|(.., mailbox)| mailbox).collect(), together.min(most)))
}

/// When a mailbox that may not send now may send again.
#[must_use]
pub fn frees_at(state: &State, now: Timestamp) -> Option<Timestamp> {
    state.mailed.values().filter_map(|list| frees(list, now)).min()
}

fn frees(list: &[(Timestamp, u32)], now: Timestamp) -> Option<Timestamp> {
    let (minute, day) = used(list, now);
    let oldest = |per: SignedDuration| {
        let at = list.iter().map(|(at, _)| *at).find(|at| now.duration_since(*at) < per)?;
        at.checked_add(per).ok()
    };
    let waits = [(minute >= A_MINUTE).then(|| oldest(MINUTE)), (day >= A_DAY).then(|| oldest(DAY))];
    waits.into_iter().flatten().flatten().max()
}

/// Why nothing leaves though the hours are open: every mailbox has sent what it may in a day. With the instant at which one goes on.
#[must_use]
pub fn is_used_up(ground: &Ground<'_>) -> Option<Timestamp> {
    if ground.state.mailed.is_empty() {
        return None;
    }
    let all = mailboxes(ground.plan, ground.observed);
    let lists = || all.iter().map(|mailbox| ground.state.mailed.get(mailbox).map_or(&[][..], Vec::as_slice));
    let full = !all.is_empty() && lists().all(|list| used(list, ground.now).1 >= A_DAY);
    lists().filter_map(|list| frees(list, ground.now)).min().filter(|_| full)
}

/// When the last of so many mails has left, if the first leaves at `begin` or when the hours open then, from mailboxes that have sent
/// nothing lately. Of several zones' hours those count in which it takes longest.
#[must_use]
pub fn finishes(people: usize, mailboxes: usize, hours: &[Hours], begin: Timestamp) -> Timestamp {
    let finished = hours.iter().map(|hours| finishes_after(VecDeque::new(), people, mailboxes, hours, begin));
    finished.max().unwrap_or(begin)
}

/// The same for the mailboxes as the journal knows them.
#[must_use]
pub fn will_finish(ground: &Ground<'_>, people: usize, hours: &[Hours], begin: Timestamp) -> Timestamp {
    let all = mailboxes(ground.plan, ground.observed);
    // The mailboxes are used alike; the one that has sent most speaks for all.
    let busiest = all.iter().filter_map(|mailbox| ground.state.mailed.get(mailbox)).max_by_key(|list| used(list, begin).1);
    let sent: VecDeque<_> = busiest.map(|list| list.iter().copied().collect()).unwrap_or_default();
    let finished = hours.iter().map(|hours| finishes_after(sent.clone(), people, all.len(), hours, begin));
    finished.max().unwrap_or(begin)
}

fn finishes_after(
    mut sent: VecDeque<(Timestamp, u32)>,
    people: usize,
    mailboxes: usize,
    hours: &Hours,
    begin: Timestamp,
) -> Timestamp {
    let mut left = u32::try_from(people.div_ceil(mailboxes.max(1))).unwrap_or(u32::MAX);
    let mut day = sent.iter().fold(0_u32, |sum, (_, mails)| sum.saturating_add(*mails));
    let (mut at, mut last, mut open_until) = (begin, begin, begin);
    for _ in 0..MOST_BURSTS {
        if left == 0 {
            return last;
        }
        if at >= open_until {
            at = hours.opens(at);
            open_until = hours.closes(at).unwrap_or(Timestamp::MAX);
        }
        while let Some((then, mails)) = sent.front().filter(|(then, _)| at.duration_since(*then) >= DAY).copied() {
            debug_assert!(then <= at, "what was sent lies behind");
            sent.pop_front();
            day = day.saturating_sub(mails);
        }
        let burst = left.min(A_MINUTE).min(A_DAY.saturating_sub(day));
        if burst == 0 {
            at = sent.front().and_then(|(then, _)| then.checked_add(DAY).ok()).unwrap_or(Timestamp::MAX).max(at);
            continue;
        }
        sent.push_back((at, burst));
        (last, left, day) = (at, left.saturating_sub(burst), day.saturating_add(burst));
        let Ok(next) = at.checked_add(MINUTE) else { return Timestamp::MAX };
        at = next;
    }
    if left == 0 { last } else { Timestamp::MAX }
}

/// What would let an announcement finish by `deadline` that does not: a sentence with the number of mailboxes that would do, or by how
/// much earlier it would have to begin.
#[must_use]
pub fn remedy(people: usize, hours: &[Hours], begin: Timestamp, finished: Timestamp, deadline: Timestamp) -> String {
    let late = finished.duration_since(deadline).as_secs().div_euclid(86_400).saturating_add(1);
    let earlier = format!("make the first of `notices.before` {late}d longer, or the stage later by as much");
    match enough(people, hours, begin, deadline) {
        Some(mailboxes) => format!("{mailboxes} mailboxes in `notices.from` would do; or {earlier}"),
        None => earlier,
    }
}

/// The fewest mailboxes from which so many people are told until `deadline`, if a hundred or fewer do.
fn enough(people: usize, hours: &[Hours], begin: Timestamp, deadline: Timestamp) -> Option<usize> {
    (1..=100).find(|mailboxes| finishes(people, *mailboxes, hours, begin) <= deadline)
}

#[cfg(test)]
mod tests {
    use super::super::hours::tests::{at, weekdays};
    use super::super::sample::id;
    use super::*;

    #[test]
    fn a_mailbox_sends_thirty_a_minute_and_ten_thousand_a_day() {
        for (people, mailboxes, hours, begin, expected) in [
            (0, 1, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-11T08:00:00Z"),
            (30, 1, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-11T08:00:00Z"),
            (31, 1, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-11T08:01:00Z"),
            (31, 2, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-11T08:00:00Z"),
            (10_000, 1, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-11T13:33:00Z"),
            (10_001, 1, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-12T08:00:00Z"),
            (50_000, 5, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-11T13:33:00Z"),
            (50_000, 1, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-15T13:33:00Z"),
            // Without a mailbox nothing can be said; one is assumed.
            (60, 0, Hours::always(), "2027-01-11T08:00:00Z", "2027-01-11T08:01:00Z"),
            // Monday to Thursday from 8 to 17 in Berlin: not on a Friday, and not at night.
            (60, 1, weekdays(), "2027-01-15T08:00:00Z", "2027-01-18T07:01:00Z"),
            (60, 1, weekdays(), "2027-01-11T15:59:00Z", "2027-01-12T07:00:00Z"),
            (60, 1, weekdays(), "2027-01-11T15:58:00Z", "2027-01-11T15:59:00Z"),
            (12_000, 1, weekdays(), "2027-01-11T12:00:00Z", "2027-01-12T13:06:00Z"),
        ] {
            assert_eq!(finishes(people, mailboxes, &[hours], at(begin)), at(expected), "{people} from {mailboxes} at {begin}");
        }
        assert_eq!(enough(50_000, &[Hours::always()], at("2027-01-11T08:00:00Z"), at("2027-01-11T14:00:00Z")), Some(5));
        assert_eq!(enough(50_000, &[weekdays()], at("2027-01-15T08:00:00Z"), at("2027-01-16T08:00:00Z")), None);
    }

    #[test]
    fn what_was_handed_over_is_counted_and_forgotten_after_a_day() {
        let (begin, one, two) = (at("2027-01-11T08:00:00Z"), id(1), id(2));
        let mut handed = Handed::new();
        count(&mut handed, begin, &[one, two], 31);
        assert_eq!(handed.values().map(|list| room(list, begin)).collect::<Vec<_>>(), [14, 15]);
        let mut now = begin;
        for _ in 1..334 {
            now += MINUTE;
            count(&mut handed, now, &[one], 30);
        }
        let list = &handed[&one];
        assert!(list.len() < 40, "it is kept short: {}", list.len());
        assert_eq!(used(list, now), (30, 16 + 333 * 30));
        assert_eq!((room(list, now), frees(list, now)), (0, Some(begin + DAY + SignedDuration::from_mins(9))));
        count(&mut handed, now + DAY, &[two], 1);
        assert_eq!(handed.keys().collect::<Vec<_>>(), [&two], "nobody keeps what is a day old");
    }

    #[test]
    fn nothing_exceeds_the_limits_within_any_minute_or_day() {
        let mut handed = Handed::new();
        let (mut now, mut log) = (at("2027-01-11T08:00:00Z"), Vec::new());
        for step in 0..6_000_i64 {
            let most = room(handed.get(&id(1)).map_or(&[][..], Vec::as_slice), now);
            if most > 0 {
                let mails = most.min(1 + u32::try_from(step * 7 % 30).unwrap());
                count(&mut handed, now, &[id(1)], mails as usize);
                log.push((now, mails));
            }
            now += SignedDuration::from_secs(7 + step % 31);
        }
        for (at, _) in &log {
            let within =
                |per| log.iter().filter(|(then, _)| then <= at && at.duration_since(*then) < per).map(|(_, n)| n).sum::<u32>();
            assert!(within(MINUTE) <= A_MINUTE && within(DAY) <= A_DAY, "{at}");
        }
        assert!(log.iter().map(|(_, mails)| mails).sum::<u32>() > 10_000);
    }
}
