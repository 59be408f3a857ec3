//! What a script returned, checked and turned into [`Desired`]: nonsense is found here, and named.

use std::collections::BTreeMap;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map, NativeCallContext, Position};

use crate::directory::Value;
use crate::provision::desired::{GrantedEntitlement, Wanted};
use crate::rules::sandbox::{ITEMS_MAX, TEXT_BYTES_MAX};

/// How deep maps and lists may nest in an account: schema, attribute, list, item, sub-attribute, with room to spare.
const DEPTH_MAX: usize = 8;
/// Attributes that are the engine's or the target's (RFC 7643 sections 3.1 and 4.1).
const NOT_FOR_RULES: &[(&str, &str)] = &[
    ("active", "`active` is the engine's: it follows the user's state and the leaving policies"),
    ("id", "`id` is the target's: it gives accounts their ids"),
    ("schemas", "`schemas` is the engine's: it follows the attributes"),
    ("meta", "`meta` is the target's"),
    (
        "groups",
        "`groups` of an account is read-only (RFC 7643 section 4.1.2); use `fn entitlements(user)` and `grant(\"group\", name)`",
    ),
];

/// `ref(user.manager)` when he has no account yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deferred;

/// `create_only(value)`. Holds checked parts, not script values, so that it cannot be nested without end.
#[derive(Debug, Clone)]
struct CreateOnly(Box<Shape>);

/// `grant(kind, name)`, and where it was called.
#[derive(Debug, Clone)]
pub(super) struct Grant(pub(super) GrantedEntitlement, pub(super) Position);

/// A checked value.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Nothing,
    Plain(Value),
    Deferred,
    CreateOnly(Box<Shape>),
    Parts(BTreeMap<String, Shape>),
}

/// How much has been looked at: the split evaluation is trusted only well inside the limits.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Weight {
    /// Bytes of text.
    pub(super) text_bytes: usize,
    /// Items of lists and maps.
    pub(super) items: usize,
}

/// Registers `create_only` and `grant`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Deferred>("a deferred reference");
    engine.register_type_with_name::<CreateOnly>("create_only(…)");
    engine.register_type_with_name::<Grant>("grant(…)");
    engine.register_fn("create_only", |value: Dynamic| -> Result<CreateOnly, Box<EvalAltResult>> {
        if let Some(already) = value.read_lock::<CreateOnly>() {
            return Ok(already.clone());
        }
        let shape =
            Shape::read(&value, &mut Weight::default(), 0).map_err(|reason| format!("create_only(): {reason}"))?;
        if shape.has_create_only() {
            return Err("create_only() inside create_only()".into());
        }
        Ok(CreateOnly(Box::new(shape)))
    });
    engine.register_fn("grant", grant);
}

#[expect(clippy::needless_pass_by_value, reason = "rhai passes the call by value")]
fn grant(
    call: NativeCallContext<'_>,
    kind: ImmutableString,
    name: ImmutableString,
) -> Result<Grant, Box<EvalAltResult>> {
    if kind.is_empty() || name.is_empty() {
        return Err(format!("grant(\"{kind}\", \"{name}\") needs a kind and a name").into());
    }
    Ok(Grant(GrantedEntitlement { kind: kind.into(), name: name.into() }, call.call_position()))
}

/// The line of each grant of a list; of one that is granted twice, the first.
pub(super) fn lines_of_grants(result: &Dynamic) -> BTreeMap<GrantedEntitlement, usize> {
    let mut lines = BTreeMap::new();
    let Ok(items) = result.as_array_ref() else { return lines };
    for grant in items.iter().filter_map(Dynamic::read_lock::<Grant>) {
        if let Some(line) = grant.1.line() {
            lines.entry(grant.0.clone()).or_insert(line);
        }
    }
    lines
}

/// A list of grants, sorted and without repeats.
pub(super) fn grants(result: &Dynamic) -> Result<Vec<GrantedEntitlement>, String> {
    let Ok(items) = result.as_array_ref() else {
        return Err(format!(
            "`entitlements` must return a list of grant(kind, name), [] for none; it returned {}",
            name_of(result)
        ));
    };
    let mut grants = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.read_lock::<Grant>() {
            Some(grant) => grants.push(grant.0.clone()),
            None => {
                return Err(format!(
                    "item {} of `entitlements` must be grant(kind, name); it is {}",
                    index + 1,
                    name_of(item)
                ));
            }
        }
    }
    grants.sort();
    grants.dedup();
    Ok(grants)
}

/// What a script value is, in words.
pub(super) fn name_of(value: &Dynamic) -> String {
    match value.type_name() {
        "()" => "`()`, no value".to_owned(),
        "string" => "a text".to_owned(),
        "char" => "a character".to_owned(),
        "bool" => "true or false".to_owned(),
        "i64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "array" => "a list".to_owned(),
        "map" => "a map".to_owned(),
        "Fn" => "a function".to_owned(),
        other if other.contains("Boss") => "a person (use ref(user.manager) or user.manager.email)".to_owned(),
        other if other.contains("Person") => "`user` itself".to_owned(),
        other if other.contains("Custom") => "all of user.custom (name one: user.custom.badge)".to_owned(),
        other if other.contains("Grant") => "grant(…), which belongs into `entitlements`".to_owned(),
        other if other.contains("CreateOnly") => "create_only(…)".to_owned(),
        other if other.contains("Deferred") => "a deferred reference".to_owned(),
        other if other.contains("Range") => "a range".to_owned(),
        other => format!("a value of the kind `{other}`"),
    }
}

impl Shape {
    /// Checks one value and everything in it against the limits of the sandbox. The error says what was found and what was expected, not where.
    pub(super) fn read(value: &Dynamic, weight: &mut Weight, depth: usize) -> Result<Self, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nested more than {DEPTH_MAX} levels deep"));
        }
        // rhai checks sizes as lists and maps are written, but not when a map grows key by key.
        if weight.items > ITEMS_MAX || weight.text_bytes > TEXT_BYTES_MAX {
            return Err(format!(
                "too large: at most {ITEMS_MAX} items and {TEXT_BYTES_MAX} bytes of text, all parts together"
            ));
        }
        if value.is_unit() {
            return Ok(Self::Nothing);
        }
        if let Ok(text) = value.as_immutable_string_ref() {
            weight.text_bytes += text.len();
            return Ok(Self::Plain(Value::Text(text.as_str().to_owned())));
        }
        if let Ok(flag) = value.as_bool() {
            return Ok(Self::Plain(Value::Boolean(flag)));
        }
        if let Ok(number) = value.as_int() {
            return Ok(Self::Plain(Value::Integer(number)));
        }
        if let Ok(items) = value.as_array_ref() {
            return Self::list(&items, weight, depth);
        }
        if let Ok(parts) = value.as_map_ref() {
            return Self::parts(&parts, weight, depth);
        }
        Self::rare(value)
    }

    fn rare(value: &Dynamic) -> Result<Self, String> {
        if let Ok(character) = value.as_char() {
            return Ok(Self::Plain(Value::Text(character.to_string())));
        }
        if let Ok(number) = value.as_float() {
            return if number.is_finite() {
                Ok(Self::Plain(Value::Text(number.to_string())))
            } else {
                Err(format!("the number came out as `{number}`"))
            };
        }
        if let Some(once) = value.read_lock::<CreateOnly>() {
            return Ok(Self::CreateOnly(once.0.clone()));
        }
        if value.is::<Deferred>() {
            return Ok(Self::Deferred);
        }
        Err(format!("expected a text, a whole number, true or false, a list, a map or `()`; it is {}", name_of(value)))
    }

    fn list(items: &[Dynamic], weight: &mut Weight, depth: usize) -> Result<Self, String> {
        weight.items += items.len();
        let mut list = Vec::with_capacity(items.len());
        let mut deferred = false;
        for (index, item) in items.iter().enumerate() {
            let shape =
                Self::read(item, weight, depth + 1).map_err(|reason| format!("item {}: {reason}", index + 1))?;
            match shape.whole().map_err(|reason| format!("item {}: {reason}", index + 1))? {
                Whole::Value(value) => list.push(value),
                Whole::Nothing => {}
                Whole::Deferred => deferred = true,
            }
        }
        Ok(match (deferred, list.is_empty()) {
            (true, _) => Self::Deferred,
            (false, true) => Self::Nothing,
            (false, false) => Self::Plain(Value::List(list)),
        })
    }

    fn parts(parts: &Map, weight: &mut Weight, depth: usize) -> Result<Self, String> {
        weight.items += parts.len();
        parts
            .iter()
            .map(|(name, part)| match Self::read(part, weight, depth + 1) {
                Ok(shape) => Ok((name.to_string(), shape)),
                Err(reason) => Err(format!("`{name}`: {reason}")),
            })
            .collect::<Result<_, _>>()
            .map(Self::Parts)
    }

    fn has_create_only(&self) -> bool {
        match self {
            Self::CreateOnly(_) => true,
            Self::Parts(parts) => parts.values().any(Self::has_create_only),
            Self::Nothing | Self::Plain(_) | Self::Deferred => false,
        }
    }

    /// As one value, for items of lists and for parts below the second level.
    fn whole(self) -> Result<Whole, String> {
        match self {
            Self::Nothing => Ok(Whole::Nothing),
            Self::Deferred => Ok(Whole::Deferred),
            Self::Plain(value) => Ok(Whole::Value(value)),
            Self::CreateOnly(_) => Err("create_only() goes around the whole attribute, not inside it".to_owned()),
            Self::Parts(parts) => {
                let mut object = BTreeMap::new();
                for (name, part) in parts {
                    match part.whole()? {
                        Whole::Value(value) => drop(object.insert(name, value)),
                        Whole::Nothing => {}
                        Whole::Deferred => return Ok(Whole::Deferred),
                    }
                }
                Ok(if object.is_empty() { Whole::Nothing } else { Whole::Value(Value::Object(object)) })
            }
        }
    }

    /// Adds the attribute `name` with this value to `into`, flattened as [`crate::provision::desired::flatten`] does.
    pub(super) fn flatten(self, name: &str, create_only: bool, into: &mut Paths) -> Result<(), String> {
        match self {
            Self::CreateOnly(inner) => inner.flatten(name, true, into),
            Self::Parts(parts) if name.starts_with("urn:") => parts.into_iter().try_for_each(|(part, shape)| {
                attribute_name(&part)?;
                shape.attribute(&format!("{name}:{part}"), create_only, into)
            }),
            shape => shape.attribute(name, create_only, into),
        }
    }

    fn attribute(self, name: &str, create_only: bool, into: &mut Paths) -> Result<(), String> {
        match self {
            Self::CreateOnly(inner) => inner.attribute(name, true, into),
            Self::Parts(parts) => parts.into_iter().try_for_each(|(part, shape)| {
                attribute_name(&part)?;
                let path = format!("{name}.{part}");
                match shape {
                    Self::CreateOnly(inner) => put(path, *inner, true, into),
                    shape => put(path, shape, create_only, into),
                }
            }),
            shape => put(name.to_owned(), shape, create_only, into),
        }
    }
}

/// What a value is when it cannot be taken apart any further.
enum Whole {
    Value(Value),
    Nothing,
    Deferred,
}

/// Wanted values by path.
pub(super) type Paths = BTreeMap<String, Wanted>;

/// Attributes that are one text (RFC 7643 section 4.1.1 and 3.1): nothing else is ever right.
const TEXTS: [&str; 16] = [
    "userName",
    "externalId",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "name.formatted",
    "name.familyName",
    "name.givenName",
    "name.middleName",
    "name.honorificPrefix",
    "name.honorificSuffix",
];

/// A value as an attribute takes it: numbers and flags as text, where it is one text by its definition. A list or a map is a mistake there.
fn as_text(path: &str, value: Value) -> Result<Value, String> {
    if !TEXTS.iter().any(|text| text.eq_ignore_ascii_case(path)) {
        return Ok(value);
    }
    let found = match value {
        Value::Integer(number) => return Ok(Value::Text(number.to_string())),
        Value::Boolean(flag) => return Ok(Value::Text(flag.to_string())),
        Value::Text(_) => return Ok(value),
        Value::List(_) => "a list",
        Value::Object(_) => "a map",
    };
    Err(format!("`{path}` is one text (RFC 7643 section 4.1.1); it came out as {found}"))
}

fn put(path: String, shape: Shape, create_only: bool, into: &mut Paths) -> Result<(), String> {
    let (value, deferred) = match shape.whole().map_err(|reason| format!("`{path}`: {reason}"))? {
        Whole::Value(value) => (Some(value).filter(|value| !value.is_empty()), false),
        Whole::Nothing => (None, false),
        Whole::Deferred => (None, true),
    };
    let value = value.map(|value| as_text(&path, value)).transpose()?;
    match into.entry(path) {
        std::collections::btree_map::Entry::Occupied(taken) => Err(format!("`{}` is there twice", taken.key())),
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(Wanted { value, create_only, deferred });
            Ok(())
        }
    }
}

/// Whether a rule may set the attribute `name` of an account.
///
/// # Errors
/// Why not.
pub(super) fn account_attribute(name: &str) -> Result<(), String> {
    if let Some((_, reason)) = NOT_FOR_RULES.iter().find(|(reserved, _)| name.eq_ignore_ascii_case(reserved)) {
        return Err((*reason).to_owned());
    }
    if name.starts_with("urn:") {
        return if name.len() > 4 && !name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Ok(())
        } else {
            Err(format!("`{}` is not the name of a schema", crate::text::printable(name)))
        };
    }
    name.split('.').try_for_each(attribute_name)
}

/// RFC 7643 section 2.1: a letter or `$`, then letters, digits, `-`, `_`, `$`.
fn attribute_name(name: &str) -> Result<(), String> {
    let head = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'$');
    if head && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$')) {
        Ok(())
    } else {
        Err(format!("`{}` is not the name of an attribute (letters, digits, `-`, `_`)", crate::text::printable(name)))
    }
}
