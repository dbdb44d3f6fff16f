//! The layers of a plan: the embedded defaults, the file, the environment. Later ones win; lists are replaced whole.
//!
//! Validates nothing but the names of variables. Invariant: no secret has a default, and lists of tables are the file's alone.

use std::collections::BTreeMap;

use config::{Config, ConfigError, File, FileFormat, Map, Value, ValueKind};

use super::problem::Problem;

/// The defaults, which are also their documentation.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Every variable of the environment with this prefix is a key of the plan.
const PREFIX: &str = "TIDEGATE_";

/// Lists of tables: only the file may write them.
const TABLES: [&str; 8] = [
    "stage",
    "gate",
    "limits.caps",
    "calendar.windows",
    "calendar.blackouts",
    "notices.windows",
    "notices.zones",
    "notices.webhook",
];

/// Lists of words: a variable separates them by commas.
const LISTS: [&str; 12] = [
    "people.break_glass",
    "notices.from",
    "notices.channel",
    "notices.before",
    "notices.test_to",
    "reports.to",
    "observe.mfa_failure_codes",
    "observe.lockout_codes",
    "observe.legacy_codes",
    "observe.step_codes",
    "enforcement.turn_off",
    "enforcement.turn_on",
];

/// One key that the environment overrides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Override {
    /// The variable.
    pub(super) variable: String,
    /// Dotted path of the key.
    pub(super) key: String,
    /// Its value.
    pub(super) value: String,
}

/// The overrides in an environment, and what is wrong with the names of the others. An empty variable counts as unset.
pub(super) fn overrides(env: &BTreeMap<String, String>) -> (Vec<Override>, Vec<Problem>) {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for (variable, value) in env {
        let Some(name) = variable.strip_prefix(PREFIX).filter(|_| !value.is_empty()) else { continue };
        // Kubernetes sets these in every pod beside a Service named `tidegate`.
        if name.starts_with("SERVICE_") || name == "PORT" || name.starts_with("PORT_") {
            continue;
        }
        let key = name.to_lowercase().replace("__", ".");
        let is_table =
            TABLES.iter().any(|table| key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
        if is_table {
            let message = "a list of tables cannot be overridden from the environment";
            problems.push(Problem::file(variable, message, "unset the variable and change the plan file").key(key));
        } else if !key.contains('.') || key.split('.').any(str::is_empty) {
            let remedy = "write TIDEGATE_SECTION__KEY, such as TIDEGATE_NOTICES__HELPDESK, or unset the variable";
            problems.push(Problem::file(variable, "names no key of a plan", remedy).key(key));
        } else {
            found.push(Override { variable: variable.clone(), key, value: value.clone() });
        }
    }
    (found, problems)
}

/// The merged layers.
#[derive(Debug)]
pub(super) struct Layers {
    /// Everything.
    pub(super) merged: Value,
    /// What a `[[stage]]` that leaves a key out takes.
    pub(super) stage: Map<String, Value>,
    /// What a `[[gate]]` that leaves a key out takes.
    pub(super) gate: Map<String, Value>,
}

/// Lays the plan over the defaults, and the overrides over both.
pub(super) fn merge(plan: &str, overrides: &[Override]) -> Result<Layers, ConfigError> {
    let mut defaults = Config::builder().add_source(toml(DEFAULTS)).build()?.cache.into_table()?;
    // The defaults of list elements cannot be layered: a list is replaced whole.
    let mut element = |list: &str| defaults.remove(list).and_then(|value| value.into_array().ok()?.pop()?.into_table().ok());
    let (stage, gate) = (element("stage").unwrap_or_default(), element("gate").unwrap_or_default());
    let mut builder = Config::builder();
    for (key, value) in defaults {
        builder = builder.set_default(key, value)?;
    }
    builder = builder.add_source(toml(plan));
    for Override { key, value, .. } in overrides {
        let text = |text: &str| Value::new(None, ValueKind::String(text.trim().to_owned()));
        let is_list = LISTS.contains(&key.as_str());
        let value = if is_list { Value::new(None, ValueKind::Array(value.split(',').map(text).collect())) } else { text(value) };
        builder = builder.set_override(key, value)?;
    }
    Ok(Layers { merged: builder.build()?.cache, stage, gate })
}

fn toml(text: &str) -> File<config::FileSourceString, FileFormat> {
    File::from_str(text, FileFormat::Toml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_are_judged() {
        let table = [
            ("TIDEGATE_NOTICES__HELPDESK", Some("notices.helpdesk"), 0),
            ("TIDEGATE_STAGE__0__SOAK", None, 1),
            ("TIDEGATE_LIMITS__CAPS", None, 1),
            ("TIDEGATE_NOTICES_HELPDESK", None, 1),
            ("TIDEGATE_NOTICES__", None, 1),
            ("TIDEGATE_SERVICE_HOST", None, 0),
            ("TIDEGATE_PORT_443_TCP", None, 0),
            ("HOME", None, 0),
        ];
        for (variable, key, problems) in table {
            let (found, wrong) = overrides(&BTreeMap::from([(variable.to_owned(), "x".to_owned())]));
            assert_eq!(found.first().map(|found| found.key.as_str()), key, "{variable}");
            assert_eq!(wrong.len(), problems, "{variable}");
        }
        assert_eq!(overrides(&BTreeMap::from([("TIDEGATE_A__B".to_owned(), String::new())])).0, vec![]);
    }

    #[test]
    fn later_layers_win_key_by_key() {
        let over = Override { variable: String::new(), key: "notices.before".to_owned(), value: "20d, 1d".to_owned() };
        let layers = merge("[people]\nmax_foreign = 9\n", &[over]).unwrap();
        let mut root = layers.merged.into_table().unwrap();
        let people = root.remove("people").unwrap().into_table().unwrap();
        assert_eq!(people["max_foreign"].clone().into_int().unwrap(), 9);
        assert!(!people["include_guests"].clone().into_bool().unwrap());
        let notices = root.remove("notices").unwrap().into_table().unwrap();
        assert_eq!(notices["before"].clone().into_array().unwrap().len(), 2);
        assert_eq!(layers.stage["late_by"].clone().into_string().unwrap(), "4h");
        assert!(!root.contains_key("stage"));
    }
}
