//! Pages of a listing: their size, the opaque link to the next one, and now and then a page that is empty though more follow.
//!
//! A link repeats the options and carries a mark: where the next page begins, and which replica's view it continues.

use jiff::Timestamp;

use super::base64;
use super::call::Call;
use super::json::quote;
use super::reply::{Refusal, Reply};

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The listing shows the tenant as it was then; `None` on a first page.
    pub(super) as_of: Option<Timestamp>,
    /// The last row of the page before, in the listing's own terms.
    pub(super) after: Option<String>,
    /// Whether the page before was empty.
    emptied: Emptied,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Emptied {
    #[default]
    No,
    Yes,
}

impl Mark {
    /// The mark of the call's link; the default on a first page.
    pub(super) fn read(call: &Call) -> Result<Self, Refusal> {
        let Some(token) = call.option("$skiptoken") else { return Ok(Self::default()) };
        let text = base64::decode(token).and_then(|bytes| String::from_utf8(bytes).ok());
        text.as_deref().and_then(Self::parse).ok_or_else(|| Refusal::bad("Request_BadRequest", "The skip token is malformed."))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '|');
        let emptied = if parts.next()? == "e" { Emptied::Yes } else { Emptied::No };
        let as_of = parts.next()?;
        let as_of = if as_of.is_empty() { None } else { Some(as_of.parse().ok()?) };
        let after = parts.next().filter(|after| !after.is_empty()).map(str::to_owned);
        Some(Self { as_of, after, emptied })
    }

    fn token(&self) -> String {
        let emptied = if self.emptied == Emptied::Yes { "e" } else { "-" };
        let as_of = self.as_of.map(|at| at.to_string()).unwrap_or_default();
        base64::encode(format!("{emptied}|{as_of}|{}", self.after.as_deref().unwrap_or_default()).as_bytes())
    }

    /// The place after which the page begins, read as the listing's own kind of place.
    pub(super) fn place<T: std::str::FromStr>(&self) -> Result<Option<T>, Refusal> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|_| Refusal::bad("Request_BadRequest", "The skip token is malformed."))
    }
}

/// The size of the page that the call asks for; more than `most` is cut silently.
pub(super) fn size(call: &Call, default: usize, most: usize) -> Result<usize, Refusal> {
    let Some(top) = call.option("$top") else { return Ok(default) };
    let top: usize = top.parse().unwrap_or(0);
    if top == 0 {
        return Err(Refusal::bad("BadRequest", "Invalid value for $top query option."));
    }
    Ok(top.min(most))
}

/// A page of a listing.
pub(super) struct Page<'a> {
    pub(super) call: &'a Call,
    /// What stands behind `$metadata#`.
    pub(super) context: &'a str,
    pub(super) size: usize,
    pub(super) mark: Mark,
    /// Rows in all, where the call asks and may.
    pub(super) count: Option<usize>,
    /// Whether chance wants this page empty though there are rows.
    pub(super) empty: bool,
}

impl Page<'_> {
    /// The answer with the first rows of `rows`; each comes with its place.
    pub(super) fn of<P: ToString, R>(self, rows: impl Iterator<Item = (P, R)>, write: impl Fn(&mut String, R)) -> Reply {
        self.within(rows, None, write)
    }

    /// A page of a round of changes: the links of its pages carry the round's token and no options, the last page the deltaLink.
    pub(super) fn of_round<P: ToString, R>(
        self,
        rows: impl Iterator<Item = (P, R)>,
        token: &str,
        end: &str,
        write: impl Fn(&mut String, R),
    ) -> Reply {
        self.within(rows, Some((token, end)), write)
    }

    fn within<P: ToString, R>(
        self,
        rows: impl Iterator<Item = (P, R)>,
        round: Option<(&str, &str)>,
        write: impl Fn(&mut String, R),
    ) -> Reply {
        let mut rows = rows.peekable();
        let mut next = self.mark.clone();
        let mut text = String::with_capacity(4_096);
        let comes_empty = self.mark.emptied == Emptied::No && rows.peek().is_some() && self.empty;
        next.emptied = if comes_empty { Emptied::Yes } else { Emptied::No };
        if !comes_empty {
            let mut last = None;
            for (place, row) in rows.by_ref().take(self.size) {
                if !text.is_empty() {
                    text.push(',');
                }
                write(&mut text, row);
                last = Some(place);
            }
            next.after = last.map(|place| place.to_string()).or(next.after);
        }
        let more = rows.peek().is_some();
        let mut body = String::with_capacity(text.len() + 512);
        body.push_str("{\"@odata.context\":");
        quote(&mut body, &format!("{}/$metadata#{}", self.call.base(), self.context));
        if let Some(count) = self.count.filter(|_| self.call.option("$skiptoken").is_none()) {
            body.push_str(",\"@odata.count\":");
            body.push_str(&count.to_string());
        }
        if more {
            body.push_str(",\"@odata.nextLink\":");
            match round {
                None => quote(&mut body, &link(self.call, &next)),
                Some((token, _)) => {
                    let path: String = self.call.segments.iter().fold(String::new(), |path, part| path + "/" + part);
                    let address = format!("{}{path}?$deltaround={token}&$skiptoken={}", self.call.base(), next.token());
                    quote(&mut body, &address);
                }
            }
        } else if let Some((_, end)) = round {
            body.push_str(",\"@odata.deltaLink\":");
            quote(&mut body, end);
        }
        body.push_str(",\"value\":[");
        body.push_str(&text);
        body.push_str("]}");
        Reply::ok(body)
    }
}

fn link(call: &Call, mark: &Mark) -> String {
    let path: String = call.segments.iter().fold(String::new(), |path, part| path + "/" + &part.replace('#', "%23"));
    let mut options = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.options.iter().filter(|(name, _)| name != "$skiptoken") {
        options.append_pair(name, value);
    }
    options.append_pair("$skiptoken", &mark.token());
    // the service writes its own option names plainly
    format!("{}{path}?{}", call.base(), options.finish().replace("%24", "$"))
}

#[cfg(test)]
mod tests {
    use super::super::chance::{Kind, Stream};
    use super::*;

    #[test]
    fn a_mark_survives_its_token() {
        let mark = Mark { as_of: Some(Timestamp::UNIX_EPOCH), after: Some("17|x".to_owned()), emptied: Emptied::Yes };
        let text = String::from_utf8(base64::decode(&mark.token()).unwrap()).unwrap();
        assert_eq!(Mark::parse(&text), Some(mark));
    }

    #[test]
    fn every_row_comes_once_with_empty_pages_in_between() {
        let uri: http::Uri = "/v1.0/things?$top=3&$filter=a%20eq%20'b'".parse().unwrap();
        let mut call =
            Call::new(http::Method::GET, "http://h".to_owned(), &uri, http::HeaderMap::new(), bytes::Bytes::new()).unwrap();
        let (mut chance, mut seen, mut empty) = (Stream::new(3, Kind::Pages), Vec::new(), 0);
        for _ in 0..20 {
            let mark = Mark::read(&call).unwrap();
            let from = mark.place::<i64>().unwrap().map_or(0, |last| last + 1);
            let page = Page {
                call: &call,
                context: "things",
                size: size(&call, 100, 999).unwrap(),
                mark,
                count: None,
                empty: chance.happens(0.5),
            };
            let reply = page.of((from..10).map(|n| (n, n)), |out, n| out.push_str(&n.to_string()));
            let super::super::reply::Body::Json(body) = reply.body else { panic!("no body") };
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let rows = body["value"].as_array().unwrap();
            empty += usize::from(rows.is_empty());
            seen.extend(rows.iter().map(|n| n.as_i64().unwrap()));
            let Some(next) = body["@odata.nextLink"].as_str() else { break };
            assert!(next.starts_with("http://h/v1.0/things?$top=3&$filter=a+eq+%27b%27&$skiptoken="), "{next}");
            call = Call::new(
                http::Method::GET,
                "http://h".to_owned(),
                &next.parse().unwrap(),
                http::HeaderMap::new(),
                bytes::Bytes::new(),
            )
            .unwrap();
        }
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert!(empty > 0);
    }
}
