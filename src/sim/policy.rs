//! Conditional-access policies, as far as a rollout meets them, and since when each state held.

use jiff::Timestamp;
use serde_json::{Value, json};

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
    pub(super) include_roles: Vec<String>,
    pub(super) exclude_roles: Vec<String>,
    pub(super) control: &'static str,
    pub(super) template: Option<&'static str>,
    pub(super) modified: Option<Timestamp>,
    /// When the people whom it excludes were last replaced.
    pub(super) excluding_since: Option<Timestamp>,
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

impl Policy {
    pub(super) fn new(id: ObjectId, name: &str, state: State) -> Self {
        Self {
            id,
            name: name.to_owned(),
            state,
            include_users: Vec::new(),
            exclude_users: Vec::new(),
            include_groups: Vec::new(),
            include_roles: Vec::new(),
            exclude_roles: Vec::new(),
            control: "mfa",
            template: None,
            modified: None,
            excluding_since: None,
        }
    }

    pub(super) fn body(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "templateId": self.template,
            "displayName": self.name,
            "createdDateTime": "2026-03-02T10:11:12.3456789Z",
            "modifiedDateTime": self.modified.map(|at| at.to_string()),
            "state": self.state.as_str(),
            "sessionControls": null,
            "conditions": {
                "userRiskLevels": [],
                "signInRiskLevels": [],
                "clientAppTypes": ["all"],
                "servicePrincipalRiskLevels": [],
                "platforms": null,
                "locations": null,
                "devices": null,
                "clientApplications": null,
                "applications": {
                    "includeApplications": ["All"],
                    "excludeApplications": [],
                    "includeUserActions": [],
                    "includeAuthenticationContextClassReferences": [],
                    "applicationFilter": null
                },
                "users": {
                    "includeUsers": self.include_users,
                    "excludeUsers": self.exclude_users,
                    "includeGroups": self.include_groups,
                    "excludeGroups": [],
                    "includeRoles": self.include_roles,
                    "excludeRoles": self.exclude_roles,
                    "includeGuestsOrExternalUsers": null,
                    "excludeGuestsOrExternalUsers": null
                }
            },
            "grantControls": {
                "operator": "OR",
                "builtInControls": [self.control],
                "customAuthenticationFactors": [],
                "termsOfUse": [],
                "authenticationStrength": null
            }
        })
    }
}
