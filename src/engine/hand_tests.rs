//! Several envelopes under way: what leaves when, and what a pause does.

use std::sync::Arc;

use jiff::SignedDuration;

use super::command::{Command, What};
use super::input::Input;
use super::step::Step;
use super::step_tests::{Small, Stage, Trap};
use crate::clock::Clock;
use crate::rollout::event::Event;
use crate::rollout::id::ObjectId;
use crate::rollout::person::Enforced;
use crate::rollout::plan::Selector;
use crate::rollout::sample::plan;

/// A stage of 190 people that is due now, on the system's clock, with a canary that has gone through.
async fn enforcing() -> Stage {
    let mut plan = plan();
    plan.stages.truncate(1);
    plan.stages[0].include = vec![Selector::EveryoneElse];
    let clock = Clock::system();
    let start = clock.now() - SignedDuration::from_mins(10);
    let mut stage = Stage::new(plan, start, clock, Small::slow());
    stage.tenant.slow.as_ref().unwrap().answers.add_permits(1);
    while stage.handed() == 0 {
        assert_eq!(stage.engine.step().await.unwrap(), Step::Acted);
    }
    stage
}

fn begun(stage: &Stage) -> Vec<Vec<ObjectId>> {
    stage.tenant.slow.as_ref().unwrap().begun.lock().unwrap().clone()
}

/// People with an intent on disk, and with an outcome.
fn recorded(stage: &Stage) -> (Vec<ObjectId>, usize) {
    let pages = stage.pages.0.lock().unwrap();
    let mut intended = Vec::new();
    let mut outcomes = 0;
    for record in pages.iter() {
        match &record.event {
            Event::EnforceIntent { people, .. } => intended.extend(people.iter().copied()),
            Event::EnforceOutcome { .. } => outcomes += 1,
            _ => {}
        }
    }
    (intended, outcomes)
}

/// Lets the engine work until so many envelopes have begun.
async fn until_begun(stage: &mut Stage, envelopes: usize) {
    let tenant = Arc::clone(&stage.tenant);
    let enough = async {
        while tenant.slow.as_ref().unwrap().begun.lock().unwrap().len() < envelopes {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        step = stage.engine.step() => panic!("it ended before {envelopes} envelopes had begun: {step:?}"),
        () = enough => {}
    }
}

#[tokio::test]
async fn several_envelopes_are_under_way_each_after_its_intent() {
    let mut stage = enforcing().await;
    // What is dropped here is what a crash would leave: two envelopes without an outcome.
    until_begun(&mut stage, 3).await;
    let (intended, outcomes) = recorded(&stage);
    let begun = begun(&stage);
    assert_eq!((begun.len(), outcomes), (3, 1), "the canary, and two that wait for their answers");
    assert!(begun.iter().flatten().all(|id| intended.contains(id)), "each intent was on disk before");
    assert_eq!(intended.len(), begun.iter().map(Vec::len).sum::<usize>(), "and no other");
}

#[tokio::test]
async fn a_pause_lets_nothing_further_leave_and_what_is_under_way_ends() {
    let mut stage = enforcing().await;
    let (inputs, tenant) = (stage.inputs.clone(), Arc::clone(&stage.tenant));
    let slow = || tenant.slow.as_ref().unwrap();
    let outside = async {
        while slow().begun.lock().unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
        let (answer, answered) = tokio::sync::oneshot::channel();
        let command = Command { order: What::pause("a test").into(), actor: "anna".to_owned(), answer };
        inputs.send(Input::Command(command)).await.unwrap();
        answered.await.unwrap().unwrap();
        slow().answers.add_permits(100);
    };
    let (step, ()) = tokio::join!(stage.engine.step(), outside);
    assert_eq!(step.unwrap(), Step::Acted);
    stage.settle().await;
    assert_eq!(begun(&stage).len(), 3, "the canary, and two that were under way");
    assert_eq!(recorded(&stage).1, 3, "each has its outcome");
    let leaves = slow().leaves.lock().unwrap().clone();
    assert!(leaves[1..].iter().all(|leave| !leave.holds()), "what waits to be sent, again too, is given up");
    let open = |enforced| matches!(enforced, Enforced::Intended(_));
    assert!(!stage.engine.state().people.all().iter().any(|person| open(person.enforced())));
}

fn a_pause() -> (Input, tokio::sync::oneshot::Receiver<Result<super::command::Said, String>>) {
    let (answer, answered) = tokio::sync::oneshot::channel();
    (Input::Command(Command { order: What::pause("a test").into(), actor: "anna".to_owned(), answer }), answered)
}

#[tokio::test]
async fn a_pause_between_the_intent_and_the_wire_lets_it_not_leave() {
    let mut stage = enforcing().await;
    let before = begun(&stage).len();
    let (pause, mut answered) = a_pause();
    stage.tenant.slow.as_ref().unwrap().answers.add_permits(1_000);
    *stage.pages.1.lock().unwrap() = Trap::Input(stage.inputs.clone(), Box::new(pause));
    assert_eq!(stage.engine.step().await.unwrap(), Step::Acted);
    answered.try_recv().unwrap().unwrap();
    stage.settle().await;
    assert_eq!(begun(&stage).len(), before, "its intent was on disk, and it was not sent");
    assert_eq!(recorded(&stage).1, 2, "which is what its outcome says");
}

#[tokio::test]
async fn a_pause_that_the_disk_does_not_take_stops_what_leaves_and_becomes_a_file() {
    for file in [Ok(()), Err("the pause file cannot be made".to_owned())] {
        let mut stage = enforcing().await;
        let made = stage.files_its_pause(file.clone());
        let (pages, inputs, tenant) = (stage.pages.clone(), stage.inputs.clone(), Arc::clone(&stage.tenant));
        let outside = async {
            while tenant.slow.as_ref().unwrap().begun.lock().unwrap().len() < 3 {
                tokio::task::yield_now().await;
            }
            *pages.1.lock().unwrap() = Trap::Full;
            let (pause, answered) = a_pause();
            inputs.send(pause).await.unwrap();
            let said = answered.await.unwrap().map(|said| said.says);
            tenant.slow.as_ref().unwrap().answers.add_permits(1_000);
            said
        };
        let (step, said) = tokio::join!(stage.engine.step(), outside);
        assert!(step.is_err(), "the engine ends");
        assert!(tenant.slow.as_ref().unwrap().leaves.lock().unwrap()[1..].iter().all(|leave| !leave.holds()));
        assert_eq!(*made.lock().unwrap(), ["a test"]);
        match file {
            Ok(()) => assert!(said.unwrap().starts_with("paused by the file `pause`")),
            Err(_) => assert!(said.unwrap_err().contains("would not outlast it: the pause file cannot be made")),
        }
    }
}

#[tokio::test]
async fn everybody_is_handed_out_once() {
    let mut stage = enforcing().await;
    stage.tenant.slow.as_ref().unwrap().answers.add_permits(1_000);
    stage.settle().await;
    let mut all: Vec<_> = begun(&stage).into_iter().flatten().collect();
    all.sort_unstable();
    let before = all.len();
    all.dedup();
    assert_eq!((before, all.len()), (198, 198), "all but the break-glass accounts, nobody twice");
}
