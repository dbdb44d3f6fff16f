//! The judge of moves and releases notices what must not be: records that no rollout writes, and removals that none makes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::ledger::Intent;
use super::{Judge, Rule};
use crate::rollout::acknowledge::digest;
use crate::rollout::event::{By, Event, Evidence, Origin, Record, VERSION, Verdict};
use crate::rollout::hold::{Blocks, Clears, Hold, Owner, Scope};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Toggle;
use crate::rollout::overriding::Passed;
use crate::rollout::plan::{Asking, Bound, Gate, GateAt, Measure, Plan};
use crate::rollout::sample::{at, plan};
use crate::rollout::stage::PhaseName;
use crate::sim::change::Change;
use crate::sim::oracle::Write;
use crate::sim::probe::{Probe, calm};
use crate::sim::tenant::ENFORCED_GROUP;

/// When the pilot of the sample plan starts.
const START: &str = "2027-01-11T09:00:00Z";

/// What the judge says of these records, the plan's first.
fn said(plan: Plan, records: Vec<(&str, By, Event)>) -> Vec<Rule> {
    let probe = Probe::new(calm(40));
    let mut judge = Judge::new(SignedDuration::ZERO);
    let accepted = Event::PlanAccepted { revision: "r1".to_owned(), plan: Box::new(plan), why: String::new() };
    let all = std::iter::once(("2027-01-01T08:00:00Z", By::Plan, accepted)).chain(records);
    for (seq, (when, by, event)) in (1..).zip(all) {
        let actor = if by == By::Operator { format!("operator {seq}") } else { "tidegate".to_owned() };
        judge.record(&Record { seq, at: at(when), v: VERSION, by, actor, event }, &probe.tenant);
    }
    judge.breaches().iter().map(|breach| breach.rule).collect()
}

fn moved(stage: &str, from: PhaseName, to: PhaseName) -> Event {
    Event::StageMoved { stage: stage.to_owned(), from, to, why: "a test".to_owned() }
}

fn starts(stage: &str) -> Event {
    moved(stage, PhaseName::Announced, PhaseName::Enforcing)
}

fn announced(stage: &str) -> (&'static str, By, Event) {
    ("2027-01-08T08:00:00Z", By::Schedule, moved(stage, PhaseName::Announcing, PhaseName::Announced))
}

fn gated() -> Plan {
    let gate = Gate {
        name: "calls".to_owned(),
        measure: Measure::Contacts,
        at: GateAt::Start,
        bound: Bound::AtMost(3.0),
        min_sample: 0,
        max_age: SignedDuration::from_hours(12),
        stages: Vec::new(),
        asking: Asking::default(),
    };
    Plan { gates: vec![gate], ..plan() }
}

fn evidence(verdict: Verdict, as_of: &str) -> Evidence {
    Evidence {
        verdict,
        measure: Measure::Contacts,
        value: Some(1.0),
        hits: 1,
        sample: 1,
        as_of: Some(at(as_of)),
        source: Some(Origin::Operator),
        control: None,
        why: None,
    }
}

fn read(verdict: Verdict, as_of: &str) -> Event {
    Event::GateRead { stage: "pilot".to_owned(), gate: "calls".to_owned(), evidence: evidence(verdict, as_of) }
}

fn overridden(evidence: &Evidence, until: &str) -> Event {
    Event::Overridden {
        stage: "pilot".to_owned(),
        passed: Passed::Gate("calls".to_owned()),
        evidence: digest(evidence),
        until: at(until),
        why: "the board decided".to_owned(),
    }
}

#[test]
fn a_stage_starts_on_a_fresh_pass_or_an_override_of_the_same_evidence() {
    let fails = || evidence(Verdict::Fail, START);
    for (before, expected) in [
        (vec![], vec![Rule::Fresh]),
        (vec![("2027-01-11T08:00:00Z", By::Schedule, read(Verdict::Pass, START))], vec![Rule::Fresh]),
        (vec![(START, By::Schedule, read(Verdict::Pass, "2027-01-10T20:00:00Z"))], vec![Rule::Fresh]),
        (vec![(START, By::Schedule, read(Verdict::Inconclusive, START))], vec![Rule::Fresh]),
        (vec![(START, By::Schedule, read(Verdict::Pass, START))], vec![]),
        (
            vec![
                ("2027-01-11T08:00:00Z", By::Operator, overridden(&fails(), "2027-01-12T08:00:00Z")),
                (START, By::Schedule, read(Verdict::Fail, START)),
            ],
            vec![],
        ),
        (
            vec![
                ("2027-01-11T08:00:00Z", By::Operator, overridden(&fails(), "2027-01-11T08:59:00Z")),
                (START, By::Schedule, read(Verdict::Fail, START)),
            ],
            vec![Rule::Fresh],
        ),
        (
            vec![
                ("2027-01-11T08:00:00Z", By::Operator, overridden(&evidence(Verdict::NoData, START), "2027-01-12T08:00:00Z")),
                (START, By::Schedule, read(Verdict::Fail, START)),
            ],
            vec![Rule::Fresh],
        ),
    ] {
        let mut records = vec![announced("pilot")];
        records.extend(before);
        records.push((START, By::Schedule, starts("pilot")));
        assert_eq!(said(gated(), records.clone()), expected, "{records:?}");
    }
}

#[test]
fn no_start_comes_by_itself_that_a_pause_passed_up_or_that_is_too_late() {
    let pause = ("2027-01-11T08:00:00Z", By::Operator, Event::paused("a test"));
    let ends = |allow_start| {
        let unpaused = Event::Unpaused { hold: "paused".to_owned(), allow_start, ack: None, why: String::new() };
        ("2027-01-11T09:30:00Z", By::Operator, unpaused)
    };
    let start = ("2027-01-11T09:40:00Z", By::Schedule, starts("pilot"));
    let late = ("2027-01-11T23:59:00Z", By::Schedule, starts("pilot"));
    for (records, expected) in [
        (vec![pause.clone(), ends(false), start.clone()], vec![Rule::Past]),
        (vec![pause, ends(true), start.clone()], vec![]),
        (vec![start], vec![]),
        (vec![late], vec![Rule::Past]),
    ] {
        let records: Vec<_> = std::iter::once(announced("pilot")).chain(records).collect();
        assert_eq!(said(plan(), records.clone()), expected, "{records:?}");
    }
}

#[test]
fn two_overdue_stages_do_not_start_in_one_recovery_and_none_before_the_one_before_is_over() {
    let mut both = plan();
    let first = both.stages[0].start.clone();
    both.stages[1].start = first;
    let start = |stage| ("2027-01-11T09:40:00Z", By::Schedule, starts(stage));
    let closed = ("2027-01-11T09:41:00Z", By::Operator, moved("pilot", PhaseName::Enforcing, PhaseName::Closed));
    let names = [both.stages[0].name.clone(), both.stages[1].name.clone()];
    let records = |gap: bool| {
        let mut records = vec![announced(&names[0]), announced(&names[1])];
        if gap {
            let pause = Event::paused("a test");
            let ends = Event::Unpaused { hold: "paused".to_owned(), allow_start: true, ack: None, why: String::new() };
            records.push(("2027-01-11T08:30:00Z", By::Operator, pause));
            records.push(("2027-01-11T09:30:00Z", By::Operator, ends));
        }
        records.push(start(&names[0]));
        records
    };
    let open = [records(true), vec![start(&names[1])]].concat();
    assert_eq!(said(both.clone(), open), [Rule::Fresh, Rule::Past]);
    let over = [records(true), vec![closed.clone(), start(&names[1])]].concat();
    assert_eq!(said(both.clone(), over), [Rule::Past]);
    let due = [records(false), vec![closed, start(&names[1])]].concat();
    assert_eq!(said(both, due), [], "on time, the one as the other");
}

#[test]
fn by_itself_a_stage_is_never_started_again_closed_freed_or_rolled_back_unasked() {
    use PhaseName::{Announced, Closed, Done, Enforcing, Missed, RollingBack, Scheduled, Soaking};
    let hold = Hold {
        id: "gate:pilot:calls".to_owned(),
        scope: Scope::Stage("pilot".to_owned()),
        blocks: Blocks::Forward,
        owner: Owner::Gate,
        since: at(START),
        clears: Clears::Human,
        why: "too many calls".to_owned(),
        until: None,
    };
    let cleared = Event::HoldCleared { id: hold.id.clone(), why: "its cause is gone".to_owned() };
    let begun = (START, By::Schedule, starts("pilot"));
    let later = (START, By::Operator, moved("everyone", Soaking, Done));
    let asked = |toggle| {
        let mut plan = plan();
        plan.limits.auto_rollback = toggle;
        plan
    };
    let rolls = (START, By::Gate, moved("pilot", Enforcing, RollingBack));
    for (plan, records, expected) in [
        (plan(), vec![(START, By::Schedule, moved("pilot", Missed, Enforcing))], vec![Rule::Automatic]),
        (plan(), vec![(START, By::Operator, moved("pilot", Missed, Enforcing))], vec![]),
        (plan(), vec![(START, By::Schedule, moved("pilot", Missed, Scheduled))], vec![Rule::Automatic]),
        (plan(), vec![(START, By::Gate, moved("pilot", Announced, Closed))], vec![Rule::Automatic]),
        (asked(Toggle::Off), vec![begun.clone(), rolls.clone()], vec![Rule::Automatic]),
        (asked(Toggle::On), vec![begun.clone(), rolls.clone()], vec![]),
        (asked(Toggle::On), vec![begun, later, rolls], vec![Rule::Automatic]),
        (plan(), vec![(START, By::Gate, Event::HoldPlaced { hold }), (START, By::Gate, cleared)], vec![Rule::Automatic]),
        (plan(), vec![(START, By::Gate, overridden(&evidence(Verdict::Fail, START), START))], vec![Rule::Automatic]),
    ] {
        assert_eq!(said(plan, records.clone()), expected, "{records:?}");
    }
}

#[test]
fn nobody_is_enforced_before_enough_others_approved_the_very_plan() {
    let mut two = plan();
    two.approvals_needed = 2;
    let approved =
        || Event::Approved { revision: "r1".to_owned(), until: at("2027-01-20T00:00:00Z"), why: "looked at".to_owned() };
    let rejected = || Event::Rejected { revision: "r1".to_owned(), why: "looked at".to_owned() };
    let intent = |when| (when, By::Schedule, Event::EnforceIntent { stage: "pilot".to_owned(), people: Vec::new() });
    let yes = || ("2027-01-09T00:00:00Z", By::Operator, approved());
    for (records, expected) in [
        (vec![yes(), intent(START)], vec![Rule::Approval]),
        (vec![yes(), yes(), intent(START)], vec![]),
        (vec![yes(), yes(), intent("2027-01-20T00:00:00Z")], vec![Rule::Approval]),
        (vec![yes(), yes(), ("2027-01-10T00:00:00Z", By::Operator, rejected()), intent(START)], vec![Rule::Approval]),
    ] {
        assert_eq!(said(two.clone(), records.clone()), expected, "{records:?}");
    }
}

/// A judge who saw our write about the first person at the instant, and knows the pilot to be rolled back.
fn rolling(ours: ObjectId, when: Timestamp) -> Judge {
    let mut judge = Judge::new(SignedDuration::ZERO);
    judge.ledger.plan = Some(Arc::new(plan()));
    judge.ledger.phases.insert("pilot".to_owned(), PhaseName::RollingBack);
    judge.by_us.insert(ours, (when, "pilot".to_owned()));
    judge
}

#[test]
fn a_rollback_releases_whom_we_put_there_and_leaves_nobody_of_them() {
    let mut probe = Probe::new(calm(40));
    let people: Vec<ObjectId> = probe.people(2).iter().map(|id| id.parse().unwrap()).collect();
    let [ours, theirs] = people[..] else { panic!("two people") };
    let then = probe.now;
    let group = ENFORCED_GROUP.to_owned();
    for person in [ours, theirs] {
        probe.tenant.change(then, Change::AddMember { group: group.clone(), person: person.to_string() }).unwrap();
    }
    let mut judge = rolling(ours, then);
    let event = moved("pilot", PhaseName::RollingBack, PhaseName::RolledBack);
    let record = Record { seq: 1, at: then, v: VERSION, by: By::Schedule, actor: "tidegate".to_owned(), event };
    judge.judge_rolled_back(&record, &probe.tenant);
    assert_eq!(
        judge.breaches().iter().map(|breach| (breach.rule, breach.person)).collect::<Vec<_>>(),
        [(Rule::Restored, Some(ours))]
    );

    probe.pass(SignedDuration::from_mins(5));
    for person in [ours, theirs] {
        let gone = Change::RemoveMember { group: group.clone(), person: person.to_string() };
        probe.tenant.change(probe.now, gone).unwrap();
    }
    let intent = Intent {
        at: then,
        stage: "pilot".to_owned(),
        people: vec![ours, theirs],
        held: None,
        behind: None,
        plan: None,
        passes_calendar: false,
        unknown: false,
    };
    let releases = |judge: &mut Judge, person| {
        let before = judge.breaches().len();
        judge.judge_release(probe.now, &Write { at: probe.now, people: vec![person] }, &probe.tenant);
        judge.breaches()[before..].iter().map(|breach| breach.rule).collect::<Vec<_>>()
    };
    let mut judge = rolling(ours, then);
    assert_eq!(releases(&mut judge, ours), [Rule::Intent]);
    judge.ledger.releases.insert(1, intent.clone());
    assert_eq!(releases(&mut judge, ours), []);
    assert_eq!(releases(&mut judge, theirs), [Rule::Restored], "somebody else put them there");
    judge.ledger.phases.insert("everyone".to_owned(), PhaseName::RollingBack);
    assert_eq!(releases(&mut judge, ours), [Rule::Restored], "a newer stage comes first");
    judge.ledger.phases.remove("everyone");
    judge.ledger.releases.insert(1, Intent { held: Some("paused".to_owned()), ..intent });
    assert_eq!(releases(&mut judge, ours), [Rule::Hold], "an operator stopped that too");
}
