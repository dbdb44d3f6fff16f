//! What answers a gate from outside the tenant: an address, or a command.
//!
//! Opens no connection and starts nothing. Neither is part of the plan, whose revision holds their hash: who approves a plan approves what
//! it asks. Invariant: an address is https, or http on this machine, and holds no login.

use jiff::SignedDuration;
use url::Url;

use super::read::{Node, Reported, Section};
use super::settings::is_loopback;
use super::value::Wrong;
use super::webhooks::host;
use crate::rollout::id::sha256_hex;
use crate::rollout::plan::Measure;

/// What answers a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// What is asked.
    pub asks: Asks,
    /// How long it may take.
    pub time_limit: SignedDuration,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// An address.
    Http {
        /// The address.
        url: Url,
        /// Hosts that may be internal.
        allow_internal: Vec<String>,
    },
    /// A program and its arguments; no shell reads them.
    Command(Vec<String>),
}

impl Outside {
    /// The hash by which a plan names it.
    #[must_use]
    pub fn hash(&self) -> String {
        sha256_hex(format!("{:?} {:?}", self.asks, self.time_limit).as_bytes())
    }
}

const KEYS: [&str; 4] = ["url", "allow_internal", "command", "time_limit"];

/// What answers a gate with this measure; none where the tenant or the journal does.
pub(super) fn section(gate: &Section<'_>, measure: Measure) -> Result<Option<Outside>, Reported> {
    let belongs: &[&str] = match measure {
        Measure::Http => &["url", "allow_internal", "time_limit"],
        Measure::Command => &["command", "time_limit"],
        _ => &["time_limit"],
    };
    let mut foreign = false;
    for node in KEYS.iter().filter(|key| !belongs.contains(key)).filter_map(|key| gate.get(key)) {
        let owner = if node.shown().ends_with("command") { "command" } else { "http" };
        node.error(format!("belongs to `measure = \"{owner}\"`"), "take the key out, or change `measure`");
        foreign = true;
    }
    let asks = match measure {
        Measure::Http => http(gate),
        Measure::Command => command(gate),
        _ if foreign => return Err(Reported),
        _ => return Ok(None),
    };
    let time_limit = gate.get("time_limit").and_then(|node| time_limit(&node));
    match (asks, time_limit) {
        (Some(asks), Some(time_limit)) if !foreign => Ok(Some(Outside { asks, time_limit })),
        _ => Err(Reported),
    }
}

fn http(gate: &Section<'_>) -> Option<Asks> {
    let url = gate.need("url", "`url = \"https://gates.contoso.com/mfa\"`").and_then(|node| node.parsed(address));
    let allowed = gate.optional("allow_internal", |node| node.each(|name| name.parsed(host)));
    Some(Asks::Http { url: url?, allow_internal: allowed.ok()?.unwrap_or_default() })
}

fn command(gate: &Section<'_>) -> Option<Asks> {
    let node = gate.need("command", "`command = [\"/usr/local/bin/mfa-gate\", \"--json\"]`")?;
    let words = node.each(|word| word.whole_text().map(str::to_owned))?;
    let whole = words.first().is_some_and(|program| program.starts_with('/'));
    if !whole {
        let remedy =
            "write the whole path of a program, then its arguments; no shell reads them, and nothing is looked for in PATH";
        node.error("names no program", remedy);
        return None;
    }
    if words.iter().any(|word| word.contains('\0')) {
        node.error("holds a zero byte", "take it out: no program can be given one");
        return None;
    }
    Some(Asks::Command(words))
}

fn time_limit(node: &Node<'_>) -> Option<SignedDuration> {
    let limit = node.some_time()?;
    if limit > SignedDuration::from_mins(2) {
        node.error("is longer than two minutes", "write at most \"2m\": whoever needs longer should keep an answer ready");
        return None;
    }
    Some(limit)
}

fn address(text: &str) -> Result<Url, Wrong> {
    let example = "write one such as \"https://gates.contoso.com/mfa\"";
    let url = Url::parse(text).ok().filter(Url::has_host).ok_or_else(|| Wrong::new("is not an address", example))?;
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        return Err(Wrong::new("is not https", "write an https address; http is for this machine only"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new("holds a user name or a password", "take them out: a secret never stands in a plan"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_of_this_machine_and_holds_no_login() {
        for good in ["https://gates.contoso.com/mfa?stage=x", "http://127.0.0.1:9100/", "http://localhost:1/a", "http://[::1]:1/"]
        {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in
            ["gates.contoso.com", "http://gates.contoso.com", "https://u:p@gates.contoso.com", "ftp://a.example", "file:///etc"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn whatever_is_asked_otherwise_has_another_hash() {
        let asks = |words: &[&str]| Asks::Command(words.iter().map(|word| (*word).to_owned()).collect());
        let with = |asks, secs| Outside { asks, time_limit: SignedDuration::from_secs(secs) }.hash();
        let one = with(asks(&["/a", "b c"]), 10);
        assert_eq!(one, with(asks(&["/a", "b c"]), 10));
        for other in [with(asks(&["/a", "b", "c"]), 10), with(asks(&["/a", "b c"]), 11), with(asks(&["/a"]), 10)] {
            assert_ne!(one, other);
        }
    }
}
