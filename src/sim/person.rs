//! One user object, and what is known of its authentication methods. How it comes about is in `people` and `reaction`.

use jiff::Timestamp;

use super::json::{Row, Value};
use super::planted::Quirks;
use crate::rollout::id::ObjectId;

/// A user object.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: ObjectId,
    pub(super) id_text: String,
    pub(super) upn: String,
    pub(super) mail: Option<String>,
    pub(super) display_name: String,
    pub(super) given_name: Option<String>,
    pub(super) surname: Option<String>,
    pub(super) department: Option<String>,
    pub(super) job_title: Option<&'static str>,
    pub(super) language: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) account: Account,
    /// When the account was last enabled or disabled.
    pub(super) account_since: Timestamp,
    pub(super) created: Timestamp,
    pub(super) deleted: Option<Timestamp>,
    /// From when until when the person does not sign in.
    pub(super) away: Option<(Timestamp, Timestamp)>,
    /// When a name or an address last changed.
    pub(super) changed: Option<Timestamp>,
    pub(super) methods: Methods,
    /// Since when which state of per-user MFA was set; oldest first. None means disabled.
    pub(super) per_user: Vec<(Timestamp, PerUser)>,
    pub(super) quirks: Quirks,
}

/// A state of per-user MFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PerUser {
    /// Not required.
    Disabled,
    /// Required, and not yet registered for.
    Enabled,
    /// Required.
    Enforced,
}

impl PerUser {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Enforced => "enforced",
        }
    }
}

/// What a user object stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ordinary,
    BreakGlass,
    /// Holds the directory synchronisation role.
    Sync,
    Guest,
    /// A room, or a mailbox that several people share.
    Resource,
}

/// Whether one can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    Enabled,
    Disabled,
}

/// How somebody comes to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Registered before anybody was told.
    Already,
    /// Within days of the first mail.
    Early,
    /// Within days of the mail with that number, or of any mail when the day is near.
    Prompted(u32),
    /// In the last hours.
    LastDay,
    /// Not until it is required.
    Never,
    /// Registered what the policy does not allow.
    NotAllowed,
}

impl Habit {
    /// Whether they register soon after they are told, or did before.
    pub(super) const fn is_keen(self) -> bool {
        matches!(self, Self::Already | Self::Early | Self::Prompted(_))
    }
}

/// What is known of somebody's authentication methods.
#[derive(Clone, Debug)]
pub(super) struct Methods {
    pub(super) habit: Habit,
    /// When they register by themselves; may lie ahead.
    pub(super) own: Option<Timestamp>,
    /// When a sign-in that requires MFA makes them register; may lie ahead.
    pub(super) required: Option<Timestamp>,
    /// Mails that reached them.
    pub(super) mails: u32,
}

/// Whether somebody could pass MFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ability {
    Nothing,
    NotAllowed,
    Capable,
}

impl Methods {
    /// What they could do at `at`.
    pub(super) fn at(&self, at: Timestamp) -> Ability {
        let done = |when: Option<Timestamp>| when.is_some_and(|when| when <= at);
        match (self.habit, done(self.own), done(self.required)) {
            (_, false, false) => Ability::Nothing,
            (Habit::NotAllowed, true, false) => Ability::NotAllowed,
            _ => Ability::Capable,
        }
    }
}

impl Person {
    /// Whether the object exists.
    pub(super) const fn exists(&self) -> bool {
        self.deleted.is_none()
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.account == Account::Enabled
    }
}

/// Properties that a list gives when none are selected.
pub(super) const DEFAULT: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

const P1_PLAN: &str = "41781fb2-bc02-4b7c-bd55-b576c07bb09d";
/// The SKU that holds the plan.
pub(super) const P1_SKU: &str = "078d2b04-f1bd-4111-bbd4-b4b1b354cef4";

impl Person {
    /// Where somebody with their language lives: code and name of the country, and a city.
    pub(super) fn whereabouts(&self) -> (&'static str, &'static str, &'static str) {
        match self.language {
            Some("de-DE") => ("DE", "Germany", "Berlin"),
            Some("fr-FR") => ("FR", "France", "Paris"),
            Some("es-ES") => ("ES", "Spain", "Madrid"),
            Some(_) => ("US", "United States", "New York"),
            None => ("IN", "India", "Pune"),
        }
    }
}

impl Row for Person {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        let is_ordinary = self.kind == Kind::Ordinary;
        let for_ordinary = |text: &'static str| if is_ordinary { Value::Text(text) } else { Value::Null };
        let is_licensed = is_ordinary && !self.quirks.unlicensed;
        let for_licensed = |value: Value<'static>| if is_licensed { Value::List(vec![value]) } else { Value::List(Vec::new()) };
        Some(match name {
            "id" => Value::Text(&self.id_text),
            "userPrincipalName" => Value::Text(&self.upn),
            "mail" => Value::text(self.mail.as_deref()),
            "displayName" => Value::Text(&self.display_name),
            "givenName" => Value::text(self.given_name.as_deref()),
            "surname" => Value::text(self.surname.as_deref()),
            "department" => Value::text(self.department.as_deref()),
            "jobTitle" => Value::text(self.job_title),
            "preferredLanguage" => Value::text(self.language),
            "accountEnabled" => Value::Bool(self.is_enabled()),
            "userType" => Value::Text(if self.kind == Kind::Guest { "Guest" } else { "Member" }),
            "externalUserState" => {
                if self.kind == Kind::Guest {
                    Value::Text("Accepted")
                } else {
                    Value::Null
                }
            }
            "createdDateTime" => Value::Time(self.created),
            "companyName" => for_ordinary("Contoso"),
            "country" => for_ordinary(self.whereabouts().1),
            "city" | "officeLocation" => for_ordinary(self.whereabouts().2),
            "usageLocation" => for_ordinary(self.whereabouts().0),
            "employeeType" => for_ordinary("Employee"),
            "mailNickname" => Value::text(self.upn.split('@').next()),
            "onPremisesSyncEnabled" if self.quirks.synced => Value::Bool(true),
            "deletedDateTime" | "mobilePhone" | "onPremisesSyncEnabled" | "onPremisesImmutableId" | "employeeId" => Value::Null,
            "businessPhones" | "otherMails" | "proxyAddresses" => Value::List(Vec::new()),
            "assignedLicenses" => {
                for_licensed(Value::Object(vec![("disabledPlans", Value::List(Vec::new())), ("skuId", Value::Text(P1_SKU))]))
            }
            "assignedPlans" => for_licensed(Value::Object(vec![
                ("assignedDateTime", Value::Null),
                ("capabilityStatus", Value::Text("Enabled")),
                ("service", Value::Text("AADPremiumService")),
                ("servicePlanId", Value::Text(P1_PLAN)),
            ])),
            _ => return None,
        })
    }
}
