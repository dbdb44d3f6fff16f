//! Problems that a tenant can be made with, each by its name, for whoever looks for problems.
//!
//! Each kind changes what the tenant is at its beginning; nothing here happens later.

use jiff::Timestamp;

use super::group::GroupKind;
use super::person::{Account, Habit, Kind, Methods, Person};
use super::policy::State;
use super::profile::Licence;
use super::tenant::{ENFORCED_GROUP, EXEMPT_GROUP, POLICY, Tenant};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Planted {
            $($(#[$doc])* $kind,)*
        }

        impl Planted {
            /// Every kind.
            pub const EACH: &'static [Self] = &[$(Self::$kind,)*];

            /// Its name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// An administrator is exempt.
    AdminExempt = "admin-exempt",
    /// An administrator has no method.
    AdminUnregistered = "admin-unregistered",
    /// A break-glass account is disabled.
    BreakGlassDisabled = "break-glass-disabled",
    /// A break-glass account has a name in another domain.
    BreakGlassDomain = "break-glass-domain",
    /// A break-glass account is not excluded from the policy.
    BreakGlassExposed = "break-glass-exposed",
    /// A break-glass account holds no role.
    BreakGlassNoAdmin = "break-glass-no-admin",
    /// A break-glass account comes from an on-premises directory.
    BreakGlassSynced = "break-glass-synced",
    /// Nobody ever signed in with a break-glass account.
    BreakGlassUntried = "break-glass-untried",
    /// The app holds a dangerous permission.
    DangerousPermission = "dangerous-permission",
    /// Some people never sign in.
    Dormant = "dormant",
    /// The app holds permissions that it does not need.
    ExcessivePermissions = "excessive-permissions",
    /// A domain is federated, and its provider's MFA counts.
    FederatedAccept = "federated-accept",
    /// A domain is federated, and people are sent to its provider for MFA.
    FederatedEnforce = "federated-enforce",
    /// A domain is federated, and nothing says what its provider's MFA counts for.
    FederatedUnset = "federated-unset",
    /// Licences have lapsed.
    LapsedLicence = "lapsed-licence",
    /// People use IMAP, POP, SMTP and ActiveSync.
    LegacyClients = "legacy-clients",
    /// The methods policy allows nothing.
    NoMethods = "no-methods",
    /// The tenant has no premium licence.
    NoLicence = "no-licence",
    /// People use Outlook 2013.
    OldOffice = "old-office",
    /// Shared mailboxes can sign in.
    OpenMailboxes = "open-mailboxes",
    /// Older settings of methods count.
    OlderMethods = "older-methods",
    /// No Temporary Access Pass can be issued.
    PassOff = "pass-off",
    /// People have no address.
    PeopleWithoutMail = "people-without-mail",
    /// The policy only reports.
    PolicyReportsOnly = "policy-reports-only",
    /// Nobody is asked to register.
    PromptOff = "prompt-off",
    /// Accounts that only programs use, from afar.
    ServiceAccounts = "service-accounts",
    /// The synchronisation stands still.
    SyncStalled = "sync-stalled",
    /// The synchronisation account is not excluded from the policy.
    SyncExposed = "sync-exposed",
    /// The app lacks a permission.
    TooFewPermissions = "too-few-permissions",
    /// The enforcement group fills itself by a rule.
    UnfitGroup = "unfit-group",
    /// People have no licence.
    UnlicensedPeople = "unlicensed-people",
    /// Only text messages may be registered.
    WeakMethods = "weak-methods",
}

impl Planted {
    /// Those that can be there at the same time: the others hide something else.
    #[must_use]
    pub fn together() -> Vec<Self> {
        let alone = [Self::NoLicence, Self::NoMethods, Self::UnfitGroup, Self::TooFewPermissions];
        Self::EACH.iter().copied().filter(|kind| !alone.contains(kind)).collect()
    }
}

impl std::str::FromStr for Planted {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::EACH.iter().find(|kind| kind.as_str() == name).copied();
        known.ok_or_else(|| {
            let names: Vec<_> = Self::EACH.iter().map(|kind| kind.as_str()).collect();
            format!("`{name}` is no problem to plant; write `all` or one of {}", names.join(", "))
        })
    }
}

/// What is out of the ordinary about a person.
#[derive(Clone, Debug, Default)]
pub(super) struct Quirks {
    /// Holds no licence, though others like them do.
    pub(super) unlicensed: bool,
    /// Comes from an on-premises directory.
    pub(super) synced: bool,
    /// Is, or is not, Global Administrator, whatever others like them are.
    pub(super) admin: Option<bool>,
    /// Signs in with this client, too.
    pub(super) legacy: Option<&'static str>,
    /// Signs in never, or only by programs.
    pub(super) presence: Presence,
}

/// How somebody signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// As people do.
    #[default]
    Usual,
    /// Only by programs.
    Programs,
    /// Never.
    Never,
}

/// Of whom the next few are taken, so that nobody is taken twice.
struct Line(std::vec::IntoIter<usize>);

impl Line {
    fn next(&mut self, count: usize) -> Vec<usize> {
        self.0.by_ref().take(count).collect()
    }
}

impl Tenant {
    /// Whether a problem was planted.
    pub(super) fn has(&self, kind: Planted) -> bool {
        self.profile.planted.contains(&kind)
    }

    /// Plants what the profile asks for.
    pub(super) fn plant(&mut self) {
        let exempt = self.groups.iter().find(|group| group.name == EXEMPT_GROUP).cloned();
        let is_free = |person: &Person| {
            person.kind == Kind::Ordinary && person.is_enabled() && !exempt.as_ref().is_some_and(|group| group.has(person.id))
        };
        let ordinary: Vec<usize> = (0..self.people.len()).filter(|at| self.people.get(*at).is_some_and(is_free)).collect();
        // From the end: the pilot's people stand at the beginning.
        let mut line = Line(ordinary.into_iter().rev().collect::<Vec<_>>().into_iter());
        let kinds = self.profile.planted.clone();
        for kind in kinds {
            self.plant_one(kind, &mut line);
        }
    }

    fn plant_one(&mut self, kind: Planted, line: &mut Line) {
        match kind {
            Planted::AdminExempt => {
                for at in line.next(1) {
                    self.change_person(at, |person| {
                        person.quirks.admin = Some(true);
                        person.methods = Methods { habit: Habit::Already, own: Some(Timestamp::MIN), required: None, mails: 0 };
                    });
                    let id = self.people.get(at).map(|person| person.id);
                    let group = self.groups.iter_mut().find(|group| group.name == EXEMPT_GROUP);
                    if let (Some(id), Some(group)) = (id, group) {
                        group.add(id, Timestamp::MIN);
                    }
                }
            }
            Planted::AdminUnregistered => self.change_some(line, 1, |person| {
                person.quirks.admin = Some(true);
                person.methods = Methods { habit: Habit::Never, own: None, required: None, mails: 0 };
            }),
            Planted::Dormant => self.change_some(line, 3, |person| person.quirks.presence = Presence::Never),
            Planted::LegacyClients => {
                for client in ["IMAP4", "POP3", "Authenticated SMTP", "Exchange ActiveSync"] {
                    self.change_some(line, 2, |person| person.quirks.legacy = Some(client));
                }
            }
            Planted::OldOffice => self.change_some(line, 2, |person| person.quirks.legacy = Some("MAPI over HTTP")),
            Planted::OpenMailboxes => {
                for at in 0..self.people.len() {
                    self.change_person(at, |person| {
                        if person.kind == Kind::Resource && person.upn.starts_with("room") {
                            person.account = Account::Enabled;
                        }
                    });
                }
            }
            Planted::PeopleWithoutMail => self.change_some(line, 2, |person| person.mail = None),
            Planted::ServiceAccounts => self.change_some(line, 2, |person| person.quirks.presence = Presence::Programs),
            Planted::UnlicensedPeople => self.change_some(line, 4, |person| person.quirks.unlicensed = true),
            Planted::FederatedAccept | Planted::FederatedEnforce | Planted::FederatedUnset => {
                let domain = format!("{}.{}", kind.as_str(), self.profile.domain);
                for at in line.next(3) {
                    self.rename_to(at, &domain);
                }
            }
            Planted::BreakGlassDomain => {
                let domain = format!("brand.{}", self.profile.domain);
                // The plan names them by their ids then.
                if let Some(at) = self.break_glass(1) {
                    self.rename_to(at, &domain);
                }
            }
            Planted::BreakGlassDisabled => self.change_break_glass(1, |person| person.account = Account::Disabled),
            Planted::BreakGlassNoAdmin => self.change_break_glass(0, |person| person.quirks.admin = Some(false)),
            Planted::BreakGlassSynced => self.change_break_glass(0, |person| person.quirks.synced = true),
            Planted::BreakGlassUntried => self.change_break_glass(0, |person| person.quirks.presence = Presence::Never),
            Planted::BreakGlassExposed => {
                let id = self.break_glass(0).and_then(|at| self.people.get(at)).map(|person| person.id_text.clone());
                if let Some(policy) = self.policies.iter_mut().find(|policy| policy.name == POLICY) {
                    policy.exclude_users.retain(|excluded| Some(excluded) != id.as_ref());
                }
            }
            Planted::SyncExposed => {
                if let Some(policy) = self.policies.iter_mut().find(|policy| policy.name == POLICY) {
                    policy.exclude_roles.clear();
                }
            }
            Planted::PolicyReportsOnly => {
                if let Some(policy) = self.policies.iter_mut().find(|policy| policy.name == POLICY) {
                    policy.state = State::EnabledForReportingButNotEnforced;
                    policy.works_from(Timestamp::MIN);
                }
                self.required = vec![(Timestamp::MIN, false)];
            }
            Planted::UnfitGroup => {
                if let Some(group) = self.groups.iter_mut().find(|group| group.name == ENFORCED_GROUP) {
                    group.kind = GroupKind::Dynamic;
                }
            }
            Planted::NoLicence => self.profile.licence = Licence::Free,
            Planted::DangerousPermission => self.profile.roles.push("User.ReadWrite.All".to_owned()),
            Planted::ExcessivePermissions => {
                self.profile.roles.extend(["Calendars.ReadWrite", "Sites.Read.All"].map(str::to_owned));
            }
            Planted::TooFewPermissions => self.profile.roles.retain(|role| role != "AuditLog.Read.All" && role != "Mail.Send"),
            // `about` and `methods` ask for these.
            Planted::LapsedLicence
            | Planted::NoMethods
            | Planted::OlderMethods
            | Planted::PassOff
            | Planted::PromptOff
            | Planted::SyncStalled
            | Planted::WeakMethods => {}
        }
    }

    fn change_some(&mut self, line: &mut Line, count: usize, change: impl Fn(&mut Person)) {
        for at in line.next(count) {
            self.change_person(at, &change);
        }
    }

    fn change_break_glass(&mut self, which: usize, change: impl Fn(&mut Person)) {
        if let Some(at) = self.break_glass(which) {
            self.change_person(at, change);
        }
    }

    fn change_person(&mut self, at: usize, change: impl Fn(&mut Person)) {
        if let Some(person) = self.people.get_mut(at) {
            change(person);
        }
    }

    fn break_glass(&self, which: usize) -> Option<usize> {
        let mut places = self.people.iter().enumerate().filter(|(_, person)| person.kind == Kind::BreakGlass);
        places.nth(which).map(|(at, _)| at)
    }

    fn rename_to(&mut self, at: usize, domain: &str) {
        let Some(person) = self.people.get_mut(at) else { return };
        self.by_name.remove(&person.upn.to_lowercase());
        let name = person.upn.split('@').next().unwrap_or_default();
        person.upn = format!("{name}@{domain}");
        self.by_name.insert(person.upn.to_lowercase(), at);
    }
}
