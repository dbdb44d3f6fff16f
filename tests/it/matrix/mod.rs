//! The matrix: what Graph has been seen or feared to do, one row each, against the real engine and the real client.
//!
//! Every row is a whole rollout of two stages over a simulated tenant in virtual time, under the judge's eyes. Whatever its end,
//! three views of every person must agree: the group's true members, the journal, and the report. In reading order: `row` is a
//! row, `stage` plays it, `agree` compares, and the other files are the rows. `UPDATE`: `cargo test --test it matrix -- --nocapture`
//! shows them.

mod agree;
mod changes;
mod deltas;
mod envelopes;
mod kinds;
mod links;
mod listings;
mod refusals;
mod reports;
mod row;
mod sockets;
mod stage;
mod tokens;
mod writes;

use std::collections::BTreeSet;
use std::sync::Mutex;

use self::row::Row;

fn rows() -> Vec<Row> {
    let mut rows = kinds::rows();
    for more in [
        tokens::rows(),
        writes::rows(),
        envelopes::rows(),
        refusals::rows(),
        listings::rows(),
        links::rows(),
        reports::rows(),
        changes::rows(),
        deltas::rows(),
        sockets::rows(),
    ] {
        rows.extend(more);
    }
    rows
}

#[test]
fn whatever_graph_does_membership_journal_and_report_agree() {
    let rows = rows();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "every row has a name of its own");
    let fair = stage::fair();
    let only = tidegate::config::variable("MATRIX_ROW");
    let chosen: Vec<&Row> = rows.iter().filter(|row| only.as_ref().is_none_or(|part| row.name.contains(part))).collect();
    let (queue, wrong) = (Mutex::new(chosen.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(row) = queue.lock().unwrap().next() else { return };
                    if let Err(why) = stage::play(row, &fair) {
                        wrong.lock().unwrap().push(format!("{}:\n{why}", row.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} do not agree:\n\n{}", wrong.len(), chosen.len(), wrong.join("\n\n"));
    println!("{} misbehaviours, all agree", chosen.len());
    assert!(only.is_some() || chosen.len() >= 80);
}
