//! What the daemon needs beside the plan: addresses, folders, credentials, log, texts. Not journalled.

use std::path::{Path, PathBuf};

use url::{Host, Url};

use super::clouds::Cloud;
use super::credentials::Credentials;
use super::outside::Outside;
use super::proxy::Way;
use super::read::{Node, Section};
use super::smtp::Smtp;
use super::templates::Templates;
use super::value::Wrong;
use super::webhooks::Webhook;

pub(super) const TENANT: [&str; 10] = [
    "id",
    "time_zone",
    "cloud",
    "graph_url",
    "login_url",
    "proxy",
    "proxy_login_file",
    "ca_file",
    "licence",
    "accept_permissions",
];

/// Everything outside the plan.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who the daemon is.
    pub credentials: Credentials,
    /// Which cloud the tenant lives in.
    pub cloud: Cloud,
    /// Root of Microsoft Graph, without `/v1.0`. https, or http on loopback.
    pub graph_url: Url,
    /// Root of the login service. https, or http on loopback.
    pub login_url: Url,
    /// The way to both.
    pub way: Way,
    /// Folder of journal, checkpoint and status.
    pub state_dir: PathBuf,
    /// Unix socket of the commands.
    pub socket: PathBuf,
    /// The log.
    pub log: Log,
    /// The texts of notices.
    pub templates: Templates,
    /// Addresses that a test of a notice may be sent to.
    pub test_to: Vec<String>,
    /// Operators who are told of alerts, ends of stages and weeks.
    pub reports_to: Vec<String>,
    /// The mail server that carries notices, where Graph does not.
    pub smtp: Option<Smtp>,
    /// Channels that are told of stages.
    pub webhooks: Vec<Webhook>,
    /// What answers gates from outside the tenant.
    pub outside: Vec<Outside>,
}

impl Settings {
    /// The keys whose values in `new` count only from the next start of the daemon on.
    #[must_use]
    pub fn that_wait(&self, new: &Self) -> Vec<&'static str> {
        [
            ("credentials", !self.credentials.is_same_proof(&new.credentials)),
            ("tenant.cloud", self.cloud != new.cloud),
            ("tenant.graph_url", self.graph_url != new.graph_url),
            ("tenant.login_url", self.login_url != new.login_url),
            ("tenant.proxy", self.way.proxy != new.way.proxy),
            ("tenant.ca_file", self.way.ca_file != new.way.ca_file),
            ("state.dir", self.state_dir != new.state_dir),
            ("surfaces.socket", self.socket != new.socket),
            ("notices.smtp", self.smtp != new.smtp),
            ("notices.webhook", self.webhooks != new.webhooks),
            ("reports.to", self.reports_to != new.reports_to),
            ("log.format", self.log.format != new.log.format),
        ]
        .into_iter()
        .filter_map(|(key, changed)| changed.then_some(key))
        .collect()
    }
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How records look.
    pub format: LogFormat,
    /// A level, and levels of single parts of the program: `info,graph=debug`.
    pub level: String,
}

/// How log records look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Chosen by what stderr is.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
    /// Fields of the systemd journal.
    Journald,
}

/// Cloud, Graph root and login root.
pub(super) fn addresses(tenant: &Section<'_>) -> Option<(Cloud, Url, Url)> {
    let cloud = tenant.get("cloud").and_then(|node| node.word(&Cloud::WORDS));
    let graph = tenant.optional("graph_url", |node| node.parsed(root));
    let login = tenant.optional("login_url", |node| node.parsed(root));
    let cloud = cloud?;
    let (graph_default, login_default) = cloud.roots();
    Some((
        cloud,
        graph.ok()?.or_else(|| Url::parse(graph_default).ok())?,
        login.ok()?.or_else(|| Url::parse(login_default).ok())?,
    ))
}

/// A root address: https, or http on loopback; nothing after the host but a port.
pub(super) fn root(text: &str) -> Result<Url, Wrong> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    let url = url.ok_or_else(|| Wrong::new("is not an address", "write one such as \"https://graph.microsoft.com\""))?;
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        return Err(Wrong::new("is not https", "write an https address; http is for loopback only"));
    }
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        return Err(Wrong::new("has more than scheme, host and port", "write the root only, without /v1.0"));
    }
    Ok(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Folder of the state, and socket of the commands.
pub(super) fn places(state: &Section<'_>, surfaces: Option<&Section<'_>>, folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let path = |node: &Node<'_>| node.text().map(|text| folder.join(text));
    let dir = state.get("dir").and_then(|node| path(&node));
    let socket = surfaces.map_or(Ok(None), |surfaces| surfaces.optional("socket", path));
    let dir = dir?;
    let socket = socket.ok()?.unwrap_or_else(|| dir.join("tidegate.sock"));
    Some((dir, socket))
}

pub(super) fn log(table: &Section<'_>) -> Option<Log> {
    let formats =
        [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json), ("journald", LogFormat::Journald)];
    let format = table.get("format").and_then(|node| node.word(&formats));
    let level = table.get("level").and_then(|node| node.parsed(level));
    Some(Log { format: format?, level: level? })
}

/// One word for the program, then parts of it with their own: `info,graph=debug`.
fn level(text: &str) -> Result<String, Wrong> {
    let is_level = |word: &str| ["error", "warn", "info", "debug", "trace"].contains(&word);
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | ':'));
    let mut parts = text.split(',').map(str::trim);
    let program = parts.next().is_some_and(is_level);
    if program && parts.all(|part| part.split_once('=').is_some_and(|(name, word)| is_name(name) && is_level(word))) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("`{text}` is no level"), "write error, warn, info, debug or trace, or \"info,graph=debug\""))
}

/// A tenant id or a verified domain.
pub(super) fn tenant_id(text: &str) -> Result<String, Wrong> {
    let domain = text.contains('.') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    if domain || text.parse::<crate::rollout::id::ObjectId>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("`{text}` is neither a tenant id nor a domain"), "write one such as \"contoso.onmicrosoft.com\""))
}

/// An IANA name of the bundled zone data.
pub(super) fn time_zone(text: &str) -> Result<jiff::tz::TimeZone, Wrong> {
    crate::rollout::schedule::zone(text).ok_or_else(|| {
        let database = jiff::tz::TimeZoneDatabase::bundled();
        let names: Vec<_> = database.available().map(|name| name.as_str().to_owned()).collect();
        let near = super::suggest::nearest(text, names.iter().map(String::as_str));
        let remedy = near
            .map_or_else(|| "write an IANA name such as \"Europe/Berlin\"".to_owned(), |near| format!("did you mean `{near}`?"));
        Wrong::new(format!("unknown time zone `{text}`"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_loopback_and_a_root() {
        for good in ["https://graph.microsoft.com", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:9/"] {
            assert!(root(good).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.microsoft.com",
            "https://g/v1.0",
            "https://u:p@g",
            "ftp://127.0.0.1",
            "graph",
            "https://g?x=1",
            "http://127.0.0.1.nip.io",
        ] {
            assert!(root(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_level_is_one_word_and_then_parts() {
        assert!(["info", "info,graph=debug", "warn, store::journal=trace"].into_iter().all(|text| level(text).is_ok()));
        assert!(["", "verbose", "graph=debug", "info,debug", "info,=debug"].into_iter().all(|text| level(text).is_err()));
    }

    #[test]
    fn what_waits_for_the_next_start_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        std::fs::write(&plan, include_str!("../../config/demo-plan.toml")).unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        let with = |variable: &str, value: &str| {
            super::super::load(&plan, [(format!("TIDEGATE_{variable}"), value.to_owned())]).unwrap().settings
        };
        let before = with("LOG__LEVEL", "info");
        for (variable, value, waits) in [
            ("LOG__LEVEL", "debug", &[][..]),
            ("NOTICES__HELPDESK", "ext. 1", &[]),
            ("CREDENTIALS__CLIENT_ID", "7f6f6f6f-0000-4000-8000-000000000001", &["credentials"]),
            ("TENANT__GRAPH_URL", "http://127.0.0.1:9", &["tenant.graph_url"]),
            ("TENANT__LOGIN_URL", "http://127.0.0.1:9", &["tenant.login_url"]),
            ("TENANT__CLOUD", "china", &["tenant.cloud"]),
            ("TENANT__PROXY", "none", &["tenant.proxy"]),
            ("TENANT__CA_FILE", "ca.pem", &["tenant.ca_file"]),
            ("CREDENTIALS__SECRET_EXPIRES", "2027-05-01", &[]),
            ("SURFACES__SOCKET", "/run/else", &["surfaces.socket"]),
            ("LOG__FORMAT", "json", &["log.format"]),
        ] {
            let named = before.that_wait(&with(variable, value));
            assert!(waits.iter().all(|key| named.contains(key)), "{variable}: {named:?}");
            assert_eq!(named.is_empty(), waits.is_empty(), "{variable}: {named:?}");
        }
        let moved = before.that_wait(&with("STATE__DIR", "elsewhere"));
        assert_eq!(moved, ["state.dir", "surfaces.socket"]);
    }

    #[test]
    fn a_near_zone_is_suggested() {
        assert_eq!(time_zone("Europe/Berlim").unwrap_err().remedy, "did you mean `Europe/Berlin`?");
        assert!(tenant_id("common").is_err() && tenant_id("contoso.com").is_ok());
    }
}
