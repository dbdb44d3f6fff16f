//! Plays a row: one small tenant, one plan of two stages that asks Graph for everything that can be asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tidegate::cli::trial::{Outcome, of_script, over_a_socket};
use tidegate::cli::{Exit, Failure};
use tidegate::graph::wire::{Exchange, Https, Way, Wire, WireError};
use tidegate::rollout::condition::Conditions;
use tidegate::rollout::event::Event;
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::plan::{Asking, Bound, Gate, GateAt, Measure, Selector};
use tidegate::rollout::report::{Report, Standing};
use tidegate::sim::judge::Rule;
use tidegate::sim::{PILOT_GROUP, Script, Tenant};

use super::agree::{Views, agree};
use super::row::{ALWAYS, BEGIN, End, Over, Row};
use crate::small;

const USERS: usize = 60;

/// How it ends when Graph behaves.
pub(super) struct Fair {
    pub(super) members: BTreeSet<ObjectId>,
}

pub(super) fn tenant() -> Tenant {
    small::tenant(USERS)
}

/// Somebody of the pilot, whose canary they are, and somebody of the second stage.
pub(super) struct Somebody {
    pub(super) pilot: ObjectId,
    pub(super) everyone: ObjectId,
}

pub(super) fn people() -> Somebody {
    let (outcome, _) = of_row(&super::row::row("fair weather")).unwrap();
    let batches: Vec<Vec<ObjectId>> = outcome
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::EnforceIntent { people, .. } => Some(people.clone()),
            _ => None,
        })
        .collect();
    Somebody { pilot: batches[0][0], everyone: batches.last().unwrap()[0] }
}

fn script(row: &Row) -> (Tenant, Script) {
    let tenant = tenant();
    let gate = |name: &str, measure, at, bound| Gate {
        name: name.to_owned(),
        measure,
        at,
        bound,
        min_sample: 2,
        max_age: small::hours(24),
        stages: Vec::new(),
        asking: Asking::default(),
    };
    let pilot = vec![
        small::some(&tenant, 6),
        Selector::Group(PILOT_GROUP.to_owned()),
        Selector::Filter("department eq 'Finance'".to_owned()),
    ];
    let stages = vec![
        small::stage("pilot", "2027-01-18T09:00:00", pilot),
        small::stage("everyone", "2027-01-21T09:00:00", vec![Selector::EveryoneElse]),
    ];
    let mut plan = small::plan(&tenant, stages);
    // Short notices and rare reads: a row takes nine days and little work.
    plan.notices.before = vec![small::hours(3 * 24), small::hours(24)];
    plan.notices.min_notice = small::hours(2 * 24);
    plan.observe.registration = small::hours(6);
    plan.observe.sign_ins = small::hours(6);
    plan.observe.members = small::hours(6);
    plan.observe.directory = small::hours(12);
    plan.observe.max_age = small::hours(24);
    plan.gates = vec![
        gate("registered", Measure::RegisteredShare, GateAt::Start, Bound::AtLeast(0.1)),
        gate("people get in", Measure::MfaFailureShare, GateAt::During, Bound::AtMost(0.9)),
    ];
    let mut script = small::script(&tenant, plan, BEGIN, row.until);
    script.acts.clone_from(&row.acts);
    (tenant, script)
}

/// The real client, with less patience: a row is not worth half a minute of waiting.
fn client(root: &str) -> Result<Arc<dyn Wire>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, error.to_string());
    assert!(root.starts_with("http://127.0.0.1:"));
    let wire = Https::new(&Way::default()).map_err(|error| failed(&error))?;
    Ok(Arc::new(Hasty(wire)))
}

/// As long as this an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);

struct Hasty(Https);

impl Wire for Hasty {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        Box::pin(async move {
            let answer = tokio::time::timeout(PATIENCE, self.0.exchange(request)).await;
            answer.unwrap_or_else(|_| Err(WireError::Lost { why: "timed out".to_owned() }))
        })
    }
}

fn of_row(row: &Row) -> Result<(Outcome, Views), String> {
    let (tenant, script) = script(row);
    let outcome = match row.over {
        Over::Nothing => of_script(tenant, script, Conditions::all()),
        Over::Socket => over_a_socket(tenant, script, client),
    };
    let outcome = outcome.map_err(|failure| failure.says)?;
    let views = Views::of(&outcome)?;
    Ok((outcome, views))
}

pub(super) fn fair() -> Fair {
    let (outcome, views) = of_row(&super::row::row("fair weather")).unwrap();
    assert_eq!(outcome.breaches, [], "{:#?}", outcome.lines);
    agree(&views).unwrap();
    assert_eq!(views.report.standing, Standing::Finished, "{:#?}", outcome.lines);
    let pilot = views.state.stage("pilot").unwrap().1.roster.len();
    let everyone = views.state.stage("everyone").unwrap().1.roster.len();
    assert!(pilot > 5 && everyone > 25, "{pilot} and {everyone} people");
    Fair { members: views.members }
}

/// Plays a row; what is wrong with its end.
pub(super) fn play(row: &Row, fair: &Fair) -> Result<(), String> {
    let (outcome, views) = of_row(row)?;
    let told = |why: String| format!("{why}\n{}", story(&outcome, &views.report));
    // A rollout that is held on purpose leaves people behind.
    let held = matches!(row.end, End::Held(_) | End::Misled(_));
    let breaches: Vec<_> = outcome.breaches.iter().filter(|breach| !held || breach.rule != Rule::Lost).collect();
    if !breaches.is_empty() {
        return Err(told(format!("{breaches:?}")));
    }
    if let Some((path, left)) = outcome.unmet.iter().find(|(_, left)| *left < ALWAYS / 2) {
        return Err(told(format!("{left} faults of {path} were never met")));
    }
    if !matches!(row.end, End::Misled(_)) {
        agree(&views).map_err(told)?;
    }
    let finished = views.report.standing == Standing::Finished;
    let mut expected = fair.members.clone();
    match row.end {
        End::Fair => {}
        End::But(person, word) => {
            expected.remove(&person);
            let seen = views.word(person);
            if seen != word {
                return Err(told(format!("the outcome of {person} is `{seen}` and not `{word}`")));
            }
        }
        End::Held(says) | End::Misled(says) => {
            let reasons = reasons(&views.report);
            return if finished || !reasons.iter().any(|reason| reason.contains(says)) {
                Err(told(format!("it is not held by `{says}`")))
            } else {
                Ok(())
            };
        }
    }
    if !finished {
        return Err(told("it does not end".to_owned()));
    }
    if views.members != expected {
        let (more, less) = (views.members.difference(&expected).count(), expected.difference(&views.members).count());
        return Err(told(format!("{more} members too many, {less} too few")));
    }
    Ok(())
}

fn reasons(report: &Report) -> Vec<String> {
    let holds = report.holds.iter().map(|hold| hold.why.clone());
    let waits = report.stages.iter().chain([&report.tail]).flat_map(|stage| stage.waits.clone());
    holds.chain(waits).chain([report.headline.clone()]).collect()
}

/// What an operator would have seen.
fn story(outcome: &Outcome, report: &Report) -> String {
    let stages = report.stages.iter().map(|stage| format!("{}: {:?} {:?}", stage.name, stage.phase, stage.situations));
    format!("{}\n{}\n{:#?}", outcome.lines.join("\n"), stages.collect::<Vec<_>>().join("\n"), reasons(report))
}
