//! A whole rollout: from the first mail to the last stage, as fast as it goes.

use std::collections::BTreeSet;
use std::process::Command;

use tidegate::sim::Profile;

use super::bed::Bed;
use super::plans;

#[test]
fn a_whole_rollout_over_http_accounts_for_everybody() {
    let bed = Bed::new(Profile { users: 500, seed: 11, ..Profile::default() });
    plans::ready(&bed);
    let began = tidegate::clock::Clock::monotonic();
    let ended = bed.run_max(plans::READY_BEGIN);
    println!("{:?}", began.elapsed());
    std::fs::write("/tmp/e2e-log.txt", &ended.log).unwrap();
    ended.with(0);
    assert!(bed.tenant().violations().is_empty(), "{:?}", bed.tenant().violations());
    let verified = bed.run(&["journal", "verify"]).with(0);
    assert!(verified.out.contains("the chain holds"), "{}", verified.out);
    println!("{}", bed.run(&["status"]).with(0).out);
}
