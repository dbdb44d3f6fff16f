//! Where the state and the socket are, and in which zone to show instants: what the commands of an emergency need of a plan.
//!
//! Does not judge the plan. Invariant: a plan that cannot be used stops nobody; what can be read of it counts, the rest is the default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::Value;
use jiff::tz::TimeZone;

use super::{files, layers, load, settings};
use crate::rollout::schedule;

/// What commands need that change nothing but a pause.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// Folder of journal, checkpoint and status.
    pub state_dir: PathBuf,
    /// Unix socket of the commands.
    pub socket: PathBuf,
    /// In which instants are shown; UTC when the plan's cannot be read.
    pub zone: TimeZone,
    /// The plan's `tenant.id`; empty when it cannot be read.
    pub tenant: String,
    /// Why the plan cannot be used as it stands: its first problem.
    pub flaw: Option<String>,
}

/// Reads the whereabouts from the plan at `path` and the environment; `state_dir` wins over both, and brings its own socket along.
#[must_use]
pub fn whereabouts(path: &Path, env: impl IntoIterator<Item = (String, String)>, state_dir: Option<&Path>) -> Whereabouts {
    let env: BTreeMap<String, String> = env.into_iter().collect();
    let mut found = match load(path, env.clone()) {
        Ok(loaded) => Whereabouts {
            state_dir: loaded.settings.state_dir,
            socket: loaded.settings.socket,
            zone: schedule::zone(&loaded.plan.time_zone).unwrap_or(TimeZone::UTC),
            tenant: loaded.plan.tenant,
            flaw: None,
        },
        Err(problems) => {
            let flaw = problems.0.first().map(ToString::to_string).unwrap_or_default();
            Whereabouts { flaw: Some(flaw), ..of_broken(path, &env) }
        }
    };
    if let Some(state_dir) = state_dir {
        found.socket = state_dir.join("tidegate.sock");
        state_dir.clone_into(&mut found.state_dir);
    }
    found
}

fn of_broken(path: &Path, env: &BTreeMap<String, String>) -> Whereabouts {
    let (overrides, _) = layers::overrides(env);
    let text = files::text(path, files::SMALL).unwrap_or_default();
    let merged = layers::merge(&text, &overrides).or_else(|_| layers::merge("", &overrides));
    let merged = merged.map(|layers| layers.merged).unwrap_or_default();
    let word = |section: &str, key: &str| word(&merged, section, key);
    let folder = path.parent().unwrap_or(Path::new(""));
    let state_dir = folder.join(word("state", "dir").unwrap_or_else(|| "/var/lib/tidegate".to_owned()));
    let socket = word("surfaces", "socket").map_or_else(|| state_dir.join("tidegate.sock"), |socket| folder.join(socket));
    let zone = word("tenant", "time_zone").and_then(|name| settings::time_zone(&name).ok()).unwrap_or(TimeZone::UTC);
    Whereabouts { state_dir, socket, zone, tenant: word("tenant", "id").unwrap_or_default(), flaw: None }
}

fn word(merged: &Value, section: &str, key: &str) -> Option<String> {
    let mut root = merged.clone().into_table().ok()?;
    root.remove(section)?.into_table().ok()?.remove(key)?.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text of the plan, environment, `--state-dir`; state folder and socket, zone.
    type Row<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], Option<&'a Path>, (PathBuf, PathBuf), Option<&'a str>);

    #[test]
    fn a_broken_plan_still_says_where_the_state_is() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        let own = folder.path().join("own");
        let env = [("TIDEGATE_STATE__DIR", "/env/state"), ("TIDEGATE_SURFACES__SOCKET", "/env/socket")];
        let wrong = "[tenant]\ntime_zone = \"Europe/Berlin\"\n[state]\ndir = \"own\"\n[stages]\n";
        let at = |dir: &Path| (dir.to_owned(), dir.join("tidegate.sock"));
        let elsewhere = Path::new("/elsewhere");
        let table: [Row<'_>; 6] = [
            (Some(wrong), &[], None, at(&own), Some("Europe/Berlin")),
            (Some("[tenant\nid = "), &[], None, at(Path::new("/var/lib/tidegate")), None),
            (None, &[], None, at(Path::new("/var/lib/tidegate")), None),
            (Some("[state]\ndir = 7.5\n[surfaces]\nsocket = [[]]"), &[], None, at(&folder.path().join("7.5")), None),
            (Some("[tenant"), &env, None, ("/env/state".into(), "/env/socket".into()), None),
            (Some(wrong), &env, Some(elsewhere), at(elsewhere), Some("Europe/Berlin")),
        ];
        for (text, env, given, expected, zone) in table {
            let _ = std::fs::remove_file(&plan);
            if let Some(text) = text {
                std::fs::write(&plan, text).unwrap();
            }
            let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let found = whereabouts(&plan, env, given);
            assert_eq!((found.state_dir, found.socket), expected, "{text:?}");
            assert_eq!(found.zone.iana_name(), zone.or(Some("UTC")), "{text:?}");
            assert!(found.flaw.is_some_and(|flaw| flaw.contains("plan.toml")), "{text:?}");
        }
    }
}
