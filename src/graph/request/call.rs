//! One request, ready but for host, token and request id.
//!
//! Does not send. Invariant: only the typed requests beside it can make one.

use http::Method;
use serde_json::{Value, json};

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
    pub(super) body: Option<Value>,
    pub(super) done: u16,
    pub(super) effect: Effect,
}

#[derive(Clone, Debug)]
pub(super) enum Address {
    /// Below `/v1.0`, with its query.
    Relative(String),
    /// A nextLink, whole.
    Whole(String),
}

impl Call {
    pub(crate) const fn method(&self) -> &Method {
        &self.method
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

    pub(crate) const fn body(&self) -> Option<&Value> {
        self.body.as_ref()
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
            Address::Relative(path) => format!("{graph_root}/{version}{path}"),
            Address::Whole(link) => link.clone(),
        }
    }

    /// The same question about the next page.
    pub(crate) fn next(&self, link: String) -> Self {
        Self { address: Address::Whole(link), ..self.clone() }
    }

    /// As a member of an envelope. Its address is relative; a nextLink never travels in one.
    pub(crate) fn member(&self, id: &str) -> Value {
        let url = match &self.address {
            Address::Relative(path) => path.as_str(),
            Address::Whole(_) => "",
        };
        match &self.body {
            Some(body) => {
                let headers = json!({"Content-Type": "application/json"});
                json!({"id": id, "method": self.method.as_str(), "url": url, "headers": headers, "body": body})
            }
            None => json!({"id": id, "method": self.method.as_str(), "url": url}),
        }
    }

    /// One envelope around several calls of one kind. It may have done as much as its members may.
    pub(crate) fn envelope(members: &[Self]) -> Self {
        let requests: Vec<_> = members.iter().enumerate().map(|(at, call)| call.member(&at.to_string())).collect();
        let first = members.first();
        Self {
            method: Method::POST,
            version: first.map_or(Version::One, |call| call.version),
            template: "/$batch",
            address: Address::Relative("/$batch".to_owned()),
            permission: first.map_or("User.Read.All", |call| call.permission),
            bucket: first.map_or(Bucket::Directory, |call| call.bucket),
            consistency: Consistency::Plain,
            body: Some(json!({"requests": requests})),
            done: 200,
            effect: first.map_or(Effect::None, |call| call.effect),
        }
    }
}
