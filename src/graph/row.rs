//! Rows of listings, read leniently and without detours: reports of a hundred thousand people are read again and again.
//!
//! Of a row only the fields that its type names are looked at. Invariant: a value of an unexpected kind is no value, and what is no
//! object is a row without any.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::rollout::id::ObjectId;

/// Something that a row of a listing becomes.
pub(crate) trait Row: Sized + Send {
    /// Reads it, whatever stands there.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// A row of which some fields are read.
pub(crate) trait Fields: Default + Send {
    /// The names of those fields.
    const NAMES: &'static [&'static str];

    /// Takes the value of one of them: [`value`] or [`object`] reads it out of `row`.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error>;
}

impl<F: Fields> Row for F {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Object(PhantomData))
    }
}

/// All of it.
impl Row for Value {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// What a value can be read as. A kind of value that says nothing to it is none.
pub(crate) trait Kind: Sized {
    /// From a text.
    fn text(_: &str) -> Option<Self> {
        None
    }

    /// From `true` or `false`.
    fn flag(_: bool) -> Option<Self> {
        None
    }

    /// From a whole number.
    fn number(_: i64) -> Option<Self> {
        None
    }
}

impl Kind for String {
    fn text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Kind for bool {
    fn flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl Kind for i64 {
    fn number(number: i64) -> Option<Self> {
        Some(number)
    }

    /// Numbers come as texts where the service keeps to IEEE 754.
    fn text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for ObjectId {
    fn text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for Timestamp {
    fn text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// The value of the field at hand.
pub(crate) fn value<'de, T: Kind, A: MapAccess<'de>>(row: &mut A) -> Result<Option<T>, A::Error> {
    row.next_value_seed(Single::new())
}

/// The fields of the object that the field at hand holds.
pub(crate) fn object<'de, F: Fields, A: MapAccess<'de>>(row: &mut A) -> Result<F, A::Error> {
    row.next_value_seed(Object(PhantomData))
}

/// Reads an object into `F`.
struct Object<F>(PhantomData<F>);

impl<'de, F: Fields> DeserializeSeed<'de> for Object<F> {
    type Value = F;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<F, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The methods of a visitor that looks at some kinds of values only, and takes none of the others for one.
macro_rules! nothing_else {
    ($nothing:expr; $($method:ident($kind:ty)),*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }

        $(fn $method<E>(self, _: $kind) -> Result<Self::Value, E> {
            Ok($nothing)
        })*

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    };
}

impl<'de, F: Fields> Visitor<'de> for Object<F> {
    type Value = F;

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> Result<F, A::Error> {
        let mut fields = F::default();
        while let Some(name) = row.next_key_seed(Name(F::NAMES))? {
            match name {
                Some(name) => fields.take(name, &mut row)?,
                None => drop(row.next_value::<IgnoredAny>()?),
            }
        }
        Ok(fields)
    }

    nothing_else!(F::default(); visit_str(&str), visit_bool(bool), visit_i64(i64), visit_u64(u64));
}

/// Reads one value.
pub(super) struct Single<T>(PhantomData<T>);

impl<T> Single<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Kind> DeserializeSeed<'de> for Single<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Kind> Visitor<'de> for Single<T> {
    type Value = Option<T>;

    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(T::text(text))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Option<T>, E> {
        Ok(T::flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<T>, E> {
        Ok(T::number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<T>, E> {
        Ok(i64::try_from(number).ok().and_then(T::number))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<T>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    nothing_else!(None;);
}

/// Reads the name of a field: which of these it is, if any.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|known| **known == name).copied())
    }
}

#[cfg(test)]
pub(crate) fn of<R: Row>(json: &Value) -> R {
    R::read(json).unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sample {
        text: Option<String>,
        flag: Option<bool>,
        code: Option<i64>,
        inner: Option<i64>,
    }

    #[derive(Default)]
    struct Inner(Option<i64>);

    impl Fields for Inner {
        const NAMES: &'static [&'static str] = &["code"];

        fn take<'de, A: MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
            self.0 = value(row)?;
            Ok(())
        }
    }

    impl Fields for Sample {
        const NAMES: &'static [&'static str] = &["text", "flag", "code", "inner"];

        fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
            match name {
                "text" => self.text = value(row)?,
                "flag" => self.flag = value(row)?,
                "code" => self.code = value(row)?,
                _ => self.inner = object::<Inner, _>(row)?.0,
            }
            Ok(())
        }
    }

    #[test]
    fn a_value_of_another_kind_is_none() {
        let whole = json!({"text": "a", "x": {"y": [1]}, "flag": true, "code": "-7", "inner": {"code": 3, "z": null}});
        let read = Sample { text: Some("a".to_owned()), flag: Some(true), code: Some(-7), inner: Some(3) };
        assert_eq!(of::<Sample>(&whole), read);
        for odd in [json!(null), json!(1), json!(-1), json!(1.5), json!(false), json!("x"), json!([{"text": "a"}]), json!({})] {
            assert_eq!(of::<Sample>(&odd), Sample::default(), "{odd}");
            if !odd.is_string() {
                let row = json!({"text": odd});
                assert_eq!(of::<Sample>(&row).text, None, "{row}");
            }
            if !odd.is_boolean() {
                let row = json!({"flag": odd, "inner": odd});
                assert_eq!(of::<Sample>(&row), Sample::default(), "{row}");
            }
        }
        assert_eq!(of::<Sample>(&json!({"code": u64::MAX})).code, None);
    }
}
