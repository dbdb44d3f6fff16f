//! What a simulated tenant is like: its size, its people's habits, its quotas and its warts.

use std::time::Duration;

use jiff::SignedDuration;

use super::assertion::AppKey;
use super::behaviour::Behaviour;
use super::planted::Planted;

/// The settings of a simulated tenant. Shares are between 0 and 1.
#[derive(Clone, Debug)]
pub struct Profile {
    /// User objects in all: ordinary people, break-glass, sync and guest accounts, rooms, mailboxes. At least 20 are made.
    pub users: usize,
    /// Everything that chance decides follows from it.
    pub seed: u64,
    /// The verified domain.
    pub domain: String,
    /// The licence; without P1 there is neither a registration report nor a sign-in log.
    pub licence: Licence,
    /// How ordinary people come to register, where that does not follow from their own habits and the shares below.
    pub behaviour: Option<Behaviour>,
    /// Ordinary people who could pass MFA before anybody was told.
    pub registered: f64,
    /// Ordinary people who do not register until it is required of them.
    pub never: f64,
    /// Ordinary people who register within the last day before the instant that they were told.
    pub last_day: f64,
    /// Ordinary people who registered only what the policy does not allow.
    pub not_allowed: f64,
    /// Rows that each hourly registration report lacks.
    pub missing_rows: f64,
    /// Sign-ins with MFA that fail at first.
    pub mfa_failures: f64,
    /// Members of groups: how far a replica that lags is behind. Half of the reads meet one.
    pub read_lag: SignedDuration,
    /// How long a token is good for.
    pub token_lifetime: SignedDuration,
    /// Pages that come empty though more follow.
    pub empty_pages: f64,
    /// Requests that meet a random fault.
    pub fault_rate: f64,
    /// Application permissions that the app was granted.
    pub roles: Vec<String>,
    /// The app's client secrets.
    pub secrets: Vec<String>,
    /// The app's certificate. Without one, any assertion that is well formed is taken.
    pub app_key: Option<AppKey>,
    /// Whose tokens the app trusts. Without it, any token of another issuer is taken.
    pub federation: Option<Federation>,
    /// Requests that may be made.
    pub quotas: Quotas,
    /// How the service counts writes and how long it takes.
    pub service: Service,
    /// Problems that the tenant begins with.
    pub planted: Vec<Planted>,
    /// The least time between the first mail to a person and requiring MFA of them, for the oracle.
    pub floor: SignedDuration,
    /// Whether security defaults are on at the beginning. No policy is on beside them then.
    pub security_defaults: bool,
    /// Ordinary people with a state of per-user MFA left behind.
    pub per_user: f64,
    /// Policies of others.
    pub foreign: Vec<Foreign>,
    /// How long a change of a policy takes to work.
    pub policy_delay: SignedDuration,
    /// How long a new group is not known to replicas.
    pub group_delay: SignedDuration,
    /// How long after registration `enabled` becomes `enforced`.
    pub per_user_settles: SignedDuration,
    /// How long somebody may have been disabled or exempt without the app having to know, for the oracle.
    pub grace: SignedDuration,
}

/// A policy that others made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// On: MFA of all users but the break-glass accounts.
    AllUsers,
    /// On: MFA of everybody in Sales, by a group.
    SecondGroup,
    /// Microsoft's own, on: MFA of all users.
    ManagedOn,
    /// Microsoft's own, in report-only mode until Microsoft turns it on: MFA of all users.
    ManagedSoon,
    /// The policy once more, in report-only mode.
    Twin,
    /// On: two policies named as Microsoft's early baseline was, of admins and of all users.
    Baseline,
}

/// A federated credential of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// The issuer of the tokens.
    pub issuer: String,
    /// Whom they must be about.
    pub subject: String,
}

/// The licence of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licence {
    /// No premium plan.
    Free,
    /// Microsoft Entra ID P1.
    P1,
}

/// Requests that may be made; 0 means no limit.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Directory writes, by default per 150 seconds; see [`Service`].
    pub writes: u32,
    /// Resource units per 10 seconds, as a bucket that refills evenly.
    pub units: u32,
    /// Calls of conditional access per second.
    pub policies: u32,
    /// Calls of reports and sign-ins per 10 seconds.
    pub reports: u32,
    /// Messages that each mailbox sends in a minute.
    pub mails: u32,
    /// Recipients of each mailbox in a day.
    pub recipients: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { writes: 3_000, units: 8_000, policies: 1, reports: 5, mails: 30, recipients: 10_000 }
    }
}

/// How the service counts writes and how long it takes.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// How writes are counted.
    pub counted: Counted,
    /// Within what time the quota of writes may be used.
    pub writes_per: SignedDuration,
    /// What a bind costs.
    pub charge: Charge,
    /// Writes under way at once, over all requests; the surplus is answered with 503. 0 means no limit.
    pub at_once: u32,
    /// How long each answer takes, on a socket; requests are served side by side meanwhile.
    pub latency: Duration,
    /// Share of people whose accounts are deleted just when somebody is about to put them into the enforcement group.
    pub vanishing: f64,
}

/// How a quota is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A bucket that refills evenly.
    Bucket,
    /// Fixed windows; one opens with the first write after the one before has ended.
    Window,
}

/// What a bind of several people costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// One write.
    Request,
    /// One write for each person.
    Link,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            counted: Counted::Bucket,
            writes_per: SignedDuration::from_secs(150),
            charge: Charge::Request,
            at_once: 0,
            latency: Duration::ZERO,
            vanishing: 0.0,
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            users: 500,
            seed: 7,
            domain: "contoso.example".to_owned(),
            licence: Licence::P1,
            behaviour: None,
            registered: 0.4,
            never: 0.03,
            last_day: 0.02,
            not_allowed: 0.005,
            missing_rows: 0.005,
            mfa_failures: 0.01,
            read_lag: SignedDuration::ZERO,
            token_lifetime: SignedDuration::from_secs(3_599),
            empty_pages: 0.05,
            fault_rate: 0.0,
            roles: LEAST_ROLES.iter().map(|role| (*role).to_owned()).collect(),
            secrets: vec![super::SECRET.to_owned()],
            app_key: None,
            federation: None,
            quotas: Quotas::default(),
            service: Service::default(),
            planted: Vec::new(),
            floor: SignedDuration::from_hours(24),
            security_defaults: false,
            per_user: 0.0,
            foreign: Vec::new(),
            policy_delay: SignedDuration::from_secs(30),
            group_delay: SignedDuration::from_secs(5),
            per_user_settles: SignedDuration::from_hours(1),
            grace: SignedDuration::from_mins(15),
        }
    }
}

/// The least permissions with which Tidegate works.
const LEAST_ROLES: [&str; 8] = [
    "User.Read.All",
    "GroupMember.ReadWrite.All",
    "Policy.Read.All",
    "AuditLog.Read.All",
    "RoleManagement.Read.Directory",
    "Organization.Read.All",
    "Domain.Read.All",
    "Mail.Send",
];
