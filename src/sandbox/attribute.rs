//! Attribute paths in a resource (RFC 7644 section 3.10): `userName`, `name.givenName`, `urn:…:User:department`.

use std::fmt;

use scim_v2::filter::AttrPath;
use serde_json::{Map, Value as Json};

/// A resource, or a part of one.
pub(super) type Resource = Map<String, Json>;

/// Schema of users (RFC 7643 section 4.1).
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Schema of groups (RFC 7643 section 4.2).
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Single-valued attributes of RFC 7643 whose names are matched without regard to case.
const SINGLE: [&str; 15] = [
    "userName",
    "externalId",
    "displayName",
    "active",
    "name",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "password",
    "schemas",
    "id",
];

/// Multi-valued complex attributes of RFC 7643.
pub(super) const MULTI: [&str; 10] = [
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "groups",
    "entitlements",
    "roles",
    "x509Certificates",
    "members",
];

/// Whether `name` is a multi-valued complex attribute of RFC 7643.
pub(super) fn is_multi(name: &str) -> bool {
    MULTI.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The spelling of RFC 7643 for a name in any case; other names as they are.
pub(super) fn spelled(name: &str) -> &str {
    SINGLE.iter().chain(&MULTI).find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

/// The member of `resource` called `name` in any case.
pub(super) fn member<'a>(resource: &'a Resource, name: &str) -> Option<&'a Json> {
    resource
        .get(name)
        .or_else(|| resource.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The key of `resource` that is `name` in any case, else `name` as RFC 7643 spells it.
pub(super) fn key_of(resource: &Resource, name: &str) -> String {
    if resource.contains_key(name) {
        return name.to_owned();
    }
    match resource.keys().find(|key| key.eq_ignore_ascii_case(name)) {
        Some(key) => key.clone(),
        None => spelled(name).to_owned(),
    }
}

/// Where an attribute is: perhaps in an extension, perhaps a sub-attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// URN of the extension schema, if it is in one.
    pub(super) extension: Option<String>,
    /// The attribute.
    pub(super) name: String,
    /// Its sub-attribute.
    pub(super) sub: Option<String>,
}

impl Place {
    /// Reads a connector's attribute path.
    pub(super) fn parse(path: &str) -> Self {
        let (extension, rest) = match path.rsplit_once(':') {
            Some((urn, rest)) => (Some(urn), rest),
            None => (None, path),
        };
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub.to_owned())),
            None => (rest, None),
        };
        let extension = extension.filter(|urn| *urn != USER && *urn != GROUP).map(str::to_owned);
        Self { extension, name: name.to_owned(), sub }
    }

    /// The object that holds the attribute.
    fn home<'a>(&self, resource: &'a Resource) -> Option<&'a Resource> {
        match &self.extension {
            Some(urn) => member(resource, urn)?.as_object(),
            None => Some(resource),
        }
    }

    /// The value there, if there is one. In a multi-valued attribute a sub-attribute is not a single value: see [`Place::values`].
    pub(super) fn get<'a>(&self, resource: &'a Resource) -> Option<&'a Json> {
        let value = member(self.home(resource)?, &self.name)?;
        match &self.sub {
            Some(sub) => member(value.as_object()?, sub),
            None => Some(value),
        }
    }

    /// All values there: of a multi-valued attribute the sub-attribute (`value` if none is named) of each.
    pub(super) fn values<'a>(&self, resource: &'a Resource) -> Vec<&'a Json> {
        let Some(value) = self.home(resource).and_then(|home| member(home, &self.name)) else { return Vec::new() };
        let part = |item: &'a Json| match item.as_object() {
            Some(object) => member(object, self.sub.as_deref().unwrap_or("value")),
            None => Some(item),
        };
        match value {
            Json::Array(items) => items.iter().filter_map(part).collect(),
            other => part(other).into_iter().collect(),
        }
    }

    /// Puts a value there, or takes it away; objects on the way are made, and removed when they become empty.
    pub(super) fn set(&self, resource: &mut Resource, value: Option<Json>) {
        match &self.extension {
            Some(urn) => within(resource, urn, value, |home, value| self.set_at(home, value)),
            None => self.set_at(resource, value),
        }
    }

    fn set_at(&self, home: &mut Resource, value: Option<Json>) {
        match &self.sub {
            Some(sub) => within(home, &self.name, value, |object, value| put(object, sub, value)),
            None => put(home, &self.name, value),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}

impl From<&AttrPath> for Place {
    fn from(path: &AttrPath) -> Self {
        let extension = path.uri.clone().filter(|urn| urn != USER && urn != GROUP);
        Self { extension, name: spelled(&path.name).to_owned(), sub: path.sub_attr.clone() }
    }
}

fn put(home: &mut Resource, name: &str, value: Option<Json>) {
    let key = key_of(home, name);
    match value {
        Some(value) => drop(home.insert(key, value)),
        None => drop(home.remove(&key)),
    }
}

fn within(home: &mut Resource, name: &str, value: Option<Json>, put: impl FnOnce(&mut Resource, Option<Json>)) {
    let key = key_of(home, name);
    if value.is_none() && !home.contains_key(&key) {
        return;
    }
    let inner = home.entry(key.clone()).or_insert_with(|| Json::Object(Resource::new()));
    if !inner.is_object() {
        *inner = Json::Object(Resource::new());
    }
    if let Some(object) = inner.as_object_mut() {
        put(object, value);
        if object.is_empty() {
            home.remove(&key);
        }
    }
}

/// Every attribute path that has a value: complex ones as `name.part`, those of extensions as `urn:…:name`, lists whole.
pub(super) fn paths(resource: &Resource) -> Vec<String> {
    let mut paths = Vec::with_capacity(resource.len());
    for (key, value) in resource {
        match value {
            Json::Object(parts) if key.starts_with("urn:") => {
                paths.extend(parts.keys().map(|part| format!("{key}:{part}")));
            }
            Json::Object(parts) => paths.extend(parts.keys().map(|part| format!("{key}.{part}"))),
            _ => paths.push(key.clone()),
        }
    }
    paths
}

/// Removes what RFC 7643 section 2.5 calls unassigned: null, empty lists and empty objects.
pub(super) fn prune(resource: &mut Resource) {
    resource.retain(|_, value| {
        match value {
            Json::Object(parts) => prune(parts),
            Json::Array(items) => items.iter_mut().filter_map(Json::as_object_mut).for_each(prune),
            _ => {}
        }
        match value {
            Json::Null => false,
            Json::Object(parts) => !parts.is_empty(),
            Json::Array(items) => !items.is_empty(),
            _ => true,
        }
    });
}
