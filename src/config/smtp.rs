//! `[notices.smtp]`: a mail server that carries the notices in Graph's place.
//!
//! Opens no connection and is no part of the plan: the addresses that send stand here, because a plan holds no names. Invariant: without
//! TLS only loopback is spoken to; the password lies in a file and is read anew for each connection.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::credentials::{self, Surroundings};
use super::files;
use super::read::{Reported, Section};
use super::value::Wrong;
use crate::rollout::id::ObjectId;

const KEYS: [&str; 7] = ["host", "port", "tls", "user", "password_file", "per_minute", "at_once"];

/// Mails in any minute: what Exchange Online lets a mailbox submit.
const PER_MINUTE: u32 = 30;
/// Connections at once.
const AT_ONCE: u32 = 4;

/// A mail server, and who sends through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// Who logs in, with which file's password; none where the server asks for no login.
    pub login: Option<(String, PathBuf)>,
    /// Mails in any minute, at most.
    pub per_minute: u32,
    /// Connections at once, at most.
    pub at_once: u32,
    /// The addresses of `notices.from`, in their order.
    pub from: Vec<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// From its first byte on.
    Tls,
    /// After the command STARTTLS; a server that lacks it gets no mail.
    StartTls,
    /// Not at all: on loopback only.
    None,
}

/// Reads the password, as it is now. The error is an operator sentence. Blocks on the file system.
pub fn password(file: &Path) -> Result<SecretString, String> {
    const KEY: &str = "the file that `notices.smtp.password_file` names";
    let text = files::text(file, files::SMALL).map_err(|error| format!("{KEY} cannot be read ({error}); check it"))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(format!("{KEY} is empty; write the password into it"));
    }
    Ok(SecretString::from(password))
}

/// `notices.smtp`, where there is one.
pub(super) fn section(notices: &Section<'_>, around: &Surroundings<'_>) -> Result<Option<Smtp>, Reported> {
    let Some(node) = notices.get("smtp") else { return Ok(None) };
    server(notices, &node.section(&KEYS), around).map(Some).ok_or(Reported)
}

fn server(notices: &Section<'_>, table: &Section<'_>, around: &Surroundings<'_>) -> Option<Smtp> {
    let host = table.need("host", "`host = \"smtp.contoso.com\"`");
    let host = host.and_then(|node| node.parsed(name).map(|name| (node, name)));
    let words = [("starttls", SmtpTls::StartTls), ("tls", SmtpTls::Tls), ("none", SmtpTls::None)];
    let tls = table.optional("tls", |node| node.word(&words)).ok().map(|tls| tls.unwrap_or(SmtpTls::StartTls));
    let port = table.optional("port", |node| node.count(1..=u16::MAX.into()));
    let user = table.optional("user", |node| node.text().map(str::to_owned));
    let file = table.optional("password_file", |node| credentials::path(node, around));
    let rate = table.optional("per_minute", |node| node.count(1..=u32::MAX));
    let at_once = table.optional("at_once", |node| node.count(1..=20));
    let from = notices.get("from").and_then(|node| node.each(|entry| entry.parsed(address)));
    if let (Some(node), Ok(Some(file))) = (table.get("password_file"), &file)
        && !file.starts_with(credentials::GIVEN)
    {
        credentials::look_at(&node, file);
    }
    let login = match (user.ok()?, file.ok()?) {
        (Some(user), Some(file)) => Some((user, file)),
        (None, None) => None,
        (Some(_), None) => {
            table.missing("password_file", "`password_file = \"smtp-password\"`, or take `user` out");
            return None;
        }
        (None, Some(_)) => {
            table.missing("user", "`user = \"tidegate\"`, or take `password_file` out");
            return None;
        }
    };
    let ((host_node, host), tls) = (host?, tls?);
    if tls == SmtpTls::None && !is_loopback(&host) {
        host_node.error("is not on loopback, and nothing is encrypted", "write `tls = \"starttls\"` or `tls = \"tls\"`");
        return None;
    }
    let usual = match tls {
        SmtpTls::StartTls => 587,
        SmtpTls::Tls => 465,
        SmtpTls::None => 25,
    };
    let port = port.ok()?.map_or(Some(usual), |port| u16::try_from(port).ok())?;
    let (per_minute, at_once) = (rate.ok()?.unwrap_or(PER_MINUTE), at_once.ok()?.unwrap_or(AT_ONCE));
    Some(Smtp { host, port, tls, login, per_minute, at_once, from: from? })
}

/// A host's name or address, and nothing around it.
fn name(text: &str) -> Result<String, Wrong> {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-') && !text.starts_with(['.', '-']);
    if is_address || is_name {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("is no name of a server", "write one such as \"smtp.contoso.com\"; the port has a key of its own"))
}

/// Object ids are no addresses, and nothing but the plan says which mailbox is meant.
fn address(text: &str) -> Result<String, Wrong> {
    if text.parse::<ObjectId>().is_ok() {
        return Err(Wrong::new("is an object id, and a mail server knows addresses only", "write the mailbox's mail address"));
    }
    Ok(text.to_owned())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    /// Lines of `[notices.smtp]`, and the settings that come of it: port, tls, rate, connections; or the problem's text.
    type Row<'a> = (&'a str, Result<(u16, SmtpTls, u32, u32), &'a str>);

    #[test]
    fn a_mail_server_is_read_with_its_defaults_and_refused_where_it_would_be_in_the_open() {
        const LOGIN: &str = "user = \"tidegate\"\npassword_file = \"password\"";
        let rows: [Row<'_>; 12] = [
            ("host = \"smtp.contoso.com\"\nLOGIN", Ok((587, SmtpTls::StartTls, 30, 4))),
            ("host = \"smtp.contoso.com\"\ntls = \"tls\"\nLOGIN", Ok((465, SmtpTls::Tls, 30, 4))),
            ("host = \"127.0.0.1\"\ntls = \"none\"", Ok((25, SmtpTls::None, 30, 4))),
            ("host = \"::1\"\ntls = \"none\"\nport = 2525\nper_minute = 600\nat_once = 1", Ok((2525, SmtpTls::None, 600, 1))),
            ("host = \"smtp.contoso.com\"\ntls = \"none\"", Err("is not on loopback, and nothing is encrypted")),
            ("host = \"127.0.0.1.nip.io\"\ntls = \"none\"", Err("is not on loopback")),
            ("host = \"smtp.contoso.com:25\"", Err("is no name of a server")),
            ("tls = \"tls\"", Err("notices.smtp.host: is missing")),
            ("host = \"h\"\nuser = \"u\"", Err("notices.smtp.password_file: is missing")),
            ("host = \"h\"\npassword_file = \"p\"", Err("notices.smtp.user: is missing")),
            ("host = \"h\"\npassword = \"hunter2\"", Err("a secret never stands in a plan")),
            ("host = \"h\"\nport = 70000", Err("70000 is out of range")),
        ];
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        let demo = include_str!("../../config/demo-plan.toml");
        let load = |text: &str| {
            std::fs::write(&plan, format!("{demo}\n[notices.smtp]\n{}\n", text.replace("LOGIN", LOGIN))).unwrap();
            super::super::load(&plan, std::iter::empty())
        };
        for (text, expected) in rows {
            match (load(text), expected) {
                (Ok(loaded), Ok(expected)) => {
                    let smtp = loaded.settings.smtp.unwrap();
                    assert_eq!((smtp.port, smtp.tls, smtp.per_minute, smtp.at_once), expected, "{text}");
                    assert_eq!(smtp.login.is_some(), text.contains("LOGIN"), "{text}");
                    assert!(!smtp.from.is_empty() && smtp.from.iter().all(|from| from.contains('@')), "{text}");
                    assert_eq!(loaded.plan.notices.via, crate::rollout::plan::Via::Smtp);
                }
                (Err(problems), Err(part)) => {
                    let problems = problems.to_string();
                    assert!(problems.contains(part) && !problems.contains("hunter2"), "{text}: {problems}");
                }
                (found, expected) => panic!("{text}: {expected:?}, not {:?}", found.map(|loaded| loaded.settings.smtp)),
            }
        }
        let ids = demo.replace("from       = [\"", "from = [\"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\", \"");
        std::fs::write(&plan, format!("{ids}\n[notices.smtp]\nhost = \"h\"\n")).unwrap();
        let problems = super::super::load(&plan, std::iter::empty()).unwrap_err().to_string();
        assert!(problems.contains("is an object id, and a mail server knows addresses only"), "{problems}");
    }

    #[test]
    fn a_password_keeps_its_blanks_and_loses_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        assert!(password(&file).unwrap_err().contains("password_file"));
        std::fs::write(&file, " open sesame \r\n").unwrap();
        assert_eq!(password(&file).unwrap().expose_secret(), " open sesame ");
        std::fs::write(&file, "\n").unwrap();
        assert!(password(&file).unwrap_err().contains("empty"));
    }
}
