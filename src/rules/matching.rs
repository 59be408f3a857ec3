//! `grant_matching(kind, values, pattern, template)`: for each of a list of texts that matches a pattern, a grant. Patterns match in
//! linear time; each is compiled once and kept.

use std::collections::BTreeMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use regex::{Regex, RegexBuilder};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext};

use crate::provision::desired::GrantedEntitlement;
use crate::rules::sandbox::{ITEMS_MAX, TEXT_BYTES_MAX};
use crate::rules::shape::Grant;

/// The most memory a compiled pattern takes, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// The longest pattern, in bytes.
const PATTERN_LENGTH_MAX: usize = 1_024;
/// Patterns that are kept; then all are forgotten and compiled again as they are used.
const PATTERNS_MAX: usize = 256;

static PATTERNS: LazyLock<RwLock<BTreeMap<String, Regex>>> = LazyLock::new(RwLock::default);

type Raised<T> = Result<T, Box<EvalAltResult>>;

/// Registers `grant_matching`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("grant_matching", grant_matching);
    engine.register_fn("grant_matching", |_: ImmutableString, (): (), _: ImmutableString, _: ImmutableString| {
        Array::new()
    });
}

#[expect(clippy::needless_pass_by_value, reason = "rhai passes texts by value")]
fn grant_matching(
    call: NativeCallContext<'_>,
    kind: ImmutableString,
    values: Array,
    pattern: ImmutableString,
    template: ImmutableString,
) -> Raised<Array> {
    let regex = compiled(&pattern)?;
    let mut grants = Array::new();
    for value in values.iter().filter(|value| !value.is_unit()) {
        let item = value
            .as_immutable_string_ref()
            .map_err(|other| format!("grant_matching() looks at a list of texts; one item is {other}"))?;
        let text = item.as_str();
        let Some(captures) = regex.captures(text) else { continue };
        let mut name = String::new();
        captures.expand(&template, &mut name);
        if kind.is_empty() || name.is_empty() {
            return Err(
                format!("grant_matching(): `{text}` gives a grant(\"{kind}\", \"{name}\") without a name").into()
            );
        }
        if name.len() > TEXT_BYTES_MAX || grants.len() >= ITEMS_MAX {
            return Err(format!("grant_matching() gives more than {ITEMS_MAX} grants or too long a name").into());
        }
        grants.push(Dynamic::from(Grant(GrantedEntitlement { kind: kind.to_string(), name }, call.call_position())));
    }
    Ok(grants)
}

/// The compiled pattern. Not anchored unless it says so.
fn compiled(pattern: &str) -> Raised<Regex> {
    if let Some(known) = PATTERNS.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return Ok(known.clone());
    }
    if pattern.len() > PATTERN_LENGTH_MAX {
        return Err(format!("a pattern of {} bytes; the most is {PATTERN_LENGTH_MAX}", pattern.len()).into());
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| format!("`{pattern}` is no pattern: {}", last_line(&error.to_string())))?;
    let mut known = PATTERNS.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= PATTERNS_MAX {
        known.clear();
    }
    known.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}

/// What is wrong; the lines before it draw the pattern.
fn last_line(error: &str) -> &str {
    let line = error.lines().last().unwrap_or(error);
    line.strip_prefix("error: ").unwrap_or(line)
}
