//! SIGHUP: a later date is told and kept; what may not be is refused, and the plan in force runs on.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use tidegate::rollout::event::{Event, Slot};
use tidegate::sim::{Moment, Pass};

use super::bed::{Bed, Daemon, Ended, lock, now_of};
use super::manager::Manager;
use super::{kept, plans};

/// What the second stage's people were told first, in plan and on the wire.
const TOLD: (&str, &str) = ("2027-01-18T09:00:00", "2027-01-18T08:00:00Z");

/// A plan file that is exchanged, and the daemon told, at instants of a paced rollout.
struct Exchange {
    daemon: Daemon,
    manager: Manager,
    due: Mutex<Vec<(Timestamp, std::path::PathBuf, String)>>,
}

impl Exchange {
    fn look(&self, now: Timestamp) {
        let mut due = lock(&self.due);
        if due.first().is_some_and(|(at, ..)| now >= *at) {
            let (_, path, plan) = due.remove(0);
            std::fs::write(path, plan).unwrap();
            self.daemon.signal("HUP");
            // The request that is on its way gets no answer before the daemon has the plan: the test is the same each time.
            self.manager.hears("the plan was read again");
        }
    }
}

/// Runs the short plan; at each instant the plan file is exchanged for the text.
fn run_with(bed: &Bed, texts: &[(&str, String)]) -> Ended {
    run_seen(bed, texts, |_, _| {})
}

/// The same, seen by somebody before each request.
fn run_seen(bed: &Bed, texts: &[(&str, String)], sees: impl Fn(Timestamp, &Request<Bytes>) + Send + Sync + 'static) -> Ended {
    let due = texts.iter().map(|(at, text)| (at.parse().unwrap(), bed.path("plan.toml"), text.clone())).collect();
    let manager = Manager::new(&bed.path(""));
    let mut command = bed.command(&["run", "--pace", "max", "--until-done", "--start-at", plans::SHORT_BEGIN]);
    command.env("NOTIFY_SOCKET", manager.path());
    let exchange = Exchange { daemon: bed.daemon(), manager, due: Mutex::new(due) };
    bed.watch(move |moment, request| {
        if let (Moment::Before, Some(now)) = (moment, now_of(request)) {
            exchange.look(now);
            sees(now, request);
        }
        Pass::On
    });
    bed.start_command(command).ends()
}

#[test]
fn a_later_date_is_told_to_everybody_and_kept() {
    let bed = Bed::new(plans::orderly(60));
    let plan = plans::short(&bed, "");
    let later: (&str, Timestamp) = ("2027-01-20T09:00:00", "2027-01-20T08:00:00Z".parse().unwrap());
    run_with(&bed, &[("2027-01-16T00:00:00Z", plan.replace(TOLD.0, later.0))]).with(0);
    kept::promises_to_everybody(&bed);
    let journal = bed.journal();
    let told: Vec<_> = journal
        .iter()
        .filter_map(|record| match &record.event {
            Event::NoticeIntent { slot: Slot::Correction, instant, people, .. } if *instant == later.1 => Some(people),
            _ => None,
        })
        .flatten()
        .collect();
    let tenant = bed.tenant();
    let mails = tenant.mails().iter().filter(|mail| mail.instant == Some(later.1) && told.contains(&&mail.person)).count();
    let enforced = tenant.writes().iter().filter(|write| write.at >= later.1).map(|write| write.people.len()).sum::<usize>();
    assert!(enforced > 30, "{enforced}");
    assert_eq!((told.len() >= enforced, mails >= told.len()), (true, true), "{} told, {mails} mails", told.len());
    let between = |at: Timestamp| at >= TOLD.1.parse().unwrap() && at < later.1;
    assert!(!tenant.writes().iter().any(|write| between(write.at)), "the new date is kept");
}

#[test]
fn what_may_not_be_is_refused_and_the_plan_in_force_runs_on() {
    for (what, says) in [("earlier", "can only move later"), ("broken", "not valid"), ("gone", "cannot be read")] {
        let bed = Bed::new(plans::orderly(60));
        let plan = plans::short(&bed, "");
        let offered = match what {
            "earlier" => plan.replace(TOLD.0, "2027-01-17T09:00:00"),
            "broken" => plan.replace("[tenant]", "[tenant"),
            _ => plan.replace("[[stage]]", "[[stage]]\nsaok = \"1d\""),
        };
        run_with(&bed, &[("2027-01-16T00:00:00Z", offered), ("2027-01-16T12:00:00Z", plan)]).with(0);
        kept::promises_to_everybody(&bed);
        let journal = bed.journal();
        let accepted = journal.iter().filter(|record| matches!(record.event, Event::PlanAccepted { .. })).count();
        assert_eq!(accepted, 1, "{what}");
        let why = journal.iter().find_map(|record| match &record.event {
            Event::HoldPlaced { hold } if hold.id == "plan-refused" => Some(hold.why.clone()),
            _ => None,
        });
        println!("{what}: {why:?}");
        assert!(why.is_some_and(|why| why.contains(says) || what == "gone"), "{what}");
        let first = bed.tenant().writes().iter().map(|write| write.at).find(|at| *at >= "2027-01-17T00:00:00Z".parse().unwrap());
        assert_eq!(first, Some(TOLD.1.parse().unwrap()), "{what}: the date that was told is kept");
    }
}

#[test]
fn new_texts_come_with_the_plan_and_what_must_wait_is_said() {
    let bed = Bed::new(plans::orderly(60));
    let plan = plans::short(&bed, "");
    std::fs::create_dir(bed.path("texts")).unwrap();
    for language in ["en", "de"] {
        let words = "subject = \"Brand-new words\"\nbody = \"It begins on {{ date }}. {{ helpdesk }} helps.\"\n";
        // The common text does not serve people who are ready.
        bed.write(&format!("texts/{language}.toml"), &format!("{words}\n[ready]\n{words}"));
    }
    let texts = plan.replace("[notices]", "[notices]\ntemplates = \"texts\"");
    let texts = texts.replace("[state]", "[surfaces]\nsocket = \"other.sock\"\n[state]");
    // A plan that is refused brings no texts along: the pilot's people were told.
    let refused = texts.replace("2027-01-11T09:00:00", "2027-01-10T22:00:00");
    let reloaded: Timestamp = "2027-01-13T00:00:00Z".parse().unwrap();
    let mails: Arc<Mutex<Vec<(Timestamp, bool)>>> = Arc::default();
    let seen = Arc::clone(&mails);
    let exchanges = [("2027-01-09T00:00:00Z", refused), ("2027-01-10T20:00:00Z", plan), ("2027-01-13T00:00:00Z", texts)];
    let ended = run_seen(&bed, &exchanges, move |now, request| {
        let body = String::from_utf8_lossy(request.body());
        if body.contains("x-tidegate-notice") {
            lock(&seen).push((now, body.contains("Brand-new words")));
        }
    });
    let ended = ended.with(0);
    assert!(ended.log.contains("surfaces.socket") && ended.log.contains("from the next start on"), "{}", ended.log);
    kept::promises_to_everybody(&bed);
    let mails = lock(&mails);
    for (at, new) in mails.iter() {
        assert_eq!(*new, *at > reloaded, "{at}");
    }
    let new = mails.iter().filter(|(_, new)| *new).count();
    assert!(new > 0 && new < mails.len(), "{new} of {}", mails.len());
}
