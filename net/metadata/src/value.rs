// SPDX-License-Identifier: BSD-3-Clause
//! JSON values of any type, so that no type is the parser's error: such a message would have the value in it.

use alloc::{format, string::String};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// A value.
pub(crate) enum Value {
    /// `null`, which is as good as no value.
    Null,
    /// A text, or a number, or true or false as `1` or `0`.
    Text(Zeroizing<String>),
    /// An array. Its elements were skipped.
    Array,
    /// An object. Its members went to [`Members`].
    Object,
}

/// What is done with the members of an object.
pub(crate) trait Members<'de> {
    /// Takes every member.
    fn take<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error>;
}

/// Members that are skipped.
pub(crate) struct Skip;

impl<'de> Members<'de> for Skip {
    fn take<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Any value.
pub(crate) struct Any<M>(pub M);

impl<'de, M: Members<'de>> DeserializeSeed<'de> for Any<M> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for Any<M> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        text(if value { "1" } else { "0" })
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        text(&format!("{value}"))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        text(&format!("{value}"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        text(&format!("{value}"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        text(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.0.take(map).map(|()| Value::Object)
    }
}

fn text<E: Error>(value: &str) -> Result<Value, E> {
    let mut text = String::new();
    text.try_reserve_exact(value.len()).map_err(|_| E::custom("not enough memory"))?;
    text.push_str(value);
    Ok(Value::Text(Zeroizing::new(text)))
}
