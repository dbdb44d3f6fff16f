//! Rollback, switches of the whole tenant and retired states: whole rollouts in a perfect world.

use super::event::{By, Event, Switched};
use super::id::ObjectId;
use super::observed::{Collision, Mode, PerUser, Reach, Readiness, Target, Toggle, Way, Weight};
use super::plan::{Enforcement, Leaves, Plan, RetireTo, Selector};
use super::release;
use super::release::Extent;
use super::report::{needs_human, report};
use super::sample::{Perfect, TARGET, at, id, plan};
use super::state::PAUSED;
use super::state::Phase;
use super::switch::Switch;

const POLICY: ObjectId = ObjectId::from_bits(0xBEEF);
const OTHER: ObjectId = ObjectId::from_bits(0xB0B);

fn managed(leaves: Option<Leaves>) -> Plan {
    let mut plan = plan();
    plan.enforcement = Enforcement::ConditionalAccess {
        group: "MFA Enforced".to_owned(),
        policy: "Require MFA".to_owned(),
        manage_policy: true,
        leaves,
    };
    plan
}

fn defaults(turn_off: &[&str]) -> Plan {
    let mut plan = plan();
    plan.enforcement = Enforcement::SecurityDefaults { turn_off: turn_off.iter().map(|name| (*name).to_owned()).collect() };
    plan
}

/// Every switch as `switch -> outcome`, in order.
fn switches(world: &Perfect) -> Vec<String> {
    let mut open = Vec::new();
    for record in &world.records {
        match &record.event {
            Event::SwitchIntent { switch, undoes, .. } => {
                open.push((record.seq, format!("{}{}", if undoes.is_some() { "undo: " } else { "" }, switch.says())));
            }
            Event::SwitchOutcome { intent, switched: Switched::Absent | Switched::Refused(_) | Switched::NotSent(_) } => {
                open.retain(|(seq, _)| seq != intent);
            }
            _ => {}
        }
    }
    open.into_iter().map(|(_, says)| says).collect()
}

fn roll_back(world: &mut Perfect, stage: &str, until: &str) {
    let events = release::begin(&world.state, stage, Extent::AndBehind, "too many calls").unwrap();
    world.commit(By::Operator, events);
    world.run(until);
}

fn phase<'a>(world: &'a Perfect, stage: &str) -> &'a Phase {
    &world.state.stage(stage).unwrap().1.phase
}

#[test]
fn a_rollback_undoes_the_newest_stage_first_and_leaves_what_others_did() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.members = vec![id(5)];
    world.run("2027-01-26T12:00:00Z");
    assert_eq!(world.members.len(), 28, "30 people less two break-glass accounts");
    // Somebody else takes one out and puts another in meanwhile.
    world.members.retain(|member| *member != id(12));
    world.members.insert(0, id(1));
    world.run("2027-01-29T12:00:00Z");
    roll_back(&mut world, "pilot", "2027-01-30T12:00:00Z");
    assert_eq!(
        (phase(&world, "pilot"), phase(&world, "everyone")),
        (&Phase::RolledBack, &Phase::RolledBack),
        "{:#?}",
        world.moves()
    );
    assert_eq!(world.members, [id(1), id(5)], "what was there before us, and what others did, stays");
    assert_eq!(world.state.foreign, [id(1)], "whom we release is not taken for somebody whom others put in");
    let order: Vec<_> = world.moves().into_iter().filter(|moved| moved.contains("-> rolled-back")).collect();
    assert!(order[0].contains("everyone") && order[1].contains("pilot"), "{order:?}");
    let released: Vec<_> =
        world.state.people.all().iter().filter(|person| person.is_enforced() && !person.marks().removed_by_hand).collect();
    assert!(released.is_empty(), "{released:?}");
}

#[test]
fn only_what_has_begun_can_be_rolled_back_and_a_reason_is_asked_for() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.run("2027-01-11T12:00:00Z");
    for (stage, why, says) in [
        ("everyone", "x", "`rollback` is for a stage that is enforcing, soaking, done; what may be said of it now: `skip`"),
        ("nobody", "x", "the stages are `pilot`, `everyone`"),
        ("pilot", " ", "needs a reason"),
    ] {
        assert!(release::begin(&world.state, stage, Extent::AndBehind, why).unwrap_err().contains(says), "{stage}");
    }
}

#[test]
fn a_hold_on_enforcing_does_not_make_a_rollback_wait_for_a_human() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.run("2027-01-11T12:00:00Z");
    world.commit(By::Operator, vec![Event::paused("calls")]);
    let waits = |world: &Perfect| world.with_ground(|ground| needs_human(&report(ground, ground.now)));
    assert!(waits(&world).is_some_and(|why| why.contains("paused")));
    let events = release::begin(&world.state, "pilot", Extent::AndBehind, "too many calls").unwrap();
    world.commit(By::Operator, events);
    assert_eq!(waits(&world), None);
    world.run("2027-01-12T12:00:00Z");
    assert!(waits(&world).is_some_and(|why| why.contains("rolled-back")), "when it is over, only a human goes on");
}

#[test]
fn a_pause_does_not_stop_a_rollback_and_nobody_is_enforced_again_behind_it() {
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.run("2027-01-11T12:00:00Z");
    world.commit(By::Operator, vec![Event::paused("calls")]);
    roll_back(&mut world, "pilot", "2027-01-12T12:00:00Z");
    assert_eq!(phase(&world, "pilot"), &Phase::RolledBack);
    world.commit(
        By::Operator,
        vec![Event::Unpaused { hold: PAUSED.to_owned(), allow_start: true, ack: None, why: String::new() }],
    );
    world.run("2027-02-20T12:00:00Z");
    assert!(world.members.is_empty() && matches!(phase(&world, "everyone"), Phase::Missed { .. }), "{:#?}", world.moves());
}

#[test]
fn a_managed_policy_goes_on_at_the_first_stage_before_anybody_and_back_after_everybody() {
    let mut world = Perfect::new(managed(None), "2027-01-01T08:00:00Z");
    world.safety.modes = vec![(POLICY, Mode::ReportOnly)];
    world.safety.defaults = Some(Toggle::Off);
    world.run("2027-01-11T07:59:00Z");
    assert_eq!(world.safety.mode(POLICY), Some(Mode::ReportOnly), "nothing before the start");
    world.run("2027-01-13T12:00:00Z");
    assert_eq!(switches(&world), [format!("policy {POLICY} on")]);
    assert_eq!((world.members.len(), phase(&world, "pilot")), (5, &Phase::Done));
    let first = |wanted: fn(&Event) -> bool| world.records.iter().position(|record| wanted(&record.event)).unwrap();
    assert!(
        first(|event| matches!(event, Event::SwitchesDone { .. })) < first(|event| matches!(event, Event::EnforceIntent { .. }))
    );
    roll_back(&mut world, "pilot", "2027-01-14T12:00:00Z");
    assert_eq!(switches(&world), [format!("policy {POLICY} on"), format!("undo: policy {POLICY} report-only")]);
    assert_eq!((world.members.len(), phase(&world, "pilot")), (0, &Phase::RolledBack));
}

/// A rollout that is done, under a managed policy about the group.
fn done() -> Perfect {
    let mut world = Perfect::new(managed(None), "2027-01-01T08:00:00Z");
    let Target::Group { group, .. } = TARGET else { unreachable!("the sample's target is a group") };
    world.target = Target::Group { group, policy: POLICY };
    world.safety.modes = vec![(POLICY, Mode::ReportOnly)];
    world.safety.defaults = Some(Toggle::Off);
    world.safety.reach = Some(Reach::Group);
    world.run("2027-02-20T12:00:00Z");
    assert_eq!(phase(&world, "everyone"), &Phase::Done, "{:#?}", world.moves());
    world
}

fn ask_for_the_finish(world: &mut Perfect, until: &str) -> Option<String> {
    world.commit(By::Operator, vec![Event::FinishAsked { shown: "this".to_owned() }]);
    world.run(until);
    assert_eq!(world.state.finish_asked, None, "begun or dropped, never left standing");
    world.records.iter().rev().find_map(|record| match &record.event {
        Event::FinishDropped { why } => Some(why.clone()),
        _ => None,
    })
}

#[test]
fn the_finish_is_a_switch_that_is_read_back_and_undone_before_anybody_is_released() {
    for answers in [true, false] {
        let mut world = done();
        world.answers = answers;
        assert_eq!(ask_for_the_finish(&mut world, "2027-02-21T12:00:00Z"), None);
        assert_eq!(world.safety.reach, Some(Reach::Everybody));
        assert!(world.state.holds.is_empty(), "{:?}", world.state.holds);
        world.answers = true;
        world.people.push(super::sample::person(31));
        world.run("2027-03-20T12:00:00Z");
        let told = world
            .records
            .iter()
            .any(|record| matches!(&record.event, Event::NoticeIntent { people, .. } if people.contains(&id(31))));
        assert!(!told && !world.members.contains(&id(31)), "no date could be told that would be true");
        let released =
            |world: &Perfect| world.records.iter().position(|record| matches!(record.event, Event::ReleaseIntent { .. }));
        roll_back(&mut world, "pilot", "2027-03-25T12:00:00Z");
        assert_eq!((phase(&world, "pilot"), world.safety.reach), (&Phase::RolledBack, Some(Reach::Group)));
        let undone = world.records.iter().position(|record| {
            matches!(&record.event, Event::SwitchIntent { switch: Switch::Reach { to: Reach::Group, .. }, image: Some(image), .. }
                if image.after == "{}")
        });
        assert!(undone.is_some() && undone < released(&world), "the policy is about the group again, first");
        assert!(world.members.is_empty());
    }
}

#[test]
fn the_finish_waits_for_nobody_and_is_dropped_with_its_reason() {
    type Flaw = fn(&mut Perfect);
    let flaws: [(Flaw, &str); 5] = [
        (|world| world.people.push(super::sample::person(31)), "1 people in scope are not enforced"),
        (|world| world.safety.defaults = Some(Toggle::On), "security defaults are on"),
        (|world| world.commit(By::Operator, vec![Event::paused("calls")]), "hold `paused`"),
        (|world| world.safety.break_glass.truncate(1), "break-glass"),
        (|world| world.safety.policy.fingerprint = "another".to_owned(), "edited"),
    ];
    for (flaw, word) in flaws {
        let mut world = done();
        flaw(&mut world);
        world.run("2027-02-21T12:00:00Z");
        let why = ask_for_the_finish(&mut world, "2027-02-21T18:00:00Z").unwrap_or_default();
        assert!(why.contains(word) && world.safety.reach == Some(Reach::Group), "{word}: {why}");
    }
}

#[test]
fn what_else_requires_mfa_of_everybody_is_a_hold_and_of_some_a_warning() {
    let collision = |what: &str, weight| Collision { what: what.to_owned(), weight, why: format!("{what} requires MFA") };
    let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
    world.collisions = vec![collision("all", Weight::Holds), collision("some", Weight::Warns)];
    world.run("2027-01-12T12:00:00Z");
    assert_eq!(world.state.holds["collision:all"].why, "all requires MFA");
    assert!(!world.state.holds.contains_key("collision:some") && world.members.is_empty());
    assert_eq!(world.with_ground(super::holds::warnings), ["some requires MFA"]);
    world.collisions.clear();
    world.run("2027-01-13T12:00:00Z");
    assert!(world.state.holds.is_empty() && world.with_ground(super::holds::warnings).is_empty());
}

#[test]
fn a_policy_that_somebody_else_widens_or_narrows_is_a_hold() {
    let mut world = done();
    world.safety.reach = Some(Reach::Everybody);
    world.run("2027-02-21T12:00:00Z");
    assert!(world.state.holds["policy"].why.contains("includes all users"));
    world.safety.reach = Some(Reach::Group);
    world.run("2027-02-22T12:00:00Z");
    assert!(world.state.holds.is_empty());
    assert_eq!(ask_for_the_finish(&mut world, "2027-02-23T12:00:00Z"), None);
    world.safety.reach = Some(Reach::Group);
    world.run("2027-02-24T12:00:00Z");
    assert!(world.state.holds["policy"].why.contains("somebody changed that"));
}

#[test]
fn a_managed_policy_is_not_enabled_over_people_who_were_in_the_group_before() {
    let mut world = Perfect::new(managed(None), "2027-01-01T08:00:00Z");
    world.safety.modes = vec![(POLICY, Mode::ReportOnly)];
    world.members = vec![id(5)];
    world.run("2027-01-11T12:00:00Z");
    assert!(switches(&world).is_empty());
    let waits = world.with_ground(|ground| report(ground, ground.now)).stages[0].waits.join("; ");
    assert!(waits.contains("1 people were in the group before the rollout"), "{waits}");
}

#[test]
fn a_policy_that_somebody_switched_off_is_not_switched_on_again() {
    let mut world = Perfect::new(managed(None), "2027-01-01T08:00:00Z");
    world.safety.modes = vec![(POLICY, Mode::ReportOnly)];
    world.run("2027-01-13T12:00:00Z");
    world.safety.modes = vec![(POLICY, Mode::Off)];
    world.run("2027-02-20T12:00:00Z");
    assert_eq!((switches(&world).len(), world.safety.mode(POLICY)), (1, Some(Mode::Off)));
    assert_eq!(world.members.len(), 5, "nobody else is enforced");
    assert!(
        world.state.holds.values().any(|hold| hold.why.contains("somebody turned what the rollout had switched")),
        "{:?}",
        world.state.holds
    );
}

#[test]
fn security_defaults_give_way_to_policies_when_everybody_who_has_mfa_is_in_the_group() {
    let leaves = Leaves { turn_on: vec!["Block legacy".to_owned()], after: None };
    let mut plan = managed(Some(leaves));
    plan.stages[0].include = vec![Selector::ReadyFirst(100)];
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.safety.modes = vec![(POLICY, Mode::ReportOnly), (OTHER, Mode::Off)];
    world.safety.defaults = Some(Toggle::On);
    world.run("2027-01-10T12:00:00Z");
    let had: Vec<_> = world.people.iter().map(|person| person.id).filter(|id| world.is_required_of(*id)).collect();
    assert_eq!(had.len(), 30);
    world.run("2027-01-14T12:00:00Z");
    assert_eq!(
        switches(&world),
        ["security defaults off".to_owned(), format!("policy {POLICY} on"), format!("policy {OTHER} on")]
    );
    let lost: Vec<_> = had.iter().filter(|id| !world.is_required_of(**id)).collect();
    assert_eq!(lost, [&id(1), &id(2)], "break-glass accounts alone");
    let gap = world.records.iter().find_map(|record| match &record.event {
        Event::SwitchesDone { gap_ms, .. } => Some(*gap_ms),
        _ => None,
    });
    assert_eq!(gap, Some(Some(0)), "measured; time stands still in a perfect world");
    let switched = world.records.iter().position(|record| matches!(record.event, Event::SwitchIntent { .. })).unwrap();
    let last = world.records.iter().rposition(|record| matches!(record.event, Event::EnforceOutcome { .. })).unwrap();
    assert!(last < switched, "everybody was put into the group first");
    roll_back(&mut world, "pilot", "2027-01-15T12:00:00Z");
    assert_eq!(world.safety.defaults, Some(Toggle::On));
    assert_eq!(world.safety.modes, [(POLICY, Mode::ReportOnly), (OTHER, Mode::Off)]);
    assert_eq!((world.members.len(), phase(&world, "pilot")), (0, &Phase::RolledBack));
}

#[test]
fn security_defaults_stay_while_somebody_would_lose_mfa() {
    let mut world = Perfect::new(managed(Some(Leaves { turn_on: Vec::new(), after: None })), "2027-01-01T08:00:00Z");
    world.safety.modes = vec![(POLICY, Mode::ReportOnly)];
    world.safety.defaults = Some(Toggle::On);
    world.run("2027-01-20T12:00:00Z");
    assert_eq!((world.members.len(), world.safety.defaults), (5, Some(Toggle::On)));
    let waits = world.with_ground(|ground| report(ground, ground.now)).stages[0].waits.join("; ");
    assert!(waits.contains("23 people have MFA by security defaults and are not in the group yet"), "{waits}");
}

#[test]
fn security_defaults_are_switched_on_once_at_the_last_stage_after_the_named_policies_went_off() {
    let mut world = Perfect::new(defaults(&["Baseline"]), "2027-01-01T08:00:00Z");
    world.target = Target::Plain { way: Way::Tenant };
    world.safety.modes = vec![(OTHER, Mode::Enabled)];
    world.safety.defaults = Some(Toggle::Off);
    world.run("2027-01-24T12:00:00Z");
    assert_eq!(phase(&world, "pilot"), &Phase::Done, "{:#?}", world.moves());
    assert!(switches(&world).is_empty());
    world.run("2027-01-28T12:00:00Z");
    assert_eq!(switches(&world), [format!("policy {OTHER} off"), "security defaults on".to_owned()], "{:#?}", world.moves());
    assert_eq!(phase(&world, "everyone"), &Phase::Done, "{:#?}", world.moves());
    let start = at("2027-01-25T08:00:00Z");
    for person in world.state.people.all().iter() {
        assert!(person.is_enforced() && person.promise() == Some(start), "everybody was told the switch: {person:?}");
    }
    roll_back(&mut world, "everyone", "2027-01-29T12:00:00Z");
    assert_eq!((world.safety.defaults, world.safety.mode(OTHER)), (Some(Toggle::Off), Some(Mode::Enabled)));
    assert!(world.state.people.all().iter().all(|person| !person.is_enforced()));
    assert_eq!(phase(&world, "everyone"), &Phase::RolledBack);
}

#[test]
fn per_user_states_are_set_and_taken_back() {
    let mut plan = plan();
    plan.enforcement = Enforcement::PerUser { retire_to: None };
    let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
    world.target = Target::Plain { way: Way::PerUser };
    world.own.insert(id(20), PerUser::Enforced);
    world.run("2027-01-28T12:00:00Z");
    assert_eq!((world.own.len(), phase(&world, "everyone")), (28, &Phase::Done), "{:#?}", world.moves());
    roll_back(&mut world, "pilot", "2027-01-29T12:00:00Z");
    assert_eq!(world.own.into_iter().collect::<Vec<_>>(), [(id(20), PerUser::Enforced)]);
}

#[test]
fn own_states_are_retired_only_after_two_readings_showed_the_person_under_the_policy() {
    for answers in [true, false] {
        let mut plan = plan();
        let retire_to = RetireTo { group: "MFA Enforced".to_owned(), policy: "Require MFA".to_owned() };
        plan.enforcement = Enforcement::PerUser { retire_to: Some(retire_to) };
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.answers = answers;
        let before = [(id(11), PerUser::Enforced), (id(12), PerUser::Enabled), (id(20), PerUser::Enforced)];
        world.own = before.into();
        assert_eq!(world.target, TARGET);
        let mut seen = std::collections::BTreeSet::new();
        while world.turn(at("2027-01-28T12:00:00Z")) {
            for (person, _) in before {
                assert!(world.is_required_of(person), "{person} lost MFA for a moment at {}", world.now);
                if !world.own.contains_key(&person) && seen.insert(person) {
                    let known = world.state.people.get(person).unwrap();
                    assert!(matches!(known.enforced(), super::person::Enforced::Verified(_)), "{known:?}");
                }
            }
        }
        assert!(world.own.is_empty() && seen.len() == 3, "all are retired: {:?}", world.own);
        assert_eq!(phase(&world, "everyone"), &Phase::Done, "{:#?}", world.moves());
        roll_back(&mut world, "pilot", "2027-01-29T12:00:00Z");
        assert_eq!(world.own, before.into(), "exactly what they were");
        assert!(world.members.is_empty());
    }
}

#[test]
fn a_lost_answer_of_a_switch_is_read_back_and_not_thrown_twice() {
    let mut world = Perfect::new(managed(None), "2027-01-01T08:00:00Z");
    world.safety.modes = vec![(POLICY, Mode::ReportOnly)];
    world.answers = false;
    world.run("2027-01-13T12:00:00Z");
    let intents = world.records.iter().filter(|record| matches!(record.event, Event::SwitchIntent { .. })).count();
    assert_eq!((intents, phase(&world, "pilot")), (1, &Phase::Done));
    let reversed = Switch::Policy { policy: POLICY, from: Mode::ReportOnly, to: Mode::Enabled }.reversed();
    assert_eq!(reversed, Switch::Policy { policy: POLICY, from: Mode::Enabled, to: Mode::ReportOnly });
    assert!(!world.readiness.eq(&Readiness::Unknown));
}
