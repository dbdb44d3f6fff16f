//! What a preflight looks at: facts of the tenant as they were read, each of them or why it could not be.
//!
//! Judges nothing. Invariant: people are object ids; what is listed of them is complete, ascending and without names.

use jiff::{SignedDuration, Timestamp};

use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;

/// A fact, or why it could not be read.
pub type Known<T> = Result<T, Trouble>;

/// Everything that only a preflight reads.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The permissions that the app's token names; none where it cannot be looked into.
    pub granted: Option<Vec<String>>,
    /// The organisation.
    pub organization: Known<Organization>,
    /// Its premium licences.
    pub premium: Known<Premium>,
    /// Its domains.
    pub domains: Known<Vec<Domain>>,
    /// Which authentication methods are allowed, and what helps to register one.
    pub methods: Known<Methods>,
    /// Members that hold a premium plan, ascending.
    pub licensed: Known<Vec<ObjectId>>,
    /// Enabled members without any licence, ascending.
    pub unlicensed: Known<Vec<ObjectId>>,
    /// When people last signed in, by object id, ascending.
    pub activity: Known<Vec<Activity>>,
    /// Sign-ins with clients that cannot do MFA.
    pub legacy: Known<Legacy>,
    /// Holders of the role Global Administrator, ascending.
    pub admins: Known<Vec<ObjectId>>,
    /// The break-glass accounts that exist, ascending.
    pub break_glass: Known<Vec<Account>>,
    /// Whom the policy excludes.
    pub exclusions: Known<Exclusions>,
    /// How far the service's clock is ahead of ours.
    pub clock_skew: Option<SignedDuration>,
}

/// The organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organization {
    /// Whether people come from an on-premises directory.
    pub synced: bool,
    /// When they last did.
    pub last_sync: Option<Timestamp>,
}

/// Subscriptions that hold Microsoft Entra ID P1 or P2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Premium {
    /// Those that count.
    pub enabled: u32,
    /// Those that still count and lapse soon unless they are renewed.
    pub lapsing: u32,
}

/// A domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Its name, in lower case.
    pub name: String,
    /// Whether it came with the tenant and can never be federated away.
    pub initial: bool,
    /// How its people sign in.
    pub sign_in: SignIn,
    /// Its people, ascending; only of federated domains.
    pub people: Vec<ObjectId>,
}

/// How the people of a domain sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignIn {
    /// At Microsoft.
    #[default]
    Managed,
    /// At an identity provider of their own.
    Federated(Behaviour),
}

/// What Microsoft makes of the MFA of an identity provider (`federatedIdpMfaBehavior`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes it where the provider did it, and asks itself where not.
    Accept,
    /// Sends people back to the provider for it.
    Enforce,
    /// Never takes it; asks itself.
    Reject,
    /// Not set: an older setting of the domain decides.
    #[default]
    Unset,
    /// A word that is not known here.
    Other(String),
}

/// What may be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    /// The ids of the methods that are enabled for somebody.
    pub enabled: Vec<String>,
    /// Whether older settings of methods count beside these; none where the tenant does not say.
    pub migrated: Option<bool>,
    /// State of the prompt to register at sign-in: `default`, `enabled`, `disabled`.
    pub prompt: Option<String>,
}

impl Methods {
    /// Whether a method is enabled for somebody.
    #[must_use]
    pub fn has(&self, method: &str) -> bool {
        self.enabled.iter().any(|enabled| enabled.eq_ignore_ascii_case(method))
    }
}

/// When somebody last signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Who.
    pub person: ObjectId,
    /// Their last attempt by themselves, successful or not.
    pub interactive: Option<Timestamp>,
    /// The last one that a program made for them.
    pub other: Option<Timestamp>,
    /// When the account was made.
    pub created: Option<Timestamp>,
}

/// Sign-ins with clients that cannot do MFA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// Who, and with which client; ascending, each pair once.
    pub uses: Vec<(ObjectId, &'static str)>,
    /// Whether there are older ones that were not read.
    pub more: bool,
    /// Why sign-ins that programs make were not looked at, if they were not.
    pub without_programs: Option<String>,
}

/// A break-glass account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub id: ObjectId,
    /// Whether it comes from an on-premises directory.
    pub synced: bool,
    /// Its domain, in lower case.
    pub domain: String,
}

/// Whom a policy excludes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// People, by name or as members of a group, ascending.
    pub people: Vec<ObjectId>,
    /// Roles, by template id.
    pub roles: Vec<ObjectId>,
}
