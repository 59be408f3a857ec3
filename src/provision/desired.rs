//! The account a user should have, flattened to attribute paths: `userName`, `name.givenName`,
//! `urn:…:User:department`, `roles`. Multi-valued attributes stay whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::directory::value::Value;

/// What a rule wants of one attribute. An attribute that the rule does not name is *released*: it is absent from [`Desired`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The value; `None` = no value.
    pub value: Option<Value>,
    /// Sent on create and never again.
    pub create_only: bool,
    /// A reference to an account that does not exist yet: neither sent nor cleared.
    pub deferred: bool,
}

impl Wanted {
    /// A plain value; empty ones become *no value*.
    pub fn plain(value: Value) -> Self {
        Self { value: (!value.is_empty()).then_some(value), create_only: false, deferred: false }
    }
}

/// One entitlement that the rules grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantedEntitlement {
    /// `group`, `role`, `licence`, …
    pub kind: String,
    /// Its name at the target.
    pub name: String,
}

/// What the rules want for one pair.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// By attribute path.
    pub attributes: BTreeMap<String, Wanted>,
    /// Entitlements granted.
    pub grants: Vec<GrantedEntitlement>,
}

impl Desired {
    /// The userName wanted, if there is one.
    pub fn user_name(&self) -> Option<&str> {
        self.text("userName")
    }

    /// A wanted text value.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.attributes.get(path)?.value.as_ref()?.as_text()
    }
}

/// Flattens a resource (a nested object) into attribute paths. Objects become dotted paths, members of extension schemas
/// (keys starting with `urn:`) become `URN:attribute`, lists stay whole.
pub fn flatten(resource: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (name, value) in resource {
        match value {
            Value::Object(parts) if name.starts_with("urn:") => {
                for (path, value) in flatten(parts) {
                    flat.insert(format!("{name}:{path}"), value);
                }
            }
            Value::Object(parts) => {
                for (part, value) in parts {
                    flat.insert(format!("{name}.{part}"), value.clone());
                }
            }
            other => {
                flat.insert(name.clone(), other.clone());
            }
        }
    }
    flat
}

/// Splits a path into extension schema (if any), attribute and sub-attribute (if any).
///
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value` →
/// (`urn:…:User`, `manager`, `value`).
pub fn split_path(path: &str) -> (Option<&str>, &str, Option<&str>) {
    let (schema, rest) = match path.starts_with("urn:").then(|| path.rsplit_once(':')).flatten() {
        Some((schema, rest)) => (Some(schema), rest),
        None => (None, path),
    };
    match rest.split_once('.') {
        Some((attribute, sub)) => (schema, attribute, Some(sub)),
        None => (schema, rest, None),
    }
}

/// The inverse of [`flatten`]: a nested object from attribute paths.
pub fn unflatten<'a>(flat: impl IntoIterator<Item = (&'a String, &'a Value)>) -> BTreeMap<String, Value> {
    let mut resource: BTreeMap<String, Value> = BTreeMap::new();
    for (path, value) in flat {
        let (schema, attribute, sub) = split_path(path);
        let level = match schema {
            Some(schema) => object_at(&mut resource, schema),
            None => &mut resource,
        };
        match sub {
            Some(sub) => drop(object_at(level, attribute).insert(sub.to_owned(), value.clone())),
            None => drop(level.insert(attribute.to_owned(), value.clone())),
        }
    }
    resource
}

fn object_at<'a>(level: &'a mut BTreeMap<String, Value>, name: &str) -> &'a mut BTreeMap<String, Value> {
    let slot = level.entry(name.to_owned()).or_insert_with(|| Value::Object(BTreeMap::new()));
    if !matches!(slot, Value::Object(_)) {
        *slot = Value::Object(BTreeMap::new());
    }
    match slot {
        Value::Object(parts) => parts,
        _ => unreachable!("made an object just above"),
    }
}
