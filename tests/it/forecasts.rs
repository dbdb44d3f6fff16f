//! Forecasts, scored on whole simulated rollouts whose people register in five shapes.

use tidegate::cli::scored::{run, score, table};
use tidegate::sim::behaviour::Shape;

const ROLLOUTS: u64 = 200;

#[test]
fn the_band_of_two_weeks_before_covers_what_comes_in_75_to_90_of_100_rollouts() {
    let all = run(1, ROLLOUTS, || {}).unwrap();
    let report = table(&all).join("\n");
    println!("{report}");
    assert!(all.iter().all(|one| one.came.is_some()), "every rollout comes to its date");
    let early = score(&all, 14, None);
    assert_eq!(early.count, all.len(), "every stage has a forecast of two weeks before");
    assert!((0.75..=0.90).contains(&early.covered), "\n{report}");
    for shape in Shape::ALL {
        assert_eq!(score(&all, 14, Some(shape)).count, all.len() / Shape::ALL.len());
    }
    // A band that is wide enough for anything covers everything and says nothing; nearer to the date it says more.
    assert!(early.width < 0.4, "\n{report}");
    let (later, last) = (score(&all, 7, None), score(&all, 1, None));
    assert!(later.width < early.width && last.width < 0.15, "\n{report}");
    assert!(last.off < later.off && later.off < early.off, "\n{report}");
}

#[test]
fn a_rollout_foresees_the_same_again() {
    assert_eq!(run(3, 1, || {}).unwrap(), run(3, 1, || {}).unwrap());
}
