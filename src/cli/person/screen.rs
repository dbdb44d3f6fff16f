//! The answer about one person, as data: gathered from the journal and from what was read, judged by the rollout's own functions.

use jiff::Timestamp;
use serde::Serialize;

use super::super::{Exit, Failure};
use super::live::{Account, Live};
use crate::engine::status::Status;
use crate::rollout::advice::{Advice, Case, advise, next_reminder};
use crate::rollout::condition::{Conditions, Ground};
use crate::rollout::exception::{self, Exception};
use crate::rollout::id::ObjectId;
use crate::rollout::ledger::{Ledger, Told};
use crate::rollout::observed::{Directory, Observed, Readiness, Reading, Registration};
use crate::rollout::person::{Enforced, Home, PersonState};
use crate::rollout::report::situation;
use crate::rollout::select::{exempt_key, protection};
use crate::rollout::sign_in_code::{Kind, meaning};
use crate::rollout::stage::PhaseName;
use crate::rollout::state::{Phase, State};
use crate::rollout::told::announce_at;

/// The whole answer.
#[derive(Debug, Serialize)]
pub(super) struct Screen {
    pub(super) id: ObjectId,
    pub(super) name: Option<String>,
    pub(super) as_of: Timestamp,
    /// The last record of the journal.
    pub(super) record: u64,
    /// When a daemon last published its status.
    pub(super) published_at: Option<Timestamp>,
    /// Stage or tail; none for somebody outside of both.
    pub(super) stage: Option<String>,
    pub(super) phase: Option<PhaseName>,
    pub(super) situation: &'static str,
    pub(super) why: Option<String>,
    pub(super) first_told: Option<Timestamp>,
    pub(super) promise: Option<Timestamp>,
    pub(super) told: Vec<Told>,
    pub(super) required_since: Option<Timestamp>,
    pub(super) verified_at: Option<Timestamp>,
    pub(super) registered: Known,
    pub(super) failures: Option<Vec<Failed>>,
    pub(super) protected: Protected,
    /// What holds for them alone: an exemption, a deferral, an absence.
    pub(super) exception: Option<Exception>,
    #[serde(flatten)]
    pub(super) advice: Advice,
    /// What could not be read, and why.
    pub(super) missing: Vec<String>,
}

/// What is known of somebody's methods.
#[derive(Debug, Serialize)]
pub(super) struct Known {
    pub(super) readiness: Readiness,
    /// In Microsoft's words; none when only the readiness is known.
    pub(super) methods: Option<Vec<String>>,
    /// `person`, `report` or `daemon`; none when nothing is known.
    pub(super) source: Option<&'static str>,
    pub(super) as_of: Option<Timestamp>,
}

/// An attempt to sign in that did not succeed.
#[derive(Debug, Serialize)]
pub(super) struct Failed {
    pub(super) at: Timestamp,
    pub(super) code: i64,
    pub(super) app: Option<String>,
    pub(super) means: Option<&'static str>,
    pub(super) remedy: Option<&'static str>,
    /// Whether it is a step of an ordinary sign-in.
    pub(super) step: bool,
}

/// Whether something protects the person from being enforced.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Protected {
    /// Nothing does.
    No,
    /// This does, until it is ended by hand.
    By(&'static str),
    /// It could not be read.
    Unknown,
}

impl Screen {
    pub(super) fn new(
        id: ObjectId,
        name: Option<String>,
        (state, now): (&State, Timestamp),
        ledger: &Ledger,
        (mut observed, live): (Observed, Live),
        published: Option<&Status>,
    ) -> Result<Self, Failure> {
        let Some(accepted) = &state.plan else {
            return Err(Failure::new(Exit::Failed, "no plan has come into force yet; start `tidegate run`"));
        };
        let Live { account, sync_accounts, exempt, registered, attempts, mut missing, .. } = live;
        let key = exempt_key(&accepted.plan);
        take_account(&mut observed, now, id, account, sync_accounts);
        if let Some((key, people)) = key.zip(exempt) {
            observed.selections.entry(key).or_default().take(now, Ok(people));
        }
        let known = take_registered(&mut observed, now, id, registered, &mut missing);
        let plan = &accepted.plan;
        let ground = Ground {
            plan,
            state,
            observed: &observed,
            now,
            revision: &accepted.revision,
            booted: Timestamp::MIN,
            fresh_within: plan.observe.max_age,
            conditions: Conditions::all(),
        };
        let own = state.people.get(id);
        let gone = matches!(account, Account::Gone);
        let (word, why) = match &own {
            _ if gone => ("left", None),
            Some(own) => situation(&ground, own),
            None => ("outside", None),
        };
        let failures = attempts.map(|attempts| attempts.iter().filter(|one| one.code != 0).map(Failed::new).collect::<Vec<_>>());
        let latest = failures.as_ref().and_then(|failures| failures.first());
        let advice = advise(&case(&ground, own.as_ref(), (word, why.clone()), known.readiness, latest.map(|failed| failed.code)));
        let row = observed.directory.last.as_ref().and_then(|reading| reading.value.person(id));
        Ok(Self {
            id,
            name,
            as_of: now,
            record: state.seq,
            published_at: published.map(|status| status.written_at),
            stage: own.as_ref().map(|own| state.home_name(own.home()).to_owned()),
            phase: own.as_ref().and_then(|own| phase(&ground, own)),
            situation: word,
            why,
            first_told: own.as_ref().and_then(PersonState::first_told),
            promise: own.as_ref().and_then(PersonState::promise),
            told: ledger.notices().cloned().collect(),
            required_since: own.as_ref().and_then(PersonState::enforced_since),
            verified_at: own.as_ref().and_then(|own| match own.enforced() {
                Enforced::Verified(at) => Some(at),
                _ => None,
            }),
            registered: known,
            failures,
            protected: row
                .map_or(Protected::Unknown, |row| protection(plan, &observed, &row).map_or(Protected::No, Protected::By)),
            exception: exception::of(&state.exceptions, id).cloned(),
            advice,
            missing,
        })
    }
}

/// The person's row as the tenant has it now, over what an earlier reading said.
fn take_account(observed: &mut Observed, now: Timestamp, id: ObjectId, account: Account, sync_accounts: Option<Vec<ObjectId>>) {
    if matches!(account, Account::Unread) && observed.directory.last.is_none() {
        return;
    }
    let mut reading = observed.directory.last.take().unwrap_or(Reading { as_of: now, value: Directory::default() });
    match account {
        Account::Here(person) => reading.value.put(&person),
        Account::Gone => drop(reading.value.remove(id)),
        Account::Unread => {}
    }
    if let Some(accounts) = sync_accounts {
        reading.value.sync_accounts = accounts;
    }
    observed.directory.last = Some(reading);
}

/// What the tenant says of their methods, or else what a daemon read of everybody.
fn take_registered(
    observed: &mut Observed,
    now: Timestamp,
    id: ObjectId,
    registered: Option<crate::graph::Registered>,
    missing: &mut Vec<String>,
) -> Known {
    if let Some(registered) = registered {
        let source = if registered.reported_at.is_some() { "report" } else { "person" };
        let mut value = Registration::default();
        value.put(id, registered.readiness);
        observed.registration.take(now, Ok(value));
        let as_of = registered.reported_at.or(Some(now));
        return Known { readiness: registered.readiness, methods: Some(registered.methods), source: Some(source), as_of };
    }
    let reading = observed.registration.last.as_ref();
    let readiness = reading.map_or(Readiness::Unknown, |reading| reading.value.of(id));
    if readiness == Readiness::Unknown {
        missing.push("their methods: no reading has a row about them".to_owned());
        return Known { readiness, methods: None, source: None, as_of: None };
    }
    Known { readiness, methods: None, source: Some("daemon"), as_of: reading.map(|reading| reading.as_of) }
}

impl Failed {
    fn new(attempt: &crate::graph::Attempt) -> Self {
        let known = meaning(attempt.code);
        Self {
            at: attempt.at,
            code: attempt.code,
            app: attempt.app.clone(),
            means: known.map(|known| known.means),
            remedy: known.map(|known| known.remedy),
            step: known.is_some_and(|known| known.kind == Kind::Step),
        }
    }
}

fn phase(ground: &Ground<'_>, own: &PersonState) -> Option<PhaseName> {
    match own.home() {
        Home::Stage(ix) => ground.state.stages.get(usize::from(ix)).map(|stage| stage.phase.name()),
        Home::Tail => None,
    }
}

fn case(
    ground: &Ground<'_>,
    own: Option<&PersonState>,
    (situation, why): (&'static str, Option<String>),
    readiness: Readiness,
    code: Option<i64>,
) -> Case {
    let state = ground.state;
    let home = own.map(PersonState::home);
    let stage = match home {
        Some(Home::Stage(ix)) => state.stages.get(usize::from(ix)),
        _ => None,
    };
    let name = home.map(|home| state.home_name(home)).unwrap_or_default();
    let named = match home {
        Some(Home::Stage(ix)) => state.named_instant(ix),
        _ => None,
    };
    Case {
        situation,
        why,
        phase: stage.map(|stage| stage.phase.name()),
        announced_at: stage.filter(|stage| matches!(stage.phase, Phase::Scheduled)).map(|stage| announce_at(ground, stage)),
        promise: own.and_then(PersonState::promise),
        reminder: named.and_then(|start| next_reminder(&ground.plan.notices.before, start, ground.now)),
        readiness,
        held: home.and_then(|_| state.forward_holds(name).next()).map(|hold| hold.why.clone()),
        code,
    }
}
