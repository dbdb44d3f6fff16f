//! Conditional-access policies, as far as a rollout meets them, and since when each revision has worked.
//!
//! Of the conditions, users, applications and kinds of client apps are kept; what else a client sends is forgotten.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::required::Rule;
use crate::rollout::id::ObjectId;

/// A policy.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) id: ObjectId,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) include_users: Vec<String>,
    pub(super) exclude_users: Vec<String>,
    pub(super) include_groups: Vec<String>,
    pub(super) exclude_groups: Vec<String>,
    pub(super) include_roles: Vec<String>,
    pub(super) exclude_roles: Vec<String>,
    /// Guests of which kinds it excludes, as it was given.
    pub(super) exclude_guests: Option<Value>,
    pub(super) applications: Vec<String>,
    pub(super) client_apps: Vec<String>,
    pub(super) operator: String,
    pub(super) controls: Vec<String>,
    /// The id of the authentication strength that it requires.
    pub(super) strength: Option<String>,
    pub(super) template: Option<&'static str>,
    pub(super) created: Timestamp,
    pub(super) modified: Option<Timestamp>,
    /// When the people whom it excludes were last replaced.
    pub(super) excluding_since: Option<Timestamp>,
    /// From when on it has meant what; oldest first. The last may lie ahead.
    pub(super) revisions: Vec<(Timestamp, Rule)>,
}

/// Whether a policy works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It works.
    Enabled,
    /// It does nothing.
    Disabled,
    /// It only reports.
    EnabledForReportingButNotEnforced,
}

impl State {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::EnabledForReportingButNotEnforced => "enabledForReportingButNotEnforced",
        }
    }
}

/// When the policies of the beginning were made.
const FOUNDED: Timestamp = Timestamp::constant(1_772_446_272, 345_678_900);

impl Policy {
    pub(super) fn new(id: ObjectId, name: &str, state: State) -> Self {
        Self {
            id,
            name: name.to_owned(),
            state,
            include_users: Vec::new(),
            exclude_users: Vec::new(),
            include_groups: Vec::new(),
            exclude_groups: Vec::new(),
            include_roles: Vec::new(),
            exclude_roles: Vec::new(),
            exclude_guests: None,
            applications: vec!["All".to_owned()],
            client_apps: vec!["all".to_owned()],
            operator: "OR".to_owned(),
            controls: vec!["mfa".to_owned()],
            strength: None,
            template: None,
            created: FOUNDED,
            modified: None,
            excluding_since: None,
            revisions: Vec::new(),
        }
    }

    /// What it says now works from `from` on, whatever was to come later.
    pub(super) fn works_from(&mut self, from: Timestamp) {
        self.revisions.retain(|(at, _)| *at < from);
        self.revisions.push((from, Rule::of(self)));
    }

    /// Takes over the members that `given` has; `None` when it is no policy.
    pub(super) fn take(&mut self, given: &Value, now: Timestamp) -> Option<()> {
        let given = given.as_object()?;
        for (name, value) in given {
            match name.as_str() {
                "displayName" => value.as_str()?.clone_into(&mut self.name),
                "state" => self.state = serde_json::from_value(value.clone()).ok()?,
                "conditions" => self.take_conditions(value, now)?,
                "grantControls" => {
                    let operator = value.get("operator").and_then(Value::as_str);
                    operator.unwrap_or("OR").clone_into(&mut self.operator);
                    self.controls = texts(value, "/builtInControls")?;
                    self.strength = value.pointer("/authenticationStrength/id").and_then(Value::as_str).map(str::to_owned);
                }
                "sessionControls" | "description" | "templateId" | "id" | "createdDateTime" | "modifiedDateTime" => {}
                name if name.contains('@') => {}
                _ => return None,
            }
        }
        Some(())
    }

    /// Conditions replace each other as a whole.
    fn take_conditions(&mut self, given: &Value, now: Timestamp) -> Option<()> {
        given.as_object()?;
        let excluded = std::mem::take(&mut self.exclude_users);
        self.include_users = texts(given, "/users/includeUsers")?;
        self.exclude_users = texts(given, "/users/excludeUsers")?;
        self.include_groups = texts(given, "/users/includeGroups")?;
        self.exclude_groups = texts(given, "/users/excludeGroups")?;
        self.include_roles = texts(given, "/users/includeRoles")?;
        self.exclude_roles = texts(given, "/users/excludeRoles")?;
        self.exclude_guests = given.pointer("/users/excludeGuestsOrExternalUsers").filter(|guests| guests.is_object()).cloned();
        self.applications = texts(given, "/applications/includeApplications")?;
        self.client_apps = texts(given, "/clientAppTypes")?;
        if excluded != self.exclude_users {
            self.excluding_since = Some(now);
        }
        Some(())
    }

    /// Whether it has what every policy needs: client apps, applications, people and a control.
    pub(super) fn is_whole(&self) -> bool {
        let has_people = !(self.include_users.is_empty() && self.include_groups.is_empty() && self.include_roles.is_empty());
        let has_control = !self.controls.is_empty() || self.strength.is_some();
        has_people && has_control && !self.client_apps.is_empty() && !self.applications.is_empty()
    }

    pub(super) fn body(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "templateId": self.template,
            "displayName": self.name,
            "createdDateTime": self.created.to_string(),
            "modifiedDateTime": self.modified.map(|at| at.to_string()),
            "state": self.state.as_str(),
            "sessionControls": null,
            "conditions": {
                "userRiskLevels": [],
                "signInRiskLevels": [],
                "clientAppTypes": self.client_apps,
                "servicePrincipalRiskLevels": [],
                "platforms": null,
                "locations": null,
                "devices": null,
                "clientApplications": null,
                "applications": {
                    "includeApplications": self.applications,
                    "excludeApplications": [],
                    "includeUserActions": [],
                    "includeAuthenticationContextClassReferences": [],
                    "applicationFilter": null
                },
                "users": {
                    "includeUsers": self.include_users,
                    "excludeUsers": self.exclude_users,
                    "includeGroups": self.include_groups,
                    "excludeGroups": self.exclude_groups,
                    "includeRoles": self.include_roles,
                    "excludeRoles": self.exclude_roles,
                    "includeGuestsOrExternalUsers": null,
                    "excludeGuestsOrExternalUsers": self.exclude_guests
                }
            },
            "grantControls": {
                "operator": self.operator,
                "builtInControls": self.controls,
                "customAuthenticationFactors": [],
                "termsOfUse": [],
                "authenticationStrength": self.strength.as_deref().map(super::strengths::body)
            }
        })
    }
}

/// The texts of a list; none where it is missing or null; `None` when it is no list of texts.
fn texts(value: &Value, path: &str) -> Option<Vec<String>> {
    match value.pointer(path) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    }
}
