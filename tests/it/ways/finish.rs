//! The finish over real requests: performed when asked for with what was shown, undone exactly, and with a death at every commit.

use tidegate::engine::command::What;
use tidegate::rollout::event::Event;
use tidegate::sim::memory::Crash;

use super::rollouts::managed;
use super::{Death, Rollout, only, switches};

const DONE: &str = "2027-02-20T12:00:00Z";
const FINISHED: &str = "2027-02-21T12:00:00Z";
const UNDONE: &str = "2027-02-23T12:00:00Z";

fn done() -> Rollout {
    let mut rollout = managed();
    rollout.run(DONE, None, None);
    assert_eq!(rollout.phases(), ["done", "done"], "{:#?}", rollout.report);
    rollout
}

fn shown(rollout: &Rollout) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let offer = runtime.block_on(rollout.world.offer(&rollout.plan)).map_err(|failure| failure.says).unwrap();
    offer.fingerprint
}

fn policy(rollout: &Rollout) -> String {
    format!("{:?}", rollout.world.tenant().policy_bodies())
}

fn dropped(rollout: &Rollout) -> Vec<String> {
    only(&rollout.records(), |event| match event {
        Event::FinishDropped { why } => Some(why.clone()),
        _ => None,
    })
}

#[test]
fn a_managed_policy_becomes_one_about_everybody_and_comes_back_as_it_was() {
    let mut rollout = done();
    let before = policy(&rollout);
    let (required, shown) = (rollout.required(), shown(&rollout));
    rollout.run(FINISHED, Some(What::Finish { shown }), None);
    assert_eq!(dropped(&rollout), Vec::<String>::new());
    assert_eq!(only(&rollout.records(), switches), ["policy … on", "policy … about everybody but the exempt"]);
    assert_ne!(policy(&rollout), before);
    let report = rollout.report.clone().unwrap();
    assert!(report.holds.is_empty(), "{report:#?}");
    assert_eq!(rollout.required(), required, "nobody is asked for MFA untold");
    rollout.rollback("everyone", UNDONE, None);
    assert_eq!(rollout.phases(), ["done", "rolled-back"], "{:#?}", rollout.report);
    assert_eq!(policy(&rollout), before, "exactly what it was");
}

#[test]
fn what_was_not_shown_is_not_done() {
    let mut rollout = done();
    let before = policy(&rollout);
    rollout.run(FINISHED, Some(What::Finish { shown: "something else".to_owned() }), None);
    let why = dropped(&rollout);
    assert!(why.len() == 1 && why[0].contains("run finish again"), "{why:?}");
    assert_eq!(policy(&rollout), before);
}

#[test]
fn a_death_at_any_commit_leaves_the_finish_whole_or_undone() {
    let mut deaths = 0;
    for write in [false, true] {
        for n in 1..=8 {
            let mut rollout = done();
            let shown = shown(&rollout);
            let death = if write { Death::Write(u32::try_from(n).unwrap()) } else { Death::Commit(Crash::After(n)) };
            rollout.run(FINISHED, Some(What::Finish { shown }), Some(death));
            deaths += rollout.deaths;
            let thrown = only(&rollout.records(), switches);
            assert_eq!(thrown.last().unwrap(), "policy … about everybody but the exempt", "{death:?}");
            assert!(rollout.report.clone().unwrap().holds.is_empty(), "{death:?}: {:#?}", rollout.report);
            rollout.rollback("pilot", UNDONE, None);
            assert_eq!(rollout.phases(), ["rolled-back", "rolled-back"], "{death:?}: {:#?}", rollout.report);
            assert!(rollout.required().is_empty(), "{death:?}");
        }
    }
    assert!(deaths > 2, "{deaths}");
}
