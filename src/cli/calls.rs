//! How many calls of Graph a plan is expected to make. Pure: plan and counts in, figures out.
//!
//! Counts what goes as planned: no retries, no halved batches, no reads of the guard. Invariant: the figures rest on plan and counts alone.

use jiff::SignedDuration;
use serde::Serialize;

use crate::rollout::need::COLLISIONS;
use crate::rollout::observed::Toggle;
use crate::rollout::plan::{Plan, Unseen};
use crate::rollout::tranche::BATCH;
use crate::rollout::what_if;

/// Rows of one page.
const PAGE: usize = 999;

/// Batches of one envelope.
const ENVELOPE: usize = crate::engine::port::ENVELOPE;

/// How many there are of what is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// People of the directory.
    pub(super) directory: usize,
    /// People of each group and filter that the plan names.
    pub(super) selections: Vec<usize>,
    /// People of each stage.
    pub(super) stages: Vec<usize>,
}

/// Calls expected of Graph.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Calls {
    /// Reads, by what is read.
    pub(super) reads: Vec<Reads>,
    /// All reads of a day while a stage is near or under way; a quiet day needs less.
    pub(super) reads_a_day_at_most: usize,
    /// Changes, by stage.
    pub(super) stages: Vec<Changes>,
}

/// Reads of one source.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reads {
    pub(super) what: &'static str,
    pub(super) calls_each: usize,
    pub(super) looks_a_day: usize,
}

/// Changes of one stage, when no cap makes it smaller bites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Changes {
    /// Writes of members; each counts towards the directory's quota.
    pub(super) batches: usize,
    /// HTTP requests that carry them.
    pub(super) envelopes: usize,
    /// One per person and notice.
    pub(super) mails_at_most: usize,
}

/// The calls that `plan` is expected to make in a tenant of these counts.
pub(super) fn expected(plan: &Plan, counts: &Counts) -> Calls {
    let observe = &plan.observe;
    let staged: usize = counts.stages.iter().sum();
    let mut reads = vec![
        // The pages, and who holds the role of the synchronisation account.
        source("directory", pages(counts.directory) + 1, observe.directory),
        source("registration", pages(counts.directory), observe.registration),
        source("members", pages(staged), observe.members),
        // The policy, the group, and the break-glass accounts in one envelope.
        source("policy", 3, observe.members),
        // The policies, security defaults, and own MFA states of a few people in envelopes.
        source("what else requires MFA", 5, observe.members.max(COLLISIONS)),
        source("sign-ins", 1, observe.sign_ins),
    ];
    if !counts.selections.is_empty() {
        // Each is found by its name and then listed.
        let calls = counts.selections.iter().map(|people| pages(*people) + 1).sum();
        reads.insert(1, source("groups and filters", calls, observe.directory));
    }
    if plan.what_if == Toggle::On {
        // On the day of a start: now and then before it, and at it; one synchronisation account is usual.
        let before = source("What-If before a start", plan.people.break_glass.len() + 1, what_if::BEFORE);
        reads.push(Reads { looks_a_day: before.looks_a_day + 1, ..before });
        reads.push(Reads { what: "What-If behind a canary", calls_each: what_if::PEOPLE, looks_a_day: 1 });
    }
    if plan.exceptions.unseen == Unseen::Absent {
        // On the day of a start; 500 people a page.
        reads.push(Reads { what: "when people last signed in", calls_each: counts.directory.div_ceil(500), looks_a_day: 1 });
    }
    let stages = counts.stages.iter().map(|people| changes(plan, *people)).collect();
    let reads_a_day_at_most = reads.iter().map(|reads| reads.calls_each * reads.looks_a_day).sum();
    Calls { reads, reads_a_day_at_most, stages }
}

/// The canary alone, then batches of 20 in envelopes.
fn changes(plan: &Plan, people: usize) -> Changes {
    let canary = people.min(usize::try_from(plan.limits.canary).unwrap_or(usize::MAX));
    let first = usize::from(canary > 0);
    let rest = (people - canary).div_ceil(BATCH);
    Changes {
        batches: first + rest,
        envelopes: first + rest.div_ceil(ENVELOPE),
        mails_at_most: people * plan.notices.before.len(),
    }
}

fn source(what: &'static str, calls_each: usize, every: SignedDuration) -> Reads {
    let every = every.as_secs().max(1);
    let looks = (24 * 3_600_i64 + every - 1).div_euclid(every);
    Reads { what, calls_each, looks_a_day: usize::try_from(looks).unwrap_or(0) }
}

/// Pages of a listing; an empty one is a page, too.
fn pages(rows: usize) -> usize {
    rows.div_ceil(PAGE).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn plan() -> Plan {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.toml");
        std::fs::write(&file, include_str!("../../config/demo-plan.toml")).unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        let env = [("TIDEGATE_OBSERVE__DIRECTORY", "12h"), ("TIDEGATE_OBSERVE__REGISTRATION", "30m")];
        let more = [("TIDEGATE_OBSERVE__MEMBERS", "1h"), ("TIDEGATE_OBSERVE__SIGN_INS", "7m"), ("TIDEGATE_LIMITS__CANARY", "5")];
        let env = env.into_iter().chain(more).chain([("TIDEGATE_NOTICES__BEFORE", "14d,7d,1d")]);
        config::load(&file, env.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap().plan
    }

    #[test]
    fn changes_are_a_canary_then_batches_in_envelopes() {
        let plan = plan();
        for (people, batches, envelopes, mails) in [
            (0, 0, 0, 0),
            (3, 1, 1, 9),
            (5, 1, 1, 15),
            (6, 2, 2, 18),
            (105, 6, 2, 315),
            (106, 7, 3, 318),
            (10_000, 501, 101, 30_000),
        ] {
            let expected = Changes { batches, envelopes, mails_at_most: mails };
            assert_eq!(changes(&plan, people), expected, "{people}");
        }
    }

    #[test]
    fn reads_are_pages_of_each_source_as_often_as_the_plan_asks() {
        let counts = Counts { directory: 2_000, selections: vec![999, 0], stages: vec![500, 500] };
        let calls = expected(&plan(), &counts);
        let rows: Vec<_> = calls.reads.iter().map(|reads| (reads.what, reads.calls_each, reads.looks_a_day)).collect();
        let table = [
            ("directory", 4, 2),
            ("groups and filters", 4, 2),
            ("registration", 3, 48),
            ("members", 2, 24),
            ("policy", 3, 24),
            ("what else requires MFA", 5, 24),
            ("sign-ins", 1, 206),
        ];
        assert_eq!(rows, table);
        assert_eq!(calls.reads_a_day_at_most, 8 + 8 + 144 + 48 + 72 + 120 + 206);
        let calls = expected(&Plan { what_if: Toggle::On, ..plan() }, &counts);
        let more: Vec<_> =
            calls.reads.iter().skip(table.len()).map(|reads| (reads.what, reads.calls_each, reads.looks_a_day)).collect();
        assert_eq!(more, [("What-If before a start", 3, 5), ("What-If behind a canary", 5, 1)]);
        assert_eq!(expected(&plan(), &Counts::default()).reads.iter().map(|reads| reads.calls_each).sum::<usize>(), 13);
    }
}
