//! `[[notices.webhook]]`: channels that are told what happens to stages.
//!
//! Opens no connection and is no part of the plan. Invariant: addresses and secrets lie in files, which are read anew for each post.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::credentials::{self, Surroundings};
use super::files;
use super::read::{Node, Reported, Section};
use super::value::Wrong;

const KEYS: [&str; 4] = ["kind", "url_file", "secret_file", "allow_internal"];

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What it takes.
    pub kind: WebhookKind,
    /// The name of the file that holds its address, as written: what it is called in warnings.
    pub name: String,
    /// That file.
    pub url: PathBuf,
    /// A file that holds the secret of the signature.
    pub secret: Option<PathBuf>,
    /// Hosts that may be internal.
    pub allow_internal: Vec<String>,
}

/// What a channel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKind {
    /// A card for Microsoft Teams.
    Teams,
    /// JSON, signed.
    Json,
}

impl Webhook {
    /// Reads address and secret, as they are now. The error is an operator sentence. Blocks on the file system.
    pub fn read(&self) -> Result<(SecretString, Option<SecretString>), String> {
        let secret = self.secret.as_deref().map(|file| line("secret_file", file)).transpose()?;
        Ok((line("url_file", &self.url)?, secret))
    }
}

fn line(key: &str, file: &Path) -> Result<SecretString, String> {
    let named = format!("the file that `{key}` of a [[notices.webhook]] names");
    let text = files::text(file, files::SMALL).map_err(|error| format!("{named} cannot be read ({error}); check it"))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{named} is empty"));
    }
    Ok(SecretString::from(text))
}

/// `notices.webhook`, none where there is none.
pub(super) fn sections(notices: &Section<'_>, around: &Surroundings<'_>) -> Result<Vec<Webhook>, Reported> {
    let posts = notices.get("channel").is_some_and(|node| {
        let words = node.list().unwrap_or_default();
        words.iter().any(|word| word.text() == Some("webhook"))
    });
    let Some(node) = notices.get("webhook") else {
        if let Some(channel) = notices.get("channel").filter(|_| posts) {
            channel.warn(
                "has `webhook`, and no webhook is named: nothing is posted",
                "write a [[notices.webhook]], or take the word out",
            );
        }
        return Ok(Vec::new());
    };
    let hooks = node.each(|entry| hook(entry, around)).ok_or(Reported)?;
    if !posts {
        node.warn("is not used: nothing is posted", "add \"webhook\" to `notices.channel`");
        return Ok(Vec::new());
    }
    Ok(hooks)
}

fn hook(node: &Node<'_>, around: &Surroundings<'_>) -> Option<Webhook> {
    let table = node.section(&KEYS);
    let kind = table.need("kind", "`kind = \"teams\"`, or \"json\"");
    let kind = kind.and_then(|node| node.word(&[("teams", WebhookKind::Teams), ("json", WebhookKind::Json)]));
    let url = table.need("url_file", "`url_file = \"teams-url\"`, a file that holds the address: it is a secret");
    let url = url.and_then(|node| {
        let text = node.text()?;
        if text.contains("://") {
            node.error(
                "names a file; this is the address itself, which is a secret",
                "put it into a file, name the file, and get a new address: this one has been in the open",
            );
            return None;
        }
        file(&node, around).map(|file| (text.to_owned(), file))
    });
    let secret = table.optional("secret_file", |node| file(node, around));
    let allowed = table.optional("allow_internal", |node| node.each(|name| name.parsed(host)));
    if let (Some(WebhookKind::Teams), Some(node)) = (kind, table.get("secret_file")) {
        node.error("does not belong to `teams`", "take it out: the address is the secret there");
        return None;
    }
    let (secret, (name, url)) = (secret.ok()?, url?);
    Some(Webhook { kind: kind?, name, url, secret, allow_internal: allowed.ok()?.unwrap_or_default() })
}

fn file(node: &Node<'_>, around: &Surroundings<'_>) -> Option<PathBuf> {
    let file = credentials::path(node, around)?;
    if !file.starts_with(credentials::GIVEN) {
        credentials::look_at(node, &file);
    }
    Some(file)
}

/// A host's name or address, and nothing else.
pub(super) fn host(text: &str) -> Result<String, Wrong> {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']')) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("is no name of a host", "write one such as \"hooks.corp.example\", without scheme and path"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    /// Entries, the channels, and what comes of it: how many webhooks and warnings, or the problem's text.
    type Row<'a> = (&'a str, &'a str, Result<(usize, usize), &'a str>);

    #[test]
    fn a_webhook_is_read_and_its_address_never_stands_in_a_plan() {
        const JSON: &str = "[[notices.webhook]]\nkind = \"json\"\nurl_file = \"url\"\nsecret_file = \"key\"\n";
        let both = r#"["mail", "webhook"]"#;
        let rows: [Row<'_>; 10] = [
            (JSON, both, Ok((1, 0))),
            (
                "[[notices.webhook]]\nkind = \"teams\"\nurl_file = \"url\"\nallow_internal = [\"hooks.corp.example\"]",
                both,
                Ok((1, 0)),
            ),
            (&JSON.repeat(2), both, Ok((2, 0))),
            (JSON, r#"["mail"]"#, Ok((0, 1))),
            ("", both, Ok((0, 1))),
            ("[[notices.webhook]]\nkind = \"slack\"\nurl_file = \"url\"", both, Err("unknown word `slack`")),
            ("[[notices.webhook]]\nkind = \"json\"", both, Err("url_file: is missing")),
            ("[[notices.webhook]]\nkind = \"json\"\nurl_file = \"https://hunter2.example\"", both, Err("names a file")),
            (
                "[[notices.webhook]]\nkind = \"teams\"\nurl_file = \"url\"\nsecret_file = \"key\"",
                both,
                Err("does not belong to `teams`"),
            ),
            (
                "[[notices.webhook]]\nkind = \"json\"\nurl_file = \"url\"\nallow_internal = [\"https://x\"]",
                both,
                Err("is no name of a host"),
            ),
        ];
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        for name in ["url", "key", "secret"] {
            std::fs::write(folder.path().join(name), "https://hooks.example/x\n").unwrap();
            std::fs::set_permissions(folder.path().join(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let demo = include_str!("../../config/demo-plan.toml");
        for (text, channels, expected) in rows {
            let whole = demo.replace("[notices]\n", &format!("[notices]\nchannel = {channels}\n"));
            std::fs::write(&plan, format!("{whole}\n{text}\n")).unwrap();
            match (super::super::load(&plan, std::iter::empty()), expected) {
                (Ok(loaded), Ok(expected)) => {
                    let hooks = loaded.settings.webhooks;
                    let warnings = loaded.warnings.iter().filter(|warning| warning.key.starts_with("notices")).count();
                    assert_eq!((hooks.len(), warnings), expected, "{text}: {:?}", loaded.warnings);
                    for hook in hooks {
                        assert_eq!(hook.read().unwrap().0.expose_secret(), "https://hooks.example/x");
                    }
                }
                (Err(problems), Err(part)) => {
                    let problems = problems.to_string();
                    assert!(problems.contains(part) && !problems.contains("hunter2"), "{text}: {problems}");
                }
                (found, expected) => panic!("{text}: {expected:?}, not {:?}", found.map(|loaded| loaded.settings.webhooks)),
            }
        }
    }
}
