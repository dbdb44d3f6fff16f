//! What was read of the tenant: values with the instant they were read, never errors.
//!
//! A source that cannot be read keeps its last reading and says why; what is too old counts as unknown where it is used.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::id::{NameHash, ObjectId, PersonRef};

/// A value and the instant (on our clock) at which the tenant was asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// When it was read.
    pub as_of: Timestamp,
    /// What was read.
    pub value: T,
}

impl<T> Reading<T> {
    /// How old the reading is at `now`; zero for one of the future.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.as_of).max(SignedDuration::ZERO)
    }
}

/// One source of facts: its last readings, and why it cannot be read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source<T> {
    /// The newest reading.
    pub last: Option<Reading<T>>,
    /// A reading at least [`AGREE`] older than `last`, for facts that need two agreeing reads.
    pub earlier: Option<Reading<T>>,
    /// Why the latest attempt failed; cleared by the next reading.
    pub trouble: Option<Trouble>,
    /// When it was last asked, whatever came of it.
    pub asked: Option<Timestamp>,
    /// Attempts in a row that failed.
    pub failures: u32,
}

/// Two reads agree about a membership only when they lie this far apart (DESIGN §8).
pub const AGREE: SignedDuration = SignedDuration::from_secs(60);

/// A clock that differs more than this from the service's is not trusted.
pub const MOST_SKEW: SignedDuration = SignedDuration::from_mins(5);

impl<T> Default for Source<T> {
    fn default() -> Self {
        Self { last: None, earlier: None, trouble: None, asked: None, failures: 0 }
    }
}

impl<T> Source<T> {
    /// The newest reading, when it is not older than `max_age` at `now`.
    #[must_use]
    pub fn fresh(&self, now: Timestamp, max_age: SignedDuration) -> Option<&Reading<T>> {
        self.last.as_ref().filter(|reading| reading.age(now) <= max_age)
    }

    /// Takes in what an attempt at `at` brought.
    pub fn take(&mut self, at: Timestamp, answer: Result<T, Trouble>) {
        self.asked = Some(at);
        match answer {
            Ok(value) => {
                let last = self.last.replace(Reading { as_of: at, value });
                if let Some(last) = last.filter(|last| at.duration_since(last.as_of) >= AGREE) {
                    self.earlier = Some(last);
                }
                self.trouble = None;
                self.failures = 0;
            }
            Err(trouble) => {
                self.trouble = Some(trouble);
                self.failures = self.failures.saturating_add(1);
            }
        }
    }
}

/// Why a source could not be read or an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The class, for deciding.
    pub kind: TroubleKind,
    /// The operator's sentence: the thing, the cause, the next step. Holds no name and no secret.
    pub why: String,
}

/// Classes of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// The tenant did not answer, or answered rubbish.
    Unreachable,
    /// The tenant refuses: credentials, a permission, a licence.
    Refused,
    /// The tenant asked to wait longer than we were ready to.
    Throttled,
    /// What the plan names does not exist, exists twice, or may not be used.
    Unusable,
}

/// One person of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Object id.
    pub id: ObjectId,
    /// Keyed hash of the user principal name.
    pub name: NameHash,
    /// Whether the account is enabled; `None` when the tenant did not say.
    pub enabled: Option<bool>,
    /// Whether it is a guest.
    pub guest: bool,
    /// Whether a mail address is known.
    pub mail: bool,
}

/// The whole directory of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// Everybody, by object id, ascending, each once.
    pub people: Vec<Person>,
    /// Rows whose id could not be read.
    pub unreadable: u32,
    /// Holders of the directory synchronisation role, ascending.
    pub sync_accounts: Vec<ObjectId>,
}

impl Directory {
    /// The person with the id.
    #[must_use]
    pub fn person(&self, id: ObjectId) -> Option<&Person> {
        self.people.binary_search_by_key(&id, |person| person.id).ok().and_then(|at| self.people.get(at))
    }
}

impl Directory {
    /// Takes in rows that were read just now for `asked` (ascending rows); who was asked for and is missing is gone.
    pub fn refresh(&mut self, asked: &[ObjectId], rows: &[Person]) {
        for id in asked {
            let row = rows.binary_search_by_key(id, |person| person.id).ok().and_then(|at| rows.get(at));
            match (self.people.binary_search_by_key(id, |person| person.id), row) {
                (Ok(at), Some(row)) => {
                    if let Some(known) = self.people.get_mut(at) {
                        known.clone_from(row);
                    }
                }
                (Ok(at), None) => drop(self.people.remove(at)),
                (Err(at), Some(row)) => self.people.insert(at, row.clone()),
                (Err(_), None) => {}
            }
        }
    }
}

/// Whether somebody could pass MFA today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Registered a method that is allowed.
    Capable,
    /// Registered, but nothing that is allowed.
    RegisteredNotAllowed,
    /// Nothing registered.
    Unregistered,
    /// No row, a null, or too old.
    Unknown,
}

/// The registration report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// Readiness by object id, ascending; who is missing is `Unknown`.
    pub rows: Vec<(ObjectId, Readiness)>,
    /// When the report was last refreshed by the service (its newest `lastUpdatedDateTime`), if it says so.
    pub refreshed: Option<Timestamp>,
}

impl Registration {
    /// The readiness of a person.
    #[must_use]
    pub fn of(&self, person: ObjectId) -> Readiness {
        let found = self.rows.binary_search_by_key(&person, |(id, _)| *id).ok().and_then(|at| self.rows.get(at));
        found.map_or(Readiness::Unknown, |(_, readiness)| *readiness)
    }
}

/// One attempt to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The attempt's own id.
    pub id: String,
    /// Who.
    pub person: ObjectId,
    /// When.
    pub at: Timestamp,
    /// Microsoft's code; 0 is success.
    pub code: i64,
}

/// The policy, as far as the enforcement depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is wrong with it; empty when it requires MFA of the group and excludes every break-glass account.
    pub problems: Vec<String>,
    /// Hash of everything in it that matters; another value means that somebody edited it.
    pub fingerprint: String,
}

/// One break-glass account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    /// As the plan names it.
    pub reference: PersonRef,
    /// Its object id, when it exists.
    pub id: Option<ObjectId>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether the policy excludes it.
    pub excluded: bool,
}

/// What the enforcement names, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The group whose members must use MFA.
    pub group: ObjectId,
    /// The policy that requires it.
    pub policy: ObjectId,
}

/// What must be known of the enforcement right before the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// The policy.
    pub policy: Policy,
    /// The break-glass accounts, in the plan's order.
    pub break_glass: Vec<BreakGlass>,
}

/// A group or a filter of the plan, as a key: `group:<name or id>` or `filter:<text>`.
pub type SelectionKey = String;

impl Observed {
    /// Forgets what was read of the enforcement's group and policy: from now on others are meant.
    pub fn forget_target(&mut self) {
        self.members = Source::default();
        self.safety = Source::default();
    }
}

/// Everything known of the tenant.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Everybody.
    pub directory: Source<Directory>,
    /// The plan's groups (transitive) and filters, and the exempt group: object ids, ascending.
    pub selections: BTreeMap<SelectionKey, Source<Vec<ObjectId>>>,
    /// Who could pass MFA.
    pub registration: Source<Registration>,
    /// The latest attempt of each enforced person with each code, ascending by person and code.
    pub sign_ins: Source<Vec<SignIn>>,
    /// Resolved group and policy.
    pub target: Source<Target>,
    /// Direct members of the enforcement group, ascending.
    pub members: Source<Vec<ObjectId>>,
    /// Policy and break-glass accounts.
    pub safety: Source<Safety>,
    /// Why our clock cannot be trusted.
    pub clock_doubt: Option<String>,
    /// A listing of the directory with so few people that it was not believed: when, and how many.
    pub shrunk: Option<(Timestamp, usize)>,
    /// Whether the service's clock agrees with ours, by its latest answer.
    pub clock_agrees: bool,
    /// Why the rollout is paused by the file in the state folder.
    pub pause_file: Option<String>,
    /// Why the app's permissions are refused.
    pub permissions_doubt: Option<String>,
    /// Why the plan file that lies on disk is not the plan in force.
    pub plan_doubt: Option<String>,
}
