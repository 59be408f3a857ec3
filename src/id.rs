//! Typed ids. Each kind has a prefix in its text form (`usr_…`), so that a pasted id of the wrong kind is refused by name.
//!
//! UUIDv7 ids are built from a clock and an entropy source that the caller passes in: nothing here reads either.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// Why a text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidId {
    /// What was read.
    pub text: String,
    /// What was expected, in words.
    pub expected: &'static str,
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $words:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new UUIDv7 of this kind.
            pub fn mint(at: Timestamp, entropy: &dyn Entropy) -> Self {
                let mut random = [0u8; 10];
                entropy.fill(&mut random);
                let millis = u64::try_from(at.as_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// A new UUIDv7 that sorts after those with a lower `number` minted at the same time (RFC 9562 section 6.2, method 1:
            /// a 26-bit counter in the most significant random bits).
            pub fn mint_in_order(at: Timestamp, number: u32, entropy: &dyn Entropy) -> Self {
                let mut random = [0u8; 10];
                entropy.fill(&mut random);
                let [a, b, c, d] = (number & 0x03ff_ffff).to_be_bytes();
                // Version and variant take the upper bits of the first and third byte.
                random[0] = (a << 2) | (b >> 6);
                random[1] = (b << 2) | (c >> 6);
                random[2] = c & 0x3f;
                random[3] = d;
                let millis = u64::try_from(at.as_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The id with this number: for examples and tests.
            pub const fn of_number(number: u128) -> Self {
                Self(Uuid::from_u128(number))
            }

            /// Reads the bare UUID, with or without prefix and hyphens; `None` if it is none.
            pub fn lenient(text: &str) -> Option<Self> {
                Uuid::try_parse(text.strip_prefix(concat!($prefix, "_")).unwrap_or(text)).ok().map(Self)
            }

            /// The 16 bytes used in store keys.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = || InvalidId { text: text.to_owned(), expected: $words };
                let rest = text.strip_prefix(concat!($prefix, "_")).ok_or_else(invalid)?;
                Uuid::try_parse(rest).map(Self).map_err(|_| invalid())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.as_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|bytes| Self(Uuid::from_bytes(bytes)))
                }
            }
        }
    )*};
}

uuid_ids! {
    /// A person in the directory.
    UserId = "usr", "a user id (usr_…)";
    /// One plan: one planner pass over an app.
    PlanId = "pln", "a plan id (pln_…)";
    /// One generation of an import.
    ImportId = "imp", "an import id (imp_…)";
    /// A held batch of operations.
    BatchId = "bat", "a batch id (bat_…)";
    /// Someone who may act in Usher.
    OperatorId = "opr", "an operator id (opr_…)";
    /// A token for the API.
    TokenId = "tok", "a token id (tok_…)";
    /// This installation; part of every externalId.
    InstanceId = "ins", "an instance id (ins_…)";
}

macro_rules! numbered_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $words:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            /// Accepts the prefixed form and the bare number, which is what people type.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let digits = text.strip_prefix(concat!($prefix, "_")).unwrap_or(text);
                digits.parse().map(Self).map_err(|_| InvalidId { text: text.to_owned(), expected: $words })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    u64::deserialize(deserializer).map(Self)
                }
            }
        }
    )*};
}

numbered_ids! {
    /// One event: the life of one operation. Numbered by the store in the order of filing, so that people can say it.
    EventId = "evt", "an event id (evt_42 or 42)";
    /// One activated or stored revision, numbered by the store.
    RevisionNumber = "rev", "a revision (rev_3 or 3)";
}

/// A name that may appear in paths, URLs and store keys: `^[a-z0-9][a-z0-9_-]{0,63}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// The name of an app: a configured instance of a connector.
pub type AppName = Name;
/// The name of a source of users.
pub type SourceName = Name;

impl Name {
    /// Checks `text` against `^[a-z0-9][a-z0-9_-]{0,63}$`.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let head = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let body = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if head && body && text.len() <= 64 {
            Ok(Self(text))
        } else {
            Err(InvalidId {
                text,
                expected: "a name (lower-case letters, digits, `-` and `_`, at most 64, not starting with `-` or `_`)",
            })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
