//! Reading whole collections: page after page until there is no nextLink.
//!
//! Does not take partial answers: a collection is complete or an error. Invariant: a nextLink is followed whole and unmodified, never
//! twice, and only where the allow-list takes it (which the transport sees to). A name that is no text spoils no page.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::request::Call;
use super::row::{Row, Single};
use super::transport::{Transport, Unread};
use crate::rollout::observed::{Trouble, TroubleKind};

/// More pages than any tenant has.
const PAGES: usize = 20_000;

/// One page. Without `value` it is no page, and never an empty one.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) value: Vec<R>,
    pub(crate) next: Option<String>,
    /// Where a later round of changes begins; on the last page of a round.
    pub(crate) delta: Option<String>,
}

pub(crate) fn parse<R: Row>(body: &[u8]) -> Option<Page<R>> {
    whole(body).or_else(|| whole(&mended(body)?))
}

/// The body with every half of a surrogate pair, and every byte that is no UTF-8, replaced; `None` when there are none. Directories
/// hold names as UTF-16, cut where they were too long, and the service writes down what they hold.
fn mended(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut out, mut from, mut at) = (String::new(), 0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(text.get(from..at)?);
                out.push('\u{fffd}');
                at += 6;
                from = at;
            }
            _ => at += 2,
        }
    }
    let is_sound = from == 0 && matches!(text, std::borrow::Cow::Borrowed(_));
    out.push_str(text.get(from..)?);
    (!is_sound).then(|| out.into_bytes())
}

fn whole<R: Row>(body: &[u8]) -> Option<Page<R>> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let page = Whole(PhantomData).deserialize(&mut json).ok()?;
    json.end().ok()?;
    page
}

/// Hands every row of a collection to `take`. Rows may repeat.
pub(crate) async fn each<R: Row>(transport: &Transport, call: &Call, mut take: impl FnMut(R) + Send) -> Result<(), Unread> {
    let page = transport.read(call, parse).await?;
    rest(transport, call, page, &mut take).await
}

/// The same with the first `pages` pages only; whether those were all.
pub(crate) async fn first<R: Row>(
    transport: &Transport,
    call: &Call,
    pages: usize,
    mut take: impl FnMut(R) + Send,
) -> Result<bool, Unread> {
    let mut page: Page<R> = transport.read(call, parse).await?;
    for _ in 1..pages {
        page.value.into_iter().for_each(&mut take);
        let Some(link) = page.next.take() else { return Ok(true) };
        page = transport.read(&call.next(link), parse).await?;
    }
    page.value.into_iter().for_each(&mut take);
    Ok(page.next.is_none())
}

/// The same, where the first page is there already.
pub(crate) async fn rest<R: Row>(
    transport: &Transport,
    call: &Call,
    page: Page<R>,
    take: &mut (impl FnMut(R) + Send),
) -> Result<(), Unread> {
    last(transport, call, page, take).await.map(drop)
}

/// A round of changes: every row of it, and the deltaLink at its end.
pub(crate) async fn round<R: Row>(
    transport: &Transport,
    call: &Call,
    take: &mut (impl FnMut(R) + Send),
) -> Result<Option<String>, Unread> {
    let page = transport.read(call, parse).await?;
    last(transport, call, page, take).await
}

/// Goes on to the last page; its deltaLink, where it has one.
async fn last<R: Row>(
    transport: &Transport,
    call: &Call,
    mut page: Page<R>,
    take: &mut (impl FnMut(R) + Send),
) -> Result<Option<String>, Unread> {
    let mut seen = BTreeSet::new();
    loop {
        page.value.into_iter().for_each(&mut *take);
        let Some(link) = page.next.take() else { return Ok(page.delta) };
        if seen.len() >= PAGES || !seen.insert(link.clone()) {
            let why = format!("the pages of {} lead in a circle; nothing was taken from them", call.template());
            return Err(Unread::Failed(Trouble { kind: TroubleKind::Unreachable, why }));
        }
        page = transport.read(&call.next(link), parse).await?;
    }
}

/// A page; none when it has no `value`.
struct Whole<R>(PhantomData<R>);

impl<'de, R: Row> DeserializeSeed<'de> for Whole<R> {
    type Value = Option<Page<R>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: Row> Visitor<'de> for Whole<R> {
    type Value = Option<Page<R>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a collection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut page: A) -> Result<Self::Value, A::Error> {
        let (mut value, mut next, mut delta) = (None, None, None);
        while let Some(key) = page.next_key::<String>()? {
            match key.as_str() {
                "value" => value = Some(page.next_value_seed(Rows(PhantomData))?),
                "@odata.nextLink" => next = page.next_value::<Option<String>>()?,
                // Listings have none; one that is no text spoils none.
                "@odata.deltaLink" => delta = page.next_value_seed(Single::<String>::new())?,
                _ => drop(page.next_value::<IgnoredAny>()?),
            }
        }
        Ok(value.map(|value| Page { value, next, delta }))
    }
}

/// The rows of a page.
struct Rows<R>(PhantomData<R>);

impl<'de, R: Row> DeserializeSeed<'de> for Rows<R> {
    type Value = Vec<R>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<R>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, R: Row> Visitor<'de> for Rows<R> {
    type Value = Vec<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rows of a page")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Vec<R>, A::Error> {
        // A JSON list does not say how long it is; lists of a handful are read most often.
        let mut all = Vec::with_capacity(16);
        while let Some(row) = rows.next_element_seed(One(PhantomData))? {
            all.push(row);
        }
        Ok(all)
    }
}

struct One<R>(PhantomData<R>);

impl<'de, R: Row> DeserializeSeed<'de> for One<R> {
    type Value = R;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R, D::Error> {
        R::read(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn rows_that_are_no_objects_spoil_nothing() {
        let body =
            br#"{"@odata.context":"x","value":[{"id":"1","a":{"b":[1]}},null,7,-1,1.5,true,"t",[1,{}]],"@odata.nextLink":"n"}"#;
        let page = parse::<Value>(body).unwrap();
        assert_eq!(page.next.as_deref(), Some("n"));
        assert_eq!(page.value.len(), 8);
        assert_eq!(page.value[0]["a"]["b"][0], 1);
    }

    #[test]
    fn a_name_that_is_no_text_spoils_no_page() {
        let odd: [&[u8]; 5] = [br"\ud83d", br"a\ud83d\u0041", br"\udc00", b"\xff\xfe", br"\\\ud800\ud83d\ude00"];
        for name in odd {
            let body = [br#"{"value":[{"id":"1"},{"n":""#, name, br#"","id":"2"},{"id":"3"}]}"#].concat();
            let page = parse::<Value>(&body).unwrap();
            assert_eq!(page.value.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), ["1", "2", "3"]);
            assert!(page.value[1]["n"].as_str().unwrap().contains('\u{fffd}'));
        }
        assert_eq!(mended(br#"{"n":"\ud83d\ude00 \\ud83d"}"#), None, "nothing is wrong with it");
    }

    #[test]
    fn without_a_value_it_is_no_page() {
        for body in ["{}", r#"{"value":{}}"#, r#"{"value":[1"#, "<html>", r#"{"value":[]} x"#, "[]", ""] {
            assert!(parse::<Value>(body.as_bytes()).is_none(), "{body}");
        }
        assert!(parse::<Value>(br#"{"value":[]}"#).unwrap().next.is_none());
    }
}
