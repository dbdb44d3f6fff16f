//! The way to the tenant: a proxy, and certificate authorities beside the system's.
//!
//! Opens no connection. Invariant: a proxy's password is never part of a plan or of a problem; it lies in a file of its own.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::credentials;
use super::files;
use super::read::Section;
use super::value::Wrong;

/// The way to Graph and to the login service. Loopback addresses and the machine's identity endpoint are always reached directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Through what.
    pub proxy: Proxy,
    /// PEM certificates of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Through what requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// As `HTTPS_PROXY` and `NO_PROXY` of the environment say.
    Environment,
    /// Directly, whatever the environment says.
    None,
    /// Through this one.
    Through {
        /// Its address, without user name and password.
        url: Url,
        /// A file that holds `user:password`.
        login: Option<PathBuf>,
    },
}

/// Reads the login of a proxy, as it is now. The error is an operator sentence. Blocks on the file system.
pub fn login(file: &Path) -> Result<SecretString, String> {
    let text = files::text(file, files::SMALL)
        .map_err(|error| format!("the file that `tenant.proxy_login_file` names cannot be read ({error}); check it"))?;
    let login = text.trim();
    if !login.contains(':') {
        return Err("the file that `tenant.proxy_login_file` names does not hold `user:password`; write it so".to_owned());
    }
    Ok(SecretString::from(login))
}

/// Reads the certificates of the extra authorities, as PEM. The error is an operator sentence. Blocks on the file system.
pub fn authorities(file: &Path) -> Result<Vec<u8>, String> {
    let remedy = "it must hold the certificates of the authorities, as PEM";
    let text = files::text(file, files::SMALL)
        .map_err(|error| format!("the file that `tenant.ca_file` names cannot be read ({error}); {remedy}"))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(format!("the file that `tenant.ca_file` names holds no certificate; {remedy}"));
    }
    Ok(text.into_bytes())
}

/// The keys of `[tenant]` about the way.
pub(super) fn way(tenant: &Section<'_>, folder: &Path) -> Option<Way> {
    let file = |key: &str| tenant.optional(key, |node| node.text().map(|text| folder.join(text)));
    let written = tenant.optional("proxy", |node| node.parsed(proxy));
    let (login, ca_file) = (file("proxy_login_file"), file("ca_file"));
    if let (Some(node), Ok(Some(file))) = (tenant.get("proxy_login_file"), &login) {
        credentials::look_at(&node, file);
    }
    if let (Some(node), Ok(Some(file))) = (tenant.get("ca_file"), &ca_file)
        && let Err(error) = std::fs::metadata(file)
    {
        let error = files::FileError::from(error);
        node.warn(format!("this file cannot be read now: {error}"), "`run` needs it; supply it before");
    }
    let (written, login) = (written.ok()?, login.ok()?);
    let proxy = match written {
        Some(Some(url)) => Proxy::Through { url, login },
        other => {
            if login.is_some()
                && let Some(node) = tenant.get("proxy_login_file")
            {
                node.error(
                    "belongs to a `proxy` of the plan",
                    "write `proxy = \"http://proxy.contoso.com:3128\"`, or take it out",
                );
                return None;
            }
            other.map_or(Proxy::Environment, |_| Proxy::None)
        }
    };
    Some(Way { proxy, ca_file: ca_file.ok()? })
}

/// An address, or the word `none`.
fn proxy(text: &str) -> Result<Option<Url>, Wrong> {
    const EXAMPLE: &str = "write one such as \"http://proxy.contoso.com:3128\", or \"none\"";
    if text == "none" {
        return Ok(None);
    }
    let url = Url::parse(text).ok().filter(|url| url.has_host() && ["http", "https"].contains(&url.scheme()));
    // Not shown: it may hold a password.
    let url = url.ok_or_else(|| Wrong::new("is not the address of a proxy", EXAMPLE))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new(
            "holds a user name or a password, which never stand in a plan or the environment",
            "write `user:password` into a file that only tidegate can read, name it in `tenant.proxy_login_file`, and replace the \
             password: it has been in the open",
        ));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::new("has more than scheme, host and port", EXAMPLE));
    }
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_without_secrets_or_none() {
        assert_eq!(proxy("none"), Ok(None));
        for good in ["http://proxy.contoso.com:3128", "https://proxy:8443", "http://127.0.0.1:1/", "http://[::1]:3128"] {
            assert!(proxy(good).unwrap().is_some(), "{good}");
        }
        for bad in ["proxy.contoso.com:3128", "socks5://p", "http://", "http://p/path", "http://p?x", "direct"] {
            assert!(proxy(bad).is_err(), "{bad}");
        }
        for secret in ["http://user:hunter2@proxy:3128", "http://user@proxy"] {
            let wrong = proxy(secret).unwrap_err();
            assert!(wrong.remedy.contains("proxy_login_file") && !format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
        }
    }

    #[test]
    fn a_login_is_a_user_and_a_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("login");
        assert!(login(&file).unwrap_err().contains("proxy_login_file"));
        for (text, good) in [("user:pass\n", true), ("user", false), ("", false)] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(login(&file).is_ok(), good, "{text}");
        }
        std::fs::write(&file, "no certificate").unwrap();
        assert!(authorities(&file).unwrap_err().contains("ca_file"));
    }
}
