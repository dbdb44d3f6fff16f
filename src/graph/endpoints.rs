//! Where the tenant is: the roots of Graph and of the login service, and the host allow-list.
//!
//! Does not send anything. Invariant: a token is attached only to an address that [`Endpoints::admits`] has let through,
//! and plain http exists only on loopback.

use url::{Host, Url};

/// The addresses of one tenant.
#[derive(Clone, Debug)]
pub struct Endpoints {
    graph: Url,
    login: Url,
    tenant: String,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL.
    #[error("`{0}` is not an address such as https://graph.microsoft.com")]
    NotAnAddress(String),
    /// Neither https nor http on loopback.
    #[error("`{0}` must begin with https://; http:// is possible on loopback only")]
    NotSecure(String),
    /// User name, query or fragment.
    #[error("`{0}` must be a root: no user name, no query, no fragment, no version")]
    NotARoot(String),
    /// The tenant's id has characters that no id or domain has.
    #[error("`{0}` is neither a tenant id nor a domain")]
    NotATenant(String),
}

/// An address that the allow-list does not take; names the host only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address on `{host}` is outside the configured Graph root")]
pub struct Forbidden {
    /// The host that was asked for.
    pub host: String,
}

impl Endpoints {
    /// The Graph root and the login root (both without version), and the tenant's id or verified domain.
    pub fn new(graph_root: &str, login_root: &str, tenant: &str) -> Result<Self, EndpointError> {
        let well_formed = !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        if !well_formed {
            return Err(EndpointError::NotATenant(tenant.to_owned()));
        }
        Ok(Self { graph: root(graph_root)?, login: root(login_root)?, tenant: tenant.to_owned() })
    }

    /// Whether both roots are on loopback; a paced clock is allowed only then.
    #[must_use]
    pub fn are_loopback(&self) -> bool {
        is_loopback(&self.graph) && is_loopback(&self.login)
    }

    /// The Graph root without a slash at its end.
    #[must_use]
    pub fn graph_root(&self) -> &str {
        self.graph.as_str().trim_end_matches('/')
    }

    /// Where tokens are asked for.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.login.as_str().trim_end_matches('/'), self.tenant)
    }

    /// The scope of a token for Graph.
    #[must_use]
    pub fn scope(&self) -> String {
        format!("{}/.default", self.graph_root())
    }

    /// Reads an address, and takes it only when it lies under the Graph root: same scheme, host and port, no user name,
    /// and a path below `/v1.0/` or `/beta/`.
    pub fn admits(&self, address: &str) -> Result<Url, Forbidden> {
        let url = Url::parse(address).map_err(|_| Forbidden { host: "an unreadable address".to_owned() })?;
        let base = self.graph.path().trim_end_matches('/');
        let below = url.path().strip_prefix(base).is_some_and(|rest| rest.starts_with("/v1.0/") || rest.starts_with("/beta/"));
        let same = url.scheme() == self.graph.scheme()
            && url.host() == self.graph.host()
            && url.port_or_known_default() == self.graph.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if same && below { Ok(url) } else { Err(Forbidden { host: url.host_str().unwrap_or("no host").to_owned() }) }
    }
}

fn root(text: &str) -> Result<Url, EndpointError> {
    let url = Url::parse(text).map_err(|_| EndpointError::NotAnAddress(text.to_owned()))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let versioned = ["v1.0", "beta"].iter().any(|version| url.path().trim_end_matches('/').ends_with(version));
    if !plain || versioned {
        return Err(EndpointError::NotARoot(text.to_owned()));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(EndpointError::NotSecure(text.to_owned())),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global() -> Endpoints {
        Endpoints::new("https://graph.microsoft.com", "https://login.microsoftonline.com", "contoso.onmicrosoft.com").unwrap()
    }

    #[test]
    fn only_addresses_below_the_graph_root_are_taken() {
        let endpoints = global();
        for (address, taken) in [
            ("https://graph.microsoft.com/v1.0/users?$skiptoken=x", true),
            ("https://graph.microsoft.com:443/beta/users", true),
            ("https://GRAPH.microsoft.com/v1.0/users", true),
            ("http://graph.microsoft.com/v1.0/users", false),
            ("https://graph.microsoft.com:8443/v1.0/users", false),
            ("https://graph.microsoft.com.evil.example/v1.0/users", false),
            ("https://graph.microsoft.com@evil.example/v1.0/users", false),
            ("https://user@graph.microsoft.com/v1.0/users", false),
            ("https://graph.microsoft.com/v1.0", false),
            ("https://graph.microsoft.com/v1.0/../elsewhere", false),
            ("https://graph.microsoft.com/v1.0/%2e%2e/elsewhere", false),
            ("https://graph.microsoft.com/v2.0/users", false),
            ("https://evil.example\\@graph.microsoft.com/v1.0/users", false),
            ("//graph.microsoft.com/v1.0/users", false),
            ("", false),
        ] {
            assert_eq!(endpoints.admits(address).is_ok(), taken, "{address}");
        }
    }

    #[test]
    fn tokens_are_asked_for_the_clouds_own_graph_at_its_own_login_service() {
        for (graph, login) in [
            ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
            ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
            ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
            ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
        ] {
            let endpoints = Endpoints::new(graph, login, "contoso.example").unwrap();
            assert_eq!(endpoints.scope(), format!("{graph}/.default"));
            assert_eq!(endpoints.graph_root(), graph);
            assert_eq!(endpoints.token_url(), format!("{login}/contoso.example/oauth2/v2.0/token"));
            assert!(endpoints.admits("https://graph.microsoft.com/v1.0/users").is_ok() == graph.ends_with("graph.microsoft.com"));
        }
    }

    #[test]
    fn a_root_may_have_a_path_of_its_own() {
        let endpoints = Endpoints::new("http://127.0.0.1:8901/tenant-a/", "http://localhost:8901", "t").unwrap();
        assert_eq!(endpoints.graph_root(), "http://127.0.0.1:8901/tenant-a");
        assert!(endpoints.admits("http://127.0.0.1:8901/tenant-a/v1.0/users").is_ok());
        assert!(endpoints.admits("http://127.0.0.1:8901/v1.0/users").is_err());
        assert!(endpoints.are_loopback());
        assert!(!global().are_loopback());
    }

    #[test]
    fn an_insecure_or_odd_root_is_refused() {
        for (root, secure) in [("http://graph.example", false), ("ftp://127.0.0.1", false), ("http://127.0.0.1:1", true)] {
            assert_eq!(Endpoints::new(root, "https://login.example", "t").is_ok(), secure, "{root}");
        }
        for root in ["https://graph.example/v1.0", "https://a:b@graph.example", "https://graph.example?x=1", "graph.example"] {
            assert!(Endpoints::new(root, "https://login.example", "t").is_err(), "{root}");
        }
        assert!(Endpoints::new("https://graph.example", "https://login.example", "a/../b").is_err());
    }
}
