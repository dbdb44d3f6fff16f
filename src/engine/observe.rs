//! Asking the tenant what `decide` needs: a question goes out, an answer or a trouble comes back, both become readings.
//!
//! Asking and taking in are two steps, so that commands come through while an answer is waited for.

use jiff::Timestamp;

use super::port::{Enforce, Gates, Notify, Tenant};
use crate::rollout::bounces::REACH;
use crate::rollout::exception::of;
use crate::rollout::gate::{self, Answered as GateAnswer};
use crate::rollout::id::ObjectId;
use crate::rollout::lists;
use crate::rollout::need::Ask;
use crate::rollout::observed::{
    AGREE, Bounce, Collision, Directory, Evaluation, IdSet, LastSeen, MOST_SKEW, Managers, Observed, PerUser, Registration,
    Safety, SignIn, Source, Target, Trouble, TroubleKind, Way,
};
use crate::rollout::person::Enforced;
use crate::rollout::plan::{Enforcement, Plan};
use crate::rollout::select::exempt_key;
use crate::rollout::state::{Phase, State};
use crate::rollout::what_if;

/// An answer on its way into the readings.
pub(super) enum Answered {
    Target(Result<Target, Trouble>),
    Directory(Result<Directory, Trouble>),
    Selection(String, Result<IdSet, Trouble>),
    Safety(Result<Safety, Trouble>),
    Members(Result<IdSet, Trouble>),
    Collisions(Result<Vec<Collision>, Trouble>),
    Spared(Result<Vec<Evaluation>, Trouble>),
    Reached(Result<Vec<Evaluation>, Trouble>),
    PerUser(Result<Vec<(ObjectId, PerUser)>, Trouble>),
    Registration(Result<Registration, Trouble>),
    SignIns(Result<Vec<SignIn>, Trouble>),
    LastSeen(Result<LastSeen, Trouble>),
    Bounces(Result<Vec<Bounce>, Trouble>),
    Managers(Result<Managers, Trouble>),
    Gate(String, Result<GateAnswer, Trouble>),
}

/// What is known before a question is asked.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// What the enforcement names.
    pub(super) target: Option<Target>,
    /// Whom a question is about that must be asked person by person.
    pub(super) people: &'a [ObjectId],
    /// Who has sent notices; nobody, where none were sent.
    pub(super) notify: Option<&'a dyn Notify>,
    /// Who asks what the plan names outside the tenant; nobody, where nothing of it is asked.
    pub(super) gates: Option<&'a dyn Gates>,
}

/// Whom a question is about that must be asked person by person; nobody for the others. `None`: nobody knows yet whom.
pub(super) fn asked_about(state: &State, observed: &Observed, ask: &Ask) -> Option<Vec<ObjectId>> {
    let people = state.people.all().iter();
    let mut people: Vec<_> = match ask {
        Ask::Collisions => next_people(state),
        Ask::Spared => what_if::accounts(observed)?,
        Ask::Reached => what_if::reached(state),
        Ask::Managers(stage, _) => lists::asked_about(state, observed, stage),
        Ask::PerUser => people.filter(crate::rollout::person::PersonState::is_enforced).map(|person| person.id).collect(),
        Ask::Members if state.target.is_none_or(|target| target.way() == Way::Group) => Vec::new(),
        // The first time everybody is looked at, since of whom MFA was required before, it is not by us.
        Ask::Members if state.baseline.is_none() => {
            observed.directory.last.as_ref()?.value.iter().map(|person| person.id).collect()
        }
        Ask::Members => people.filter(|person| person.enforced() != Enforced::No).map(|person| person.id).collect(),
        _ => Vec::new(),
    };
    people.sort_unstable();
    Some(people)
}

/// So many people of the next stages are looked at for states of their own: a look, and no census.
const LOOKED_AT: usize = 60;

/// People who were told a date, or are being told one, and are not enforced yet; the first few.
fn next_people(state: &State) -> Vec<ObjectId> {
    let by_group =
        state.plan.as_ref().is_some_and(|accepted| matches!(accepted.plan.enforcement, Enforcement::ConditionalAccess { .. }));
    let stages = state.stages.iter().filter(|stage| by_group && matches!(stage.phase, Phase::Announcing | Phase::Announced));
    let people = stages.flat_map(|stage| &stage.roster).filter_map(|place| state.people.at(*place));
    people.filter(|person| person.enforced() == Enforced::No).map(|person| person.id).take(LOOKED_AT).collect()
}

/// Says what is new to the log.
fn take_collisions(observed: &mut Observed, at: Timestamp, answer: Result<Vec<Collision>, Trouble>) -> Option<String> {
    let known = observed.collisions.last.as_ref().map(|reading| &reading.value);
    for collision in answer.iter().flatten().filter(|collision| known.is_none_or(|known| !known.contains(collision))) {
        tracing::warn!(collision.what = %collision.what, why = %collision.why, "something else in the tenant requires MFA, or may soon");
    }
    take(&mut observed.collisions, at, answer)
}

/// Asks one question. `None`: it cannot be asked before the enforcement's names are resolved.
pub(super) async fn ask(
    tenant: &dyn Tenant,
    enforce: &dyn Enforce,
    plan: &Plan,
    known: Known<'_>,
    ask: &Ask,
) -> Option<Answered> {
    let target = known.target;
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
        Ask::Safety => Answered::Safety(enforce.safety(target?, &plan.enforcement, &plan.people.break_glass).await),
        Ask::Members => Answered::Members(enforce.members(target?, known.people).await),
        Ask::Collisions => Answered::Collisions(enforce.collisions(target?, &plan.enforcement, known.people).await),
        Ask::Spared => Answered::Spared(enforce.foresee(target?, known.people).await),
        Ask::Reached => Answered::Reached(enforce.foresee(target?, known.people).await),
        Ask::PerUser => Answered::PerUser(enforce.per_user(known.people).await),
        Ask::Registration => Answered::Registration(tenant.registration().await),
        Ask::SignIns(since) => Answered::SignIns(tenant.sign_ins(*since).await),
        Ask::LastSeen => Answered::LastSeen(tenant.last_seen().await),
        Ask::Managers(stage, instant) => {
            let read = tenant.managers(known.people).await;
            Answered::Managers(read.map(|of| Managers { stage: stage.clone(), instant: *instant, of }))
        }
        Ask::Gate(name) => Answered::Gate(name.clone(), outside(known.gates, plan, name).await),
        Ask::Bounces(since) => Answered::Bounces(known.notify?.bounces(&plan.notices.from, *since).await),
    })
}

/// What the plan names outside the tenant answers. Nothing is asked on a paced clock, which rehearses.
async fn outside(gates: Option<&dyn Gates>, plan: &Plan, name: &str) -> Result<GateAnswer, Trouble> {
    let gate = plan.gates.iter().find(|gate| gate.name == name);
    match gates.zip(gate) {
        Some((gates, gate)) => gates.ask(gate).await,
        None => {
            Err(Trouble { kind: TroubleKind::Unusable, why: "nothing outside the tenant is asked in a rehearsal".to_owned() })
        }
    }
}

/// Takes an answer in. `at` is the instant of asking.
pub(super) fn take_in(state: &State, observed: &mut Observed, at: Timestamp, answered: Answered) {
    let trouble = match answered {
        Answered::Target(answer) => take(&mut observed.target, at, answer),
        Answered::Directory(answer) => {
            let before = observed.directory.last.as_ref().map(|reading| reading.value.len());
            let listing = Listing { id: "directory", name: "the directory", before, bear: 0, empty: Empty::Never };
            let answer = answer.and_then(|now| believed(observed, at, listing, now.len()).map(|()| now));
            take(&mut observed.directory, at, answer)
        }
        Answered::Selection(key, answer) => {
            let before = observed.selections.get(&key).and_then(|source| source.last.as_ref()).map(|reading| reading.value.len());
            let exempt = state.plan.as_ref().and_then(|accepted| exempt_key(&accepted.plan));
            // Whoever is missing from the exempt group is not protected any more.
            let bear = if exempt.as_ref() == Some(&key) { 0 } else { BORNE };
            let listing = Listing { id: &key, name: &key, before, bear, empty: Empty::Twice };
            let answer = answer.and_then(|now| believed(observed, at, listing, now.len()).map(|()| now));
            take(observed.selections.entry(key).or_default(), at, answer)
        }
        Answered::Safety(answer) => take(&mut observed.safety, at, answer),
        Answered::Collisions(answer) => take_collisions(observed, at, answer),
        Answered::Spared(answer) => take(&mut observed.spared, at, answer),
        Answered::Reached(answer) => take(&mut observed.reached, at, answer),
        Answered::PerUser(answer) => take(&mut observed.per_user, at, answer),
        Answered::Members(answer) => {
            let before = observed.members.last.as_ref().map(|reading| reading.value.len());
            let listing = Listing { id: "members", name: "the enforcement group", before, bear: BORNE, empty: Empty::Twice };
            let answer = answer.and_then(|now| believed(observed, at, listing, now.len()).map(|()| now));
            take(&mut observed.members, at, answer)
        }
        Answered::Registration(answer) => {
            let before = observed.registration.last.as_ref().map(|reading| reading.value.len());
            let listing =
                Listing { id: "registration", name: "the registration report", before, bear: BORNE, empty: Empty::Twice };
            let answer = answer.and_then(|now| believed(observed, at, listing, now.len()).map(|()| now));
            // The report is as old as its last refresh, not as our reading of it.
            let refreshed = answer.as_ref().ok().and_then(|registration| registration.refreshed);
            let trouble = take(&mut observed.registration, at, answer);
            if let (Some(reading), Some(refreshed)) = (&mut observed.registration.last, refreshed) {
                reading.as_of = reading.as_of.min(refreshed);
            }
            trouble
        }
        Answered::SignIns(answer) => {
            let answer = answer.map(|new| merged(state, observed, new, at));
            take(&mut observed.sign_ins, at, answer)
        }
        Answered::LastSeen(answer) => {
            let trouble = take(&mut observed.last_seen, at, answer);
            // One of a large tenant is large, and nobody compares two.
            observed.last_seen.earlier = None;
            trouble
        }
        Answered::Managers(answer) => take(&mut observed.managers, at, answer),
        Answered::Gate(name, answer) => take_gate(observed, at, name, answer),
        Answered::Bounces(answer) => {
            let answer = answer.map(|new| late(observed, at, new));
            take(&mut observed.bounces, at, answer)
        }
    };
    if let Some(why) = trouble {
        tracing::warn!(trouble.why = %why, "the tenant could not be read; asked again later");
    }
}

/// An answer is as old as whoever gives it says; one of the future is none.
fn take_gate(observed: &mut Observed, at: Timestamp, name: String, answer: Result<GateAnswer, Trouble>) -> Option<String> {
    let answer = answer.and_then(|answer| match answer.as_of {
        Some(of) if of.duration_since(at) > MOST_SKEW => {
            let why = format!("gate `{name}`: it answered of {of}, which is still to come; correct its clock");
            Err(Trouble { kind: TroubleKind::Unusable, why })
        }
        _ => Ok(answer),
    });
    let as_of = answer.as_ref().ok().and_then(|answer| answer.as_of);
    let source = observed.gates.entry(name).or_default();
    let trouble = take(source, at, answer);
    if let (Some(reading), Some(as_of)) = (&mut source.last, as_of) {
        reading.as_of = reading.as_of.min(as_of);
    }
    trouble
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

/// So few people fewer are news, where that takes nobody's protection away.
const BORNE: usize = 10;

/// A listing of people, as the reading before showed it.
#[derive(Clone, Copy)]
struct Listing<'a> {
    /// As its hold is named.
    id: &'a str,
    name: &'a str,
    before: Option<usize>,
    /// How many people fewer are believed at once.
    bear: usize,
    empty: Empty,
}

/// When an empty listing is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// Nobody at all is never believed.
    Never,
    /// As any other that has shrunk.
    Twice,
}

/// Whether a listing of so many people is believed. One that has shrunk much is a hold until a second reading says the same.
fn believed(observed: &mut Observed, at: Timestamp, listing: Listing<'_>, people: usize) -> Result<(), Trouble> {
    let is_few = |people: usize, before: usize| people < before.saturating_mul(100 - MOST_SHRINKAGE) / 100;
    let Listing { id, name, before, bear, empty } = listing;
    let before = before.unwrap_or(0);
    let nobody = people == 0 && empty == Empty::Never;
    let doubted = observed.shrunk.remove(id);
    if !nobody && (!is_few(people, before) || before.saturating_sub(people) <= bear) {
        return Ok(());
    }
    // Two reads agree when neither lists much fewer people than the other.
    let first = doubted.filter(|(_, first)| !nobody && !is_few(people, *first) && !is_few(*first, people));
    if first.is_some_and(|(seen, _)| at.duration_since(seen) >= AGREE) {
        return Ok(());
    }
    observed.shrunk.insert(id.to_owned(), first.unwrap_or((at, people)));
    Err(Trouble {
        kind: TroubleKind::Unreachable,
        why: format!("{name} lists {people} people, {before} before; that is believed when a second reading says the same"),
    })
}

/// Of earlier and new attempts, the latest of each enforced person with each code and client, and lately of those with whom they are
/// compared; ascending by person and code.
fn merged(state: &State, observed: &mut Observed, new: Vec<SignIn>, at: Timestamp) -> Vec<SignIn> {
    let mut all = observed.sign_ins.last.as_mut().map(|reading| std::mem::take(&mut reading.value)).unwrap_or_default();
    let ours =
        |id: ObjectId| state.people.get(id).is_some_and(|person| person.is_enforced()) || of(&state.exceptions, id).is_some();
    let control = state.plan.as_ref().and_then(|accepted| gate::control_span(&accepted.plan));
    let compared = |id: ObjectId| control.is_some() && gate::is_control(state, id);
    all.extend(new.into_iter().filter(|attempt| ours(attempt.person) || compared(attempt.person)));
    all.sort_by_key(|attempt| (attempt.person, attempt.code, attempt.client, std::cmp::Reverse(attempt.at)));
    all.dedup_by_key(|attempt| (attempt.person, attempt.code, attempt.client));
    if let Some(span) = control {
        gate::forget_control(state, &mut all, at, span);
    }
    all
}

/// Earlier and new reports of notices that came back, each once, as long as they may matter; ascending.
fn late(observed: &Observed, at: Timestamp, new: Vec<Bounce>) -> Vec<Bounce> {
    let earlier = observed.bounces.last.iter().flat_map(|reading| reading.value.iter().cloned());
    let mut all: Vec<_> = earlier.chain(new).filter(|bounce| at.duration_since(bounce.at) <= REACH).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::sample::{at, id, person};

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

    type Case = (&'static str, fn(IdSet) -> Answered, fn(&Observed) -> usize);

    #[test]
    fn a_group_or_a_report_that_shrinks_is_believed_when_a_second_reading_says_the_same() {
        let list = |people: u128| (0..people).map(id).collect::<IdSet>();
        let mut plan = crate::rollout::sample::plan();
        plan.people.exempt_group = Some("Exempt".to_owned());
        let state = crate::rollout::sample::Perfect::new(plan, "2027-01-01T08:00:00Z").state;
        let cases: [Case; 4] = [
            ("members", |set| Answered::Members(Ok(set)), |o| o.members.last.as_ref().map_or(0, |r| r.value.len())),
            (
                "report",
                |set| {
                    Answered::Registration(Ok(set.iter().map(|id| (id, crate::rollout::observed::Readiness::Capable)).collect()))
                },
                |o| o.registration.last.as_ref().map_or(0, |r| r.value.len()),
            ),
            (
                "a group",
                |set| Answered::Selection("group:Pilot".to_owned(), Ok(set)),
                |o| o.selections["group:Pilot"].last.as_ref().map_or(0, |r| r.value.len()),
            ),
            (
                "the exempt group",
                |set| Answered::Selection("group:Exempt".to_owned(), Ok(set)),
                |o| o.selections["group:Exempt"].last.as_ref().map_or(0, |r| r.value.len()),
            ),
        ];
        for (name, answered, known) in cases {
            for (readings, expected) in [
                (vec![(0, 100), (60, 80)], 80),
                (vec![(0, 100), (60, 50)], 100),
                (vec![(0, 100), (60, 50), (120, 51)], 51),
                (vec![(0, 100), (60, 0), (120, 0)], 0),
                (vec![(0, 100), (60, 0), (120, 99)], 99),
                (vec![(0, 12), (60, 3)], if name == "the exempt group" { 12 } else { 3 }),
                (vec![(0, 12), (60, 3), (120, 3)], 3),
            ] {
                let mut observed = Observed::default();
                for (second, people) in &readings {
                    let now = at("2027-01-11T08:00:00Z") + jiff::SignedDuration::from_secs(*second);
                    take_in(&state, &mut observed, now, answered(list(*people)));
                }
                assert_eq!(known(&observed), expected, "{name}: {readings:?}");
            }
        }
    }
}
