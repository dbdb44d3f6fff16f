//! Golden transcripts: what an operator would see of rollouts in which one thing happens. `UPDATE_EXPECTED=1` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use tidegate::cli::trial::{Outcome, of_script};
use tidegate::rollout::condition::Conditions;
use tidegate::rollout::gate::Yes;
use tidegate::rollout::id::{ObjectId, PersonRef};
use tidegate::rollout::plan::{Asking, Bound, Gate, GateAt, Measure, Selector, Unregistered};
use tidegate::sim::{Change, DeathAt, Deed, ENFORCED_GROUP, Edit, Effect, Fault, Misfortune, PILOT_GROUP, Script, Tenant, When};

use crate::small::{self, act, death, hours, minutes, refused, stage};

/// Runs a script and compares its transcript with the one that is kept.
pub(crate) fn play(name: &str, tenant: Tenant, script: Script) {
    compare(name, of_script(tenant, script, Conditions::all()).unwrap(), "");
}

/// Compares what came of a script, with `more` at the end, with the transcript that is kept.
pub(crate) fn compare(name: &str, outcome: Outcome, more: &str) {
    assert_eq!(outcome.breaches, [], "{:#?}", outcome.lines);
    let mut text = outcome.lines.join("\n");
    text.push_str("\n\n");
    let report = outcome.report.unwrap();
    writeln!(text, "{}", report.headline).unwrap();
    for stage in report.stages.iter().chain([&report.tail]) {
        let phase = stage.phase.map_or("", |phase| phase.as_str());
        let situations: Vec<_> = stage.situations.iter().map(|(word, people)| format!("{people} {word}")).collect();
        writeln!(text, "{}: {phase} {}", stage.name, situations.join(", ")).unwrap();
        for why in &stage.waits {
            writeln!(text, "    waits: {why}").unwrap();
        }
    }
    writeln!(text, "members of the group: {}", outcome.members.len()).unwrap();
    text.push_str(more);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(format!("{name}.txt"));
    if tidegate::config::variable("UPDATE_EXPECTED").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{} differs; UPDATE_EXPECTED=1 writes it anew. It is now:\n{text}", path.display());
}

/// A pilot of 12 people and everyone else, a week apart.
pub(crate) fn two_stages(users: usize) -> (Tenant, Script) {
    let tenant = small::tenant(users);
    let stages = vec![
        stage("pilot", "2027-01-18T09:00:00", vec![small::some(&tenant, 12)]),
        stage("everyone", "2027-01-25T09:00:00", vec![Selector::EveryoneElse]),
    ];
    let plan = small::plan(&tenant, stages);
    let script = small::script(&tenant, plan, "2027-01-10T20:00:00Z", "2027-02-01T12:00:00Z");
    (tenant, script)
}

/// A pilot alone, of people whom a list names.
pub(crate) fn pilot(users: usize, people: usize) -> (Tenant, Script) {
    let tenant = small::tenant(users);
    let stages = vec![stage("pilot", "2027-01-18T09:00:00", vec![small::some(&tenant, people)])];
    let plan = small::plan(&tenant, stages);
    let script = small::script(&tenant, plan, "2027-01-10T20:00:00Z", "2027-01-22T12:00:00Z");
    (tenant, script)
}

pub(crate) fn last_person(tenant: &Tenant) -> ObjectId {
    *tenant.ordinary_people().last().unwrap()
}

#[test]
fn happy_path() {
    let tenant = small::tenant(80);
    let mut stages = vec![
        stage("pilot", "2027-01-18T09:00:00", vec![Selector::Group(PILOT_GROUP.to_owned())]),
        stage("head office", "2027-01-25T09:00:00", vec![Selector::Percent { share: 0.3, salt: "salt".to_owned() }]),
        stage("everyone", "2027-02-01T09:00:00", vec![Selector::EveryoneElse]),
    ];
    stages[1].unregistered = Unregistered::Wait;
    let mut plan = small::plan(&tenant, stages);
    plan.gates = vec![
        gate("registered", Measure::RegisteredShare, GateAt::Start, Bound::AtLeast(0.5)),
        gate("people get in", Measure::MfaFailureShare, GateAt::During, Bound::AtMost(0.3)),
    ];
    let script = small::script(&tenant, plan, "2027-01-10T20:00:00Z", "2027-02-14T12:00:00Z");
    play("happy-path", tenant, script);
}

fn gate(name: &str, measure: Measure, at: GateAt, bound: Bound) -> Gate {
    Gate {
        name: name.to_owned(),
        measure,
        at,
        bound,
        min_sample: 2,
        max_age: hours(12),
        stages: Vec::new(),
        asking: Asking::default(),
    }
}

#[test]
fn throttling_in_a_stage() {
    let (tenant, mut script) = pilot(80, 50);
    let start = When::At(small::at("2027-01-18T07:59:00Z"));
    let patch = |skip, status, retry_after: Option<&str>, times| {
        let headers = retry_after.map(|after| ("Retry-After".to_owned(), after.to_owned())).into_iter().collect();
        let what = Misfortune::Status { status, headers, body: None };
        let method = Some("PATCH".to_owned());
        Deed::Fault(Fault { method, path: "/groups/".to_owned(), times, skip, effect: Effect::Instead, what })
    };
    act(&mut script, start, patch(0, 429, Some("90.5"), 2));
    act(&mut script, start, patch(0, 429, None, 2));
    act(&mut script, start, refused("userRegistrationDetails", 2, 429, Some("30")));
    play("throttling-in-a-stage", tenant, script);
}

#[test]
fn crash_between_write_and_outcome() {
    let (tenant, mut script) = two_stages(60);
    death(&mut script, DeathAt::AfterWrite(2), minutes(20));
    play("crash-between-write-and-outcome", tenant, script);
}

#[test]
fn two_weeks_of_downtime() {
    let (tenant, mut script) = two_stages(60);
    death(&mut script, DeathAt::Instant(small::at("2027-01-17T12:00:00Z")), hours(14 * 24));
    play("two-weeks-of-downtime", tenant, script);
}

#[test]
fn start_in_a_dst_night() {
    let tenant = small::tenant(60);
    // The clock shows 02:30 twice in this night; the later one is meant.
    let stages = vec![stage("pilot", "2027-10-31T02:30:00", vec![small::some(&tenant, 12)])];
    let mut plan = small::plan(&tenant, stages);
    plan.limits.caps = vec![tidegate::rollout::plan::Cap { amount: tidegate::rollout::plan::Amount::People(6), per: hours(1) }];
    let script = small::script(&tenant, plan, "2027-10-23T12:00:00Z", "2027-11-02T12:00:00Z");
    play("start-in-a-dst-night", tenant, script);
}

#[test]
fn date_moved_later() {
    let (tenant, mut script) = pilot(60, 12);
    act(&mut script, When::At(small::at("2027-01-14T10:00:00Z")), Deed::Reload(Edit::Move { stage: 0, by: hours(48) }));
    script.end = small::at("2027-01-25T12:00:00Z");
    play("date-moved-later", tenant, script);
}

#[test]
fn date_moved_earlier_after_notices() {
    let (tenant, mut script) = pilot(60, 12);
    act(&mut script, When::At(small::at("2027-01-14T10:00:00Z")), Deed::Reload(Edit::Move { stage: 0, by: hours(-24) }));
    play("date-moved-earlier-after-notices", tenant, script);
}

#[test]
fn protected_accounts_in_a_stage() {
    let tenant = small::tenant(60);
    let key = tenant.profile().domain.clone();
    let named = |name: &str| PersonRef::new(&key, &format!("{name}@contoso.example"));
    let people = tenant.ordinary_people();
    let mut listed: Vec<_> = people.iter().rev().take(10).copied().map(PersonRef::Id).collect();
    // A break-glass account, the synchronisation account, a guest, and the one person who is exempt.
    listed.extend([
        named("bg1"),
        named("Sync_DC01_0f1e2d3c4b5a"),
        named("guest1_partner.example#EXT#"),
        PersonRef::Id(people[0]),
    ]);
    let stages = vec![stage("pilot", "2027-01-18T09:00:00", vec![Selector::Users(listed)])];
    let plan = small::plan(&tenant, stages);
    let mut script = small::script(&tenant, plan, "2027-01-10T20:00:00Z", "2027-01-23T12:00:00Z");
    let after_the_notice = When::At(small::at("2027-01-15T10:00:00Z"));
    act(&mut script, after_the_notice, Deed::Tenant(Change::Exempt(people.last().unwrap().to_string())));
    play("protected-accounts-in-a-stage", tenant, script);
}

#[test]
fn person_removed_by_hand() {
    let (tenant, mut script) = pilot(60, 12);
    let person = last_person(&tenant).to_string();
    let removal = Change::RemoveMember { group: ENFORCED_GROUP.to_owned(), person };
    act(&mut script, When::At(small::at("2027-01-18T12:30:00Z")), Deed::Tenant(removal));
    play("person-removed-by-hand", tenant, script);
}

#[test]
fn dead_person_in_a_batch_of_20() {
    let (tenant, mut script) = pilot(60, 20);
    script.plan.limits.canary = 20;
    // After the guard has read them, before the write arrives.
    act(&mut script, When::Write(1), Deed::Tenant(Change::DeleteUser(last_person(&tenant).to_string())));
    play("dead-person-in-a-batch-of-20", tenant, script);
}

#[test]
fn stale_registration_report() {
    let (tenant, mut script) = pilot(60, 12);
    act(&mut script, When::At(small::at("2027-01-17T16:00:00Z")), refused("userRegistrationDetails", 10_000, 503, None));
    act(&mut script, When::At(small::at("2027-01-18T10:00:00Z")), Deed::EndFaults);
    play("stale-registration-report", tenant, script);
}

#[test]
fn a_human_reads_the_feedback_before_everyone_starts() {
    let (tenant, mut script) = two_stages(60);
    let confirm = Gate { min_sample: 1, max_age: hours(72), ..gate("feedback", Measure::Confirm, GateAt::Start, Bound::Judged) };
    script.plan.gates = vec![Gate { stages: vec!["everyone".to_owned()], ..confirm }];
    let answer = |says| Deed::Confirm { stage: 1, gate: "feedback".to_owned(), says };
    // Before it is announced; with a no; and at last with a yes.
    act(&mut script, When::At(small::at("2027-01-12T10:00:00Z")), answer(Yes::Yes));
    act(&mut script, When::At(small::at("2027-01-24T10:00:00Z")), answer(Yes::No));
    act(&mut script, When::At(small::at("2027-01-25T08:20:00Z")), answer(Yes::Yes));
    act(&mut script, When::At(small::at("2027-01-25T08:30:00Z")), Deed::Clear("gate:everyone:feedback".to_owned()));
    play("feedback-read", tenant, script);
}

#[test]
fn no_sign_in_log_for_three_days() {
    let (tenant, mut script) = pilot(60, 12);
    script.plan.limits.canary = 4;
    let mut failures = gate("people get in", Measure::MfaFailureShare, GateAt::During, Bound::AtMost(0.3));
    failures.max_age = hours(3);
    script.plan.gates = vec![failures];
    act(&mut script, When::At(small::at("2027-01-18T08:30:00Z")), refused("signIns", 10_000, 503, None));
    act(&mut script, When::At(small::at("2027-01-21T08:30:00Z")), Deed::EndFaults);
    act(&mut script, When::At(small::at("2027-01-21T09:30:00Z")), Deed::Clear("gate:pilot:people get in".to_owned()));
    script.end = small::at("2027-01-26T12:00:00Z");
    play("no-sign-in-log-for-three-days", tenant, script);
}
