//! Attribute values: what SCIM can carry (RFC 7643 section 2.3), without null. *No value* is the absence of a value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// One attribute value. JSON in readable formats; a tagged enum in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// Several values. Order carries no meaning (RFC 7643 section 2.4): compare with [`Value::same`].
    List(Vec<Value>),
    /// A complex value: sub-attributes by name.
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this means *no value*: empty text, an empty list, an object whose parts are all empty.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.iter().all(Self::is_empty),
            Self::Object(parts) => parts.values().all(Self::is_empty),
            Self::Integer(_) | Self::Boolean(_) => false,
        }
    }

    /// Equal by meaning: lists are compared as sets, empty parts do not count, "true" in any case equals `true`.
    pub fn same(&self, other: &Self) -> bool {
        self == other || self.in_canonical_form() == other.in_canonical_form()
    }

    /// As [`Value::canonical`], without a copy where this is canonical already.
    pub fn in_canonical_form(&self) -> Cow<'_, Self> {
        if self.is_canonical() { Cow::Borrowed(self) } else { Cow::Owned(self.canonical()) }
    }

    fn is_canonical(&self) -> bool {
        match self {
            Self::List(items) => {
                items.iter().all(|item| !item.is_empty() && item.is_canonical())
                    && items.is_sorted_by(|one, next| one < next)
            }
            Self::Object(parts) => parts.values().all(|part| !part.is_empty() && part.is_canonical()),
            Self::Text(text) => !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false"),
            Self::Integer(_) | Self::Boolean(_) => true,
        }
    }

    /// The form that [`Value::same`] compares: lists sorted and without repeats or empty items, objects without empty parts.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self {
            Self::List(items) => {
                let mut items: Vec<Self> = items.iter().filter(|item| !item.is_empty()).map(Self::canonical).collect();
                items.sort();
                items.dedup();
                Self::List(items)
            }
            Self::Object(parts) => Self::Object(
                parts
                    .iter()
                    .filter(|(_, part)| !part.is_empty())
                    .map(|(name, part)| (name.clone(), part.canonical()))
                    .collect(),
            ),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Self::Boolean(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Self::Boolean(false),
            other => other.clone(),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => serde_json::Value::String(text.clone()),
            Self::Integer(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(parts) => {
                serde_json::Value::Object(parts.iter().map(|(name, part)| (name.clone(), part.to_json())).collect())
            }
        }
    }

    /// From JSON; `None` for null. Numbers that are not whole become text.
    pub fn from_json(json: &serde_json::Value) -> Option<Self> {
        Some(match json {
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(flag) => Self::Boolean(*flag),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Text(number.to_string()), Self::Integer)
            }
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().filter_map(Self::from_json).collect()),
            serde_json::Value::Object(parts) => Self::Object(
                parts.iter().filter_map(|(name, part)| Some((name.clone(), Self::from_json(part)?))).collect(),
            ),
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl fmt::Display for Value {
    /// Text bare, lists comma-separated, objects as JSON: for tables and sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&crate::text::printable(text)),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Boolean(flag) => write!(f, "{flag}"),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                Ok(())
            }
            Self::Object(_) => f.write_str(&crate::text::printable(&self.to_json().to_string())),
        }
    }
}

/// The store's form: every variant tagged, because postcard does not describe itself.
#[derive(Serialize, Deserialize)]
enum Tagged {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

#[derive(Serialize)]
enum TaggedRef<'a> {
    Text(&'a str),
    Integer(i64),
    Boolean(bool),
    List(&'a [Value]),
    Object(&'a BTreeMap<String, Value>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return match self {
                Self::Text(text) => serializer.serialize_str(text),
                Self::Integer(number) => serializer.serialize_i64(*number),
                Self::Boolean(flag) => serializer.serialize_bool(*flag),
                Self::List(items) => items.serialize(serializer),
                Self::Object(parts) => parts.serialize(serializer),
            };
        }
        match self {
            Self::Text(text) => TaggedRef::Text(text),
            Self::Integer(number) => TaggedRef::Integer(*number),
            Self::Boolean(flag) => TaggedRef::Boolean(*flag),
            Self::List(items) => TaggedRef::List(items),
            Self::Object(parts) => TaggedRef::Object(parts),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Readable);
        }
        Ok(match Tagged::deserialize(deserializer)? {
            Tagged::Text(text) => Self::Text(text),
            Tagged::Integer(number) => Self::Integer(number),
            Tagged::Boolean(flag) => Self::Boolean(flag),
            Tagged::List(items) => Self::List(items),
            Tagged::Object(parts) => Self::Object(parts),
        })
    }
}

struct Readable;

impl<'de> Visitor<'de> for Readable {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number, true, false, a list or a table")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }
    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Boolean(flag))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::Integer).map_err(|_| E::custom("a number beyond 64 bits"))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((name, part)) = parts.next_entry()? {
            object.insert(name, part);
        }
        Ok(Value::Object(object))
    }
}
