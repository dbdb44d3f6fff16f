//! What the plan names in the tenant: the enforcement's group and policy, the groups of the stages, and the clock.

use super::{Finding, Ground, Lack, Severity, Who, unchecked};
use crate::rollout::finish;
use crate::rollout::observed::{MOST_SKEW, Source, Trouble, TroubleKind};

fn trouble<T>(source: &Source<T>) -> Option<&Trouble> {
    source.trouble.as_ref()
}

/// What is to be said about what the plan names.
pub(super) fn judge(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let observed = ground.observed;
    let unread = |trouble: &Trouble, what: &str| {
        if trouble.kind == TroubleKind::Unusable {
            let why = format!("nothing can be enforced while that is so: the plan means {what}");
            Finding::new(
                Severity::Error,
                "target-unusable",
                trouble.why.clone(),
                why,
                "correct the plan or the tenant as it says",
            )
        } else {
            unchecked(what, &trouble.why)
        }
    };
    for (trouble, what) in [
        (trouble(&observed.target), "the enforcement's group and policy"),
        (trouble(&observed.directory), "the people of the tenant"),
        (trouble(&observed.members), "the members of the enforcement group"),
        (trouble(&observed.safety), "the policy and the break-glass accounts"),
        (trouble(&observed.registration), "who is registered"),
        (trouble(&observed.sign_ins), "the sign-ins that gates ask for"),
    ] {
        findings.extend(trouble.map(|trouble| unread(trouble, what)));
    }
    for (key, source) in &observed.selections {
        if let Some(trouble) = trouble(source) {
            let finding = if trouble.kind == TroubleKind::Unusable {
                let why = "a stage that selects by it would select nobody, or everybody whom it should leave out, and readers of a zone \
                           would be told in the plan's";
                Finding::new(
                    Severity::Error,
                    "selection-unusable",
                    trouble.why.clone(),
                    why,
                    "correct the plan or the tenant as it says",
                )
            } else {
                unchecked("a group or filter of the plan", &trouble.why)
            };
            findings.push(finding.of(Who::Things(vec![key.clone()])));
        }
    }
    if let Some(safety) = &observed.safety.last {
        // The break-glass accounts have findings of their own.
        let problems = safety.value.policy.problems.iter().filter(|problem| !problem.contains("break-glass"));
        // Of a policy that the program owns this is told apart, because the finish makes it so.
        let others = safety.value.reach.is_some_and(|reach| reach != ground.reach).then(|| finish::otherwise(ground.reach));
        for problem in problems.map(String::as_str).chain(others) {
            findings.push(Finding::new(
                Severity::Error,
                "policy-unfit",
                problem.to_owned(),
                "people would be told a date on which nothing happens, or something else",
                "change the policy before its stage; nobody is enforced while it is so",
            ));
        }
    }
    for (stage, lack) in ground.stages {
        findings.push(match lack {
            Lack::Unknown(why) => unchecked(&format!("who is in stage `{stage}`"), why),
            Lack::Empty(out) => Finding::new(
                Severity::Error,
                "stage-empty",
                match out {
                    0 => format!("stage `{stage}` selects nobody whom an earlier stage does not take"),
                    out => format!("stage `{stage}` selects nobody who may be enforced: all {out} are out"),
                },
                "a stage without people is never done by itself",
                "correct its `people`, or take the stage out",
            ),
        });
    }
    if let Some(skew) = ground.facts.clock_skew.filter(|skew| skew.abs() > MOST_SKEW) {
        findings.push(Finding::new(
            Severity::Error,
            "clock-skew",
            format!("our clock and the service's differ by {} s", skew.as_secs().abs()),
            "nobody is enforced by a clock that may be wrong",
            "correct the clock of this host",
        ));
    }
}
