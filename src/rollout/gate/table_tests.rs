//! Each measure with each verdict, on a stage of five people who are enforced since four hours.

use jiff::Timestamp;

use super::{Answered, Confirmation, Contacts, Judgement, Says, Yes, read, sentence};
use crate::rollout::event::{Evidence, Origin, Verdict};
use crate::rollout::observed::{Client, Readiness, Registration, SignIn, Source, Trouble, TroubleKind};
use crate::rollout::plan::{Bound, Gate, GateAt, Measure, Versus};
use crate::rollout::sample::{Perfect, at, days, during, hours, id, plan};
use crate::rollout::stage::PhaseName;

/// When the stage is looked at.
const NOW: &str = "2027-01-11T12:00:00Z";

/// The pilot, which soaks; nobody else is enforced yet.
fn world() -> Perfect {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.run(NOW);
    assert_eq!(world.state.stage("pilot").unwrap().1.phase.name(), PhaseName::Soaking);
    world
}

fn gate(measure: Measure, bound: Bound, min_sample: u32) -> Gate {
    Gate { measure, bound, ..during(min_sample) }
}

fn reading(world: &Perfect, gate: &Gate) -> Evidence {
    let (_, stage) = world.state.stage("pilot").unwrap();
    read(&world.plan, &world.state, &world.observed, world.now, stage, gate)
}

fn attempt(n: u128, when: Timestamp, code: i64) -> SignIn {
    SignIn { id: String::new(), person: id(n), at: when, code, client: Client::Modern }
}

fn log(world: &mut Perfect, mut attempts: Vec<SignIn>) {
    attempts.sort_by_key(|attempt| (attempt.person, attempt.code));
    world.observed.sign_ins.take(world.now, Ok(attempts));
}

fn posted(world: &mut Perfect, stage: Option<&str>, count: u32, until: Timestamp) {
    let contacts = Contacts { stage: stage.map(str::to_owned), count, since: until - hours(1), until, source: "desk".to_owned() };
    world.state.posts.contacts.push(contacts);
}

fn answered(world: &mut Perfect, answer: Result<Answered, Trouble>) {
    world.observed.gates.entry("people get in".to_owned()).or_default().take(world.now, answer);
}

fn trouble() -> Trouble {
    Trouble { kind: TroubleKind::Unreachable, why: "nobody answers".to_owned() }
}

/// What was done to the world, what is asked, and what comes of it: verdict, hits, sample.
type Row = (&'static str, Measure, Bound, u32, fn(&mut Perfect), (Verdict, u32, u32));

fn judge(rows: &[Row]) {
    for (name, measure, bound, min_sample, set, expected) in rows {
        let mut world = world();
        set(&mut world);
        let gate = gate(*measure, *bound, *min_sample);
        let evidence = reading(&world, &gate);
        assert_eq!((evidence.verdict, evidence.hits, evidence.sample), *expected, "{name}: {evidence:?}");
        assert!(sentence(&gate, &evidence).starts_with("gate `people get in` "), "{name}");
        if evidence.verdict == Verdict::Pass {
            assert!(evidence.as_of.is_some() && evidence.source.is_some(), "{name}: {evidence:?}");
        }
    }
}

fn locked(world: &mut Perfect) {
    let t = |minutes| at(NOW) - jiff::SignedDuration::from_mins(minutes);
    let attempts = vec![
        // Locked out, and silent since.
        attempt(10, t(90), 50_126),
        attempt(10, t(60), 50_053),
        attempt(10, t(5), 50_058),
        // Got in since.
        attempt(11, t(60), 50_053),
        attempt(11, t(30), 0),
        // Steps are no attempts; a wrong password is one and no more.
        attempt(12, t(10), 50_058),
        attempt(13, t(10), 50_126),
        // Before MFA was required.
        attempt(14, at("2027-01-11T07:00:00Z"), 50_053),
        // Of another stage.
        attempt(20, t(10), 50_053),
    ];
    log(world, attempts);
}

fn blocked(world: &mut Perfect) {
    let legacy = |n, code| SignIn { client: Client::Legacy, ..attempt(n, at(NOW) - hours(1), code) };
    log(
        world,
        vec![legacy(10, 53_003), attempt(11, at(NOW) - hours(1), 53_003), legacy(12, 0), legacy(13, 50_126), legacy(13, 50_076)],
    );
}

fn passed(world: &mut Perfect) {
    let mut attempts: Vec<_> = (10..12).map(|n| attempt(n, at(NOW) - hours(1), 0)).collect();
    attempts.push(attempt(12, at(NOW) - days(1), 0));
    log(world, attempts);
}

#[test]
fn what_the_log_shows_is_judged() {
    use Measure::{LegacyBlocks, LockoutShare, MfaFailureShare, VerifiedShare};
    let (low, high) = (Bound::AtMost(0.3), Bound::AtMost(0.4));
    let stale: fn(&mut Perfect) = |world| {
        passed(world);
        world.now += hours(13);
    };
    judge(&[
        ("locked", LockoutShare, low, 3, locked, (Verdict::Fail, 1, 3)),
        ("locked, borne", LockoutShare, high, 3, locked, (Verdict::Pass, 1, 3)),
        ("locked, too few", LockoutShare, high, 4, locked, (Verdict::Inconclusive, 1, 3)),
        ("old clients", LegacyBlocks, low, 4, blocked, (Verdict::Fail, 2, 4)),
        ("old clients, borne", LegacyBlocks, Bound::AtMost(0.5), 4, blocked, (Verdict::Pass, 2, 4)),
        ("old clients, too few", LegacyBlocks, low, 5, blocked, (Verdict::Inconclusive, 2, 4)),
        ("verified: silence counts", VerifiedShare, Bound::AtLeast(0.5), 5, passed, (Verdict::Fail, 2, 5)),
        ("verified", VerifiedShare, Bound::AtLeast(0.4), 5, passed, (Verdict::Pass, 2, 5)),
        ("verified, too few", VerifiedShare, Bound::AtLeast(0.4), 6, passed, (Verdict::Inconclusive, 2, 5)),
        ("stale", VerifiedShare, Bound::AtLeast(0.1), 1, stale, (Verdict::NoData, 2, 5)),
        ("never read", MfaFailureShare, low, 1, |world| world.observed.sign_ins = Source::default(), (Verdict::NoData, 0, 0)),
        ("nobody tried", MfaFailureShare, low, 1, |world| log(world, Vec::new()), (Verdict::Inconclusive, 0, 0)),
    ]);
}

#[test]
fn what_the_registration_report_shows_is_judged() {
    use Measure::{RegisteredShare, UnknownShare};
    let report: fn(&mut Perfect) = |world| {
        let rows = [(10, Readiness::Capable), (11, Readiness::Capable), (12, Readiness::Unregistered)];
        let rows = rows.into_iter().map(|(n, readiness)| (id(n), readiness));
        world.observed.registration.take(world.now, Ok(rows.collect::<Registration>()));
    };
    let none: fn(&mut Perfect) = |world| world.observed.registration = Source::default();
    judge(&[
        ("registered", RegisteredShare, Bound::AtLeast(0.6), 3, report, (Verdict::Pass, 2, 3)),
        ("registered, few", RegisteredShare, Bound::AtLeast(0.7), 3, report, (Verdict::Fail, 2, 3)),
        ("registered, too few known", RegisteredShare, Bound::AtLeast(0.6), 4, report, (Verdict::Inconclusive, 2, 3)),
        ("unknown", UnknownShare, Bound::AtMost(0.4), 5, report, (Verdict::Pass, 2, 5)),
        ("unknown, many", UnknownShare, Bound::AtMost(0.3), 5, report, (Verdict::Fail, 2, 5)),
        ("no report", UnknownShare, Bound::AtMost(1.0), 1, none, (Verdict::NoData, 0, 0)),
    ]);
}

#[test]
fn what_people_posted_is_judged() {
    use Measure::{Confirm, Contacts, ContactsPer100, NoticeReach};
    let calls: fn(&mut Perfect) = |world| {
        let now = world.now;
        // Before the stage, of another stage, of this one, of all.
        posted(world, None, 100, at("2027-01-11T06:00:00Z"));
        posted(world, Some("everyone"), 100, now);
        posted(world, Some("pilot"), 3, now - hours(2));
        posted(world, None, 4, now - hours(1));
    };
    let nothing: fn(&mut Perfect) = |_| ();
    let none_called: fn(&mut Perfect) = |world| posted(world, None, 0, world.now);
    let unreached: fn(&mut Perfect) = |world| world.state.stages[0].unreached = 3;
    judge(&[
        ("contacts", Contacts, Bound::AtMost(7.0), 5, calls, (Verdict::Pass, 7, 5)),
        ("contacts, many", Contacts, Bound::AtMost(6.0), 5, calls, (Verdict::Fail, 7, 5)),
        ("contacts, few people", Contacts, Bound::AtMost(6.0), 6, calls, (Verdict::Inconclusive, 7, 5)),
        ("contacts, nobody counted", Contacts, Bound::AtMost(6.0), 1, nothing, (Verdict::NoData, 0, 5)),
        ("contacts, none", Contacts, Bound::AtMost(0.0), 1, none_called, (Verdict::Pass, 0, 5)),
        ("contacts per 100", ContactsPer100, Bound::AtMost(140.0), 5, calls, (Verdict::Pass, 7, 5)),
        ("contacts per 100, many", ContactsPer100, Bound::AtMost(139.0), 5, calls, (Verdict::Fail, 7, 5)),
        ("all reached", NoticeReach, Bound::AtLeast(1.0), 5, nothing, (Verdict::Pass, 5, 5)),
        ("some unreached", NoticeReach, Bound::AtLeast(0.9), 5, unreached, (Verdict::Fail, 5, 8)),
        ("unanswered", Confirm, Bound::Judged, 10, nothing, (Verdict::Inconclusive, 0, 0)),
    ]);
}

#[test]
fn a_humans_answer_counts_in_its_phase_and_for_its_time() {
    let table = [
        (Yes::Yes, PhaseName::Soaking, 0, GateAt::During, Verdict::Pass),
        (Yes::No, PhaseName::Soaking, 0, GateAt::During, Verdict::Fail),
        (Yes::Yes, PhaseName::Enforcing, 0, GateAt::During, Verdict::Pass),
        (Yes::Yes, PhaseName::Enforcing, 0, GateAt::Exit, Verdict::Inconclusive),
        (Yes::Yes, PhaseName::Announced, 0, GateAt::During, Verdict::Inconclusive),
        (Yes::Yes, PhaseName::Soaking, 13, GateAt::During, Verdict::NoData),
        (Yes::No, PhaseName::Soaking, 13, GateAt::During, Verdict::NoData),
    ];
    for (says, phase, hours_ago, moment, expected) in table {
        let mut world = world();
        let answer = Confirmation { says, at: world.now - hours(hours_ago), phase: Some(phase), why: "read it".to_owned() };
        world.state.posts.confirmed.insert("pilot/people get in".to_owned(), answer);
        let gate = Gate { at: moment, ..gate(Measure::Confirm, Bound::Judged, 10) };
        let evidence = reading(&world, &gate);
        assert_eq!(
            (evidence.verdict, evidence.source),
            (expected, Some(Origin::Operator)),
            "{says:?} {phase:?} {hours_ago} {moment:?}"
        );
        let says = sentence(&gate, &evidence);
        assert_eq!(says.contains("nobody has answered yet"), expected == Verdict::Inconclusive, "{says}");
    }
}

#[test]
fn what_is_outside_answers_freshly_and_readably_or_there_is_no_data() {
    let value = |value, sample| Says::Value { value, sample };
    let judged = |verdict| Says::Judged { verdict, why: Some("it says so".to_owned()) };
    let low = Bound::AtMost(0.05);
    for (name, says, bound, min_sample, expected) in [
        ("low", value(0.03, 120), low, 100, Verdict::Pass),
        ("high", value(0.06, 120), low, 100, Verdict::Fail),
        ("too few", value(0.03, 99), low, 100, Verdict::Inconclusive),
        ("no threshold", value(0.03, 120), Bound::Judged, 100, Verdict::NoData),
        ("pass", judged(Judgement::Pass), low, 100, Verdict::Pass),
        ("fail", judged(Judgement::Fail), Bound::Judged, 100, Verdict::Fail),
        ("cannot say", judged(Judgement::Inconclusive), Bound::Judged, 100, Verdict::Inconclusive),
    ] {
        let mut world = world();
        let gate = gate(Measure::Http, bound, min_sample);
        assert_eq!(reading(&world, &gate).verdict, Verdict::NoData, "{name}: not asked yet");
        answered(&mut world, Ok(Answered { says, as_of: None }));
        let evidence = reading(&world, &gate);
        assert_eq!(evidence.verdict, expected, "{name}: {evidence:?}");
        let before = world.now;
        world.now += hours(13);
        assert_eq!(reading(&world, &gate).verdict, Verdict::NoData, "{name}: stale");
        world.now = before;
        answered(&mut world, Err(trouble()));
        let evidence = reading(&world, &gate);
        assert_eq!(evidence.verdict, Verdict::NoData, "{name}: however fresh the answer before is");
        assert!(sentence(&gate, &evidence).contains("nobody answers"), "{name}");
    }
}

#[test]
fn a_share_is_compared_with_people_who_are_not_enforced_over_the_same_time() {
    let soon = at(NOW) - hours(1);
    let failed = |people: std::ops::Range<u128>| people.map(|n| attempt(n, soon, 500_121)).collect::<Vec<_>>();
    let fine = |people: std::ops::Range<u128>| people.map(|n| attempt(n, soon, 0)).collect::<Vec<_>>();
    for (name, attempts, expected, control) in [
        ("no worse than others", [failed(10..12), fine(12..15), failed(15..17), fine(17..20)].concat(), Verdict::Pass, (2, 5)),
        ("worse", [failed(10..13), fine(13..15), failed(15..16), fine(16..20)].concat(), Verdict::Fail, (1, 5)),
        ("better", [fine(10..15), failed(15..20)].concat(), Verdict::Pass, (5, 5)),
        ("nobody to compare with", [failed(10..15), fine(15..17)].concat(), Verdict::Inconclusive, (0, 2)),
        ("too few of ours", [failed(10..12), fine(15..20)].concat(), Verdict::Inconclusive, (0, 5)),
        (
            "others long ago",
            [failed(10..15), (15..20).map(|n| attempt(n, at(NOW) - days(2), 0)).collect()].concat(),
            Verdict::Inconclusive,
            (0, 0),
        ),
    ] {
        let mut world = world();
        log(&mut world, attempts);
        let mut gate = gate(Measure::MfaFailureShare, Bound::AtMost(0.2), 4);
        gate.asking.versus = Some(Versus::NotEnforced);
        let evidence = reading(&world, &gate);
        let found = evidence.control.map(|control| (control.hits, control.sample));
        assert_eq!((evidence.verdict, found), (expected, Some(control)), "{name}: {evidence:?}");
        let says = sentence(&gate, &evidence);
        assert!(says.contains("people who are not enforced yet"), "{says}");
    }
}

#[test]
fn a_window_forgets_what_is_older() {
    let mut world = world();
    log(&mut world, vec![attempt(10, at(NOW) - hours(3), 500_121), attempt(11, at(NOW) - hours(1), 0)]);
    let mut gate = gate(Measure::MfaFailureShare, Bound::AtMost(0.3), 1);
    assert_eq!(reading(&world, &gate).verdict, Verdict::Fail);
    gate.asking.window = Some(hours(2));
    let evidence = reading(&world, &gate);
    assert_eq!((evidence.verdict, evidence.hits, evidence.sample), (Verdict::Pass, 0, 1));
}

#[test]
fn of_people_who_are_not_enforced_little_is_kept() {
    let world = world();
    let mut state = world.state.clone();
    let exception = crate::rollout::exception::Exception {
        what: crate::rollout::exception::Excepted::Absent,
        since: world.now,
        why: String::new(),
        owner: String::new(),
        deferred: 0,
    };
    state.exceptions.insert(id(20), exception);
    let mut all: Vec<_> =
        (10..22).flat_map(|n| [attempt(n, world.now - days(2), 0), attempt(n, world.now - hours(1), 500_121)]).collect();
    super::forget_control(&state, &mut all, world.now, hours(24));
    for n in 10..22 {
        let kept = all.iter().filter(|attempt| attempt.person == id(n)).count();
        // Those of the pilot are enforced, and one is away: theirs are needed for longer.
        assert_eq!(kept, if n < 15 || n == 20 { 2 } else { 1 }, "{n}");
    }
}

#[test]
fn evidence_from_before_sources_were_kept_is_read() {
    let old =
        r#"{"verdict":"pass","measure":"registered_share","value":0.9,"hits":9,"sample":10,"as_of":"2027-01-18T08:00:00Z"}"#;
    let evidence: Evidence = serde_json::from_str(old).unwrap();
    assert_eq!((evidence.source, evidence.control, &evidence.why), (None, None, &None));
    assert_eq!(serde_json::to_string(&evidence).unwrap(), old);
}
