//! Asking the tenant what `decide` needs, one question after the other; answers and troubles both become readings.

use std::collections::HashSet;

use jiff::Timestamp;

use super::port::{Enforce, Tenant};
use crate::rollout::id::ObjectId;
use crate::rollout::need::Ask;
use crate::rollout::observed::{Observed, SignIn, Trouble, TroubleKind};
use crate::rollout::state::State;

/// Asks one question and takes the answer in. `at` is the instant of asking.
pub(super) async fn ask(
    tenant: &dyn Tenant,
    enforce: &dyn Enforce,
    state: &State,
    observed: &mut Observed,
    ask: &Ask,
    at: Timestamp,
) {
    let Some(accepted) = &state.plan else { return };
    let plan = &accepted.plan;
    let trouble = match ask {
        Ask::Target => {
            let answer = enforce.resolve(&plan.enforcement).await;
            take(&mut observed.target, at, answer)
        }
        Ask::Directory => {
            let answer = tenant
                .directory()
                .await
                .and_then(|directory| shrunk(observed, &directory.people.len()).map_or(Ok(directory), Err));
            take(&mut observed.directory, at, answer)
        }
        Ask::Selection(key) => {
            let answer = match key.split_once(':') {
                Some(("group", group)) => tenant.group_people(group).await,
                Some(("filter", filter)) => tenant.filtered_people(filter).await,
                _ => Err(Trouble { kind: TroubleKind::Unusable, why: format!("`{key}` is no selection") }),
            };
            take(observed.selections.entry(key.clone()).or_default(), at, answer)
        }
        Ask::Safety => {
            let Some(target) = state.target else { return };
            let answer = enforce.safety(target, &plan.people.break_glass).await;
            take(&mut observed.safety, at, answer)
        }
        Ask::Members => {
            let Some(target) = state.target else { return };
            let answer = enforce.members(target).await;
            take(&mut observed.members, at, answer)
        }
        Ask::Registration => {
            let answer = tenant.registration().await;
            take(&mut observed.registration, at, answer)
        }
        Ask::SignIns(since) => {
            let answer = tenant.sign_ins(*since).await.map(|new| merged(state, observed, new));
            take(&mut observed.sign_ins, at, answer)
        }
    };
    if let Some(why) = trouble {
        tracing::warn!(source = ?ask, trouble.why = %why, "the tenant could not be read; asked again later");
    }
}

fn take<T>(source: &mut crate::rollout::observed::Source<T>, at: Timestamp, answer: Result<T, Trouble>) -> Option<String> {
    let why = answer.as_ref().err().map(|trouble| trouble.why.clone());
    source.take(at, answer);
    why
}

/// A listing that shrinks by more than this share, in percent, is a trouble and no news.
const MOST_SHRINKAGE: usize = 20;

fn shrunk(observed: &Observed, people: &usize) -> Option<Trouble> {
    let before = observed.directory.last.as_ref().map_or(0, |reading| reading.value.people.len());
    let least = before.saturating_mul(100 - MOST_SHRINKAGE) / 100;
    let empty = *people == 0;
    (empty || *people < least).then(|| Trouble {
        kind: TroubleKind::Unreachable,
        why: format!("the directory lists {people} people, {before} before; such a listing is not believed, it is read again"),
    })
}

/// Earlier and new attempts of people who are enforced, each once, oldest first.
fn merged(state: &State, observed: &mut Observed, new: Vec<SignIn>) -> Vec<SignIn> {
    let mut all = observed.sign_ins.last.as_mut().map(|reading| std::mem::take(&mut reading.value)).unwrap_or_default();
    let known: HashSet<String> = all.iter().map(|attempt| attempt.id.clone()).collect();
    let ours = |id: ObjectId| state.people.get(id).is_some_and(crate::rollout::person::PersonState::is_enforced);
    all.extend(new.into_iter().filter(|attempt| ours(attempt.person) && !known.contains(&attempt.id)));
    all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    all.dedup_by(|a, b| a.id == b.id);
    all
}
