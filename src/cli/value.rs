//! What people type: `attribute=value`, times, users.

use anyhow::{Context, anyhow, bail};

use crate::clock::{Clock, Span, SystemClock, Timestamp};
use crate::directory::value::Value;
use crate::provision::operation::Kind;

/// `title=Lead` → text, `title=` → no value, `custom.skills:=["a","b"]` → JSON.
pub(crate) fn setting(typed: &str) -> anyhow::Result<(String, Option<Value>)> {
    let (name, value) = typed.split_once('=').ok_or_else(|| {
        anyhow!("`{typed}` is no setting; expected attribute=value, attribute= for no value, or attribute:=JSON")
    })?;
    let (name, value) = match name.strip_suffix(':') {
        Some(name) => {
            let json: serde_json::Value =
                serde_json::from_str(value).with_context(|| format!("`{value}` after {name}:= is not JSON"))?;
            (name, Value::from_json(&json))
        }
        None => (name, (!value.is_empty()).then(|| Value::from(value))),
    };
    if name.trim().is_empty() {
        bail!("`{typed}` names no attribute; expected attribute=value");
    }
    Ok((name.trim().to_owned(), value))
}

/// `2026-03-01T09:30:00Z`, or `2h` for two hours ago.
pub(crate) fn moment(typed: &str) -> anyhow::Result<Timestamp> {
    if let Ok(span) = typed.parse::<Span>() {
        return Ok(SystemClock.now().minus(span));
    }
    // A day begins at midnight, UTC.
    typed.parse().or_else(|_| format!("{typed}T00:00:00Z").parse()).map_err(|_| {
        anyhow!("`{typed}` is no time; expected one like 2026-03-01 or 2026-03-01T09:30:00Z, or a length like 30m, 2h or 7d (ago)")
    })
}

/// A kind of operation.
pub(crate) fn kind(word: &str) -> Result<Kind, String> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.word() == word)
        .ok_or_else(|| format!("there is no kind `{word}`; use {}", Kind::ALL.map(Kind::word).join(", ")))
}
