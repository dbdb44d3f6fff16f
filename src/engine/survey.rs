//! One look at everything the plan needs, without a journal and without changing anything: for `plan` and other one-shot commands.

use jiff::{SignedDuration, Timestamp};

use super::observe::{Known, ask, asked_about, take_in};
use super::port::{Enforce, Tenant};
use crate::rollout::condition::{Conditions, Ground};
use crate::rollout::event::{By, Event, Record, VERSION};
use crate::rollout::gate;
use crate::rollout::need::{Ask, is_due, needs};
use crate::rollout::observed::{Observed, Trouble};
use crate::rollout::plan::{Plan, Reads};
use crate::rollout::settle::settle;
use crate::rollout::state::State;

/// Reads the tenant for `plan` at `now`. `state` is what a journal says already, or nothing; the returned state has the plan in force.
///
/// Fails when people cannot be told from each other. A registration report or a sign-in log that cannot be read is left as the
/// trouble of its source.
pub async fn survey(
    tenant: &dyn Tenant,
    enforce: &dyn Enforce,
    plan: &Plan,
    state: State,
    now: Timestamp,
) -> Result<(State, Observed), Trouble> {
    let (state, observed) = look(tenant, enforce, plan, state, now).await;
    let troubles = [&observed.target.trouble, &observed.directory.trouble, &observed.safety.trouble, &observed.members.trouble];
    let selections = observed.selections.values().map(|source| &source.trouble);
    let trouble = troubles.into_iter().chain(selections).find_map(Option::as_ref).cloned();
    match trouble {
        Some(trouble) => Err(trouble),
        None => Ok((state, observed)),
    }
}

/// The same, as far as it goes: what cannot be read is the trouble of its source.
pub async fn look(tenant: &dyn Tenant, enforce: &dyn Enforce, plan: &Plan, state: State, now: Timestamp) -> (State, Observed) {
    let mut state = state;
    let mut observed = Observed::default();
    let revision = plan.revision();
    apply(&mut state, now, Event::PlanAccepted { revision: revision.clone(), plan: Box::new(plan.clone()), why: String::new() });
    // Names first, then what depends on them.
    for _ in 0..3 {
        let due: Vec<_> = {
            let ground = ground(plan, &state, &observed, now, &revision);
            needs(&ground).into_iter().filter(|need| is_due(need, now) && !matches!(need.ask, Ask::SignIns(_))).collect()
        };
        for need in due {
            let Some(people) = asked_about(&state, &observed, &need.ask) else { continue };
            let known = Known { target: state.target, people: &people, notify: None, gates: None };
            if let Some(answered) = ask(tenant, enforce, plan, known, &need.ask).await {
                take_in(&state, &mut observed, now, answered);
            }
        }
        let settled = settle(&ground(plan, &state, &observed, now, &revision));
        for event in settled {
            if matches!(event, Event::Resolved { .. } | Event::Baseline { .. }) {
                apply(&mut state, now, event);
            }
        }
    }
    // Nothing is enforced yet, so the log is only tried: what a gate cannot read later is better known now.
    if gate::reads(plan, Reads::SignIns) {
        let since = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now);
        if let Some(answered) = ask(
            tenant,
            enforce,
            plan,
            Known { target: state.target, people: &[], notify: None, gates: None },
            &Ask::SignIns(since),
        )
        .await
        {
            take_in(&state, &mut observed, now, answered);
        }
    }
    (state, observed)
}

fn ground<'a>(plan: &'a Plan, state: &'a State, observed: &'a Observed, now: Timestamp, revision: &'a str) -> Ground<'a> {
    let fresh_within = plan.observe.max_age;
    Ground { plan, state, observed, now, revision, booted: now, fresh_within, conditions: Conditions::all() }
}

fn apply(state: &mut State, at: Timestamp, event: Event) {
    let record = Record { seq: state.seq.saturating_add(1), at, v: VERSION, by: By::Plan, actor: String::new(), event };
    // Only a plan that may not be refuses, and the caller has asked about that.
    if let Err(misfit) = state.apply(&record) {
        tracing::warn!(error = %misfit, "the plan does not fit what the journal says");
    }
}
