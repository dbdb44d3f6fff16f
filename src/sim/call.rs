//! A request as the API reads it: segments, options, headers, body. Also for the members of a batch.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use serde_json::Value;

use super::reply::Refusal;

/// A request to the API, or one member of a batch.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// `scheme://authority` as the client sees the service.
    pub(super) root: String,
    /// `v1.0` or `beta`.
    pub(super) version: String,
    /// The path below the version, decoded.
    pub(super) segments: Vec<String>,
    /// The options, decoded, in their order.
    pub(super) options: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    /// Reads a request; `None` when its path has no version.
    pub(super) fn read(request: &Request<Bytes>) -> Option<Self> {
        Self::new(request.method().clone(), root(request), request.uri(), request.headers().clone(), request.body().clone())
    }

    /// A call of `uri`, whose path begins with the version.
    pub(super) fn new(method: Method, root: String, uri: &Uri, headers: HeaderMap, body: Bytes) -> Option<Self> {
        let mut segments = segments(uri.path());
        if !segments.first().is_some_and(|version| version == "v1.0" || version == "beta") {
            return None;
        }
        let version = segments.remove(0);
        let options = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let options = options.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Some(Self { method, root, version, segments, options, headers, body })
    }

    /// The option, when it is there.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The options as one text, decoded.
    pub(super) fn query(&self) -> String {
        let options: Vec<String> = self.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        options.join("&")
    }

    /// The header's text, when it is there.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the call asks for the index that answers advanced queries.
    pub(super) fn is_eventual(&self) -> bool {
        self.header("consistencylevel").is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
    }

    /// Whether an advanced query is allowed: the header and `$count=true`.
    pub(super) fn is_advanced(&self) -> bool {
        self.is_eventual() && self.option("$count") == Some("true")
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        let is_json = self.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if !is_json {
            return Err(Refusal::bad(
                "BadRequest",
                "Write requests (excluding DELETE) must contain the Content-Type header declaration.",
            ));
        }
        serde_json::from_slice(&self.body).map_err(|_| Refusal::bad("BadRequest", "Unable to read JSON request payload."))
    }

    /// `scheme://authority/version`.
    pub(super) fn base(&self) -> String {
        format!("{}/{}", self.root, self.version)
    }
}

/// `scheme://authority` of a request.
pub(super) fn root(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(http::uri::Authority::as_str).or(host).unwrap_or("localhost");
    format!("{}://{authority}", uri.scheme_str().unwrap_or("http"))
}

/// The segments of a path, decoded; a doubled or trailing slash means nothing.
pub(super) fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| decode(part).into_owned()).collect()
}

/// Decodes `%xx`; what is no code stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) if *byte == b'%' => {
                bytes.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_whole() {
        let request = Request::get("http://127.0.0.1:9/v1.0/users/a%23EXT%23@b.example?$select=id&$filter=a%20eq%20'b+c'")
            .header("ConsistencyLevel", "eventual")
            .body(Bytes::new())
            .unwrap();
        let call = Call::read(&request).unwrap();
        assert_eq!(call.segments, ["users", "a#EXT#@b.example"]);
        assert_eq!(call.option("$filter"), Some("a eq 'b c'"));
        assert_eq!(call.base(), "http://127.0.0.1:9/v1.0");
        assert!(call.is_eventual() && !call.is_advanced());
    }

    #[test]
    fn a_path_without_version_is_no_call() {
        let request = Request::get("/users").header("host", "h").body(Bytes::new()).unwrap();
        assert!(Call::read(&request).is_none());
        assert_eq!(root(&request), "http://h");
    }
}
