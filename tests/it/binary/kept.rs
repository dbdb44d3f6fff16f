//! What every rollout of these tests must have kept, seen from the tenant and from the journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tidegate::rollout::event::Event;
use tidegate::rollout::id::ObjectId;

use super::bed::Bed;

/// No promise was broken, nobody was enforced twice, and the journal verifies, with the program and without it.
#[track_caller]
pub(super) fn promises(bed: &Bed) {
    let tenant = bed.tenant();
    assert_eq!(tenant.violations(), []);
    let mut writes: BTreeMap<ObjectId, usize> = BTreeMap::new();
    tenant.writes().iter().flat_map(|write| &write.people).for_each(|person| *writes.entry(*person).or_default() += 1);
    let twice: Vec<_> = writes.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "enforced twice: {twice:?}");
    drop(tenant);
    let verified = bed.run(&["journal", "verify"]).with(0);
    assert!(verified.out.contains("the chain holds"), "{}", verified.out);
    verifies_without_us(bed);
}

/// The page that the project gives to everybody verifies the same journal.
fn verifies_without_us(bed: &Bed) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify_journal.py");
    match Command::new("python3").arg(script).arg(bed.state().join("journal")).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => println!("not run: python3"),
    }
}

/// The same, and nobody is left who could be enforced.
#[track_caller]
pub(super) fn promises_to_everybody(bed: &Bed) {
    promises(bed);
    let last = bed.journal().last().unwrap().at;
    assert_eq!(bed.tenant().candidates(last), Vec::<String>::new(), "nobody is left over");
}

/// Intents without an outcome: what a crash left open.
pub(super) fn open_intents(bed: &Bed) -> usize {
    let mut open = 0;
    for record in bed.journal() {
        match record.event {
            Event::EnforceIntent { .. } => open += 1,
            Event::EnforceOutcome { .. } => open -= 1,
            _ => {}
        }
    }
    open
}
