//! `kill -9` while several envelopes of a large stage are under way: nobody is lost, nobody doubled, and the journal knows of each.
//!
//! Only a daemon that lives by the system's clock has several under way. A paced one brings the rollout to its day, which is today; the
//! killed ones live in real time; a paced one goes on to the end, so that nobody waits for readings that must lie a minute apart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tidegate::clock::Clock;
use tidegate::rollout::event::Event;
use tidegate::rollout::person::PersonState;
use tidegate::rollout::state::State;
use tidegate::sim::{ENFORCED_GROUP, Moment, Pass};

use super::bed::{Bed, lock, now_of, writes_members};
use super::{kept, plans};

const PEOPLE: usize = 2_000;

/// Envelopes under way when the daemon dies.
const ABREAST: usize = 2;

/// Where it dies with so many under way.
#[derive(Clone, Copy, Debug)]
enum Spot {
    /// The last of them has not reached the tenant.
    Before,
    /// One of them was done, and its answer has not left.
    After,
}

fn survives(spot: Spot) {
    let bed = Bed::new(plans::orderly(PEOPLE));
    let start = a_moment_ago();
    let begin = plan(&bed, start);
    to_the_day(&bed, start, begin);
    bed.tenant().forget_time();
    bed.tenant().set_latency(Duration::from_millis(300));
    killed(&bed, spot);
    let open = kept::open_intents(&bed);
    bed.tenant().set_latency(Duration::ZERO);
    bed.unwatch();
    bed.run_max(&begin.to_string()).with(0);
    kept::promises_to_everybody(&bed);
    let (people, unknown) = outcomes(&bed);
    println!("{spot:?}: {open} batches were open; of {people} people {unknown} were unknown for a while");
    assert!(people > PEOPLE * 9 / 10 && open > 5 && unknown > 100, "{people}, {open} and {unknown}");
}

#[test]
fn a_daemon_that_is_killed_before_one_of_several_envelopes_loses_nobody() {
    survives(Spot::Before);
}

#[test]
fn a_daemon_that_is_killed_after_one_of_several_envelopes_enforces_nobody_twice() {
    survives(Spot::After);
}

/// Some minutes ago, in whole seconds: a plan knows no others.
fn a_moment_ago() -> Timestamp {
    let now = Clock::system().now() - SignedDuration::from_mins(5);
    Timestamp::from_second(now.as_second()).unwrap()
}

/// A plan whose last stage starts at `start`; when a daemon must begin with it.
fn plan(bed: &Bed, start: Timestamp) -> Timestamp {
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let first = start - SignedDuration::from_hours(7 * 24);
    let civil = |at: Timestamp| berlin.to_datetime(at).to_string();
    let text = plans::short(bed, "[limits]\ncanary = 5");
    let text = text
        .replace("windows = [{ days = \"mon-sun\", from = \"06:00\", to = \"22:00\" }]", "")
        .replace("2027-01-11T09:00:00", &civil(first))
        .replace("2027-01-18T09:00:00", &civil(start));
    bed.write("plan.toml", &text);
    first - SignedDuration::from_hours(5 * 24)
}

/// Tells everybody, and dies when the last stage has started and nobody of it has been written.
fn to_the_day(bed: &Bed, start: Timestamp, begin: Timestamp) {
    let (daemon, alive) = (bed.daemon(), AtomicBool::new(true));
    bed.watch(move |moment, request| {
        let has_come = now_of(request).is_some_and(|now| now >= start);
        if has_come && moment == Moment::Before && alive.swap(false, Ordering::Relaxed) {
            daemon.kill();
            return Pass::Cut;
        }
        Pass::On
    });
    let ended = bed.run_max(&begin.to_string());
    assert_eq!((ended.code, kept::open_intents(bed)), (None, 0), "{}", ended.log);
}

/// One life in real time, until so many envelopes are under way.
fn killed(bed: &Bed, spot: Spot) {
    let (daemon, alive) = (bed.daemon(), AtomicBool::new(true));
    let under_way = Arc::new(Mutex::new(0_usize));
    bed.watch(move |moment, request| {
        let mut under_way = lock(&under_way);
        let is_write = writes_members(request);
        *under_way += usize::from(is_write && moment == Moment::Before);
        let here = matches!((spot, moment), (Spot::Before, Moment::Before) | (Spot::After, Moment::After));
        let here = here && is_write && *under_way >= ABREAST;
        *under_way = under_way.saturating_sub(usize::from(is_write && moment == Moment::After));
        if here && alive.swap(false, Ordering::Relaxed) {
            daemon.kill();
            return Pass::Cut;
        }
        Pass::On
    });
    let ended = bed.start(&["run"]).ends();
    assert_eq!(ended.code, None, "{spot:?}: {}", ended.log);
}

/// Journal and tenant agree about everybody; how many people were enforced, and how many of them were unknown for a while.
fn outcomes(bed: &Bed) -> (usize, usize) {
    let mut state = State::default();
    let (mut unknown, mut settled) = (0, 0);
    let records = bed.journal();
    for record in &records {
        state.apply(record).unwrap();
        match &record.event {
            Event::EnforceOutcome { unknown: people, .. } => unknown += people.len(),
            Event::Settled { landed, absent, .. } => settled += landed.len() + absent.len(),
            _ => {}
        }
    }
    assert_eq!(unknown, settled, "whoever was unknown was settled");
    let enforced = state.people.all().iter().filter(PersonState::is_enforced).map(|person| person.id);
    let mut enforced: Vec<_> = enforced.collect();
    enforced.sort_unstable();
    let members = bed.tenant().members_of(ENFORCED_GROUP, records.last().unwrap().at);
    assert_eq!(enforced, members, "the journal and the tenant");
    (enforced.len(), unknown)
}
