//! From file to plan: defaults, the operator's file and the environment, read into a validated [`Plan`] and [`Settings`].
//!
//! In reading order: `layers` merges, `places` knows where every key stands, `read` turns values into types, `value` holds the
//! small languages, the sections follow, `lint` judges the whole. Asks no tenant, holds no secret. Invariant: all problems
//! of a plan are reported at once, each with its place and a remedy, and a plan with an error is not returned.

mod bounced;
mod calendar;
mod clouds;
pub mod credentials;
mod csv_list;
mod files;
mod gates;
mod layers;
mod letters;
mod lint;
mod outside;
mod people;
mod places;
mod problem;
pub mod proxy;
mod read;
mod reports;
mod sections;
mod settings;
pub mod smtp;
mod stages;
mod suggest;
mod templates;
#[cfg(test)]
mod traps_tests;
mod value;
mod webhooks;
mod whereabouts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::letter::{Given, Style};
use crate::rollout::plan::{Notices, Plan, Tail};
pub use bounced::{BouncedLine, bounced};
pub use clouds::{Capability, Cloud};
pub use credentials::{CredentialError, CredentialKind, Credentials};
pub use layers::DEFAULTS;
pub use outside::{Asks, Outside};
use people::Register;
pub use people::{Names, people_of};
use places::Places;
pub use problem::{Problem, Problems, Severity};
pub use proxy::{Proxy, Way};
use read::{Reader, Section};
pub use settings::{Log, LogFormat, Settings};
pub use smtp::{Smtp, SmtpTls};
pub use templates::Templates;
pub use webhooks::{Webhook, WebhookKind};
pub use whereabouts::{Whereabouts, whereabouts};

/// A plan that may run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// What the daemon needs beside it.
    pub settings: Settings,
    /// What a human should look at.
    pub warnings: Vec<Problem>,
    /// The file as it was read.
    pub text: String,
    /// The names behind the plan's hashes, for showing only.
    pub names: Names,
    places: Places,
}

impl Loaded {
    /// Warnings about stages whose time, seen from `now`, has passed or is too near to be announced.
    #[must_use]
    pub fn warnings_at(&self, now: Timestamp) -> Vec<Problem> {
        lint::at(&self.plan, &self.places, now)
    }

    /// An error about the key `key` of the section `section`, at its place.
    #[must_use]
    pub fn problem(&self, section: &str, key: &str, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        self.places.problem(&places::key![section, key], places::Spot::Value, message, remedy)
    }
}

/// The process's environment; variables that are not UTF-8 are left out. The one place that reads it.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// One variable of the process's environment; none when it is not UTF-8.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    environment().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Where temporary files belong: `TMPDIR`, or `/tmp`.
#[must_use]
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

/// Reads the plan at `path`, with the overrides and `CREDENTIALS_DIRECTORY` of `env`. Blocks on the file system.
///
/// Fails with every problem that was found, warnings included, when one of them is an error.
pub fn load(path: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<Loaded, Problems> {
    let env: BTreeMap<String, String> = env.into_iter().collect();
    let file = path.display().to_string();
    let text = files::text(path, files::SMALL)
        .map_err(|error| Problem::file(&file, format!("cannot read the plan: {error}"), "name a readable plan with --config"))?;
    let (overrides, mut problems) = layers::overrides(&env);
    let variables = overrides.iter().map(|over| (over.key.clone(), over.variable.clone())).collect();
    let places = Places::parse(&file, &text, variables)?;
    let layers = layers::merge(&text, &overrides)
        .map_err(|error| Problem::file(&file, format!("cannot be merged: {error}"), "correct the plan or the variables"))?;

    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let reader = Reader::new(&places);
    let read = assemble(&reader, &layers, &folder, &env);
    problems.extend(reader.into_problems());
    let is_error = |problem: &Problem| problem.severity == Severity::Error;
    if let Some((plan, settings, _)) = &read {
        problems.extend(lint::whole(plan, &settings.templates, &places));
        problems.extend(lint::cloud(plan, settings.cloud, &places));
    }
    // In the order of the file; what stands elsewhere (lists, texts, variables) after it.
    problems.sort_by(|a, b| {
        (a.file != file, &a.file, a.line, a.column, &a.key).cmp(&(b.file != file, &b.file, b.line, b.column, &b.key))
    });
    problems.dedup();
    match read {
        Some((plan, settings, names)) if !problems.iter().any(is_error) => {
            Ok(Loaded { plan, settings, warnings: problems, text, names, places })
        }
        _ => Err(Problems(problems)),
    }
}

/// Every section of the plan; `None` when one of them could not be read.
fn assemble(
    reader: &Reader<'_>,
    layers: &layers::Layers,
    folder: &Path,
    env: &BTreeMap<String, String>,
) -> Option<(Plan, Settings, Names)> {
    const ROOT: [&str; 16] = [
        "tenant",
        "credentials",
        "state",
        "log",
        "surfaces",
        "enforcement",
        "people",
        "limits",
        "approvals",
        "calendar",
        "notices",
        "reports",
        "exceptions",
        "observe",
        "gate",
        "stage",
    ];
    let known: Vec<&'static str> = ROOT.into_iter().chain(["tail"]).collect();
    let root = reader.root(&layers.merged).section(&known);
    let section =
        |name: &str, keys: &[&'static str]| root.need(name, &format!("a section [{name}]")).map(|node| node.section(keys));
    let optional = |name: &str, keys: &[&'static str]| root.get(name).map(|node| node.section(keys));

    let tenant = section("tenant", &settings::TENANT);
    let id =
        tenant.as_ref().and_then(|tenant| tenant.need("id", "`id = \"contoso.onmicrosoft.com\"`")?.parsed(settings::tenant_id));
    let time_zone = tenant.as_ref().and_then(|tenant| tenant.need("time_zone", "`time_zone = \"Europe/Berlin\"`"));
    let zone = time_zone.as_ref().and_then(|node| node.parsed(settings::time_zone));
    let addresses = tenant.as_ref().and_then(settings::addresses);
    let way = tenant.as_ref().and_then(|tenant| proxy::way(tenant, folder));
    let access = tenant.as_ref().and_then(sections::access);
    let register = Register::new(id.as_deref().unwrap_or_default(), folder.to_owned());

    let surroundings = credentials::Surroundings { folder, env, zone: zone.as_ref() };
    let credentials = section("credentials", &credentials::KEYS).and_then(|table| credentials::section(&table, &surroundings));
    let surfaces = optional("surfaces", &["socket"]);
    let state = section("state", &["dir"]).and_then(|state| settings::places(&state, surfaces.as_ref(), folder));
    let log = section("log", &["format", "level"]).and_then(|table| settings::log(&table));

    let enforcement = section("enforcement", &sections::ENFORCEMENT);
    let what_if = enforcement.as_ref().and_then(sections::what_if);
    let enforcement = enforcement.and_then(|table| sections::enforcement(&table));
    let people = section("people", &sections::PEOPLE).and_then(|table| sections::people(&table, &register));
    let limits = section("limits", &sections::LIMITS).and_then(|table| sections::limits(&table));
    let approvals = section("approvals", &["needed", "valid"]).and_then(|table: Section<'_>| {
        let needed = table.get("needed").and_then(|node| node.count(0..=u32::MAX));
        let valid = table.get("valid").and_then(|node| node.some_time());
        Some((needed?, valid?))
    });
    let calendar = section("calendar", &["windows", "blackouts"]).and_then(|table| calendar::read(&table, zone.as_ref()));
    let notices_table = section("notices", &sections::NOTICES);
    let notices = notices_table.as_ref().and_then(|table| sections::notices(table, &register));
    let style = notices.as_ref().map_or_else(Style::default, |notices| Style {
        language: notices.language.clone(),
        verify: notices.verify.clone(),
        format: notices.format,
    });
    let given = Given {
        helpdesk: notices.as_ref().map_or("ext. 1", |notices| notices.helpdesk.as_str()),
        time_zone: zone.as_ref().and_then(TimeZone::iana_name).unwrap_or("UTC"),
        style: &style,
    };
    let templates = notices_table
        .as_ref()
        .map_or(Ok(None), |table| table.optional("templates", |node| templates::read(node, folder, &given)));
    let test_to = notices_table.as_ref().map_or(Some(Vec::new()), letters::test_to);
    let reports = section("reports", &reports::KEYS).and_then(|table| reports::section(&table, id.as_deref()));
    let exceptions = section("exceptions", &sections::EXCEPTIONS).and_then(|table| sections::exceptions(&table, &register));
    let smtp = notices_table.as_ref().map_or(Ok(None), |table| smtp::section(table, &surroundings));
    let webhooks = notices_table.as_ref().map_or(Ok(Vec::new()), |table| webhooks::sections(table, &surroundings));
    let observe = section("observe", &sections::OBSERVE).and_then(|table| sections::observe(&table));
    let gates = gates::gates(&root, &layers.gate, observe.as_ref().map(|observe| observe.max_age));
    let (gates, outside): (Option<Vec<_>>, Option<Vec<_>>) = gates.map(|gates| gates.into_iter().unzip()).unzip();
    let stages = stages::stages(&root, &layers.stage, zone.as_ref(), &register);
    let grace = section("tail", &["grace"]).and_then(|table: Section<'_>| table.get("grace")?.some_time());

    let templates = templates.ok()?.unwrap_or_default();
    let reports = reports?;
    let (cloud, graph_url, login_url) = addresses?;
    let (state_dir, socket) = state?;
    let plan = Plan {
        tenant: id?,
        time_zone: zone?.iana_name().unwrap_or("UTC").to_owned(),
        enforcement: enforcement?,
        people: people?,
        limits: limits?,
        approvals_needed: approvals?.0,
        approvals_valid: approvals?.1,
        calendar: calendar?,
        notices: Notices { templates: templates.hash.clone(), ..notices? },
        observe: observe?,
        gates: gates?,
        stages: stages?,
        tail: Tail { grace: grace? },
        access: access?,
        exceptions: exceptions?,
        what_if: what_if?,
        reports: reports.0,
    };
    let (credentials, way, log) = (credentials?, way?, log?);
    let settings = Settings {
        credentials,
        cloud,
        graph_url,
        login_url,
        way,
        state_dir,
        socket,
        log,
        templates,
        test_to: test_to?,
        reports_to: reports.1,
        smtp: smtp.ok()?,
        webhooks: webhooks.ok()?,
        outside: outside?.into_iter().flatten().collect(),
    };
    Some((plan, settings, register.into_names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_show_every_key() {
        let sections: [(&str, &[&str]); 12] = [
            ("[tenant]", &settings::TENANT),
            ("[credentials]", &credentials::KEYS),
            ("[log]", &["format", "level"]),
            ("[enforcement]", &sections::ENFORCEMENT),
            ("[people]", &sections::PEOPLE),
            ("[limits]", &sections::LIMITS),
            ("[notices]", &sections::NOTICES),
            ("[reports]", &reports::KEYS),
            ("[exceptions]", &sections::EXCEPTIONS),
            ("[observe]", &sections::OBSERVE),
            ("[[gate]]", &gates::GATE),
            ("[[stage]]", &stages::STAGE),
        ];
        for (header, keys) in sections {
            let text = DEFAULTS.split_once(&format!("\n{header}\n")).unwrap().1;
            let text = text.split_once("\n[").map_or(text, |(section, _)| section);
            for key in keys {
                let shown = |line: &str| line.trim_start_matches("# ").split('=').next().is_some_and(|name| name.trim() == *key);
                assert!(text.lines().any(shown), "{header} {key}");
            }
        }
    }
}
