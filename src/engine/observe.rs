//! Asking the tenant what `decide` needs: a question goes out, an answer or a trouble comes back, both become readings.
//!
//! Asking and taking in are two steps, so that commands come through while an answer is waited for.

use jiff::Timestamp;

use super::port::{Enforce, Tenant};
use crate::rollout::id::ObjectId;
use crate::rollout::need::Ask;
use crate::rollout::observed::{
    AGREE, Directory, IdSet, Observed, Registration, Safety, SignIn, Source, Target, Trouble, TroubleKind,
};
use crate::rollout::person::PersonState;
use crate::rollout::plan::Plan;
use crate::rollout::state::State;

/// An answer on its way into the readings.
pub(super) enum Answered {
    Target(Result<Target, Trouble>),
    Directory(Result<Directory, Trouble>),
    Selection(String, Result<IdSet, Trouble>),
    Safety(Result<Safety, Trouble>),
    Members(Result<IdSet, Trouble>),
    Registration(Result<Registration, Trouble>),
    SignIns(Result<Vec<SignIn>, Trouble>),
}

/// Asks one question. `None`: it cannot be asked before the enforcement's names are resolved.
pub(super) async fn ask(
    tenant: &dyn Tenant,
    enforce: &dyn Enforce,
    plan: &Plan,
    target: Option<Target>,
    ask: &Ask,
) -> Option<Answered> {
    Some(match ask {
        Ask::Target => Answered::Target(enforce.resolve(&plan.enforcement).await),
        Ask::Directory => Answered::Directory(tenant.directory().await),
        Ask::Selection(key) => {
            let answer = match key.split_once(':') {
                Some(("group", group)) => tenant.group_people(group).await,
                Some(("filter", filter)) => tenant.filtered_people(filter).await,
                _ => Err(Trouble { kind: TroubleKind::Unusable, why: format!("`{key}` is no selection") }),
            };
            Answered::Selection(key.clone(), answer)
        }
        Ask::Safety => Answered::Safety(enforce.safety(target?, &plan.people.break_glass).await),
        Ask::Members => Answered::Members(enforce.members(target?).await),
        Ask::Registration => Answered::Registration(tenant.registration().await),
        Ask::SignIns(since) => Answered::SignIns(tenant.sign_ins(*since).await),
    })
}

/// Takes an answer in. `at` is the instant of asking.
pub(super) fn take_in(state: &State, observed: &mut Observed, at: Timestamp, answered: Answered) {
    let trouble = match answered {
        Answered::Target(answer) => take(&mut observed.target, at, answer),
        Answered::Directory(answer) => {
            let answer = answer.and_then(|directory| match shrunk(observed, at, directory.len()) {
                Some(trouble) => Err(trouble),
                None => Ok(directory),
            });
            take(&mut observed.directory, at, answer)
        }
        Answered::Selection(key, answer) => take(observed.selections.entry(key).or_default(), at, answer),
        Answered::Safety(answer) => take(&mut observed.safety, at, answer),
        Answered::Members(answer) => take(&mut observed.members, at, answer),
        Answered::Registration(answer) => {
            // The report is as old as its last refresh, not as our reading of it.
            let refreshed = answer.as_ref().ok().and_then(|registration| registration.refreshed);
            let trouble = take(&mut observed.registration, at, answer);
            if let (Some(reading), Some(refreshed)) = (&mut observed.registration.last, refreshed) {
                reading.as_of = reading.as_of.min(refreshed);
            }
            trouble
        }
        Answered::SignIns(answer) => {
            let answer = answer.map(|new| merged(state, observed, new));
            take(&mut observed.sign_ins, at, answer)
        }
    };
    if let Some(why) = trouble {
        tracing::warn!(trouble.why = %why, "the tenant could not be read; asked again later");
    }
}

/// Why the source cannot be read, when that is news: the log says it once, however often it is asked again.
fn take<T>(source: &mut Source<T>, at: Timestamp, answer: Result<T, Trouble>) -> Option<String> {
    let why = answer.as_ref().err().map(|trouble| trouble.why.clone());
    let known = source.trouble.take().map(|trouble| trouble.why);
    source.take(at, answer);
    why.filter(|why| known.as_ref() != Some(why))
}

/// A listing that shrinks by more than this share, in percent, is not believed before a second one says the same.
const MOST_SHRINKAGE: usize = 20;

/// Why a listing of so many people is not believed yet. Nobody at all is never believed.
fn shrunk(observed: &mut Observed, at: Timestamp, people: usize) -> Option<Trouble> {
    let is_few = |people: usize, before: usize| people < before.saturating_mul(100 - MOST_SHRINKAGE) / 100;
    let before = observed.directory.last.as_ref().map_or(0, |reading| reading.value.len());
    let doubted = observed.shrunk.take();
    if people > 0 && !is_few(people, before) {
        return None;
    }
    // Two reads agree when neither lists much fewer people than the other.
    let first = doubted.filter(|(_, first)| people > 0 && !is_few(people, *first) && !is_few(*first, people));
    if first.is_some_and(|(seen, _)| at.duration_since(seen) >= AGREE) {
        return None;
    }
    observed.shrunk = first.or(Some((at, people)));
    Some(Trouble {
        kind: TroubleKind::Unreachable,
        why: format!(
            "the directory lists {people} people, {before} before; that is believed when a second reading says the same"
        ),
    })
}

/// Of earlier and new attempts, the latest of each enforced person with each code; ascending by person and code.
fn merged(state: &State, observed: &mut Observed, new: Vec<SignIn>) -> Vec<SignIn> {
    let mut all = observed.sign_ins.last.as_mut().map(|reading| std::mem::take(&mut reading.value)).unwrap_or_default();
    let ours = |id: ObjectId| state.people.get(id).is_some_and(PersonState::is_enforced);
    all.extend(new.into_iter().filter(|attempt| ours(attempt.person)));
    all.sort_by_key(|attempt| (attempt.person, attempt.code, std::cmp::Reverse(attempt.at)));
    all.dedup_by_key(|attempt| (attempt.person, attempt.code));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::sample::{at, person};

    #[test]
    fn a_directory_that_shrinks_is_believed_when_a_second_reading_says_the_same() {
        let list = |people: u128| (0..people).map(person).collect::<Directory>();
        for (readings, expected) in [
            (vec![(0, 100), (60, 80)], 80),
            (vec![(0, 100), (60, 50)], 100),
            (vec![(0, 100), (60, 50), (90, 50)], 100),
            (vec![(0, 100), (60, 50), (120, 51)], 51),
            (vec![(0, 100), (60, 50), (90, 50), (120, 50)], 50),
            (vec![(0, 100), (60, 50), (120, 20)], 100),
            (vec![(0, 100), (60, 20), (120, 50)], 100),
            (vec![(0, 100), (60, 50), (120, 99), (180, 50)], 99),
            (vec![(0, 100), (60, 0), (120, 0), (180, 0)], 100),
        ] {
            let mut observed = Observed::default();
            for (second, people) in &readings {
                let now = at("2027-01-11T08:00:00Z") + jiff::SignedDuration::from_secs(*second);
                take_in(&State::default(), &mut observed, now, Answered::Directory(Ok(list(*people))));
            }
            let known = observed.directory.last.map_or(0, |reading| reading.value.len());
            assert_eq!(known, expected, "{readings:?}");
        }
    }
}
