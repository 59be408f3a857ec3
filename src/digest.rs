//! Fingerprints: BLAKE3 over an unambiguous encoding (every part is length-prefixed, so `ab,c` and `a,bc` differ).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 32-byte BLAKE3 fingerprint; hexadecimal in text, shown to people by its first twelve digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The first eight bytes as a number: for compact in-memory indexes, where a collision only costs a look.
    pub fn short_number(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The first twelve hexadecimal digits.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }

    /// Of any serialisable value, by its postcard form (canonical for our types: maps are sorted).
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut hasher = Hasher::new();
        hasher.value(value);
        hasher.finish()
    }
}

/// Collects parts into one [`Digest`].
#[derive(Debug)]
pub struct Hasher {
    /// What was taken in; most collections end before anything is.
    hasher: Option<Box<blake3::Hasher>>,
    /// Parts that wait: hashing many small ones at once is several times faster.
    waiting: Vec<u8>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { hasher: None, waiting: Vec::with_capacity(WAITING_FIRST) }
    }
}

/// Bytes that there is room for at first: an operation's.
const WAITING_FIRST: usize = 1024;

/// Bytes that wait at most.
const WAITING_MAX: usize = 16 * 1024;

impl Hasher {
    /// An empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes, with their length.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.waiting.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        if bytes.len() < WAITING_MAX {
            self.waiting.extend_from_slice(bytes);
        } else {
            self.take_in();
            self.hasher.get_or_insert_default().update(bytes);
        }
        self.added()
    }

    /// Adds text, with its length.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    /// Adds a serialisable value by its postcard form, with its length.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> &mut Self {
        let at = self.waiting.len();
        self.waiting.extend_from_slice(&[0; LENGTH]);
        // Our types have no unserialisable parts (no maps with non-string keys of unknown length, no i/o).
        self.waiting = postcard::to_extend(value, std::mem::take(&mut self.waiting)).expect("domain values serialise");
        let length = (self.waiting.len() - at - LENGTH) as u64;
        self.waiting[at..at + LENGTH].copy_from_slice(&length.to_le_bytes());
        self.added()
    }

    /// The fingerprint of all parts so far.
    pub fn finish(&self) -> Digest {
        match &self.hasher {
            None => Digest(*blake3::hash(&self.waiting).as_bytes()),
            Some(taken) => Digest(*taken.clone().update(&self.waiting).finalize().as_bytes()),
        }
    }

    fn added(&mut self) -> &mut Self {
        if self.waiting.len() >= WAITING_MAX {
            self.take_in();
        }
        self
    }

    fn take_in(&mut self) {
        self.hasher.get_or_insert_default().update(&self.waiting);
        self.waiting.clear();
    }
}

/// Bytes of a length.
const LENGTH: usize = size_of::<u64>();

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits")]
pub struct InvalidDigest;

impl FromStr for Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidDigest);
        }
        let mut bytes = [0u8; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// SHA-256, for the history's chain: a hash that other tools can check.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}
