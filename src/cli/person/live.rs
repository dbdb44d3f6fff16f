//! What the tenant says about one person now. Whatever it does not say is missing, with the reason.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::args::Common;
use super::super::{adapters, place, runtime};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::engine::port::Tenant as _;
use crate::graph::{Attempt, Graph, Registered};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{IdSet, Person, Roll, Trouble};
use crate::rollout::plan::Licence;

/// Nobody waits longer at the telephone.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far back attempts to sign in are looked at.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// With either of these the app may read a person's own methods.
const METHODS: [&str; 2] = ["UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"];

/// What was read.
#[derive(Default)]
pub(super) struct Live {
    /// Whom the name means.
    pub(super) id: Option<ObjectId>,
    /// Their row of the directory.
    pub(super) account: Account,
    /// The accounts of the directory synchronisation.
    pub(super) sync_accounts: Option<Vec<ObjectId>>,
    /// Members of the exempt group.
    pub(super) exempt: Option<IdSet>,
    /// What they have registered.
    pub(super) registered: Option<Registered>,
    /// Their attempts to sign in, newest first.
    pub(super) attempts: Option<Vec<Attempt>>,
    /// What could not be read, and why.
    pub(super) missing: Vec<String>,
}

/// A person's row of the directory.
#[derive(Clone, Copy, Default)]
pub(super) enum Account {
    /// It was not read.
    #[default]
    Unread,
    /// The account does not exist.
    Gone,
    /// Here it is.
    Here(Person),
}

impl Live {
    /// Nothing, for this reason.
    pub(super) fn unread(why: &str) -> Self {
        Self { missing: vec![why.to_owned()], ..Self::default() }
    }

    fn take<T>(&mut self, what: &str, read: Result<T, Trouble>) -> Option<T> {
        read.map_err(|trouble| self.missing.push(format!("{what}: {}", trouble.why))).ok()
    }
}

/// Asks the tenant about the person; whoever is not known yet is looked for by name.
pub(super) fn look(
    common: &Common,
    (name, known): (&str, Option<ObjectId>),
    roll: Arc<Roll>,
    exempt: Option<&str>,
    now: Timestamp,
) -> Live {
    let Ok(loaded) = place::read(common) else {
        return Live::unread("the tenant could not be asked: the plan file cannot be used, `tidegate check` says why");
    };
    let joined = match adapters::over_http(&loaded, &Clock::system(), roll) {
        Ok(joined) => joined,
        Err(failure) => return Live::unread(&format!("the tenant could not be asked: {}", failure.says)),
    };
    let Ok(runtime) = runtime() else { return Live::unread("the tenant could not be asked: no runtime can be started") };
    runtime.block_on(async {
        let looked = ask(&loaded, &joined.graph, (name, known), exempt, now);
        let patience = || Live::unread(&format!("the tenant gave no answer within {} s", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, looked).await.unwrap_or_else(|_| patience())
    })
}

async fn ask(
    loaded: &Loaded,
    graph: &Graph,
    (name, known): (&str, Option<ObjectId>),
    exempt: Option<&str>,
    now: Timestamp,
) -> Live {
    let id = match known {
        Some(id) => Some(id),
        None => match graph.find_person(name).await {
            Ok(id) => id,
            Err(trouble) => return Live::unread(&format!("the tenant could not be asked: {}", trouble.why)),
        },
    };
    let mut live = Live { id, ..Live::default() };
    let Some(id) = id else { return live };
    // One question first: where the tenant cannot be spoken to, the others would only wait.
    match graph.people_now(&[id]).await {
        Ok(people) => {
            live.account = people.into_iter().find(|person| person.id == id).map_or(Account::Gone, Account::Here);
        }
        Err(trouble) => {
            live.missing.push(format!("the tenant could not be asked: {}", trouble.why));
            return live;
        }
    }
    let group = async {
        match exempt {
            Some(group) => Some(graph.group_people(group).await),
            None => None,
        }
    };
    let premium = loaded.plan.access.licence == Licence::P1;
    let since = now.checked_sub(LOOK_BACK).unwrap_or(now);
    let attempts = async { if premium { Some(graph.attempts(id, since).await) } else { None } };
    let (synchronisation, exempt, registered, attempts) =
        tokio::join!(graph.synchronisation(), group, registered(graph, id, premium), attempts);
    live.sync_accounts = live.take("the synchronisation accounts", synchronisation);
    live.exempt = exempt.and_then(|read| live.take("the exempt group", read));
    live.registered = live.take("what they have registered", registered).flatten();
    match attempts {
        Some(read) => live.attempts = live.take("sign-ins", read),
        None => live.missing.push("sign-ins: without a P1 licence there is no sign-in log".to_owned()),
    }
    live
}

/// From the person's own methods where the app may read them, or else from the report.
async fn registered(graph: &Graph, id: ObjectId, premium: bool) -> Result<Option<Registered>, Trouble> {
    let granted = graph.granted().await.unwrap_or_default();
    if !premium || granted.iter().any(|role| METHODS.contains(&role.as_str())) {
        return graph.registered_now(id).await.map(Some);
    }
    graph.reported(id).await
}
