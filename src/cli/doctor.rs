//! `doctor`: what would go wrong in this tenant with this plan. Reads only; changes nothing, the state folder included.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::adapters::{self, Adapters};
use super::args::{Common, Doctor};
use super::collide::Admins;
use super::plan::{people_of, state_so_far};
use super::show::{Colours, colour};
use super::{Exit, Failure, collide, consent, place, runtime};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::engine::survey;
use crate::graph::names::Names;
use crate::rollout::finish;
use crate::rollout::id::ObjectId;
use crate::rollout::person::Home;
use crate::rollout::preflight::{Finding, Ground, Lack, Severity, Who, judge, sort};
use crate::rollout::stage::PhaseName;
use crate::rollout::state::State;
use crate::say;

/// A finding as JSON shows it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    count: usize,
    /// Whom it concerns, by name where one is known.
    names: Vec<String>,
}

pub(super) fn doctor(common: &Common, verb: &Doctor) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    if verb.consent {
        if common.json {
            say!("{:#}", consent::json(&loaded.plan));
        } else {
            consent::table(&loaded.plan);
        }
        return Ok(Exit::Done);
    }
    let clock = Clock::system();
    let state = state_so_far(&loaded)?;
    let joined = adapters::over_http(&loaded, &clock, std::sync::Arc::default())?;
    let findings = runtime()?.block_on(look(&loaded, &joined, state, clock.now()))?;
    let names = joined.graph.names();
    if common.json {
        let shown: Vec<_> = findings
            .iter()
            .map(|finding| Shown { finding, count: finding.who.count(), names: who(&finding.who, names, usize::MAX) })
            .collect();
        let consent = consent::json(&loaded.plan);
        say!("{}", serde_json::json!({ "findings": shown, "consent": consent, "requests": joined.tenant.requests() }));
    } else {
        print(&findings, names, verb.show);
        say!("Graph calls for this look: {}", joined.tenant.requests());
    }
    Ok(exit(&findings, verb.strict))
}

/// Reads the tenant and judges it. Fails only when it cannot be spoken to at all.
async fn look(loaded: &Loaded, joined: &Adapters, state: State, now: Timestamp) -> Result<Vec<Finding>, Failure> {
    let plan = &loaded.plan;
    let (state, observed) = survey::look(&*joined.tenant, &*joined.enforce, plan, state, now).await;
    let accounts = observed.safety.last.as_ref().map(|reading| reading.value.break_glass.as_slice()).unwrap_or_default();
    let accounts: Vec<ObjectId> = accounts.iter().filter_map(|account| account.id).collect();
    let facts = joined.graph.facts(now, state.target, &accounts).await;
    let facts = facts.map_err(|trouble| Failure::new(Exit::Tenant, trouble.why))?;
    let (mut taken, mut scope, mut stages) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (ix, stage) in (0_u16..).zip(&plan.stages) {
        match people_of(plan, &state, &observed, now, (ix, stage), &taken) {
            Ok(roster) => {
                if roster.people.is_empty() && !is_fixed(&state, ix) {
                    let out: usize = roster.out.iter().map(|because| because.people.len()).sum();
                    stages.push((stage.name.clone(), Lack::Empty(out)));
                }
                taken.extend(roster.people.iter().copied());
                taken.extend(roster.out.iter().flat_map(|because| &because.people).copied());
                scope.extend(roster.people);
            }
            Err(why) => stages.push((stage.name.clone(), Lack::Unknown(why))),
        }
    }
    let in_tail = state.people.all().iter().filter(|person| person.home() == Home::Tail);
    scope.extend(in_tail.map(|person| person.id));
    scope.sort_unstable();
    scope.dedup();
    let reach = finish::expected(&state);
    let ground = Ground { plan, observed: &observed, facts: &facts, scope: &scope, stages: &stages, reach, now };
    let in_scope = facts.admins.as_ref().is_ok_and(|admins| admins.iter().any(|id| scope.binary_search(id).is_ok()));
    let admins = if in_scope { Admins::InScope } else { Admins::OutOfScope };
    let mut findings = judge(&ground);
    findings.extend(collide::collide(&joined.graph, &plan.enforcement, state.target, admins).await);
    sort(&mut findings);
    Ok(findings)
}

/// Whether the people of a stage are fixed already; those who wait may have moved on to the tail.
fn is_fixed(state: &State, ix: u16) -> bool {
    state.stages.get(usize::from(ix)).is_some_and(|stage| stage.phase.name() != PhaseName::Scheduled)
}

/// Errors block; warnings only where they are asked to.
fn exit(findings: &[Finding], strict: bool) -> Exit {
    let blocks = |finding: &Finding| match finding.severity {
        Severity::Error => true,
        Severity::Warning => strict,
        Severity::Note => false,
    };
    if findings.iter().any(blocks) { Exit::Blocked } else { Exit::Done }
}

/// A finding in one line: its title, and whom it concerns where that is not said yet.
pub(super) fn sentence(finding: &Finding) -> String {
    match &finding.who {
        Who::Things(things) if !things.iter().all(|thing| finding.title.contains(thing)) => {
            format!("{} ({})", finding.title, things.join(", "))
        }
        _ => finding.title.clone(),
    }
}

fn print(findings: &[Finding], names: &Names, most: usize) {
    let colours = Colours::of_stdout();
    for finding in findings {
        let style = colour(match finding.severity {
            Severity::Error => anstyle::AnsiColor::Red,
            Severity::Warning => anstyle::AnsiColor::Yellow,
            Severity::Note => anstyle::AnsiColor::Cyan,
        });
        let severity = colours.paint(style, finding.severity.as_str());
        say!("{severity}: {} [{}]", finding.title, finding.id);
        let shown = who(&finding.who, names, most);
        let more = finding.who.count().saturating_sub(shown.len());
        match &finding.who {
            Who::Tenant => {}
            Who::Things(things) if things.iter().all(|thing| finding.title.contains(thing)) => {}
            _ if more > 0 => say!("    who: {}, and {more} more", shown.join(", ")),
            _ => say!("    who: {}", shown.join(", ")),
        }
        say!("    why: {}", finding.why);
        say!("    do:  {}", finding.remedy);
    }
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", severity.as_str())
    });
    if findings.is_empty() {
        say!("nothing found");
    } else {
        say!("{}", counts.join(", "));
    }
}

/// The first `most` of whom a finding concerns: user principal names, or ids where no name is known.
fn who(who: &Who, names: &Names, most: usize) -> Vec<String> {
    match who {
        Who::Tenant => Vec::new(),
        Who::Things(things) => things.iter().take(most).cloned().collect(),
        Who::People(people) => {
            let name = |id| names.name(id).map_or_else(|| id.to_string(), |name| name.upn);
            people.iter().take(most).map(|id| name(*id)).collect()
        }
    }
}
