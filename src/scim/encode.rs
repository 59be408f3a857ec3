//! Request bodies, strict by RFC 7643 and 7644: `schemas` always, lower-case operations, booleans as booleans. Bodies of writes are
//! made for a [`Cleared`] operation only: an unguarded push does not compile.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::connector::descriptor::{Connector, PatchStyle};
use crate::directory::value::Value;
use crate::provision::desired::{split_path, unflatten};
use crate::provision::guard::Cleared;
use crate::provision::operation::Change;
use crate::scim::decode::Resource;
use crate::scim::nested::Nested;

/// The core schema of users (RFC 7643 section 8.7.1).
pub const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Whether, besides attributes, `active` is set.
pub type Activation = Option<bool>;

/// The body of a POST.
pub fn create(cleared: &Cleared, connector: &Connector) -> Vec<u8> {
    let changes = &cleared.operation().changes;
    let new = changes.iter().filter_map(|change| Some((change.path.as_str(), change.new.as_ref()?)));
    let values = new.map(|(path, new)| (path, shape(connector, path, new)));
    let active = connector.users.active_on_create.then_some(true);
    resource(values, active, None)
}

/// One PATCH request and what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The body.
    pub body: Vec<u8>,
    /// The attribute paths it changes; `active` among them if it sets that.
    pub paths: Vec<String>,
}

/// The PATCH requests (RFC 7644 section 3.5.2) for `only` those changes whose path it names (all if `None`), in `style`.
pub fn patches(
    cleared: &Cleared,
    connector: &Connector,
    style: PatchStyle,
    active: Activation,
    only: Option<&[String]>,
) -> Vec<Patch> {
    let wanted = |change: &&Change| only.is_none_or(|paths| paths.contains(&change.path));
    let changes: Vec<&Change> = cleared.operation().changes.iter().filter(wanted).collect();
    match style {
        PatchStyle::Paths => Vec::from_iter(patch(&with_paths(&changes, connector, active), &changes, active)),
        PatchStyle::NoPath => Vec::from_iter(patch(&without_paths(&changes, connector, active), &changes, active)),
        // Attributes first: a reactivated account must not be active with yesterday's values.
        PatchStyle::Single => {
            let attributes =
                changes.iter().filter_map(|change| patch(&with_paths(&[change], connector, None), &[change], None));
            attributes.chain(patch(&with_paths(&[], connector, active), &[], active)).collect()
        }
    }
}

fn patch(operations: &[Json], changes: &[&Change], active: Activation) -> Option<Patch> {
    if operations.is_empty() {
        return None;
    }
    let mut paths: Vec<String> = changes.iter().map(|change| change.path.clone()).collect();
    paths.extend(active.map(|_| "active".to_owned()));
    Some(Patch { body: bytes(&json!({ "schemas": [PATCH_SCHEMA], "Operations": operations })), paths })
}

fn with_paths(changes: &[&Change], connector: &Connector, active: Activation) -> Vec<Json> {
    let mut operations: Vec<Json> = changes.iter().map(|change| operation(change, connector)).collect();
    operations.extend(active.map(|active| json!({ "op": "replace", "path": "active", "value": active })));
    operations
}

/// One attribute as an operation with a path: `replace`, or `remove` if it has no value and no fallback.
fn operation(change: &Change, connector: &Connector) -> Json {
    let rule = connector.rule(&change.path);
    let path = rule.map(|rule| rule.patch_path.as_str()).filter(|path| !path.is_empty());
    let value = change.new.as_ref().map(|new| shape(connector, &change.path, new).into_owned());
    match value.or_else(|| rule.and_then(|rule| rule.fallback.clone())) {
        Some(value) => match path {
            Some(path) => json!({ "op": "replace", "path": path, "value": single_value(&value, path).to_json() }),
            None => json!({ "op": "replace", "path": change.path, "value": value.to_json() }),
        },
        None => json!({ "op": "remove", "path": path.unwrap_or(&change.path) }),
    }
}

/// One `replace` without a path for everything that gets a value; removals need a path (RFC 7644 section 3.5.2.2).
fn without_paths(changes: &[&Change], connector: &Connector, active: Activation) -> Vec<Json> {
    let mut values = BTreeMap::new();
    let mut operations = Vec::new();
    for change in changes {
        let fallback = || connector.rule(&change.path).and_then(|rule| rule.fallback.clone());
        match change.new.as_ref().map(|new| shape(connector, &change.path, new).into_owned()).or_else(fallback) {
            Some(value) => drop(values.insert(change.path.clone(), value)),
            None => operations.push(json!({ "op": "remove", "path": change.path })),
        }
    }
    let mut object = nested(&values);
    if let Some(active) = active {
        object.insert("active".to_owned(), Json::Bool(active));
    }
    if !object.is_empty() {
        operations.insert(0, json!({ "op": "replace", "value": object }));
    }
    operations
}

/// The value that a path like `roles[primary eq "True"].value` sets: that sub-attribute of the primary item, else of the first.
fn single_value(value: &Value, path: &str) -> Value {
    let sub = path.rsplit_once("].").map_or("value", |(_, sub)| sub);
    let item = match value {
        Value::List(items) => items.iter().find(|item| is_primary(item)).or_else(|| items.first()).unwrap_or(value),
        other => other,
    };
    match item {
        Value::Object(parts) => parts.get(sub).unwrap_or(item).clone(),
        other => other.clone(),
    }
}

fn is_primary(item: &Value) -> bool {
    matches!(item, Value::Object(parts) if parts.get("primary").is_some_and(|flag| flag.same(&Value::Boolean(true))))
}

/// The body of a PUT (RFC 7644 section 3.5.1): what the account will have. `current` is what the target shows now, and is carried
/// back where it is writable and not ours; `pushed` is what we manage.
pub fn replace(
    cleared: &Cleared,
    connector: &Connector,
    current: &Resource,
    pushed: &BTreeMap<String, Value>,
    active: Activation,
) -> Vec<u8> {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    if connector.users.put_preserves {
        values.extend(current.values.iter().filter(|(path, _)| writable(connector, path)).map(owned));
    } else {
        values.extend(pushed.iter().map(owned));
        // Where nothing is carried back, userName still is: no resource is valid without it.
        values.extend(current.values.get_key_value("userName").map(owned));
    }
    for change in &cleared.operation().changes {
        let fallback = || connector.rule(&change.path).and_then(|rule| rule.fallback.clone());
        match change.new.as_ref().map(|new| shape(connector, &change.path, new).into_owned()).or_else(fallback) {
            Some(value) => drop(values.insert(change.path.clone(), value)),
            None => drop(values.remove(&change.path)),
        }
    }
    let id = connector.users.id_in_body.then_some(current.id.as_str());
    let values = values.iter().map(|(path, value)| (path.as_str(), Cow::Borrowed(value)));
    resource(values, active.or(current.active), id)
}

fn owned((path, value): (&String, &Value)) -> (String, Value) {
    (path.clone(), value.clone())
}

/// Whether a value read from the target may be sent back: never `groups` (RFC 7643 section 4.1.2: read-only), `password`, what the
/// connector calls read-only or does not know, nor what is empty.
fn writable(connector: &Connector, path: &str) -> bool {
    let (schema, attribute, _) = split_path(path);
    let computed = schema.is_none() && matches!(attribute, "groups" | "password" | "id" | "meta" | "schemas");
    let read_only = [path, attribute].iter().any(|name| connector.rule(name).is_some_and(|rule| rule.read_only));
    // A display name of the manager is derived from him (RFC 7643 section 4.3: readOnly), and `$ref`s are the server's.
    let derived = path.ends_with("manager.displayName") || path.ends_with("$ref");
    !computed && !read_only && !derived && !connector.lacks(path)
}

/// A whole resource; `values` in the order of their paths.
fn resource<'a>(
    values: impl Iterator<Item = (&'a str, Cow<'a, Value>)>,
    active: Activation,
    id: Option<&'a str>,
) -> Vec<u8> {
    let (mut resource, mut schemas) = (Nested::default(), vec![USER_SCHEMA]);
    if let Some(id) = id {
        resource.put("id", Cow::Owned(Value::from(id)));
    }
    for (path, value) in values {
        if let Some(extension) = split_path(path).0
            && schemas.last() != Some(&extension)
        {
            schemas.push(extension);
        }
        resource.put(path, value);
    }
    if let Some(active) = active {
        resource.put("active", Cow::Owned(Value::from(active)));
    }
    resource.put_texts("schemas", schemas);
    // Values have string keys and no foreign serialiser: they always encode.
    serde_json::to_vec(&resource).expect("a resource encodes")
}

fn nested(values: &BTreeMap<String, Value>) -> Map<String, Json> {
    unflatten(values.iter()).iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
}

/// `value` as this target takes it: forbidden characters removed, text cut to its length, values to their number (primary first).
pub fn shape<'a>(connector: &Connector, path: &str, value: &'a Value) -> Cow<'a, Value> {
    let rule = connector.rule(path);
    let length_max = rule.map_or(0, |rule| rule.length_max as usize);
    let values_max = rule.map_or(0, |rule| rule.values_max as usize);
    let value = if connector.users.strip.is_empty() && length_max == 0 {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(shape_text(value, &connector.users.strip, length_max))
    };
    match &*value {
        Value::List(items) if values_max > 0 && items.len() > values_max => {
            let mut items = items.clone();
            items.sort_by_key(|item| !is_primary(item));
            items.truncate(values_max);
            Cow::Owned(Value::List(items))
        }
        _ => value,
    }
}

fn shape_text(value: &Value, strip: &str, length_max: usize) -> Value {
    match value {
        Value::Text(text) => {
            let kept = text.chars().filter(|c| !strip.contains(*c));
            Value::Text(if length_max > 0 { kept.take(length_max).collect() } else { kept.collect() })
        }
        Value::List(items) => Value::List(items.iter().map(|item| shape_text(item, strip, length_max)).collect()),
        Value::Object(parts) => Value::Object(
            parts.iter().map(|(name, part)| (name.clone(), shape_text(part, strip, length_max))).collect(),
        ),
        other => other.clone(),
    }
}

fn bytes(json: &Json) -> Vec<u8> {
    // JSON values built here have string keys and no foreign serialiser: they always encode.
    serde_json::to_vec(json).expect("a JSON value encodes")
}
