//! Reading whole collections: page after page until there is no nextLink.
//!
//! Of a row only the fields that somebody asks for are kept: a report has four times as many. Does not take partial answers: a collection is complete or an error. Invariant: a nextLink is followed whole and unmodified, never
//! twice, and only where the allow-list takes it (which the transport sees to).

use std::collections::BTreeSet;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::request::Call;
use super::transport::{Transport, Unread};
use crate::rollout::observed::{Trouble, TroubleKind};

/// More pages than any tenant has.
const PAGES: usize = 20_000;

/// One page. Without `value` it is no page, and never an empty one.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) value: Vec<Value>,
    pub(crate) next: Option<String>,
}

/// The fields of a row that are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fields {
    /// All of them.
    All,
    /// These.
    Only(&'static [&'static str]),
}

pub(crate) fn parse(body: &[u8], fields: Fields) -> Option<Page> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let page = Whole(fields).deserialize(&mut json).ok()?;
    json.end().ok()?;
    page
}

/// Hands every row of a collection to `take`. Rows may repeat.
pub(crate) async fn each(
    transport: &Transport,
    call: &Call,
    fields: Fields,
    mut take: impl FnMut(&Value) + Send,
) -> Result<(), Unread> {
    let page = transport.read(call, |body| parse(body, fields)).await?;
    rest(transport, call, fields, page, &mut take).await
}

/// The same, where the first page is there already.
pub(crate) async fn rest(
    transport: &Transport,
    call: &Call,
    fields: Fields,
    mut page: Page,
    take: &mut (impl FnMut(&Value) + Send),
) -> Result<(), Unread> {
    let mut seen = BTreeSet::new();
    loop {
        page.value.iter().for_each(&mut *take);
        let Some(link) = page.next.take() else { return Ok(()) };
        if seen.len() >= PAGES || !seen.insert(link.clone()) {
            let why = format!("the pages of {} lead in a circle; nothing was taken from them", call.template());
            return Err(Unread::Failed(Trouble { kind: TroubleKind::Unreachable, why }));
        }
        page = transport.read(&call.next(link), |body| parse(body, fields)).await?;
    }
}

/// A page; none when it has no `value`.
struct Whole(Fields);

impl<'de> DeserializeSeed<'de> for Whole {
    type Value = Option<Page>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Page>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole {
    type Value = Option<Page>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a collection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut page: A) -> Result<Option<Page>, A::Error> {
        let (mut value, mut next) = (None, None);
        while let Some(key) = page.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*key {
                "value" => value = Some(page.next_value_seed(Rows(self.0))?),
                "@odata.nextLink" => next = page.next_value::<Option<String>>()?,
                _ => drop(page.next_value::<IgnoredAny>()?),
            }
        }
        Ok(value.map(|value| Page { value, next }))
    }
}

/// The rows of a page.
struct Rows(Fields);

impl<'de> DeserializeSeed<'de> for Rows {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rows of a page")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Vec<Value>, A::Error> {
        let mut all = Vec::new();
        while let Some(row) = rows.next_element_seed(Row(self.0))? {
            all.push(row);
        }
        Ok(all)
    }
}

/// One row, less what nobody asks for. What is no object becomes null, which no reader takes for a row.
struct Row(Fields);

impl<'de> DeserializeSeed<'de> for Row {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0 {
            Fields::All => serde::Deserialize::deserialize(deserializer),
            Fields::Only(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Row {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let Fields::Only(wanted) = self.0 else { return Ok(Value::Null) };
        let mut row = Map::new();
        while let Some(key) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            if wanted.contains(&&*key) {
                row.insert(key.into_owned(), fields.next_value()?);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(row))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_str<E>(self, _: &str) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_row_only_what_is_asked_for_is_kept_and_odd_rows_spoil_nothing() {
        let body = br#"{"@odata.context":"x","value":[{"id":"1","a":{"b":[1]},"c":null},null,7,-1,1.5,true,"t",[1,{}],{"id":"2"}],"@odata.nextLink":"n"}"#;
        let page = parse(body, Fields::Only(&["id", "c"])).unwrap();
        assert_eq!(page.next.as_deref(), Some("n"));
        assert_eq!(page.value.len(), 9);
        assert_eq!(page.value[0], serde_json::json!({"id": "1", "c": null}));
        assert_eq!(page.value[8], serde_json::json!({"id": "2"}));
        assert!(page.value[1..8].iter().all(Value::is_null));
        assert_eq!(parse(body, Fields::All).unwrap().value[0]["a"]["b"][0], 1);
    }

    #[test]
    fn without_a_value_it_is_no_page() {
        for body in ["{}", r#"{"value":{}}"#, r#"{"value":[1"#, "<html>", r#"{"value":[]} x"#, "[]", ""] {
            assert!(parse(body.as_bytes(), Fields::All).is_none(), "{body}");
            assert!(parse(body.as_bytes(), Fields::Only(&[])).is_none(), "{body}");
        }
        assert!(parse(br#"{"value":[]}"#, Fields::All).unwrap().next.is_none());
    }
}
