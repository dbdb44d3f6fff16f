//! What was read of the tenant: values with the instant they were read, never errors.
//!
//! A source that cannot be read keeps its last reading and says why; what is too old counts as unknown where it is used.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::gate::Answered;
use super::id::{NameKey, ObjectId, PersonRef};
pub use super::readings::{Directory, Registration};
pub use super::roll::{IdSet, Roll};
pub use super::unseen::LastSeen;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Object id.
    pub id: ObjectId,
    /// Key of the user principal name.
    pub name: NameKey,
    /// Whether the account is enabled; `None` when the tenant did not say.
    pub enabled: Option<bool>,
    /// Whether it is a guest.
    pub guest: bool,
    /// Whether a mail address is known.
    pub mail: bool,
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
    /// With what.
    pub client: Client,
}

/// What somebody signs in with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// A browser, an app, or something that the log does not name.
    #[default]
    Modern,
    /// A client or a protocol that cannot do MFA.
    Legacy,
}

/// A notice that was accepted and came back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounce {
    /// Whose.
    pub person: ObjectId,
    /// When it came back.
    pub at: Timestamp,
    /// Why; names nobody.
    pub why: String,
}

/// People with whom they report to, ascending by person; who does not exist is missing.
pub type Managed = Vec<(ObjectId, Option<ObjectId>)>;

/// Who manages whom, as read for the lists of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managers {
    /// The stage.
    pub stage: String,
    /// The instant that its lists name.
    pub instant: Timestamp,
    /// Each of its people who are not ready, with their manager.
    pub of: Managed,
}

/// The policy, as far as the enforcement depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is wrong with it; empty when it requires MFA of the group and excludes every break-glass account.
    pub problems: Vec<String>,
    /// Hash of everything in it that matters; another value means that somebody edited it.
    pub fingerprint: String,
    /// Which methods satisfy it.
    pub takes: Takes,
}

/// Which methods satisfy what requires MFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Any that the tenant allows.
    AnyMethod,
    /// Some only, or something else beside a method: an authentication strength, a compliant device.
    Less,
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
#[serde(untagged)]
pub enum Target {
    /// Members of a group.
    Group {
        /// The group whose members must use MFA.
        group: ObjectId,
        /// The policy that requires it.
        policy: ObjectId,
    },
    /// No group and no policy.
    Plain {
        /// Where MFA is required instead.
        way: Way,
    },
}

/// Where MFA comes to be required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Of the members of a group.
    Group,
    /// Of each person by their own state.
    PerUser,
    /// Of the whole tenant at once.
    Tenant,
}

impl Target {
    /// Where MFA comes to be required.
    #[must_use]
    pub const fn way(self) -> Way {
        match self {
            Self::Group { .. } => Way::Group,
            Self::Plain { way } => way,
        }
    }

    /// The group, where there is one.
    #[must_use]
    pub const fn group(self) -> Option<ObjectId> {
        match self {
            Self::Group { group, .. } => Some(group),
            Self::Plain { .. } => None,
        }
    }

    /// Whether people who are enforced in one are so in the other: the policy may be another one, the place may not.
    #[must_use]
    pub fn is_same_place(self, other: Self) -> bool {
        self.way() == other.way() && self.group() == other.group()
    }
}

/// What must be known of the enforcement right before the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// The policy.
    pub policy: Policy,
    /// The break-glass accounts, in the plan's order.
    pub break_glass: Vec<BreakGlass>,
    /// The policies that the plan switches, in that order, with their modes; none where it switches none.
    pub modes: Vec<(ObjectId, Mode)>,
    /// Whether security defaults are on; none where the plan does not ask, or the tenant did not say.
    pub defaults: Option<Toggle>,
    /// Whom the plan's policy is about, where the program owns it.
    pub reach: Option<Reach>,
}

impl Safety {
    /// The mode of a policy that the plan switches.
    #[must_use]
    pub fn mode(&self, policy: ObjectId) -> Option<Mode> {
        self.modes.iter().find(|(id, _)| *id == policy).map(|(_, mode)| *mode)
    }
}

/// Whom a Conditional Access policy is about, its exclusions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The enforcement group.
    Group,
    /// Everybody.
    Everybody,
}

impl Reach {
    /// The words for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Group => "about the enforcement group",
            Self::Everybody => "about everybody but the exempt",
        }
    }
}

/// The mode of a Conditional Access policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is in force.
    Enabled,
    /// It records what it would have required.
    ReportOnly,
    /// It does nothing.
    Off,
}

impl Mode {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "on",
            Self::ReportOnly => "report-only",
            Self::Off => "off",
        }
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Toggle {
    /// On.
    On,
    /// Off.
    Off,
}

/// Something else in the tenant that requires MFA, or may soon, so that an announced date would be false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// What it is: a policy's id, or the name of a switch.
    pub what: String,
    /// What follows from it.
    pub weight: Weight,
    /// What, whose date is false, and what to do; people are told by id.
    pub why: String,
}

/// What follows from a collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Every announced date is false: nothing goes on.
    Holds,
    /// Some dates are, or may become so: an operator should look.
    Warns,
}

/// What Microsoft's What-If says about one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Who would sign in.
    pub person: ObjectId,
    /// What the plan's policy would do.
    pub foreseen: Foreseen,
}

/// What the plan's policy would do at a sign-in, as Microsoft's What-If says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// It applies; in report-only mode, too.
    Applies {
        /// Its mode; none when that is not said.
        mode: Option<Mode>,
        /// Why it would not ask for MFA all the same.
        lacks: Option<String>,
    },
    /// It does not, for reasons that have Microsoft's names.
    Spared(Vec<String>),
    /// Nothing that can be relied on; why.
    Unsaid(String),
}

/// A person's own MFA state (Microsoft's `perUserMfaState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PerUser {
    /// MFA is not required of the person this way.
    Disabled,
    /// It is, and the person has yet to register; Microsoft makes `Enforced` of it by itself.
    Enabled,
    /// It is.
    Enforced,
}

/// A group or a filter of the plan, as a key: `group:<name or id>` or `filter:<text>`.
pub type SelectionKey = String;

impl Observed {
    /// Forgets what was read of the enforcement's group and policy: from now on others are meant.
    pub fn forget_target(&mut self) {
        self.members = Source::default();
        self.safety = Source::default();
        self.per_user = Source::default();
        self.collisions = Source::default();
        self.spared = Source::default();
        self.reached = Source::default();
    }
}

/// Everything known of the tenant.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Everybody.
    pub directory: Source<Directory>,
    /// The plan's groups (transitive) and filters, and the exempt group.
    pub selections: BTreeMap<SelectionKey, Source<IdSet>>,
    /// Who could pass MFA.
    pub registration: Source<Registration>,
    /// The latest attempt of each enforced person with each code, ascending by person and code.
    pub sign_ins: Source<Vec<SignIn>>,
    /// When everybody last signed in; read only where the plan asks and a date comes.
    pub last_seen: Source<LastSeen>,
    /// Resolved group and policy.
    pub target: Source<Target>,
    /// Of whom MFA is required by the enforcement: direct members of its group, or the people whose own state says so.
    pub members: Source<IdSet>,
    /// Own MFA states other than disabled of people who are to move on from them, ascending.
    pub per_user: Source<Vec<(ObjectId, PerUser)>>,
    /// Policy and break-glass accounts.
    pub safety: Source<Safety>,
    /// What else in the tenant requires MFA, or may soon.
    pub collisions: Source<Vec<Collision>>,
    /// What-If about accounts that the policy must leave alone.
    pub spared: Source<Vec<Evaluation>>,
    /// What-If about a few people of the stage under way.
    pub reached: Source<Vec<Evaluation>>,
    /// Notices that came back of late, as the sending mailboxes tell; ascending.
    pub bounces: Source<Vec<Bounce>>,
    /// Who manages the people of a stage who are not ready, once its lists for managers are due.
    pub managers: Source<Managers>,
    /// What the plan's addresses and commands answer, by gate.
    pub gates: BTreeMap<String, Source<Answered>>,
    /// Why our clock cannot be trusted.
    pub clock_doubt: Option<String>,
    /// Listings with so few people that they were not believed, by name: when, and how many.
    pub shrunk: BTreeMap<String, (Timestamp, usize)>,
    /// Whether the service's clock agrees with ours, by its latest answer.
    pub clock_agrees: bool,
    /// Why the rollout is paused by the file in the state folder.
    pub pause_file: Option<String>,
    /// Why the app's permissions are refused.
    pub permissions_doubt: Option<String>,
    /// Why the plan file that lies on disk is not the plan in force.
    pub plan_doubt: Option<String>,
}
