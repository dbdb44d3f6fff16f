//! One request, ready but for host, token and request id.
//!
//! Does not send. Invariant: only the typed requests beside it can make one.

use std::fmt::Write;

use http::Method;
use serde_json::Value;

use crate::graph::throttle::Bucket;

/// Whether a directory query needs the advanced index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// The plain one.
    Plain,
    /// `ConsistencyLevel: eventual` with `$count=true`: for `ne`, `not`, `endsWith`. Its index may lag.
    Eventual,
}

/// What a failed exchange may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// Perhaps what was asked for.
    Change,
}

/// The version of the API. An envelope has one version for all its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `v1.0`.
    One,
    /// `beta`, for what exists nowhere else.
    Beta,
}

/// One request, ready but for host, token and request id.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) template: &'static str,
    pub(super) address: Address,
    pub(super) permission: &'static str,
    pub(super) bucket: Bucket,
    pub(super) consistency: Consistency,
    /// JSON.
    pub(super) body: Option<String>,
    pub(super) done: u16,
    pub(super) effect: Effect,
}

#[derive(Clone, Debug)]
pub(super) enum Address {
    /// Below the version, with its query.
    Relative(String),
    /// That something is a member of something, below the version and without the `/$ref` at its end: without that ending the
    /// same DELETE would delete the member itself.
    Link(String),
    /// A nextLink, whole.
    Whole(String),
}

impl Call {
    pub(crate) const fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) const fn version(&self) -> Version {
        self.version
    }

    /// Whether it would delete an object: nothing here may.
    pub(crate) fn deletes_an_object(&self) -> bool {
        self.method == Method::DELETE && !matches!(self.address, Address::Link(_))
    }

    /// The path with names for ids, for logs and messages.
    pub(crate) const fn template(&self) -> &'static str {
        self.template
    }

    /// The least application permission that it needs.
    pub(crate) const fn permission(&self) -> &'static str {
        self.permission
    }

    pub(crate) const fn bucket(&self) -> Bucket {
        self.bucket
    }

    pub(crate) const fn consistency(&self) -> Consistency {
        self.consistency
    }

    /// JSON.
    pub(crate) fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// The one status that says it is done.
    pub(crate) const fn done(&self) -> u16 {
        self.done
    }

    pub(crate) const fn effect(&self) -> Effect {
        self.effect
    }

    /// The absolute address under a Graph root; not judged yet.
    pub(crate) fn address(&self, graph_root: &str) -> String {
        let version = match self.version {
            Version::One => "v1.0",
            Version::Beta => "beta",
        };
        match &self.address {
            Address::Whole(link) => link.clone(),
            _ => format!("{graph_root}/{version}{}", self.path()),
        }
    }

    /// The path below the version; none of a nextLink.
    fn path(&self) -> String {
        match &self.address {
            Address::Relative(path) => path.clone(),
            Address::Link(path) => format!("{path}/$ref"),
            Address::Whole(_) => String::new(),
        }
    }

    /// The same question about the next page.
    pub(crate) fn next(&self, link: String) -> Self {
        Self { address: Address::Whole(link), ..self.clone() }
    }

    /// Writes it as a member of an envelope. Its address is relative; a nextLink never travels in one.
    fn write_member(&self, id: usize, out: &mut String) {
        // Writing to a text does not fail.
        let _ = write!(out, r#"{{"id":"{id}","method":"{}","url":{}"#, self.method, Value::from(self.path()));
        if let Some(body) = &self.body {
            let _ = write!(out, r#","headers":{{"Content-Type":"application/json"}},"body":{body}"#);
        }
        out.push('}');
    }

    /// One envelope around several calls of one kind and version. It may have done as much as its members may.
    pub(crate) fn envelope(members: &[&Self]) -> Self {
        let size = members.iter().map(|call| 200 + call.body.as_ref().map_or(1_000, String::len)).sum();
        let mut requests = String::with_capacity(size);
        requests.push_str(r#"{"requests":["#);
        for (at, call) in members.iter().enumerate() {
            if at > 0 {
                requests.push(',');
            }
            call.write_member(at, &mut requests);
        }
        requests.push_str("]}");
        let first = members.first();
        Self {
            method: Method::POST,
            version: first.map_or(Version::One, |call| call.version),
            template: "/$batch",
            address: Address::Relative("/$batch".to_owned()),
            permission: first.map_or("User.Read.All", |call| call.permission),
            bucket: first.map_or(Bucket::Directory, |call| call.bucket),
            consistency: Consistency::Plain,
            body: Some(requests),
            done: 200,
            effect: first.map_or(Effect::None, |call| call.effect),
        }
    }
}
