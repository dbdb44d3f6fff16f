//! What a simulated tenant is like: its size, its people's habits, its quotas and its warts.

use jiff::SignedDuration;

use super::assertion::AppKey;
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
    /// The app's certificate. Without one, any assertion that is well formed is taken.
    pub app_key: Option<AppKey>,
    /// Requests that may be made.
    pub quotas: Quotas,
    /// Problems that the tenant begins with.
    pub planted: Vec<Planted>,
    /// The least time between the first mail to a person and requiring MFA of them, for the oracle.
    pub floor: SignedDuration,
    /// How long somebody may have been disabled or exempt without the app having to know, for the oracle.
    pub grace: SignedDuration,
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
    /// Directory writes per 150 seconds, as a bucket that refills evenly.
    pub writes: u32,
    /// Resource units per 10 seconds, as a bucket that refills evenly.
    pub units: u32,
    /// Calls of conditional access per second.
    pub policies: u32,
    /// Calls of reports and sign-ins per 10 seconds.
    pub reports: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { writes: 3_000, units: 8_000, policies: 1, reports: 5 }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            users: 500,
            seed: 7,
            domain: "contoso.example".to_owned(),
            licence: Licence::P1,
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
            app_key: None,
            quotas: Quotas::default(),
            planted: Vec::new(),
            floor: SignedDuration::from_hours(24),
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
