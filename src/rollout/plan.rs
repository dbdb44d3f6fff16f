//! The plan: what the operator's file says, validated and with its instants resolved.
//!
//! A `Plan` is part of the journal, so it holds no user principal name: people are object ids or keyed hashes.
//! Credentials, addresses and folders are not part of it.

use jiff::{SignedDuration, Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::id::{PersonRef, sha256_hex};
use super::observed::Toggle;

mod gates;
mod notices;
mod observe;
mod reports;

pub use gates::{Asking, Bound, Fails, Gate, GateAt, Measure, Override, Reads, Versus};
pub use notices::{Channel, Format, Notices, ReaderZone, Via};
pub use observe::{Codes, Observe};
pub use reports::{Reports, Weekly, addressee};

/// One content-hashed version of the operator's plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Tenant id or verified domain, as written; the key of every keyed hash.
    pub tenant: String,
    /// IANA name of the zone that civil times are read in.
    pub time_zone: String,
    /// How MFA is required.
    pub enforcement: Enforcement,
    /// Who is never enforced, and how much foreign change is borne.
    pub people: People,
    /// How many at once.
    pub limits: Limits,
    /// People other than the author who must approve each revision.
    pub approvals_needed: u32,
    /// How long an approval counts.
    #[serde(default = "ninety_days", skip_serializing_if = "is_ninety_days")]
    pub approvals_valid: SignedDuration,
    /// When enforcing may happen.
    pub calendar: Calendar,
    /// What people are told, and when.
    pub notices: Notices,
    /// How often the tenant is read.
    pub observe: Observe,
    /// Questions that must be answered before, during and after a stage.
    pub gates: Vec<Gate>,
    /// The stages, in order of their start. Never empty.
    pub stages: Vec<Stage>,
    /// The tail behind the last stage.
    pub tail: Tail,
    /// What the tenant may be asked for, and with which permissions.
    #[serde(default, skip_serializing_if = "Access::is_usual")]
    pub access: Access,
    /// How far single people may be excepted.
    #[serde(default, skip_serializing_if = "Exceptions::is_usual")]
    pub exceptions: Exceptions,
    /// Whether Microsoft's What-If is asked about each stage; with Conditional Access only.
    #[serde(default = "off", skip_serializing_if = "is_off")]
    pub what_if: Toggle,
    /// What operators are told.
    #[serde(default, skip_serializing_if = "Reports::is_usual")]
    pub reports: Reports,
}

/// A plan from before the key was known; such a plan keeps its revision.
const fn off() -> Toggle {
    Toggle::Off
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_off(toggle: &Toggle) -> bool {
    *toggle == Toggle::Off
}

/// How long approvals count by a plan from before the key was known.
const fn ninety_days() -> SignedDuration {
    SignedDuration::from_hours(90 * 24)
}

fn is_ninety_days(valid: &SignedDuration) -> bool {
    *valid == ninety_days()
}

/// The same for a key that is on unless a plan says otherwise.
const fn on() -> Toggle {
    Toggle::On
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_on(toggle: &Toggle) -> bool {
    *toggle == Toggle::On
}

/// A limit from before its key was known.
const fn a_day() -> SignedDuration {
    SignedDuration::from_hours(24)
}

fn is_a_day(time: &SignedDuration) -> bool {
    *time == a_day()
}

impl Plan {
    /// The revision: SHA-256, in hex, of the plan's canonical JSON.
    #[must_use]
    pub fn revision(&self) -> String {
        // A plan is plain data with string keys; serialising it cannot fail.
        sha256_hex(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The minimum notice of a stage: its own, or the plan's.
    #[must_use]
    pub fn floor(&self, stage: &Stage) -> SignedDuration {
        stage.min_notice.unwrap_or(self.notices.min_notice)
    }
}

/// The part of `[tenant]` that says what the tenant may be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The tenant's licence of Microsoft Entra ID.
    #[serde(default)]
    pub licence: Licence,
    /// Dangerous application permissions that the app may hold all the same, by name.
    #[serde(default)]
    pub accept_permissions: Vec<String>,
}

impl Access {
    /// Whether it says what a plan without these keys says; such a plan keeps its revision.
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A licence of Microsoft Entra ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Licence {
    /// P1, or what includes it: there is a registration report, a sign-in log and Conditional Access.
    #[default]
    P1,
    /// None of them: readiness is read from each person's own methods.
    None,
}

/// How MFA is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Enforcement {
    /// Membership of a group that a Conditional Access policy includes.
    ConditionalAccess {
        /// Object id, or a display name that must match exactly one group.
        group: String,
        /// Object id, or a display name that must match exactly one policy.
        policy: String,
        /// Whether the program may enable the policy, at the first stage.
        manage_policy: bool,
        /// What is left behind, where the tenant starts from security defaults.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leaves: Option<Leaves>,
    },
    /// Per-user MFA state.
    PerUser {
        /// The group and the policy to which people move on, their own state then being retired.
        retire_to: Option<RetireTo>,
    },
    /// The tenant-wide switch, thrown at the last stage.
    SecurityDefaults {
        /// Display names of the policies to turn off just before the switch.
        turn_off: Vec<String>,
    },
}

/// From security defaults to Conditional Access: how the one goes off and the other on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaves {
    /// Ids or exact display names of further policies that are enabled right after the plan's own.
    pub turn_on: Vec<String>,
    /// The stage after whose last person the switch comes; the first if left out.
    pub after: Option<String>,
}

/// Where people with a per-user state move on to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetireTo {
    /// Object id, or a display name that must match exactly one group.
    pub group: String,
    /// Object id, or a display name that must match exactly one policy.
    pub policy: String,
}

/// `[people]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// At least two accounts that are never enforced.
    pub break_glass: Vec<PersonRef>,
    /// Object id or exact display name of the group of exempt people, transitively.
    pub exempt_group: Option<String>,
    /// Whether guests are in scope.
    pub include_guests: bool,
    /// Members changed by someone else before the stage holds.
    pub max_foreign: u32,
}

/// `[limits]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// People in a stage's first batch; 1 to 20.
    pub canary: u32,
    /// How long a `during` gate may stay Inconclusive after the canary.
    pub canary_wait: SignedDuration,
    /// Limits on people enforced in any sliding period.
    pub caps: Vec<Cap>,
    /// How long after its latest start a missed stage may still be started by an operator. Only then are its people told that the date
    /// does not hold.
    #[serde(default, skip_serializing_if = "SignedDuration::is_zero")]
    pub start_late: SignedDuration,
    /// Whether a gate on failed sign-ins that fails rolls the stage back, where no human has decided otherwise.
    #[serde(default = "off", skip_serializing_if = "is_off")]
    pub auto_rollback: Toggle,
    /// How long a `during` gate may stand without data before a human must look.
    #[serde(default = "a_day", skip_serializing_if = "is_a_day")]
    pub max_hold: SignedDuration,
}

/// At most `amount` people enforced within any `per`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// How many.
    pub amount: Amount,
    /// Length of the sliding period.
    pub per: SignedDuration,
}

/// The size of a cap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// A number of people.
    People(u32),
    /// A share of all people in scope, 0 to 1.
    Share(f64),
}

/// `[calendar]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// When enforcing may happen; empty means always.
    pub windows: Vec<Window>,
    /// When it may not.
    pub blackouts: Vec<Blackout>,
}

/// A weekly window `[from, to)` in the plan's zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Bit 0 is Monday, bit 6 Sunday.
    pub days: u8,
    /// First civil time inside.
    pub from: civil::Time,
    /// First civil time outside; later than `from`. Midnight at the end of the day is `None`.
    pub to: Option<civil::Time>,
}

/// A blackout `[from, to)`, resolved to instants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant outside.
    pub to: Timestamp,
    /// The operator's reason.
    pub why: String,
}

/// `[[stage]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Unique name.
    pub name: String,
    /// Who is in it: anybody whom one of these selects.
    pub include: Vec<Selector>,
    /// But nobody whom one of these selects.
    pub exclude: Vec<Selector>,
    /// When it starts.
    pub start: Start,
    /// After this long it is missed, not late.
    pub late_by: SignedDuration,
    /// After the start; who still waits then moves to the tail.
    pub finish_by: SignedDuration,
    /// Replaces the plan's minimum notice; never below 24 h.
    pub min_notice: Option<SignedDuration>,
    /// Healthy time that must be observed before Done.
    pub soak: SignedDuration,
    /// What happens on the day to people who were told and have no method.
    pub unregistered: Unregistered,
    /// How many people its roster must have to be announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expected>,
}

/// A number of people from `least` to `most`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// No fewer.
    pub least: u32,
    /// No more.
    pub most: u32,
}

impl Expected {
    /// Whether so many are expected.
    #[must_use]
    pub fn has(self, people: usize) -> bool {
        u32::try_from(people).is_ok_and(|people| (self.least..=self.most).contains(&people))
    }
}

/// A stage's start: what was written, and the instant it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Civil time in the plan's zone.
    pub civil: civil::DateTime,
    /// The instant.
    pub instant: Timestamp,
    /// Version of the zone data that read it.
    pub tzdb: String,
}

/// People who were told and still have no method on the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unregistered {
    /// Are enforced; the next sign-in is then their registration.
    Enforce,
    /// Wait, and are listed.
    Wait,
}

/// One way to select people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// These people.
    Users(Vec<PersonRef>),
    /// The people of a CSV file.
    Csv {
        /// Path as written.
        path: String,
        /// Its people.
        people: Vec<PersonRef>,
    },
    /// Transitive members of a group: object id or exact display name.
    Group(String),
    /// People whom Graph's `$filter` on `/users` returns.
    Filter(String),
    /// Share of the remainder, 0 to 1, by a keyed hash.
    Percent {
        /// 0 to 1.
        share: f64,
        /// Key of the hash; the tenant's id unless the plan says otherwise.
        salt: String,
    },
    /// At most so many capable people of the remainder.
    ReadyFirst(u32),
    /// The remainder.
    EveryoneElse,
}

/// `[exceptions]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// How often one person may be deferred.
    pub defer_most: u32,
    /// How far one deferral may move a date.
    pub defer_longest: SignedDuration,
    /// How far ahead an exemption may end.
    pub exempt_longest: SignedDuration,
    /// Somebody who was absent is enforced at the earliest this long after they are back.
    pub absent_grace: SignedDuration,
    /// However long somebody stays away, their date comes this long after it was due.
    pub absent_longest: SignedDuration,
    /// People who are known to be away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<PersonRef>,
    /// What happens to people who have not signed in since they were told, when their date comes.
    #[serde(default, skip_serializing_if = "Unseen::is_usual")]
    pub unseen: Unseen,
}

/// People who, as the tenant shows, have not signed in since they were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unseen {
    /// Are enforced as everybody else.
    #[default]
    Enforce,
    /// Are absent.
    Absent,
}

impl Unseen {
    /// Whether it is what a plan without the key says; such a plan keeps its revision.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    const fn is_usual(&self) -> bool {
        matches!(self, Self::Enforce)
    }
}

impl Default for Exceptions {
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self {
            defer_most: 2,
            defer_longest: days(30),
            exempt_longest: days(180),
            absent_grace: days(7),
            absent_longest: days(60),
            absent: Vec::new(),
            unseen: Unseen::Enforce,
        }
    }
}

impl Exceptions {
    /// Whether it says what a plan without the section says; such a plan keeps its revision.
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// `[tail]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// A joiner is enforced this long after their first notice.
    pub grace: SignedDuration,
}
