//! Secrets that cannot be printed, logged or serialised, and are wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Longest credential in bytes: what targets take in one header.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;

/// A credential. `Debug` shows nothing; there is no `Display` and no serde.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself: for the one place that puts it on the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Why it can't stand in a header, without the value; `None` = it can.
    pub fn fault(&self) -> Option<&'static str> {
        let text = self.expose();
        if text.is_empty() {
            return Some("is empty");
        }
        if text.len() > HEADER_BYTES_MAX {
            return Some("is larger than 8 KiB");
        }
        if text.trim() != text {
            return Some("begins or ends with a space");
        }
        let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        (!plain).then_some("has line breaks, control characters or letters beyond ASCII")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
