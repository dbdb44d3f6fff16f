//! Orders to a running daemon: pause, unpause, the pause file, SIGUSR1; and a second daemon on the same state.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan};
use tidegate::clock::Clock;
use tidegate::rollout::event::Event;
use tidegate::sim::{Moment, Pass};

use super::bed::{Bed, lock, now_of, writes_members};
use super::{kept, plans};

const SLOW: &str = "[limits]\ncanary = 2\ncaps = [{ people = 4, per = \"1h\" }]";

#[test]
fn an_idle_daemon_takes_orders_and_a_second_one_is_turned_away() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "");
    // It lives by the system's clock, months before its first stage.
    let first = Clock::system().now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date().saturating_add(90.days());
    let second = first.saturating_add(14.days());
    bed.write("plan.toml", &plan.replace("2027-01-11", &first.to_string()).replace("2027-01-18", &second.to_string()));
    let mut daemon = bed.start(&["run"]);
    daemon.logs(|line| line.contains("commands are taken"));

    let second = bed.run(&["run"]).with(7);
    assert!(second.says().contains(&bed.state().display().to_string()), "{}", second.says());

    let paused = bed.run(&["pause", "mail is down"]).with(0);
    assert!(paused.out.contains("paused"), "{}", paused.out);
    bed.run(&["pause", "again"]).with(0);
    daemon.logs(|line| line.contains("an operator paused"));
    bed.run(&["unpause"]).with(0);
    assert!(bed.run(&["unpause"]).with(1).says().contains("there is no pause"));

    // A list of notices that came back is taken whole or not at all.
    let list = bed.path("back.csv");
    let list = list.to_str().unwrap();
    let somebody = bed.tenant().ordinary_people()[0];
    for (lines, code, says) in [
        (
            format!("{somebody},2027-01-11\nghost@contoso.example,2027-01-11\n"),
            2,
            "nothing was sent: whom these lines name is nobody",
        ),
        (format!("{somebody},yesterday\n"), 2, "the list is not valid"),
        (format!("{somebody},2027-01-11\n"), 1, "of 1 people none waits for a date"),
    ] {
        bed.write("back.csv", &format!("person,at\n{lines}"));
        let said = bed.run(&["bounced", "--file", list]).with(code);
        let said = said.says();
        assert!(said.contains(says), "{said}");
    }
    bed.run(&["bounced", &somebody.to_string()]).with(2);

    // Letters are handed over to people who wait for a date, or to nobody.
    let person = somebody.to_string();
    bed.write("to.csv", &format!("id\n{somebody}\nghost@contoso.example\n"));
    let to = bed.path("to.csv");
    let file = ["--file", to.to_str().unwrap()];
    for (who, date, code, says) in [
        (&[person.as_str()][..], "2027-01-11T09:00", 1, "is in no stage and not in the tail"),
        (&[person.as_str()], "2027-01-11T08:00:00Z", 1, "is in no stage and not in the tail"),
        (&[person.as_str()], "tomorrow", 2, "write 2027-01-18T09:00"),
        (&["ghost@contoso.example"], "2027-01-11T09:00", 2, "is nobody whom the running daemon has read"),
        (&file, "2027-01-11T09:00", 2, "nothing was sent: 1 of 2 people"),
    ] {
        let said = bed.run(&[&["handed"], who, &["--date", date, "--reason", "by hand"]].concat()).with(code);
        assert!(said.says().contains(says), "{who:?} {date}: {}", said.says());
    }

    bed.daemon().signal("USR1");
    let status = daemon.logs(|line| line.contains("status as asked"));
    assert!(status.contains("headline"), "{status}");
    bed.daemon().signal("TERM");
    daemon.ends().with(0);
    let events: Vec<_> = bed.journal().into_iter().map(|record| record.event).collect();
    assert!(events.contains(&Event::paused("mail is down")));
    assert!(events.contains(&Event::Unpaused { hold: "paused".to_owned(), allow_start: false, ack: None, why: String::new() }));
    assert!(bed.tenant().writes().is_empty() && bed.tenant().mails().is_empty());
}

#[test]
fn a_pause_through_the_socket_stops_the_next_batch() {
    let bed = Bed::new(plans::orderly(60));
    plans::short(&bed, SLOW);
    let begun = bed.daemon();
    bed.watch(move |moment, request| {
        let second_stage = now_of(request).is_some_and(|now| now >= plans::second_stage());
        if moment == Moment::After && second_stage && writes_members(request) {
            begun.signal("TERM");
        }
        Pass::On
    });
    bed.run_max(plans::SHORT_BEGIN).with(0);

    // An hour takes less than a second: time enough to say something in between.
    let (sender, instants) = channel();
    let sender = Mutex::new(sender);
    bed.watch(move |_, request| {
        let _ = lock(&sender).send(now_of(request));
        Pass::On
    });
    let mut daemon = bed.start(&["run", "--pace", "5000"]);
    daemon.logs(|line| line.contains("a batch was handed out"));
    bed.run(&["pause", "look first"]).with(0);
    let paused = bed.journal().into_iter().find(|record| matches!(record.event, Event::Paused { .. })).unwrap();
    let over = paused.at.checked_add(SignedDuration::from_hours(3)).unwrap();
    while instants.recv_timeout(Duration::from_secs(60)).unwrap().is_none_or(|now: Timestamp| now < over) {}
    bed.run(&["unpause"]).with(0);
    daemon.logs(|line| line.contains("an operator ended a hold"));
    daemon.logs(|line| line.contains("a batch was handed out"));
    bed.daemon().signal("TERM");
    daemon.ends().with(0);

    let journal = bed.journal();
    let at = |wanted: fn(&Event) -> bool| journal.iter().position(|record| wanted(&record.event)).unwrap();
    let pause = at(|event| matches!(event, Event::Paused { .. }))..at(|event| matches!(event, Event::Unpaused { .. }));
    let begun = journal[pause.clone()].iter().filter(|record| matches!(record.event, Event::EnforceIntent { .. })).count();
    assert_eq!(begun, 0);
    assert!(journal[pause.end].at >= over);
    bed.unwatch();
    bed.run_max(plans::SHORT_BEGIN).with(0);
    kept::promises_to_everybody(&bed);
}

#[test]
fn the_pause_file_stops_the_next_batch_until_it_is_gone() {
    let bed = Bed::new(plans::orderly(60));
    plans::short(&bed, SLOW);
    let file = bed.state().join("pause");
    let paused: Mutex<Option<Timestamp>> = Mutex::default();
    bed.watch(move |moment, request| {
        let (Moment::After, Some(now)) = (moment, now_of(request)) else { return Pass::On };
        let mut paused = lock(&paused);
        match *paused {
            None if writes_members(request) => {
                std::fs::write(&file, "the auditors are here").unwrap();
                *paused = Some(now);
            }
            Some(since) if file.exists() && now.duration_since(since) > SignedDuration::from_hours(5) => {
                std::fs::remove_file(&file).unwrap();
            }
            _ => {}
        }
        Pass::On
    });
    bed.run_max(plans::SHORT_BEGIN).with(0);
    kept::promises_to_everybody(&bed);
    let tenant = bed.tenant();
    let gap = tenant.writes()[1].at.duration_since(tenant.writes()[0].at);
    assert!(gap > SignedDuration::from_hours(5), "{gap:#}");
    let placed = bed.journal().into_iter().find_map(|record| match record.event {
        Event::HoldPlaced { hold } if hold.id == "pause-file" => Some(hold.why),
        _ => None,
    });
    assert!(placed.is_some_and(|why| why.contains("the auditors are here")));
}
